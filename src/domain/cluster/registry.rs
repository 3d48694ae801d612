//! The registry that keeps released images.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::image::fault;
use crate::domain::name::{ClusterName, Digest, ServiceName};

/// Where in a registry images are kept: `registry.example.com`, `registry.example.com:5000/team`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RegistryName(String);

/// A text that names no registry, with why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RegistryNameError(pub &'static str);

impl RegistryName {
    /// Returns the repository of a service's image.
    #[must_use]
    pub fn repository(&self, cluster: &ClusterName, service: &ServiceName) -> String {
        format!("{}/{cluster}/{service}", self.0).to_ascii_lowercase()
    }

    /// Returns the name that exactly this image gets there. It says which bytes it is, so that it never has to move.
    #[must_use]
    pub fn reference(
        &self,
        cluster: &ClusterName,
        service: &ServiceName,
        config: &Digest,
    ) -> String {
        format!("{}:{}", self.repository(cluster, service), config.hex())
    }
}

impl FromStr for RegistryName {
    type Err = RegistryNameError;

    fn from_str(text: &str) -> Result<Self, RegistryNameError> {
        if text.contains("://") {
            return Err(RegistryNameError("it is written without `https://`"));
        }
        let host = text.split('/').next().unwrap_or_default();
        if !host.contains(['.', ':']) && host != "localhost" {
            return Err(RegistryNameError("its first part is no host"));
        }
        match fault(&format!("{text}/image")) {
            Some(_) => Err(RegistryNameError("it is no name that images can have")),
            None => Ok(Self(text.to_owned())),
        }
    }
}

impl fmt::Display for RegistryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_an_image_by_its_bytes() {
        let registry: RegistryName = "127.0.0.1:5000/team".parse().unwrap();
        let config = Digest::of("config");
        assert_eq!(
            registry.reference(&"shop".parse().unwrap(), &"Api".parse().unwrap(), &config),
            format!("127.0.0.1:5000/team/shop/api:{}", config.hex())
        );
    }

    #[test]
    fn what_no_image_can_be_kept_in_is_none() {
        for text in [
            "",
            "team",
            "https://registry.example.com",
            "registry.example.com/",
            "registry.example.com/Team",
            "registry.example.com/team:1",
            "registry.example.com/team@sha256:0",
        ] {
            assert!(text.parse::<RegistryName>().is_err(), "{text}");
        }
        assert!("localhost/team".parse::<RegistryName>().is_ok());
    }
}
