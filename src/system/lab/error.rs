//! What can go wrong with a lab.

use std::io;
use std::path::{Path, PathBuf};

use bollard::errors::Error as EngineError;

use super::image::BASE;
use crate::domain::failure::{Explain, Kind};

/// Why a lab could not be made, reached or removed.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// `LONGSHORE_LAB` is no name.
    #[error(
        "{text:?} in LONGSHORE_LAB is not a lab's name: lower-case letters, digits and '-', at most 32 characters"
    )]
    Name {
        /// The value as given.
        text: String,
    },
    /// No engine answers.
    #[error("failed to reach the container engine")]
    Engine {
        /// What the client says.
        #[source]
        source: EngineError,
    },
    /// The image that hosts are built on is neither here nor can it be pulled.
    #[error("the base image {BASE} is not on this engine and could not be pulled")]
    Base {
        /// What the engine says.
        #[source]
        source: EngineError,
    },
    /// The image of the hosts could not be built.
    #[error("failed to build the image of lab hosts: {line}")]
    Build {
        /// The engine's message, or the build's last line.
        line: String,
    },
    /// The engine refused something.
    #[error("failed to {what}")]
    Effect {
        /// What, with the name of the container, network or volume.
        what: String,
        /// What the engine says.
        #[source]
        source: EngineError,
    },
    /// Every address range that a lab would use is taken.
    #[error("no free address range for the network of lab {name}")]
    Addresses {
        /// The lab.
        name: String,
    },
    /// A host is there whose keys are not.
    #[error("the container {container} is of a lab whose keys are not in {folder}")]
    Foreign {
        /// The container.
        container: String,
        /// Where the keys would be.
        folder: PathBuf,
    },
    /// A file of the lab could not be read or written.
    #[error("failed to use {path}")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// An SSH key could not be made or read.
    #[error("failed to use the SSH key {path}")]
    Key {
        /// The key's file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: ssh_key::Error,
    },
    /// A program of this machine could not be run.
    #[error("failed to run {program}")]
    Program {
        /// Which.
        program: &'static str,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A host's container ended while it was starting.
    #[error("{container} ended while it was starting: {lines}")]
    Ended {
        /// The container.
        container: String,
        /// Its last lines.
        lines: String,
    },
    /// A host did not come up in time.
    #[error("{host} is not ready after {seconds} s: {reason}")]
    NotReady {
        /// The host.
        host: String,
        /// The container it runs in.
        container: String,
        /// How long was waited.
        seconds: u64,
        /// What was seen last.
        reason: String,
    },
    /// There is no such host.
    #[error("there is no host {host} in lab {name}")]
    NoHost {
        /// The name as given.
        host: String,
        /// The lab.
        name: String,
    },
}

impl LabError {
    /// Names the file that an I/O error is about.
    pub(super) fn file(path: &Path) -> impl Fn(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::File {
            path: path.clone(),
            source,
        }
    }

    /// Names what the engine refused.
    pub(super) fn effect(what: impl Into<String>) -> impl FnOnce(EngineError) -> Self {
        let what = what.into();
        move |source| Self::Effect { what, source }
    }
}

impl Explain for LabError {
    fn kind(&self) -> Kind {
        match self {
            Self::Name { .. } | Self::NoHost { .. } => Kind::Invalid,
            Self::Engine { .. } => Kind::Unreachable,
            Self::Foreign { .. } => Kind::Refused,
            Self::Base { .. }
            | Self::Build { .. }
            | Self::Effect { .. }
            | Self::Addresses { .. }
            | Self::File { .. }
            | Self::Key { .. }
            | Self::Program { .. }
            | Self::Ended { .. }
            | Self::NotReady { .. } => Kind::Failed,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Engine { .. } => vec![
                "start one: `sudo systemctl start docker`, or `sudo dockerd &` where there is no systemd"
                    .to_owned(),
                "if it listens elsewhere, set DOCKER_HOST".to_owned(),
            ],
            Self::Base { .. } => vec![format!(
                "without a registry, make {BASE} by debootstrap: `make base-image` in longshore's repository"
            )],
            Self::Build { .. } => {
                vec!["the build needs a Debian mirror; run it with -v to see its output".to_owned()]
            }
            Self::Addresses { .. } => {
                vec!["remove networks that are not needed: `docker network ls`".to_owned()]
            }
            Self::Foreign { .. } => vec![
                "remove that lab with `longshore lab down`, or name another one in LONGSHORE_LAB"
                    .to_owned(),
            ],
            Self::Program { program, .. } => {
                vec![format!("install {program} (Debian: openssh-client)")]
            }
            Self::Ended { container, .. } | Self::NotReady { container, .. } => {
                vec![format!(
                    "look at its first lines: `docker logs {container}`"
                )]
            }
            Self::NoHost { .. } => {
                vec![
                    "`longshore lab status` lists the hosts, `longshore lab up N` makes them"
                        .to_owned(),
                ]
            }
            Self::Name { .. } | Self::Effect { .. } | Self::File { .. } | Self::Key { .. } => {
                Vec::new()
            }
        }
    }
}
