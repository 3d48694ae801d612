//! What can go wrong with kept images.

use std::io;
use std::path::PathBuf;

use crate::domain::failure::{Explain, Kind};
use crate::domain::name::Digest;

/// What can go wrong with kept images.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// A file of the store cannot be used.
    #[error("failed to use {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The engine's export broke off or is not an archive.
    #[error("failed to read the engine's export of {image}")]
    Export {
        /// The image's reference.
        image: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The engine's export lacks bytes that the image's identity names.
    #[error(
        "the engine's export of {image} lacks {missing}: it is another image, or its layers are compressed"
    )]
    Incomplete {
        /// The image's reference.
        image: String,
        /// The first digest that is missing.
        missing: Digest,
    },
    /// Bytes that a release needs are gone.
    #[error("the bytes {digest} of {image} are not kept any more")]
    Gone {
        /// The image's reference.
        image: String,
        /// The digest.
        digest: Digest,
    },
    /// The endpoint that hosts pull from could not be opened.
    #[error("failed to open the endpoint that hosts pull from")]
    Listen {
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl Explain for BlobError {
    fn kind(&self) -> Kind {
        Kind::Failed
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::File { .. } => {
                vec!["check that the disk has room and that you may write there".to_owned()]
            }
            Self::Export { .. } => {
                vec!["run it again; if the engine keeps failing, look at its log".to_owned()]
            }
            Self::Incomplete { .. } => {
                vec!["use an engine with the overlay2 store (`docker info` tells), which exports layers as they are".to_owned()]
            }
            Self::Gone { .. } => vec![
                "check that commit out again and make the release anew: `longshore run`".to_owned(),
            ],
            Self::Listen { .. } => Vec::new(),
        }
    }
}
