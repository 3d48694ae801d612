//! What a host really runs, read in one round trip.

mod parse;

pub use parse::{ParseError, parse};

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::domain::name::{DeploymentId, Digest, HostName, ReleaseId};
use crate::domain::unit::{Kind, UnitName};

/// What one host really runs of one cluster and environment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inventory {
    /// The deployment that `current` points to; none is deployment zero.
    pub current: Option<DeploymentId>,
    /// The deployment before it.
    pub previous: Option<DeploymentId>,
    /// A switch that nobody confirmed yet.
    pub pending: Option<Pending>,
    /// Deployments whose folders are there, newest first.
    pub kept: Vec<DeploymentId>,
    /// Those of them that were confirmed healthy here, newest first, with the release that each came from.
    pub healthy: Vec<(DeploymentId, ReleaseId)>,
    /// Lines of the current deployment's manifest.
    pub manifest: BTreeMap<String, String>,
    /// Units of this scope: those installed, and those of the current deployment that are not.
    pub units: BTreeMap<UnitName, UnitState>,
    /// Config digests of the images that the engine holds as ours.
    pub images: BTreeSet<Digest>,
    /// Names of the assets that are there, by which units mount them.
    pub assets: BTreeSet<Digest>,
    /// Units in our name space that we did not write.
    pub foreign: BTreeSet<UnitName>,
    /// The highest fencing token seen.
    pub fence: u64,
    /// Who holds the environment's lock, if this is its home and somebody does.
    pub lock: Option<Lock>,
    /// What the host is.
    pub facts: Facts,
}

/// A switch that nobody confirmed yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// The deployment switched to.
    pub to: DeploymentId,
    /// The one that the guard returns to; none is deployment zero.
    pub back: Option<DeploymentId>,
    /// Seconds until the guard acts; negative when it is overdue.
    pub seconds_left: i64,
    /// Whether the guard process runs.
    pub guarded: bool,
}

/// How a unit of ours stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitState {
    /// What it does; none if no deployment lists it.
    pub kind: Option<Kind>,
    /// systemd's `LoadState`.
    pub load: String,
    /// systemd's `ActiveState`.
    pub active: String,
    /// systemd's `SubState`.
    pub sub: String,
    /// systemd's `NRestarts`.
    pub restarts: u32,
    /// Identity that the running container, network or volume was made with.
    pub running: Option<Digest>,
    /// Whether the installed file is the current deployment's, byte for byte.
    pub intact: bool,
    /// The container's health, if it has a check.
    pub health: Option<Health>,
    /// Config digest of the image that the container runs.
    pub image: Option<Digest>,
}

/// A container's health as the engine tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// No verdict yet.
    Starting,
    /// The check passes.
    Healthy,
    /// The check failed as often as it may.
    Unhealthy,
}

/// Who holds the environment's lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    /// Who: user, machine and process.
    pub owner: String,
    /// The fencing token.
    pub token: u64,
    /// Seconds until the lease ends; negative when it has.
    pub seconds_left: i64,
}

/// What the host is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// `PRETTY_NAME` of os-release(5).
    pub os: String,
    /// `uname -m`.
    pub architecture: String,
    /// The engine's version; empty without one.
    pub engine: String,
    /// systemd's version.
    pub systemd: String,
    /// Kilobytes free where the engine keeps images.
    pub engine_free_kb: u64,
    /// Kilobytes free under `/var/lib/longshore`.
    pub state_free_kb: u64,
    /// The wall clock, seconds since 1970.
    pub clock: i64,
    /// TCP and UDP ports listened on, as `tcp/80`, with the container or process that does where it is known.
    pub ports: BTreeMap<String, String>,
}

/// What every host of an environment runs, or why that is not known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fleet {
    /// Hosts that answered.
    pub hosts: BTreeMap<HostName, Inventory>,
    /// Hosts that did not, and why.
    pub unreachable: BTreeMap<HostName, String>,
}
