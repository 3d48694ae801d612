//! The image of lab hosts, built from the templates inside this program.

use bollard::body_full;
use bollard::errors::Error;
use bollard::query_parameters::{
    BuildImageOptionsBuilder, BuilderVersion, CreateImageOptionsBuilder, ListImagesOptionsBuilder,
    RemoveImageOptions,
};
use futures_util::{StreamExt, TryStreamExt};
use include_dir::{Dir, include_dir};

use super::network::not_found;
use super::{Lab, LabError};
use crate::domain::name::Digest;

static TEMPLATE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/templates/lab");

/// What hosts are built on.
pub(super) const BASE: &str = "debian:trixie";

/// The label that the template puts on the image.
const LABEL: &str = "dev.longshore.lab.image";

/// An image of lab hosts, named by the template it is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image(String);

impl Image {
    /// The image that this version of longshore makes.
    #[must_use]
    pub fn current() -> Self {
        let mut text = Vec::new();
        for (path, content) in files() {
            text.extend_from_slice(format!("{path} {}\n", content.len()).as_bytes());
            text.extend_from_slice(content);
        }
        Self(format!("longshore.local/lab:{}", Digest::of(&text).short()))
    }

    /// Returns its reference.
    #[must_use]
    pub fn reference(&self) -> &str {
        &self.0
    }
}

impl Lab {
    /// Tells whether an image is on the engine.
    ///
    /// # Errors
    ///
    /// If the engine refuses.
    pub async fn has_image(&self, image: &Image) -> Result<bool, LabError> {
        self.has(image.reference()).await
    }

    /// Builds an image, pulling what it is built on where that is missing. Each line of the build goes to `log`.
    ///
    /// # Errors
    ///
    /// If the base is missing and cannot be pulled, or a step fails.
    pub async fn build_image(&self, image: &Image, log: impl Fn(String)) -> Result<(), LabError> {
        self.ensure_base().await?;
        let options = BuildImageOptionsBuilder::default()
            .t(image.reference())
            .version(BuilderVersion::BuilderV1)
            .rm(true)
            .forcerm(true)
            .build();
        let mut lines = self
            .engine
            .build_image(options, None, Some(body_full(context().into())));
        let mut last = String::new();
        while let Some(message) = lines.next().await {
            let message = message.map_err(|error| LabError::Build {
                line: format!("{error}; last line: {last}"),
            })?;
            let detail = message.error_detail.and_then(|detail| detail.message);
            if let Some(line) = detail {
                return Err(LabError::Build { line });
            }
            for line in message.stream.unwrap_or_default().lines() {
                let line = line.trim();
                if !line.is_empty() {
                    line.clone_into(&mut last);
                    log(last.clone());
                }
            }
        }
        Ok(())
    }

    /// Removes the images of lab hosts, also those of other versions, except where another lab uses one.
    ///
    /// # Errors
    ///
    /// If the engine refuses.
    pub async fn remove_images(&self) -> Result<(), LabError> {
        let filters = [("label".to_owned(), vec![LABEL.to_owned()])].into();
        let options = ListImagesOptionsBuilder::default()
            .filters(&filters)
            .build();
        let found = self.engine.list_images(Some(options)).await;
        let found = found.map_err(LabError::effect("list images of lab hosts"))?;
        for name in found.into_iter().flat_map(|image| image.repo_tags) {
            let removed = self
                .engine
                .remove_image(&name, None::<RemoveImageOptions>, None)
                .await;
            match removed {
                // A container is made from it.
                Err(Error::DockerResponseServerError {
                    status_code: 409, ..
                }) => {}
                Err(error) => return Err(LabError::effect(format!("remove image {name}"))(error)),
                Ok(_) => {}
            }
        }
        Ok(())
    }

    async fn ensure_base(&self) -> Result<(), LabError> {
        if self.has(BASE).await? {
            return Ok(());
        }
        let (image, tag) = BASE.split_once(':').expect("the base is named with a tag");
        let options = CreateImageOptionsBuilder::default()
            .from_image(image)
            .tag(tag)
            .build();
        self.engine
            .create_image(Some(options), None, None)
            .try_for_each(|_| async { Ok(()) })
            .await
            .map_err(|source| LabError::Base { source })
    }

    async fn has(&self, reference: &str) -> Result<bool, LabError> {
        match self.engine.inspect_image(reference).await {
            Ok(_) => Ok(true),
            Err(error) if not_found(&error) => Ok(false),
            Err(error) => Err(LabError::effect(format!("inspect image {reference}"))(
                error,
            )),
        }
    }
}

/// Returns the template's files by path, in order.
fn files() -> Vec<(String, &'static [u8])> {
    let mut files: Vec<_> = TEMPLATE
        .files()
        .map(|file| (file.path().display().to_string(), file.contents()))
        .collect();
    files.sort();
    files
}

/// Returns the build's context as a tar archive, the same bytes every time.
fn context() -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (path, content) in files() {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        archive
            .append_data(&mut header, path, content)
            .expect("a short name goes into an archive in memory");
    }
    archive
        .into_inner()
        .expect("an archive in memory can be ended")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_inside_the_program() {
        let names: Vec<_> = files().into_iter().map(|(path, _)| path).collect();
        assert_eq!(
            names,
            [
                "Dockerfile",
                "containers.conf",
                "init",
                "sshd.conf",
                "sudoers"
            ]
        );
    }

    #[test]
    fn the_template_is_built_on_the_base_that_is_looked_for() {
        let (_, dockerfile) = files().remove(0);
        let dockerfile = std::str::from_utf8(dockerfile).unwrap();
        assert!(dockerfile.contains(&format!("\nFROM {BASE}\n")));
        assert!(dockerfile.contains(&format!("\nLABEL {LABEL}=")));
    }
}
