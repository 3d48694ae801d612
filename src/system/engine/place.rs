//! Which engine is meant: `DOCKER_HOST`, else a Docker context, else the one of this machine.
//!
//! The order is Docker's own: `DOCKER_HOST` goes before `DOCKER_CONTEXT`, that before the context that
//! `docker context use` chose.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::EngineError;
use crate::domain::cluster::EngineAddress;
use crate::domain::name::Digest;
use crate::system::docker_config::{self, DockerConfig};
use crate::system::environment;

/// Where Docker listens unless told otherwise.
const SOCKET: &str = "/var/run/docker.sock";
/// Where Podman's service listens.
const PODMAN: &str = "/run/podman/podman.sock";

/// An engine's place, and who says so.
#[derive(Debug, Clone)]
pub struct Place {
    /// Where it is.
    pub address: EngineAddress,
    /// The folder with `ca.pem`, `cert.pem` and `key.pem`, if it is spoken to by TLS.
    pub certificates: Option<PathBuf>,
    /// Who says so.
    pub said: Said,
}

/// Who says where an engine is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// The variable `DOCKER_HOST`.
    Variable,
    /// A Docker context.
    Context(String),
    /// `engines:` of `longshore.yaml`.
    Settings,
    /// Nobody: it is the engine of this machine.
    Nobody,
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable => f.write_str("DOCKER_HOST"),
            Self::Context(name) => write!(f, "the Docker context {name}"),
            Self::Settings => f.write_str("`engines:` in longshore.yaml"),
            Self::Nobody => f.write_str("nothing: it is the default"),
        }
    }
}

impl Place {
    /// Returns the place that the environment means.
    ///
    /// # Errors
    ///
    /// If it cannot be used, or there is no engine on this machine.
    pub fn of_environment() -> Result<Self, EngineError> {
        let set = |name| environment::variable(name).filter(|value| !value.is_empty());
        if let Some(address) = set("DOCKER_HOST") {
            return Ok(Self::at(address.parse()?, Said::Variable));
        }
        let folder = docker_config::folder();
        let chosen = match set("DOCKER_CONTEXT") {
            Some(name) => Some(name),
            None => DockerConfig::read(&folder)?.current_context,
        };
        match chosen.filter(|name| !name.is_empty() && name != "default") {
            Some(name) => context(&folder, &name),
            None => here(),
        }
    }

    /// Returns the place of an address, with what the environment says about TLS.
    #[must_use]
    pub fn at(address: EngineAddress, said: Said) -> Self {
        let asked =
            environment::variable("DOCKER_TLS_VERIFY").is_some_and(|value| !value.is_empty());
        let certificates = match &address {
            EngineAddress::Tcp { secured, .. } if *secured || asked => {
                let folder = environment::variable("DOCKER_CERT_PATH");
                let folder = folder.filter(|folder| !folder.is_empty());
                Some(folder.map_or_else(docker_config::folder, PathBuf::from))
            }
            EngineAddress::Tcp { .. } | EngineAddress::Unix { .. } | EngineAddress::Ssh { .. } => {
                None
            }
        };
        Self {
            address,
            certificates,
            said,
        }
    }
}

/// Finds the engine of this machine: the first socket that is there.
fn here() -> Result<Place, EngineError> {
    let own = environment::variable("XDG_RUNTIME_DIR");
    let own = |name: &str| own.iter().map(|folder| format!("{folder}/{name}")).next();
    let sockets = [
        Some(SOCKET.to_owned()),
        own("docker.sock"),
        Some(PODMAN.to_owned()),
        own("podman/podman.sock"),
    ];
    let sockets: Vec<String> = sockets.into_iter().flatten().collect();
    // What may not be looked at, as Podman's folder of root, is not there for this user either.
    match sockets.iter().find(|socket| Path::new(socket).exists()) {
        Some(socket) => Ok(Place {
            address: EngineAddress::Unix {
                socket: socket.clone(),
            },
            certificates: None,
            said: Said::Nobody,
        }),
        None => Err(EngineError::NoneHere { tried: sockets }),
    }
}

/// What is read of a context's `meta.json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Meta {
    endpoints: BTreeMap<String, Endpoint>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Endpoint {
    #[serde(default)]
    host: String,
    #[serde(default, rename = "SkipTLSVerify")]
    skip_tls_verify: bool,
}

/// Reads a Docker context (docker context, "Docker contexts" in its manual): a folder named by its name's SHA-256.
fn context(folder: &Path, name: &str) -> Result<Place, EngineError> {
    let wrong = |why: &str| EngineError::Context {
        name: name.to_owned(),
        why: why.to_owned(),
    };
    let id = Digest::of(name).hex();
    let contexts = folder.join("contexts");
    let meta = fs::read(contexts.join("meta").join(&id).join("meta.json"))
        .map_err(|_| wrong("there is none of that name"))?;
    let meta: Meta =
        serde_json::from_slice(&meta).map_err(|_| wrong("its meta.json cannot be read"))?;
    let endpoint = meta.endpoints.get("docker");
    let endpoint = endpoint.ok_or_else(|| wrong("it has no Docker endpoint"))?;
    if endpoint.skip_tls_verify {
        return Err(wrong(
            "it does not verify the engine's certificate, which longshore always does",
        ));
    }
    let said = Said::Context(name.to_owned());
    if endpoint.host.is_empty() {
        return Ok(Place { said, ..here()? });
    }
    let address: EngineAddress = endpoint.host.parse()?;
    let certificates = contexts.join("tls").join(&id).join("docker");
    let certificates = Some(certificates).filter(|folder| folder.is_dir());
    let place = Place::at(address, said);
    Ok(Place {
        certificates: match place.address {
            EngineAddress::Tcp { .. } => certificates.or(place.certificates),
            EngineAddress::Unix { .. } | EngineAddress::Ssh { .. } => None,
        },
        ..place
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(name: &str, endpoint: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let id = Digest::of(name).hex();
        let meta = folder.path().join("contexts/meta").join(&id);
        fs::create_dir_all(&meta).unwrap();
        fs::create_dir_all(folder.path().join("contexts/tls").join(&id).join("docker")).unwrap();
        let text = format!(
            r#"{{"Name": "{name}", "Metadata": {{}}, "Endpoints": {{"docker": {endpoint}}}}}"#
        );
        fs::write(meta.join("meta.json"), text).unwrap();
        folder
    }

    #[test]
    fn a_context_says_where_the_engine_is() {
        let folder = written(
            "far",
            r#"{"Host": "ssh://core@lab-1", "SkipTLSVerify": false}"#,
        );
        let place = context(folder.path(), "far").unwrap();
        assert_eq!(place.address.to_string(), "ssh://core@lab-1");
        assert_eq!(place.said, Said::Context("far".to_owned()));
        assert_eq!(place.certificates, None);
        let folder = written(
            "tls",
            r#"{"Host": "tcp://builder:2376", "SkipTLSVerify": false}"#,
        );
        let place = context(folder.path(), "tls").unwrap();
        assert!(place.certificates.unwrap().ends_with("docker"));
    }

    #[test]
    fn a_context_that_cannot_be_honoured_is_refused() {
        let folder = written(
            "open",
            r#"{"Host": "tcp://builder:2376", "SkipTLSVerify": true}"#,
        );
        for (name, why) in [
            ("open", "does not verify the engine's certificate"),
            ("other", "there is none of that name"),
        ] {
            let error = context(folder.path(), name).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains(why), "{error}");
        }
    }
}
