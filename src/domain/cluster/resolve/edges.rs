//! Circles among services: in what waits for what, and in what is built on what.

use std::collections::{BTreeMap, BTreeSet};

use super::{Resolver, circle::circle};
use crate::domain::cluster::{Service, Source, Tags};
use crate::domain::definition::{At, Problem, Reading};
use crate::domain::name::ServiceName;

/// The most services of a circle that are named.
const MOST_SHOWN: usize = 50;

type Edges<'a> = BTreeMap<&'a ServiceName, BTreeSet<&'a ServiceName>>;

impl Resolver<'_> {
    pub(super) fn circles(&mut self, reading: &Reading, services: &BTreeMap<ServiceName, Service>) {
        if let Some(circle) = circle(&waits(services)) {
            self.tell_circle(
                reading,
                &circle,
                "services wait for each other",
                "waits for",
            );
        }
        if let Some(circle) = circle(&builds(self.cluster_text(), services)) {
            self.tell_circle(
                reading,
                &circle,
                "images are built on each other",
                "is built on",
            );
        }
    }

    /// Services may share a build and its tag; different builds of one tag would overwrite each other.
    pub(super) fn shared_tags(
        &mut self,
        reading: &Reading,
        services: &BTreeMap<ServiceName, Service>,
    ) {
        let tags = Tags::of(self.cluster_text(), services);
        for (name, service) in services {
            let Source::Build(build) = &service.source else {
                continue;
            };
            let Some(tag) = &build.tag else { continue };
            let Some(first) = tags.builder(tag).filter(|first| *first != name) else {
                continue;
            };
            let same = matches!(&services[first].source, Source::Build(other) if {
                other == build
            });
            if same {
                continue;
            }
            let message = format!(
                "services `{first}` and `{name}` build different images under the name `{tag}`"
            );
            let mut problem = Problem::error("duplicate-tag", message);
            for service in [name, first] {
                if let Some(at) = image_at(reading, service) {
                    problem = problem.at(at, format!("built by `{service}`"));
                }
            }
            self.tell(problem.help("give one of them another `image`, or leave it out"));
        }
    }

    /// Returns what the cluster is called, valid or not.
    pub(super) fn cluster_text(&self) -> Option<&str> {
        self.definition.name.as_ref().map(|name| name.text.as_str())
    }

    fn tell_circle(&mut self, reading: &Reading, circle: &[&ServiceName], what: &str, verb: &str) {
        let names: Vec<_> = circle
            .iter()
            .chain(circle.first())
            .map(|name| name.as_str())
            .collect();
        let message = format!("{what}: {}", in_short(&names).join(" → "));
        let mut problem = Problem::error("circle", message);
        for pair in names.windows(2).take(MOST_SHOWN) {
            if let [from, to] = pair
                && let Some(at) = edge(reading, from, to)
            {
                problem = problem.at(at, format!("{from} {verb} {to}"));
            }
        }
        self.tell(problem.help("remove one of these, so that there is a first one"));
    }
}

/// Leaves out what lies in the middle, where there is too much of it to be read.
fn in_short<'n>(names: &[&'n str]) -> Vec<&'n str> {
    match names {
        [first @ .., last] if first.len() > MOST_SHOWN => {
            let first = first.iter().take(MOST_SHOWN).copied();
            first.chain(["…", last]).collect()
        }
        names => names.to_vec(),
    }
}

fn waits(services: &BTreeMap<ServiceName, Service>) -> Edges<'_> {
    let edges = services.iter();
    edges
        .map(|(name, service)| (name, service.depends_on.keys().collect()))
        .collect()
}

fn builds<'a>(cluster: Option<&str>, services: &'a BTreeMap<ServiceName, Service>) -> Edges<'a> {
    let tags = Tags::of(cluster, services);
    let on = |service: &'a Service| match &service.source {
        Source::Build(build) => build
            .images()
            .filter_map(|base| tags.builder(base))
            .collect(),
        Source::Image(_) => BTreeSet::new(),
    };
    services
        .iter()
        .map(|(name, service)| (name, on(service)))
        .collect()
}

fn image_at<'a>(reading: &'a Reading, service: &ServiceName) -> Option<&'a At> {
    let services = &reading.compose.services.as_ref()?.value.0;
    services
        .get(service.as_str())?
        .value
        .image
        .as_ref()
        .map(|image| &image.at)
}

/// Finds where one service names another, or how it is built.
pub fn edge<'a>(reading: &'a Reading, from: &str, to: &str) -> Option<&'a At> {
    let service = &reading.compose.services.as_ref()?.value.0.get(from)?.value;
    let waits = service
        .depends_on
        .as_ref()
        .and_then(|all| all.value.0.0.get(to))
        .map(|named| &named.key);
    let links = service.links.iter().flat_map(|links| &links.value.0);
    let link = links
        .into_iter()
        .find(|link| link.value.service == to)
        .map(|link| &link.at);
    let shares = service.shared().find(|(name, ..)| *name == to);
    waits
        .or(link)
        .or(shares.map(|(_, at, _)| at))
        .or_else(|| service.build.as_ref().map(|build| &build.at))
}
