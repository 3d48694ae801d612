//! What Podman's service says otherwise than Docker's API has it.

use std::time::Duration;

use bollard::errors::Error;

use super::{Engine, EngineKind};

/// How often a container that ended is asked about until Podman has cleaned it up, and how long is waited in between.
const TRIES: usize = 100;
const PAUSE: Duration = Duration::from_millis(100);

impl Engine {
    /// Asks about containers. One that ended and is not cleaned up yet Podman calls `stopped`, a word that Docker's API
    /// does not have and no answer with it can be read: it is asked again.
    pub(super) async fn settled<T, F>(&self, ask: impl Fn() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        for _ in 1..TRIES {
            match ask().await {
                Err(Error::JsonDataError { .. }) if self.kind() == EngineKind::Podman => {}
                answer => return answer,
            }
            tokio::time::sleep(PAUSE).await;
        }
        ask().await
    }
}
