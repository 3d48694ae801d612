//! Which instance runs on which host.
//!
//! Services that are linked stay together on one host, and groups that have nothing to do with each other are spread.
//! The result depends on the definition only, so it is the same on every machine and every day.

mod problem;
mod search;

pub use problem::{PlacementError, Problem};

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use search::Search;

use crate::domain::cluster::{Condition, Environment, MountSource, Placement, Port, Service};
use crate::domain::name::{EnvironmentName, HostName, ServiceName};
use crate::domain::unit::{Instance, dependencies};

/// The instances of each host, hosts without any included.
pub type Placed = BTreeMap<HostName, BTreeSet<Instance>>;

/// Places every instance of an environment.
///
/// # Errors
///
/// Services that cannot run where they would have to.
pub fn placement(
    name: &EnvironmentName,
    environment: &Environment,
) -> Result<Placed, PlacementError> {
    let mut hosts: Vec<&HostName> = Vec::new();
    for host in &environment.hosts {
        if !hosts.contains(&host.name()) {
            hosts.push(host.name());
        }
    }
    let mut plan = Draft {
        environment,
        placed: hosts
            .iter()
            .map(|host| ((*host).clone(), BTreeSet::new()))
            .collect(),
        hosts,
    };
    let mut problems = plan.many();
    if plan.hosts.is_empty() {
        problems.push(Problem::NoHosts);
    } else {
        plan.spread();
        plan.groups();
        problems.extend(plan.apart());
        problems.extend(plan.conflicts());
        problems.extend(plan.ports());
    }
    if problems.is_empty() {
        return Ok(plan.placed);
    }
    problems.sort();
    Err(PlacementError {
        environment: name.clone(),
        problems,
    })
}

struct Draft<'a> {
    environment: &'a Environment,
    hosts: Vec<&'a HostName>,
    placed: Placed,
}

impl<'a> Draft<'a> {
    fn services(&self) -> &'a BTreeMap<ServiceName, Service> {
        &self.environment.services
    }

    /// Returns the hosts that a service may run on: those of its group, or all. A definition names no group without
    /// hosts.
    fn allowed(&self, service: &ServiceName) -> Vec<usize> {
        let place = self.environment.place.get(service);
        let group = place.and_then(|place| place.on.as_ref());
        let inside = |name: &HostName| {
            let mut hosts = self.environment.hosts.iter();
            group.is_none_or(|group| {
                hosts.any(|host| host.name() == name && host.groups.contains(group))
            })
        };
        let all = 0..self.hosts.len();
        let there: Vec<_> = all
            .clone()
            .filter(|host| inside(self.hosts[*host]))
            .collect();
        if there.is_empty() {
            all.collect()
        } else {
            there
        }
    }

    /// Returns how a service is spread; none if it goes with its group.
    fn spreading(&self, service: &ServiceName) -> Option<Placement> {
        let place = self.environment.place.get(self.leader(service))?;
        (place.placement != Placement::Count(1)).then_some(place.placement)
    }

    /// Returns the service that another one is beside wherever it is, however many are between; itself if there is none.
    fn leader(&self, service: &'a ServiceName) -> &'a ServiceName {
        let place = |name: &'a ServiceName| self.environment.place.get(name);
        let beside = |name: &&'a ServiceName| place(name)?.same_host_as.as_ref();
        let chain = std::iter::successors(Some(service), beside);
        // A definition has no circle; one would end here all the same.
        let most = self.services().len();
        chain.take(most).last().unwrap_or(service)
    }

    /// Returns the services that may not be on one host with some other.
    fn disputed(&self) -> BTreeSet<&'a ServiceName> {
        let places = self.environment.place.iter();
        let places = places.filter(|(_, place)| !place.conflicts.is_empty());
        places
            .flat_map(|(name, place)| place.conflicts.iter().chain([name]))
            .collect()
    }

    /// Tells whether two services may not be on one host, by what either of them says.
    fn at_odds(&self, a: &ServiceName, b: &ServiceName) -> bool {
        let says = |a: &ServiceName, b: &ServiceName| {
            let place = self.environment.place.get(a);
            place.is_some_and(|place| place.conflicts.contains(b))
        };
        says(a, b) || says(b, a)
    }

    /// Tells whether services may join what is on a host.
    fn agree<'s>(&self, services: impl IntoIterator<Item = &'s ServiceName>, host: usize) -> bool {
        let here = &self.placed[self.hosts[host]];
        services.into_iter().all(|name| {
            let mut here = here.iter();
            here.all(|instance| !self.at_odds(name, &instance.service))
        })
    }

    fn put(&mut self, host: usize, service: &ServiceName, number: usize) {
        let number = u16::try_from(number).unwrap_or(u16::MAX);
        let service = service.clone();
        let instances = self.placed.entry(self.hosts[host].clone()).or_default();
        instances.insert(Instance { service, number });
    }

    fn many(&self) -> Vec<Problem> {
        let problem = |(name, service): (&ServiceName, &Service)| {
            let service_name = || name.clone();
            match self.spreading(name)? {
                Placement::Global | Placement::Count(2..) if service.one_shot => {
                    Some(Problem::OneShotMany {
                        service: service_name(),
                    })
                }
                Placement::Count(2..) if volumes(service).next().is_some() => {
                    Some(Problem::VolumeMany {
                        service: service_name(),
                    })
                }
                Placement::Global | Placement::Count(_) => None,
            }
        };
        self.services().iter().filter_map(problem).collect()
    }

    /// Places what is on every host, or has a number of instances, and what is beside it.
    fn spread(&mut self) {
        let services = self.services();
        for leader in services.keys() {
            if self.leader(leader) != leader {
                continue;
            }
            let there = self.allowed(leader);
            let count = match self.spreading(leader) {
                Some(Placement::Global) => there.len(),
                Some(Placement::Count(count)) => usize::from(count),
                None => continue,
            };
            let with_it: Vec<_> = services
                .keys()
                .filter(|name| self.leader(name) == leader)
                .collect();
            for number in 0..count {
                let turns = (0..there.len()).map(|turn| there[(number + turn) % there.len()]);
                let mut agreeing = turns.filter(|host| self.agree(with_it.iter().copied(), *host));
                let host = agreeing.next().unwrap_or(there[number % there.len()]);
                for name in &with_it {
                    self.put(host, name, number + 1);
                }
            }
        }
    }

    /// Places the groups in turn: those with volumes first, so that a new service without data moves nobody's.
    fn groups(&mut self) {
        let mut groups = self.linked();
        groups.sort_by_key(|group| {
            !group
                .iter()
                .any(|name| volumes(&self.services()[*name]).next().is_some())
        });
        let choices = groups.iter().enumerate().map(|(turn, group)| {
            let mut hosts = self.choices(group);
            let first = turn % hosts.len().max(1);
            hosts.rotate_left(first);
            hosts
        });
        let choices: Vec<_> = choices.collect();
        let chosen = Search::hosts(self, &groups, &choices);
        for (turn, group) in groups.into_iter().enumerate() {
            for name in group {
                // Where no host is in every group that is asked for, each goes where it has to: that is told.
                let own = self.allowed(name);
                let host = chosen[turn].unwrap_or(own[turn % own.len()]);
                self.put(host, name, 1);
            }
        }
    }

    /// Returns the hosts that a group may go to: those where all is that it needs, if there are any.
    fn choices(&self, group: &BTreeSet<&'a ServiceName>) -> Vec<usize> {
        let allowed = |host: &usize| group.iter().all(|name| self.allowed(name).contains(host));
        let allowed: Vec<_> = (0..self.hosts.len()).filter(allowed).collect();
        let fits = |host: &usize| self.fits(group, *host);
        let fitting: Vec<_> = allowed.iter().copied().filter(fits).collect();
        if fitting.is_empty() { allowed } else { fitting }
    }

    /// Tells whether a host has all that a group needs of services that are spread.
    fn fits(&self, group: &BTreeSet<&ServiceName>, host: usize) -> bool {
        let here = &self.placed[self.hosts[host]];
        let needed = group
            .iter()
            .flat_map(|name| beside(&self.services()[*name]));
        needed
            .filter(|name| !group.contains(name))
            .all(|name| here.iter().any(|instance| instance.service == *name))
    }

    /// Returns the services that are not spread, in groups that are linked, by name.
    fn linked(&self) -> Vec<BTreeSet<&'a ServiceName>> {
        let alone = |name: &&ServiceName| self.spreading(name).is_none();
        let mut groups: Vec<BTreeSet<&ServiceName>> = Vec::new();
        for name in self.services().keys().filter(alone) {
            let touches = |group: &BTreeSet<&ServiceName>| {
                group.iter().any(|other| self.are_linked(name, other))
            };
            let (touching, apart): (Vec<_>, Vec<_>) = groups.into_iter().partition(touches);
            groups = apart;
            groups.push(touching.into_iter().flatten().chain([name]).collect());
        }
        groups.sort();
        groups
    }

    fn are_linked(&self, a: &ServiceName, b: &ServiceName) -> bool {
        let (one, other) = (&self.services()[a], &self.services()[b]);
        let share_volume = || volumes(one).any(|volume| volumes(other).any(|v| v == volume));
        let share_network = || {
            let named = one
                .networks
                .keys()
                .filter(|name| name.as_str() != "default");
            named
                .into_iter()
                .any(|name| other.networks.contains_key(name))
        };
        self.leader(a) == self.leader(b)
            || dependencies(one).contains_key(b)
            || dependencies(other).contains_key(a)
            || share_volume()
            || share_network()
    }

    fn apart(&self) -> Vec<Problem> {
        let mut problems = BTreeSet::new();
        for (host, instances) in &self.placed {
            for instance in instances {
                for dependency in beside(&self.services()[&instance.service]) {
                    if !instances.iter().any(|other| other.service == *dependency) {
                        problems.insert(Problem::Apart {
                            host: host.clone(),
                            service: instance.service.clone(),
                            dependency: dependency.clone(),
                        });
                    }
                }
            }
        }
        problems.into_iter().collect()
    }

    fn conflicts(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (host, instances) in &self.placed {
            for first in instances {
                let later = instances.range((Bound::Excluded(first), Bound::Unbounded));
                let met = later.filter(|second| self.at_odds(&first.service, &second.service));
                problems.extend(met.map(|second| Problem::Conflict {
                    host: host.clone(),
                    first: first.clone(),
                    second: second.clone(),
                }));
            }
        }
        problems
    }

    fn ports(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (host, instances) in &self.placed {
            let published = |instance| {
                let service: &Service = &self.services()[&Instance::clone(instance).service];
                service.ports.iter().map(move |port| (instance, port))
            };
            let ports: Vec<(&Instance, &Port)> = instances.iter().flat_map(published).collect();
            for (position, (second, port)) in ports.iter().enumerate() {
                let taken = ports[..position]
                    .iter()
                    .find(|(_, earlier)| clash(earlier, port));
                if let (Some((first, _)), Some(number)) = (taken, port.published) {
                    problems.push(Problem::PortTaken {
                        host: host.clone(),
                        first: (*first).clone(),
                        second: (*second).clone(),
                        port: number,
                        protocol: port.protocol,
                    });
                }
            }
        }
        problems
    }
}

/// Returns what a service needs on its own host. A one-shot runs once for all hosts, before any of them switches.
fn beside(service: &Service) -> impl Iterator<Item = &ServiceName> {
    dependencies(service)
        .into_iter()
        .filter(|(_, dependency)| {
            dependency.required && dependency.condition != Condition::Completed
        })
        .map(|(name, _)| name)
}

fn volumes(service: &Service) -> impl Iterator<Item = &crate::domain::name::VolumeName> {
    service
        .mounts
        .iter()
        .filter_map(|mount| match &mount.source {
            MountSource::Volume(volume) => Some(volume),
            MountSource::Anonymous
            | MountSource::Repository(_)
            | MountSource::HostPath(_)
            | MountSource::Memory { .. } => None,
        })
}

fn clash(a: &Port, b: &Port) -> bool {
    let overlap = match (a.address, b.address) {
        (Some(a), Some(b)) => a == b || a.is_unspecified() || b.is_unspecified(),
        (None, _) | (_, None) => true,
    };
    overlap && a.published.is_some() && a.published == b.published && a.protocol == b.protocol
}

#[cfg(test)]
mod tests;
