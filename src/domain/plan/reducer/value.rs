//! What the reducer is told, what it orders, and how it ends.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::failure::Kind;
use crate::domain::ledger::RolloutOutcome;
use crate::domain::name::{DeploymentId, HostName, ServiceName};

/// What is to be done next. Commands given together run at the same time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Command {
    /// Take the environment's lock. Success is [`Event::Locked`].
    Lock,
    /// Ask whether the host can take the deployment.
    Preflight {
        /// The host.
        host: HostName,
    },
    /// Bring an image's missing layers.
    Ship {
        /// The host.
        host: HostName,
        /// The service whose image it is.
        service: ServiceName,
    },
    /// Write the deployment's folder, which changes nothing that runs.
    Stage {
        /// The host.
        host: HostName,
    },
    /// Arm the guard and switch.
    Apply {
        /// The host.
        host: HostName,
        /// The fencing token.
        token: u64,
        /// Seconds after which the guard acts unless it is renewed.
        guard_seconds: u64,
    },
    /// Watch units, health and probes, renewing the guard, until the host is healthy or is not.
    Gate {
        /// The host.
        host: HostName,
        /// The fencing token.
        token: u64,
    },
    /// Confirm over a new connection, which disarms the guard.
    Confirm {
        /// The host.
        host: HostName,
        /// The fencing token.
        token: u64,
    },
    /// Make the host equal to the deployment it had.
    Revert {
        /// The host.
        host: HostName,
        /// The fencing token.
        token: u64,
        /// The deployment; none is deployment zero.
        to: Option<DeploymentId>,
    },
    /// Remove what no deployment may return to. Its failure changes nothing.
    Prune {
        /// The host.
        host: HostName,
    },
    /// End every lock, preflight, ship, stage, gate and prune that runs; each still reports its end. Applies, confirms
    /// and reverts are left to run.
    Cancel,
    /// Give the lock back.
    Unlock,
    /// It is over. Nothing that still runs is waited for.
    Finish {
        /// How it ended.
        outcome: Outcome,
    },
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The rollout begins.
    Begin,
    /// The lock is taken.
    Locked {
        /// The fencing token, higher than any before.
        token: u64,
    },
    /// A command is over.
    Ended {
        /// Which, as it was given.
        command: Command,
        /// How.
        result: Result<(), Failed>,
    },
    /// The user asked to stop; the second time, at once.
    Interrupted,
    /// The lock's lease ended before it was renewed.
    LeaseLost,
}

/// How a command failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// What kind of failure it is.
    pub kind: Kind,
    /// In which state it left the host.
    pub left: Left,
    /// Why, the cause chain on one line.
    pub reason: String,
}

/// In which state a failed command left its host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// As it was.
    Unchanged,
    /// Changed, and put back by the host itself.
    Reverted,
    /// Nobody knows: the connection was cut, for example.
    Unknown,
}

/// How a rollout ended.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// No host was touched.
    Unchanged {
        /// Why.
        cause: Cause,
        /// What failed on which host.
        failures: BTreeMap<HostName, String>,
    },
    /// Every host runs it, healthy and confirmed.
    Healthy,
    /// Every host runs what it ran before.
    Reverted {
        /// Why.
        cause: Cause,
        /// What failed on which host.
        failures: BTreeMap<HostName, String>,
    },
    /// Hosts differ, or it is not known what they run.
    Mixed {
        /// Why.
        cause: Cause,
        /// What failed on which host.
        failures: BTreeMap<HostName, String>,
        /// On which side each host is.
        hosts: BTreeMap<HostName, Side>,
    },
}

/// Why a rollout did not end healthy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// There was nothing to do.
    NothingToDo,
    /// The lock could not be taken.
    NotLocked {
        /// What kind of failure that is.
        kind: Kind,
        /// Why.
        reason: String,
    },
    /// A host refused, or could not be reached, before any was touched.
    NotReady {
        /// The gravest of the hosts' failures.
        kind: Kind,
    },
    /// Hosts failed.
    Failures,
    /// The user asked to stop.
    Interrupted,
    /// The lock's lease ended.
    LeaseLost,
}

/// Which deployment a host runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The new one, confirmed.
    New,
    /// The one before.
    Old,
    /// Not known; its guard makes it the one before unless it was confirmed.
    Unknown,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::New => "new",
            Self::Old => "old",
            Self::Unknown => "left to its guard",
        })
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NothingToDo => f.write_str("nothing to do"),
            Self::NotLocked { kind: _, reason } => write!(f, "the lock was not taken: {reason}"),
            Self::NotReady { kind: _ } => f.write_str("not every host is ready"),
            Self::Failures => f.write_str("hosts failed"),
            Self::Interrupted => f.write_str("interrupted"),
            Self::LeaseLost => f.write_str("the lock's lease was lost"),
        }
    }
}

impl Outcome {
    /// Returns why it ended so, on one line; empty if it is healthy.
    #[must_use]
    pub fn reason(&self) -> String {
        let (cause, failures, hosts) = match self {
            Self::Healthy => return String::new(),
            Self::Unchanged { cause, failures } | Self::Reverted { cause, failures } => {
                (cause, failures, None)
            }
            Self::Mixed {
                cause,
                failures,
                hosts,
            } => (cause, failures, Some(hosts)),
        };
        // A reason that names its host by itself needs no second one.
        let failures = failures.iter().map(|(host, why)| {
            if why.contains(host.as_str()) {
                why.clone()
            } else {
                format!("{host}: {why}")
            }
        });
        let sides = hosts.into_iter().flatten();
        let sides: Vec<_> = sides
            .map(|(host, side)| format!("{host} is {side}"))
            .collect();
        let sides = (!sides.is_empty()).then(|| sides.join(", "));
        let parts: Vec<_> = [cause.to_string()]
            .into_iter()
            .chain(failures)
            .chain(sides)
            .collect();
        parts.join("; ")
    }

    /// Returns what kind of failure it is, if it is one.
    #[must_use]
    pub fn kind(&self) -> Option<Kind> {
        let (cause, touched) = match self {
            Self::Healthy => return None,
            Self::Unchanged { cause, .. } => (cause, false),
            Self::Reverted { cause, .. } | Self::Mixed { cause, .. } => (cause, true),
        };
        match cause {
            Cause::NothingToDo => None,
            Cause::NotLocked { kind, .. } | Cause::NotReady { kind } => Some(*kind),
            Cause::Interrupted => Some(Kind::Interrupted),
            Cause::LeaseLost if !touched => Some(Kind::Refused),
            Cause::LeaseLost | Cause::Failures => Some(Kind::Failed),
        }
    }

    /// Returns what the ledger keeps of it.
    #[must_use]
    pub fn recorded(&self) -> RolloutOutcome {
        let reason = self.reason();
        match self {
            Self::Healthy => RolloutOutcome::Healthy,
            Self::Unchanged { .. } => RolloutOutcome::Unchanged { reason },
            Self::Reverted { .. } => RolloutOutcome::Reverted { reason },
            Self::Mixed { .. } => RolloutOutcome::Mixed { reason },
        }
    }
}
