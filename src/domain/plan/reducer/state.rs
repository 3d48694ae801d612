//! The state of a rollout and its steps.

use std::collections::{BTreeMap, BTreeSet};

use super::value::{Cause, Command, Event, Failed, Outcome, Side};
use crate::domain::name::{DeploymentId, HostName, ServiceName};
use crate::domain::plan::rollout::Plan;

/// A rollout under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    pub(super) hosts: BTreeMap<HostName, Host>,
    pub(super) batches: Vec<Vec<HostName>>,
    pub(super) max_in_flight: usize,
    pub(super) max_failures: usize,
    pub(super) guard_seconds: u64,
    pub(super) token: u64,
    pub(super) phase: Phase,
    /// Commands that were given and have not ended.
    pub(super) running: BTreeSet<Command>,
    pub(super) failures: BTreeMap<HostName, String>,
    /// Whether some host was told to change something.
    pub(super) touched: bool,
    /// Why it does not go on; the first reason stays.
    pub(super) stopped: Option<Cause>,
    pub(super) interrupted: bool,
}

/// What one host has to do, and where it is in that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Host {
    pub(super) ship: BTreeSet<ServiceName>,
    pub(super) back: Option<DeploymentId>,
    pub(super) at: At,
}

/// Where a host is in its switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    Waiting,
    Applying,
    Gating,
    Confirming,
    Confirmed,
    Reverting,
    Old,
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Idle,
    Locking,
    Preflight,
    Staging,
    Batch(usize),
    GoingBack,
    Pruning,
    Unlocking,
    Finished,
}

impl State {
    /// Makes the state of a plan that has not begun.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        let host = |name: &HostName| {
            let host = plan.hosts.get(name)?;
            let host = Host {
                ship: host.ship.keys().cloned().collect(),
                back: host.from.clone(),
                at: At::Waiting,
            };
            Some((name.clone(), host))
        };
        Self {
            hosts: plan.batches.iter().flatten().filter_map(host).collect(),
            batches: plan.batches.clone(),
            max_in_flight: usize::from(plan.policy.max_in_flight.max(1)),
            max_failures: usize::from(plan.policy.max_failures),
            guard_seconds: plan.policy.guard.as_secs(),
            token: 0,
            phase: Phase::Idle,
            running: BTreeSet::new(),
            failures: BTreeMap::new(),
            touched: false,
            stopped: None,
            interrupted: false,
        }
    }

    /// Takes in what happened and returns what is to be done next. What ended late, after the rollout gave it up, is
    /// ignored.
    #[must_use]
    pub fn step(mut self, event: Event) -> (Self, Vec<Command>) {
        let mut commands = match event {
            Event::Begin => self.begin(),
            Event::Locked { token } => self.locked(token),
            Event::Ended { command, result } if self.running.remove(&command) => {
                self.ended(&command, result)
            }
            Event::Ended { .. } => Vec::new(),
            Event::Interrupted => self.interrupted(),
            Event::LeaseLost => self.abandon(Cause::LeaseLost),
        };
        while self.running.is_empty() {
            let before = self.phase;
            commands.extend(self.advance());
            if self.phase == before {
                break;
            }
        }
        (self, commands)
    }

    fn ended(&mut self, command: &Command, result: Result<(), Failed>) -> Vec<Command> {
        match command {
            Command::Lock => self.not_locked(result),
            Command::Preflight { host } => self.prepared(host, result),
            Command::Ship { host, .. } => self.shipped(host, result),
            Command::Stage { host } => self.prepared(host, result),
            Command::Apply { host, .. } => self.applied(host, result),
            Command::Gate { host, .. } => self.gated(host, result),
            Command::Confirm { host, .. } => self.confirmed(host, result),
            Command::Revert { host, .. } => self.reverted(host, result),
            Command::Prune { .. } | Command::Cancel => Vec::new(),
            Command::Unlock | Command::Finish { .. } => self.finish(),
        }
    }

    /// Decides what comes when nothing runs any more.
    fn advance(&mut self) -> Vec<Command> {
        let stopped = self.stopped.is_some();
        match self.phase {
            Phase::Preflight | Phase::Staging if stopped => self.unlock(),
            Phase::Preflight => self.stage(),
            Phase::Staging => self.batch(0),
            Phase::Batch(_) if self.stopped == Some(Cause::Failures) => {
                self.phase = Phase::GoingBack;
                Vec::new()
            }
            Phase::Batch(_) if stopped => self.unlock(),
            Phase::Batch(number) => self.batch(number + 1),
            Phase::GoingBack => self.go_back(),
            Phase::Pruning => self.unlock(),
            Phase::Idle | Phase::Locking | Phase::Unlocking | Phase::Finished => Vec::new(),
        }
    }

    pub(super) fn finish(&mut self) -> Vec<Command> {
        self.phase = Phase::Finished;
        let outcome = self.outcome();
        vec![Command::Finish { outcome }]
    }

    fn outcome(&self) -> Outcome {
        let side = |(host, work): (&HostName, &Host)| (host.clone(), side(work.at));
        let hosts: BTreeMap<_, _> = self.hosts.iter().map(side).collect();
        let all = |wanted| hosts.values().all(|side| *side == wanted);
        let cause = self.stopped.clone().unwrap_or(Cause::Failures);
        let failures = self.failures.clone();
        if !self.touched {
            Outcome::Unchanged { cause, failures }
        } else if all(Side::New) {
            Outcome::Healthy
        } else if all(Side::Old) {
            Outcome::Reverted { cause, failures }
        } else {
            Outcome::Mixed {
                cause,
                failures,
                hosts,
            }
        }
    }

    pub(super) fn give(&mut self, commands: impl IntoIterator<Item = Command>) -> Vec<Command> {
        let commands: Vec<_> = commands.into_iter().collect();
        self.running.extend(commands.iter().cloned());
        commands
    }
}

fn side(at: At) -> Side {
    match at {
        At::Waiting | At::Old => Side::Old,
        At::Confirmed => Side::New,
        At::Applying | At::Gating | At::Confirming | At::Reverting | At::Unknown => Side::Unknown,
    }
}
