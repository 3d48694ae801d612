//! Which bytes an image is: its config's digest.
//!
//! On Docker's own image store and on Podman the image's id is just that. In containerd's store it is the manifest's
//! digest, and no request gives the config's: there the image is exported once to read it.

use std::io::{self, Read};
use std::path::Path;

use futures_util::{StreamExt, TryStreamExt};
use tokio_util::io::{StreamReader, SyncIoBridge};

use super::{Engine, EngineError};
use crate::domain::name::Digest;

impl Engine {
    pub(super) async fn config(&self, reference: &str, id: &str) -> Result<Digest, EngineError> {
        let unclear = |why: String| EngineError::Identity {
            image: reference.to_owned(),
            why,
        };
        if !self.facts.containerd {
            return id.parse().map_err(|_| unclear(format!("its id is {id}")));
        }
        let known = self
            .configs
            .lock()
            .ok()
            .and_then(|configs| configs.get(id).copied());
        if let Some(known) = known {
            return Ok(known);
        }
        let config = self
            .exported_config(id)
            .await
            .map_err(|error| unclear(error.to_string()))?;
        if let Ok(mut configs) = self.configs.lock() {
            configs.insert(id.to_owned(), config);
        }
        Ok(config)
    }

    /// Reads the config's digest out of the exported image.
    pub(super) async fn exported_config(&self, id: &str) -> io::Result<Digest> {
        let stream = self
            .docker
            .export_image(id)
            .boxed()
            .map_err(io::Error::other);
        let archive = SyncIoBridge::new(StreamReader::new(stream));
        let found = tokio::task::spawn_blocking(move || config_of(archive)).await;
        found.map_err(io::Error::other)?
    }
}

/// What is read of `manifest.json` (Docker Image Specification v1.2, "Combined Image JSON + Filesystem Changeset
/// Format").
#[derive(serde::Deserialize)]
struct Saved {
    #[serde(rename = "Config")]
    config: String,
}

fn config_of(archive: impl Read) -> io::Result<Digest> {
    let mut archive = tar::Archive::new(archive);
    for entry in archive.entries()? {
        let entry = entry?;
        if *entry.path()? != *Path::new("manifest.json") {
            continue;
        }
        let saved: Vec<Saved> = serde_json::from_reader(entry).map_err(io::Error::other)?;
        // `blobs/sha256/<hex>` in the OCI layout, `<hex>.json` in Docker's.
        let path = saved
            .first()
            .map(|saved| saved.config.as_str())
            .unwrap_or_default();
        let name = path.rsplit('/').next().unwrap_or_default();
        let digest = format!("sha256:{}", name.trim_end_matches(".json"));
        return digest.parse().map_err(io::Error::other);
    }
    Err(io::Error::other("the exported image has no manifest.json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(files: &[(&str, String)]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (path, text) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o644);
            builder
                .append_data(&mut header, path, text.as_bytes())
                .unwrap();
        }
        builder.into_inner().unwrap()
    }

    #[test]
    fn reads_the_config_of_both_layouts() {
        let digest = Digest::of("config");
        for path in [
            format!("blobs/sha256/{}", digest.hex()),
            format!("{}.json", digest.hex()),
        ] {
            let manifest = format!(r#"[{{"Config":"{path}","RepoTags":null,"Layers":[]}}]"#);
            let archive = archive(&[
                ("blobs/sha256/x", "{}".to_owned()),
                ("manifest.json", manifest),
            ]);
            assert_eq!(config_of(archive.as_slice()).unwrap(), digest);
        }
    }

    #[test]
    fn an_export_that_says_nothing_is_an_error() {
        assert!(config_of(archive(&[("x", String::new())]).as_slice()).is_err());
        assert!(config_of(archive(&[("manifest.json", "[]".to_owned())]).as_slice()).is_err());
    }
}
