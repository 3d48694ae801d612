//! What a host is asked to do, one function a verb.

use std::time::Duration;

use super::error::RolloutError;
use super::link::Link;
use super::survey::PATIENCE;
use crate::domain::inventory::{self, Inventory};
use crate::domain::invocation::answer::{Answer, answer};
use crate::domain::invocation::{Invocation, switch};
use crate::domain::unit::Scope;

/// How long a switch or the way back may take: it waits for every service to stop and start.
pub(super) const SWITCH_PATIENCE: Duration = Duration::from_secs(60 * 60);

/// Asks what the host runs.
pub(super) async fn inventory(link: &Link, scope: &Scope) -> Result<Inventory, RolloutError> {
    read(link, switch::inventory(scope), "ask what runs").await
}

/// Asks how the host's units stand, and holds its guard off where told to.
pub(super) async fn status(
    link: &Link,
    scope: &Scope,
    renew: Option<(Duration, u64)>,
) -> Result<Inventory, RolloutError> {
    read(link, switch::status(scope, renew), "ask how units stand").await
}

/// Does what answers in a word.
pub(super) async fn ask(
    link: &Link,
    invocation: Invocation,
    what: &'static str,
) -> Result<Answer, RolloutError> {
    work(link, invocation, what, PATIENCE, &mut |_| {}).await
}

/// Does what takes its time and tells of it.
pub(super) async fn work(
    link: &Link,
    invocation: Invocation,
    what: &'static str,
    patience: Duration,
    on_line: &mut (dyn FnMut(&str) + Send),
) -> Result<Answer, RolloutError> {
    let host = || link.name().clone();
    let done = link.run(invocation, patience, on_line).await;
    let done = done.map_err(|source| RolloutError::Lost {
        host: host(),
        what,
        source,
    })?;
    answer(&done.stdout, &done.stderr).map_err(|source| RolloutError::Verb {
        host: host(),
        what,
        source,
    })
}

async fn read(
    link: &Link,
    invocation: Invocation,
    what: &'static str,
) -> Result<Inventory, RolloutError> {
    let host = || link.name().clone();
    let done = link.run(invocation, PATIENCE, &mut |_| {}).await;
    let done = done.map_err(|source| RolloutError::Lost {
        host: host(),
        what,
        source,
    })?;
    answer(&done.stdout, &done.stderr).map_err(|source| RolloutError::Verb {
        host: host(),
        what,
        source,
    })?;
    inventory::parse(&done.stdout).map_err(|source| RolloutError::Inventory {
        host: host(),
        source,
    })
}
