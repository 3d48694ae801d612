//! What can go wrong with the ledger.

use std::io;
use std::path::PathBuf;

use crate::domain::failure::{Explain, Kind};

/// What can go wrong with the ledger.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Its folder cannot be made.
    #[error("failed to make the ledger's folder {}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It cannot be opened.
    #[error("failed to open the ledger {}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: sqlx::Error,
    },
    /// Its tables cannot be brought up to date.
    #[error("failed to bring the ledger {} up to date", path.display())]
    Migrate {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: sqlx::migrate::MigrateError,
    },
    /// A question or record failed.
    #[error("failed to use the ledger {}", path.display())]
    Query {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: sqlx::Error,
    },
    /// A record is not what this version writes.
    #[error("failed to read a record of the ledger {}", path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The URL names something that longshore cannot keep its record in.
    #[error("failed to use {url} as ledger: only the path of an SQLite file is taken")]
    Url {
        /// The URL, its password left out.
        url: String,
    },
}

impl Explain for StoreError {
    fn kind(&self) -> Kind {
        match self {
            Self::Url { .. } => Kind::Invalid,
            Self::Folder { .. }
            | Self::Open { .. }
            | Self::Migrate { .. }
            | Self::Query { .. }
            | Self::Record { .. } => Kind::Failed,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Folder { .. } | Self::Open { .. } | Self::Query { .. } => {
                vec!["check that it is a ledger, that the disk has room and that you may write there, or name another file with --ledger".to_owned()]
            }
            Self::Migrate { .. } | Self::Record { .. } => {
                vec!["use the longshore that wrote it, or a newer one; the file has not been changed".to_owned()]
            }
            Self::Url { .. } => {
                vec!["for example: --ledger /var/lib/longshore/ledger.db".to_owned()]
            }
        }
    }
}
