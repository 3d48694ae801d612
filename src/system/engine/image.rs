//! Images: what is there, what a reference stands for, pulling, tagging, exporting.

use std::collections::BTreeSet;

use bollard::body_try_stream;
use bollard::query_parameters::{
    CreateImageOptionsBuilder, ImportImageOptionsBuilder, ListContainersOptionsBuilder,
    ListImagesOptionsBuilder, RemoveImageOptions, TagImageOptionsBuilder,
};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt};

use super::build::said;
use super::error::missing;
use super::{Engine, EngineError, EngineKind};
use crate::domain::ledger::ImageIdentity;
use crate::domain::name::Digest;
use crate::system::checkout::TarStream;
use crate::system::login::Logins;

/// An image on an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The engine's own id, by which containers are made of exactly this image.
    pub id: String,
    /// Which bytes it is, whatever the engine.
    pub identity: ImageIdentity,
    /// The names it has there.
    pub tags: Vec<String>,
}

impl Engine {
    /// Looks an image up by name or id. None if it is not there.
    ///
    /// # Errors
    ///
    /// If the engine cannot be asked, or does not say which bytes it is.
    pub async fn image(&self, reference: &str) -> Result<Option<Image>, EngineError> {
        let found = match self.docker.inspect_image(reference).await {
            Ok(found) => found,
            Err(error) if missing(&error) => return Ok(None),
            Err(error) => {
                return Err(EngineError::request(format!("inspect image {reference}"))(
                    error,
                ));
            }
        };
        let unclear = |why: &str| EngineError::Identity {
            image: reference.to_owned(),
            why: why.to_owned(),
        };
        let id = found.id.ok_or_else(|| unclear("the engine gives no id"))?;
        let layers = found
            .root_fs
            .and_then(|root| root.layers)
            .unwrap_or_default();
        let layers: Result<Vec<Digest>, _> = layers.iter().map(|layer| layer.parse()).collect();
        let layers = layers.map_err(|_| unclear("a layer's digest is malformed"))?;
        let config = self.config(reference, &id).await?;
        Ok(Some(Image {
            id,
            identity: ImageIdentity { config, layers },
            tags: found.repo_tags.unwrap_or_default(),
        }))
    }

    /// Finds exactly these bytes. `name` is tried where the engine does not find images by their config's digest.
    ///
    /// # Errors
    ///
    /// As [`Engine::image`].
    pub async fn find(
        &self,
        identity: &ImageIdentity,
        name: &str,
    ) -> Result<Option<Image>, EngineError> {
        let key = if self.facts.containerd {
            name.to_owned()
        } else {
            identity.config.to_string()
        };
        let found = self.image(&key).await?;
        Ok(found.filter(|image| image.identity == *identity))
    }

    /// Tells which of these images are there, by config digest: one request, however many they are. The names are used
    /// as in [`Engine::find`].
    ///
    /// # Errors
    ///
    /// As [`Engine::image`].
    pub async fn present(
        &self,
        wanted: &[(ImageIdentity, String)],
    ) -> Result<BTreeSet<Digest>, EngineError> {
        let mut present = BTreeSet::new();
        if self.facts.containerd {
            for (identity, name) in wanted {
                if self.find(identity, name).await?.is_some() {
                    present.insert(identity.config);
                }
            }
        } else if !wanted.is_empty() {
            let options = ListImagesOptionsBuilder::new().all(true).build();
            let listed = self.docker.list_images(Some(options)).await;
            let listed = listed.map_err(EngineError::request("list images"))?;
            let there: BTreeSet<Digest> = listed
                .iter()
                .filter_map(|image| image.id.parse().ok())
                .collect();
            present.extend(
                wanted
                    .iter()
                    .map(|(identity, _)| identity.config)
                    .filter(|id| there.contains(id)),
            );
        }
        Ok(present)
    }

    /// Pulls an image with the user's login, telling its progress in words.
    ///
    /// # Errors
    ///
    /// If it cannot be had.
    pub async fn pull(
        &self,
        reference: &str,
        mut tell: impl FnMut(&str),
    ) -> Result<(), EngineError> {
        let (name, tag) = split(reference);
        let options = CreateImageOptionsBuilder::new()
            .from_image(name)
            .tag(tag)
            .build();
        let login = Logins::of_image(reference).await?;
        let mut progress = self
            .docker
            .create_image(Some(options), None, login.map(Into::into));
        let failed = |source| EngineError::Pull {
            image: reference.to_owned(),
            source: Box::new(source),
        };
        while let Some(info) = progress.try_next().await.map_err(failed)? {
            if let Some(message) = info.error_detail.and_then(|detail| detail.message) {
                return Err(failed(bollard::errors::Error::DockerStreamError {
                    error: message,
                }));
            }
            if let Some(status) = info.status {
                tell(&status);
            }
        }
        Ok(())
    }

    /// Makes an image of files, with nothing to run, under a name.
    ///
    /// # Errors
    ///
    /// If the engine refuses, or a file is no longer what was hashed.
    pub async fn import(&self, files: TarStream, name: &str) -> Result<(), EngineError> {
        let (repository, tag) = split(name);
        let options = CreateImageOptionsBuilder::new()
            .from_src("-")
            .repo(repository)
            .tag(tag)
            .build();
        let body = Some(body_try_stream(files));
        let mut progress = self.docker.create_image(Some(options), body, None);
        let failed = |error: bollard::errors::Error| EngineError::Import { why: said(&error) };
        while progress.try_next().await.map_err(failed)?.is_some() {}
        Ok(())
    }

    /// Gives an image another name, taking it away from whatever had it.
    ///
    /// # Errors
    ///
    /// If the engine refuses.
    pub async fn tag(&self, id: &str, name: &str) -> Result<(), EngineError> {
        let (repository, tag) = split(name);
        let options = TagImageOptionsBuilder::new()
            .repo(repository)
            .tag(tag)
            .build();
        let tagged = self.docker.tag_image(id, Some(options)).await;
        tagged.map_err(EngineError::request(format!("tag image {id} as {name}")))
    }

    /// Takes a name away; the image goes with its last one. What is not there is no error.
    ///
    /// # Errors
    ///
    /// If the engine refuses.
    pub async fn untag(&self, name: &str) -> Result<(), EngineError> {
        match self
            .docker
            .remove_image(name, None::<RemoveImageOptions>, None)
            .await
        {
            Ok(_) => Ok(()),
            Err(error) if missing(&error) => Ok(()),
            Err(error) => Err(EngineError::request(format!("remove image {name}"))(error)),
        }
    }

    /// Removes an image with all its names, unless something needs it.
    ///
    /// # Errors
    ///
    /// If the engine refuses, as it does where a container is of it.
    pub async fn remove_image(&self, image: &Image) -> Result<(), EngineError> {
        // Names are only taken once nothing is of it, else it would be left without any.
        let filters = [("ancestor".to_owned(), vec![image.id.clone()])].into();
        let options = ListContainersOptionsBuilder::new()
            .all(true)
            .filters(&filters)
            .build();
        let users = self.docker.list_containers(Some(options)).await;
        let what = format!("remove image {}", image.id);
        let users = users.map_err(EngineError::request(what.clone()))?;
        if !users.is_empty() {
            let message = "a container is of it".to_owned();
            let refused = bollard::errors::Error::DockerResponseServerError {
                status_code: 409,
                message,
            };
            return Err(EngineError::request(what)(refused));
        }
        let names = image.tags.iter().skip(1);
        for name in names {
            self.untag(name).await?;
        }
        self.untag(&image.id).await
    }

    /// Reads an image as `docker save` writes it: a tar stream, a little at a time.
    pub fn export(
        &self,
        reference: &str,
    ) -> impl Stream<Item = Result<Bytes, EngineError>> + use<> {
        let what = format!("export image {reference}");
        let stream = self.docker.export_image(reference).boxed();
        stream.map_err(move |error| EngineError::request(what.clone())(error))
    }
}

impl Engine {
    /// Takes an image from an archive, as `docker load` does.
    ///
    /// # Errors
    ///
    /// If the archive breaks off, or the engine does not take it: one that lacks layers which the engine lacks too.
    pub async fn load<S, E>(&self, archive: S) -> Result<(), EngineError>
    where
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
    {
        let failed = |source| EngineError::request("load an image")(source);
        let options = ImportImageOptionsBuilder::new().quiet(true).build();
        let mut progress = self.docker.import_image_stream(options, archive, None);
        while let Some(info) = progress.try_next().await.map_err(failed)? {
            if let Some(error) = info.error_detail.and_then(|detail| detail.message) {
                return Err(failed(bollard::errors::Error::DockerStreamError { error }));
            }
        }
        Ok(())
    }

    /// Returns how many of these layers, from the first, the engine has below some image, so that an archive for
    /// [`Engine::load`] may leave them out. None where the engine takes whole archives only.
    ///
    /// # Errors
    ///
    /// If the engine cannot be asked.
    pub async fn layers_there(&self, layers: &[Digest]) -> Result<usize, EngineError> {
        if self.facts.containerd || self.facts.kind == EngineKind::Podman {
            return Ok(0);
        }
        let options = ListImagesOptionsBuilder::new().all(true).build();
        let listed = self.docker.list_images(Some(options)).await;
        let listed = listed.map_err(EngineError::request("list images"))?;
        let mut most = 0;
        for image in listed {
            // One that went meanwhile has no layers for us.
            if let Some(image) = self.image(&image.id).await? {
                let theirs = image.identity.layers.iter();
                let same = theirs.zip(layers).take_while(|(one, other)| one == other);
                most = most.max(same.count());
            }
        }
        Ok(most)
    }
}

/// Splits a reference into name and tag, or name and digest. Without a tag the engine would pull all there are.
pub(super) fn split(reference: &str) -> (&str, &str) {
    if let Some((name, digest)) = reference.split_once('@') {
        return (name, digest);
    }
    match reference.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        Some(_) | None => (reference, "latest"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_splits_at_its_tag_and_never_at_a_port() {
        for (reference, expected) in [
            ("debian", ("debian", "latest")),
            ("debian:trixie", ("debian", "trixie")),
            ("registry.test:5000/a", ("registry.test:5000/a", "latest")),
            ("registry.test:5000/a:1", ("registry.test:5000/a", "1")),
            ("a@sha256:00", ("a", "sha256:00")),
            ("a:1@sha256:00", ("a:1", "sha256:00")),
        ] {
            assert_eq!(split(reference), expected, "{reference}");
        }
    }
}
