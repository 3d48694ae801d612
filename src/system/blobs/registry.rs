//! A read-only registry of kept images, for hosts to pull from through a tunnel.
//!
//! It speaks the pull half of the OCI distribution specification 1.1 on a loopback port, serves only the images it was
//! opened for, and ends when dropped. Layers are served uncompressed, under the digests that the identity names, so a
//! host that has a layer never asks for it.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::io::ReaderStream;

use super::{BlobError, Blobs};
use crate::domain::ledger::ImageIdentity;
use crate::domain::name::{Digest, ServiceName};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// An open endpoint.
#[derive(Debug)]
pub struct Registry {
    address: SocketAddr,
    manifests: BTreeMap<ServiceName, Digest>,
    serving: JoinHandle<()>,
}

#[derive(Debug)]
struct Served {
    blobs: Blobs,
    manifests: BTreeMap<Digest, Vec<u8>>,
    allowed: BTreeMap<Digest, u64>,
}

impl Registry {
    /// Opens an endpoint on a free loopback port that serves these images.
    ///
    /// # Errors
    ///
    /// If bytes of an image are not kept, or no port can be opened.
    pub async fn open(
        blobs: &Blobs,
        images: &BTreeMap<ServiceName, ImageIdentity>,
    ) -> Result<Self, BlobError> {
        let mut served = Served {
            blobs: blobs.clone(),
            manifests: BTreeMap::new(),
            allowed: BTreeMap::new(),
        };
        let mut manifests = BTreeMap::new();
        for (service, image) in images {
            let manifest = served.describe(&image.reference(service), image)?;
            let digest = Digest::of(&manifest);
            served.manifests.insert(digest, manifest);
            manifests.insert(service.clone(), digest);
        }
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .map_err(|source| BlobError::Listen { source })?;
        let address = listener
            .local_addr()
            .map_err(|source| BlobError::Listen { source })?;
        let routes = Router::new()
            .route("/v2/", get(|| async { "{}" }))
            .route("/v2/{name}/manifests/{digest}", get(manifest))
            .route("/v2/{name}/blobs/{digest}", get(blob))
            .with_state(Arc::new(served));
        let serving = tokio::spawn(async move {
            let _ = axum::serve(listener, routes).await;
        });
        Ok(Self {
            address,
            manifests,
            serving,
        })
    }

    /// Returns the loopback address that tunnels lead to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the reference that a host pulls a service's image by, where the tunnel ends at `port` there.
    #[must_use]
    pub fn reference(&self, service: &ServiceName, port: u16) -> Option<String> {
        let digest = self.manifests.get(service)?;
        Some(format!(
            "127.0.0.1:{port}/{}@{digest}",
            service.as_str().to_ascii_lowercase()
        ))
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Served {
    /// Makes the manifest of an image from its identity, and allows its bytes to be served.
    fn describe(&mut self, reference: &str, image: &ImageIdentity) -> Result<Vec<u8>, BlobError> {
        let config = self.descriptor(reference, &image.config, CONFIG)?;
        let layers = image
            .layers
            .iter()
            .map(|layer| self.descriptor(reference, layer, LAYER))
            .collect::<Result<Vec<_>, _>>()?;
        let manifest = json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers });
        Ok(manifest.to_string().into_bytes())
    }

    fn descriptor(
        &mut self,
        image: &str,
        digest: &Digest,
        kind: &str,
    ) -> Result<serde_json::Value, BlobError> {
        let gone = || BlobError::Gone {
            image: image.to_owned(),
            digest: *digest,
        };
        let path = self.blobs.file(digest).ok_or_else(gone)?;
        let size = std::fs::metadata(&path)
            .map_err(|source| BlobError::File { path, source })?
            .len();
        self.allowed.insert(*digest, size);
        Ok(json!({ "mediaType": kind, "digest": digest, "size": size }))
    }
}

async fn manifest(
    State(served): State<Arc<Served>>,
    Path((_, digest)): Path<(String, String)>,
) -> Response {
    let found = digest
        .parse::<Digest>()
        .ok()
        .and_then(|digest| served.manifests.get_key_value(&digest));
    let Some((digest, manifest)) = found else {
        return missing("MANIFEST_UNKNOWN");
    };
    let headers = [
        (header::CONTENT_TYPE, MANIFEST.to_owned()),
        content_digest(digest),
    ];
    (headers, manifest.clone()).into_response()
}

async fn blob(
    method: Method,
    State(served): State<Arc<Served>>,
    Path((_, digest)): Path<(String, String)>,
) -> Response {
    let known = digest
        .parse::<Digest>()
        .ok()
        .and_then(|digest| served.allowed.get_key_value(&digest));
    let Some((digest, size)) = known else {
        return missing("BLOB_UNKNOWN");
    };
    let Some(path) = served.blobs.file(digest) else {
        return missing("BLOB_UNKNOWN");
    };
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_LENGTH, size.to_string()),
        content_digest(digest),
    ];
    if method == Method::HEAD {
        return headers.into_response();
    }
    match tokio::fs::File::open(path).await {
        Ok(file) => (
            headers,
            Body::from_stream(ReaderStream::with_capacity(file, 256 * 1024)),
        )
            .into_response(),
        Err(_) => missing("BLOB_UNKNOWN"),
    }
}

fn content_digest(digest: &Digest) -> (header::HeaderName, String) {
    (
        header::HeaderName::from_static("docker-content-digest"),
        digest.to_string(),
    )
}

fn missing(code: &str) -> Response {
    let error = json!({ "errors": [{ "code": code, "message": "not served here" }] });
    (
        StatusCode::NOT_FOUND,
        [(header::CONTENT_TYPE, "application/json")],
        error.to_string(),
    )
        .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn open(folder: &std::path::Path) -> (Registry, ImageIdentity) {
        let blobs = Blobs::new(folder);
        let image = ImageIdentity {
            config: blobs.keep(&b"{}"[..]).unwrap(),
            layers: vec![blobs.keep(&b"layer"[..]).unwrap()],
        };
        let secret = blobs.keep(&b"of another release"[..]).unwrap();
        assert!(blobs.file(&secret).is_some());
        let images = BTreeMap::from([("api".parse().unwrap(), image.clone())]);
        (Registry::open(&blobs, &images).await.unwrap(), image)
    }

    async fn get(registry: &Registry, path: &str) -> (StatusCode, Vec<u8>) {
        let answer = reqwest::get(format!("http://{}{path}", registry.address()))
            .await
            .unwrap();
        (
            StatusCode::from_u16(answer.status().as_u16()).unwrap(),
            answer.bytes().await.unwrap().to_vec(),
        )
    }

    #[tokio::test]
    async fn serves_an_image_by_its_digests() {
        let folder = tempfile::tempdir().unwrap();
        let (registry, image) = open(folder.path()).await;
        let reference = registry.reference(&"api".parse().unwrap(), 5000).unwrap();
        let digest = reference.strip_prefix("127.0.0.1:5000/api@").unwrap();
        let (status, manifest) = get(&registry, &format!("/v2/api/manifests/{digest}")).await;
        assert_eq!(
            (status, Digest::of(&manifest).to_string()),
            (StatusCode::OK, digest.to_owned())
        );
        let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
        assert_eq!(manifest["layers"][0]["size"], 5);
        let (status, layer) = get(&registry, &format!("/v2/api/blobs/{}", image.layers[0])).await;
        assert_eq!((status, layer.as_slice()), (StatusCode::OK, &b"layer"[..]));
    }

    #[tokio::test]
    async fn serves_nothing_else_that_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let (registry, _) = open(folder.path()).await;
        let other = Digest::of("of another release");
        for path in [
            format!("/v2/api/blobs/{other}"),
            "/v2/api/blobs/..%2f..%2fetc".to_owned(),
            "/v2/api/manifests/latest".to_owned(),
        ] {
            assert_eq!(
                get(&registry, &path).await.0,
                StatusCode::NOT_FOUND,
                "{path}"
            );
        }
    }
}
