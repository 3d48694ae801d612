//! What can go wrong with building.

use crate::domain::definition::Problems;
use crate::domain::failure::{Explain, Kind};
use crate::domain::name::ServiceName;
use crate::domain::plan::build::{Builder, BuilderKind, Circle, Lack, Need};
use crate::pipeline::fleet::FleetError;
use crate::system::checkout::CheckoutError;
use crate::system::engine::EngineError;
use crate::system::store::StoreError;

/// What can go wrong with building.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// There is no such service.
    #[error("there is no service {service}")]
    UnknownService {
        /// As asked for.
        service: ServiceName,
        /// Those that there are.
        known: Vec<ServiceName>,
    },
    /// Images are built from each other in a circle.
    #[error(transparent)]
    Circle(#[from] Circle),
    /// What is built from another repository cannot be had.
    #[error(transparent)]
    Fetch(#[from] CheckoutError),
    /// A Dockerfile of another repository is wrong.
    #[error(transparent)]
    Dockerfile(#[from] Problems),
    /// What a build may read cannot be read.
    #[error("failed to read what service {service} is built from")]
    Context {
        /// Whose image it is.
        service: ServiceName,
        /// Why.
        #[source]
        source: CheckoutError,
    },
    /// The engine cannot build what is asked.
    #[error("the engine at {address} cannot build what is asked; it is {builder}{}", listed(.lacks))]
    Unfit {
        /// Where it is.
        address: String,
        /// Who builds there.
        builder: Builder,
        /// What it cannot do.
        lacks: Vec<Lack>,
    },
    /// A build failed.
    #[error("failed to build {service}")]
    Build {
        /// Whose image it is.
        service: ServiceName,
        /// The frontend that the Dockerfile's `# syntax=` line asks for.
        syntax: Option<String>,
        /// Why.
        #[source]
        source: EngineError,
    },
    /// The engine went away.
    #[error("the engine at {address} went away while {service} was built")]
    EngineGone {
        /// Whose image it is.
        service: ServiceName,
        /// Where the engine is, or was.
        address: String,
        /// What failed first.
        #[source]
        source: EngineError,
    },
    /// An image that is not built here is not to be had.
    #[error("image {image}, which {} {}, is neither on the engine nor to be had", list(.services), needs(.services))]
    External {
        /// Its reference.
        image: String,
        /// Who needs it.
        services: Vec<ServiceName>,
        /// Why.
        #[source]
        source: EngineError,
    },
    /// A base that was there is no longer.
    #[error("{base}, which {service} is built from, is no longer on the engine")]
    BaseGone {
        /// The reference.
        base: String,
        /// What is built from it.
        service: ServiceName,
    },
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// An image could not be brought to the engine that needs it.
    #[error(transparent)]
    Fleet(#[from] FleetError),
    /// The ledger failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The user asked for an end.
    #[error("interrupted")]
    Interrupted,
}

impl BuildError {
    /// Returns what failed, as far as it is more than that this service could not be built.
    pub(super) fn within(&self, service: &ServiceName) -> &dyn std::error::Error {
        match self {
            Self::Build {
                service: built,
                source,
                ..
            } if built == service => source,
            Self::Build { .. }
            | Self::UnknownService { .. }
            | Self::Circle(_)
            | Self::Fetch(_)
            | Self::Dockerfile(_)
            | Self::Context { .. }
            | Self::EngineGone { .. }
            | Self::External { .. }
            | Self::BaseGone { .. }
            | Self::Engine(_)
            | Self::Fleet(_)
            | Self::Store(_)
            | Self::Unfit { .. }
            | Self::Interrupted => self,
        }
    }
}

fn list(services: &[ServiceName]) -> String {
    let names: Vec<_> = services.iter().map(ServiceName::as_str).collect();
    names.join(", ")
}

fn listed(lacks: &[Lack]) -> String {
    lacks.iter().map(|lack| format!("\n| {lack}")).collect()
}

/// Says how to get what is lacking.
fn ways_out(builder: &Builder, lacks: &[Lack]) -> Vec<String> {
    let mut hints = Vec::new();
    let any = |wanted: fn(&Need) -> bool| lacks.iter().any(|lack| wanted(&lack.needs));
    match builder.kind {
        BuilderKind::Classic => hints.push("unset DOCKER_BUILDKIT: BuildKit does more".to_owned()),
        BuilderKind::Podman => {
            hints.push("point DOCKER_HOST at a Docker engine for these builds".to_owned());
        }
        BuilderKind::BuildKit => {
            if any(|need| matches!(need, Need::Engine(..))) {
                hints.push("install a newer Docker Engine, or point DOCKER_HOST at one; where the engine reaches a registry, a line `# syntax=docker/dockerfile:1` on top of the Dockerfile brings what the engine's own frontend does not know".to_owned());
            }
            if !builder.plugin && any(|need| matches!(need, Need::Plugin | Need::Containerd)) {
                hints.push("install the plugin: `apt install docker-buildx`, or `docker-buildx-plugin` from Docker's own repository".to_owned());
            }
        }
    }
    hints
}

fn needs(services: &[ServiceName]) -> &'static str {
    if services.len() == 1 { "needs" } else { "need" }
}

impl Explain for BuildError {
    fn kind(&self) -> Kind {
        match self {
            Self::UnknownService { .. } => Kind::Invalid,
            Self::Circle(source) => source.kind(),
            Self::Fetch(source) | Self::Context { source, .. } => source.kind(),
            Self::Dockerfile(problems) => problems.kind(),
            Self::Engine(source) => source.kind(),
            Self::Fleet(source) => source.kind(),
            Self::Store(source) => source.kind(),
            Self::Build { source, .. } => source.kind(),
            Self::Unfit { .. }
            | Self::EngineGone { .. }
            | Self::External { .. }
            | Self::BaseGone { .. } => Kind::Failed,
            Self::Interrupted => Kind::Interrupted,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::UnknownService { known, .. } => vec![format!("services are: {}", list(known))],
            Self::Circle(source) => source.hints(),
            Self::Fetch(source) | Self::Context { source, .. } => source.hints(),
            Self::Dockerfile(problems) => problems.hints(),
            Self::Build {
                syntax: Some(frontend),
                ..
            } => vec![format!(
                "the Dockerfile's `# syntax=` line makes the engine fetch {frontend}; without its registry, remove that line"
            )],
            Self::Build {
                syntax: None,
                service,
                source,
            } => {
                let mut hints = source.hints();
                hints.push(format!(
                    "`longshore build {service} -v` shows all that the build prints"
                ));
                hints
            }
            Self::Unfit { builder, lacks, .. } => ways_out(builder, lacks),
            Self::EngineGone { .. } => vec![
                "start it again, or take it out of `engines:` in longshore.yaml, and run the same command"
                    .to_owned(),
            ],
            Self::External { image, source, .. } => {
                let mut hints = source.hints();
                hints.push(format!(
                    "if it is made elsewhere (`docker build -t {image} …`), make it first: what is on the engine is not pulled"
                ));
                hints
            }
            Self::BaseGone { .. } => {
                vec!["run it again; something removed it meanwhile".to_owned()]
            }
            Self::Engine(source) => source.hints(),
            Self::Fleet(source) => source.hints(),
            Self::Store(source) => source.hints(),
            Self::Interrupted => {
                vec!["nothing is left running; run it again to continue".to_owned()]
            }
        }
    }

    fn report(&self, colour: bool) -> Option<String> {
        match self {
            Self::Dockerfile(problems) => problems.report(colour),
            Self::UnknownService { .. }
            | Self::Circle(_)
            | Self::Fetch(_)
            | Self::Context { .. }
            | Self::Engine(_)
            | Self::Store(_)
            | Self::Build { .. }
            | Self::Unfit { .. }
            | Self::External { .. }
            | Self::BaseGone { .. }
            | Self::EngineGone { .. }
            | Self::Fleet(_)
            | Self::Interrupted => None,
        }
    }
}

/// Says an error with all its causes on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text.split('\n').next().unwrap_or_default().to_owned()
}
