//! Environments: hosts, variables, and the services as each one runs them.

use std::collections::{BTreeMap, BTreeSet};

use super::Resolver;
use super::names::Names;
use crate::domain::cluster::{Driver, Environment, Host, Service, SshTarget};
use crate::domain::definition::settings::{self, DriverName, Grouped};
use crate::domain::definition::{Named, Pairs, Problem, Reading, Spanned};
use crate::domain::name::{EnvironmentName, ServiceName};

type Entry = Named<settings::EnvironmentEntry>;
pub(super) type Services = BTreeMap<ServiceName, Service>;

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
            from,
            require_tests,
            hosts,
            profiles,
            // Laid over the reading already.
            services: _,
            place,
            variables,
            rollout,
            probes,
            secrets: _,
        } = &entry.value;
        let profiles = self.profiles(reading, profiles.as_ref());
        let driver = match driver.as_ref().map(|driver| driver.value) {
            None | Some(DriverName::Systemd) => Driver::Systemd,
        };
        let hosts = self.hosts(name, entry, hosts.as_ref());
        let all = self.services(reading);
        self.same_images(entry, reading, base, &all);
        let services = self.placed(name, reading, &profiles, all);
        let names = Names::of(reading);
        let place = self.places(reading, &services, &hosts, place.as_ref());
        let probes = self.probes(&names, &services, probes.as_ref());
        self.honoured_by(driver, reading, &services);
        self.moving_images(name, reading, &services);
        self.host_ports(reading, &services);
        self.host_binds(reading, &services);
        let rollout = rollout.as_ref().map(|rollout| &rollout.value);
        Environment {
            driver,
            from: self.origin(name, from.as_ref()),
            require_tests: require_tests.as_ref().is_some_and(|flag| flag.value),
            profiles,
            hosts,
            place,
            variables: self.variables(variables.as_ref()),
            rollout: self.rollout(rollout),
            probes,
            services,
        }
    }

    fn variables(&mut self, written: Option<&Spanned<Pairs>>) -> BTreeMap<String, String> {
        let mut values = BTreeMap::new();
        for (name, pair) in written.into_iter().flat_map(|pairs| &pairs.value.0) {
            match &pair.value {
                Some(value) => {
                    values.insert(name.clone(), value.clone());
                }
                None => {
                    let message = format!("variable `{name}` has no value");
                    let problem = Problem::error("missing-value", message);
                    let problem = problem.at(&pair.at, "expected a text");
                    self.tell(problem.help("write `\"\"` for an empty one"));
                }
            }
        }
        values
    }

    fn hosts(
        &mut self,
        name: &str,
        entry: &Entry,
        written: Option<&Spanned<settings::Hosts>>,
    ) -> Vec<Host> {
        let mut hosts: Vec<Host> = Vec::new();
        for Grouped { host, group } in written.into_iter().flat_map(|hosts| &hosts.value.0) {
            let Some(ssh) = self.name::<SshTarget>(&host.value, &host.at) else {
                continue;
            };
            let groups: BTreeSet<String> = group.iter().cloned().collect();
            let known = hosts.iter_mut().find(|known| known.ssh.host == ssh.host);
            match known {
                None => hosts.push(Host { ssh, groups }),
                // A host may be in several groups.
                Some(known) if known.ssh == ssh && !groups.is_subset(&known.groups) => {
                    known.groups.extend(groups);
                }
                Some(known) => {
                    let message = format!("host `{}` is named twice", known.name());
                    let problem = Problem::error("duplicate-host", message);
                    let problem = problem.at(&host.at, "again here");
                    self.tell(problem.help(
                        "hosts that differ in their port need names of their own: in ~/.ssh/config",
                    ));
                }
            }
        }
        if written.is_none_or(|hosts| hosts.value.0.is_empty()) {
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

    /// Reads the profiles whose services an environment runs.
    fn profiles(
        &mut self,
        reading: &Reading,
        written: Option<&Spanned<Vec<Spanned<String>>>>,
    ) -> BTreeSet<String> {
        let services = reading
            .compose
            .services
            .iter()
            .flat_map(|all| all.value.0.values());
        let known = services.flat_map(|service| service.value.profiles.iter());
        let known: BTreeSet<&str> = known
            .flat_map(|profiles| &profiles.value.0)
            .map(|profile| profile.value.as_str())
            .collect();
        let mut profiles = BTreeSet::new();
        for profile in written.into_iter().flat_map(|profiles| &profiles.value) {
            if !known.contains(profile.value.as_str()) {
                let message = format!("no service has the profile `{}`", profile.value);
                let problem =
                    Problem::error("unknown-profile", message).at(&profile.at, "not known");
                self.tell(problem.did_you_mean(&profile.value, known.iter().copied()));
            }
            profiles.insert(profile.value.clone());
        }
        profiles
    }

    /// Reads the environment that a release has to come from.
    fn origin(&mut self, own: &str, written: Option<&Spanned<String>>) -> Option<EnvironmentName> {
        let written = written?;
        let environments = self.definition.environments.keys().map(String::as_str);
        let others: Vec<_> = environments.filter(|name| *name != own).collect();
        if !others.contains(&written.value.as_str()) {
            let message = format!("there is no other environment `{}`", written.value);
            let problem = Problem::error("unknown-environment", message);
            let problem = problem.at(&written.at, "not defined");
            let problem = problem.did_you_mean(&written.value, others);
            self.tell(problem);
            return None;
        }
        self.name(&written.value, &written.at)
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
    fn placed(
        &mut self,
        environment: &str,
        reading: &Reading,
        profiles: &BTreeSet<String>,
        all: Services,
    ) -> Services {
        let active = |service: &Service| {
            service.profiles.is_empty() || !service.profiles.is_disjoint(profiles)
        };
        let stays = |service: &Service| !service.test_only && active(service);
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
}
