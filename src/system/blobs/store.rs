//! The content-addressed folder.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use futures_util::{Stream, TryStreamExt};
use sha2::{Digest as _, Sha256};
use tokio_util::io::{StreamReader, SyncIoBridge};

use super::BlobError;
use crate::domain::ledger::ImageIdentity;
use crate::domain::name::Digest;

/// A piece of this size is hashed and written at a time.
const PIECE: usize = 128 * 1024;

/// The folder that holds the bytes.
#[derive(Debug, Clone)]
pub struct Blobs {
    root: PathBuf,
}

impl Blobs {
    /// Opens the folder, which is made when something is kept.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Returns the file that holds these bytes, if they are kept.
    #[must_use]
    pub fn file(&self, digest: &Digest) -> Option<PathBuf> {
        Some(self.path(digest)).filter(|path| path.is_file())
    }

    /// Tells whether everything that the identity names is kept, or names the first that is not.
    ///
    /// # Errors
    ///
    /// The first digest whose bytes are not kept.
    pub fn holds(&self, image: &ImageIdentity) -> Result<(), Digest> {
        let parts = std::iter::once(&image.config).chain(&image.layers);
        parts
            .into_iter()
            .find(|digest| self.file(digest).is_none())
            .map_or(Ok(()), |missing| Err(*missing))
    }

    /// Returns how many bytes are kept under a digest.
    #[must_use]
    pub fn size(&self, digest: &Digest) -> Option<u64> {
        fs::metadata(self.path(digest)).ok().map(|meta| meta.len())
    }

    /// Reads kept bytes.
    ///
    /// # Errors
    ///
    /// If they are not kept, or cannot be read.
    pub fn read(&self, digest: &Digest) -> Result<Vec<u8>, BlobError> {
        let path = self.path(digest);
        fs::read(&path).map_err(|source| BlobError::File { path, source })
    }

    /// Keeps some bytes and returns their digest.
    ///
    /// # Errors
    ///
    /// If they cannot be written.
    pub fn keep(&self, content: impl Read) -> Result<Digest, BlobError> {
        self.keep_if(content, |_| true)
    }

    /// Keeps a file's bytes and returns their digest.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or they cannot be written.
    pub fn keep_file(&self, path: &Path) -> Result<Digest, BlobError> {
        let file = File::open(path).map_err(|source| BlobError::File {
            path: path.to_owned(),
            source,
        })?;
        self.keep(file)
    }

    /// Keeps some bytes if their digest is wanted, and returns it in any case.
    fn keep_if(
        &self,
        mut content: impl Read,
        wanted: impl Fn(&Digest) -> bool,
    ) -> Result<Digest, BlobError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| BlobError::File { path, source }
        };
        let folder = self.root.join("sha256");
        fs::create_dir_all(&folder).map_err(failed(&folder))?;
        let mut file = Incoming::new(&folder)?;
        let mut hasher = Sha256::new();
        let mut piece = vec![0; PIECE];
        loop {
            let read = match content.read(&mut piece) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(source) => {
                    return Err(BlobError::File {
                        path: file.path.clone(),
                        source,
                    });
                }
            };
            hasher.update(&piece[..read]);
            file.file
                .write_all(&piece[..read])
                .map_err(failed(&file.path))?;
        }
        let digest = Digest::from_bytes(hasher.finalize().into());
        if wanted(&digest) {
            file.name_it(&self.path(&digest))?;
        }
        Ok(digest)
    }

    /// Keeps an image from an engine's export (`docker save`): whatever in it has a digest that the identity names.
    ///
    /// # Errors
    ///
    /// If the export breaks off, or lacks something that the identity names.
    pub async fn keep_image<S, E>(
        &self,
        reference: &str,
        image: &ImageIdentity,
        export: S,
    ) -> Result<(), BlobError>
    where
        S: Stream<Item = Result<bytes::Bytes, E>> + Send + Unpin + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
    {
        let reader = SyncIoBridge::new(StreamReader::new(export.map_err(io::Error::other)));
        let (blobs, wanted) = (self.clone(), image.clone());
        let name = reference.to_owned();
        let kept = tokio::task::spawn_blocking(move || blobs.unpack(&name, &wanted, reader)).await;
        kept.unwrap_or_else(|panic| {
            Err(BlobError::Export {
                image: reference.into(),
                source: io::Error::other(panic),
            })
        })?;
        self.holds(image).map_err(|missing| BlobError::Incomplete {
            image: reference.into(),
            missing,
        })
    }

    fn unpack(
        &self,
        reference: &str,
        wanted: &ImageIdentity,
        export: impl Read,
    ) -> Result<(), BlobError> {
        let broken = |source| BlobError::Export {
            image: reference.to_owned(),
            source,
        };
        let mut archive = tar::Archive::new(export);
        for entry in archive.entries().map_err(broken)? {
            let entry = entry.map_err(broken)?;
            if entry.header().entry_type().is_file() {
                // Tags, versions and manifests of the export are not: ours is made from the identity alone.
                self.keep_if(entry, |digest| {
                    *digest == wanted.config || wanted.layers.contains(digest)
                })?;
            }
        }
        Ok(())
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn path(&self, digest: &Digest) -> PathBuf {
        self.root.join("sha256").join(digest.hex())
    }
}

/// A file that has no name yet, and is gone if it never gets one.
struct Incoming {
    path: PathBuf,
    file: File,
    named: bool,
}

impl Incoming {
    fn new(folder: &Path) -> Result<Self, BlobError> {
        let path = folder.join(format!(".{:016x}", rand::random::<u64>()));
        let file = File::create(&path).map_err(|source| BlobError::File {
            path: path.clone(),
            source,
        })?;
        Ok(Self {
            path,
            file,
            named: false,
        })
    }

    fn name_it(mut self, path: &Path) -> Result<(), BlobError> {
        let named = self
            .file
            .sync_all()
            .and_then(|()| fs::rename(&self.path, path));
        named.map_err(|source| BlobError::File {
            path: path.to_owned(),
            source,
        })?;
        self.named = true;
        Ok(())
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if !self.named {
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures_util::stream;

    use super::*;

    fn export(
        files: &[(&str, &str)],
    ) -> impl Stream<Item = Result<Bytes, io::Error>> + Send + Unpin + 'static {
        let mut archive = tar::Builder::new(Vec::new());
        for (path, content) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            archive
                .append_data(&mut header, path, content.as_bytes())
                .unwrap();
        }
        let bytes = archive.into_inner().unwrap();
        stream::iter(
            bytes
                .chunks(700)
                .map(|piece| Ok(Bytes::copy_from_slice(piece)))
                .collect::<Vec<_>>(),
        )
    }

    fn identity() -> ImageIdentity {
        ImageIdentity {
            config: Digest::of("config"),
            layers: vec![Digest::of("one"), Digest::of("two")],
        }
    }

    fn files(folder: &Path) -> usize {
        fs::read_dir(folder).map_or(0, Iterator::count)
    }

    #[tokio::test]
    async fn keeps_what_the_identity_names_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::new(folder.path());
        let export = export(&[
            ("a/layer.tar", "one"),
            ("b/layer.tar", "two"),
            ("c.json", "config"),
            ("manifest.json", "[]"),
        ]);
        blobs.keep_image("shop", &identity(), export).await.unwrap();
        assert_eq!(blobs.holds(&identity()), Ok(()));
        assert_eq!(files(&folder.path().join("sha256")), 3);
    }

    #[tokio::test]
    async fn an_export_of_something_else_is_told_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::new(folder.path());
        let export = export(&[("a/layer.tar", "eins"), ("c.json", "other")]);
        let error = blobs
            .keep_image("shop", &identity(), export)
            .await
            .unwrap_err();
        assert!(
            matches!(error, BlobError::Incomplete { missing, .. } if missing == Digest::of("config")),
            "{error}"
        );
        assert_eq!(files(&folder.path().join("sha256")), 0);
    }

    #[tokio::test]
    async fn an_export_that_breaks_off_leaves_no_half_file() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::new(folder.path());
        let broken = stream::iter([
            Ok(Bytes::from_static(b"half a header")),
            Err(io::Error::other("engine died")),
        ]);
        let error = blobs
            .keep_image("shop", &identity(), broken)
            .await
            .unwrap_err();
        assert!(matches!(error, BlobError::Export { .. }), "{error}");
        assert_eq!(files(&folder.path().join("sha256")), 0);
    }
}
