//! The typed edges between services, on petgraph: order, closure, what a change affects, and pictures of it.
//!
//! A resolved cluster has no circles (`cluster::resolve` refuses them and shows them), so every question here has an
//! answer. Answers are sorted by name where nothing else decides, so that they are the same every time.

mod render;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use petgraph::Direction;
use petgraph::stable_graph::{NodeIndex, StableDiGraph};
use petgraph::visit::EdgeRef;

use crate::domain::cluster::{Cluster, Condition, Service, Source, Tags};
use crate::domain::name::{Alias, ServiceName};

/// Why one service needs another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Edge {
    /// Its image is built on the other's: `FROM`, `COPY --from`, `RUN --mount=from=`.
    BuildsFrom,
    /// It runs the image that the other builds.
    RunsImageOf,
    /// It starts after the other has come so far.
    StartsAfter(Condition),
    /// It reaches the other by this name.
    LinksTo(Alias),
}

impl Edge {
    /// Tells whether it is about images, as opposed to running containers.
    #[must_use]
    pub fn is_build(&self) -> bool {
        match self {
            Self::BuildsFrom | Self::RunsImageOf => true,
            Self::StartsAfter(_) | Self::LinksTo(_) => false,
        }
    }
}

impl fmt::Display for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuildsFrom => f.write_str("built on"),
            Self::RunsImageOf => f.write_str("its image"),
            Self::StartsAfter(Condition::Started) => f.write_str("started"),
            Self::StartsAfter(Condition::Healthy) => f.write_str("healthy"),
            Self::StartsAfter(Condition::Completed) => f.write_str("completed"),
            Self::LinksTo(alias) => write!(f, "link {alias}"),
        }
    }
}

/// Services and what they need of each other. An edge points from the one that needs to the one that is needed.
#[derive(Debug, Clone)]
pub struct Graph {
    graph: StableDiGraph<ServiceName, Edge>,
    nodes: BTreeMap<ServiceName, NodeIndex>,
    tests: BTreeSet<ServiceName>,
}

impl Graph {
    /// The graph of all services of a cluster, tests included.
    #[must_use]
    pub fn of(cluster: &Cluster) -> Self {
        Self::of_services(Some(cluster.name.as_str()), &cluster.services)
    }

    /// The graph of some services, for example those that an environment runs. What they need elsewhere is left out. By
    /// the cluster's name images are known that the definition does not name.
    #[must_use]
    pub fn of_services(cluster: Option<&str>, services: &BTreeMap<ServiceName, Service>) -> Self {
        let mut graph = StableDiGraph::new();
        let nodes: BTreeMap<_, _> = services
            .keys()
            .map(|name| (name.clone(), graph.add_node(name.clone())))
            .collect();
        let tags = Tags::of(cluster, services);
        for (name, service) in services {
            for (other, edge) in edges(name, service, &tags) {
                if let Some(target) = nodes.get(other) {
                    graph.add_edge(nodes[name], *target, edge);
                }
            }
        }
        let tests = services.iter().filter(|(_, service)| service.test_only);
        let tests = tests.map(|(name, _)| name.clone()).collect();
        Self {
            graph,
            nodes,
            tests,
        }
    }

    /// Returns what a service needs, and why, sorted.
    #[must_use]
    pub fn needs(&self, service: &ServiceName) -> BTreeSet<(&ServiceName, &Edge)> {
        self.neighbours(service, Direction::Outgoing)
    }

    /// Returns what needs a service, and why, sorted.
    #[must_use]
    pub fn needed_by(&self, service: &ServiceName) -> BTreeSet<(&ServiceName, &Edge)> {
        self.neighbours(service, Direction::Incoming)
    }

    fn neighbours(&self, service: &ServiceName, way: Direction) -> BTreeSet<(&ServiceName, &Edge)> {
        let edges = self.nodes.get(service).into_iter();
        edges
            .flat_map(|node| self.graph.edges_directed(*node, way))
            .map(|edge| {
                let other = match way {
                    Direction::Outgoing => edge.target(),
                    Direction::Incoming => edge.source(),
                };
                (&self.graph[other], edge.weight())
            })
            .collect()
    }

    /// Returns all services so that each comes after what it starts after.
    #[must_use]
    pub fn start_order(&self) -> Vec<ServiceName> {
        self.start_waves().into_iter().flatten().collect()
    }

    /// Returns the services in waves: what is in one may start once those before it have come so far.
    #[must_use]
    pub fn start_waves(&self) -> Vec<BTreeSet<ServiceName>> {
        self.waves(|edge| !edge.is_build())
    }

    /// Returns the services in waves by their images: what is in one may be built once those before it are.
    #[must_use]
    pub fn build_waves(&self) -> Vec<BTreeSet<ServiceName>> {
        self.waves(Edge::is_build)
    }

    fn waves(&self, counts: impl Fn(&Edge) -> bool) -> Vec<BTreeSet<ServiceName>> {
        let needs = |name: &ServiceName| {
            let needs = self.needs(name).into_iter();
            let counted = needs.filter(|(_, edge)| counts(edge));
            counted
                .map(|(other, _)| other.clone())
                .collect::<BTreeSet<_>>()
        };
        let mut left: BTreeMap<ServiceName, BTreeSet<ServiceName>> = self
            .nodes
            .keys()
            .map(|name| (name.clone(), needs(name)))
            .collect();
        let mut waves = Vec::new();
        while !left.is_empty() {
            let ready = left.iter().filter(|(_, needs)| needs.is_empty());
            let mut wave: BTreeSet<_> = ready.map(|(name, _)| name.clone()).collect();
            if wave.is_empty() {
                // Only a cluster that was never resolved has a circle; its members come last, together.
                wave = left.keys().cloned().collect();
            }
            left.retain(|name, _| !wave.contains(name));
            for needs in left.values_mut() {
                needs.retain(|name| !wave.contains(name));
            }
            waves.push(wave);
        }
        waves
    }

    /// Returns a service and all that has to run for it: what a test needs beside it.
    #[must_use]
    pub fn closure(&self, service: &ServiceName) -> BTreeSet<ServiceName> {
        self.reach(service, |name| self.needs(name), |edge| !edge.is_build())
    }

    /// Returns a service and all whose images have to be built for it to be built, itself included.
    #[must_use]
    pub fn build_closure(&self, service: &ServiceName) -> BTreeSet<ServiceName> {
        self.reach(service, |name| self.needs(name), Edge::is_build)
    }

    /// Returns a service and all that a change of it can affect.
    #[must_use]
    pub fn dependents(&self, service: &ServiceName) -> BTreeSet<ServiceName> {
        self.reach(service, |name| self.needed_by(name), |_| true)
    }

    /// Returns the services in groups that are connected by links and start order, for placement on one host.
    #[must_use]
    pub fn groups(&self) -> Vec<BTreeSet<ServiceName>> {
        let mut groups: Vec<BTreeSet<ServiceName>> = Vec::new();
        let both = |name: &ServiceName| {
            let mut around = self.needs(name);
            around.extend(self.needed_by(name));
            around
        };
        let mut grouped = BTreeSet::new();
        for name in self.nodes.keys() {
            if !grouped.contains(name) {
                let group = self.reach(name, both, |edge| !edge.is_build());
                grouped.extend(group.iter().cloned());
                groups.push(group);
            }
        }
        groups
    }

    fn reach<'a>(
        &'a self,
        start: &ServiceName,
        around: impl Fn(&ServiceName) -> BTreeSet<(&'a ServiceName, &'a Edge)>,
        counts: impl Fn(&Edge) -> bool,
    ) -> BTreeSet<ServiceName> {
        let mut reached = BTreeSet::new();
        let mut open: Vec<ServiceName> = self
            .nodes
            .get_key_value(start)
            .map(|(name, _)| name.clone())
            .into_iter()
            .collect();
        while let Some(name) = open.pop() {
            let next = around(&name).into_iter().filter(|(_, edge)| counts(edge));
            let next: Vec<_> = next.map(|(other, _)| other.clone()).collect();
            if reached.insert(name) {
                open.extend(next.into_iter().filter(|other| !reached.contains(other)));
            }
        }
        reached
    }
}

fn edges<'a>(
    name: &'a ServiceName,
    service: &'a Service,
    tags: &Tags<'a>,
) -> BTreeSet<(&'a ServiceName, Edge)> {
    let starts = service.depends_on.iter();
    let starts = starts.map(|(other, dependency)| (other, Edge::StartsAfter(dependency.condition)));
    let links = service.links.iter();
    let links = links.map(|link| (&link.service, Edge::LinksTo(link.alias.clone())));
    let images = match &service.source {
        Source::Build(build) => {
            let on = build.images().filter_map(|base| tags.builder(base));
            on.map(|other| (other, Edge::BuildsFrom))
                .collect::<Vec<_>>()
        }
        Source::Image(image) => {
            let of = tags.builder(image).into_iter();
            of.map(|other| (other, Edge::RunsImageOf)).collect()
        }
    };
    let edges = starts.chain(links).chain(images);
    edges.filter(|(other, _)| *other != name).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::domain::cluster::{Build, Dependency, Link};

    fn name(text: &str) -> ServiceName {
        text.parse().unwrap()
    }

    fn names(list: &[&str]) -> BTreeSet<ServiceName> {
        list.iter().map(|text| name(text)).collect()
    }

    fn service(after: &[(&str, Condition)], links: &[(&str, &str)], source: Source) -> Service {
        let depends_on = after.iter().map(|(other, condition)| {
            let dependency = Dependency {
                condition: *condition,
                restart: false,
                required: true,
            };
            (name(other), dependency)
        });
        let links = links.iter().map(|(other, alias)| Link {
            service: name(other),
            alias: alias.parse().unwrap(),
        });
        Service {
            source,
            command: None,
            entrypoint: None,
            environment: BTreeMap::new(),
            ports: Vec::new(),
            expose: BTreeSet::new(),
            mounts: Vec::new(),
            files: Vec::new(),
            networks: BTreeMap::new(),
            links: links.collect(),
            depends_on: depends_on.collect(),
            healthcheck: None,
            restart: crate::domain::cluster::Restart::No,
            profiles: BTreeSet::new(),
            labels: BTreeMap::new(),
            user: None,
            working_dir: None,
            stop_grace_period: None,
            options: crate::domain::cluster::Options::default(),
            one_shot: false,
            test_only: false,
        }
    }

    fn image(text: &str) -> Source {
        Source::Image(text.to_owned())
    }

    fn build(tag: &str, bases: &[&str]) -> Source {
        Source::Build(Box::new(Build {
            context: "".into(),
            dockerfile: "Dockerfile".into(),
            tag: Some(tag.to_owned()),
            bases: bases.iter().map(|base| (*base).to_owned()).collect(),
            ..Build::default()
        }))
    }

    /// Guestbook in small: an API after a migration after a database, a worker on the API's image, a test, and a base.
    pub fn example() -> Graph {
        let (started, healthy, completed) =
            (Condition::Started, Condition::Healthy, Condition::Completed);
        let mut test = service(&[("api", started)], &[("api", "web")], image("debian"));
        test.test_only = true;
        let services = BTreeMap::from([
            (
                name("base"),
                service(&[], &[], build("acme/base:latest", &["debian:trixie"])),
            ),
            (
                name("api"),
                service(
                    &[("db", healthy), ("migrate", completed)],
                    &[],
                    build("acme/api", &["acme/base"]),
                ),
            ),
            (
                name("worker"),
                service(&[], &[], image("docker.io/acme/api:latest")),
            ),
            (
                name("migrate"),
                service(&[("db", healthy)], &[], image("m")),
            ),
            (name("db"), service(&[], &[], image("postgres:17"))),
            (name("sut"), test),
        ]);
        Graph::of_services(None, &services)
    }

    #[test]
    fn orders_by_what_is_needed_first() {
        let graph = example();
        let order: Vec<_> = graph.start_order();
        let order: Vec<_> = order.iter().map(ServiceName::as_str).collect();
        assert_eq!(order, ["base", "db", "worker", "migrate", "api", "sut"]);
        assert_eq!(
            graph.build_waves(),
            [
                names(&["base", "db", "migrate", "sut"]),
                names(&["api"]),
                names(&["worker"])
            ]
        );
    }

    #[test]
    fn knows_what_a_service_needs_and_what_needs_it() {
        let graph = example();
        assert_eq!(
            graph.closure(&name("sut")),
            names(&["sut", "api", "db", "migrate"])
        );
        assert_eq!(
            graph.build_closure(&name("worker")),
            names(&["worker", "api", "base"])
        );
        assert_eq!(
            graph.dependents(&name("base")),
            names(&["base", "api", "worker", "sut"])
        );
        assert_eq!(graph.closure(&name("nobody")), BTreeSet::new());
    }

    #[test]
    fn groups_what_is_connected_while_running() {
        assert_eq!(
            example().groups(),
            [
                names(&["api", "db", "migrate", "sut"]),
                names(&["base"]),
                names(&["worker"])
            ]
        );
    }
}
