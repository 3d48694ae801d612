//! Which image is made from which.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::cluster::{Cluster, Source, default_tag, full};
use crate::domain::failure::{Explain, Kind};
use crate::domain::name::ServiceName;

/// Where a reference leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin<'c> {
    /// The image that a service of the cluster builds.
    Service(&'c ServiceName),
    /// An image that somebody else builds.
    External(&'c str),
    /// The empty image.
    Scratch,
}

/// Images are built from each other in a circle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("images are built from each other in a circle: {}", text(.services))]
pub struct Circle {
    /// The circle, its first service again at the end.
    pub services: Vec<ServiceName>,
}

fn text(services: &[ServiceName]) -> String {
    let names: Vec<_> = services.iter().map(ServiceName::as_str).collect();
    names.join(" from ")
}

impl Explain for Circle {
    fn kind(&self) -> Kind {
        Kind::Invalid
    }

    fn hints(&self) -> Vec<String> {
        vec!["change the FROM line or the additional context of one of them".to_owned()]
    }
}

/// Returns the names that a service's built image gets on the engine: its `image:`, else Compose's default; then `tags:`.
#[must_use]
pub fn tags(cluster: &Cluster, service: &ServiceName) -> Vec<String> {
    let default = || default_tag(cluster.name.as_str(), service);
    match cluster.services.get(service).map(|service| &service.source) {
        Some(Source::Build(build)) => {
            let first = build.tag.clone().unwrap_or_else(default);
            let mut tags = vec![first];
            tags.extend(build.options.tags.iter().cloned());
            tags
        }
        Some(Source::Image(_)) | None => vec![default()],
    }
}

/// Returns where a reference leads: to the service that builds it, or out of the cluster.
#[must_use]
pub fn origin<'c>(cluster: &'c Cluster, reference: &'c str) -> Origin<'c> {
    if reference == "scratch" {
        return Origin::Scratch;
    }
    let builds = |service: &&ServiceName| {
        matches!(cluster.services[*service].source, Source::Build(_))
            && tags(cluster, service)
                .iter()
                .any(|tag| full(tag) == full(reference))
    };
    match cluster.services.keys().find(builds) {
        Some(service) => Origin::Service(service),
        None => Origin::External(reference),
    }
}

/// Returns where a service's image comes from.
#[must_use]
pub fn image_of<'c>(cluster: &'c Cluster, service: &'c ServiceName) -> Origin<'c> {
    match &cluster.services[service].source {
        Source::Build(_) => Origin::Service(service),
        Source::Image(reference) => origin(cluster, reference),
    }
}

/// Returns a name that engines know a service's image by.
#[must_use]
pub fn known_as(cluster: &Cluster, service: &ServiceName) -> String {
    match cluster.services.get(service).map(|service| &service.source) {
        Some(Source::Image(reference)) => reference.clone(),
        Some(Source::Build(_)) | None => tags(cluster, service).swap_remove(0),
    }
}

/// Returns the services whose images are wanted, after those that they are built from. None wanted means all.
///
/// # Errors
///
/// If images are built from each other in a circle.
pub fn closure<'c>(
    cluster: &'c Cluster,
    wanted: &BTreeSet<ServiceName>,
) -> Result<Vec<&'c ServiceName>, Circle> {
    let parents: BTreeMap<_, _> = cluster
        .services
        .iter()
        .map(|(name, service)| (name, parents(cluster, &service.source)))
        .collect();
    let mut walk = Walk {
        parents: &parents,
        path: Vec::new(),
        done: Vec::new(),
    };
    for name in cluster.services.keys() {
        if wanted.is_empty() || wanted.contains(name) {
            walk.visit(name)?;
        }
    }
    Ok(walk.done)
}

fn parents<'c>(cluster: &'c Cluster, source: &'c Source) -> Vec<&'c ServiceName> {
    let references: Vec<&String> = match source {
        Source::Build(build) => build.images().collect(),
        Source::Image(reference) => vec![reference],
    };
    let service = |reference: &'c String| match origin(cluster, reference) {
        Origin::Service(parent) => Some(parent),
        Origin::External(_) | Origin::Scratch => None,
    };
    references.into_iter().filter_map(service).collect()
}

struct Walk<'w, 'c> {
    parents: &'w BTreeMap<&'c ServiceName, Vec<&'c ServiceName>>,
    path: Vec<&'c ServiceName>,
    done: Vec<&'c ServiceName>,
}

impl<'c> Walk<'_, 'c> {
    fn visit(&mut self, name: &'c ServiceName) -> Result<(), Circle> {
        if self.done.contains(&name) {
            return Ok(());
        }
        if let Some(at) = self.path.iter().position(|other| *other == name) {
            let circle = self.path[at..].iter().chain([&name]);
            return Err(Circle {
                services: circle.map(|name| (*name).clone()).collect(),
            });
        }
        self.path.push(name);
        let parents = self.parents;
        for parent in &parents[name] {
            self.visit(parent)?;
        }
        self.path.pop();
        self.done.push(name);
        Ok(())
    }
}
