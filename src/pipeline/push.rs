//! Pushing: what a release runs is brought to the registry, and what the registry then has is looked at.
//!
//! A tag says nothing about what is behind it. The registry is asked which manifest it has, that is pulled back by its
//! digest, and an image counts as pushed once it is byte for byte the one that was tested.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Tools;
use super::build::chain;
use super::project::Project;
use crate::domain::cluster::RegistryName;
use crate::domain::event::{Outcome, Work};
use crate::domain::failure::{Explain, Kind};
use crate::domain::ledger::{ImageIdentity, PushRecord, Release};
use crate::domain::name::{Digest, ServiceName};
use crate::domain::plan::build;
use crate::system::blobs::BlobError;
use crate::system::clock;
use crate::system::engine::EngineError;
use crate::system::store::StoreError;

/// How long is waited before the second try, the third, and so on. A registry that restarts is back by then.
const PAUSES: [Duration; 4] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
];

/// Why a release was not pushed.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// No registry is named.
    #[error("longshore.yaml names no registry to push to")]
    NoRegistry,
    /// An image could not be brought there.
    #[error("failed to bring the image of {service} to {registry}")]
    Engine {
        /// The service.
        service: ServiceName,
        /// The registry.
        registry: RegistryName,
        /// Why.
        #[source]
        source: EngineError,
    },
    /// The image is neither on the engine nor kept.
    #[error(transparent)]
    Blobs(#[from] BlobError),
    /// What the registry has is something else.
    #[error(
        "{reference} is not the image of {service} that was tested: it is {found}, and not {wanted}"
    )]
    Other {
        /// The service.
        service: ServiceName,
        /// Where it was looked for.
        reference: String,
        /// What is there.
        found: String,
        /// What was released.
        wanted: String,
    },
    /// The ledger failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The user asked for an end.
    #[error("interrupted")]
    Interrupted,
}

impl Explain for PushError {
    fn kind(&self) -> Kind {
        match self {
            Self::NoRegistry => Kind::Invalid,
            Self::Engine { source, .. } => source.kind(),
            Self::Blobs(source) => source.kind(),
            Self::Other { .. } => Kind::Failed,
            Self::Store(source) => source.kind(),
            Self::Interrupted => Kind::Interrupted,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::NoRegistry => {
                vec!["add `registry: registry.example.com/team` to longshore.yaml".to_owned()]
            }
            Self::Engine { source, .. } => source.hints(),
            Self::Blobs(source) => source.hints(),
            Self::Other { .. } => vec![
                "the registry changes what it is given, or somebody else writes there: look at its settings".to_owned(),
            ],
            Self::Store(source) => source.hints(),
            Self::Interrupted => {
                vec!["what was pushed stays; run it again for the rest".to_owned()]
            }
        }
    }
}

/// Pushes every image of a release that the registry does not have, and records where each is.
///
/// # Errors
///
/// If the registry cannot be reached or does not take an image, or what it has then is not what was released.
pub async fn push(
    tools: &Tools,
    project: &Project,
    release: &Release,
) -> Result<BTreeMap<ServiceName, PushRecord>, PushError> {
    let registry = project.registry.as_ref().ok_or(PushError::NoRegistry)?;
    let work = async {
        let mut pushed = BTreeMap::new();
        for (service, image) in &release.images {
            let one = One {
                tools,
                project,
                registry,
                release,
                service,
                image,
            };
            pushed.insert(service.clone(), one.told().await?);
        }
        Ok(pushed)
    };
    tokio::select! {
        biased;
        () = tools.interrupt.cancelled() => Err(PushError::Interrupted),
        result = work => result,
    }
}

/// One image on its way.
struct One<'p> {
    tools: &'p Tools,
    project: &'p Project,
    registry: &'p RegistryName,
    release: &'p Release,
    service: &'p ServiceName,
    image: &'p ImageIdentity,
}

impl One<'_> {
    async fn told(&self) -> Result<PushRecord, PushError> {
        let running = self.tools.events.start(Work::Push {
            service: self.service.clone(),
        });
        let done = self.push(|words| running.phase(words)).await;
        running.end(match &done {
            Ok((record, true)) => Outcome::done(record.reference()),
            Ok((record, false)) => Outcome::Unchanged {
                reason: format!("{} is there", record.reference()),
            },
            Err(error) => Outcome::Failed {
                reason: chain(error),
            },
        });
        done.map(|(record, _)| record)
    }

    /// Returns where it is, and whether it had to be brought there.
    async fn push(&self, mut tell: impl FnMut(&str)) -> Result<(PushRecord, bool), PushError> {
        let cluster = &self.project.cluster.name;
        let repository = self.registry.repository(cluster, self.service);
        let ledger = &self.tools.ledger;
        if let Some(record) = ledger.push(&repository, &self.image.config).await? {
            tell("looking whether it is still there");
            // Whatever is wrong with it, pushing mends it or says so.
            if self.verify(&record, &record.reference()).await.is_ok() {
                return Ok((record, false));
            }
        }
        let id = self.on_the_engine().await?;
        let tag = self
            .registry
            .reference(cluster, self.service, &self.image.config);
        let engine = &self.tools.engine;
        engine.tag(&id, &tag).await.map_err(self.failed())?;
        let digest = self.with_patience(&tag, &mut tell).await;
        let result = match digest {
            Ok(digest) => {
                let record = PushRecord {
                    release: self.release.id.clone(),
                    service: self.service.clone(),
                    repository,
                    digest,
                    identity: self.image.clone(),
                    provenance: self.tools.provenance.clone(),
                    at: clock::now(),
                };
                tell("looking at what is there now");
                self.verify(&record, &tag).await.map(|()| record)
            }
            Err(error) => Err(error),
        };
        // The name was only for the way; whether it stays on the engine decides nothing.
        let _ = engine.untag(&tag).await;
        let record = result?;
        ledger.append_push(&record).await?;
        Ok((record, true))
    }

    /// Pushes, again after a pause where that may help.
    async fn with_patience(
        &self,
        tag: &str,
        tell: &mut impl FnMut(&str),
    ) -> Result<Digest, PushError> {
        let mut pauses = PAUSES.iter();
        loop {
            match self.tools.engine.push(tag, &mut *tell).await {
                Ok(digest) => return Ok(digest),
                Err(error) => match pauses.next().filter(|_| error.passes()) {
                    Some(pause) => {
                        let seconds = pause.as_secs();
                        tell(&format!("{}; trying again in {seconds} s", chain(&error)));
                        tokio::time::sleep(*pause).await;
                    }
                    None => return Err(self.failed()(error)),
                },
            }
        }
    }

    /// Returns the engine's id of the image, taken from what is kept if it is gone from the engine.
    async fn on_the_engine(&self) -> Result<String, PushError> {
        let engine = &self.tools.engine;
        let known_as = build::known_as(&self.project.cluster, self.service);
        let found = engine.find(self.image, &known_as).await;
        if let Some(image) = found.map_err(self.failed())? {
            return Ok(image.id);
        }
        let kept = self.image.reference(self.service);
        let archive = self.project.blobs.archive(self.image, &kept, 0)?;
        engine.load(archive).await.map_err(self.failed())?;
        let found = engine
            .find(self.image, &kept)
            .await
            .map_err(self.failed())?;
        found.map(|image| image.id).ok_or_else(|| PushError::Other {
            service: self.service.clone(),
            reference: kept,
            found: "nothing".to_owned(),
            wanted: self.image.config.short(),
        })
    }

    /// Pulls what the registry has under a digest, which is little where the engine has its layers, and returns which
    /// bytes it is.
    async fn found(&self, reference: &str) -> Result<Option<ImageIdentity>, EngineError> {
        let engine = &self.tools.engine;
        let before = engine.image(reference).await?;
        engine.pull(reference, |_| {}).await?;
        let found = engine.image(reference).await?;
        if before.is_none() {
            // A name that was only for looking.
            let _ = engine.untag(reference).await;
        }
        Ok(found.map(|image| image.identity))
    }

    /// Makes sure that the registry has this manifest under a name, and that it is the image's.
    async fn verify(&self, record: &PushRecord, name: &str) -> Result<(), PushError> {
        let reference = record.reference();
        let other = |found: Option<String>| PushError::Other {
            service: self.service.clone(),
            reference: reference.clone(),
            found: found.unwrap_or_else(|| "nothing".to_owned()),
            wanted: self.image.config.short(),
        };
        let engine = &self.tools.engine;
        let digest = engine.at_registry(name).await.map_err(self.failed())?;
        if let Some(digest) = digest.filter(|digest| *digest != record.digest) {
            return Err(other(Some(format!("manifest {}", digest.short()))));
        }
        let found = self.found(&reference).await.map_err(self.failed())?;
        if found.as_ref() == Some(self.image) {
            return Ok(());
        }
        Err(other(found.map(|found| found.config.short())))
    }

    fn failed(&self) -> impl FnOnce(EngineError) -> PushError + use<> {
        let (service, registry) = (self.service.clone(), self.registry.clone());
        move |source| PushError::Engine {
            service,
            registry,
            source,
        }
    }
}
