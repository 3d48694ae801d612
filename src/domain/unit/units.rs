//! The kinds of unit that the `systemd` driver writes, as values, and their way through the templates.
//!
//! Every field is either escaped, or a name, or a number: nothing here can leave its line.

use std::sync::LazyLock;

use serde::Serialize;
use tera::{Context, Tera};

use super::error::RenderError;
use super::escape::Escaped;
use super::tree::{Scope, UnitName};

/// A unit before it knows its own identity.
#[derive(Debug)]
pub enum Unit {
    /// Runs a container.
    Service(ServiceUnit),
    /// Runs a container to its end.
    OneShot(OneShotUnit),
    /// Creates a network.
    Network(NetworkUnit),
    /// Creates a volume.
    Volume(VolumeUnit),
    /// Groups all of them.
    Target(TargetUnit),
    /// Starts the right deployment at boot.
    Boot(BootUnit),
}

/// What a unit that belongs to a container waits for.
#[derive(Debug, Clone, Serialize)]
pub struct Order {
    /// Networks and volumes without which it cannot run.
    pub requires: Vec<UnitName>,
    /// Services of the same host that it starts after.
    pub wants: Vec<UnitName>,
    /// Services whose restart restarts it: `restart: true` of a dependency.
    pub part_of: Vec<UnitName>,
    /// Paths of assets that have to be there: docker would put an empty folder in their place.
    pub assets: Vec<String>,
}

/// Runs a container.
#[derive(Debug)]
pub struct ServiceUnit {
    /// What a person reads of it.
    pub description: Escaped,
    /// What it waits for.
    pub order: Order,
    /// Commands that come before the container, first one first.
    pub before: Vec<Escaped>,
    /// The command that is the container.
    pub start: Escaped,
    /// The command that waits until it is healthy.
    pub healthy: Option<Escaped>,
    /// Stops the container.
    pub stop: Escaped,
    /// Removes the container.
    pub remove: Escaped,
    /// When systemd starts it again.
    pub restart: Restarting,
    /// The longest start, in seconds.
    pub start_seconds: u64,
    /// The longest stop, in seconds.
    pub stop_seconds: u64,
    /// The container's name, under which the journal keeps its lines.
    pub container: String,
}

/// Runs a container to its end.
#[derive(Debug)]
pub struct OneShotUnit {
    /// What a person reads of it.
    pub description: Escaped,
    /// What it waits for.
    pub order: Order,
    /// Commands that come before the container, first one first.
    pub before: Vec<Escaped>,
    /// The command that is the container.
    pub start: Escaped,
    /// Removes the container.
    pub remove: Escaped,
    /// When systemd starts it again.
    pub restart: Restarting,
    /// The longest stop, in seconds.
    pub stop_seconds: u64,
    /// The container's name, under which the journal keeps its lines.
    pub container: String,
}

/// When systemd starts a unit again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Restarting {
    /// `Restart=`.
    pub policy: &'static str,
    /// `StartLimitBurst=`: starts within the limit's interval; no limit if absent.
    pub burst: Option<u32>,
}

/// Creates a network, and removes it when stopped.
#[derive(Debug)]
pub struct NetworkUnit {
    /// What a person reads of it.
    pub description: Escaped,
    /// Creates the network if it is not there as this unit would make it.
    pub create: Escaped,
    /// Removes it.
    pub remove: Escaped,
}

/// Creates a volume, and never removes it.
#[derive(Debug)]
pub struct VolumeUnit {
    /// What a person reads of it.
    pub description: Escaped,
    /// Creates the volume if it is not there.
    pub create: Escaped,
}

/// Groups all units of a scope.
#[derive(Debug)]
pub struct TargetUnit {
    /// What a person reads of it.
    pub description: Escaped,
    /// Everything but one-shots.
    pub wants: Vec<UnitName>,
}

/// Starts the right deployment at boot.
#[derive(Debug)]
pub struct BootUnit {
    /// What a person reads of it.
    pub description: Escaped,
    /// Hands over to the switch.
    pub start: Escaped,
}

impl Unit {
    /// Renders it through its template.
    ///
    /// # Errors
    ///
    /// A template that does not fit.
    pub fn render(&self, scope: &Scope, identity: &str) -> Result<String, RenderError> {
        let (template, mut context) = match self {
            Self::Service(unit) => ("service.tera", unit.context()),
            Self::OneShot(unit) => ("oneshot.tera", unit.context()),
            Self::Network(unit) => ("network.tera", unit.context()),
            Self::Volume(unit) => ("volume.tera", unit.context()),
            Self::Target(unit) => ("target.tera", unit.context()),
            Self::Boot(unit) => ("boot.tera", unit.context()),
        };
        context.insert("scope", &scope.to_string());
        context.insert("identity", identity);
        TEMPLATES
            .render(template, &context)
            .map_err(|source| RenderError::Template {
                template,
                source: Box::new(source),
            })
    }
}

impl ServiceUnit {
    fn context(&self) -> Context {
        let Self {
            description,
            order,
            before,
            start,
            healthy,
            stop,
            remove,
            restart,
            start_seconds,
            stop_seconds,
            container,
        } = self;
        let mut context = Context::new();
        context.insert("description", description);
        context.insert("order", order);
        context.insert("before", before);
        context.insert("start", start);
        context.insert("healthy", healthy);
        context.insert("stop", stop);
        context.insert("remove", remove);
        context.insert("restart", restart);
        context.insert("start_seconds", start_seconds);
        context.insert("stop_seconds", stop_seconds);
        context.insert("container", container);
        context
    }
}

impl OneShotUnit {
    fn context(&self) -> Context {
        let Self {
            description,
            order,
            before,
            start,
            remove,
            restart,
            stop_seconds,
            container,
        } = self;
        let mut context = Context::new();
        context.insert("description", description);
        context.insert("order", order);
        context.insert("before", before);
        context.insert("start", start);
        context.insert("remove", remove);
        context.insert("restart", restart);
        context.insert("stop_seconds", stop_seconds);
        context.insert("container", container);
        context
    }
}

impl NetworkUnit {
    fn context(&self) -> Context {
        let Self {
            description,
            create,
            remove,
        } = self;
        let mut context = Context::new();
        context.insert("description", description);
        context.insert("create", create);
        context.insert("remove", remove);
        context
    }
}

impl VolumeUnit {
    fn context(&self) -> Context {
        let Self {
            description,
            create,
        } = self;
        let mut context = Context::new();
        context.insert("description", description);
        context.insert("create", create);
        context
    }
}

impl TargetUnit {
    fn context(&self) -> Context {
        let Self { description, wants } = self;
        let mut context = Context::new();
        context.insert("description", description);
        context.insert("wants", wants);
        context
    }
}

impl BootUnit {
    fn context(&self) -> Context {
        let Self { description, start } = self;
        let mut context = Context::new();
        context.insert("description", description);
        context.insert("start", start);
        context
    }
}

/// The templates, embedded. An undefined variable is an error; nothing is escaped for HTML.
static TEMPLATES: LazyLock<Tera> = LazyLock::new(|| {
    let mut tera = Tera::new();
    tera.autoescape_on(Vec::<String>::new());
    let templates = [
        (
            "order.tera",
            include_str!("../../../templates/systemd/order.tera"),
        ),
        (
            "service.tera",
            include_str!("../../../templates/systemd/service.tera"),
        ),
        (
            "oneshot.tera",
            include_str!("../../../templates/systemd/oneshot.tera"),
        ),
        (
            "network.tera",
            include_str!("../../../templates/systemd/network.tera"),
        ),
        (
            "volume.tera",
            include_str!("../../../templates/systemd/volume.tera"),
        ),
        (
            "target.tera",
            include_str!("../../../templates/systemd/target.tera"),
        ),
        (
            "boot.tera",
            include_str!("../../../templates/systemd/boot.tera"),
        ),
    ];
    tera.add_raw_templates(templates)
        .expect("the embedded templates parse, as every rendering test shows");
    tera
});
