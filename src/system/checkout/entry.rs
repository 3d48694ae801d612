//! What lies in a folder, hashed: paths, kinds and contents, no times and no owners.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use sha2::Digest as _;

use super::error::CheckoutError;
use crate::domain::name::Digest;

/// How much of a file is held in memory.
const CHUNK: usize = 64 * 1024;

/// One path below a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Relative to the folder.
    pub path: PathBuf,
    /// Where it is read from.
    pub from: PathBuf,
    /// What it is.
    pub kind: Kind,
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A file.
    File {
        /// Digest of its content.
        digest: Digest,
        /// Its length in bytes.
        size: u64,
        /// Whether its owner may execute it; of the permissions no other bit counts.
        executable: bool,
    },
    /// A folder.
    Folder,
    /// A symbolic link.
    Link {
        /// Where it leads, as written.
        target: PathBuf,
    },
}

/// Entries in the order of their paths' bytes, so that the same tree always has the same digest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entries(pub Vec<Entry>);

impl Entries {
    /// Returns the digest of all paths, kinds and contents.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let mut hasher = sha2::Sha256::new();
        let mut add = |bytes: &[u8]| {
            // The length before each part keeps two different lists from running into the same bytes.
            hasher.update((bytes.len() as u64).to_be_bytes());
            hasher.update(bytes);
        };
        for Entry {
            path,
            from: _,
            kind,
        } in &self.0
        {
            add(path.as_os_str().as_bytes());
            match kind {
                Kind::File {
                    digest,
                    size: _,
                    executable,
                } => {
                    add(if *executable { b"program" } else { b"file" });
                    add(digest.to_string().as_bytes());
                }
                Kind::Folder => add(b"folder"),
                Kind::Link { target } => {
                    add(b"link");
                    add(target.as_os_str().as_bytes());
                }
            }
        }
        Digest::from_bytes(hasher.finalize().into())
    }

    pub(super) fn sort(&mut self) {
        self.0
            .sort_by(|one, other| one.path.as_os_str().cmp(other.path.as_os_str()));
    }
}

/// Hashes a file.
pub(super) fn file(path: &Path, meta: &Metadata) -> Result<Kind, CheckoutError> {
    let mut source = File::open(path).map_err(CheckoutError::read(path))?;
    let mut hasher = sha2::Sha256::new();
    let size = copy(&mut source, |bytes| {
        hasher.update(bytes);
        Ok(())
    });
    Ok(Kind::File {
        size: size.map_err(CheckoutError::read(path))?,
        digest: Digest::from_bytes(hasher.finalize().into()),
        executable: meta.permissions().mode() & 0o100 != 0,
    })
}

/// Reads a file in chunks and returns its length.
pub(super) fn copy(
    source: &mut impl Read,
    mut take: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<u64> {
    let mut chunk = vec![0; CHUNK];
    let mut size = 0;
    loop {
        let length = match source.read(&mut chunk) {
            Ok(0) => return Ok(size),
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        take(&chunk[..length])?;
        size += length as u64;
    }
}
