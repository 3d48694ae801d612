//! One service, key by key.

use std::collections::{BTreeMap, BTreeSet};

use super::Resolver;
use super::names::Names;
use crate::domain::cluster::{
    Condition, Dependency, Healthcheck, HealthcheckCommand, Link, Port, Protocol, Restart, Service,
};
use crate::domain::definition::compose::{self, Test, Transport, Wait};
use crate::domain::definition::{At, Named, Pairs, Problem, Reading, Spanned};
use crate::domain::name::{Alias, NetworkName, ServiceName};

/// The label that makes a service run to its end.
const ONE_SHOT: &str = "dev.longshore.one-shot";
/// The label that makes a service a test.
pub const TEST: &str = "dev.longshore.test";
/// The most ports of a service: enough for the ranges that voice and video use.
const MOST_PORTS: usize = 20_000;
/// Names that make a service a test where no `tests:` are written.
const TEST_NAMES: &[&str] = &["test", "tests", "sut", "subject"];

impl Resolver<'_> {
    /// Resolves one service. None if it has no image.
    pub fn service(
        &mut self,
        reading: &Reading,
        names: &Names<'_>,
        name: &str,
        written: &Named<compose::Service>,
    ) -> Option<Service> {
        // Every key has to be taken into account here: one that is added to the definition fails to compile.
        let compose::Service {
            build,
            image,
            command,
            entrypoint,
            environment,
            env_file,
            ports,
            expose,
            volumes,
            networks,
            links,
            depends_on,
            healthcheck,
            restart,
            profiles,
            labels,
            user,
            working_dir,
            stop_grace_period,
        } = &written.value;
        let source = self.source(reading, written, build.as_ref(), image.as_ref());
        self.countable_ports(ports.as_ref(), expose.as_ref());
        let labels = self.labels(labels.as_ref());
        let profiles: BTreeSet<String> =
            all(profiles).map(|profile| profile.value.clone()).collect();
        let test_only = self.test_only(name, &profiles, &labels);
        let links = self.links(names, name, links.as_ref());
        let depends_on = self.dependencies(names, name, depends_on.as_ref(), &links);
        Some(Service {
            command: command.as_ref().map(|command| command.value.0.clone()),
            entrypoint: entrypoint
                .as_ref()
                .map(|entrypoint| entrypoint.value.0.clone()),
            environment: self.environment_of(reading, environment.as_ref(), env_file.as_ref()),
            ports: all(ports).flat_map(|port| each_port(&port.value)).collect(),
            expose: all(expose)
                .flat_map(|expose| each_exposed(&expose.value))
                .take(MOST_PORTS)
                .collect(),
            mounts: self.mounts(reading, names, volumes.as_ref()),
            networks: self.joined(names, networks.as_ref()),
            links,
            depends_on,
            healthcheck: healthcheck.as_ref().map(|check| health(&check.value)),
            restart: restart
                .as_ref()
                .map(|restart| policy(restart.value))
                .unwrap_or_default(),
            profiles,
            one_shot: self.flag(&labels, ONE_SHOT, written).unwrap_or_default(),
            test_only,
            labels,
            user: user.as_ref().map(|user| user.value.clone()),
            working_dir: working_dir.as_ref().map(|folder| folder.value.clone()),
            stop_grace_period: stop_grace_period.as_ref().map(|period| period.value.0),
            source: source?,
        })
    }

    /// Each port of a range becomes a value of its own, so there cannot be any number of them.
    fn countable_ports(
        &mut self,
        ports: Option<&Spanned<Vec<Spanned<compose::Port>>>>,
        expose: Option<&Spanned<Vec<Spanned<compose::Expose>>>>,
    ) {
        let length = |(first, last): (u16, u16)| usize::from(last - first) + 1;
        let published = ports.into_iter().flat_map(|ports| &ports.value);
        let exposed = expose.into_iter().flat_map(|ports| &ports.value);
        let published: usize = published.map(|port| length(port.value.target)).sum();
        let exposed: usize = exposed.map(|port| length(port.value.ports)).sum();
        let at = ports
            .map(|ports| &ports.at)
            .or(expose.map(|ports| &ports.at));
        if let Some(at) = at.filter(|_| published + exposed > MOST_PORTS) {
            let message = format!("the service has more than {MOST_PORTS} ports");
            self.tell(Problem::error("too-large", message).at(at, "too many"));
        }
    }

    /// Reads labels. One without a value is empty, as in Compose; ours are checked.
    pub fn labels(&mut self, written: Option<&Spanned<Pairs>>) -> BTreeMap<String, String> {
        let pairs = written.into_iter().flat_map(|pairs| &pairs.value.0);
        let mut labels = BTreeMap::new();
        for (name, pair) in pairs {
            if name.starts_with("dev.longshore.") && ![ONE_SHOT, TEST].contains(&name.as_str()) {
                let message = format!("label `{name}` means nothing");
                let problem = Problem::error("unknown-label", message).at(&pair.at, "not known");
                self.tell(problem.did_you_mean(name, [ONE_SHOT, TEST]));
            }
            labels.insert(name.clone(), pair.value.clone().unwrap_or_default());
        }
        labels
    }

    fn flag(
        &mut self,
        labels: &BTreeMap<String, String>,
        name: &str,
        written: &Named<compose::Service>,
    ) -> Option<bool> {
        match labels.get(name)?.as_str() {
            "true" | "" => Some(true),
            "false" => Some(false),
            other => {
                let message = format!("label `{name}` is `{other}`");
                let labels = written.value.labels.as_ref();
                let pair = labels.and_then(|labels| labels.value.0.get(name));
                let at = pair.map_or(&written.key, |pair| &pair.at);
                self.tell(
                    Problem::error("invalid-value", message).at(at, "expected `true` or `false`"),
                );
                None
            }
        }
    }

    fn test_only(
        &self,
        name: &str,
        profiles: &BTreeSet<String>,
        labels: &BTreeMap<String, String>,
    ) -> bool {
        let settings = self.definition.settings.as_ref();
        let told = settings.is_some_and(|settings| settings.tests.is_some());
        let labelled = labels.get(TEST).is_some_and(|value| value != "false");
        let named = !told && !labels.contains_key(TEST) && TEST_NAMES.contains(&name);
        profiles.contains("test") || labelled || named
    }

    fn joined(
        &mut self,
        names: &Names<'_>,
        written: Option<&Spanned<compose::Networks>>,
    ) -> BTreeMap<NetworkName, BTreeSet<Alias>> {
        let mut networks = BTreeMap::new();
        for (name, attachment) in written.into_iter().flat_map(|networks| &networks.value.0.0) {
            if !self.known_network(names, name, &attachment.key) {
                continue;
            }
            let mut aliases = BTreeSet::new();
            for alias in all(&attachment.value.aliases) {
                aliases.extend(self.name::<Alias>(&alias.value, &alias.at));
            }
            let name = self.name::<NetworkName>(name, &attachment.key);
            networks.extend(name.map(|name| (name, aliases)));
        }
        if networks.is_empty() && names.explicit_default {
            let default = "default".parse().expect("`default` is a network name");
            networks.insert(default, BTreeSet::new());
        }
        networks
    }

    fn links(
        &mut self,
        names: &Names<'_>,
        own: &str,
        written: Option<&Spanned<Vec<Spanned<compose::Link>>>>,
    ) -> Vec<Link> {
        let mut links = Vec::new();
        for link in written.into_iter().flat_map(|links| &links.value) {
            let compose::Link { service, alias } = &link.value;
            if !self.known_service(names, service, &link.at) || self.itself(own, service, &link.at)
            {
                continue;
            }
            let alias = self.name::<Alias>(alias, &link.at);
            let service = service.parse::<ServiceName>().ok();
            links.extend(
                service
                    .zip(alias)
                    .map(|(service, alias)| Link { service, alias }),
            );
        }
        links
    }

    fn dependencies(
        &mut self,
        names: &Names<'_>,
        own: &str,
        written: Option<&Spanned<compose::Dependencies>>,
        links: &[Link],
    ) -> BTreeMap<ServiceName, Dependency> {
        let started = Dependency {
            condition: Condition::Started,
            restart: false,
            required: true,
        };
        let linked = links.iter().map(|link| (link.service.clone(), started));
        let mut dependencies: BTreeMap<_, _> = linked.collect();
        for (name, dependency) in written.into_iter().flat_map(|all| &all.value.0.0) {
            let compose::Dependency {
                condition,
                restart,
                required,
            } = &dependency.value;
            let required = required.as_ref().is_none_or(|flag| flag.value);
            if !names.services.contains(name.as_str()) && !required {
                continue;
            }
            if !self.known_service(names, name, &dependency.key)
                || self.itself(own, name, &dependency.key)
            {
                continue;
            }
            let condition =
                condition
                    .as_ref()
                    .map_or(Condition::Started, |wait| match wait.value {
                        Wait::Started => Condition::Started,
                        Wait::Healthy => Condition::Healthy,
                        Wait::Completed => Condition::Completed,
                    });
            let restart = restart.as_ref().is_some_and(|flag| flag.value);
            let name = name.parse::<ServiceName>().ok();
            dependencies.extend(name.map(|name| {
                (
                    name,
                    Dependency {
                        condition,
                        restart,
                        required,
                    },
                )
            }));
        }
        dependencies
    }

    fn itself(&mut self, own: &str, other: &str, at: &At) -> bool {
        if own == other {
            let message = format!("service `{own}` waits for itself");
            self.tell(Problem::error("circle", message).at(at, "the service itself"));
        }
        own == other
    }
}

/// Returns the items of a list that may not be written.
pub fn all<T>(list: &Option<Spanned<Vec<Spanned<T>>>>) -> impl Iterator<Item = &Spanned<T>> {
    list.iter().flat_map(|list| &list.value)
}

fn protocol(transport: Transport) -> Protocol {
    match transport {
        Transport::Tcp => Protocol::Tcp,
        Transport::Udp => Protocol::Udp,
        Transport::Sctp => Protocol::Sctp,
    }
}

fn each_port(port: &compose::Port) -> impl Iterator<Item = Port> + '_ {
    port.each().map(|(published, target)| Port {
        address: port.address,
        published,
        target,
        protocol: protocol(port.protocol),
    })
}

fn each_exposed(expose: &compose::Expose) -> impl Iterator<Item = (u16, Protocol)> + '_ {
    let protocol = protocol(expose.protocol);
    (expose.ports.0..=expose.ports.1).map(move |port| (port, protocol))
}

fn policy(restart: compose::Restart) -> Restart {
    match restart {
        compose::Restart::No => Restart::No,
        compose::Restart::Always => Restart::Always,
        compose::Restart::UnlessStopped => Restart::UnlessStopped,
        compose::Restart::OnFailure(retries) => Restart::OnFailure { retries },
    }
}

fn health(check: &compose::Healthcheck) -> Healthcheck {
    let compose::Healthcheck {
        test,
        interval,
        timeout,
        retries,
        start_period,
        disable,
    } = check;
    let none = test.as_ref().is_some_and(|test| test.value == Test::None);
    if none || disable.as_ref().is_some_and(|flag| flag.value) {
        return Healthcheck::Disabled;
    }
    let command = test.as_ref().and_then(|test| match &test.value {
        Test::None => None,
        Test::Exec(words) => Some(HealthcheckCommand::Exec(words.clone())),
        Test::Shell(text) => Some(HealthcheckCommand::Shell(text.clone())),
    });
    Healthcheck::Check {
        command,
        interval: interval.as_ref().map(|period| period.value.0),
        timeout: timeout.as_ref().map(|period| period.value.0),
        start_period: start_period.as_ref().map(|period| period.value.0),
        retries: retries.as_ref().map(|retries| retries.value),
    }
}
