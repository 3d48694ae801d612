//! What keeps a rollout from its end.

use std::collections::BTreeMap;
use std::error::Error;

use crate::domain::failure::{Explain, Kind};
use crate::domain::inventory::ParseError;
use crate::domain::invocation::ArchiveError;
use crate::domain::invocation::answer::Unanswered;
use crate::domain::name::{EnvironmentName, HostName, ServiceName};
use crate::domain::plan::permit::NotPermitted;
use crate::domain::plan::placement::PlacementError;
use crate::domain::plan::reducer::Outcome;
use crate::domain::plan::rollout::{NoWayBack, PlanError, Refused};
use crate::domain::unit::RenderError;
use crate::system::blobs::BlobError;
use crate::system::ssh::SshError;
use crate::system::store::StoreError;

/// What keeps a rollout from its end.
#[derive(Debug, thiserror::Error)]
pub enum RolloutError {
    /// A host cannot be reached.
    #[error("failed to reach {host}")]
    Reach {
        /// The host.
        host: HostName,
        /// Why.
        #[source]
        source: SshError,
    },
    /// Hosts cannot be reached, and nothing was changed.
    #[error("failed to reach {}", list(.0))]
    Unreachable(BTreeMap<HostName, RolloutError>),
    /// A host did not do what it was asked.
    #[error("failed to {what} on {host}")]
    Verb {
        /// The host.
        host: HostName,
        /// What it was asked to do.
        what: &'static str,
        /// Why not.
        #[source]
        source: Unanswered,
    },
    /// A command's answer was lost.
    #[error("failed to {what} on {host}")]
    Lost {
        /// The host.
        host: HostName,
        /// What it was asked to do.
        what: &'static str,
        /// How.
        #[source]
        source: SshError,
    },
    /// What a host says of itself makes no sense.
    #[error("failed to understand what {host} says it runs")]
    Inventory {
        /// The host.
        host: HostName,
        /// Why.
        #[source]
        source: ParseError,
    },
    /// An image does not come to a host.
    #[error("failed to bring the image of {service} to {host}: {reason}")]
    Ship {
        /// The host.
        host: HostName,
        /// The service.
        service: ServiceName,
        /// What the host's engine said.
        reason: String,
    },
    /// What was pulled is not what was tested. It was removed again.
    #[error("the image of {service} that came to {host} is {got}, not the tested one")]
    OtherImage {
        /// The host.
        host: HostName,
        /// The service.
        service: ServiceName,
        /// The image id that the host's engine gave it.
        got: String,
    },
    /// A host cannot take the deployment.
    #[error("{host} cannot take the deployment: {reason}")]
    Unfit {
        /// The host.
        host: HostName,
        /// Why.
        reason: String,
        /// What to do.
        hint: String,
    },
    /// A host did not become or stay healthy.
    #[error("{reason}")]
    Unhealthy {
        /// The host.
        host: HostName,
        /// Why.
        reason: String,
        /// What to do.
        hint: String,
    },
    /// There is no such environment.
    #[error("there is no environment {environment}")]
    NoEnvironment {
        /// As asked for.
        environment: EnvironmentName,
        /// Those of the definition.
        known: Vec<EnvironmentName>,
    },
    /// `--hosts` fits none.
    #[error("no host of {environment} fits {pattern}")]
    NoHosts {
        /// The environment.
        environment: EnvironmentName,
        /// The pattern.
        pattern: String,
    },
    /// Services have no place.
    #[error(transparent)]
    Placement(#[from] PlacementError),
    /// The release cannot run as units.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// The environment does not take the release.
    #[error(transparent)]
    NotPermitted(#[from] NotPermitted),
    /// There is no plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The plan may not be carried out.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// Kept bytes cannot be used.
    #[error(transparent)]
    Blobs(#[from] BlobError),
    /// The deployment's folder cannot be packed.
    #[error("failed to pack the deployment for {host}")]
    Archive {
        /// The host.
        host: HostName,
        /// Why.
        #[source]
        source: ArchiveError,
    },
    /// The ledger cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no way back.
    #[error(transparent)]
    NoWayBack(#[from] NoWayBack),
    /// A plan names no deployment for a host that it lists.
    #[error("the plan says nothing of {host}")]
    NotPlanned {
        /// The host.
        host: HostName,
    },
    /// The rollout ended, and not well.
    #[error("{}", super::words::outcome(.0))]
    Ended(Box<Outcome>),
}

impl RolloutError {
    pub(super) fn reach(host: &HostName) -> impl FnOnce(SshError) -> Self {
        let host = host.clone();
        move |source| Self::Reach { host, source }
    }
}

impl Explain for RolloutError {
    fn kind(&self) -> Kind {
        match self {
            Self::Reach { source, .. } => source.kind(),
            Self::Unreachable(_) => Kind::Unreachable,
            Self::Verb { source, .. } => source.kind(),
            Self::Inventory { .. } | Self::Unfit { .. } => Kind::Refused,
            Self::NotPlanned { .. } => Kind::Bug,
            Self::NoWayBack(error) => error.kind(),
            Self::NoEnvironment { .. } | Self::NoHosts { .. } => Kind::Invalid,
            Self::Placement(error) => error.kind(),
            Self::Render(error) => error.kind(),
            Self::NotPermitted(error) => error.kind(),
            Self::Plan(error) => error.kind(),
            Self::Refused(error) => error.kind(),
            Self::Blobs(error) => error.kind(),
            Self::Store(error) => error.kind(),
            Self::Lost { .. }
            | Self::Unhealthy { .. }
            | Self::Ship { .. }
            | Self::OtherImage { .. }
            | Self::Archive { .. } => Kind::Failed,
            Self::Ended(outcome) => outcome.kind().unwrap_or(Kind::Failed),
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Reach { source, .. } | Self::Lost { source, .. } => source.hints(),
            Self::Unreachable(hosts) => {
                let mut hints: Vec<_> = hosts.values().flat_map(Explain::hints).collect();
                hints.dedup();
                hints
            }
            Self::Verb { source, .. } => source.hints(),
            Self::Unfit { hint, .. } | Self::Unhealthy { hint, .. } => vec![hint.clone()],
            Self::Inventory { .. } => {
                vec!["is it a CoreOS-like host with systemd and Docker?".to_owned()]
            }
            Self::Ship { host, .. } => {
                vec![format!(
                    "look at `df` and `journalctl -u docker` on {host}, then run the same command again"
                )]
            }
            Self::OtherImage { .. } => vec![
                "run the same command again; if it persists, the kept image or the link is damaged"
                    .to_owned(),
            ],
            Self::NoHosts { .. } => {
                vec!["name a host as the environment's `hosts:` does, or use `*`".to_owned()]
            }
            Self::NoWayBack(error) => error.hints(),
            Self::Placement(error) => error.hints(),
            Self::Render(error) => error.hints(),
            Self::NotPermitted(error) => error.hints(),
            Self::Plan(error) => error.hints(),
            Self::Refused(error) => error.hints(),
            Self::Blobs(error) => error.hints(),
            Self::Store(error) => error.hints(),
            Self::NoEnvironment { known, .. } => vec![environments(known)],
            Self::NotPlanned { .. } | Self::Archive { .. } => Vec::new(),
            Self::Ended(outcome) => super::words::hints(outcome),
        }
    }
}

/// Returns an error with its causes on one line.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut texts = vec![error.to_string()];
    let mut source = error.source();
    while let Some(cause) = source {
        texts.push(cause.to_string());
        source = cause.source();
    }
    texts.dedup();
    texts.join(": ").replace('\n', "; ")
}

/// Returns why a host does not answer, where it is clear which host is meant.
pub(super) fn why(error: &RolloutError) -> String {
    if let RolloutError::Reach { source, .. } = error {
        format!("failed to {}", chain(source))
    } else {
        chain(error)
    }
}

fn list(hosts: &BTreeMap<HostName, RolloutError>) -> String {
    let names: Vec<_> = hosts.keys().map(HostName::as_str).collect();
    let mut text = names.join(", ");
    for (host, error) in hosts {
        text.push_str(&format!("\n{host}: {}", why(error)));
    }
    text
}

/// Returns the hint about a definition's environments.
pub(in crate::pipeline) fn environments(known: &[EnvironmentName]) -> String {
    let names: Vec<_> = known.iter().map(EnvironmentName::as_str).collect();
    if names.is_empty() {
        "add one under `environments:` in longshore.yaml".to_owned()
    } else {
        format!("environments are: {}", names.join(", "))
    }
}
