//! Removing what killed runs left on the engine. Nothing else is touched.

use serde::Serialize;

use super::Events;
use super::build::chain;
use crate::domain::event::{Outcome, Work};
use crate::system::engine::{Alive, Engine, EngineError, Leftover};

/// What was found of other runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Reaped {
    /// What was removed, or would be: `container longshore-…`.
    pub removed: Vec<String>,
    /// What was left because nobody here can tell whether its run lives, on another machine for example.
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

/// Removes what runs left whose process is gone.
///
/// # Errors
///
/// If the engine cannot be asked what there is.
pub async fn reap(engine: &Engine, events: &Events, reach: Reach) -> Result<Reaped, EngineError> {
    let mut reaped = Reaped::default();
    let mut doomed: Vec<Leftover> = Vec::new();
    for left in engine.leftovers(&[]).await? {
        match left.owner.alive() {
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
