//! The engines that a run works with, and images brought from one to another.
//!
//! An image is the same bytes on each of them, or it is not taken. Only layers that an engine lacks are sent to it, as
//! far as it takes parts.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::future::try_join_all;
use tokio::sync::Mutex;

use super::project::Project;
use crate::domain::cluster::EngineEntry;
use crate::domain::failure::{Explain, Kind};
use crate::domain::ledger::ImageIdentity;
use crate::domain::name::Digest;
use crate::domain::plan::spread::{EngineIndex, Slot};
use crate::system::blobs::{BlobError, Blobs, Passing};
use crate::system::engine::{Engine, EngineError, Image, Place, Said};

/// The engines that a run works with: at least one. Clones share them.
#[derive(Debug, Clone)]
pub struct Fleet {
    members: Arc<[Member]>,
    /// What releases keep, where an image may be found without an engine.
    kept: Blobs,
    /// What is on its way. One image at a time, so that none is brought twice.
    passing: Arc<Mutex<Passing>>,
}

/// An engine of a fleet.
#[derive(Debug)]
struct Member {
    engine: Engine,
    /// How much runs on it at a time, if that is said.
    jobs: Option<usize>,
}

/// Engines that cannot be worked with.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// One of them cannot be reached.
    #[error("failed to connect to engine {name}")]
    Connect {
        /// What it is called.
        name: String,
        /// Why.
        #[source]
        source: EngineError,
    },
    /// None is named, and the environment's cannot be reached.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// One of them runs something else than it should.
    #[error("engine {name} runs {found}, and {wanted} is needed")]
    Platform {
        /// What it is called.
        name: String,
        /// What it runs.
        found: String,
        /// What it has to run.
        wanted: String,
    },
    /// An image could not be brought to an engine.
    #[error("failed to bring {image} to the engine at {address}")]
    Bring {
        /// The image's reference.
        image: String,
        /// Where it should go.
        address: String,
        /// Why.
        #[source]
        source: EngineError,
    },
    /// What an engine gave of an image cannot be kept.
    #[error(transparent)]
    Blobs(#[from] BlobError),
    /// An engine made something else of an image.
    #[error("the engine at {address} took {image} and made another image of it")]
    Other {
        /// The image's reference.
        image: String,
        /// Where it went.
        address: String,
    },
}

impl Explain for FleetError {
    fn kind(&self) -> Kind {
        match self {
            Self::Connect { source, .. } | Self::Bring { source, .. } => source.kind(),
            Self::Engine(source) => source.kind(),
            Self::Platform { .. } => Kind::Invalid,
            Self::Blobs(source) => source.kind(),
            Self::Other { .. } => Kind::Failed,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Connect { source, .. } => {
                let mut hints = source.hints();
                hints.push("`engines:` in longshore.yaml names it; without that, DOCKER_HOST does".to_owned());
                hints
            }
            Self::Bring { source, .. } => source.hints(),
            Self::Engine(source) => source.hints(),
            Self::Platform { .. } => vec![
                "engines that build and test one stack all run the same: images of another platform are other images".to_owned(),
            ],
            Self::Blobs(source) => source.hints(),
            Self::Other { .. } => {
                vec!["take that engine out of `engines:` in longshore.yaml".to_owned()]
            }
        }
    }
}

impl Fleet {
    /// Connects to the engines that a project names, all at once; to the environment's if it names none.
    ///
    /// # Errors
    ///
    /// If one of them cannot be reached, or runs another platform than the first.
    pub async fn connect(project: &Project) -> Result<Self, FleetError> {
        let members = if project.engines.is_empty() {
            let engine = Engine::connect().await?;
            vec![Member { engine, jobs: None }]
        } else {
            let members = try_join_all(project.engines.iter().map(member)).await?;
            let first = members.first().map(|member| member.engine.platform());
            let wanted = first.unwrap_or_default().to_owned();
            for (entry, member) in project.engines.iter().zip(&members) {
                runs(entry, member, entry.platform.as_deref().unwrap_or(&wanted))?;
                runs(entry, member, &wanted)?;
            }
            members
        };
        Ok(Self {
            members: members.into(),
            kept: project.blobs.clone(),
            passing: Arc::new(Mutex::new(Passing::beside(&project.blobs))),
        })
    }

    /// Returns the first engine, which external images are pulled to.
    #[must_use]
    pub fn first(&self) -> &Engine {
        &self.members[0].engine
    }

    /// Returns all engines.
    pub fn engines(&self) -> impl Iterator<Item = &Engine> {
        self.members.iter().map(|member| &member.engine)
    }

    /// Returns one of them; the first if there is none of that number.
    #[must_use]
    pub fn engine(&self, at: EngineIndex) -> &Engine {
        self.members
            .get(at)
            .map_or(self.first(), |member| &member.engine)
    }

    /// Tells whether there are several.
    #[must_use]
    pub fn several(&self) -> bool {
        self.members.len() > 1
    }

    /// Returns which of these images each engine has, by config digest.
    ///
    /// # Errors
    ///
    /// If one of them cannot be asked.
    pub async fn present(
        &self,
        images: &[(ImageIdentity, String)],
    ) -> Result<Vec<BTreeSet<Digest>>, EngineError> {
        try_join_all(self.engines().map(|engine| engine.present(images))).await
    }

    /// Returns the engines as they are planned with, each with what it has; `jobs` run on one that is not said more of.
    #[must_use]
    pub fn slots(&self, present: &[BTreeSet<Digest>], jobs: usize) -> Vec<Slot> {
        let members = self.members.iter().enumerate();
        let slot = |(at, member): (usize, &Member)| Slot {
            jobs: member.jobs.unwrap_or(jobs).max(1),
            present: present.get(at).cloned().unwrap_or_default(),
        };
        members.map(slot).collect()
    }

    /// Finds an image on any of the engines, and returns that engine.
    ///
    /// # Errors
    ///
    /// If one of them cannot be asked.
    pub async fn find(
        &self,
        identity: &ImageIdentity,
        name: &str,
    ) -> Result<Option<(Engine, Image)>, EngineError> {
        for engine in self.engines() {
            if let Some(image) = engine.find(identity, name).await? {
                return Ok(Some((engine.clone(), image)));
            }
        }
        Ok(None)
    }

    /// Finds an image on this engine, and brings it there if another one has it. None if nobody has.
    ///
    /// # Errors
    ///
    /// If an engine cannot be asked, does not give it or does not take it.
    pub async fn bring(
        &self,
        identity: &ImageIdentity,
        name: &str,
        to: &Engine,
    ) -> Result<Option<Image>, FleetError> {
        let failed = |source| FleetError::Bring {
            image: name.to_owned(),
            address: to.address().to_owned(),
            source,
        };
        if let Some(found) = to.find(identity, name).await.map_err(failed)? {
            return Ok(Some(found));
        }
        if !self.several() {
            return Ok(None);
        }
        let passing = self.passing.lock().await;
        let known_as = format!("longshore.local/base:{}", identity.config.hex());
        // Another one may have brought it meanwhile.
        if let Some(found) = to.find(identity, &known_as).await.map_err(failed)? {
            return Ok(Some(found));
        }
        let Some((from, found)) = self.find(identity, name).await.map_err(failed)? else {
            return Ok(None);
        };
        let blobs = if self.kept.holds(identity).is_ok() {
            &self.kept
        } else {
            passing
                .blobs()
                .keep_image(name, identity, from.export(&found.id))
                .await?;
            passing.blobs()
        };
        let there = to.layers_there(&identity.layers).await.map_err(failed)?;
        let sent = to.load(blobs.archive(identity, &known_as, there)?).await;
        if sent.is_err() && there > 0 {
            // Layers that were there may have gone with their image.
            let whole = blobs.archive(identity, &known_as, 0)?;
            to.load(whole).await.map_err(failed)?;
        } else {
            sent.map_err(failed)?;
        }
        let came = to.find(identity, &known_as).await.map_err(failed)?;
        came.map(Some).ok_or_else(|| FleetError::Other {
            image: name.to_owned(),
            address: to.address().to_owned(),
        })
    }
}

async fn member(entry: &EngineEntry) -> Result<Member, FleetError> {
    let place = Place::at(entry.address.clone(), Said::Settings);
    let engine = Engine::connect_to(&place).await;
    let engine = engine.map_err(|source| FleetError::Connect {
        name: entry.name.clone(),
        source,
    })?;
    Ok(Member {
        engine,
        jobs: entry.jobs.map(usize::from),
    })
}

fn runs(entry: &EngineEntry, member: &Member, wanted: &str) -> Result<(), FleetError> {
    let found = member.engine.platform();
    if found == wanted {
        return Ok(());
    }
    Err(FleetError::Platform {
        name: entry.name.clone(),
        found: found.to_owned(),
        wanted: wanted.to_owned(),
    })
}
