//! Why a release cannot be rendered for a host.

use std::path::PathBuf;

use super::escape::EscapeError;
use super::tree::{Instance, UnitName};
use crate::domain::failure::{Explain, Kind};
use crate::domain::name::{EnvironmentName, HostName, ServiceName, VolumeName};

/// Why a release cannot be rendered for a host.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// The release was made when the environment did not exist.
    #[error("release {release} knows no environment {environment}")]
    NoEnvironment {
        /// The release's id.
        release: String,
        /// The environment asked for.
        environment: EnvironmentName,
    },
    /// An instance of a service that the environment does not run.
    #[error("{environment} runs no service {service}, but an instance of it was placed on {host}")]
    NoService {
        /// The environment.
        environment: EnvironmentName,
        /// The service.
        service: ServiceName,
        /// The host.
        host: HostName,
    },
    /// The release holds no image for a service that it places.
    #[error("the release holds no image of {service}")]
    NoImage {
        /// The service.
        service: ServiceName,
    },
    /// The release holds none of the files that a service mounts.
    #[error("the release holds no file of {}, which {service} mounts", path.display())]
    NoAsset {
        /// The service.
        service: ServiceName,
        /// The path in the repository.
        path: PathBuf,
    },
    /// A container may write to a file of the repository.
    #[error("{service} mounts {} from the repository to write to it", path.display())]
    WritableAsset {
        /// The service.
        service: ServiceName,
        /// The path in the repository.
        path: PathBuf,
    },
    /// docker's `--volume` ends a path at a colon.
    #[error("{service} mounts {path:?}, which contains a colon")]
    Colon {
        /// The service.
        service: ServiceName,
        /// The path on either side.
        path: String,
    },
    /// A path that is not UTF-8, which a unit file is.
    #[error("{service} mounts {}, whose name is not UTF-8", path.display())]
    NotUtf8 {
        /// The service.
        service: ServiceName,
        /// The path on the host.
        path: PathBuf,
    },
    /// A variable whose name no environment can hold.
    #[error("{service} has an environment variable named {name:?}, which is empty or contains '='")]
    VariableName {
        /// The service.
        service: ServiceName,
        /// The name.
        name: String,
    },
    /// A value that no unit file can carry.
    #[error("a value of {subject} cannot be written into its unit")]
    Unwritable {
        /// The instance, network or volume.
        subject: String,
        /// Why.
        #[source]
        source: EscapeError,
    },
    /// Two things of one cluster would be the same unit.
    #[error("two parts of the cluster would both be unit {unit}")]
    NameTaken {
        /// The unit.
        unit: UnitName,
    },
    /// Instances that wait for each other.
    #[error("{instance} waits for itself to start")]
    Circle {
        /// One of them.
        instance: Instance,
    },
    /// A mounted volume that the cluster does not have.
    #[error("{service} mounts volume {volume}, which the cluster does not have")]
    NoVolume {
        /// The service.
        service: ServiceName,
        /// The volume.
        volume: VolumeName,
    },
    /// A template that does not render.
    #[error("template {template} does not render")]
    Template {
        /// Its name.
        template: &'static str,
        /// Why, with line and column.
        #[source]
        source: Box<tera::Error>,
    },
}

impl Explain for RenderError {
    fn kind(&self) -> Kind {
        match self {
            Self::NoEnvironment { .. } => Kind::Refused,
            Self::WritableAsset { .. }
            | Self::Colon { .. }
            | Self::NotUtf8 { .. }
            | Self::VariableName { .. }
            | Self::Unwritable { .. }
            | Self::NameTaken { .. }
            | Self::Circle { .. } => Kind::Invalid,
            Self::NoService { .. }
            | Self::NoImage { .. }
            | Self::NoAsset { .. }
            | Self::NoVolume { .. }
            | Self::Template { .. } => Kind::Bug,
        }
    }

    fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::NoEnvironment { .. } => {
                "make a release of a commit that has the environment: `longshore release`"
            }
            Self::WritableAsset { .. } => {
                "mount it read-only (`:ro`), or use a named volume for what the container writes"
            }
            Self::Colon { .. } => "use a path without a colon",
            Self::NotUtf8 { .. } => "rename it",
            Self::VariableName { .. } => "name it with letters, digits and '_'",
            Self::Unwritable { .. } => {
                "put the value into a file of the repository and mount that, read-only"
            }
            Self::NameTaken { .. } => "rename the service or the network",
            Self::Circle { .. } => "run `longshore graph` to see the circle",
            Self::NoService { .. }
            | Self::NoImage { .. }
            | Self::NoAsset { .. }
            | Self::NoVolume { .. }
            | Self::Template { .. } => return Vec::new(),
        };
        vec![hint.to_owned()]
    }
}
