//! Networks and volumes.

use std::collections::BTreeMap;

use bollard::models::{Ipam, IpamConfig, NetworkCreateRequest, VolumeCreateRequest};

use super::{Engine, EngineError};

/// A network that is to be made.
#[derive(Debug, Clone)]
pub struct NetworkSpec {
    /// Its name.
    pub name: String,
    /// Whether it has no way out.
    pub internal: bool,
    /// Its range of addresses; the engine chooses one unless said.
    pub subnet: Option<String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}

impl Engine {
    /// Makes a network.
    ///
    /// # Errors
    ///
    /// If the engine refuses: too many networks, for example.
    pub async fn create_network(&self, spec: &NetworkSpec) -> Result<(), EngineError> {
        let NetworkSpec {
            name,
            internal,
            subnet,
            labels,
        } = spec;
        let pool = subnet.clone().map(|subnet| IpamConfig {
            subnet: Some(subnet),
            ..IpamConfig::default()
        });
        let request = NetworkCreateRequest {
            name: name.clone(),
            internal: Some(*internal),
            ipam: pool.map(|pool| Ipam {
                config: Some(vec![pool]),
                ..Ipam::default()
            }),
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
