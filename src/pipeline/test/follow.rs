//! Logs of a test's containers: followed from their start, told as they come, kept as they grow.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::Tail;
use super::bed::Bed;
use crate::domain::cluster::Restart;
use crate::domain::event::{Event, Work};
use crate::domain::name::ServiceName;
use crate::pipeline::build::chain;
use crate::system::engine::{self, EngineError, KeptLog};

/// How long the rest of the log of a container that ended may take to come.
const REST: Duration = Duration::from_secs(10);
/// How long it is waited for where the container may run on.
const MOMENT: Duration = Duration::from_millis(200);

/// Logs that are followed. Each ends with its container, with the last lines if the engine gave it whole.
#[derive(Debug, Default)]
pub(super) struct Following(Mutex<Logs>);

type Logs = BTreeMap<ServiceName, JoinHandle<Option<engine::Tail>>>;

impl Following {
    fn all(&self) -> MutexGuard<'_, Logs> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bed<'_> {
    /// Begins to follow the log of a container that has just been started, and tells its lines as those of `work`. An
    /// engine that gives no log, because its log driver keeps none, is no reason not to run.
    pub(super) fn follow(&self, service: &ServiceName, work: Work) {
        let (engine, events) = (self.tools.engine.clone(), self.tools.events.clone());
        let (container, path) = (self.names.container(service), self.log(service));
        let following = tokio::spawn(async move {
            let mut tail = engine::Tail::default();
            let masker = events.masker().clone();
            let log = KeptLog {
                container: &container,
                path: &path,
                follow: true,
                masker: &masker,
            };
            let tell = |line: &str| {
                tail.push(line);
                events.tell(Event::Log {
                    work: work.clone(),
                    line: line.to_owned(),
                });
            };
            let kept = engine.keep_log(log, tell).await;
            kept.is_ok().then_some(tail)
        });
        self.following.all().insert(service.clone(), following);
    }

    /// Keeps every container's log, and returns the last lines of these. Containers that are to go are killed before, so
    /// that their logs end.
    pub(super) async fn keep_logs(&self, of: &[ServiceName], go: bool) -> Vec<Tail> {
        self.made().await;
        let each = self.services().map(|service| async move {
            if go {
                // One that cannot be killed has its log read as it is.
                let container = self.names.container(service);
                let _ = self.tools.engine.kill_container(&container).await;
            }
            let lines = match self.followed(service, if go { REST } else { MOMENT }).await {
                Some(tail) => tail.lines(),
                None => self.read_log(service).await,
            };
            Tail {
                service: service.clone(),
                log: self.log(service),
                lines,
            }
        });
        let tails = join_all(each).await;
        let wanted = |tail: &Tail| of.contains(&tail.service) && !tail.lines.is_empty();
        tails.into_iter().filter(wanted).collect()
    }

    /// Waits until a followed log is whole. None if it is not, or if its container may have been started anew by the
    /// engine, where following ends early.
    async fn followed(&self, service: &ServiceName, within: Duration) -> Option<engine::Tail> {
        let following = self.following.all().remove(service);
        let mut following = following?;
        let Ok(ended) = timeout(within, &mut following).await else {
            following.abort();
            // It has stopped writing to the file before another begins.
            let _ = following.await;
            return None;
        };
        let is_tests = service == self.service;
        let once = is_tests || self.cluster.services[service].restart == Restart::No;
        ended.ok().flatten().filter(|_| once)
    }

    /// Reads a log anew, and returns its last lines.
    async fn read_log(&self, service: &ServiceName) -> Vec<String> {
        let mut tail = engine::Tail::default();
        let (container, path) = (self.names.container(service), self.log(service));
        let log = KeptLog {
            container: &container,
            path: &path,
            follow: false,
            masker: self.tools.events.masker(),
        };
        let kept = self
            .tools
            .engine
            .keep_log(log, |line| tail.push(line))
            .await;
        // A container that was never made has no log; a file that cannot be written is told of.
        if let Err(error @ EngineError::Log { .. }) = kept {
            self.tools.events.warn(chain(&error));
        }
        tail.lines()
    }
}
