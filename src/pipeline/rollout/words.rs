//! How the end of a rollout is told.

use std::collections::BTreeMap;

use crate::domain::failure::Kind;
use crate::domain::ledger::RolloutOutcome;
use crate::domain::name::HostName;
use crate::domain::plan::reducer::{Cause, Outcome};

/// Returns what a person is told of an end.
pub(super) fn outcome(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Healthy => "every host runs it, healthy and confirmed".to_owned(),
        Outcome::Unchanged { cause, failures } => {
            format!(
                "no host was changed: {}{}",
                because(cause),
                listed(failures)
            )
        }
        Outcome::Reverted { cause, failures } => {
            format!(
                "every host is back on what it ran before: {}{}",
                because(cause),
                listed(failures)
            )
        }
        Outcome::Mixed {
            cause,
            failures,
            hosts,
        } => {
            let sides: Vec<_> = hosts
                .iter()
                .map(|(host, side)| format!("{host} {side}"))
                .collect();
            format!(
                "hosts differ ({}): {}{}",
                sides.join(", "),
                because(cause),
                listed(failures)
            )
        }
    }
}

/// Returns the kind of failure that an end is.
pub(super) fn kind(outcome: &Outcome) -> Kind {
    match outcome {
        Outcome::Healthy => Kind::Bug,
        Outcome::Unchanged { cause, .. } => match cause {
            Cause::NotLocked { kind, .. } | Cause::NotReady { kind } => *kind,
            Cause::Interrupted => Kind::Interrupted,
            Cause::NothingToDo | Cause::Failures | Cause::LeaseLost => Kind::Failed,
        },
        Outcome::Reverted {
            cause: Cause::Interrupted,
            ..
        }
        | Outcome::Mixed {
            cause: Cause::Interrupted,
            ..
        } => Kind::Interrupted,
        Outcome::Reverted { .. } | Outcome::Mixed { .. } => Kind::Failed,
    }
}

/// Returns what to do about an end.
pub(super) fn hints(outcome: &Outcome) -> Vec<String> {
    let hint = match outcome {
        Outcome::Healthy => return Vec::new(),
        Outcome::Unchanged {
            cause: Cause::NotLocked { .. },
            ..
        } => "wait until that rollout is over, or until its lease ends if it died",
        Outcome::Unchanged { .. } => "mend it, then run the same command again",
        Outcome::Reverted { .. } => {
            "mend it, then run the same command again; `longshore status` shows what runs"
        }
        Outcome::Mixed { .. } => {
            "hosts that did not confirm go back by themselves; run the same command again to go on, or `longshore rollback`"
        }
    };
    vec![hint.to_owned()]
}

/// Returns what the ledger keeps of an end; nothing if no host was touched.
pub(super) fn recorded(end: &Outcome) -> Option<RolloutOutcome> {
    match end {
        Outcome::Healthy => Some(RolloutOutcome::Healthy),
        Outcome::Unchanged { .. } | Outcome::Reverted { .. } => Some(RolloutOutcome::Reverted {
            reason: outcome(end),
        }),
        Outcome::Mixed { .. } => Some(RolloutOutcome::Mixed {
            reason: outcome(end),
        }),
    }
}

fn because(cause: &Cause) -> String {
    match cause {
        Cause::NothingToDo => "there is nothing to do".to_owned(),
        Cause::NotLocked { reason, .. } => reason.clone(),
        Cause::NotReady { .. } => "not every host was ready".to_owned(),
        Cause::Failures => "it failed".to_owned(),
        Cause::Interrupted => "interrupted".to_owned(),
        Cause::LeaseLost => "the lock's lease was lost".to_owned(),
    }
}

fn listed(failures: &BTreeMap<HostName, String>) -> String {
    failures
        .iter()
        .map(|(host, reason)| format!("\n{host}: {reason}"))
        .collect()
}
