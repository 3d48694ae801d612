//! The environment's lock, kept on its home host.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::mpsc::UnboundedSender;
use tokio_util::task::AbortOnDropHandle;

use super::carry_out::{over, renewal};
use super::error::RolloutError;
use super::job::{Job, LEASE};
use super::verbs;
use crate::domain::invocation::answer::{Refusal, Unanswered};
use crate::domain::invocation::switch;
use crate::system::clock;
use crate::system::engine::{Alive, Owner};

/// Takes the lock. One that a dead process of this machine holds is broken: nobody is left to give it back.
pub(super) async fn take(job: &Job) -> Result<u64, RolloutError> {
    let link = job.link(&job.home)?;
    let owner = format!("{} {}", job.actor, Owner::this_process());
    let above = job
        .fleet
        .hosts
        .values()
        .map(|inventory| inventory.fence)
        .max()
        .unwrap_or(0);
    let acquire = || {
        verbs::ask(
            link,
            switch::acquire(&job.scope, &owner, LEASE, above),
            "take the lock",
        )
    };
    let answer = match acquire().await {
        Err(RolloutError::Verb {
            source: Unanswered::Refused(Refusal::Held { owner, .. }),
            ..
        }) if dead(&owner) => {
            let who = owner.split(' ').next().unwrap_or_default();
            job.events.note(format!(
                "a rollout of {who} died with the lock; it is taken over"
            ));
            verbs::ask(
                link,
                switch::break_lock(&job.scope, &job.actor),
                "break the lock",
            )
            .await?;
            acquire().await?
        }
        answer => answer?,
    };
    // A script that gives no token is not ours; zero is refused by every host that saw a real one.
    let token = answer.token.unwrap_or(0);
    job.token.store(token, Ordering::Relaxed);
    Ok(token)
}

/// Gives the lock back.
pub(super) async fn give_back(job: &Job, token: u64) -> Result<(), RolloutError> {
    let link = job.link(&job.home)?;
    verbs::ask(
        link,
        switch::release(&job.scope, token),
        "give the lock back",
    )
    .await
    .map(|_| ())
}

/// Renews the lock until dropped, and tells when it is lost. A link that breaks is tried anew until the lease is over.
pub(super) fn keep(job: Arc<Job>, token: u64, lost: UnboundedSender<()>) -> AbortOnDropHandle<()> {
    AbortOnDropHandle::new(tokio::spawn(async move {
        let Ok(link) = job.link(&job.home) else {
            return;
        };
        let mut link = link.clone();
        let mut since = clock::instant();
        loop {
            renewal(LEASE).await;
            let asked = clock::instant();
            match verbs::ask(
                &link,
                switch::renew(&job.scope, token, LEASE),
                "renew the lock",
            )
            .await
            {
                Ok(_) => since = asked,
                Err(RolloutError::Verb {
                    source: Unanswered::Refused(_),
                    ..
                }) => break,
                Err(_) => {
                    if let Ok(again) = link.again().await {
                        link = again;
                    }
                    if over(since) {
                        break;
                    }
                }
            }
        }
        let _ = lost.send(());
    }))
}

/// Tells whether the owner's process was of this machine and is gone.
fn dead(owner: &str) -> bool {
    let process = owner
        .rsplit(' ')
        .next()
        .and_then(|process| process.parse::<Owner>().ok());
    process.is_some_and(|process| process.alive() == Alive::No)
}
