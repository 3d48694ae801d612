//! A repository with its record: what every stage after reading works on.

use std::path::PathBuf;

use crate::domain::cluster::{Cluster, EngineEntry, RegistryName, Resolved};
use crate::domain::failure::{Explain, Kind};
use crate::domain::ledger::{ClusterKey, Provenance};
use crate::pipeline::read::Read;
use crate::pipeline::secrets::Secrets;
use crate::system::blobs::Blobs;
use crate::system::checkout::{Checkout, CheckoutError};
use crate::system::store::{Ledger, Place, StoreError};

/// A repository with its record.
#[derive(Debug)]
pub struct Project {
    /// The cluster as resolved.
    pub cluster: Cluster,
    /// The registry that keeps released images, if one is named.
    pub registry: Option<RegistryName>,
    /// The engines that build and test; none means the one that the environment names.
    pub engines: Vec<EngineEntry>,
    /// The repository on disk.
    pub checkout: Checkout,
    /// Which tree it is.
    pub provenance: Provenance,
    /// Where it comes from.
    pub origin: String,
    /// Its part of the ledger.
    pub ledger: Ledger,
    /// The kept images.
    pub blobs: Blobs,
    /// Where logs are kept.
    pub logs: PathBuf,
    /// The values of its secrets.
    pub secrets: Secrets,
}

/// Why a repository cannot be worked on.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// The tree cannot be read.
    #[error(transparent)]
    Checkout(#[from] CheckoutError),
    /// The ledger cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Explain for ProjectError {
    fn kind(&self) -> Kind {
        match self {
            Self::Checkout(error) => error.kind(),
            Self::Store(error) => error.kind(),
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Checkout(error) => error.hints(),
            Self::Store(error) => error.hints(),
        }
    }
}

impl Project {
    /// Opens the record of a cluster that was read; `ledger` is what `--ledger` says.
    ///
    /// # Errors
    ///
    /// If the tree cannot be read or the ledger cannot be used.
    pub async fn open(read: Read, ledger: Option<&str>) -> Result<Self, ProjectError> {
        let place = Place::of(ledger)?;
        let checkout = Checkout::open(&read.root)?;
        let provenance = checkout.provenance()?;
        let origin = checkout.origin();
        let secrets = Secrets::read(
            &read.resolved.cluster,
            (&read.root, &read.directory),
            &read.variables,
        );
        let Resolved {
            cluster,
            registry,
            engines,
            warnings: _,
        } = read.resolved;
        let key = ClusterKey {
            name: cluster.name.clone(),
            origin: origin.clone(),
        };
        let ledger = Ledger::open(&place.ledger, &key).await?;
        let blobs = Blobs::new(place.blobs);
        Ok(Self {
            cluster,
            registry,
            engines,
            checkout,
            provenance,
            origin,
            ledger,
            blobs,
            logs: place.logs,
            secrets,
        })
    }
}
