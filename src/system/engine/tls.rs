//! Speaking TLS with an engine: its certificate is verified against `ca.pem` alone, and it is shown ours.
//!
//! The authorities that this machine trusts for web sites say nothing about an engine, which gives whoever may use it
//! the whole machine.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bollard::{API_DEFAULT_VERSION, BollardRequest, Docker};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{AlertDescription, CertificateError, ClientConfig, RootCertStore};

use super::{EngineError, Said};

/// Connects to `host:port`, lazily.
pub(super) fn client(authority: &str, folder: &Path, seconds: u64) -> Result<Docker, EngineError> {
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(configuration(folder)?)
        .https_only()
        .enable_http1()
        .build();
    let mut builder = Client::builder(TokioExecutor::new());
    // As bollard does by itself: an engine that closed an idle connection would fail the next request.
    builder.pool_max_idle_per_host(0);
    let client = builder.build(connector);
    let transport = move |request: BollardRequest| {
        let client = client.clone();
        async move { Ok(client.request(request).await?) }
    };
    let address = format!("https://{authority}");
    Docker::connect_with_custom_transport(transport, Some(address), seconds, API_DEFAULT_VERSION)
        .map_err(|source| EngineError::Unreachable {
            address: format!("tcp://{authority}"),
            said: Said::Variable,
            source: Box::new(source),
        })
}

fn configuration(folder: &Path) -> Result<ClientConfig, EngineError> {
    let wrong = |file: &str, why: String| EngineError::Certificate {
        path: folder.join(file),
        why,
    };
    let mut roots = RootCertStore::empty();
    for authority in certificates(folder, "ca.pem")? {
        roots
            .add(authority)
            .map_err(|error| wrong("ca.pem", error.to_string()))?;
    }
    let builder =
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| wrong("ca.pem", error.to_string()))?
            .with_root_certificates(roots);
    let own: [PathBuf; 2] = ["cert.pem", "key.pem"].map(|file| folder.join(file));
    if own.iter().all(|path| !path.exists()) {
        return Ok(builder.with_no_client_auth());
    }
    let chain = certificates(folder, "cert.pem")?;
    let key =
        PrivateKeyDer::from_pem_file(&own[1]).map_err(|error| wrong("key.pem", pem(&error)))?;
    builder
        .with_client_auth_cert(chain, key)
        .map_err(|error| wrong("cert.pem", format!("it does not fit key.pem: {error}")))
}

fn certificates(folder: &Path, file: &str) -> Result<Vec<CertificateDer<'static>>, EngineError> {
    let path = folder.join(file);
    let read =
        CertificateDer::pem_file_iter(&path).and_then(|found| found.collect::<Result<Vec<_>, _>>());
    let why = match read {
        Ok(found) if !found.is_empty() => return Ok(found),
        Ok(_) => "there is no certificate in it".to_owned(),
        Err(error) => pem(&error),
    };
    Err(EngineError::Certificate { path, why })
}

/// Says what is wrong with a file, and nothing of what is in it.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the enum is another crate's, and open"
)]
fn pem(error: &rustls::pki_types::pem::Error) -> String {
    match error {
        rustls::pki_types::pem::Error::Io(error) if error.kind() == io::ErrorKind::NotFound => {
            "it is not there".to_owned()
        }
        rustls::pki_types::pem::Error::Io(error) => error.kind().to_string(),
        rustls::pki_types::pem::Error::NoItemsFound => "there is none in it".to_owned(),
        _ => "it is not a PEM file".to_owned(),
    }
}

/// Says why two sides do not trust each other, if that is what an error comes from.
pub(super) fn distrust(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<rustls::Error>() {
            return Some(words(found));
        }
        // An io::Error's source is that of what it holds, not what it holds.
        let held = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        next = match held {
            Some(held) => Some(held),
            None => error.source(),
        };
    }
    None
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the enums are another crate's, and open"
)]
fn words(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(problem) => match problem {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "the engine's certificate has expired".to_owned()
            }
            // Another authority of the same name.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                "the engine's certificate is not from the authority in ca.pem".to_owned()
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "the engine's certificate is for another name".to_owned()
            }
            problem => format!("the engine's certificate is not valid: {problem}"),
        },
        rustls::Error::AlertReceived(alert) => match alert {
            AlertDescription::CertificateExpired => "our certificate has expired".to_owned(),
            AlertDescription::CertificateRequired => {
                "the engine wants a certificate of ours, and there is no cert.pem".to_owned()
            }
            AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::DecryptError
            | AlertDescription::CertificateUnknown => {
                "the engine does not trust our certificate".to_owned()
            }
            alert => format!("the engine ended the handshake: {alert:?}"),
        },
        rustls::Error::InvalidMessage(_) => "what answers does not speak TLS".to_owned(),
        error => error.to_string(),
    }
}
