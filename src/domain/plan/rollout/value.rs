//! The plan itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::cluster::RolloutPolicy;
use crate::domain::failure::{self, Explain};
use crate::domain::name::{DeploymentId, Digest, HostName, ReleaseId, ServiceName};
use crate::domain::unit::{Aspect, Kind, Scope, UnitName};

/// What a rollout will do, host by host, each step with its reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Version of this form.
    pub format: u32,
    /// Of what.
    pub scope: Scope,
    /// To which release.
    pub release: ReleaseId,
    /// How it proceeds.
    pub policy: RolloutPolicy,
    /// Whether foreign and hand-changed units are overwritten.
    pub adopt: bool,
    /// What each host will do; those up to date are listed and do nothing.
    pub hosts: BTreeMap<HostName, HostPlan>,
    /// Hosts that have something to do, in the order in which they do it; those of a batch at once.
    pub batches: Vec<Vec<HostName>>,
    /// What a person should know, and that blocks nothing.
    pub notes: Vec<Note>,
    /// Digest of what the hosts ran when the plan was made.
    pub fingerprint: Digest,
}

/// What one host will do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostPlan {
    /// The deployment it returns to if this fails; none is deployment zero.
    pub from: Option<DeploymentId>,
    /// The deployment it will run; none if it has nothing to run and never had.
    pub to: Option<DeploymentId>,
    /// An unconfirmed switch. This one takes its place, and keeps its way back.
    pub leftover: Option<Leftover>,
    /// What happens to its units, in that order.
    pub changes: Vec<Change>,
    /// How many units stay as they are.
    pub unchanged: usize,
    /// Images that it lacks: service to config digest.
    pub ship: BTreeMap<ServiceName, Digest>,
    /// Content of the repository that it lacks.
    pub assets: BTreeSet<Digest>,
    /// What keeps the plan from being carried out.
    pub blockers: Vec<Blocker>,
}

/// A switch that an earlier rollout neither confirmed nor took back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leftover {
    /// What it switched to.
    pub to: DeploymentId,
    /// What its guard goes back to; none is deployment zero.
    pub back: Option<DeploymentId>,
}

/// What happens to a unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The unit.
    pub unit: UnitName,
    /// What it does.
    pub kind: Kind,
    /// What a person calls it: the instance, or the network or volume on the engine.
    pub subject: String,
    /// What happens.
    pub action: Action,
    /// Why.
    pub reasons: Vec<Reason>,
}

/// What happens to a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// A network or volume is created.
    Create,
    /// A network is removed and created anew, and every service with it.
    Recreate,
    /// A service is started.
    Start,
    /// A service is stopped and started.
    Restart,
    /// A service is stopped, and its unit removed.
    Stop,
    /// A network and its unit are removed.
    Remove,
    /// A unit is removed that leaves what it made: a volume keeps its data.
    Forget,
    /// A one-shot runs, once per deployment. Going back does not undo it.
    RunOnce,
    /// Only the unit's file is written.
    Write,
}

/// Why something happens to a unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Reason {
    /// It is not on the host.
    New,
    /// It is not in the release any more.
    Removed,
    /// Its image changed.
    Image {
        /// The config digest before.
        from: Digest,
        /// And from now on.
        to: Digest,
    },
    /// An environment variable changed; its value is nobody's business.
    Variable {
        /// Its name.
        name: String,
        /// How.
        change: VariableChange,
    },
    /// Some of its settings changed.
    Settings {
        /// Which.
        aspect: Aspect,
    },
    /// Its unit's text changed by nothing of the above, for example by another version of longshore.
    Text,
    /// It does not run.
    NotRunning {
        /// systemd's `ActiveState`.
        state: String,
    },
    /// Its file is gone from the host.
    NotInstalled,
    /// Its file was changed on the host.
    HandChanged,
    /// What runs was not made by its unit.
    Stranger,
    /// Something that it follows is restarted.
    Follows {
        /// What.
        unit: UnitName,
    },
    /// It runs once in every deployment.
    OncePerDeployment,
    /// It runs once in every deployment, and this one was on the host before: it may have run then.
    UnlessDone,
}

/// How an environment variable changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VariableChange {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It has another value.
    Changed,
}

/// What keeps a plan from being carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "blocker", rename_all = "snake_case")]
pub enum Blocker {
    /// A file of that name is there that longshore did not write.
    Foreign {
        /// The unit.
        unit: UnitName,
    },
    /// The file was changed on the host.
    HandChanged {
        /// The unit.
        unit: UnitName,
    },
    /// Somebody masked the unit, so that nothing starts it. That is not overwritten, whatever is asked for.
    Masked {
        /// The unit.
        unit: UnitName,
    },
}

/// What a person should know of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "note", rename_all = "snake_case")]
pub enum Note {
    /// A volume's data stays on one host while its services go to another, where the volume will be empty.
    VolumeMoves {
        /// The volume.
        volume: String,
        /// Where the data is.
        from: HostName,
        /// Where the services go.
        to: HostName,
    },
    /// A way back leads to a deployment in which a host had nothing to run; it keeps what it runs now.
    Stays {
        /// The host.
        host: HostName,
    },
}

/// A plan that may not be carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("units on {} are not as longshore left them: {}", .host, listed(.blockers))]
pub struct Refused {
    /// The first such host.
    pub host: HostName,
    /// What is in the way there.
    pub blockers: Vec<Blocker>,
}

impl fmt::Display for Blocker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Foreign { unit } => write!(f, "{unit} was not written by longshore"),
            Self::HandChanged { unit } => write!(f, "{unit} was changed by hand"),
            Self::Masked { unit } => write!(f, "{unit} is masked"),
        }
    }
}

fn listed(blockers: &[Blocker]) -> String {
    let texts: Vec<_> = blockers.iter().map(ToString::to_string).collect();
    texts.join(", ")
}

impl Explain for Refused {
    fn kind(&self) -> failure::Kind {
        failure::Kind::Refused
    }

    fn hints(&self) -> Vec<String> {
        let masked = |blocker: &Blocker| match blocker {
            Blocker::Masked { unit } => {
                Some(format!("on {}: `systemctl unmask {unit}`", self.host))
            }
            Blocker::Foreign { .. } | Blocker::HandChanged { .. } => None,
        };
        let mut hints: Vec<_> = self.blockers.iter().filter_map(masked).collect();
        if hints.len() < self.blockers.len() {
            hints.push(format!(
                "look at them on {}: `systemctl cat UNIT`",
                self.host
            ));
            hints.push("pass `--adopt` to overwrite them".to_owned());
        }
        hints
    }
}

impl Blocker {
    /// Tells whether it stays in the way when overwriting is asked for.
    #[must_use]
    pub fn stays(&self) -> bool {
        match self {
            Self::Masked { .. } => true,
            Self::Foreign { .. } | Self::HandChanged { .. } => false,
        }
    }
}

impl HostPlan {
    /// Tells whether the host has nothing to do.
    #[must_use]
    pub fn up_to_date(&self) -> bool {
        self.leftover.is_none()
            && self.changes.is_empty()
            && (self.to.is_none() || self.to == self.from)
    }

    /// Tells whether something runs here that going back does not undo.
    #[must_use]
    pub fn runs_once(&self) -> bool {
        self.changes
            .iter()
            .any(|change| change.action == Action::RunOnce)
    }
}

impl Plan {
    /// Version of the form in which a plan is kept in a file.
    pub const FORMAT: u32 = 1;

    /// Tells whether no host has anything to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// Tells whether it may be carried out.
    ///
    /// # Errors
    ///
    /// Something is in the way, and overwriting it was not asked for.
    pub fn permitted(&self) -> Result<(), Refused> {
        let blocked = |(host, plan): (&HostName, &HostPlan)| {
            let in_the_way = |blocker: &&Blocker| !self.adopt || blocker.stays();
            let blockers: Vec<_> = plan.blockers.iter().filter(in_the_way).cloned().collect();
            let refuse = !blockers.is_empty() && !plan.up_to_date();
            let host = host.clone();
            refuse.then_some(Refused { host, blockers })
        };
        match self.hosts.iter().find_map(blocked) {
            Some(refused) => Err(refused),
            None => Ok(()),
        }
    }
}
