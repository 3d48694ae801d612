//! The bytes of released images, kept beside the ledger so that a release outlives its engine, and served to hosts.
//!
//! Content-addressed and deduplicated: a configuration or an uncompressed layer is a file named by its SHA-256. What the
//! store holds under a digest has that digest; anything else never gets its name.

mod archive;
mod error;
mod passing;
mod registry;
mod store;

pub use error::BlobError;
pub use passing::Passing;
pub use registry::Registry;
pub use store::Blobs;
