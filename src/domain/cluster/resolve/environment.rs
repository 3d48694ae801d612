//! Environments: hosts, placement, rollout, probes, and the services as each one runs them.

use std::collections::{BTreeMap, BTreeSet};

use super::Resolver;
use super::names::Names;
use crate::domain::cluster::{
    Driver, Environment, Host, Mount, MountSource, Place, Placement, Port, Probe, RolloutPolicy,
    Service,
};
use crate::domain::definition::settings::{self, DriverName};
use crate::domain::definition::{At, Named, Problem, Reading, Spanned};
use crate::domain::name::{EnvironmentName, ServiceName};

type Entry = Named<settings::EnvironmentEntry>;
type Services = BTreeMap<ServiceName, Service>;

impl Resolver<'_> {
    pub(super) fn environments(
        &mut self,
        base: &Services,
    ) -> BTreeMap<EnvironmentName, Environment> {
        let mut environments = BTreeMap::new();
        let settings = self.definition.settings.as_ref();
        let entries = settings.and_then(|settings| settings.environments.as_ref());
        for (name, entry) in entries.into_iter().flat_map(|entries| &entries.value.0) {
            let parsed = self.name::<EnvironmentName>(name, &entry.key);
            let Some(reading) = self.definition.environments.get(name) else {
                continue;
            };
            let environment = self.environment(name, entry, reading, base);
            environments.extend(parsed.map(|name| (name, environment)));
        }
        environments
    }

    fn environment(
        &mut self,
        name: &str,
        entry: &Entry,
        reading: &Reading,
        base: &Services,
    ) -> Environment {
        let settings::EnvironmentEntry {
            driver,
            hosts,
            place,
            variables,
            rollout,
            probes,
        } = &entry.value;
        let driver = match driver.as_ref().map(|driver| driver.value) {
            None | Some(DriverName::Systemd) => Driver::Systemd,
        };
        let hosts = self.hosts(name, entry, hosts.as_ref());
        let all = self.services(reading);
        self.same_images(entry, reading, base, &all);
        let services = self.placed(name, reading, all);
        let names = Names::of(reading);
        let place = self.places(&names, &services, hosts.len(), place.as_ref());
        let probes = self.probes(&names, &services, probes.as_ref());
        self.host_ports(reading, &services);
        self.host_binds(reading, &services);
        let pairs = variables.iter().flat_map(|pairs| &pairs.value.0);
        let mut values = BTreeMap::new();
        for (name, pair) in pairs {
            match &pair.value {
                Some(value) => {
                    values.insert(name.clone(), value.clone());
                }
                None => {
                    let problem =
                        Problem::error("missing-value", format!("variable `{name}` has no value"));
                    self.tell(
                        problem
                            .at(&pair.at, "expected a text")
                            .help("write `\"\"` for an empty one"),
                    );
                }
            }
        }
        let rollout = rollout.as_ref().map(|rollout| &rollout.value);
        Environment {
            driver,
            hosts,
            place,
            variables: values,
            rollout: self.rollout(rollout),
            probes,
            services,
        }
    }

    fn hosts(
        &mut self,
        name: &str,
        entry: &Entry,
        written: Option<&Spanned<Vec<Spanned<String>>>>,
    ) -> Vec<Host> {
        let mut hosts: Vec<Host> = Vec::new();
        for host in written.into_iter().flat_map(|hosts| &hosts.value) {
            let Some(ssh) = self.name(&host.value, &host.at) else {
                continue;
            };
            let host_of = Host { ssh };
            if hosts.iter().any(|other| other.name() == host_of.name()) {
                let message = format!("host `{}` is named twice", host_of.name());
                self.tell(Problem::error("duplicate-host", message).at(&host.at, "again here"));
                continue;
            }
            hosts.push(host_of);
        }
        if written.is_none_or(|hosts| hosts.value.is_empty()) {
            let problem = Problem::error("no-hosts", format!("environment `{name}` has no hosts"));
            let at = written.map_or(&entry.key, |hosts| &hosts.at);
            self.tell(
                problem
                    .at(at, "nowhere to run")
                    .help("add a line such as `hosts: [core@10.0.0.11]`"),
            );
        }
        hosts
    }

    /// What runs has to be what was tested: variables of an environment may not choose another image.
    fn same_images(&mut self, entry: &Entry, reading: &Reading, base: &Services, own: &Services) {
        for (name, service) in own {
            if base
                .get(name)
                .is_none_or(|tested| tested.source == service.source)
            {
                continue;
            }
            let written = reading.compose.services.as_ref();
            let written = written.and_then(|all| all.value.0.get(name.as_str()));
            let places: Vec<_> = written
                .into_iter()
                .flat_map(|service| {
                    let image = service.value.image.as_ref().map(|image| &image.at);
                    image
                        .into_iter()
                        .chain(service.value.build.as_ref().map(|build| &build.at))
                })
                .collect();
            let used: BTreeSet<&str> = reading
                .uses
                .iter()
                .filter(|used| places.iter().any(|at| at.place.contains(&used.place)))
                .map(|used| used.name.as_str())
                .collect();
            let pairs = entry
                .value
                .variables
                .iter()
                .flat_map(|pairs| &pairs.value.0);
            let message =
                format!("service `{name}` would run another image here than the tested one");
            let mut problem = Problem::error("untested-image", message);
            for (variable, pair) in pairs.filter(|(variable, _)| used.contains(variable.as_str())) {
                problem = problem.at(&pair.at, format!("`{variable}` decides about the image"));
            }
            if problem.places.is_empty() {
                problem = problem.at(&entry.key, "in this environment");
            }
            for at in places {
                problem = problem.at(at, "used here");
            }
            self.tell(
                problem
                    .help("set it for all environments and the tests: in `.env`, or in the shell"),
            );
        }
    }

    /// Leaves out what is never placed, and says what is missed then.
    fn placed(&mut self, environment: &str, reading: &Reading, all: Services) -> Services {
        let stays = |service: &Service| !service.test_only && service.profiles.is_empty();
        let left_out: BTreeSet<ServiceName> = all
            .iter()
            .filter(|(_, service)| !stays(service))
            .map(|(name, _)| name.clone())
            .collect();
        let mut services: Services = all
            .into_iter()
            .filter(|(_, service)| stays(service))
            .collect();
        for (name, service) in &mut services {
            let gone = |other: &ServiceName| left_out.contains(other);
            let missed = service
                .depends_on
                .iter()
                .filter(|(other, dependency)| gone(other) && dependency.required);
            for (other, _) in missed {
                let message = format!(
                    "service `{name}` needs `{other}`, which is not part of `{environment}`"
                );
                let problem = Problem::error("not-placed", message);
                let problem = match super::edges::edge(reading, name.as_str(), other.as_str()) {
                    Some(at) => problem.at(at, "only of tests, or of a profile"),
                    None => problem,
                };
                self.problems
                    .push(problem.help("remove its `profiles`, or write `required: false` here"));
            }
            service
                .depends_on
                .retain(|other, _| !left_out.contains(other));
            service
                .links
                .retain(|link| !left_out.contains(&link.service));
        }
        services
    }

    fn places(
        &mut self,
        names: &Names<'_>,
        services: &Services,
        hosts: usize,
        written: Option<&Spanned<crate::domain::definition::Mapping<settings::PlaceEntry>>>,
    ) -> BTreeMap<ServiceName, Place> {
        let mut places = BTreeMap::new();
        for (name, entry) in written.into_iter().flat_map(|entries| &entries.value.0) {
            let Some((name, service)) = self.placed_service(names, services, name, &entry.key)
            else {
                continue;
            };
            let settings::PlaceEntry { mode, count } = &entry.value;
            let placement = match (mode, count) {
                (Some(_), None) => Placement::Global,
                (None, Some(count)) => Placement::Count(count.value),
                (Some(_), Some(count)) => {
                    let problem = Problem::error(
                        "invalid-value",
                        "`mode: global` has no count: it is one on every host",
                    );
                    self.tell(problem.at(&count.at, "remove this, or `mode`"));
                    continue;
                }
                (None, None) if self.told_at(&entry.at) => continue,
                (None, None) => {
                    let problem = Problem::error(
                        "missing-key",
                        format!("the place of `{name}` says nothing"),
                    );
                    self.tell(problem.at(&entry.key, "expected `mode: global` or `count`"));
                    continue;
                }
            };
            self.countable((&name, service), placement, hosts, &entry.at);
            places.insert(name, Place { placement });
        }
        places
    }

    fn countable(
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
            let problem =
                Problem::error("port-taken", message).at(at, format!("there are {hosts} hosts"));
            self.tell(
                problem.help("publish no fixed host port, or count at most one for each host"),
            );
        }
    }

    /// Looks up a service that has to be placed in an environment.
    fn placed_service<'s>(
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

    fn rollout(&mut self, written: Option<&settings::RolloutEntry>) -> RolloutPolicy {
        let default = RolloutPolicy::default();
        let Some(written) = written else {
            return default;
        };
        let settings::RolloutEntry {
            max_in_flight,
            healthy_after,
            within,
            max_failures,
            guard,
        } = written;
        if let Some(zero) = max_in_flight.as_ref().filter(|count| count.value == 0) {
            let problem = Problem::error("invalid-value", "no host would ever be changed");
            self.tell(problem.at(&zero.at, "expected 1 or more"));
        }
        let period = |period: &Option<Spanned<crate::domain::definition::Period>>| {
            period.as_ref().map(|period| period.value.0)
        };
        let (healthy, limit) = (
            period(healthy_after).unwrap_or(default.healthy_after),
            period(within).unwrap_or(default.within),
        );
        let guard_after = period(guard).unwrap_or(limit + RolloutPolicy::GUARD_SLACK);
        if healthy > limit {
            let at = healthy_after.as_ref().or(within.as_ref());
            let problem = Problem::error(
                "invalid-value",
                "`healthy_after` is longer than `within`: no host could make it",
            );
            self.tell(match at {
                Some(period) => problem.at(&period.at, "too long"),
                None => problem,
            });
        }
        if let Some(early) = guard.as_ref().filter(|_| guard_after <= limit) {
            let problem = Problem::error(
                "invalid-value",
                "the guard would take a host back while it may still become healthy",
            );
            self.tell(problem.at(&early.at, "expected more than `within`"));
        }
        RolloutPolicy {
            max_in_flight: max_in_flight
                .as_ref()
                .map_or(default.max_in_flight, |count| count.value),
            healthy_after: healthy,
            within: limit,
            max_failures: max_failures
                .as_ref()
                .map_or(default.max_failures, |count| count.value),
            guard: guard_after,
        }
    }

    fn probes(
        &mut self,
        names: &Names<'_>,
        services: &Services,
        written: Option<&Spanned<crate::domain::definition::Mapping<settings::ProbeEntry>>>,
    ) -> BTreeMap<ServiceName, Probe> {
        let mut probes = BTreeMap::new();
        for (name, entry) in written.into_iter().flat_map(|entries| &entries.value.0) {
            let Some((name, _)) = self.placed_service(names, services, name, &entry.key) else {
                continue;
            };
            let settings::ProbeEntry {
                http,
                port,
                tcp,
                exec,
            } = &entry.value;
            let probe = match (http, port, tcp, exec) {
                (Some(path), Some(port), None, None) => Probe::Http {
                    port: port.value,
                    path: path.value.clone(),
                },
                (None, None, Some(port), None) => Probe::Tcp { port: port.value },
                (None, None, None, Some(words)) if !words.value.0.is_empty() => Probe::Exec {
                    command: words.value.0.clone(),
                },
                _ => {
                    let problem = Problem::error(
                        "invalid-value",
                        format!("the probe of `{name}` is not one of three"),
                    );
                    self.tell(
                        problem.at(&entry.at, "expected `http` and `port`, or `tcp`, or `exec`"),
                    );
                    continue;
                }
            };
            let zero = [port, tcp]
                .into_iter()
                .flatten()
                .find(|port| port.value == 0);
            if let Some(port) = zero {
                let problem = Problem::error("invalid-value", "0 is no port");
                self.tell(problem.at(&port.at, "expected a port from 1 to 65535"));
            }
            if let Some(path) = http.as_ref().filter(|path| !path_fits(&path.value)) {
                let problem =
                    Problem::error("invalid-value", format!("`{}` is no path", path.value));
                self.tell(problem.at(&path.at, "expected a path such as `/healthz`"));
            }
            probes.insert(name, probe);
        }
        probes
    }

    fn host_ports(&mut self, reading: &Reading, services: &Services) {
        let mut taken: Vec<(&ServiceName, &Port)> = Vec::new();
        for (name, service) in services {
            for port in service.ports.iter().filter(|port| port.published.is_some()) {
                let same = |(_, other): &&(&ServiceName, &Port)| {
                    let apart =
                        matches!((other.address, port.address), (Some(a), Some(b)) if a != b);
                    other.published == port.published && other.protocol == port.protocol && !apart
                };
                if let Some((other, _)) = taken.iter().find(same) {
                    let number = port.published.unwrap_or_default();
                    let message = format!(
                        "services `{other}` and `{name}` both want port {number} of their host"
                    );
                    let mut problem = Problem::error("port-taken", message);
                    for service in [name, *other] {
                        if let Some(at) = ports_at(reading, service, number) {
                            problem = problem.at(at, format!("published by `{service}`"));
                        }
                    }
                    self.tell(problem.help("choose another host port for one of them"));
                }
                taken.push((name, port));
            }
        }
    }

    /// What a host cannot have: a folder of the repository to write into, and a home that is somebody's here.
    fn host_binds(&mut self, reading: &Reading, services: &Services) {
        let written = reading.compose.services.iter().flat_map(|all| &all.value.0);
        for (name, service) in written {
            let placed = services.iter().find(|(other, _)| other.as_str() == name);
            let Some((_, placed)) = placed else { continue };
            for mount in service
                .value
                .volumes
                .iter()
                .flat_map(|mounts| &mounts.value.0)
            {
                let target = &mount.value.target;
                let resolved = placed.mounts.iter().find(|own| own.target == *target);
                let relative =
                    resolved.is_some_and(|own| matches!(own.source, MountSource::Repository(_)));
                if relative && !mount.value.read_only {
                    let message = format!(
                        "service `{name}` would write into the repository, which hosts do not have"
                    );
                    let problem = Problem::error("writable-bind", message)
                        .at(&mount.at, "a path of the repository, to write");
                    let problem = problem.help(format!(
                        "for data, use a named volume: `data:{target}`, declared under `volumes:`"
                    ));
                    self.tell(problem.help(
                        "for a file that is only read, add `:ro`: it is carried to the hosts",
                    ));
                }
                if mount
                    .value
                    .source
                    .as_ref()
                    .is_some_and(|source| source.starts_with('~'))
                {
                    let message = format!(
                        "service `{name}` mounts a path of this machine's home, which hosts do not have"
                    );
                    let problem = Problem::error("home-bind", message)
                        .at(&mount.at, "`~` is whoever runs longshore");
                    self.tell(
                        problem.help("write the path on the hosts in full, or use a named volume"),
                    );
                }
            }
        }
    }
}

fn path_fits(path: &str) -> bool {
    path.starts_with('/') && path.chars().all(|c| c.is_ascii_graphic())
}

fn ports_at<'a>(reading: &'a Reading, service: &ServiceName, number: u16) -> Option<&'a At> {
    let service = &reading
        .compose
        .services
        .as_ref()?
        .value
        .0
        .get(service.as_str())?
        .value;
    let ports = &service.ports.as_ref()?.value;
    let holds = |port: &&Spanned<crate::domain::definition::compose::Port>| {
        port.value
            .published
            .is_some_and(|(first, last)| (first..=last).contains(&number))
    };
    ports.iter().find(holds).map(|port| &port.at)
}
