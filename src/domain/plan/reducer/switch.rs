//! Hosts one batch after the other: apply, gate, confirm, and the way back.

use super::state::{At, Phase, State};
use super::value::{Cause, Command, Failed, Left};
use crate::domain::name::HostName;

impl State {
    pub(super) fn batch(&mut self, number: usize) -> Vec<Command> {
        let Some(hosts) = self.batches.get(number).cloned() else {
            return self.prune();
        };
        self.phase = Phase::Batch(number);
        hosts.iter().flat_map(|host| self.apply(host)).collect()
    }

    pub(super) fn apply(&mut self, host: &HostName) -> Vec<Command> {
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

    pub(super) fn revert(&mut self, host: &HostName) -> Vec<Command> {
        self.at(host, At::Reverting);
        let to = self.hosts.get(host).and_then(|work| work.back.clone());
        let (host, token) = (host.clone(), self.token);
        self.give([Command::Revert { host, token, to }])
    }

    pub(super) fn applied(&mut self, host: &HostName, result: Result<(), Failed>) -> Vec<Command> {
        match result {
            Ok(()) if self.stopped.is_some() => self.revert(host),
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
                    Left::Unknown => self.revert(host),
                };
                commands.extend(self.failed(host, failed));
                commands
            }
        }
    }

    pub(super) fn gated(&mut self, host: &HostName, result: Result<(), Failed>) -> Vec<Command> {
        // A gate that was cancelled has not failed.
        if self.stopped.is_some() {
            return self.revert(host);
        }
        match result {
            Ok(()) => {
                self.at(host, At::Confirming);
                let (host, token) = (host.clone(), self.token);
                self.give([Command::Confirm { host, token }])
            }
            Err(failed) => {
                let mut commands = self.revert(host);
                commands.extend(self.failed(host, failed));
                commands
            }
        }
    }

    pub(super) fn confirmed(
        &mut self,
        host: &HostName,
        result: Result<(), Failed>,
    ) -> Vec<Command> {
        match result {
            Ok(()) if self.stopped.is_none() => {
                self.at(host, At::Confirmed);
                Vec::new()
            }
            Ok(()) => self.revert(host),
            // Too late, or cut off: the guard may have begun. Going back explicitly makes it certain.
            Err(failed) => {
                let mut commands = self.revert(host);
                commands.extend(self.failed(host, failed));
                commands
            }
        }
    }

    pub(super) fn reverted(&mut self, host: &HostName, result: Result<(), Failed>) -> Vec<Command> {
        match result {
            Ok(()) => self.at(host, At::Old),
            Err(failed) => {
                self.at(host, At::Unknown);
                self.note(host, format!("going back failed: {}", failed.reason));
            }
        }
        Vec::new()
    }

    /// Counts a host's failure. Past the budget, what is in flight is not waited for to become healthy.
    pub(super) fn failed(&mut self, host: &HostName, failed: Failed) -> Vec<Command> {
        self.note(host, failed.reason);
        if self.stopped.is_some() || self.failures.len() <= self.max_failures {
            return Vec::new();
        }
        self.stopped = Some(Cause::Failures);
        self.cancel()
    }

    pub(super) fn note(&mut self, host: &HostName, reason: String) {
        let all = self.failures.entry(host.clone()).or_default();
        if !all.is_empty() {
            all.push_str("; ");
        }
        all.push_str(&reason);
    }

    /// Takes confirmed hosts back, the last one first, not more at once than went forward at once.
    pub(super) fn go_back(&mut self) -> Vec<Command> {
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
        let revert = |host: HostName| self.revert(&host);
        next.into_iter().flat_map(revert).collect()
    }

    pub(super) fn prune(&mut self) -> Vec<Command> {
        self.phase = Phase::Pruning;
        let confirmed = self
            .hosts
            .iter()
            .filter(|(_, work)| work.at == At::Confirmed);
        let hosts: Vec<_> = confirmed.map(|(host, _)| host.clone()).collect();
        self.give(hosts.into_iter().map(|host| Command::Prune { host }))
    }

    pub(super) fn at(&mut self, host: &HostName, at: At) {
        if let Some(work) = self.hosts.get_mut(host) {
            work.at = at;
        }
    }
}
