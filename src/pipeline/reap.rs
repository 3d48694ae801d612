//! Removing what killed runs left on the engine. Nothing else is touched.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Events;
use super::build::chain;
use crate::domain::event::{Outcome, Work};
use crate::domain::ledger::Timestamp;
use crate::system::engine::{Alive, Engine, EngineError, Leftover};

/// What was found of other runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Reaped {
    /// What was removed, or would be: `container longshore-…`.
    pub removed: Vec<String>,
    /// What was left because nobody here can tell whether its run lives: it is of another machine and has no lease.
    pub unclear: Vec<String>,
    /// What could not be removed, with the reason.
    pub failed: Vec<String>,
}

/// How much is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// What dead runs left, but for what `--keep` means to stay.
    Forgotten,
    /// What is kept, too.
    Everything,
    /// As everything, but only told.
    DryRun,
}

/// Removes what runs left that are dead: their process is gone, or it cannot be seen from here and their lease has passed.
///
/// # Errors
///
/// If the engine cannot be asked what there is.
pub async fn reap(engine: &Engine, events: &Events, reach: Reach) -> Result<Reaped, EngineError> {
    let mut reaped = Reaped::default();
    let mut doomed: Vec<Leftover> = Vec::new();
    let all = engine.leftovers(&[]).await?;
    let leases = leases(&all);
    for left in all {
        let lease = leases.get(&left.run).copied();
        match alive(left.owner.alive(), lease, engine.now()) {
            Alive::Yes => {}
            Alive::Unknown => reaped.unclear.push(left.to_string()),
            Alive::No if left.kept && reach == Reach::Forgotten => {}
            Alive::No => doomed.push(left),
        }
    }
    if reach == Reach::DryRun {
        reaped.removed = doomed.iter().map(ToString::to_string).collect();
        return Ok(reaped);
    }
    if doomed.is_empty() {
        return Ok(reaped);
    }
    let running = events.start(Work::Reap);
    for left in doomed {
        running.phase(format!("removing {left}"));
        match engine.remove(&left).await {
            Ok(()) => reaped.removed.push(left.to_string()),
            Err(error) => reaped.failed.push(chain(&error)),
        }
    }
    if reaped.failed.is_empty() {
        running.end(Outcome::done(format!(
            "removed {} left by killed runs",
            reaped.removed.len()
        )));
    } else {
        running.end(Outcome::Failed {
            reason: reaped.failed.join("; "),
        });
    }
    Ok(reaped)
}

/// Returns until when each run lives: the latest deadline of all that it made.
fn leases(all: &[Leftover]) -> BTreeMap<String, Timestamp> {
    let mut leases = BTreeMap::new();
    for left in all {
        if let Some(until) = left.until {
            let lease = leases.entry(left.run.clone()).or_insert(until);
            *lease = until.max(*lease);
        }
    }
    leases
}

/// Tells whether a run lives. Its process is believed where it can be seen, else its lease.
fn alive(process: Alive, lease: Option<Timestamp>, now: Timestamp) -> Alive {
    match (process, lease) {
        (Alive::Yes | Alive::No, _) | (Alive::Unknown, None) => process,
        (Alive::Unknown, Some(until)) if until < now => Alive::No,
        (Alive::Unknown, Some(_)) => Alive::Yes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::engine::{LeftoverKind, Owner};

    #[test]
    fn a_process_is_believed_where_it_can_be_seen() {
        let (past, future, now) = (Timestamp(9), Timestamp(11), Timestamp(10));
        for lease in [None, Some(past), Some(future)] {
            assert_eq!(alive(Alive::Yes, lease, now), Alive::Yes);
            assert_eq!(alive(Alive::No, lease, now), Alive::No);
        }
        assert_eq!(alive(Alive::Unknown, Some(past), now), Alive::No);
        assert_eq!(alive(Alive::Unknown, Some(future), now), Alive::Yes);
        assert_eq!(alive(Alive::Unknown, None, now), Alive::Unknown);
    }

    #[test]
    fn the_latest_deadline_of_a_run_counts_for_all_of_it() {
        let left = |run: &str, until: Option<i64>| Leftover {
            kind: LeftoverKind::Volume,
            name: String::new(),
            run: run.to_owned(),
            owner: Owner::this_process(),
            kept: false,
            until: until.map(Timestamp),
        };
        let all = [
            left("a", Some(1)),
            left("a", Some(3)),
            left("a", None),
            left("b", None),
        ];
        assert_eq!(leases(&all), [("a".to_owned(), Timestamp(3))].into());
    }
}
