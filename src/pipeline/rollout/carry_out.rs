//! Carrying a plan out: the reducer says what comes next, this runs it and says how it ended.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::error::{RolloutError, chain};
use super::job::{Job, LEASE};
use super::{lock, steps};
use crate::domain::event::{HostStep, Outcome as Ending, Work};
use crate::domain::failure::{Explain, Kind};
use crate::domain::invocation::answer::Unanswered;
use crate::domain::name::HostName;
use crate::domain::plan::reducer::{Command, Event, Failed, Left, Outcome, State};
use crate::system::clock;

/// How the user asks to stop.
#[derive(Debug, Clone)]
pub struct Stops {
    /// Take back what is in hand, and stop.
    pub orderly: CancellationToken,
    /// Stop at once.
    pub at_once: CancellationToken,
}

/// Carries the job's plan out.
pub(super) async fn carry_out(job: Arc<Job>, stops: &Stops) -> Outcome {
    let mut runner = Runner {
        job: job.clone(),
        tasks: JoinSet::new(),
        cancel: CancellationToken::new(),
        lease: None,
    };
    let (lost, mut leases) = mpsc::unbounded_channel();
    let mut state = State::new(&job.plan);
    let mut next = Event::Begin;
    let (mut orderly, mut at_once) = (false, false);
    loop {
        if let Event::Locked { token } = next {
            runner.lease = Some(lock::keep(job.clone(), token, lost.clone()));
        }
        let (after, commands) = state.step(next);
        state = after;
        for command in commands {
            if let Command::Finish { outcome } = command {
                return outcome;
            }
            runner.start(command);
        }
        next = tokio::select! {
            Some(done) = runner.tasks.join_next() => match done {
                Ok(event) => event,
                // A task that panicked is a bug that must not hang the rollout: hosts have their guards.
                Err(_) => Event::LeaseLost,
            },
            () = stops.orderly.cancelled(), if !orderly => { orderly = true; Event::Interrupted }
            () = stops.at_once.cancelled(), if !at_once => { at_once = true; Event::Interrupted }
            Some(()) = leases.recv() => Event::LeaseLost,
        };
    }
}

struct Runner {
    job: Arc<Job>,
    tasks: JoinSet<Event>,
    cancel: CancellationToken,
    lease: Option<tokio_util::task::AbortOnDropHandle<()>>,
}

impl Runner {
    fn start(&mut self, command: Command) {
        if command == Command::Cancel {
            std::mem::take(&mut self.cancel).cancel();
            return;
        }
        if command == Command::Unlock {
            self.lease = None;
        }
        let (job, cancel) = (self.job.clone(), self.cancel.clone());
        self.tasks
            .spawn(async move { run(job, command, cancel).await });
    }
}

/// Runs one command, tells of it, and reports how it ended.
async fn run(job: Arc<Job>, command: Command, cancel: CancellationToken) -> Event {
    let work = work(&job, &command);
    let running = work.map(|work| job.events.start(work));
    let may_stop = !matches!(
        command,
        Command::Apply { .. } | Command::Confirm { .. } | Command::Revert { .. } | Command::Unlock
    );
    let doing = async {
        if command == Command::Lock {
            lock::take(&job).await.map(Some)
        } else {
            steps::step(&job, &command, running.as_ref())
                .await
                .map(|()| None)
        }
    };
    let result = tokio::select! {
        result = doing => result.map_err(|error| (failed(&command, &error), error.to_string())),
        () = cancel.cancelled(), if may_stop => {
            let reason = "cancelled".to_owned();
            Err((Failed { kind: Kind::Interrupted, left: Left::Unchanged, reason: reason.clone() }, reason))
        }
    };
    if let Some(running) = running {
        running.end(match &result {
            Ok(_) => Ending::DONE,
            Err((failed, _)) if failed.kind == Kind::Interrupted => Ending::Cancelled,
            Err((failed, _)) => Ending::Failed {
                reason: failed.reason.clone(),
            },
        });
    }
    match result {
        Ok(Some(token)) => Event::Locked { token },
        Ok(None) => Event::Ended {
            command,
            result: Ok(()),
        },
        Err((failed, _)) => Event::Ended {
            command,
            result: Err(failed),
        },
    }
}

fn failed(command: &Command, error: &RolloutError) -> Failed {
    let left = match (command, error) {
        (
            Command::Apply { .. },
            RolloutError::Verb {
                source: Unanswered::Refused(_),
                ..
            },
        ) => Left::Unchanged,
        (
            Command::Apply { .. },
            RolloutError::Verb {
                source: Unanswered::WentBack { .. },
                ..
            },
        ) => Left::Reverted,
        (Command::Apply { .. } | Command::Confirm { .. } | Command::Revert { .. }, _) => {
            Left::Unknown
        }
        (_, RolloutError::Lost { .. }) => Left::Unknown,
        (_, _) => Left::Unchanged,
    };
    Failed {
        kind: error.kind(),
        left,
        reason: reason(command, error),
    }
}

/// Says why, and what to do on that host. What to do about the lock is said once, with how the rollout ended.
fn reason(command: &Command, error: &RolloutError) -> String {
    let hints = error.hints();
    if hints.is_empty() || *command == Command::Lock {
        chain(error)
    } else {
        format!("{} ({})", chain(error), hints.join("; "))
    }
}

fn work(job: &Job, command: &Command) -> Option<Work> {
    let at = |host: &HostName, step| {
        Some(Work::Host {
            host: host.clone(),
            step,
        })
    };
    match command {
        Command::Lock => at(&job.home, HostStep::Lock),
        Command::Preflight { host } => at(host, HostStep::Preflight),
        Command::Ship { host, service } => at(
            host,
            HostStep::Ship {
                service: service.clone(),
            },
        ),
        Command::Stage { host } => at(host, HostStep::Stage),
        Command::Apply { host, .. } => at(host, HostStep::Switch),
        Command::Gate { host, .. } => at(host, HostStep::Gate),
        Command::Confirm { host, .. } => at(host, HostStep::Confirm),
        Command::Revert { host, .. } => at(host, HostStep::Revert),
        Command::Unlock => at(&job.home, HostStep::Unlock),
        Command::Prune { .. } | Command::Cancel | Command::Finish { .. } => None,
    }
}

/// Waits for the next moment to renew something that ends after so long.
pub(super) async fn renewal(ends: Duration) {
    tokio::time::sleep((ends / 3).max(Duration::from_secs(1))).await;
}

/// Tells whether a lease that was renewed last at `since` is over.
pub(super) fn over(since: std::time::Instant) -> bool {
    clock::instant().duration_since(since) >= LEASE
}
