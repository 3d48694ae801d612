//! What happened: the one interface to terminal, JSON, ledger and web page.
//!
//! A stage tells of its work in pieces: each [`Work`] starts, may move through phases and log lines, and ends once.
//! Consumers need no other knowledge of a stage to show it live.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::domain::mask::Masker;
use crate::domain::name::{HostName, ServiceName, TestName};

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A stage knows what it is going to do: told before any of it starts.
    Ahead {
        /// All of it, what turns out to need nothing included.
        works: Vec<Work>,
    },
    /// A piece of work begins.
    Started {
        /// Which.
        work: Work,
    },
    /// A piece of work does something else from now on, for example `waiting for db to be healthy`.
    Phase {
        /// Which.
        work: Work,
        /// What it does now, in words.
        phase: String,
    },
    /// A piece of work got further.
    Steps {
        /// Which.
        work: Work,
        /// How far.
        steps: Steps,
    },
    /// A line that a build, container or script printed. Those of a linked container go on after it is ready, which is
    /// its end as work, until its test ends.
    Log {
        /// Whose.
        work: Work,
        /// The line as [`plain`](crate::domain::line::plain) text.
        line: String,
    },
    /// A piece of work is over.
    Ended {
        /// Which.
        work: Work,
        /// How it ended.
        outcome: Outcome,
        /// How long it took.
        #[serde(rename = "elapsed_ms", serialize_with = "milliseconds")]
        elapsed: Duration,
    },
    /// Something that a person should know, and that fails nothing.
    Warning {
        /// What, as a sentence fragment.
        message: String,
    },
    /// Something worth a line that is neither work nor a warning.
    Note {
        /// What, as a sentence fragment.
        message: String,
    },
}

/// How far a piece of work is. The total may grow while it is found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Steps {
    /// How many there are.
    pub total: usize,
    /// How many are over, those from the cache included.
    pub done: usize,
    /// How many came from the cache.
    pub cached: usize,
}

impl Event {
    /// Replaces what is secret in all that somebody else may have put into words. Names are not: they come from the
    /// definition.
    #[must_use]
    pub fn masked(self, masker: &Masker) -> Self {
        let text = |text: String| match masker.mask(&text) {
            Cow::Borrowed(_) => text,
            Cow::Owned(masked) => masked,
        };
        match self {
            Self::Ahead { works } => Self::Ahead { works },
            Self::Started { work } => Self::Started { work },
            Self::Steps { work, steps } => Self::Steps { work, steps },
            Self::Phase { work, phase } => Self::Phase {
                work,
                phase: text(phase),
            },
            Self::Log { work, line } => Self::Log {
                work,
                line: text(line),
            },
            Self::Ended {
                work,
                outcome,
                elapsed,
            } => Self::Ended {
                work,
                outcome: match outcome {
                    Outcome::Done { detail } => Outcome::Done {
                        detail: detail.map(text),
                    },
                    Outcome::Unchanged { reason } => Outcome::Unchanged {
                        reason: text(reason),
                    },
                    Outcome::Failed { reason } => Outcome::Failed {
                        reason: text(reason),
                    },
                    Outcome::Cancelled => Outcome::Cancelled,
                },
                elapsed,
            },
            Self::Warning { message } => Self::Warning {
                message: text(message),
            },
            Self::Note { message } => Self::Note {
                message: text(message),
            },
        }
    }
}

/// A piece of work, in the words of the stage that does it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "work", rename_all = "snake_case")]
pub enum Work {
    /// Removing what an earlier run left behind.
    Reap,
    /// Getting an image that is not built here.
    Pull {
        /// Its reference.
        image: String,
    },
    /// Fetching another repository that images are built from.
    Fetch {
        /// Its address and the commit.
        repository: String,
    },
    /// Building a service's image.
    Build {
        /// The service.
        service: ServiceName,
    },
    /// Running a test with its linked containers.
    Test {
        /// The test.
        test: TestName,
    },
    /// Running a step of a release.
    Step {
        /// The step.
        step: TestName,
    },
    /// A linked container of a running test.
    Linked {
        /// The test.
        test: TestName,
        /// The service it is an instance of.
        service: ServiceName,
    },
    /// Keeping an image's bytes beside the ledger, so that the release outlives the engine.
    Keep {
        /// The service whose image it is.
        service: ServiceName,
    },
    /// Pushing a released image to the registry.
    Push {
        /// The service whose image it is.
        service: ServiceName,
    },
    /// Building the image of lab hosts.
    LabImage,
    /// Making or starting a host of the lab, until it can be used.
    LabHost {
        /// The host.
        host: HostName,
    },
    /// A rollout's step on one host.
    Host {
        /// The host.
        host: HostName,
        /// What is done there.
        step: HostStep,
    },
}

/// A rollout's step on one host, in the order in which they come.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum HostStep {
    /// Connecting, and reading what the host runs: one round trip.
    Inventory,
    /// Taking the environment's lock, on its home host.
    Lock,
    /// Asking whether the host can take the deployment.
    Preflight,
    /// Bringing an image's missing layers.
    Ship {
        /// The service whose image it is.
        service: ServiceName,
    },
    /// Writing the deployment's folder, which changes nothing that runs.
    Stage,
    /// Running a one-shot such as a migration.
    OneShot {
        /// The service.
        service: ServiceName,
    },
    /// Arming the guard and switching.
    Switch,
    /// Watching units, health and probes.
    Gate,
    /// Confirming over a connection of its own, which disarms the guard.
    Confirm,
    /// Going back to the deployment before.
    Revert,
    /// Giving the environment's lock back.
    Unlock,
}

/// How a piece of work ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// It was done.
    Done {
        /// What came of it, if there is something to say: an image id, bytes sent, a count.
        detail: Option<String>,
    },
    /// Nothing had to be done.
    Unchanged {
        /// Why not, for example `fingerprint 4c0ffee is green`.
        reason: String,
    },
    /// It failed.
    Failed {
        /// Why, the cause chain on one line.
        reason: String,
    },
    /// It was stopped before its end.
    Cancelled,
}

impl Work {
    /// Returns the work that it is a part of, and ends with.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        if let Self::Linked { test, .. } = self {
            return Some(Self::Test { test: test.clone() });
        }
        None
    }

    /// Returns its name beside that of what it is a part of.
    #[must_use]
    pub fn own_name(&self) -> String {
        if let Self::Linked { service, .. } = self {
            return service.to_string();
        }
        self.to_string()
    }
}

impl Outcome {
    /// An ordinary end with nothing to add.
    pub const DONE: Self = Self::Done { detail: None };

    /// An ordinary end with something to say.
    #[must_use]
    pub fn done(detail: impl Into<String>) -> Self {
        Self::Done {
            detail: Some(detail.into()),
        }
    }
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reap => write!(f, "clean up"),
            Self::Pull { image } => write!(f, "pull {image}"),
            Self::Fetch { repository } => write!(f, "fetch {repository}"),
            Self::Build { service } => write!(f, "build {service}"),
            Self::Test { test } => write!(f, "test {test}"),
            Self::Step { step } => write!(f, "step {step}"),
            Self::Linked { test, service } => write!(f, "test {test}: {service}"),
            Self::Keep { service } => write!(f, "keep {service}"),
            Self::Push { service } => write!(f, "push {service}"),
            Self::LabImage => write!(f, "build the image of lab hosts"),
            Self::LabHost { host } => write!(f, "bring up {host}"),
            Self::Host { host, step } => write!(f, "{host}: {step}"),
        }
    }
}

impl fmt::Display for HostStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inventory => f.write_str("inventory"),
            Self::Lock => f.write_str("lock"),
            Self::Preflight => f.write_str("preflight"),
            Self::Ship { service } => write!(f, "ship {service}"),
            Self::Stage => f.write_str("stage"),
            Self::OneShot { service } => write!(f, "run {service}"),
            Self::Switch => f.write_str("switch"),
            Self::Gate => f.write_str("gate"),
            Self::Confirm => f.write_str("confirm"),
            Self::Revert => f.write_str("revert"),
            Self::Unlock => f.write_str("unlock"),
        }
    }
}

fn milliseconds<S: Serializer>(elapsed: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX))
}
