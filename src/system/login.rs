//! Logins to registries, as Docker keeps them: in `config.json`, or with a credential helper.
//!
//! A login is asked for when it is needed, handed to the engine in a header, and shown to nobody: it stands in no
//! argument, log or message.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bollard::auth::DockerCredentials;
use serde::Deserialize;

use crate::domain::failure::{Explain, Kind};
use crate::system::docker_config::{self, AuthEntry, DockerConfig, DockerConfigError};

/// The name of Docker Hub where logins are kept.
const HUB: &str = "https://index.docker.io/v1/";

/// What a helper prints where it knows no login (docker-credential-helpers, `ErrCredentialsNotFound`).
const NOT_FOUND: &str = "credentials not found in native keychain";

/// A login cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// Docker's configuration cannot be used.
    #[error(transparent)]
    Configuration(#[from] DockerConfigError),
    /// An entry of the configuration is not what Docker writes.
    #[error("the login for {registry} in {} is malformed", path.display())]
    Malformed {
        /// The registry.
        registry: String,
        /// The file.
        path: PathBuf,
    },
    /// A helper's name is none: it would be a program somewhere.
    #[error("{name:?}, which Docker's configuration names for {registry}, is no credential helper")]
    Name {
        /// As written.
        name: String,
        /// The registry.
        registry: String,
    },
    /// A helper cannot be run.
    #[error("failed to run {program}, which keeps the login for {registry}")]
    Start {
        /// The program.
        program: String,
        /// The registry.
        registry: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A helper did not do it. What it printed may be a secret, and is not told.
    #[error("{program} did not give the login for {registry}: {how}")]
    Helper {
        /// The program.
        program: String,
        /// The registry.
        registry: String,
        /// How it ended.
        how: String,
    },
}

impl Explain for LoginError {
    fn kind(&self) -> Kind {
        match self {
            Self::Configuration(_) | Self::Malformed { .. } | Self::Name { .. } => Kind::Invalid,
            Self::Start { .. } | Self::Helper { .. } => Kind::Failed,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Configuration(_) => {
                vec!["correct it, or let DOCKER_CONFIG name a folder with another one".to_owned()]
            }
            Self::Malformed { registry, .. } | Self::Helper { registry, .. } => {
                vec![format!("`docker login {registry}` writes it anew")]
            }
            Self::Name { .. } => vec![
                "`credsStore` and `credHelpers` name what follows `docker-credential-`".to_owned(),
            ],
            Self::Start { program, .. } => vec![format!(
                "install {program}, or take it out of Docker's config.json"
            )],
        }
    }
}

/// A login to a registry.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    registry: String,
    user: String,
    secret: Secret,
}

#[derive(Clone, PartialEq, Eq)]
enum Secret {
    Password(String),
    Token(String),
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Login({}, …)", self.registry)
    }
}

impl From<Login> for DockerCredentials {
    fn from(login: Login) -> Self {
        let Login {
            registry,
            user,
            secret,
        } = login;
        let (username, password, identitytoken) = match secret {
            Secret::Password(password) => (Some(user), Some(password), None),
            Secret::Token(token) => (None, None, Some(token)),
        };
        Self {
            username,
            password,
            identitytoken,
            serveraddress: Some(registry),
            ..Self::default()
        }
    }
}

/// The logins of this user.
#[derive(Debug)]
pub struct Logins {
    config: DockerConfig,
    folder: PathBuf,
}

impl Logins {
    /// Opens them.
    ///
    /// # Errors
    ///
    /// If Docker's configuration is there and cannot be read.
    pub fn open() -> Result<Self, LoginError> {
        let folder = docker_config::folder();
        Ok(Self {
            config: DockerConfig::read(&folder)?,
            folder,
        })
    }

    /// Returns the login for the registry that an image's reference names, if there is one.
    ///
    /// # Errors
    ///
    /// If it is kept and cannot be had.
    pub async fn of_image(reference: &str) -> Result<Option<Login>, LoginError> {
        let server = server(reference);
        // A helper may ask a person, or a service far away.
        let asked = tokio::task::spawn_blocking(move || Self::open()?.of(&server)).await;
        asked.unwrap_or(Ok(None))
    }

    /// Returns every login that the configuration names, for builds, which may pull from anywhere.
    ///
    /// # Errors
    ///
    /// If one of them cannot be had.
    pub async fn all() -> Result<BTreeMap<String, Login>, LoginError> {
        let asked = tokio::task::spawn_blocking(|| {
            let logins = Self::open()?;
            let servers = logins.config.auths.keys();
            let servers = servers.chain(logins.config.cred_helpers.keys());
            let mut all = BTreeMap::new();
            for server in servers {
                if let Some(login) = logins.of(server)? {
                    all.insert(server.clone(), login);
                }
            }
            Ok(all)
        });
        asked.await.unwrap_or_else(|_| Ok(BTreeMap::new()))
    }

    /// Returns the login for a server. A helper of its own goes before the store of all, that before the file.
    fn of(&self, server: &str) -> Result<Option<Login>, LoginError> {
        let own = self.config.cred_helpers.get(server);
        if let Some(helper) = own.or(self.config.creds_store.as_ref()) {
            return ask(helper, server);
        }
        let exact = self.config.auths.get_key_value(server);
        let loose = || {
            let mut entries = self.config.auths.iter();
            entries.find(|(key, _)| host(key) == host(server))
        };
        let Some((key, entry)) = exact.or_else(loose) else {
            return Ok(None);
        };
        written(server, entry).ok_or_else(|| LoginError::Malformed {
            registry: key.clone(),
            path: self.folder.join("config.json"),
        })
    }
}

/// Returns the name under which the login of an image's registry is kept.
fn server(reference: &str) -> String {
    match reference.split_once('/') {
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => match host {
            "docker.io" | "index.docker.io" => HUB.to_owned(),
            host => host.to_owned(),
        },
        Some(_) | None => HUB.to_owned(),
    }
}

/// Leaves the host of what stands for a registry in old files: `https://host/v1/`.
fn host(server: &str) -> &str {
    let rest = server.split_once("://").map_or(server, |(_, rest)| rest);
    rest.split('/').next().unwrap_or_default()
}

/// Reads an entry of the file. The outer None means that it is malformed, the inner one that it says nothing, as where
/// a helper keeps it.
fn written(server: &str, entry: &AuthEntry) -> Option<Option<Login>> {
    let login = |user: String, secret| {
        Some(Some(Login {
            registry: server.to_owned(),
            user,
            secret,
        }))
    };
    if let Some(token) = entry
        .identitytoken
        .clone()
        .filter(|token| !token.is_empty())
    {
        return login(String::new(), Secret::Token(token));
    }
    if let Some(auth) = entry.auth.as_deref().filter(|auth| !auth.is_empty()) {
        let decoded = String::from_utf8(STANDARD.decode(auth).ok()?).ok()?;
        let (user, password) = decoded.split_once(':')?;
        let password = password.trim_end_matches('\0').to_owned();
        return login(user.to_owned(), Secret::Password(password));
    }
    match (entry.username.clone(), entry.password.clone()) {
        (Some(user), Some(password)) => login(user, Secret::Password(password)),
        (None | Some(_), None) | (None, Some(_)) => Some(None),
    }
}

/// What a helper prints (docker-credential-helpers, "Development").
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: String,
}

/// Asks a helper: the server on its standard input, the login on its standard output.
fn ask(helper: &str, server: &str) -> Result<Option<Login>, LoginError> {
    let named = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if helper.is_empty() || !helper.chars().all(named) {
        return Err(LoginError::Name {
            name: helper.to_owned(),
            registry: server.to_owned(),
        });
    }
    let program = format!("docker-credential-{helper}");
    let started = |source| LoginError::Start {
        program: program.clone(),
        registry: server.to_owned(),
        source,
    };
    let mut child = Command::new(&program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(started)?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that does not read what it is asked for says so by how it ends.
        let _ = stdin.write_all(server.as_bytes());
    }
    let output = child.wait_with_output().map_err(started)?;
    let failed = |how: String| LoginError::Helper {
        program: program.clone(),
        registry: server.to_owned(),
        how,
    };
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stdout);
        return if said.trim() == NOT_FOUND {
            Ok(None)
        } else {
            Err(failed(format!("it ended with {}", output.status)))
        };
    }
    let answer: Answer = serde_json::from_slice(&output.stdout)
        .map_err(|_| failed("its answer is no login".to_owned()))?;
    let secret = if answer.username == "<token>" {
        Secret::Token(answer.secret)
    } else {
        Secret::Password(answer.secret)
    };
    Ok(Some(Login {
        registry: server.to_owned(),
        user: answer.username,
        secret,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logins(config: &str) -> Logins {
        Logins {
            config: serde_json::from_str(config).unwrap(),
            folder: PathBuf::from("/x"),
        }
    }

    fn credentials(logins: &Logins, server: &str) -> (Option<String>, Option<String>) {
        let login = logins.of(server).unwrap().unwrap();
        let DockerCredentials {
            username, password, ..
        } = login.into();
        (username, password)
    }

    #[test]
    fn a_reference_names_its_registry() {
        for (reference, expected) in [
            ("debian", HUB),
            ("team/api:1", HUB),
            ("docker.io/team/api", HUB),
            ("registry.test/a", "registry.test"),
            ("127.0.0.1:5000/a/b@sha256:00", "127.0.0.1:5000"),
            ("localhost/a", "localhost"),
        ] {
            assert_eq!(server(reference), expected, "{reference}");
        }
    }

    #[test]
    fn logins_of_the_file_are_found_however_the_registry_is_written() {
        let auth = STANDARD.encode("ada:ge:heim");
        let logins = logins(&format!(
            r#"{{"auths": {{"https://registry.test/v1/": {{"auth": "{auth}"}}, "b.test": {{}},
            "c.test": {{"username": "ada", "password": "x"}}, "d.test": {{"auth": "%%"}},
            "e.test": {{"auth": "", "identitytoken": "t"}}}}}}"#
        ));
        let ada = Some("ada".to_owned());
        assert_eq!(
            credentials(&logins, "registry.test"),
            (ada.clone(), Some("ge:heim".to_owned()))
        );
        assert_eq!(credentials(&logins, "c.test"), (ada, Some("x".to_owned())));
        assert_eq!(logins.of("b.test").unwrap(), None);
        assert_eq!(logins.of("other.test").unwrap(), None);
        let token: DockerCredentials = logins.of("e.test").unwrap().unwrap().into();
        assert_eq!(
            (token.identitytoken.as_deref(), token.username),
            (Some("t"), None)
        );
        let error = logins.of("d.test").unwrap_err().to_string();
        assert!(error.contains("d.test") && !error.contains("%%"), "{error}");
    }

    #[test]
    fn a_helper_that_is_no_name_is_not_run() {
        let logins = logins(r#"{"credsStore": "../../bin/sh"}"#);
        let error = logins.of("a.test").unwrap_err();
        assert!(matches!(error, LoginError::Name { .. }), "{error}");
    }

    #[test]
    fn a_login_is_shown_to_nobody() {
        let login = Login {
            registry: "a.test".to_owned(),
            user: "ada".to_owned(),
            secret: Secret::Password("geheim".to_owned()),
        };
        assert_eq!(format!("{login:?}"), "Login(a.test, …)");
    }
}
