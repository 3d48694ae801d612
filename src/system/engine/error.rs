//! What can go wrong with the engine.

use std::io;
use std::path::PathBuf;

use bollard::errors::Error;

use super::Said;
use crate::domain::cluster::EngineAddressError;
use crate::domain::failure::{Explain, Kind};
use crate::domain::name::HostName;
use crate::system::docker_config::DockerConfigError;
use crate::system::login::LoginError;
use crate::system::ssh::SshError;

/// How an engine is started.
const START: &str =
    "start one: `sudo systemctl start docker`, or `sudo dockerd &` where there is no systemd";

/// What can go wrong with the engine.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The address cannot be used.
    #[error(transparent)]
    Address(#[from] EngineAddressError),
    /// Docker's configuration cannot be used.
    #[error(transparent)]
    Configuration(#[from] DockerConfigError),
    /// A Docker context cannot be used.
    #[error("the Docker context {name} cannot be used: {why}")]
    Context {
        /// Its name.
        name: String,
        /// Why not.
        why: String,
    },
    /// No engine is on this machine.
    #[error("there is no container engine on this machine: none of {} is there", .tried.join(", "))]
    NoneHere {
        /// The sockets that were looked for.
        tried: Vec<String>,
    },
    /// Nobody answers.
    #[error("no container engine answers at {address}")]
    Unreachable {
        /// Where it was asked.
        address: String,
        /// Who says that it is there.
        said: Said,
        /// Why.
        #[source]
        source: Box<Error>,
    },
    /// A certificate or key for TLS cannot be used.
    #[error("{} cannot be used to speak TLS with the engine: {why}", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// The engine and longshore do not trust each other.
    #[error("the engine at {address} cannot be trusted: {why}")]
    Distrust {
        /// Where it is.
        address: String,
        /// Where the certificates are.
        folder: PathBuf,
        /// Why not.
        why: String,
    },
    /// The host of an engine cannot be reached.
    #[error("failed to reach the engine at {address}")]
    Ssh {
        /// Where it is.
        address: String,
        /// Why.
        #[source]
        source: Box<SshError>,
    },
    /// The host has no engine's socket for who logged in.
    #[error("{host} has no engine that {user} may use: {}", sockets(.closed, .tried))]
    NoSocket {
        /// Where it should be.
        address: String,
        /// The host.
        host: HostName,
        /// Who logged in.
        user: String,
        /// Sockets that are closed to that user.
        closed: Vec<String>,
        /// Sockets that are not there.
        tried: Vec<String>,
    },
    /// The host's socket does not answer.
    #[error("the engine at {address} does not answer through SSH")]
    NoForward {
        /// Where it is.
        address: String,
        /// The host.
        host: HostName,
        /// Why.
        #[source]
        source: Box<Error>,
    },
    /// This machine has no place for a socket that leads to an engine.
    #[error("failed to open a socket on this machine that leads to the engine")]
    Local {
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Nobody answers in time.
    #[error("no container engine answered at {address} within {seconds} s")]
    Silent {
        /// Where it was asked.
        address: String,
        /// How long was waited.
        seconds: u64,
    },
    /// It is older than what is supported.
    #[error(
        "the engine at {address} speaks API {api}, and {floor} is needed (Docker Engine 20.10)"
    )]
    TooOld {
        /// Where it is.
        address: String,
        /// What it speaks.
        api: String,
        /// What is needed.
        floor: &'static str,
    },
    /// A request failed.
    #[error("failed to {what}")]
    Request {
        /// What was asked for.
        what: String,
        /// Why.
        #[source]
        source: Box<Error>,
    },
    /// An image could not be pulled.
    #[error("failed to pull image {image}")]
    Pull {
        /// Its reference.
        image: String,
        /// Why.
        #[source]
        source: Box<Error>,
    },
    /// A login to a registry cannot be had.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// An image could not be pushed.
    #[error("failed to push {image}")]
    Push {
        /// Its reference.
        image: String,
        /// Whether trying again may help.
        passes: bool,
        /// Why.
        #[source]
        source: Box<Error>,
    },
    /// A build failed.
    #[error("{reason}{}", listed(.tail))]
    Build {
        /// What the builder says.
        reason: String,
        /// The last lines it printed.
        tail: Vec<String>,
    },
    /// A secret that a build may read is not to be had.
    #[error("failed to read the build secret {id}: {why}")]
    Secret {
        /// Its id.
        id: String,
        /// Why.
        why: String,
    },
    /// The buildx plugin does not work.
    #[error("failed to run Docker's buildx plugin: {why}")]
    Plugin {
        /// Why.
        why: String,
    },
    /// A folder could not be made an image, from which a build could take it.
    #[error("failed to bring the files of a named context to the engine: {why}")]
    Import {
        /// Why.
        why: String,
    },
    /// An image's identity cannot be told from what the engine says.
    #[error("failed to identify image {image}: {why}")]
    Identity {
        /// Its reference.
        image: String,
        /// Why not.
        why: String,
    },
    /// What comes out of a container cannot be kept.
    #[error("failed to unpack {}", path.display())]
    Unpack {
        /// Where it was to be.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A log cannot be kept.
    #[error("failed to write the log {}", path.display())]
    Log {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

fn sockets(closed: &[String], tried: &[String]) -> String {
    let closed = closed.iter().map(|path| format!("{path} is closed to it"));
    let tried = tried.iter().map(|path| format!("{path} is not there"));
    closed.chain(tried).collect::<Vec<_>>().join(", ")
}

fn listed(lines: &[String]) -> String {
    lines.iter().map(|line| format!("\n| {line}")).collect()
}

impl EngineError {
    pub(super) fn request(what: impl Into<String>) -> impl FnOnce(Error) -> Self {
        let what = what.into();
        move |source| Self::Request {
            what,
            source: Box::new(source),
        }
    }

    /// Tells whether the engine could not be spoken with: it went away, or the way to it did.
    #[must_use]
    pub fn lost(&self) -> bool {
        match self {
            Self::Unreachable { .. }
            | Self::Silent { .. }
            | Self::NoForward { .. }
            | Self::Ssh { .. } => true,
            Self::Request { source, .. }
            | Self::Pull { source, .. }
            | Self::Push { source, .. } => matches!(
                **source,
                Error::HyperResponseError { .. }
                    | Error::HyperLegacyError { .. }
                    | Error::HttpClientError { .. }
                    | Error::IOError { .. }
                    | Error::SocketNotFoundError { .. }
            ),
            Self::Address(_)
            | Self::Configuration(_)
            | Self::Context { .. }
            | Self::NoneHere { .. }
            | Self::Certificate { .. }
            | Self::Distrust { .. }
            | Self::NoSocket { .. }
            | Self::Local { .. }
            | Self::Login(_)
            | Self::TooOld { .. }
            | Self::Build { .. }
            | Self::Identity { .. }
            | Self::Unpack { .. }
            | Self::Secret { .. }
            | Self::Plugin { .. }
            | Self::Import { .. }
            | Self::Log { .. } => false,
        }
    }

    /// Tells whether the engine has no range of addresses left for a network, in the words of Docker up to 24, of later
    /// ones, and of Podman.
    #[must_use]
    pub fn out_of_addresses(&self) -> bool {
        self.says(&[
            "non-overlapping IPv4 address pool",
            "predefined address pools have been fully subnetted",
            "could not find free subnet",
        ])
    }

    /// Tells whether a range of addresses is somebody else's.
    #[must_use]
    pub fn overlaps(&self) -> bool {
        self.says(&["overlap", "already used", "conflicts with network"])
    }

    fn says(&self, words: &[&str]) -> bool {
        matches!(self, Self::Request { source, .. }
            if matches!(&**source, Error::DockerResponseServerError { message, .. }
                if words.iter().any(|words| message.contains(words))))
    }

    pub(super) fn local(source: io::Error) -> Self {
        Self::Local { source }
    }

    /// Tells whether the same may work a little later.
    #[must_use]
    pub fn passes(&self) -> bool {
        matches!(self, Self::Push { passes: true, .. })
    }

    /// Tells whether the engine understood the request and would not do it, as against not being there or a failure of
    /// its own.
    #[must_use]
    pub fn refused(&self) -> bool {
        matches!(self, Self::Request { source, .. }
            if matches!(**source, Error::DockerResponseServerError { .. }))
    }
}

/// Tells whether the engine says that something is not there.
pub(super) fn missing(error: &Error) -> bool {
    matches!(
        error,
        Error::DockerResponseServerError {
            status_code: 404,
            ..
        }
    )
}

/// Tells whether the engine refuses only for now: somebody else removes the same thing at this moment, or what holds it
/// is about to go.
pub(super) fn passing(error: &Error) -> bool {
    let Error::DockerResponseServerError {
        status_code,
        message,
    } = error
    else {
        return false;
    };
    let for_now = [
        "in progress",
        "active endpoints",
        "is in use",
        "resource busy",
    ];
    matches!(status_code, 403 | 409 | 500) && for_now.iter().any(|words| message.contains(words))
}

impl Explain for EngineError {
    fn kind(&self) -> Kind {
        match self {
            Self::Address(_)
            | Self::Configuration(_)
            | Self::Context { .. }
            | Self::Certificate { .. }
            | Self::Secret { .. } => Kind::Invalid,
            Self::Ssh { source, .. } => source.kind(),
            Self::Login(source) => source.kind(),
            Self::Push { passes: true, .. } => Kind::Unreachable,
            Self::NoneHere { .. }
            | Self::Unreachable { .. }
            | Self::Distrust { .. }
            | Self::NoSocket { .. }
            | Self::NoForward { .. }
            | Self::Silent { .. }
            | Self::TooOld { .. } => Kind::Unreachable,
            Self::Request { .. }
            | Self::Pull { .. }
            | Self::Push { passes: false, .. }
            | Self::Build { .. }
            | Self::Plugin { .. }
            | Self::Import { .. }
            | Self::Identity { .. }
            | Self::Unpack { .. }
            | Self::Local { .. }
            | Self::Log { .. } => Kind::Failed,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Address(_) => vec![EngineAddressError::FORMS.to_owned()],
            Self::Configuration(_) => vec!["correct it, or let DOCKER_CONFIG name a folder with another one".to_owned()],
            Self::Context { .. } => vec![
                "`docker context ls` lists them; `docker context use default` or DOCKER_HOST chooses another engine".to_owned(),
            ],
            Self::NoneHere { .. } => vec![
                START.to_owned(),
                "or let DOCKER_HOST name one that runs elsewhere: tcp://host:port or ssh://user@host".to_owned(),
            ],
            Self::Unreachable { said, .. } => vec![
                format!("check its address, which {said} gives"),
                START.to_owned(),
                "if it runs, check that you may use it (`sudo usermod -aG docker $USER`, then log in again)".to_owned(),
            ],
            Self::Silent { .. } => vec![
                "look at what keeps it busy; `docker version` against the same engine says the same".to_owned(),
            ],
            Self::Certificate { .. } => vec![
                "DOCKER_CERT_PATH names the folder with ca.pem, cert.pem and key.pem; ca.pem is the authority that signed the engine's certificate".to_owned(),
            ],
            Self::Distrust { folder, .. } => vec![format!(
                "the certificates in {} decide: `openssl x509 -noout -issuer -dates -in FILE` tells of each; DOCKER_CERT_PATH names another folder",
                folder.display()
            )],
            Self::Ssh { source, .. } => source.hints(),
            Self::Login(source) => source.hints(),
            Self::Push { image, passes: true, .. } => vec![format!("check that the engine reaches the registry: `docker push {image}` says the same"), "then run it again: what is there already is not pushed again".to_owned()],
            Self::Push { image, passes: false, .. } => vec![format!(
                "check the login: `docker login {}`, as somebody who may push there",
                image.split('/').next().unwrap_or_default()
            )],
            Self::NoSocket { host, user, closed, .. } if !closed.is_empty() => vec![format!(
                "let {user} use it (`sudo usermod -aG docker {user}` on {host}, then it works at the next login), or log in as somebody who may"
            )],
            Self::NoSocket { host, .. } => vec![format!(
                "start an engine on {host} (`sudo systemctl enable --now docker`, or `podman.socket`), or name its socket: ssh://{host}/path/to/socket"
            )],
            Self::NoForward { host, .. } => vec![format!(
                "check that the engine of {host} runs, and that its sshd_config does not forbid AllowStreamLocalForwarding"
            )],
            Self::TooOld { .. } => {
                vec!["install Docker Engine 20.10 or newer, or point DOCKER_HOST at one".to_owned()]
            }
            Self::Pull { .. } => vec![
                "check the name for a typo, and that its registry can be reached: `docker pull` of it says the same".to_owned(),
            ],
            Self::Secret { .. } => vec![
                "the definition says under `secrets:` where it comes from: a variable of your shell, or a file".to_owned(),
            ],
            Self::Plugin { .. } => vec!["`docker buildx version` says whether it works".to_owned()],
            Self::Local { .. } | Self::Log { .. } | Self::Unpack { .. } => vec!["check that the disk has room and that you may write there".to_owned()],
            Self::Request { .. }
            | Self::Build { .. }
            | Self::Import { .. }
            | Self::Identity { .. } => Vec::new(),
        }
    }
}
