//! Fetching what builds take from other repositories. It comes before everything else: only a Dockerfile says what an
//! image is made from.

use std::sync::Arc;

use super::{BuildError, chain};
use crate::domain::cluster::{Build, Cluster, Remote, Source};
use crate::domain::definition::{Problems, Source as Text};
use crate::domain::event::{Outcome, Work};
use crate::pipeline::Events;
use crate::system::checkout::{Checkout, CheckoutError};

/// Fetches the other repositories that a cluster's images are built from, unless they are there, and takes their
/// Dockerfiles into account.
///
/// # Errors
///
/// If a repository cannot be reached or has no such commit, or its Dockerfile is wrong.
pub async fn fetch(events: &Events, cluster: &mut Cluster) -> Result<(), BuildError> {
    for service in cluster.services.values_mut() {
        let Source::Build(build) = &mut service.source else {
            continue;
        };
        if let Some(remote) = build.remote.clone() {
            let work = Work::Fetch {
                repository: remote.shown(),
            };
            let running = events.start(work);
            match tree(remote, build).await {
                Ok(true) => running.end(Outcome::DONE),
                Ok(false) => running.end(Outcome::Unchanged {
                    reason: "is here".to_owned(),
                }),
                Err(error) => {
                    let reason = chain(&error);
                    running.end(Outcome::Failed { reason });
                    return Err(error);
                }
            }
        }
    }
    Ok(())
}

/// Has the tree on this machine and takes its Dockerfile into account. Tells whether it had to be fetched.
async fn tree(remote: Remote, build: &mut Build) -> Result<bool, BuildError> {
    let (path, inline) = (build.dockerfile.clone(), build.inline.clone());
    let shown = format!("{}: {}", remote.shown(), path.display());
    let read = tokio::task::spawn_blocking(move || {
        let fetched = Checkout::fetch(&remote)?;
        let text = match inline {
            Some(text) => text.into_bytes(),
            None => Checkout::read_remote(&remote, &path)?,
        };
        Ok((fetched, text))
    });
    let (fetched, bytes) = read.await.unwrap_or(Err(CheckoutError::Ended))?;
    let text = Text {
        path: shown,
        text: String::from_utf8_lossy(&bytes).into_owned(),
    };
    let problems = build.made_from(&Arc::new(text));
    Problems::of(problems).map_or(Ok(fetched), |problems| Err(problems.into()))
}
