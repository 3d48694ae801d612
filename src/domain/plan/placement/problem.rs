//! Why services have no place, and the way out.

use std::collections::BTreeSet;
use std::fmt;

use crate::domain::cluster::Protocol;
use crate::domain::failure::{Explain, Kind};
use crate::domain::name::{EnvironmentName, HostName, ServiceName};
use crate::domain::unit::Instance;

/// Why an environment's services have no place: every problem, not the first.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("services of {environment} cannot be placed: {}", listed(.problems))]
pub struct PlacementError {
    /// The environment.
    pub environment: EnvironmentName,
    /// What is wrong.
    pub problems: Vec<Problem>,
}

/// One reason why a service has no place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Problem {
    /// There is no host.
    NoHosts,
    /// A service needs another one beside it that is on other hosts, or on none.
    Apart {
        /// Where it was to run.
        host: HostName,
        /// The service.
        service: ServiceName,
        /// What it needs there.
        dependency: ServiceName,
    },
    /// Two instances on a host publish the same port.
    PortTaken {
        /// Where.
        host: HostName,
        /// One of them.
        first: Instance,
        /// The other.
        second: Instance,
        /// The port of the host.
        port: u16,
        /// Its protocol.
        protocol: Protocol,
    },
    /// A one-shot has to run once, not once per host or several times.
    OneShotMany {
        /// The service.
        service: ServiceName,
    },
    /// Two services that may not meet have no other place.
    Conflict {
        /// Where.
        host: HostName,
        /// One of them.
        first: Instance,
        /// The other.
        second: Instance,
    },
    /// Several instances of a service would each have a volume, or share one.
    VolumeMany {
        /// The service.
        service: ServiceName,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoHosts => f.write_str("it has no hosts"),
            Self::Apart {
                host,
                service,
                dependency,
            } => write!(
                f,
                "{service} on {host} needs {dependency}, which does not run there"
            ),
            Self::PortTaken {
                host,
                first,
                second,
                port,
                protocol,
            } => write!(
                f,
                "{first} and {second} on {host} both publish port {port}/{protocol}"
            ),
            Self::Conflict {
                host,
                first,
                second,
            } => write!(
                f,
                "{first} and {second} conflict, and both have no place but {host}"
            ),
            Self::OneShotMany { service } => {
                write!(f, "one-shot {service} has more than one instance")
            }
            Self::VolumeMany { service } => {
                write!(f, "{service} has a named volume and a count above 1")
            }
        }
    }
}

impl Problem {
    fn hint(&self) -> String {
        match self {
            Self::NoHosts => "name at least one under `hosts:` of the environment".to_owned(),
            Self::Apart {
                service,
                dependency,
                ..
            } => format!(
                "place both alike (`place: {{{dependency}: {{mode: global}}}}`), or take {service} out of `place`: services are linked within a host"
            ),
            Self::PortTaken { second, .. } => format!(
                "publish another port in {}, or use at most one instance per host",
                second.service
            ),
            Self::Conflict { first, second, .. } if first.service == second.service => {
                format!("add hosts, or count fewer instances of {}", first.service)
            }
            Self::Conflict { first, second, .. } => format!(
                "add hosts, or place {} and {} on groups of their own by `on`",
                first.service, second.service
            ),
            Self::OneShotMany { service } => format!("take {service} out of `place`"),
            Self::VolumeMany { service } => format!(
                "use `place: {{{service}: {{mode: global}}}}` for a volume of its own on each host, or a count of 1"
            ),
        }
    }
}

impl Explain for PlacementError {
    fn kind(&self) -> Kind {
        Kind::Invalid
    }

    fn hints(&self) -> Vec<String> {
        let hints: BTreeSet<_> = self.problems.iter().map(Problem::hint).collect();
        hints.into_iter().collect()
    }
}

fn listed(problems: &[Problem]) -> String {
    let texts: Vec<_> = problems.iter().map(ToString::to_string).collect();
    texts.join("; ")
}
