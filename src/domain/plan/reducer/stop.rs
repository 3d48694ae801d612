//! Ending early: interrupts, a lost lease, and giving the lock back.

use super::state::{At, Phase, State};
use super::value::{Cause, Command};
use crate::domain::name::HostName;

impl State {
    pub(super) fn interrupted(&mut self) -> Vec<Command> {
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
    pub(super) fn take_batch_back(&mut self, number: usize) -> Vec<Command> {
        let hosts = self.batches.get(number).cloned().unwrap_or_default();
        let at = |state: &Self, host: &HostName| state.hosts.get(host).map(|work| work.at);
        let mut commands = Vec::new();
        for host in hosts {
            if at(self, &host) == Some(At::Confirmed) {
                commands.extend(self.revert(&host));
            }
        }
        commands
    }

    /// Ends at once: nothing but the unlocking is waited for.
    pub(super) fn abandon(&mut self, cause: Cause) -> Vec<Command> {
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
    pub(super) fn cancel(&self) -> Vec<Command> {
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

    pub(super) fn unlock(&mut self) -> Vec<Command> {
        self.phase = Phase::Unlocking;
        self.give([Command::Unlock])
    }
}
