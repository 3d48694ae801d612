//! Pushing an image to a registry, by the engine that has it.

use bollard::errors::Error;
use bollard::query_parameters::PushImageOptionsBuilder;
use futures_util::TryStreamExt;

use super::image::split;
use super::{Engine, EngineError, EngineKind};
use crate::domain::name::Digest;
use crate::system::login::Logins;

/// What registries (distribution specification, "Error Codes") and engines say where trying again is of no use.
const FINAL: &[&str] = &[
    "unauthorized",
    "denied",
    "no basic auth credentials",
    "incorrect username or password",
    "name invalid",
    "invalid reference",
    "manifest invalid",
    "unsupported",
    "x509:",
    "server gave HTTP response to HTTPS client",
    "does not exist locally",
    "no such image",
];

impl Engine {
    /// Pushes what the engine knows by this name, with the user's login, and returns the digest of its manifest as the
    /// engine says it. Tells what is done in words.
    ///
    /// # Errors
    ///
    /// If there is a login that cannot be had, or the registry does not take it. [`EngineError::passes`] tells whether
    /// trying again may help.
    pub async fn push(
        &self,
        reference: &str,
        mut tell: impl FnMut(&str),
    ) -> Result<Digest, EngineError> {
        let (name, tag) = split(reference);
        let login = Logins::of_image(reference).await?;
        let options = PushImageOptionsBuilder::new().tag(tag).build();
        let mut progress = self
            .docker
            .push_image(name, Some(options), login.map(Into::into));
        let failed = |source: Error| EngineError::Push {
            image: reference.to_owned(),
            passes: passes(&source),
            source: Box::new(source),
        };
        let mut digest = None;
        while let Some(info) = progress.try_next().await.map_err(failed)? {
            if let Some(status) = info.status {
                tell(&status);
                digest = pushed(&status).or(digest);
            }
        }
        digest.ok_or_else(|| EngineError::Identity {
            image: reference.to_owned(),
            why: "the engine does not say under which digest it was pushed".to_owned(),
        })
    }
}

impl Engine {
    /// Asks the registry itself which manifest a reference stands for: what the engine remembers does not count. None
    /// of an engine that cannot ask; Podman does so at each pull.
    ///
    /// # Errors
    ///
    /// If there is a login that cannot be had, or the registry does not know the reference.
    pub async fn at_registry(&self, reference: &str) -> Result<Option<Digest>, EngineError> {
        match self.facts.kind {
            EngineKind::Podman => return Ok(None),
            EngineKind::Docker => {}
        }
        let login = Logins::of_image(reference).await?;
        let asked = self
            .docker
            .inspect_registry_image(reference, login.map(Into::into));
        let found = asked.await.map_err(|source| EngineError::Pull {
            image: reference.to_owned(),
            source: Box::new(source),
        })?;
        let digest = found.descriptor.digest.unwrap_or_default();
        let digest = digest.parse().map_err(|_| EngineError::Identity {
            image: reference.to_owned(),
            why: "the registry gives no digest".to_owned(),
        });
        digest.map(Some)
    }
}

/// Reads the line that ends a push: `latest: digest: sha256:… size: 528`.
fn pushed(status: &str) -> Option<Digest> {
    let (_, rest) = status.split_once("digest: ")?;
    rest.split(' ').next()?.parse().ok()
}

/// Tells whether what went wrong may pass: everything may that nobody decided.
fn passes(error: &Error) -> bool {
    let said = |text: &str| {
        let text = text.to_lowercase();
        FINAL.iter().any(|word| text.contains(&word.to_lowercase()))
    };
    if let Error::DockerStreamError { error } = error {
        !said(error)
    } else if let Error::DockerResponseServerError {
        status_code,
        message,
    } = error
    {
        *status_code >= 500 && !said(message)
    } else {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_says_the_digest() {
        let digest = Digest::of("x");
        let line = format!("1: digest: {digest} size: 528");
        assert_eq!(pushed(&line), Some(digest));
        assert_eq!(pushed("Layer already exists"), None);
        assert_eq!(pushed("digest: none"), None);
    }

    #[test]
    fn only_what_nobody_decided_is_tried_again() {
        let stream = |error: &str| Error::DockerStreamError {
            error: error.to_owned(),
        };
        for text in [
            "unauthorized: authentication required",
            "denied: requested access to the resource is denied",
            "no basic auth credentials",
            "Get \"https://r/v2/\": x509: certificate signed by unknown authority",
        ] {
            assert!(!passes(&stream(text)), "{text}");
        }
        for text in [
            "dial tcp 127.0.0.1:5000: connect: connection refused",
            "received unexpected HTTP status: 503 Service Unavailable",
            "EOF",
        ] {
            assert!(passes(&stream(text)), "{text}");
        }
        let refused = |status_code| Error::DockerResponseServerError {
            status_code,
            message: "no".to_owned(),
        };
        assert!(passes(&refused(500)) && !passes(&refused(404)));
    }
}
