//! The validated model that every definition becomes.
//!
//! [`Cluster`] holds only what is true: names that exist, ports in range, conditions that can be met. [`resolve`] is
//! the one way to make it from a definition, and it reports every problem instead of the first.

mod build;
mod engine;
mod environment;
mod handed;
mod image;
mod limits;
mod options;
mod registry;
mod remote;
mod resolve;
mod service;
mod written;

pub use build::{Build, BuildOptions, NamedContext, SecretSource};
pub use engine::{EngineAddress, EngineAddressError, EngineEntry};
pub use environment::{
    Driver, Environment, Host, Place, Placement, Probe, RolloutPolicy, SshTarget,
};
pub use handed::{FileSource, HandedFile, SecretOrigin};
pub use image::{Tags, default_tag, full};
pub use limits::Limits;
pub use options::{Blkio, Device, DeviceRequest, Options};
pub use registry::{RegistryName, RegistryNameError};
pub use remote::{Remote, RemoteFault, without_credentials};
pub use resolve::{Judged, Resolved, SUPPORT, Support, Surroundings, consistent, resolve};
pub use service::{
    Condition, Dependency, Healthcheck, HealthcheckCommand, Link, Mount, MountSource, Port,
    Protocol, Restart, Service, Source,
};

pub use written::escaped;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::name::{
    ClusterName, EnvironmentName, NetworkName, ServiceName, TestName, VolumeName,
};

/// A cluster: its services, what they share, how it is tested, and where it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cluster {
    /// The Compose project name, or `name:` of `longshore.yaml`, or the folder's.
    pub name: ClusterName,
    /// Every service, of whatever profile, test services included.
    pub services: BTreeMap<ServiceName, Service>,
    /// Networks; services that name none share the one named `default`.
    pub networks: BTreeMap<NetworkName, Network>,
    /// Named volumes.
    pub volumes: BTreeMap<VolumeName, Volume>,
    /// What has to be green before there is a release.
    pub tests: BTreeMap<TestName, Test>,
    /// What is run once everything is green, each after the one before, before there is a release.
    #[serde(default)]
    pub release: Vec<Step>,
    /// Where it runs.
    pub environments: BTreeMap<EnvironmentName, Environment>,
}

impl Cluster {
    /// Returns the other repositories that its images are built from.
    pub fn remotes(&self) -> impl Iterator<Item = &Remote> {
        let services = self.services.values();
        services.filter_map(|service| match &service.source {
            Source::Build(build) => build.remote.as_ref(),
            Source::Image(_) => None,
        })
    }
}

/// A network that services name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// No route out of it (`internal: true`).
    pub internal: bool,
    /// Who provides it; the engine's bridge unless said.
    pub driver: Option<String>,
    /// Options of the driver.
    pub driver_opts: BTreeMap<String, String>,
    /// Whether it has IPv6.
    pub ipv6: Option<bool>,
    /// Who gives addresses; the engine unless said.
    pub ipam_driver: Option<String>,
    /// Options of whoever gives addresses.
    pub ipam_options: BTreeMap<String, String>,
    /// From which ranges.
    pub pools: Vec<Pool>,
    /// Labels as written.
    pub labels: BTreeMap<String, String>,
}

/// A range of addresses of a network.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    /// The network's.
    pub subnet: Option<String>,
    /// The router's address.
    pub gateway: Option<String>,
    /// The part that containers get theirs from.
    pub ip_range: Option<String>,
    /// Addresses that are taken, by name.
    pub aux_addresses: BTreeMap<String, String>,
}

/// A named volume. longshore creates it when it is missing and never deletes it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// Who provides it; the engine's disk unless said.
    pub driver: Option<String>,
    /// Options of the driver.
    pub driver_opts: BTreeMap<String, String>,
    /// Labels as written.
    pub labels: BTreeMap<String, String>,
}

/// Something whose exit code decides, run beside the services it is linked to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Test {
    /// What is run.
    #[serde(flatten)]
    pub subject: Subject,
    /// The command in place of the service's own.
    pub command: Option<Vec<String>>,
    /// How long it may take, its linked services' start not counted.
    pub timeout: Duration,
    /// The most that each of its containers gets.
    #[serde(default)]
    pub limits: Limits,
    /// Whether its network has no way out, whatever the definition's networks have.
    #[serde(default)]
    pub internal: bool,
    /// How long the services beside it may take to start, all of them together.
    #[serde(default = "Test::default_start")]
    pub start_timeout: Duration,
    /// How often it is tried again when it is red.
    #[serde(default)]
    pub retries: u16,
    /// The reports that it writes.
    #[serde(default)]
    pub reports: Reports,
    /// Files and folders of its container that are kept.
    #[serde(default)]
    pub artifacts: Vec<String>,
    /// The tests that have to be green before, and where their artifacts are put in its container.
    #[serde(default)]
    pub needs: BTreeMap<TestName, String>,
    /// Whether the test's other cells end when this one is red.
    #[serde(default)]
    pub fail_fast: bool,
}

/// A container that is run once the tests are green.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// What it is called.
    pub name: TestName,
    /// What is run: as a test is, but for `TEST=1`.
    #[serde(flatten)]
    pub run: Test,
}

/// Where a test writes its reports, as absolute paths in its container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Reports {
    /// Its cases, as JUnit writes them: a file, or a folder of such files.
    pub junit: Option<String>,
    /// Its coverage, as Cobertura or LCOV writes it.
    pub coverage: Option<String>,
}

/// What a test runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// An extra container of a service, with `TEST=1`.
    Service(ServiceName),
}

impl Test {
    /// Returns the service that it runs a container of, if it does.
    #[must_use]
    pub fn service(&self) -> Option<&ServiceName> {
        match &self.subject {
            Subject::Service(service) => Some(service),
        }
    }

    /// How long a test may take unless the definition says otherwise.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10 * 60);
    /// How long the services beside a test may take to start unless the definition says otherwise.
    pub const DEFAULT_START: Duration = Duration::from_secs(10 * 60);

    /// Makes a test that says nothing but what it runs.
    #[must_use]
    pub fn of(subject: Subject) -> Self {
        Self {
            subject,
            command: None,
            timeout: Self::DEFAULT_TIMEOUT,
            start_timeout: Self::DEFAULT_START,
            limits: Limits::default(),
            internal: false,
            retries: 0,
            reports: Reports::default(),
            artifacts: Vec::new(),
            needs: BTreeMap::new(),
            fail_fast: false,
        }
    }

    fn default_start() -> Duration {
        Self::DEFAULT_START
    }
}
