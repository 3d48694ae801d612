//! Images that the cluster does not build: what each reference stands for, and getting what is not there.
//!
//! A reference stands for what the ledger says, until `--pull` moves it. Only where that image is gone from the engine
//! it stands for what has the name now.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, TryStreamExt, stream};

use super::{BuildError, BuildRequest};
use crate::domain::cluster::{Cluster, Source};
use crate::domain::event::{Outcome, Work};
use crate::domain::ledger::ImageIdentity;
use crate::domain::name::ServiceName;
use crate::domain::plan::build::{Circle, Origin, closure, origin};
use crate::pipeline::Tools;
use crate::system::clock;
use crate::system::engine::EngineError;

/// How an external image is used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Use {
    /// The services built from it.
    pub(super) bases_of: BTreeSet<ServiceName>,
    /// The services that run it.
    pub(super) run_by: BTreeSet<ServiceName>,
}

/// Returns the external images that the wanted services use, by reference.
pub(super) fn uses(
    cluster: &Cluster,
    wanted: &BTreeSet<ServiceName>,
) -> Result<BTreeMap<String, Use>, Circle> {
    let mut uses: BTreeMap<String, Use> = BTreeMap::new();
    for name in closure(cluster, wanted)? {
        let (references, is_base): (Vec<&String>, _) = match &cluster.services[name].source {
            Source::Build(build) => (build.images().collect(), true),
            Source::Image(reference) => (vec![reference], false),
        };
        for reference in references {
            if let Origin::External(reference) = origin(cluster, reference) {
                let entry = uses.entry(reference.to_owned()).or_default();
                let users = if is_base {
                    &mut entry.bases_of
                } else {
                    &mut entry.run_by
                };
                users.insert(name.clone());
            }
        }
    }
    Ok(uses)
}

/// What a reference stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    /// For what the ledger says.
    Settled(ImageIdentity),
    /// For this, which the ledger does not know or knows otherwise.
    Unsettled {
        /// What the ledger says.
        before: Option<ImageIdentity>,
        /// What it is.
        now: ImageIdentity,
    },
    /// It is not on the engine.
    Absent,
}

impl Standing {
    pub(super) fn identity(self) -> Option<ImageIdentity> {
        match self {
            Self::Settled(identity) | Self::Unsettled { now: identity, .. } => Some(identity),
            Self::Absent => None,
        }
    }
}

/// Asks what a reference stands for, and changes nothing.
pub(super) async fn standing(tools: &Tools, reference: &str) -> Result<Standing, BuildError> {
    let before = tools.ledger.external_image(reference).await?;
    let named = tools
        .engine
        .image(reference)
        .await?
        .map(|image| image.identity);
    if let Some(identity) = &before {
        let named = named.as_ref() == Some(identity);
        if named || tools.engine.find(identity, reference).await?.is_some() {
            return Ok(Standing::Settled(identity.clone()));
        }
    }
    Ok(named.map_or(Standing::Absent, |now| Standing::Unsettled { before, now }))
}

/// Gets the external images that are needed and settles what each stands for.
pub(super) async fn obtain(
    tools: &Tools,
    cluster: &Cluster,
    request: &BuildRequest,
) -> Result<(), BuildError> {
    let mut uses = uses(cluster, &request.services)?;
    uses.retain(|_, used| request.externals || !used.bases_of.is_empty());
    let each = uses.iter().map(|(reference, used)| {
        let pull = request.pull || used.bases_of.iter().any(|service| asks(cluster, service));
        settle(tools, reference, used, pull)
    });
    // One that is there costs two requests; as many at once as builds would run.
    let settled = stream::iter(each).buffer_unordered(request.jobs.max(1));
    settled.try_collect::<()>().await
}

/// Tells whether a service's build asks for its bases again each time (`pull: true`).
fn asks(cluster: &Cluster, service: &ServiceName) -> bool {
    match &cluster.services[service].source {
        Source::Build(build) => build.options.pull,
        Source::Image(_) => false,
    }
}

async fn settle(tools: &Tools, reference: &str, used: &Use, pull: bool) -> Result<(), BuildError> {
    let mut standing = match pull {
        true => Standing::Absent,
        false => self::standing(tools, reference).await?,
    };
    if standing == Standing::Absent {
        self::pull(tools, reference, used).await?;
        let before = tools.ledger.external_image(reference).await?;
        let image = tools.engine.image(reference).await?;
        let now = image
            .map(|image| image.identity)
            .ok_or_else(|| EngineError::Identity {
                image: reference.to_owned(),
                why: "it is gone right after it was pulled".to_owned(),
            })?;
        standing = Standing::Unsettled { before, now };
    }
    let Standing::Unsettled { before, now } = standing else {
        return Ok(());
    };
    if let Some(before) = before.filter(|before| *before != now) {
        let (before, now) = (before.config.short(), now.config.short());
        let message = format!("{reference} is another image from now on: {now}, and was {before}");
        if pull {
            tools.events.note(message)
        } else {
            tools.events.warn(message)
        }
    }
    tools
        .ledger
        .set_external_image(reference, &now, clock::now())
        .await?;
    Ok(())
}

async fn pull(tools: &Tools, reference: &str, used: &Use) -> Result<(), BuildError> {
    let running = tools.events.start(Work::Pull {
        image: reference.to_owned(),
    });
    match tools
        .engine
        .pull(reference, |status| running.phase(status))
        .await
    {
        Ok(()) => {
            running.end(Outcome::DONE);
            Ok(())
        }
        Err(source) => {
            running.end(Outcome::Failed {
                reason: super::error::chain(&source),
            });
            Err(BuildError::External {
                image: reference.to_owned(),
                services: used.bases_of.union(&used.run_by).cloned().collect(),
                source,
            })
        }
    }
}
