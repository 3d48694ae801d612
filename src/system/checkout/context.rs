//! A build context: what a build may read of the repository.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::entry::{self, Entries, Entry, Kind};
use super::error::CheckoutError;
use super::ignore::Ignore;
use super::send::TarStream;
use super::{Checkout, inside, remote};
use crate::domain::cluster::{Build, NamedContext};
use crate::domain::name::Digest;

/// The Dockerfile's name in what is sent when it lies outside the context, or is left out of it.
const OUTSIDE: &str = ".longshore.Dockerfile";

/// A build context, hashed and ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// What is in it.
    pub entries: Arc<Entries>,
    /// The Dockerfile's path in what is sent.
    pub dockerfile: PathBuf,
    /// The Dockerfile's text, what is not UTF-8 in it replaced.
    pub dockerfile_text: String,
    /// Digest of the Dockerfile's content.
    pub dockerfile_digest: Digest,
    /// What is in the named contexts that are folders and used.
    pub folders: BTreeMap<String, Arc<Entries>>,
}

impl Checkout {
    /// Reads and hashes what a build may read.
    ///
    /// # Errors
    ///
    /// If a file cannot be read, a path leads out of the repository, or `.dockerignore` is malformed.
    pub fn context(&self, build: &Build) -> Result<Context, CheckoutError> {
        let root = match &build.remote {
            Some(remote) => remote::root(remote)?,
            None => self.root.clone(),
        };
        let folder = inside(&root, &build.context)?;
        let written = root.join(&build.dockerfile);
        let own = build.inline.is_none().then_some(written.as_path());
        let entries = read(&folder, &Ignore::read(&folder, own)?)?;
        let (bytes, within) = match &build.inline {
            Some(text) => (text.clone().into_bytes(), None),
            None => {
                let dockerfile = inside(&root, &build.dockerfile)?;
                let bytes = fs::read(&dockerfile).map_err(CheckoutError::read(&dockerfile))?;
                let within = dockerfile.strip_prefix(&folder).ok().map(Path::to_owned);
                (bytes, within)
            }
        };
        let within = within.filter(|path| entries.0.iter().any(|entry| entry.path == *path));
        let mut folders = BTreeMap::new();
        for (name, context) in build.used() {
            if let NamedContext::Folder(path) = context {
                let folder = self.inside(path)?;
                let entries = read(&folder, &Ignore::read(&folder, None)?)?;
                folders.insert(name.clone(), Arc::new(entries));
            }
        }
        Ok(Context {
            entries: Arc::new(entries),
            dockerfile: within.unwrap_or_else(|| PathBuf::from(OUTSIDE)),
            dockerfile_digest: Digest::of(&bytes),
            dockerfile_text: String::from_utf8_lossy(&bytes).into_owned(),
            folders,
        })
    }
}

impl Context {
    /// Sends it as a tar stream, a little at a time: no times, no owners, this text as its Dockerfile. The stream ends
    /// with an error if a file is no longer what was hashed.
    #[must_use]
    pub fn stream(&self, dockerfile: String) -> TarStream {
        let replaced = (self.dockerfile.clone(), dockerfile);
        TarStream::new(Arc::clone(&self.entries), Some(replaced))
    }
}

/// Reads a folder but for what is left out.
fn read(folder: &Path, ignore: &Ignore) -> Result<Entries, CheckoutError> {
    let mut entries = Entries::default();
    let hidden = BTreeSet::new();
    let walk = Walk {
        ignore,
        root: folder,
        hidden: &hidden,
    };
    walk.folder(folder, &mut entries)?;
    entries.sort();
    Ok(entries)
}

/// Reads a whole folder but for these paths and what lies below them.
pub(super) fn tree(root: &Path, hidden: &BTreeSet<PathBuf>) -> Result<Entries, CheckoutError> {
    let mut entries = Entries::default();
    let ignore = Ignore::default();
    Walk {
        ignore: &ignore,
        root,
        hidden,
    }
    .folder(root, &mut entries)?;
    entries.sort();
    Ok(entries)
}

struct Walk<'w> {
    ignore: &'w Ignore,
    root: &'w Path,
    hidden: &'w BTreeSet<PathBuf>,
}

impl Walk<'_> {
    /// Adds what lies in a folder. A folder that is left out is entered only if something below may be kept, and is
    /// itself added if something was.
    fn folder(&self, folder: &Path, entries: &mut Entries) -> Result<(), CheckoutError> {
        for found in fs::read_dir(folder).map_err(CheckoutError::read(folder))? {
            let from = found.map_err(CheckoutError::read(folder))?.path();
            let path = from.strip_prefix(self.root).unwrap_or(&from).to_owned();
            if self.hidden.contains(&path) {
                continue;
            }
            let out = self.ignore.leaves_out(&path.to_string_lossy());
            let meta = fs::symlink_metadata(&from).map_err(CheckoutError::read(&from))?;
            if meta.is_dir() {
                let before = entries.0.len();
                if !out || self.ignore.may_keep_below() {
                    self.folder(&from, entries)?;
                }
                if !out || entries.0.len() > before {
                    entries.0.push(Entry {
                        path,
                        from,
                        kind: Kind::Folder,
                    });
                }
            } else if !out {
                let kind = kind(&from, &meta)?;
                entries.0.push(Entry { path, from, kind });
            }
        }
        Ok(())
    }
}

fn kind(from: &Path, meta: &fs::Metadata) -> Result<Kind, CheckoutError> {
    if meta.is_file() {
        entry::file(from, meta)
    } else if meta.is_symlink() {
        let target = fs::read_link(from).map_err(CheckoutError::read(from))?;
        Ok(Kind::Link { target })
    } else {
        Err(CheckoutError::Special {
            path: from.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests;
