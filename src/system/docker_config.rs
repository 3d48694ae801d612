//! Docker's own configuration of this user: `config.json` and what lies beside it. It is read, never written.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// Docker's configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DockerConfigError {
    /// It cannot be read.
    #[error("failed to read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is not what Docker writes. What stands in it is not told: it may hold passwords.
    #[error("{} is not a configuration of Docker's: line {line}, column {column}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where it stops making sense.
        line: usize,
        /// Where in the line.
        column: usize,
    },
}

/// What is read of `config.json`. Unknown keys are Docker's business.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DockerConfig {
    /// Logins by registry.
    pub auths: BTreeMap<String, AuthEntry>,
    /// The program that keeps all logins: `docker-credential-<this>`.
    pub creds_store: Option<String>,
    /// Programs that keep the logins of some registries.
    pub cred_helpers: BTreeMap<String, String>,
    /// The context that `docker context use` chose.
    pub current_context: Option<String>,
}

/// A login as it is kept in the file.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct AuthEntry {
    /// `user:password`, in base64.
    pub auth: Option<String>,
    /// The user, where it stands by itself.
    pub username: Option<String>,
    /// The password, where it stands by itself.
    pub password: Option<String>,
    /// A token in place of a password.
    pub identitytoken: Option<String>,
}

impl std::fmt::Debug for DockerConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let registries: Vec<_> = self.auths.keys().collect();
        f.debug_struct("DockerConfig")
            .field("registries", &registries)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for AuthEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AuthEntry(…)")
    }
}

/// Returns the folder: `$DOCKER_CONFIG`, else `~/.docker`.
#[must_use]
pub fn folder() -> PathBuf {
    match env::var_os("DOCKER_CONFIG").filter(|folder| !folder.is_empty()) {
        Some(folder) => PathBuf::from(folder),
        None => env::home_dir().unwrap_or_default().join(".docker"),
    }
}

impl DockerConfig {
    /// Reads `config.json` of a folder; one that is not there says nothing.
    ///
    /// # Errors
    ///
    /// If it is there and cannot be read.
    pub fn read(folder: &Path) -> Result<Self, DockerConfigError> {
        let path = folder.join("config.json");
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(source) => return Err(DockerConfigError::Read { path, source }),
        };
        serde_json::from_slice(&bytes).map_err(|error| DockerConfigError::Malformed {
            path,
            line: error.line(),
            column: error.column(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_docker_writes_and_shows_no_secret() {
        let folder = tempfile::tempdir().unwrap();
        assert!(DockerConfig::read(folder.path()).unwrap().auths.is_empty());
        let text = r#"{"auths": {"registry.test": {"auth": "Z2VoZWlt"}}, "credsStore": "pass",
            "credHelpers": {"a.test": "ecr-login"}, "currentContext": "far", "HttpHeaders": {}}"#;
        fs::write(folder.path().join("config.json"), text).unwrap();
        let read = DockerConfig::read(folder.path()).unwrap();
        assert_eq!(read.current_context.as_deref(), Some("far"));
        assert_eq!(read.cred_helpers["a.test"], "ecr-login");
        let shown = format!("{read:?} {:?}", read.auths["registry.test"]);
        assert!(!shown.contains("Z2VoZWlt"), "{shown}");
    }

    #[test]
    fn a_broken_file_is_told_by_its_place_alone() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(
            folder.path().join("config.json"),
            "{\"auths\": {\n\"a\": {\"auth\": geheim}}}",
        )
        .unwrap();
        let error = DockerConfig::read(folder.path()).unwrap_err().to_string();
        assert!(
            error.ends_with("line 2, column 15") && !error.contains("geheim"),
            "{error}"
        );
    }
}
