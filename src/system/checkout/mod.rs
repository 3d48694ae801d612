//! The repository as it lies on disk: its root and provenance, build contexts, and the files that services mount.
//!
//! Contents are hashed as they would be sent, so the same tree in another folder, or with other times and owners, has
//! the same digest. What is sent is compared with what was hashed; a file that changed in between is an error.

mod assets;
mod context;
mod entry;
mod error;
mod ignore;
mod kept;
mod pattern;
mod provenance;
mod remote;
mod send;

pub use context::Context;
pub use entry::{Entries, Entry, Kind};
pub use error::CheckoutError;
pub use ignore::Ignore;
pub use kept::stream_kept;
pub use send::TarStream;

use std::path::{Path, PathBuf};

/// A repository on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkout {
    root: PathBuf,
    git: bool,
}

impl Checkout {
    /// Finds the repository that a folder belongs to: the nearest one above that holds `.git`, else the folder itself.
    ///
    /// # Errors
    ///
    /// If the folder cannot be read.
    pub fn open(folder: &Path) -> Result<Self, CheckoutError> {
        let folder = std::fs::canonicalize(folder).map_err(CheckoutError::read(folder))?;
        let root = folder
            .ancestors()
            .find(|folder| folder.join(".git").exists());
        Ok(Self {
            root: root.unwrap_or(&folder).to_owned(),
            git: root.is_some(),
        })
    }

    /// Returns its root, as an absolute path without symbolic links.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns where a path of the repository leads, symbolic links followed.
    fn inside(&self, path: &Path) -> Result<PathBuf, CheckoutError> {
        inside(&self.root, path)
    }
}

/// Returns where a path of a tree leads, symbolic links followed.
fn inside(root: &Path, path: &Path) -> Result<PathBuf, CheckoutError> {
    let whole = root.join(path);
    let real = std::fs::canonicalize(&whole).map_err(CheckoutError::read(&whole))?;
    if real.starts_with(root) {
        Ok(real)
    } else {
        Err(CheckoutError::Escapes { path: whole, real })
    }
}
