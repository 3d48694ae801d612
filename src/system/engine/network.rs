//! Networks and volumes.

use std::collections::BTreeMap;

use bollard::models::{NetworkCreateRequest, VolumeCreateRequest};

use super::{Engine, EngineError};

impl Engine {
    /// Makes a network. An internal one has no way out.
    ///
    /// # Errors
    ///
    /// If the engine refuses: too many networks, for example.
    pub async fn create_network(
        &self,
        name: &str,
        internal: bool,
        labels: &BTreeMap<String, String>,
    ) -> Result<(), EngineError> {
        let request = NetworkCreateRequest {
            name: name.to_owned(),
            internal: Some(internal),
            labels: Some(labels.clone().into_iter().collect()),
            ..NetworkCreateRequest::default()
        };
        let made = self.docker.create_network(request).await;
        made.map(|_| ())
            .map_err(EngineError::request(format!("create network {name}")))
    }

    /// Makes a volume.
    ///
    /// # Errors
    ///
    /// If the engine refuses.
    pub async fn create_volume(
        &self,
        name: &str,
        labels: &BTreeMap<String, String>,
    ) -> Result<(), EngineError> {
        let request = VolumeCreateRequest {
            name: Some(name.to_owned()),
            labels: Some(labels.clone().into_iter().collect()),
            ..VolumeCreateRequest::default()
        };
        let made = self.docker.create_volume(request).await;
        made.map(|_| ())
            .map_err(EngineError::request(format!("create volume {name}")))
    }
}
