//! The tar that `stage` unpacks on a host: the script, the deployment's folder, and assets that are not there yet.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use super::switch::SCRIPT;
use crate::domain::ledger::Asset;
use crate::domain::name::Digest;
use crate::domain::unit::Tree;

/// Why a tar could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// An asset's content is not at hand.
    #[error("put {} into the deployment: its content {digest} is missing", .path.display())]
    Missing {
        /// The file in the asset.
        path: PathBuf,
        /// The content.
        digest: Digest,
    },
    /// A path is too long for a tar.
    #[error("put {} into the deployment", .path.display())]
    Path {
        /// The path in the tar.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Makes the tar for a tree. `contents` holds the files of its assets by their digest; assets that the host has are
/// left out. The same input gives the same bytes.
///
/// # Errors
///
/// If a content is missing or a path does not fit.
pub fn archive(
    tree: &Tree,
    contents: &BTreeMap<Digest, Vec<u8>>,
    present: &BTreeSet<Digest>,
) -> Result<Vec<u8>, ArchiveError> {
    let mut tar = Tar(tar::Builder::new(Vec::new()));
    tar.file("switch", SCRIPT.as_bytes(), 0o755)?;
    tar.file("deployment/manifest", tree.manifest().as_bytes(), 0o644)?;
    tar.file("deployment/units", tree.unit_list().as_bytes(), 0o644)?;
    tar.file("deployment/images", tree.image_list().as_bytes(), 0o644)?;
    tar.file("deployment/assets", tree.asset_list().as_bytes(), 0o644)?;
    for unit in &tree.units {
        tar.file(
            format!("deployment/systemd/{}", unit.name),
            unit.text.as_bytes(),
            0o644,
        )?;
    }
    for (name, files) in tree
        .assets
        .iter()
        .filter(|(name, _)| !present.contains(name))
    {
        for (path, Asset { digest, mode }) in files {
            let content = contents.get(digest).ok_or_else(|| ArchiveError::Missing {
                path: path.clone(),
                digest: *digest,
            })?;
            let folder = Path::new("assets").join(name.hex());
            let target = if path.as_os_str().is_empty() {
                folder
            } else {
                folder.join(path)
            };
            tar.file(target, content, *mode)?;
        }
    }
    tar.0.into_inner().map_err(|source| ArchiveError::Path {
        path: PathBuf::new(),
        source,
    })
}

struct Tar(tar::Builder<Vec<u8>>);

impl Tar {
    fn file(
        &mut self,
        path: impl AsRef<Path>,
        content: &[u8],
        mode: u32,
    ) -> Result<(), ArchiveError> {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(mode);
        header.set_mtime(0);
        let path = path.as_ref();
        self.0
            .append_data(&mut header, path, content)
            .map_err(|source| ArchiveError::Path {
                path: path.to_owned(),
                source,
            })
    }
}
