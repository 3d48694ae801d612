//! The services beside a test: started in order, each when what it waits for has happened, and watched to the end.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::try_join_all;
use tokio::sync::watch;

use super::TestError;
use super::bed::Bed;
use crate::domain::cluster::Condition;
use crate::domain::event::{Outcome, Work};
use crate::domain::name::ServiceName;
use crate::domain::plan::test::needs;
use crate::pipeline::Running;
use crate::system::engine::{ContainerState, Health};

/// How often a container's state is asked for.
const POLL: Duration = Duration::from_millis(200);
/// How long all of them together may take to start. A migration that hangs must not hang the run.
const START: Duration = Duration::from_secs(10 * 60);

/// What ends a test early.
pub(super) enum Fault {
    /// It is red, and this service is why.
    Red {
        /// Whose fault it is.
        service: ServiceName,
        /// What it did.
        reason: String,
    },
    /// It cannot be carried out.
    Broken(TestError),
}

impl From<TestError> for Fault {
    fn from(error: TestError) -> Self {
        Self::Broken(error)
    }
}

/// What has happened to a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Reached {
    started: bool,
    healthy: bool,
    completed: bool,
    /// All that anybody waits for has happened; from now on it is watched.
    ready: bool,
}

impl Reached {
    fn meets(self, condition: Condition) -> bool {
        match condition {
            Condition::Started => self.started,
            Condition::Healthy => self.healthy,
            Condition::Completed => self.completed,
        }
    }
}

/// The services beside a test.
pub(super) struct Beside<'b> {
    bed: &'b Bed<'b>,
    reached: BTreeMap<ServiceName, watch::Sender<Reached>>,
}

impl<'b> Beside<'b> {
    pub(super) fn new(bed: &'b Bed<'b>) -> Self {
        let services = bed.wanted.beside.iter();
        let reached = services.map(|service| (service.clone(), watch::Sender::default()));
        Self {
            bed,
            reached: reached.collect(),
        }
    }

    /// Starts all of them and waits for what the test and they themselves wait for. One that dies meanwhile is a fault.
    pub(super) async fn start(&self, running: &Running) -> Result<(), Fault> {
        let all = try_join_all(
            self.bed
                .wanted
                .beside
                .iter()
                .map(|service| self.one(service)),
        );
        let started = tokio::time::timeout(START, async {
            tokio::select! {
                started = all => started.map(|_| ()),
                fault = self.fault() => Err(fault),
            }
        });
        running.phase("starting what it runs beside");
        started.await.unwrap_or_else(|_| Err(self.too_slow()))
    }

    /// Returns when one of them dies or becomes unhealthy.
    pub(super) async fn fault(&self) -> Fault {
        loop {
            if let Err(fault) = self.look().await {
                return fault;
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Looks once whether one of them died or became unhealthy.
    pub(super) async fn look(&self) -> Result<(), Fault> {
        for (service, reached) in &self.reached {
            if reached.borrow().ready {
                let state = self.bed.state(service).await?;
                if let Some(reason) = death(&state) {
                    return Err(Fault::Red {
                        service: service.clone(),
                        reason,
                    });
                }
            }
        }
        Ok(())
    }

    async fn one(&self, service: &ServiceName) -> Result<(), Fault> {
        let work = Work::Linked {
            test: self.bed.wanted.test.clone(),
            service: service.clone(),
        };
        let running = self.bed.tools.events.start(work);
        let done = self.bring_up(service, &running).await;
        match &done {
            Ok(()) => running.end(Outcome::DONE),
            Err(Fault::Red { reason, .. }) => running.end(Outcome::Failed {
                reason: reason.clone(),
            }),
            Err(Fault::Broken(_)) => drop(running),
        }
        done
    }

    async fn bring_up(&self, service: &ServiceName, running: &Running) -> Result<(), Fault> {
        for (need, condition) in self.conditions(service) {
            running.phase(format!("waiting for {need} {}", words(condition)));
            self.until(&need, condition).await;
        }
        running.phase("starting");
        start(self.bed, service).await?;
        let reached = &self.reached[service];
        reached.send_modify(|reached| reached.started = true);
        if self.is_asked(service, Condition::Healthy) {
            running.phase("waiting to be healthy");
            self.until_healthy(service).await?;
            reached.send_modify(|reached| reached.healthy = true);
        }
        if self.is_asked(service, Condition::Completed) {
            running.phase("waiting to complete");
            self.until_completed(service).await?;
            reached.send_modify(|reached| reached.completed = true);
        }
        reached.send_modify(|reached| reached.ready = true);
        Ok(())
    }

    /// Returns what a service waits for: a link is a dependency that waits for the start.
    fn conditions(&self, service: &ServiceName) -> Vec<(ServiceName, Condition)> {
        let cluster = self.bed.cluster;
        let declared = &cluster.services[service].depends_on;
        let condition = |need: &ServiceName| {
            declared
                .get(need)
                .map_or(Condition::Started, |need| need.condition)
        };
        let needs = needs(cluster, service).into_iter();
        needs.map(|need| (need.clone(), condition(&need))).collect()
    }

    async fn until(&self, need: &ServiceName, condition: Condition) {
        if let Some(reached) = self.reached.get(need) {
            // The sender lives as long as this does, so it never fails.
            let _ = reached
                .subscribe()
                .wait_for(|reached| reached.meets(condition))
                .await;
        }
    }

    /// Tells whether the test or a service beside it waits for this.
    fn is_asked(&self, service: &ServiceName, condition: Condition) -> bool {
        self.bed.services().any(|other| {
            let declared = &self.bed.cluster.services[other].depends_on;
            declared
                .get(service)
                .is_some_and(|need| need.condition == condition)
        })
    }

    async fn until_healthy(&self, service: &ServiceName) -> Result<(), Fault> {
        let red = |reason| Fault::Red {
            service: service.clone(),
            reason,
        };
        loop {
            let state = self.bed.state(service).await?;
            if let Some(reason) = death(&state) {
                return Err(red(reason));
            }
            match state.health {
                Health::Healthy => return Ok(()),
                Health::Unchecked => {
                    let reason = "has no health check, neither its own nor its image's, and is waited for to be healthy";
                    return Err(red(reason.to_owned()));
                }
                Health::Starting | Health::Unhealthy { .. } if state.running => {}
                Health::Starting | Health::Unhealthy { .. } => {
                    return Err(red("ended before it was healthy".to_owned()));
                }
            }
            tokio::time::sleep(POLL).await;
        }
    }

    async fn until_completed(&self, service: &ServiceName) -> Result<(), Fault> {
        let container = self.bed.names.container(service);
        loop {
            let waited = self.bed.tools.engine.wait_container(&container).await;
            waited.map_err(self.bed.failed())?;
            let state = self.bed.state(service).await?;
            if let Some(reason) = death(&state) {
                return Err(Fault::Red {
                    service: service.clone(),
                    reason,
                });
            }
            // One with a restart policy may be running again.
            if !state.running {
                return Ok(());
            }
            tokio::time::sleep(POLL).await;
        }
    }

    fn too_slow(&self) -> Fault {
        let unmet = |service: &&ServiceName| !self.reached[*service].borrow().ready;
        // In start order, so the first is what the others wait for.
        let service = self.bed.wanted.beside.iter().find(unmet);
        let service = service.unwrap_or(self.bed.service).clone();
        Fault::Red {
            service,
            reason: format!("was not ready within {} minutes", START.as_secs() / 60),
        }
    }
}

/// Makes and starts a container. One whose program cannot be run is a fault of its service.
pub(super) async fn start(bed: &Bed<'_>, service: &ServiceName) -> Result<(), Fault> {
    bed.create(service).await?;
    match bed
        .tools
        .engine
        .start_container(&bed.names.container(service))
        .await
    {
        Ok(()) => Ok(()),
        Err(error) if error.refused() => Err(Fault::Red {
            service: service.clone(),
            reason: crate::pipeline::build::chain(&error),
        }),
        Err(error) => Err(bed.failed()(error).into()),
    }
}

/// Says how a container died or became unhealthy. One that ended with 0 did what it was there for.
fn death(state: &ContainerState) -> Option<String> {
    match &state.health {
        Health::Unhealthy { output } if state.running => {
            let last = output.lines().last().unwrap_or_default();
            return Some(
                format!("became unhealthy: {last}")
                    .trim_end_matches(": ")
                    .to_owned(),
            );
        }
        Health::Unhealthy { .. } | Health::Unchecked | Health::Starting | Health::Healthy => {}
    }
    let died = !state.running && state.exit_code != 0;
    died.then(|| {
        let memory = if state.out_of_memory {
            ", out of memory"
        } else {
            ""
        };
        format!("ended with exit code {}{memory}", state.exit_code)
    })
}

fn words(condition: Condition) -> &'static str {
    match condition {
        Condition::Started => "to start",
        Condition::Healthy => "to be healthy",
        Condition::Completed => "to complete",
    }
}
