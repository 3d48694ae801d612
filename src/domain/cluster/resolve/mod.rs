//! From a definition to a cluster: every name looked up, every rule checked, every problem told.
//!
//! Nothing stops at the first problem. What is wrong is left out of the result and told with its place, so that one
//! run of `check` shows all there is to repair.

mod advice;
mod ahead;
mod beside;
mod build;
mod cells;
mod circle;
mod edges;
mod environment;
mod files;
#[cfg(test)]
mod generated;
mod handed;
mod hosts;
mod means;
mod mounts;
mod names;
mod needs;
mod options;
mod place;
#[cfg(test)]
mod properties;
mod rollout;
mod service;
mod source;
mod steps;
mod support;
#[cfg(test)]
mod tests;
mod tests_of;
mod variables;

pub use support::{Judged, SUPPORT, Support};

use std::collections::{BTreeMap, BTreeSet};

use self::names::Names;
use super::{Cluster, EngineEntry, Network, Pool, RegistryName, Service, Volume};
use crate::domain::definition::compose;
use crate::domain::definition::{
    At, Definition, Mapping, Options, Place, Problem, Problems, Reading, Severity, Spanned, sorted,
};
use crate::domain::name::{Alias, ClusterName, NameError, NetworkName, ServiceName, VolumeName};

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
    /// The registry that keeps released images, if one is named.
    pub registry: Option<RegistryName>,
    /// The engines that build and test; none means the one that the environment names.
    pub engines: Vec<EngineEntry>,
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
    let mut resolver = Resolver::new(definition, surroundings);
    let name = resolver.cluster_name();
    let mut services = resolver.services(&definition.base);
    let compose = &definition.base.compose;
    let networks = resolver.networks(&definition.base);
    let volumes = resolver.volumes(compose.volumes.as_ref().map(|volumes| &volumes.value));
    resolver.files(compose);
    let mut tests = resolver.tests(&services);
    resolver.needed(&tests);
    let release = resolver.release();
    resolver.honoured_in_tests(&definition.base, &services, &tests);
    resolver.advise(&definition.base, &services);
    resolver.ahead();
    let registry = resolver.registry();
    let engines = resolver.engines();
    let environments = resolver.environments(&services);
    resolver.cells(&mut services, &mut tests);
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
            release,
            environments,
        },
        registry,
        engines,
        warnings: sorted(problems),
    })
}

/// Checks a definition as its format has it, whatever longshore can do with it: what names what, what excludes what.
/// Returns the project's name and warnings.
///
/// # Errors
///
/// Everything that is wrong with it, warnings included.
pub fn consistent(
    definition: &Definition,
    surroundings: &Surroundings,
) -> Result<(ClusterName, Vec<Problem>), Problems> {
    let mut resolver = Resolver::new(definition, surroundings);
    resolver.lenient = true;
    let name = resolver.cluster_name();
    resolver.services(&definition.base);
    resolver.networks(&definition.base);
    let compose = &definition.base.compose;
    resolver.volumes(compose.volumes.as_ref().map(|volumes| &volumes.value));
    resolver.files(compose);
    if let Some(problems) = Problems::of(resolver.problems.clone()) {
        return Err(problems);
    }
    let name = name.expect("a cluster without a valid name has a problem");
    Ok((name, sorted(resolver.problems)))
}

/// What all parts of resolving share.
struct Resolver<'a> {
    definition: &'a Definition,
    surroundings: &'a Surroundings,
    problems: Vec<Problem>,
    /// Whether what the format allows is enough.
    lenient: bool,
}

impl<'a> Resolver<'a> {
    fn new(definition: &'a Definition, surroundings: &'a Surroundings) -> Self {
        Self {
            definition,
            surroundings,
            problems: definition.problems.clone(),
            lenient: false,
        }
    }

    /// Tells what the format allows and longshore does not.
    fn refuse(&mut self, problem: Problem) {
        if !self.lenient {
            self.tell(problem);
        }
    }

    fn tell(&mut self, problem: Problem) {
        // Nobody repairs more at once, and a file of ten megabytes could hold hundreds of thousands.
        if self.problems.len() < Problems::MOST {
            self.problems.push(problem);
        }
    }

    /// Takes a text for a name, or tells why it is none.
    fn name<T>(&mut self, text: &str, at: &At) -> Option<T>
    where
        T: std::str::FromStr<Err = NameError>,
    {
        let parsed = text.parse();
        parsed
            .map_err(|error| self.tell(misnamed(text, &error, at)))
            .ok()
    }

    /// Takes a key of Compose for a name. Compose knows keys that longshore does not.
    fn key<T>(&mut self, text: &str, at: &At) -> Option<T>
    where
        T: std::str::FromStr<Err = NameError>,
    {
        if !compose::is_key(text) {
            return self.name(text, at);
        }
        let parsed = text.parse();
        parsed
            .map_err(|error| self.refuse(misnamed(text, &error, at)))
            .ok()
    }

    /// Takes a text for an alias. Compose takes any.
    fn alias(&mut self, text: &str, at: &At) -> Option<Alias> {
        let parsed = text.parse();
        parsed
            .map_err(|error| self.refuse(misnamed(text, &error, at)))
            .ok()
    }

    fn cluster_name(&mut self) -> Option<ClusterName> {
        if let Some(name) = &self.definition.name {
            let error = match name.text.parse() {
                Ok(name) => return Some(name),
                Err(error) => error,
            };
            let NameError { what, rule, .. } = error;
            let problem = Problem::error("bad-name", format!("`{}` is no {what}", name.text));
            let help = "name the cluster: a line such as `name: shop` in longshore.yaml";
            self.tell(match &name.at {
                Some(at) => problem.at(at, format!("expected {rule}")),
                None => problem.help(help),
            });
            return None;
        }
        let problem = Problem::error(
            "bad-name",
            "the folder's name gives no name for the cluster",
        );
        let problem = problem.help("add a line such as `name: shop`");
        self.tell(match &self.definition.base.compose.services {
            Some(services) => problem.at(&services.at, ""),
            None => problem,
        });
        None
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
            let parsed = match name.contains('[') {
                // Cells are for the matrix to name.
                true => self.key::<VolumeName>(name, &service.key).and(None),
                false => self.key::<ServiceName>(name, &service.key),
            };
            let resolved = self.service(reading, &names, name, service);
            services.extend(parsed.zip(resolved));
        }
        self.mark_one_shots(&mut services);
        self.circles(reading, &services);
        self.shared_tags(reading, &services);
        services
    }

    fn no_services(&mut self, reading: &Reading) {
        let error = |problem: &Problem| problem.severity == Severity::Error;
        // They may be missing because they could not be read.
        if self.problems.iter().any(error) {
            return;
        }
        let problem = Problem::error("no-services", "the definition has no services");
        let problem = match (&reading.compose.services, &reading.compose.name) {
            (Some(at), _) => problem.at(&at.at, "empty"),
            (None, Some(name)) => problem.place(Place::file(name.at.place.path()), ""),
            (None, None) => problem,
        };
        self.refuse(problem.help("add `services:` with at least one service"));
    }

    fn networks(&mut self, reading: &Reading) -> BTreeMap<NetworkName, Network> {
        let mut networks = BTreeMap::new();
        let written = reading.compose.networks.as_ref();
        for (name, network) in written.into_iter().flat_map(|networks| &networks.value.0) {
            let parsed = self.key::<NetworkName>(name, &network.key);
            let compose::Network {
                name: _,
                driver,
                driver_opts,
                external,
                internal,
                attachable: _,
                enable_ipv4: _,
                enable_ipv6,
                ipam,
                labels,
            } = &network.value;
            self.one_name(external.as_ref(), network.value.name.as_ref());
            let ipam = ipam.as_ref().map(|ipam| &ipam.value);
            let options = |options: &Option<Spanned<Options>>| {
                let options = options.as_ref().map(|options| options.value.0.clone());
                options.unwrap_or_default()
            };
            let resolved = Network {
                internal: internal.as_ref().is_some_and(|internal| internal.value),
                driver: driver.as_ref().map(|driver| driver.value.clone()),
                driver_opts: options(driver_opts),
                ipv6: enable_ipv6.as_ref().map(|flag| flag.value.0),
                ipam_driver: ipam.and_then(|ipam| Some(ipam.driver.as_ref()?.value.clone())),
                ipam_options: ipam.map(|ipam| options(&ipam.options)).unwrap_or_default(),
                pools: ipam
                    .and_then(|ipam| ipam.config.as_ref())
                    .into_iter()
                    .flat_map(|pools| &pools.value)
                    .map(|pool| pool_of(&pool.value))
                    .collect(),
                labels: self.labels(labels.as_ref()),
            };
            networks.extend(parsed.map(|name| (name, resolved)));
        }
        if Names::of(reading).default {
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
            let parsed = self.key::<VolumeName>(name, &volume.key);
            let compose::Volume {
                name: own_name,
                driver,
                driver_opts,
                external,
                labels,
            } = &volume.value;
            self.one_name(external.as_ref(), own_name.as_ref());
            let others = [
                ("driver", driver.as_ref().map(|driver| &driver.at)),
                (
                    "driver_opts",
                    driver_opts.as_ref().map(|options| &options.at),
                ),
                ("labels", labels.as_ref().map(|labels| &labels.at)),
            ];
            self.external_alone(external.as_ref(), &others);
            let options = driver_opts.as_ref().map(|options| options.value.0.clone());
            let resolved = Volume {
                driver: driver.as_ref().map(|driver| driver.value.clone()),
                driver_opts: options.unwrap_or_default(),
                labels: self.labels(labels.as_ref()),
            };
            volumes.extend(parsed.map(|name| (name, resolved)));
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

fn misnamed(text: &str, error: &NameError, at: &At) -> Problem {
    let message = format!("`{text}` is no {}", error.what);
    Problem::error("bad-name", message).at(at, format!("expected {}", error.rule))
}

fn pool_of(written: &compose::Pool) -> Pool {
    let compose::Pool {
        subnet,
        gateway,
        ip_range,
        aux_addresses,
    } = written;
    let text = |text: &Option<Spanned<String>>| text.as_ref().map(|text| text.value.clone());
    let addresses = aux_addresses
        .as_ref()
        .map(|addresses| addresses.value.0.clone());
    Pool {
        subnet: text(subnet),
        gateway: text(gateway),
        ip_range: text(ip_range),
        aux_addresses: addresses.unwrap_or_default(),
    }
}
