//! From a definition to a cluster: every name looked up, every rule checked, every problem told.
//!
//! Nothing stops at the first problem. What is wrong is left out of the result and told with its place, so that one
//! run of `check` shows all there is to repair.

mod circle;
mod edges;
mod environment;
mod hosts;
mod mounts;
mod names;
mod place;
#[cfg(test)]
mod properties;
mod rollout;
mod service;
mod source;
#[cfg(test)]
mod tests;
mod tests_of;
mod variables;

use std::collections::{BTreeMap, BTreeSet};

use self::names::Names;
use super::{Cluster, Network, Service, Volume};
use crate::domain::definition::compose;
use crate::domain::definition::{
    At, Definition, Mapping, Place, Problem, Problems, Reading, Severity, sorted,
};
use crate::domain::name::{ClusterName, NetworkName, ServiceName, VolumeName};

/// Where the definition lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Surroundings {
    /// The repository's root, absolute.
    pub root: String,
    /// The folder that longshore works in, absolute, in the root or the root itself.
    pub directory: String,
}

/// A cluster, and what a person should know about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The cluster.
    pub cluster: Cluster,
    /// Warnings, sorted by file and position.
    pub warnings: Vec<Problem>,
}

/// Makes a cluster of a definition.
///
/// # Errors
///
/// Everything that is wrong with it, warnings included.
pub fn resolve(definition: &Definition, surroundings: &Surroundings) -> Result<Resolved, Problems> {
    let many = definition.problems.len() >= Problems::MOST;
    if let Some(problems) = Problems::of(definition.problems.clone()).filter(|_| many) {
        return Err(problems);
    }
    let mut resolver = Resolver {
        definition,
        surroundings,
        problems: definition.problems.clone(),
    };
    let name = resolver.cluster_name();
    let services = resolver.services(&definition.base);
    let compose = &definition.base.compose;
    let networks = resolver.networks(&definition.base);
    let volumes = resolver.volumes(compose.volumes.as_ref().map(|volumes| &volumes.value));
    let tests = resolver.tests(&services);
    let environments = resolver.environments(&services);
    let problems = resolver.problems;
    if let Some(problems) = Problems::of(problems.clone()) {
        return Err(problems);
    }
    let name = name.expect("a cluster without a valid name has a problem");
    Ok(Resolved {
        cluster: Cluster {
            name,
            services,
            networks,
            volumes,
            tests,
            environments,
        },
        warnings: sorted(problems),
    })
}

/// What all parts of resolving share.
struct Resolver<'a> {
    definition: &'a Definition,
    surroundings: &'a Surroundings,
    problems: Vec<Problem>,
}

impl Resolver<'_> {
    fn tell(&mut self, problem: Problem) {
        // Nobody repairs more at once, and a file of ten megabytes could hold hundreds of thousands.
        if self.problems.len() < Problems::MOST {
            self.problems.push(problem);
        }
    }

    /// Takes a text for a name, or tells why it is none.
    fn name<T>(&mut self, text: &str, at: &At) -> Option<T>
    where
        T: std::str::FromStr<Err = crate::domain::name::NameError>,
    {
        match text.parse() {
            Ok(name) => Some(name),
            Err(error) => {
                let message = format!("`{text}` is no {}", error.what);
                let label = format!("expected {}", error.rule);
                self.tell(Problem::error("bad-name", message).at(at, label));
                None
            }
        }
    }

    fn cluster_name(&mut self) -> Option<ClusterName> {
        let settings = self.definition.settings.as_ref();
        let own = settings.and_then(|settings| settings.name.as_ref());
        let written = own.or(self.definition.base.compose.name.as_ref());
        if let Some(written) = written {
            return self.name(&written.value, &written.at);
        }
        let folder =
            crate::domain::definition::join(&self.surroundings.directory, &self.definition.folder);
        let last = folder.rsplit('/').next().unwrap_or_default().to_lowercase();
        // As Compose makes a project's name of its folder's.
        let kept: String = last
            .chars()
            .filter(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(*c))
            .take(63)
            .collect();
        let name = kept.trim_start_matches(['_', '-']).parse();
        if name.is_err() {
            let message = format!("the folder's name, `{last}`, gives no name for the cluster");
            let place = self.definition.base.compose.services.as_ref();
            let problem =
                Problem::error("bad-name", message).help("add a line such as `name: shop`");
            let problem = match place {
                Some(services) => problem.at(&services.at, ""),
                None => problem,
            };
            self.tell(problem);
        }
        name.ok()
    }

    /// Resolves the services of one reading, and what holds between them.
    fn services(&mut self, reading: &Reading) -> BTreeMap<ServiceName, Service> {
        let written = reading.compose.services.as_ref();
        let empty = Mapping::default();
        let written = match written {
            Some(services) if !services.value.0.is_empty() => &services.value,
            _ => {
                self.no_services(reading);
                &empty
            }
        };
        let names = Names::of(reading);
        let mut services = BTreeMap::new();
        for (name, service) in &written.0 {
            let parsed = self.name::<ServiceName>(name, &service.key);
            let resolved = self.service(reading, &names, name, service);
            services.extend(parsed.zip(resolved));
        }
        self.mark_one_shots(&mut services);
        self.circles(reading, &services);
        self.shared_tags(reading, &services);
        services
    }

    fn no_services(&mut self, reading: &Reading) {
        let unread = reading.compose.services.is_none();
        let error = |problem: &Problem| problem.severity == Severity::Error;
        if unread && self.problems.iter().any(error) {
            return;
        }
        let problem = Problem::error("no-services", "the definition has no services");
        let problem = match (&reading.compose.services, &reading.compose.name) {
            (Some(at), _) => problem.at(&at.at, "empty"),
            (None, Some(name)) => problem.place(Place::file(name.at.place.path()), ""),
            (None, None) => problem,
        };
        self.tell(problem.help("add `services:` with at least one service"));
    }

    fn networks(&mut self, reading: &Reading) -> BTreeMap<NetworkName, Network> {
        let mut networks = BTreeMap::new();
        let written = reading.compose.networks.as_ref();
        for (name, network) in written.into_iter().flat_map(|networks| &networks.value.0) {
            let parsed = self.name::<NetworkName>(name, &network.key);
            let compose::Network {
                driver,
                internal,
                labels,
            } = &network.value;
            if let Some(driver) = driver.as_ref().filter(|driver| driver.value != "bridge") {
                let message = format!("network driver `{}` is not known", driver.value);
                self.tell(
                    Problem::error("invalid-value", message).at(&driver.at, "expected `bridge`"),
                );
            }
            let internal = internal.as_ref().is_some_and(|internal| internal.value);
            let labels = self.labels(labels.as_ref());
            networks.extend(parsed.map(|name| (name, Network { internal, labels })));
        }
        if Names::of(reading).explicit_default {
            let default = "default".parse::<NetworkName>();
            let default = default.expect("`default` is a network name");
            networks.entry(default).or_default();
        }
        networks
    }

    fn volumes(
        &mut self,
        written: Option<&Mapping<compose::Volume>>,
    ) -> BTreeMap<VolumeName, Volume> {
        let mut volumes = BTreeMap::new();
        for (name, volume) in written.into_iter().flat_map(|volumes| &volumes.0) {
            let parsed = self.name::<VolumeName>(name, &volume.key);
            let compose::Volume { driver, labels } = &volume.value;
            if let Some(driver) = driver.as_ref().filter(|driver| driver.value != "local") {
                let message = format!("volume driver `{}` is not known", driver.value);
                self.tell(
                    Problem::error("invalid-value", message).at(&driver.at, "expected `local`"),
                );
            }
            let labels = self.labels(labels.as_ref());
            volumes.extend(parsed.map(|name| (name, Volume { labels })));
        }
        volumes
    }

    /// Marks the services that run to their end: something waits for that, or a label says so.
    fn mark_one_shots(&self, services: &mut BTreeMap<ServiceName, Service>) {
        let awaited: BTreeSet<ServiceName> = services
            .values()
            .flat_map(|service| &service.depends_on)
            .filter(|(_, dependency)| dependency.condition == super::Condition::Completed)
            .map(|(name, _)| name.clone())
            .collect();
        for (name, service) in services {
            service.one_shot |= awaited.contains(name);
        }
    }
}
