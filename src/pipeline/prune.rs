//! Removing images that earlier builds made and no release has. Nothing that somebody else named or uses is touched.

use std::path::Path;

use super::Events;
use super::build::chain;
use crate::domain::failure::{Explain, Kind};
use crate::domain::plan::images::outdated;
use crate::system::engine::{Engine, EngineError};
use crate::system::store::{StoreError, known_images};

/// What names of ours begin with.
const OURS: &str = "longshore.local/";

/// Why images could not be looked through.
#[derive(Debug, thiserror::Error)]
pub enum PruneError {
    /// The record cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The engine cannot be asked.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl Explain for PruneError {
    fn kind(&self) -> Kind {
        match self {
            Self::Store(error) => error.kind(),
            Self::Engine(error) => error.kind(),
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Store(error) => error.hints(),
            Self::Engine(error) => error.hints(),
        }
    }
}

/// Removes them, or only tells which they are. Returns each in words.
///
/// # Errors
///
/// If the record cannot be read, or the engine cannot be asked.
pub async fn prune(
    engine: &Engine,
    events: &Events,
    ledger: &Path,
    dry_run: bool,
) -> Result<Vec<String>, PruneError> {
    let mut removed = Vec::new();
    let outdated = outdated(&known_images(ledger).await?);
    // An image may be built on another one, which then can only go after it.
    let mut left: Vec<_> = outdated.into_iter().collect();
    loop {
        let before = left.len();
        let mut kept = Vec::new();
        for (config, service) in left {
            let Some(image) = engine.image(&config.to_string()).await? else {
                continue;
            };
            if !image.tags.iter().all(|tag| tag.starts_with(OURS)) {
                continue;
            }
            let words = format!("image {} of {service}", config.short());
            if dry_run {
                removed.push(words);
                continue;
            }
            match engine.remove_image(&image).await {
                Ok(()) => removed.push(words),
                // A container is of it, or another image is on it.
                Err(error) if error.refused() => kept.push((config, service)),
                Err(error) => events.warn(chain(&error)),
            }
        }
        if kept.is_empty() || kept.len() == before {
            return Ok(removed);
        }
        left = kept;
    }
}
