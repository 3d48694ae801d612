//! Up to the first switch: lock, preflight, shipping, staging. Nothing here changes what a host runs.

use super::state::{Phase, State};
use super::value::{Cause, Command, Failed, Left};
use crate::domain::failure::Kind;
use crate::domain::name::HostName;

impl State {
    pub(super) fn begin(&mut self) -> Vec<Command> {
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

    pub(super) fn locked(&mut self, token: u64) -> Vec<Command> {
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

    pub(super) fn not_locked(&mut self, result: Result<(), Failed>) -> Vec<Command> {
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

    pub(super) fn prepared(&mut self, host: &HostName, result: Result<(), Failed>) -> Vec<Command> {
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

    pub(super) fn stage(&mut self) -> Vec<Command> {
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

    pub(super) fn shipped(&mut self, host: &HostName, result: Result<(), Failed>) -> Vec<Command> {
        if result.is_err() {
            return self.prepared(host, result);
        }
        let same = |command: &Command| matches!(command, Command::Ship { host: other, .. } if other == host);
        if self.stopped.is_some() || self.running.iter().any(same) {
            return Vec::new();
        }
        self.give([Command::Stage { host: host.clone() }])
    }
}
