//! A kept image as an archive that `docker load` takes.

use std::fs::{self, File};
use std::io::{self, Write};

use bytes::Bytes;
use futures_util::Stream;
use serde_json::json;
use tar::{Builder, Header};
use tokio_util::io::{ReaderStream, SyncIoBridge};

use super::{BlobError, Blobs};
use crate::domain::ledger::ImageIdentity;
use crate::domain::name::Digest;

/// How much is written ahead of whoever reads.
const AHEAD: usize = 256 * 1024;

impl Blobs {
    /// Writes an image with a name as an archive (Docker Image Specification v1.2, "Combined Image JSON + Filesystem
    /// Changeset Format"), a little at a time. Its first `there` layers are named and left out: Docker's own image store
    /// does not look for those that it has. Needs a tokio runtime.
    ///
    /// # Errors
    ///
    /// If something that goes in is not kept.
    pub fn archive(
        &self,
        image: &ImageIdentity,
        name: &str,
        there: usize,
    ) -> Result<impl Stream<Item = io::Result<Bytes>> + Send + Unpin + use<>, BlobError> {
        let carried = image.layers.iter().skip(there);
        for digest in std::iter::once(&image.config).chain(carried) {
            if self.file(digest).is_none() {
                return Err(BlobError::Gone {
                    image: name.to_owned(),
                    digest: *digest,
                });
            }
        }
        let (reader, writer) = tokio::io::duplex(AHEAD);
        let (blobs, image, name) = (self.clone(), image.clone(), name.to_owned());
        tokio::task::spawn_blocking(move || {
            // A reader that went away wanted no more of it, and one that sees no end knows that it broke off.
            let _ = blobs.write(&image, &name, there, SyncIoBridge::new(writer));
        });
        Ok(ReaderStream::with_capacity(reader, AHEAD))
    }

    fn write(
        &self,
        image: &ImageIdentity,
        name: &str,
        there: usize,
        to: impl Write,
    ) -> io::Result<()> {
        let mut archive = Builder::new(to);
        let config = format!("{}.json", image.config.hex());
        let layer = |digest: &Digest| format!("{}/layer.tar", digest.hex());
        let layers: Vec<String> = image.layers.iter().map(layer).collect();
        let manifest = json!([{ "Config": config, "RepoTags": [name], "Layers": layers }]);
        append(
            &mut archive,
            "manifest.json",
            manifest.to_string().as_bytes(),
        )?;
        let text = fs::read(self.path(&image.config))?;
        append(&mut archive, &config, text.as_slice())?;
        let mut written = std::collections::BTreeSet::new();
        for digest in image.layers.iter().skip(there) {
            // An image may have the same layer twice, an empty one for example.
            if written.insert(digest) {
                let file = File::open(self.path(digest))?;
                let mut header = header(file.metadata()?.len());
                archive.append_data(&mut header, layer(digest), file)?;
            }
        }
        archive.into_inner()?.flush()
    }
}

fn append(archive: &mut Builder<impl Write>, path: &str, content: &[u8]) -> io::Result<()> {
    let mut header = header(content.len() as u64);
    archive.append_data(&mut header, path, content)
}

fn header(size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_size(size);
    header.set_mode(0o644);
    header
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::Read;

    use futures_util::TryStreamExt;

    use super::*;

    async fn files(blobs: &Blobs, image: &ImageIdentity, there: usize) -> BTreeMap<String, String> {
        let stream = blobs.archive(image, "shop:1", there).unwrap();
        let pieces: Vec<Bytes> = stream.try_collect().await.unwrap();
        let bytes = pieces.concat();
        let mut archive = tar::Archive::new(bytes.as_slice());
        let entries = archive.entries().unwrap().map(|entry| {
            let mut entry = entry.unwrap();
            let path = entry.path().unwrap().display().to_string();
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            (path, text)
        });
        entries.collect()
    }

    #[tokio::test]
    async fn holds_what_is_missing_and_names_the_rest() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::new(folder.path());
        let [config, base, top] =
            ["config", "base", "top"].map(|text| blobs.keep(text.as_bytes()).unwrap());
        let image = ImageIdentity {
            config,
            layers: vec![base, top, base],
        };
        let whole = files(&blobs, &image, 0).await;
        assert_eq!(whole.len(), 4);
        assert_eq!(whole[&format!("{}/layer.tar", base.hex())], "base");
        let missing = files(&blobs, &image, 2).await;
        assert_eq!(missing.len(), 3, "{missing:?}");
        let manifest: serde_json::Value = serde_json::from_str(&missing["manifest.json"]).unwrap();
        assert_eq!(manifest[0]["Layers"].as_array().unwrap().len(), 3);
        assert_eq!(manifest[0]["RepoTags"][0], "shop:1");
        assert_eq!(missing[&format!("{}.json", config.hex())], "config");
    }

    #[tokio::test]
    async fn what_is_not_kept_is_told_before_anything_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::new(folder.path());
        let image = ImageIdentity {
            config: blobs.keep(&b"config"[..]).unwrap(),
            layers: vec![Digest::of("gone")],
        };
        assert!(matches!(
            blobs.archive(&image, "shop:1", 0).map(|_| ()),
            Err(BlobError::Gone { .. })
        ));
        assert!(blobs.archive(&image, "shop:1", 1).is_ok());
    }
}
