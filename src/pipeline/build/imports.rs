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
use crate::system::engine::Engine;

/// The repository of such images.
const IMPORTED: &str = "longshore.local/context";

/// The folders that are on engines: by the engine's address and what is in them.
#[derive(Debug, Default)]
pub(super) struct Imports(Mutex<BTreeMap<(String, Digest), Import>>);

/// A folder on an engine.
#[derive(Debug)]
struct Import {
    engine: Engine,
    name: String,
}

impl Imports {
    /// Brings files to the engine that builds, once however many builds want them, and returns the image's name.
    pub(super) async fn take(
        &self,
        tools: &Tools,
        files: &Arc<Entries>,
    ) -> Result<String, BuildError> {
        let digest = files.digest();
        let mut known = self.0.lock().await;
        let at = (tools.engine.address().to_owned(), digest);
        if let Some(import) = known.get(&at) {
            return Ok(import.name.clone());
        }
        // The run's own, so that another run's end does not take it away.
        let name = format!("{IMPORTED}:{}-{}", digest.short(), tools.run.id);
        // Known before it is there: what is cut off half-way is taken away, too.
        let import = Import {
            engine: tools.engine.clone(),
            name: name.clone(),
        };
        known.insert(at, import);
        let files = TarStream::new(Arc::clone(files), None);
        tools.engine.import(files, &name).await?;
        Ok(name)
    }

    /// Takes all of them away.
    pub(super) async fn remove(self, tools: &Tools) {
        for Import { engine, name } in self.0.into_inner().into_values() {
            if let Err(error) = engine.untag(&name).await {
                let at = engine.address();
                tools
                    .events
                    .warn(format!("{name} is left on the engine at {at}: {error}"));
            }
        }
    }
}
