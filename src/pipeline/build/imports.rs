//! Folders that builds take files from by another name than their context's (`additional_contexts`).
//!
//! Each becomes an image of nothing but these files, which every builder can take from, also one that knows no named
//! contexts. They are taken away again when all builds are over.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Mutex;

use super::BuildError;
use crate::domain::name::Digest;
use crate::pipeline::Tools;
use crate::system::checkout::{Entries, TarStream};

/// The repository of such images.
const IMPORTED: &str = "longshore.local/context";

/// The folders that are on the engine.
#[derive(Debug, Default)]
pub(super) struct Imports(Mutex<BTreeMap<Digest, String>>);

impl Imports {
    /// Brings files to the engine, once however many builds want them, and returns the image's name.
    pub(super) async fn take(
        &self,
        tools: &Tools,
        files: &Arc<Entries>,
    ) -> Result<String, BuildError> {
        let digest = files.digest();
        let mut known = self.0.lock().await;
        if let Some(name) = known.get(&digest) {
            return Ok(name.clone());
        }
        // The run's own, so that another run's end does not take it away.
        let name = format!("{IMPORTED}:{}-{}", digest.short(), tools.run.id);
        // Known before it is there: what is cut off half-way is taken away, too.
        known.insert(digest, name.clone());
        let files = TarStream::new(Arc::clone(files), None);
        tools.engine.import(files, &name).await?;
        Ok(name)
    }

    /// Takes all of them away.
    pub(super) async fn remove(self, tools: &Tools) {
        for name in self.0.into_inner().into_values() {
            if let Err(error) = tools.engine.untag(&name).await {
                tools
                    .events
                    .warn(format!("{name} is left on the engine: {error}"));
            }
        }
    }
}
