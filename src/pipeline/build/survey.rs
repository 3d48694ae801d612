//! What there is to build, decided from what is on disk, on the engine and in the ledger. Nothing is changed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};

use super::external::{standing, uses};
use super::{BuildError, check};
use crate::domain::cluster::{Build, Cluster, Source};
use crate::domain::ledger::ImageIdentity;
use crate::domain::name::{Digest, ServiceName};
use crate::domain::plan::build::{
    Content, Decision, Found, Past, Plan, Wanted, closure, plan, wanted,
};
use crate::pipeline::Tools;
use crate::system::checkout::Context;

/// What there is to build.
#[derive(Debug, Clone)]
pub struct Survey {
    /// What is done about each image, and why.
    pub plan: Plan,
    /// The images of services that only name theirs, as far as they are on the engine.
    pub named: BTreeMap<ServiceName, ImageIdentity>,
    /// Which of the images each engine has.
    pub(super) present: Vec<BTreeSet<Digest>>,
    /// What each build may read.
    pub(super) contexts: BTreeMap<ServiceName, Context>,
    /// How long builds took the last time, as far as that is known.
    pub(super) took: BTreeMap<ServiceName, Duration>,
}

impl Survey {
    /// Returns the images that are there as they would be built now, and those that services only name.
    #[must_use]
    pub fn present(&self, cluster: &Cluster) -> BTreeMap<ServiceName, ImageIdentity> {
        let mut images = self.named.clone();
        for step in &self.plan.steps {
            if let Decision::Keep(identity) = &step.decision {
                let services = step.image.services.iter();
                images.extend(services.map(|service| (service.clone(), identity.clone())));
            }
        }
        super::of_services(cluster, &BTreeSet::new(), &images)
    }
}

/// Finds out what there is to build for these services, or for all if none is named.
///
/// # Errors
///
/// If a context cannot be read, or engine or ledger cannot be asked.
pub async fn survey(
    tools: &Tools,
    cluster: &Cluster,
    services: &BTreeSet<ServiceName>,
    no_cache: bool,
) -> Result<Survey, BuildError> {
    check(cluster, services)?;
    let contexts = contexts(tools, cluster, services).await?;
    let mut found = Found::default();
    for (name, context) in &contexts {
        let content = Content {
            context: context.entries.digest(),
            dockerfile: context.dockerfile_digest,
            folders: context
                .folders
                .iter()
                .map(|(name, entries)| (name.clone(), entries.digest()))
                .collect(),
        };
        found.contents.insert(name.clone(), content);
    }
    let mut named = BTreeMap::new();
    for (reference, used) in uses(cluster, services)? {
        let Some(identity) = standing(tools, &reference).await?.identity() else {
            continue;
        };
        named.extend(
            used.run_by
                .into_iter()
                .map(|service| (service, identity.clone())),
        );
        found.externals.insert(reference, identity);
    }
    let images = wanted(cluster, services, &found)?;
    let past = past(tools, &images).await?;
    let built = images.iter().filter_map(|image| {
        let past = image
            .services
            .iter()
            .find_map(|service| past.get(service)?.same.as_ref());
        Some((past?.identity.clone(), image.tags.first()?.clone()))
    });
    let present = tools.fleet.present(&built.collect::<Vec<_>>()).await?;
    let anywhere = present.iter().flatten().copied().collect();
    let took = past.iter().filter_map(|(service, past)| {
        let record = past.same.as_ref().or(past.last.as_ref())?;
        let took = Duration::from_millis(record.elapsed_ms);
        Some((service.clone(), took)).filter(|_| !took.is_zero())
    });
    Ok(Survey {
        took: took.collect(),
        plan: plan(images, &past, &anywhere, no_cache),
        named,
        present,
        contexts,
    })
}

/// How many folders are hashed at a time: reading is faster than hashing, and more would only use the disk up.
const HASHED_AT_ONCE: usize = 4;

async fn contexts(
    tools: &Tools,
    cluster: &Cluster,
    services: &BTreeSet<ServiceName>,
) -> Result<BTreeMap<ServiceName, Context>, BuildError> {
    // Services that read the same are hashed once.
    let mut readers: Vec<(&Build, Vec<&ServiceName>)> = Vec::new();
    for name in closure(cluster, services)? {
        let Source::Build(build) = &cluster.services[name].source else {
            continue;
        };
        match readers
            .iter_mut()
            .find(|(other, _)| reads_alike(other, build))
        {
            Some((_, names)) => names.push(name),
            None => readers.push((build, vec![name])),
        }
    }
    let read = readers.into_iter().map(async |(build, names)| {
        let (checkout, build) = (tools.checkout.clone(), build.clone());
        // Hashing a large folder takes a while; interruption and progress go on meanwhile.
        let read = tokio::task::spawn_blocking(move || checkout.context(&build)).await;
        match read {
            Ok(Ok(context)) => Ok((context, names)),
            Ok(Err(source)) => Err(BuildError::Context {
                service: names[0].clone(),
                source,
            }),
            Err(_) => Err(BuildError::Interrupted),
        }
    });
    let mut read = stream::iter(read).buffer_unordered(HASHED_AT_ONCE);
    let mut contexts = BTreeMap::new();
    while let Some((context, names)) = read.try_next().await? {
        contexts.extend(
            names
                .into_iter()
                .map(|name| (name.clone(), context.clone())),
        );
    }
    Ok(contexts)
}

fn reads_alike(one: &Build, other: &Build) -> bool {
    let files = |build: &Build| {
        let used = build.used();
        let used = used.map(|(name, context)| (name.clone(), context.clone()));
        (
            build.context.clone(),
            build.dockerfile.clone(),
            build.inline.clone(),
            used.collect::<Vec<_>>(),
        )
    };
    files(one) == files(other)
}

async fn past(tools: &Tools, images: &[Wanted]) -> Result<BTreeMap<ServiceName, Past>, BuildError> {
    let mut past = BTreeMap::new();
    for image in images {
        for service in &image.services {
            let same = tools.ledger.build(service, &image.fingerprint).await?;
            let last = match same {
                Some(_) => None,
                None => tools.ledger.last_build(service).await?,
            };
            past.insert(service.clone(), Past { same, last });
        }
    }
    Ok(past)
}
