//! What `build` and `test` have in common: an engine, what killed runs left on it removed, and an end on request.

use std::num::NonZeroUsize;
use std::thread::available_parallelism;

use super::context::Context;
use super::failure::Failure;
use crate::domain::failure::Kind;
use crate::pipeline::fleet::Fleet;
use crate::pipeline::lease::{EVERY, holding};
use crate::pipeline::project::Project;
use crate::pipeline::reap::{Reach, reap};
use crate::pipeline::{Events, Tools};

/// Returns how much runs at a time: what is asked for, else as much as there are processors.
pub(super) fn jobs(asked: Option<NonZeroUsize>) -> usize {
    let jobs = asked.or_else(|| available_parallelism().ok());
    jobs.map_or(1, NonZeroUsize::get)
}

/// Does work on a project with its engines, from which what killed runs left is removed before.
///
/// # Errors
///
/// If no engine answers, the work fails, or the user asks twice for an end.
pub(super) async fn work<T>(
    context: &Context,
    project: &Project,
    work: impl AsyncFnOnce(Tools) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let fleet = Fleet::connect(project).await?;
    let done = async |events: Events| {
        for engine in fleet.engines() {
            reap(engine, &events, Reach::Forgotten).await?;
        }
        let interrupt = context.interrupt.first.clone();
        let tools = Tools::new(project, fleet.clone(), events.clone(), interrupt);
        let run = tools.run.clone();
        let done = holding((fleet.engines(), &events), &run, EVERY, work(tools)).await;
        done.map_err(|failure| failure.masked(project.secrets.masker()))
    };
    let at_once = Failure::new(
        Kind::Interrupted,
        "interrupted twice; what was running is left behind",
    )
    .hint("the next run removes it, or `longshore gc` does");
    // Inside `show`, so that its live lines are cleared away.
    context
        .show(async |events| {
            let told = async {
                context.interrupt.first.cancelled().await;
                events.note("interrupted: removing what was made; a second time ends at once");
                std::future::pending().await
            };
            tokio::select! {
                biased;
                done = done(events.clone()) => done,
                never = told => never,
                () = context.interrupt.second.cancelled() => Err(at_once),
            }
        })
        .await
}
