//! Which images are built, in which order, and why.
//!
//! An image's fingerprint hashes all that decides it. What has the fingerprint of an earlier build, and is still on the
//! engine, is kept. Contexts are hashed by `system::checkout`; here their digests are combined.

mod critical;
mod explain;
mod fit;
mod order;

pub use critical::urgency;
pub use fit::{Asked, Builder, BuilderKind, Lack, Need};
pub use order::{Circle, Origin, closure, image_of, known_as, origin, tags};

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::json;

use crate::domain::cluster::{Build, BuildOptions, Cluster, NamedContext, Source};
use crate::domain::ledger::{BuildRecord, ImageIdentity};
use crate::domain::name::{Digest, ServiceName};

/// Goes up when a fingerprint comes to mean something else, so that no older record is taken for it.
const FORMAT: u32 = 1;

/// The content that a build reads from the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// Digest of the context, what `.dockerignore` leaves out not counted.
    pub context: Digest,
    /// Digest of the Dockerfile, which may lie outside the context.
    pub dockerfile: Digest,
    /// Digests of the named contexts that are folders and used, by name.
    pub folders: BTreeMap<String, Digest>,
}

/// What is known of the world outside the cluster when builds are planned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// The content of each service's build.
    pub contents: BTreeMap<ServiceName, Content>,
    /// What the references stand for that the cluster does not build; one that is not on the engine is absent.
    pub externals: BTreeMap<String, ImageIdentity>,
}

/// An image that is to be there, and all that decides it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The services that build it: several may name the same build.
    pub services: Vec<ServiceName>,
    /// How it is built.
    pub build: Build,
    /// The names it gets on the engine, by which `FROM` lines find it.
    pub tags: Vec<String>,
    /// The digest of each part that decides it, by the part's name: `context`, `base debian:trixie`.
    pub ingredients: BTreeMap<String, Digest>,
    /// The digest of all ingredients.
    pub fingerprint: Digest,
    /// The bases that the cluster builds: reference to the first of the services whose image it is.
    pub parents: BTreeMap<String, ServiceName>,
    /// What its external bases are expected to be.
    pub bases: BTreeMap<String, ImageIdentity>,
    /// External bases of which nothing is known yet.
    pub unknown: BTreeSet<String>,
}

/// What the ledger says of an image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Past {
    /// The latest build with the same fingerprint.
    pub same: Option<BuildRecord>,
    /// The latest build at all.
    pub last: Option<BuildRecord>,
}

/// The builds in an order in which each comes after what it is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// One step an image.
    pub steps: Vec<Step>,
}

/// One image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Which.
    pub image: Wanted,
    /// What is done about it.
    pub decision: Decision,
}

/// What is done about an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It is as it would be built, and there.
    Keep(ImageIdentity),
    /// It is built.
    Build(Reason),
}

/// Why an image is built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// The ledger has no build of it.
    NoRecord,
    /// The last build was of something else: these ingredients differ.
    Changed(BTreeSet<String>),
    /// It was built, but is no longer on the engine.
    ImageGone(ImageIdentity),
    /// `--no-cache`.
    Forced,
    /// These external bases have to be pulled before anything is known.
    BaseUnknown(BTreeSet<String>),
}

/// Returns the images that the wanted services are built to, and what these are built from, in build order. No wanted
/// service means all.
///
/// # Errors
///
/// If images are built from each other in a circle.
pub fn wanted(
    cluster: &Cluster,
    services: &BTreeSet<ServiceName>,
    found: &Found,
) -> Result<Vec<Wanted>, Circle> {
    let around = Around { cluster, found };
    let mut images: Vec<Wanted> = Vec::new();
    for name in closure(cluster, services)? {
        let Some((build, content)) = build_of(cluster, name).zip(found.contents.get(name)) else {
            continue;
        };
        let image = combine(&around, name, (build, content), &images);
        let twin = images
            .iter_mut()
            .find(|other| other.fingerprint == image.fingerprint);
        match twin {
            Some(twin) => {
                let new = |tag: &String| !twin.tags.contains(tag);
                let tags: Vec<_> = image.tags.into_iter().filter(new).collect();
                twin.tags.extend(tags);
                twin.services.push(name.clone());
            }
            None => images.push(image),
        }
    }
    Ok(images)
}

fn build_of<'c>(cluster: &'c Cluster, name: &ServiceName) -> Option<&'c Build> {
    match &cluster.services.get(name)?.source {
        Source::Build(build) => Some(build),
        Source::Image(_) => None,
    }
}

/// What an image is decided in.
struct Around<'a> {
    cluster: &'a Cluster,
    found: &'a Found,
}

fn combine(
    around: &Around<'_>,
    name: &ServiceName,
    (build, content): (&Build, &Content),
    before: &[Wanted],
) -> Wanted {
    // Every field is named, so that a new one cannot be forgotten. Paths and tags do not decide what is in an image.
    let Build {
        // Their content counts, wherever it was found.
        remote: _,
        context: _,
        dockerfile: _,
        // In the content's digest.
        inline: _,
        args,
        target,
        labels,
        tag: _,
        bases: references,
        contexts: _,
        used_contexts: _,
        options,
    } = build;
    let mut ingredients = BTreeMap::from([
        ("context".to_owned(), content.context),
        ("Dockerfile".to_owned(), content.dockerfile),
    ]);
    for (argument, value) in args {
        ingredients.insert(format!("argument {argument}"), Digest::of(value));
    }
    for (label, value) in labels {
        ingredients.insert(format!("label {label}"), Digest::of(value));
    }
    if let Some(target) = target {
        ingredients.insert("target".to_owned(), Digest::of(target));
    }
    ingredients.extend(asked(options));
    let mut sources = Sources::default();
    for reference in references {
        if let Some(digest) = sources.take(around, reference, before) {
            ingredients.insert(format!("base {reference}"), digest);
        }
    }
    for (name, context) in build.used() {
        let digest = match context {
            NamedContext::Image(reference) => sources.take(around, reference, before),
            NamedContext::Folder(_) => content.folders.get(name).copied(),
        };
        let digest = digest.unwrap_or_else(|| Digest::of("scratch"));
        ingredients.insert(format!("context {name}"), digest);
    }
    let Sources {
        parents,
        bases,
        unknown,
    } = sources;
    let fingerprint = Digest::of(
        json!({"format": FORMAT, "kind": "build", "ingredients": ingredients}).to_string(),
    );
    Wanted {
        services: vec![name.clone()],
        build: build.clone(),
        tags: tags(around.cluster, name),
        ingredients,
        fingerprint,
        parents,
        bases,
        unknown,
    }
}

/// The images that one is made from.
#[derive(Default)]
struct Sources {
    parents: BTreeMap<String, ServiceName>,
    bases: BTreeMap<String, ImageIdentity>,
    unknown: BTreeSet<String>,
}

impl Sources {
    /// Takes an image in, and returns what decides which one it is; nothing for the empty image.
    fn take(&mut self, around: &Around<'_>, reference: &str, before: &[Wanted]) -> Option<Digest> {
        let digest = match origin(around.cluster, reference) {
            Origin::Scratch => return None,
            Origin::Service(parent) => {
                let parent = before.iter().find(|image| image.services.contains(parent));
                parent.map(|parent| {
                    let service = parent.services[0].clone();
                    self.parents.insert(reference.to_owned(), service);
                    parent.fingerprint
                })
            }
            Origin::External(reference) => around.found.externals.get(reference).map(|identity| {
                self.bases.insert(reference.to_owned(), identity.clone());
                identity.config
            }),
        };
        if digest.is_none() {
            self.unknown.insert(reference.to_owned());
        }
        Some(digest.unwrap_or_else(|| Digest::of("unknown")))
    }
}

/// Returns the digest of what else the builder is asked for, as far as it decides what is in the image: of a secret only
/// where it comes from.
fn asked(options: &BuildOptions) -> Vec<(String, Digest)> {
    let BuildOptions {
        secrets,
        ssh,
        // These decide how soon it is there, and by what name.
        cache_from: _,
        cache_to: _,
        no_cache: _,
        no_cache_filter: _,
        pull: _,
        tags: _,
        platform,
        network,
        shm_size,
        ulimits,
        extra_hosts,
        entitlements,
    } = options;
    let mut asked = Vec::new();
    for (id, source) in secrets {
        asked.push((format!("secret {id}"), json!(source)));
    }
    for (id, key) in ssh {
        asked.push((format!("ssh {id}"), json!(key)));
    }
    for (name, value) in [("platform", platform), ("network", network)] {
        asked.extend(value.as_ref().map(|value| (name.to_owned(), json!(value))));
    }
    asked.extend(shm_size.map(|size| ("shm_size".to_owned(), json!(size))));
    for (name, limits) in ulimits {
        asked.push((format!("ulimit {name}"), json!(limits)));
    }
    for (name, address) in extra_hosts {
        asked.push((format!("host {name} {address}"), json!(true)));
    }
    for entitlement in entitlements {
        asked.push((format!("entitlement {entitlement}"), json!(true)));
    }
    let digests = asked.into_iter();
    digests
        .map(|(name, value)| (name, Digest::of(value.to_string())))
        .collect()
}

/// Decides what is built. `present` holds the config digests of the images on the engine.
#[must_use]
pub fn plan(
    images: Vec<Wanted>,
    past: &BTreeMap<ServiceName, Past>,
    present: &BTreeSet<Digest>,
    forced: bool,
) -> Plan {
    let none = Past::default();
    let steps = images.into_iter().map(|image| {
        let of = |service| past.get(service).unwrap_or(&none);
        let same = image
            .services
            .iter()
            .find_map(|service| of(service).same.as_ref());
        let last = image
            .services
            .iter()
            .find_map(|service| of(service).last.as_ref());
        let decision = decide(&image, same, last, present, forced);
        Step { image, decision }
    });
    Plan {
        steps: steps.collect(),
    }
}

fn decide(
    image: &Wanted,
    same: Option<&BuildRecord>,
    last: Option<&BuildRecord>,
    present: &BTreeSet<Digest>,
    forced: bool,
) -> Decision {
    if !image.unknown.is_empty() {
        return Decision::Build(Reason::BaseUnknown(image.unknown.clone()));
    }
    if forced {
        return Decision::Build(Reason::Forced);
    }
    match (same, last) {
        (Some(same), _) if present.contains(&same.identity.config) => {
            Decision::Keep(same.identity.clone())
        }
        (Some(same), _) => Decision::Build(Reason::ImageGone(same.identity.clone())),
        (None, Some(last)) => Decision::Build(Reason::Changed(difference(
            &last.ingredients,
            &image.ingredients,
        ))),
        (None, None) => Decision::Build(Reason::NoRecord),
    }
}

fn difference(
    before: &BTreeMap<String, Digest>,
    now: &BTreeMap<String, Digest>,
) -> BTreeSet<String> {
    let names = before.keys().chain(now.keys());
    names
        .filter(|name| before.get(*name) != now.get(*name))
        .cloned()
        .collect()
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |names: &BTreeSet<String>| {
            names
                .iter()
                .map(String::as_str)
                .collect::<Vec<_>>()
                .join(", ")
        };
        match self {
            Self::NoRecord => f.write_str("not built here before"),
            Self::Changed(parts) if parts.is_empty() => f.write_str("built by an older longshore"),
            Self::Changed(parts) => write!(f, "changed: {}", list(parts)),
            Self::ImageGone(identity) => {
                write!(
                    f,
                    "image {} is no longer on the engine",
                    identity.config.short()
                )
            }
            Self::Forced => f.write_str("asked for with --no-cache"),
            Self::BaseUnknown(bases) => write!(f, "not on the engine yet: {}", list(bases)),
        }
    }
}

#[cfg(test)]
mod tests;
