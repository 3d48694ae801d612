//! A run's lease: for whoever shares the engine and cannot see our process, a deadline that moves as long as we live.
//!
//! All that a run makes carries the deadline that it began with. It is moved by an empty volume whose label has the
//! newest one, since labels cannot be changed. The clock is the engine's.

use std::convert::Infallible;
use std::time::Duration;

use futures_util::future::join_all;

use super::Events;
use super::build::chain;
use crate::system::engine::{Engine, EngineError, Leftover, LeftoverKind, Run};

/// How often the deadline is moved: three times before it passes.
pub const EVERY: Duration = Duration::from_secs(Run::LEASE.unsigned_abs() / 3);

/// Carries out work under a run's lease on each of its engines, which is moved meanwhile and given back at the end.
pub async fn holding<'e, T>(
    (engines, events): (impl IntoIterator<Item = &'e Engine>, &Events),
    run: &Run,
    every: Duration,
    work: impl Future<Output = T>,
) -> T {
    let mut leases: Vec<_> = engines.into_iter().map(|engine| (engine, None)).collect();
    let renewed = leases
        .iter_mut()
        .map(|(engine, marker)| renewing((engine, events), run, every, marker));
    let done = tokio::select! {
        done = work => done,
        // Each of them goes on for ever.
        _ = join_all(renewed) => std::future::pending().await,
    };
    for (engine, marker) in leases {
        if let Some(marker) = marker
            && let Err(error) = engine.remove(&marker).await
        {
            events.warn(chain(&error));
        }
    }
    done
}

async fn renewing(
    (engine, events): (&Engine, &Events),
    run: &Run,
    every: Duration,
    marker: &mut Option<Leftover>,
) -> Infallible {
    loop {
        tokio::time::sleep(every).await;
        if let Err(error) = renew(engine, run, marker).await {
            // Three attempts may fail before anybody takes the run for dead.
            events.warn(chain(&error));
        }
    }
}

/// Makes a marker with a later deadline, then removes the one before: there is never none.
async fn renew(
    engine: &Engine,
    run: &Run,
    marker: &mut Option<Leftover>,
) -> Result<(), EngineError> {
    let until = Run::deadline(engine.now());
    let name = format!("longshore-{}-lease-{}", run.id, until.0);
    engine
        .create_volume(&name, &run.labels_until(until))
        .await?;
    let newer = Leftover {
        kind: LeftoverKind::Volume,
        name,
        run: run.id.to_string(),
        owner: run.owner().clone(),
        kept: false,
        until: Some(until),
    };
    match marker.replace(newer) {
        Some(older) => engine.remove(&older).await,
        None => Ok(()),
    }
}
