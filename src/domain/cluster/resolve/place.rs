//! Placement: how many instances of a service there are, and whether there can be so many.

use std::collections::{BTreeMap, BTreeSet};

use super::Resolver;
use super::environment::Services;
use super::names::Names;
use crate::domain::cluster::{Host, Mount, MountSource, Place, Placement, Port, Service};
use crate::domain::definition::compose::{self, DeployMode};
use crate::domain::definition::settings;
use crate::domain::definition::{At, Mapping, Named, Problem, Reading, Spanned};
use crate::domain::name::ServiceName;

/// What places are read beside.
pub(super) struct Written<'a> {
    pub(super) reading: &'a Reading,
    pub(super) services: &'a Services,
    pub(super) hosts: &'a [Host],
    pub(super) names: Names<'a>,
}

impl Written<'_> {
    /// Returns how many hosts there are in a group, or in all.
    pub(super) fn hosts_of(&self, on: Option<&String>) -> usize {
        let there = |host: &&Host| on.is_none_or(|group| host.groups.contains(group));
        self.hosts.iter().filter(there).count()
    }
}

impl Resolver<'_> {
    pub(super) fn places(
        &mut self,
        reading: &Reading,
        services: &Services,
        hosts: &[Host],
        written: Option<&Spanned<Mapping<settings::PlaceEntry>>>,
    ) -> BTreeMap<ServiceName, Place> {
        let mut places = BTreeMap::new();
        for (name, service) in services {
            if let Some((placement, at)) = said(reading, name)
                && written.is_none_or(|entries| !entries.value.0.contains_key(name.as_str()))
            {
                self.countable((name, service), placement, hosts.len(), at);
                places.insert(name.clone(), Place::anywhere(placement));
            }
        }
        let all = Written {
            reading,
            services,
            hosts,
            names: Names::of(reading),
        };
        for (name, entry) in written.into_iter().flat_map(|entries| &entries.value.0) {
            places.extend(self.place(&all, name, entry));
        }
        self.follow(&all, &mut places, written);
        places
    }

    /// Reads one entry of `place`.
    fn place(
        &mut self,
        all: &Written<'_>,
        name: &str,
        entry: &Named<settings::PlaceEntry>,
    ) -> Option<(ServiceName, Place)> {
        let (name, service) = self.placed_service(&all.names, all.services, name, &entry.key)?;
        let settings::PlaceEntry {
            on,
            mode,
            count,
            conflicts,
            same_host_as,
        } = &entry.value;
        let conflicts = self.others(all, conflicts.iter().flat_map(|others| &others.value));
        let same_host_as = match same_host_as {
            Some(leader) => Some(self.others(all, [leader]).pop_first()?),
            None => None,
        };
        let on = on.as_ref().and_then(|on| self.group(on, all.hosts));
        let there = all.hosts_of(on.as_ref());
        let placement = match (mode, count) {
            (Some(_), None) => Placement::Global,
            (None, Some(count)) => Placement::Count(count.value),
            (Some(_), Some(count)) => {
                let problem = Problem::error(
                    "invalid-value",
                    "`mode: global` has no count: it is one on every host",
                );
                self.tell(problem.at(&count.at, "remove this, or `mode`"));
                return None;
            }
            (None, None) if on.is_some() || same_host_as.is_some() || !conflicts.is_empty() => {
                said(all.reading, &name).map_or(Placement::Count(1), |(placement, _)| placement)
            }
            (None, None) if self.told_at(&entry.at) => return None,
            (None, None) => {
                let message = format!("the place of `{name}` says nothing");
                let problem = Problem::error("missing-key", message);
                self.tell(problem.at(
                    &entry.key,
                    "expected `on`, `mode: global`, `count`, `conflicts` or `same_host_as`",
                ));
                return None;
            }
        };
        if same_host_as.is_none() {
            self.countable((&name, service), placement, there, &entry.at);
        }
        let place = Place {
            placement,
            on,
            same_host_as,
            conflicts,
        };
        Some((name, place))
    }

    /// Reads names of other services of the environment.
    fn others<'a>(
        &mut self,
        all: &Written<'_>,
        names: impl IntoIterator<Item = &'a Spanned<String>>,
    ) -> BTreeSet<ServiceName> {
        let names = names.into_iter();
        let known = names.filter_map(|name| {
            let found = self.placed_service(&all.names, all.services, &name.value, &name.at);
            found.map(|(name, _)| name)
        });
        known.collect()
    }

    /// Reads the group of hosts that a service runs on.
    fn group(&mut self, written: &Spanned<String>, hosts: &[Host]) -> Option<String> {
        let groups: BTreeSet<&str> = hosts
            .iter()
            .flat_map(|host| host.groups.iter().map(String::as_str))
            .collect();
        if groups.contains(written.value.as_str()) {
            return Some(written.value.clone());
        }
        let message = format!("there is no group of hosts `{}`", written.value);
        let problem = Problem::error("unknown-group", message).at(&written.at, "not defined");
        let problem = problem.did_you_mean(&written.value, groups);
        self.tell(problem.help(format!(
            "write hosts in groups: `hosts: {{{}: [core@10.0.0.11]}}`",
            written.value
        )));
        None
    }

    pub(super) fn countable(
        &mut self,
        (name, service): (&ServiceName, &Service),
        placement: Placement,
        hosts: usize,
        at: &At,
    ) {
        let many = match placement {
            Placement::Global => hosts > 1,
            Placement::Count(count) => count > 1,
        };
        let volume = |mount: &Mount| matches!(mount.source, MountSource::Volume(_));
        let fixed = |port: &Port| port.published.is_some();
        let crowded =
            matches!(placement, Placement::Count(count) if usize::from(count) > hosts.max(1));
        if many && service.one_shot {
            let message =
                format!("service `{name}` runs to its end, once: it cannot have several instances");
            self.tell(Problem::error("invalid-value", message).at(at, "more than one"));
        } else if matches!(placement, Placement::Count(_))
            && many
            && service.mounts.iter().any(volume)
        {
            let message = format!(
                "service `{name}` keeps data in a volume of one host: its instances would not share it"
            );
            let problem = Problem::error("invalid-value", message).at(at, "more than one");
            self.tell(problem.help("write `mode: global` if each host shall have data of its own"));
        } else if crowded && service.ports.iter().any(fixed) {
            let message = format!(
                "service `{name}` has more instances than there are hosts, on one host port"
            );
            let there = match hosts {
                1 => "there is 1 host".to_owned(),
                hosts => format!("there are {hosts} hosts"),
            };
            let problem = Problem::error("port-taken", message).at(at, there);
            self.tell(
                problem.help("publish no fixed host port, or count at most one for each host"),
            );
        }
    }

    /// Looks up a service that has to be placed in an environment.
    pub(super) fn placed_service<'s>(
        &mut self,
        names: &Names<'_>,
        services: &'s Services,
        name: &str,
        at: &At,
    ) -> Option<(ServiceName, &'s Service)> {
        if !self.known_service(names, name, at) {
            return None;
        }
        let found = services.iter().find(|(other, _)| other.as_str() == name);
        if found.is_none() {
            let message = format!("service `{name}` is not part of this environment");
            self.tell(
                Problem::error("not-placed", message).at(at, "only of tests, or of a profile"),
            );
        }
        found.map(|(name, service)| (name.clone(), service))
    }
}

/// Returns how many instances the definition itself says there are (`scale`, `deploy`), and where.
fn said<'a>(reading: &'a Reading, name: &ServiceName) -> Option<(Placement, &'a At)> {
    let services = reading.compose.services.as_ref()?;
    let compose::Service { scale, deploy, .. } = &services.value.0.get(name.as_str())?.value;
    if let Some(mode) = deploy
        .as_ref()
        .and_then(|deploy| deploy.value.mode.as_ref())
        && matches!(mode.value, DeployMode::Global | DeployMode::GlobalJob)
    {
        return Some((Placement::Global, &mode.at));
    }
    let replicas = deploy
        .as_ref()
        .and_then(|deploy| deploy.value.replicas.as_ref());
    let count = scale.as_ref().or(replicas)?;
    let number = u16::try_from(count.value.0.0)
        .ok()
        .filter(|number| *number != 1)?;
    Some((Placement::Count(number), &count.at))
}
