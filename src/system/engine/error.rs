//! What can go wrong with the engine.

use std::io;
use std::path::PathBuf;

use bollard::errors::Error;

use crate::domain::failure::{Explain, Kind};

/// What can go wrong with the engine.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The address cannot be used.
    #[error("{address:?} is no engine address that can be used: {why}")]
    Address {
        /// As `DOCKER_HOST` says.
        address: String,
        /// Why not.
        why: &'static str,
    },
    /// Nobody answers.
    #[error("no container engine answers at {address}")]
    Unreachable {
        /// Where it was asked.
        address: String,
        /// Why.
        #[source]
        source: Box<Error>,
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
            Self::Unreachable { .. } | Self::Silent { .. } => true,
            Self::Request { source, .. } => matches!(
                **source,
                Error::HyperResponseError { .. }
                    | Error::HyperLegacyError { .. }
                    | Error::HttpClientError { .. }
                    | Error::IOError { .. }
                    | Error::SocketNotFoundError { .. }
            ),
            Self::Address { .. }
            | Self::TooOld { .. }
            | Self::Pull { .. }
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
            Self::Address { .. } | Self::Secret { .. } => Kind::Invalid,
            Self::Unreachable { .. } | Self::Silent { .. } | Self::TooOld { .. } => {
                Kind::Unreachable
            }
            Self::Request { .. }
            | Self::Pull { .. }
            | Self::Build { .. }
            | Self::Plugin { .. }
            | Self::Import { .. }
            | Self::Identity { .. }
            | Self::Unpack { .. }
            | Self::Log { .. } => Kind::Failed,
        }
    }

    fn hints(&self) -> Vec<String> {
        let hints: &[&str] = match self {
            Self::Address { .. } => &[
                "use unix:///path/to/socket or tcp://host:port",
                "reach an engine behind SSH by `ssh -nNT -L /tmp/engine.sock:/var/run/docker.sock HOST`, then DOCKER_HOST=unix:///tmp/engine.sock",
            ],
            Self::Unreachable { .. } | Self::Silent { .. } => &[
                "start one: `sudo systemctl start docker`, or `sudo dockerd &` where there is no systemd",
                "if it runs, check that you may use it (`sudo usermod -aG docker $USER`, then log in again) and what DOCKER_HOST says",
            ],
            Self::TooOld { .. } => {
                &["install Docker Engine 20.10 or newer, or point DOCKER_HOST at one"]
            }
            Self::Pull { .. } => &[
                "check the name for a typo, and that its registry can be reached: `docker pull` of it says the same",
            ],
            Self::Log { .. } | Self::Unpack { .. } => {
                &["check that the disk has room and that you may write there"]
            }
            Self::Secret { .. } => &[
                "the definition says under `secrets:` where it comes from: a variable of your shell, or a file",
            ],
            Self::Plugin { .. } => &["`docker buildx version` says whether it works"],
            Self::Request { .. }
            | Self::Build { .. }
            | Self::Import { .. }
            | Self::Identity { .. } => &[],
        };
        hints.iter().map(ToString::to_string).collect()
    }
}
