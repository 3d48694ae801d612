//! One kind of container in a cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Build, FileSource, HandedFile, Options};
use crate::domain::name::{Alias, NetworkName, ServiceName, VolumeName};

/// One kind of container: what it runs, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// Where its image comes from.
    pub source: Source,
    /// Overrides the image's `CMD`.
    pub command: Option<Vec<String>>,
    /// Overrides the image's `ENTRYPOINT`; empty clears it.
    pub entrypoint: Option<Vec<String>>,
    /// Environment variables, `env_file` already merged in.
    pub environment: BTreeMap<String, String>,
    /// Published ports.
    pub ports: Vec<Port>,
    /// Ports that linked services use, not published.
    pub expose: BTreeSet<(u16, Protocol)>,
    /// What is mounted, in the order written.
    pub mounts: Vec<Mount>,
    /// Secrets and configs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<HandedFile>,
    /// Networks joined and the extra names there; `default` for a service that names none.
    pub networks: BTreeMap<NetworkName, BTreeSet<Alias>>,
    /// Links, each of which also is a dependency.
    pub links: Vec<Link>,
    /// What has to have happened before it starts.
    pub depends_on: BTreeMap<ServiceName, Dependency>,
    /// Overrides the image's health check.
    pub healthcheck: Option<Healthcheck>,
    /// When the engine or systemd starts it again.
    pub restart: Restart,
    /// Compose profiles; empty means always active.
    pub profiles: BTreeSet<String>,
    /// Labels of the container.
    pub labels: BTreeMap<String, String>,
    /// `UID[:GID]` or names known in the image.
    pub user: Option<String>,
    /// Overrides the image's working directory.
    pub working_dir: Option<String>,
    /// What goes to the engine as it is.
    #[serde(default)]
    pub options: Options,
    /// Time between the stop signal and the kill; the engine's 10 s unless said.
    pub stop_grace_period: Option<Duration>,
    /// Runs to its end (a migration): something waits for `service_completed_successfully`, or label
    /// `dev.longshore.one-shot: "true"`.
    pub one_shot: bool,
    /// Exists for tests only, so it is never placed: profile `test`, label `dev.longshore.test`, or a test name.
    pub test_only: bool,
}

/// Where an image comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Built from the repository.
    Build(Box<Build>),
    /// Pulled, or already on the engine: an image reference such as `postgres:17`.
    Image(String),
}

/// A published port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Port {
    /// The host's address that it is bound to; all unless said.
    pub address: Option<IpAddr>,
    /// The host's port; chosen by the engine unless said.
    pub published: Option<u16>,
    /// The container's port.
    pub target: u16,
    /// TCP unless said.
    pub protocol: Protocol,
}

/// A transport protocol.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        })
    }
}

/// Something mounted into the container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// What is mounted.
    pub source: MountSource,
    /// Where, as an absolute path in the container.
    pub target: String,
    /// Whether the container may not write to it.
    pub read_only: bool,
}

/// What is mounted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MountSource {
    /// A named volume of the cluster.
    Volume(VolumeName),
    /// A volume without a name, as old as its container.
    Anonymous,
    /// A file or folder of the repository, by its path there: an asset where read-only.
    Repository(PathBuf),
    /// A path on the host itself.
    HostPath(PathBuf),
    /// Memory.
    Memory {
        /// Its size in bytes; half of the machine's memory unless said.
        size: Option<i64>,
        /// Its permission bits.
        mode: Option<u32>,
    },
}

/// A link to another service under another name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Link {
    /// The service linked to.
    pub service: ServiceName,
    /// The name it is reached by.
    pub alias: Alias,
}

/// What has to have happened to a service before another one starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependency {
    /// What is waited for.
    pub condition: Condition,
    /// Whether the dependent is restarted when this one is (`restart: true`).
    pub restart: bool,
    /// Whether it is an error if the dependency is not there (`required`, true unless said).
    pub required: bool,
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// Its container runs.
    Started,
    /// Its health check passes.
    Healthy,
    /// It ended with exit code 0.
    Completed,
}

/// A health check, or its absence by decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Healthcheck {
    /// `disable: true` or `test: NONE`: the image's own check is not run either.
    Disabled,
    /// A check; what is absent is the image's, or the engine's default.
    Check {
        /// What to run; the image's own if absent.
        command: Option<HealthcheckCommand>,
        /// Time between checks (engine's default 30 s).
        interval: Option<Duration>,
        /// Time one check may take (30 s).
        timeout: Option<Duration>,
        /// Time after start in which failures don't count (0 s).
        start_period: Option<Duration>,
        /// Failures in a row that make it unhealthy (3).
        retries: Option<u32>,
    },
}

/// What a health check runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HealthcheckCommand {
    /// A program and its arguments.
    Exec(Vec<String>),
    /// A text for the image's shell.
    Shell(String),
}

/// When a container is started again after it ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Restart {
    /// `no`, Compose's default.
    #[default]
    No,
    /// Whatever its exit code.
    Always,
    /// Like always, but not after a person stopped it.
    UnlessStopped,
    /// If its exit code is not 0, at most so often.
    OnFailure {
        /// The most restarts, if any.
        retries: Option<u32>,
    },
}

impl Service {
    /// Returns the network names that links add: alias to service.
    pub fn link_aliases(&self) -> impl Iterator<Item = (&Alias, &ServiceName)> {
        self.links.iter().map(|link| (&link.alias, &link.service))
    }

    /// Returns the files and folders of the repository that it gets.
    pub fn assets(&self) -> impl Iterator<Item = &PathBuf> {
        let mounted = self.mounts.iter().filter_map(|mount| match &mount.source {
            MountSource::Repository(path) => Some(path),
            MountSource::Volume(_)
            | MountSource::Anonymous
            | MountSource::HostPath(_)
            | MountSource::Memory { .. } => None,
        });
        let handed = self.files.iter().filter_map(|file| match &file.source {
            FileSource::Repository(path) => Some(path),
            FileSource::Secret { .. } | FileSource::Text(_) | FileSource::Elsewhere(_) => None,
        });
        mounted.chain(handed)
    }

    /// Tells whether a health check of its own decides when it is healthy. An image may bring one that is not seen here.
    #[must_use]
    pub fn has_healthcheck(&self) -> bool {
        matches!(&self.healthcheck, Some(Healthcheck::Check { .. }))
    }
}
