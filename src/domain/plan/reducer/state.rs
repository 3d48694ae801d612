//! The state of a rollout and its steps.

use std::collections::{BTreeMap, BTreeSet};

use super::value::{Cause, Command, Event, Failed, Left, Outcome, Side};
use crate::domain::failure::Kind;
use crate::domain::name::{DeploymentId, HostName, ServiceName};
use crate::domain::plan::rollout::Plan;

/// A rollout under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    hosts: BTreeMap<HostName, Host>,
    batches: Vec<Vec<HostName>>,
    max_in_flight: usize,
    max_failures: usize,
    guard_seconds: u64,
    token: u64,
    phase: Phase,
    /// Commands that were given and have not ended.
    running: BTreeSet<Command>,
    failures: BTreeMap<HostName, String>,
    /// Whether some host was told to change something.
    touched: bool,
    /// Why it does not go on; the first reason stays.
    stopped: Option<Cause>,
    interrupted: bool,
}

/// What one host has to do, and where it is in that.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Host {
    ship: BTreeSet<ServiceName>,
    /// Whether an unconfirmed switch has to be taken back first.
    leftover: bool,
    back: Option<DeploymentId>,
    at: At,
}

/// Where a host is in its switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Waiting,
    TakingBack,
    Applying,
    Gating,
    Confirming,
    Confirmed,
    Reverting,
    Old,
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
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
                leftover: host.leftover.is_some(),
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

    fn begin(&mut self) -> Vec<Command> {
        if self.phase != Phase::Idle {
            return Vec::new();
        }
        if self.hosts.is_empty() {
            self.stopped = Some(Cause::NothingToDo);
            return self.finish();
        }
        self.phase = Phase::Locking;
        self.give([Command::Lock])
    }

    fn locked(&mut self, token: u64) -> Vec<Command> {
        if !self.running.remove(&Command::Lock) {
            return Vec::new();
        }
        self.token = token;
        self.phase = Phase::Preflight;
        if self.stopped.is_some() {
            return Vec::new();
        }
        let hosts: Vec<_> = self.hosts.keys().cloned().collect();
        self.give(hosts.into_iter().map(|host| Command::Preflight { host }))
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

    fn not_locked(&mut self, result: Result<(), Failed>) -> Vec<Command> {
        let Failed { kind, left, reason } = match result {
            Ok(()) => Failed {
                kind: Kind::Bug,
                left: Left::Unknown,
                reason: "no token was given".to_owned(),
            },
            Err(failed) => failed,
        };
        self.stopped
            .get_or_insert(Cause::NotLocked { kind, reason });
        match left {
            Left::Unknown => self.unlock(),
            Left::Unchanged | Left::Reverted => self.finish(),
        }
    }

    fn prepared(&mut self, host: &HostName, result: Result<(), Failed>) -> Vec<Command> {
        let Err(failed) = result else {
            return Vec::new();
        };
        let shipping = self.phase == Phase::Staging;
        let gravest = match &self.stopped {
            None => failed.kind,
            // All preflights are heard, so that every problem is told at once.
            Some(Cause::NotReady { kind }) if !shipping => failed.kind.max(*kind),
            // What was cancelled has not failed.
            Some(_) => return Vec::new(),
        };
        self.note(host, failed.reason);
        self.stopped = Some(Cause::NotReady { kind: gravest });
        if shipping { self.cancel() } else { Vec::new() }
    }

    fn stage(&mut self) -> Vec<Command> {
        self.phase = Phase::Staging;
        let mut commands = Vec::new();
        for (host, work) in &self.hosts {
            let ships = work.ship.iter().map(|service| Command::Ship {
                host: host.clone(),
                service: service.clone(),
            });
            commands.extend(ships);
            if work.ship.is_empty() {
                commands.push(Command::Stage { host: host.clone() });
            }
        }
        self.give(commands)
    }

    fn shipped(&mut self, host: &HostName, result: Result<(), Failed>) -> Vec<Command> {
        if result.is_err() {
            return self.prepared(host, result);
        }
        let same = |command: &Command| matches!(command, Command::Ship { host: other, .. } if other == host);
        if self.stopped.is_some() || self.running.iter().any(same) {
            return Vec::new();
        }
        self.give([Command::Stage { host: host.clone() }])
    }

    fn batch(&mut self, number: usize) -> Vec<Command> {
        let Some(hosts) = self.batches.get(number).cloned() else {
            return self.prune();
        };
        self.phase = Phase::Batch(number);
        let mut commands = Vec::new();
        for host in hosts {
            let leftover = self.hosts.get(&host).is_some_and(|work| work.leftover);
            commands.extend(if leftover {
                self.revert(&host, At::TakingBack)
            } else {
                self.apply(&host)
            });
        }
        commands
    }

    fn apply(&mut self, host: &HostName) -> Vec<Command> {
        self.touched = true;
        self.at(host, At::Applying);
        let (token, guard_seconds) = (self.token, self.guard_seconds);
        let host = host.clone();
        self.give([Command::Apply {
            host,
            token,
            guard_seconds,
        }])
    }

    fn revert(&mut self, host: &HostName, at: At) -> Vec<Command> {
        self.touched = true;
        self.at(host, at);
        let to = self.hosts.get(host).and_then(|work| work.back.clone());
        let (host, token) = (host.clone(), self.token);
        self.give([Command::Revert { host, token, to }])
    }

    fn applied(&mut self, host: &HostName, result: Result<(), Failed>) -> Vec<Command> {
        match result {
            Ok(()) if self.stopped.is_some() => self.revert(host, At::Reverting),
            Ok(()) => {
                self.at(host, At::Gating);
                let (host, token) = (host.clone(), self.token);
                self.give([Command::Gate { host, token }])
            }
            Err(failed) => {
                let left = failed.left;
                let mut commands = match left {
                    Left::Unchanged | Left::Reverted => {
                        self.at(host, At::Old);
                        Vec::new()
                    }
                    Left::Unknown => self.revert(host, At::Reverting),
                };
                commands.extend(self.failed(host, failed));
                commands
            }
        }
    }

    fn gated(&mut self, host: &HostName, result: Result<(), Failed>) -> Vec<Command> {
        // A gate that was cancelled has not failed.
        if self.stopped.is_some() {
            return self.revert(host, At::Reverting);
        }
        match result {
            Ok(()) => {
                self.at(host, At::Confirming);
                let (host, token) = (host.clone(), self.token);
                self.give([Command::Confirm { host, token }])
            }
            Err(failed) => {
                let mut commands = self.revert(host, At::Reverting);
                commands.extend(self.failed(host, failed));
                commands
            }
        }
    }

    fn confirmed(&mut self, host: &HostName, result: Result<(), Failed>) -> Vec<Command> {
        match result {
            Ok(()) if self.stopped.is_none() => {
                self.at(host, At::Confirmed);
                Vec::new()
            }
            Ok(()) => self.revert(host, At::Reverting),
            // Too late, or cut off: the guard may have begun. Going back explicitly makes it certain.
            Err(failed) => {
                let mut commands = self.revert(host, At::Reverting);
                commands.extend(self.failed(host, failed));
                commands
            }
        }
    }

    fn reverted(&mut self, host: &HostName, result: Result<(), Failed>) -> Vec<Command> {
        let taking_back = self
            .hosts
            .get(host)
            .is_some_and(|work| work.at == At::TakingBack);
        match result {
            Ok(()) if taking_back && self.stopped.is_none() => self.apply(host),
            Ok(()) => {
                self.at(host, At::Old);
                Vec::new()
            }
            Err(failed) => {
                self.at(host, At::Unknown);
                if taking_back {
                    return self.failed(host, failed);
                }
                self.note(host, format!("going back failed: {}", failed.reason));
                Vec::new()
            }
        }
    }

    /// Counts a host's failure. Past the budget, what is in flight is not waited for to become healthy.
    fn failed(&mut self, host: &HostName, failed: Failed) -> Vec<Command> {
        self.note(host, failed.reason);
        if self.stopped.is_some() || self.failures.len() <= self.max_failures {
            return Vec::new();
        }
        self.stopped = Some(Cause::Failures);
        self.cancel()
    }

    fn note(&mut self, host: &HostName, reason: String) {
        let all = self.failures.entry(host.clone()).or_default();
        if !all.is_empty() {
            all.push_str("; ");
        }
        all.push_str(&reason);
    }

    /// Takes confirmed hosts back, the last one first, not more at once than went forward at once.
    fn go_back(&mut self) -> Vec<Command> {
        let confirmed = |host: &&HostName| {
            let at = self.hosts.get(*host).map(|work| work.at);
            at == Some(At::Confirmed)
        };
        let all = self.batches.iter().flatten().rev();
        let next: Vec<_> = all
            .filter(confirmed)
            .take(self.max_in_flight)
            .cloned()
            .collect();
        if next.is_empty() {
            return self.unlock();
        }
        let revert = |host: HostName| self.revert(&host, At::Reverting);
        next.into_iter().flat_map(revert).collect()
    }

    fn prune(&mut self) -> Vec<Command> {
        self.phase = Phase::Pruning;
        let confirmed = self
            .hosts
            .iter()
            .filter(|(_, work)| work.at == At::Confirmed);
        let hosts: Vec<_> = confirmed.map(|(host, _)| host.clone()).collect();
        self.give(hosts.into_iter().map(|host| Command::Prune { host }))
    }

    fn interrupted(&mut self) -> Vec<Command> {
        if self.interrupted || self.phase == Phase::Pruning {
            return self.abandon(Cause::Interrupted);
        }
        if matches!(self.phase, Phase::Idle | Phase::Unlocking | Phase::Finished) {
            return Vec::new();
        }
        self.interrupted = true;
        // What goes back already goes on doing so.
        if self.stopped.is_some() {
            return Vec::new();
        }
        self.stopped = Some(Cause::Interrupted);
        let mut commands = self.cancel();
        if let Phase::Batch(number) = self.phase {
            commands.extend(self.take_batch_back(number));
        }
        commands
    }

    /// Takes back the hosts of a batch that are confirmed already; the others follow when their command ends.
    fn take_batch_back(&mut self, number: usize) -> Vec<Command> {
        let hosts = self.batches.get(number).cloned().unwrap_or_default();
        let at = |state: &Self, host: &HostName| state.hosts.get(host).map(|work| work.at);
        let mut commands = Vec::new();
        for host in hosts {
            if at(self, &host) == Some(At::Confirmed) {
                commands.extend(self.revert(&host, At::Reverting));
            }
        }
        commands
    }

    /// Ends at once: nothing but the unlocking is waited for.
    fn abandon(&mut self, cause: Cause) -> Vec<Command> {
        match self.phase {
            Phase::Idle | Phase::Unlocking | Phase::Finished => return Vec::new(),
            Phase::Locking
            | Phase::Preflight
            | Phase::Staging
            | Phase::Batch(_)
            | Phase::GoingBack
            | Phase::Pruning => {}
        }
        self.stopped.get_or_insert(cause);
        let mut commands = self.cancel();
        self.running.clear();
        commands.extend(self.unlock());
        commands
    }

    /// Ends what may be ended early, if such a thing runs.
    fn cancel(&self) -> Vec<Command> {
        let may_end = |command: &Command| match command {
            Command::Lock
            | Command::Preflight { .. }
            | Command::Ship { .. }
            | Command::Stage { .. }
            | Command::Gate { .. }
            | Command::Prune { .. } => true,
            Command::Apply { .. }
            | Command::Confirm { .. }
            | Command::Revert { .. }
            | Command::Cancel
            | Command::Unlock
            | Command::Finish { .. } => false,
        };
        let any = self.running.iter().any(may_end);
        any.then_some(Command::Cancel).into_iter().collect()
    }

    fn unlock(&mut self) -> Vec<Command> {
        self.phase = Phase::Unlocking;
        self.give([Command::Unlock])
    }

    fn finish(&mut self) -> Vec<Command> {
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

    fn at(&mut self, host: &HostName, at: At) {
        if let Some(work) = self.hosts.get_mut(host) {
            work.at = at;
        }
    }

    fn give(&mut self, commands: impl IntoIterator<Item = Command>) -> Vec<Command> {
        let commands: Vec<_> = commands.into_iter().collect();
        self.running.extend(commands.iter().cloned());
        commands
    }
}

fn side(at: At) -> Side {
    match at {
        At::Waiting | At::Old => Side::Old,
        At::Confirmed => Side::New,
        At::TakingBack
        | At::Applying
        | At::Gating
        | At::Confirming
        | At::Reverting
        | At::Unknown => Side::Unknown,
    }
}
