//! What units and the engine's objects are called on a host.

use super::tree::{Instance, Scope, UnitName};
use crate::domain::name::{NetworkName, VolumeName};

/// A network as services join it: the implicit one, which Compose calls `default`, or a named one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Net {
    /// The one that services join that name none.
    Implicit,
    /// One that services name.
    Named(NetworkName),
}

impl Net {
    /// Returns the network that a name stands for.
    pub fn of(name: &NetworkName) -> Self {
        if name.as_str() == "default" {
            Self::Implicit
        } else {
            Self::Named(name.clone())
        }
    }

    /// Returns its name on the engine.
    pub fn object(&self, scope: &Scope) -> String {
        match self {
            Self::Implicit => scope.to_string(),
            Self::Named(name) => format!("{scope}_{name}"),
        }
    }

    /// Returns the unit that creates it.
    pub fn unit(&self, scope: &Scope) -> UnitName {
        match self {
            Self::Implicit => unit(&format!("{scope}-network.service")),
            Self::Named(name) => unit(&format!("{scope}-network-{name}.service")),
        }
    }
}

/// Returns the unit that runs an instance.
pub fn instance(scope: &Scope, instance: &Instance) -> UnitName {
    unit(&format!("{}.service", instance.container(scope)))
}

/// Returns the unit that creates a volume.
pub fn volume(scope: &Scope, volume: &VolumeName) -> UnitName {
    unit(&format!("{scope}-volume-{volume}.service"))
}

/// Returns the target that holds every service.
pub fn target(scope: &Scope) -> UnitName {
    unit(&scope.target())
}

/// Returns the unit that starts the right deployment at boot.
pub fn boot(scope: &Scope) -> UnitName {
    unit(&format!("{scope}-boot.service"))
}

fn unit(text: &str) -> UnitName {
    text.parse()
        .expect("three names of at most 63 safe characters make a unit name")
}
