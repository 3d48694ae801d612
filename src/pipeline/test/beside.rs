//! The services beside a test: started in order, each when what it waits for has happened, and watched to the end.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::try_join_all;
use tokio::sync::watch;

use super::TestError;
use super::bed::Bed;
use super::words::period_words;
use crate::domain::cluster::Condition;
use crate::domain::event::{Outcome, Work};
use crate::domain::name::ServiceName;
use crate::domain::plan::test::{beside, is_required, needs, required};
use crate::pipeline::Running;
use crate::pipeline::build::chain;
use crate::system::engine::{ContainerState, Health};

/// How often a container's state is asked for.
const POLL: Duration = Duration::from_millis(200);

/// What ends a test early.
pub(super) enum Fault {
    /// It is red, and this service is why.
    Red {
        /// Whose fault it is.
        service: ServiceName,
        /// What it did.
        reason: String,
        /// Whether its container was ended from outside, as it is when the engine goes away.
        killed: bool,
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
    /// It failed, and the test can do without it.
    failed: bool,
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
    /// Those that the test cannot do without.
    required: BTreeSet<ServiceName>,
    reached: BTreeMap<ServiceName, watch::Sender<Reached>>,
}

impl<'b> Beside<'b> {
    pub(super) fn new(bed: &'b Bed<'b>) -> Self {
        let services = bed.wanted.beside.iter();
        let reached = services.map(|service| (service.clone(), watch::Sender::default()));
        Self {
            bed,
            required: required(bed.cluster, bed.service),
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
        running.phase("starting what it runs beside");
        tokio::select! {
            started = all => started.map(|_| ()),
            fault = self.fault() => Err(fault),
        }
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
            let Reached { ready, failed, .. } = *reached.borrow();
            if ready && !failed {
                let state = self.bed.state(service).await?;
                if let Some(fault) = death(service, &state) {
                    self.unless_optional(service, fault)?;
                }
            }
        }
        Ok(())
    }

    /// Takes the fault of a service that the test can do without for a warning.
    fn unless_optional(&self, service: &ServiceName, fault: Fault) -> Result<(), Fault> {
        if self.required.contains(service) {
            return Err(fault);
        }
        let reason = match fault {
            Fault::Red { reason, .. } => reason,
            Fault::Broken(TestError::Engine { source, .. }) if source.refused() => chain(&source),
            Fault::Broken(error) => return Err(Fault::Broken(error)),
        };
        let test = &self.bed.wanted.test;
        let warning =
            format!("test {test} goes on without {service}, which is not required: it {reason}");
        self.bed.tools.events.warn(warning);
        self.reached[service].send_modify(|reached| reached.failed = true);
        Ok(())
    }

    async fn one(&self, service: &ServiceName) -> Result<(), Fault> {
        let running = self.bed.tools.events.start(self.work(service));
        let limit = self.bed.test().start_timeout;
        let limit = if self.required.contains(service) {
            limit
        } else {
            // So that those which wait for one that the test can do without have time left.
            limit / 2
        };
        let done = tokio::time::timeout(limit, self.bring_up(service, &running)).await;
        let done = done.unwrap_or_else(|_| Err(self.too_slow(service, limit)));
        match &done {
            Ok(()) => running.end(Outcome::DONE),
            Err(Fault::Red { reason, .. }) => running.end(Outcome::Failed {
                reason: reason.clone(),
            }),
            Err(Fault::Broken(_)) => drop(running),
        }
        done.or_else(|fault| self.unless_optional(service, fault))
    }

    fn work(&self, service: &ServiceName) -> Work {
        Work::Linked {
            test: self.bed.wanted.test.clone(),
            service: service.clone(),
        }
    }

    async fn bring_up(&self, service: &ServiceName, running: &Running) -> Result<(), Fault> {
        for (need, condition) in self.conditions(service) {
            running.phase(format!("waiting for {need} {}", words(condition)));
            let is_there = self.until(&need, condition).await;
            if !is_there && is_required(self.bed.cluster, service, &need) {
                return Err(red(service, format!("needs {need}, which is not there")));
            }
        }
        running.phase("starting");
        start(self.bed, service).await?;
        self.bed.follow(service, self.work(service));
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

    /// Waits until a condition is met, and tells whether it is: what is not required may have failed instead.
    async fn until(&self, need: &ServiceName, condition: Condition) -> bool {
        let Some(reached) = self.reached.get(need) else {
            return true;
        };
        let mut reached = reached.subscribe();
        let settled = reached.wait_for(|reached| reached.meets(condition) || reached.failed);
        // The sender lives as long as this does, so it never fails.
        settled.await.is_ok_and(|reached| reached.meets(condition))
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
        loop {
            let state = self.bed.state(service).await?;
            if let Some(fault) = death(service, &state) {
                return Err(fault);
            }
            match state.health {
                Health::Healthy => return Ok(()),
                Health::Unchecked => {
                    let reason = "has no health check, neither its own nor its image's, and is waited for to be healthy";
                    return Err(red(service, reason));
                }
                Health::Starting | Health::Unhealthy { .. } if state.running => {}
                Health::Starting | Health::Unhealthy { .. } => {
                    return Err(red(service, "ended before it was healthy"));
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
            if let Some(fault) = death(service, &state) {
                return Err(fault);
            }
            // One with a restart policy may be running again.
            if !state.running {
                return Ok(());
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Says who took too long: the service itself, or what it waits for.
    fn too_slow(&self, service: &ServiceName, limit: Duration) -> Fault {
        let within = beside(self.bed.cluster, service);
        let unmet = |other: &&ServiceName| {
            self.reached.get(*other).is_some_and(|reached| {
                let reached = reached.borrow();
                !reached.ready && !reached.failed
            })
        };
        // In start order, so the first is what the others wait for.
        let first = within.iter().find(unmet).unwrap_or(service);
        let limit = period_words(limit);
        red(first, format!("was not ready within {limit}"))
    }
}

fn red(service: &ServiceName, reason: impl Into<String>) -> Fault {
    Fault::Red {
        service: service.clone(),
        reason: reason.into(),
        killed: false,
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
            reason: chain(&error),
            killed: false,
        }),
        Err(error) => Err(bed.failed()(error).into()),
    }
}

/// Tells of a container that died or became unhealthy. One that ended with 0 did what it was there for.
fn death(service: &ServiceName, state: &ContainerState) -> Option<Fault> {
    match &state.health {
        Health::Unhealthy { output } if state.running => {
            let last = output.lines().last().unwrap_or_default();
            let reason = format!("became unhealthy: {last}");
            return Some(red(service, reason.trim_end_matches(": ")));
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
        Fault::Red {
            service: service.clone(),
            reason: format!("ended with exit code {}{memory}", state.exit_code),
            killed: state.killed(),
        }
    })
}

fn words(condition: Condition) -> &'static str {
    match condition {
        Condition::Started => "to start",
        Condition::Healthy => "to be healthy",
        Condition::Completed => "to complete",
    }
}
