//! Building an image: by the engine's API, or by Docker's buildx plugin where a build needs a session with BuildKit.

use std::collections::BTreeMap;
use std::path::Path;

use bollard::body_try_stream;
use bollard::errors::Error;
use bollard::models::{BuildInfo, BuildInfoAux};
use bollard::query_parameters::{BuildImageOptions, BuilderVersion};
use futures_util::TryStreamExt;

use super::progress::{CLASSIC, Progress, Told};
use super::{Engine, EngineError, Image, buildx};
use crate::domain::cluster::Build;
use crate::domain::plan::build::{Builder, BuilderKind};
use crate::system::checkout::TarStream;
use crate::system::login::Logins;

/// How an image is built.
#[derive(Debug, Clone)]
pub struct BuildSpec<'b> {
    /// The names that it gets.
    pub tags: &'b [String],
    /// The Dockerfile's path in the context.
    pub dockerfile: String,
    /// What the definition says.
    pub build: &'b Build,
    /// The repository, in which files of secrets and keys lie.
    pub root: &'b Path,
    /// Names in what the builder prints, and what a person knows them by.
    pub known_as: &'b BTreeMap<String, String>,
    /// Whether nothing of an earlier build may be used.
    pub no_cache: bool,
}

impl Engine {
    /// Says who builds.
    #[must_use]
    pub fn builder(&self) -> Builder {
        Builder {
            kind: self.builder,
            version: self.facts.version.clone(),
            plugin: buildx::find().is_some(),
            containerd: self.facts.containerd,
        }
    }

    /// Builds an image from a context, telling what the builder prints. Dropping the future ends the build.
    ///
    /// # Errors
    ///
    /// If the build fails; the error holds the last lines.
    pub async fn build(
        &self,
        spec: &BuildSpec<'_>,
        context: TarStream,
        tell: impl FnMut(Told<'_>),
    ) -> Result<Image, EngineError> {
        let id = if self.builder().by_plugin(&spec.build.options) {
            self.by_plugin(spec, context, tell).await?
        } else {
            self.by_api(spec, context, tell).await?
        };
        for tag in spec.tags {
            self.tag(&id, tag).await?;
        }
        let image = self.image(&id).await?;
        image.ok_or_else(|| EngineError::Identity {
            image: id,
            why: "it is gone right after its build".to_owned(),
        })
    }

    async fn by_api(
        &self,
        spec: &BuildSpec<'_>,
        context: TarStream,
        mut tell: impl FnMut(Told<'_>),
    ) -> Result<String, EngineError> {
        let mut progress = Progress::new(spec.known_as);
        // A helper that fails is no reason not to build what needs no login; where one is needed, the registry says so.
        let logins = Logins::all().await.unwrap_or_default().into_iter();
        let logins = logins
            .map(|(server, login)| (server, login.into()))
            .collect();
        let built = {
            let options = self.options(spec);
            let mut stream =
                self.docker
                    .build_image(options, Some(logins), Some(body_try_stream(context)));
            let mut id = None;
            loop {
                match stream.try_next().await {
                    Ok(Some(info)) => id = take(info, &mut progress, &mut tell).or(id),
                    Ok(None) => break Ok(id),
                    Err(error) => break Err(error),
                }
            }
        };
        let (failed, tail) = progress.end(&mut tell);
        let id = built.map_err(|error| EngineError::Build {
            reason: known(spec.known_as, reason(failed, &error)),
            tail,
        })?;
        Ok(id.unwrap_or_else(|| spec.tags.first().cloned().unwrap_or_default()))
    }

    fn options(&self, spec: &BuildSpec<'_>) -> BuildImageOptions {
        let Build {
            args,
            target,
            labels,
            options,
            ..
        } = spec.build;
        let buildkit = self.builder == BuilderKind::BuildKit;
        let size = options.shm_size.and_then(|size| i32::try_from(size).ok());
        let host = options.extra_hosts.first();
        BuildImageOptions {
            dockerfile: spec.dockerfile.clone(),
            buildargs: Some(args.clone().into_iter().collect()),
            target: target.clone().unwrap_or_default(),
            labels: Some(labels.clone().into_iter().collect()),
            nocache: spec.no_cache || options.no_cache,
            platform: options.platform.clone().unwrap_or_default(),
            networkmode: options.network.clone(),
            shmsize: size,
            extrahosts: host.map(|(name, address)| format!("{name}:{address}")),
            rm: true,
            forcerm: true,
            version: match buildkit {
                true => BuilderVersion::BuilderBuildKit,
                false => BuilderVersion::BuilderV1,
            },
            session: buildkit.then(|| format!("longshore-{:032x}", rand::random::<u128>())),
            ..BuildImageOptions::default()
        }
    }
}

/// Says names as a person knows them.
pub(super) fn known(known_as: &BTreeMap<String, String>, text: String) -> String {
    let names = known_as.iter();
    names.fold(text, |text, (name, known)| text.replace(name, known))
}

/// Takes one message; returns the image's id if it is the one that says it.
fn take(
    info: BuildInfo,
    progress: &mut Progress,
    tell: &mut impl FnMut(Told<'_>),
) -> Option<String> {
    if let Some(text) = &info.stream {
        progress.text(CLASSIC, text, &mut *tell);
    }
    match info.aux {
        Some(BuildInfoAux::BuildKit(status)) => {
            progress.status(&status, tell);
            None
        }
        Some(BuildInfoAux::Default(image)) => image.id,
        None => None,
    }
}

/// Says why it failed: what the failing step said, which is more than the builder's summary, else the error itself.
fn reason(failed: Option<String>, error: &Error) -> String {
    failed.unwrap_or_else(|| said(error))
}

/// Says an error of the engine in its own words, without ours around them.
pub(super) fn said(error: &Error) -> String {
    if let Error::DockerStreamError { error } = error {
        error.clone()
    } else if let Error::DockerResponseServerError { message, .. } = error {
        message.clone()
    } else {
        let mut text = error.to_string();
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        text
    }
}
