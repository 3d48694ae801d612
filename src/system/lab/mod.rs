//! The lab: throw-away CoreOS-like hosts as containers on the local engine.
//!
//! A lab has a name, a bridge network with fixed addresses, an SSH key, and hosts that a definition calls `lab-1`,
//! `lab-2` …. What it needs on this machine lives in one folder under the state folder; the user's own SSH files are
//! never read or written. Which host is made, started or kept is put in order by `pipeline::lab`.

mod access;
mod error;
mod host;
mod image;
mod name;
mod network;
mod ready;
mod ssh;

pub use error::LabError;
pub use host::{Finding, HostFacts};
pub use image::Image;
pub use name::{LabName, MOST_HOSTS, host_name};
pub use network::Subnet;
pub use ready::Readiness;
pub use ssh::{login, ssh_config_for};

use std::fs::{self, File, TryLockError};
use std::path::PathBuf;
use std::time::Duration;

use bollard::Docker;

use crate::system::environment;

/// How long the engine may think about one request. A build is one request.
const PATIENCE: Duration = Duration::from_secs(3600);

/// How long is waited between two looks at what another longshore holds.
const PAUSE: Duration = Duration::from_millis(200);

/// The label that everything of a lab carries; its value is the lab's name.
const LABEL: &str = "dev.longshore.lab";

/// A lab on the engine that `DOCKER_HOST` names, else the local one.
#[derive(Debug)]
pub struct Lab {
    name: LabName,
    folder: PathBuf,
    engine: Docker,
}

/// Keeps a second longshore from changing the same lab; given back when dropped.
#[derive(Debug)]
pub struct LabLock {
    _file: File,
}

impl Lab {
    /// Connects to the engine for the lab that `LONGSHORE_LAB` names.
    ///
    /// # Errors
    ///
    /// If the name is none, or no engine answers.
    pub async fn connect() -> Result<Self, LabError> {
        let name = LabName::from_environment()?;
        let engine = Docker::connect_with_defaults()
            .map_err(|source| LabError::Engine { source })?
            .with_timeout(PATIENCE)
            .negotiate_version()
            .await
            .map_err(|source| LabError::Engine { source })?;
        Ok(Self {
            folder: folder(&name),
            name,
            engine,
        })
    }

    /// Returns the lab's name.
    #[must_use]
    pub fn name(&self) -> &LabName {
        &self.name
    }

    /// Returns the path of the configuration by which `ssh -F` reaches the lab's hosts.
    #[must_use]
    pub fn ssh_config(&self) -> PathBuf {
        self.folder.join(access::CONFIG)
    }

    /// Waits until no other longshore changes this lab.
    ///
    /// # Errors
    ///
    /// If the lab's folder cannot be written.
    pub async fn lock(&self) -> Result<LabLock, LabError> {
        access::make_folder(&self.folder)?;
        // Beside the folder, not in it: `forget` removes the folder while the lock is held.
        let path = self.folder.with_extension("lock");
        let file = File::create(&path).map_err(LabError::file(&path))?;
        // Asked again and again instead of waited for, so that an interrupt is heard meanwhile.
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(LabLock { _file: file }),
                Err(TryLockError::WouldBlock) => tokio::time::sleep(PAUSE).await,
                Err(TryLockError::Error(error)) => return Err(LabError::file(&path)(error)),
            }
        }
    }

    /// Removes the lab's keys and configuration.
    ///
    /// # Errors
    ///
    /// If a file cannot be removed. Files that are gone already are no error.
    pub fn forget(&self) -> Result<(), LabError> {
        for path in [self.folder.clone(), self.folder.with_extension("lock")] {
            let removed = if path.is_dir() {
                fs::remove_dir_all(&path)
            } else {
                fs::remove_file(&path)
            };
            match removed {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(LabError::file(&path)(error));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Returns the folder of a lab's keys and configuration.
fn folder(name: &LabName) -> PathBuf {
    environment::state_dir().join("labs").join(name.as_str())
}
