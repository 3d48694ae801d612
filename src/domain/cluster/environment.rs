//! Named targets: hosts, driver, placement and rollout policy.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Service;
use crate::domain::name::{EnvironmentName, HostName, NameError, ServiceName};

/// A named target such as `staging` or `production`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// How its hosts run units.
    pub driver: Driver,
    /// Takes only releases that were recorded healthy there, or here before.
    #[serde(default)]
    pub from: Option<EnvironmentName>,
    /// Takes only releases of which a test holds every image, and of a tree without changes.
    #[serde(default)]
    pub require_tests: bool,
    /// Its hosts, in the order written.
    pub hosts: Vec<Host>,
    /// Profiles whose services it runs too.
    #[serde(default)]
    pub profiles: BTreeSet<String>,
    /// Where services go that do not go everywhere they could.
    pub place: BTreeMap<ServiceName, Place>,
    /// Values that interpolation sees when the cluster is resolved for this environment.
    pub variables: BTreeMap<String, String>,
    /// How a rollout proceeds.
    pub rollout: RolloutPolicy,
    /// What has to answer before an instance counts as healthy.
    pub probes: BTreeMap<ServiceName, Probe>,
    /// The services as this environment runs them: resolved with its variables, test-only and inactive ones left out.
    pub services: BTreeMap<ServiceName, Service>,
}

/// How an environment's hosts run units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Driver {
    /// systemd units that `docker run`.
    Systemd,
}

impl fmt::Display for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Systemd => "systemd",
        })
    }
}

/// A host of an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// How it is reached.
    pub ssh: SshTarget,
    /// The groups that it is in.
    #[serde(default)]
    pub groups: BTreeSet<String>,
}

impl Host {
    /// Returns the name by which plans, events and messages call it.
    #[must_use]
    pub fn name(&self) -> &HostName {
        &self.ssh.host
    }
}

/// `[user@]host[:port]`. What is absent comes from the user's ssh configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SshTarget {
    /// The user to log in as.
    pub user: Option<String>,
    /// The name or address, as `ssh -G` is asked about it.
    pub host: HostName,
    /// The port.
    pub port: Option<u16>,
}

impl FromStr for SshTarget {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let wrong = || NameError {
            text: text.to_owned(),
            what: "host",
            rule: "[user@]name, [user@]name:port or [user@][ipv6]:port",
        };
        let (user, rest) = match text.rsplit_once('@') {
            Some((user, rest)) => (Some(user), rest),
            None => (None, text),
        };
        let user_fits = |user: &str| {
            !user.is_empty()
                && !user.starts_with('-')
                && user
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
        };
        if user.is_some_and(|user| !user_fits(user)) {
            return Err(wrong());
        }
        let (host, port) = if let Some(bracketed) = rest.strip_prefix('[') {
            let (host, after) = bracketed.split_once(']').ok_or_else(wrong)?;
            (
                host,
                after
                    .strip_prefix(':')
                    .or_else(|| after.is_empty().then_some(""))
                    .ok_or_else(wrong)?,
            )
        } else if rest.matches(':').count() == 1 {
            rest.split_once(':').ok_or_else(wrong)?
        } else {
            (rest, "")
        };
        let port = match port {
            "" if !rest.ends_with(':') => None,
            digits => Some(
                digits
                    .parse()
                    .ok()
                    .filter(|port| *port != 0)
                    .ok_or_else(wrong)?,
            ),
        };
        Ok(Self {
            user: user.map(str::to_owned),
            host: host.parse()?,
            port,
        })
    }
}

impl TryFrom<String> for SshTarget {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<SshTarget> for String {
    fn from(target: SshTarget) -> Self {
        target.to_string()
    }
}

impl fmt::Display for SshTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        match self.port {
            Some(port) if self.host.as_str().contains(':') => write!(f, "[{}]:{port}", self.host),
            Some(port) => write!(f, "{}:{port}", self.host),
            None => write!(f, "{}", self.host),
        }
    }
}

/// How many instances of a service there are, and how they are spread.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// One per host, or a number of them.
    pub placement: Placement,
    /// The group of hosts that it runs on; any host unless said.
    #[serde(default)]
    pub on: Option<String>,
    /// The service that each instance is beside, on the same host: it has as many, in the same places.
    #[serde(default)]
    pub same_host_as: Option<ServiceName>,
    /// Services of which no instance may be on the same host; itself, if there may be one a host.
    #[serde(default)]
    pub conflicts: BTreeSet<ServiceName>,
}

impl Place {
    /// A number of instances, anywhere.
    #[must_use]
    pub fn anywhere(placement: Placement) -> Self {
        Self {
            placement,
            on: None,
            same_host_as: None,
            conflicts: BTreeSet::new(),
        }
    }
}

/// One per host, or a number of instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Placement {
    /// One instance on every host (`mode: global`).
    Global,
    /// So many instances, spread over the hosts (`count`).
    Count(u16),
}

/// How a rollout proceeds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RolloutPolicy {
    /// How many hosts are changed at once.
    pub max_in_flight: u16,
    /// How long everything has to stay healthy before a host counts as done.
    pub healthy_after: Duration,
    /// How long a host may take to become healthy.
    pub within: Duration,
    /// How many hosts may fail before everything goes back.
    pub max_failures: u16,
    /// How long after arming a host's guard takes it back if nobody confirms or renews.
    pub guard: Duration,
}

impl Default for RolloutPolicy {
    fn default() -> Self {
        let within = Duration::from_secs(60);
        Self {
            max_in_flight: 1,
            healthy_after: Duration::from_secs(5),
            within,
            max_failures: 0,
            guard: within + Self::GUARD_SLACK,
        }
    }
}

impl RolloutPolicy {
    /// What the guard waits beyond `within` unless `rollout.guard` says otherwise.
    pub const GUARD_SLACK: Duration = Duration::from_secs(60);
}

/// What has to answer before an instance counts as healthy, asked through the host's SSH connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Probe {
    /// A GET that has to be answered with 2xx or 3xx.
    Http {
        /// The container's port.
        port: u16,
        /// The path and query.
        path: String,
    },
    /// A connection that has to be accepted.
    Tcp {
        /// The container's port.
        port: u16,
    },
    /// A command in the container that has to exit with 0.
    Exec {
        /// The program and its arguments.
        command: Vec<String>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ssh_target_survives_its_text() {
        for text in [
            "web",
            "core@web",
            "core@10.0.0.1:2222",
            "web:22",
            "core@[fd00::1]:22",
        ] {
            assert_eq!(text.parse::<SshTarget>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn refuses_what_ssh_would_take_for_an_option_or_a_command() {
        for bad in [
            "",
            "@web",
            "-oProxyCommand=x@web",
            "core@-web",
            "core@web:0",
            "core@web:",
            "core@a b",
            "core@web:99999",
            "[::1",
        ] {
            assert!(bad.parse::<SshTarget>().is_err(), "{bad:?}");
        }
    }
}
