//! One service, key by key.

use std::collections::{BTreeMap, BTreeSet};

use super::Resolver;
use super::names::Names;
use crate::domain::cluster::{
    Condition, Dependency, Healthcheck, HealthcheckCommand, Link, Port, Protocol, Restart, Service,
};
use crate::domain::definition::compose::{self, Test, Transport, Wait};
use crate::domain::definition::{At, Context, Labels, Named, Problem, Reading, Spanned};
use crate::domain::name::{Alias, NetworkName, ServiceName};

/// The label that makes a service run to its end.
const ONE_SHOT: &str = "dev.longshore.one-shot";
/// The label that makes a service a test.
pub const TEST: &str = "dev.longshore.test";
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
        let service = &written.value;
        let source = self.source(
            reading,
            written,
            service.build.as_ref(),
            service.image.as_ref(),
        );
        self.agreeing(reading, service);
        let labels = self.labels_of(service);
        let profiles = service.profiles.iter().flat_map(|all| &all.value.0);
        let profiles: BTreeSet<String> = profiles.map(|profile| profile.value.clone()).collect();
        let test_only = self.test_only(name, &profiles, &labels);
        let links = self.links(names, name, service.links.as_ref());
        let depends_on = self.dependencies(names, name, service, &links);
        let ports = service.ports.iter().flat_map(|ports| &ports.value.0);
        let expose = service.expose.iter().flat_map(|ports| &ports.value.0);
        Some(Service {
            command: service
                .command
                .as_ref()
                .map(|command| command.value.0.clone()),
            entrypoint: service
                .entrypoint
                .as_ref()
                .map(|entrypoint| entrypoint.value.0.clone()),
            environment: self.environment_of(reading, service),
            ports: ports.map(|port| self.port(port)).collect(),
            expose: expose
                .flat_map(|expose| each_exposed(&expose.value))
                .collect(),
            mounts: self.mounts(names, service.volumes.as_ref()),
            files: self.handed(reading, service),
            networks: self.joined(names, service),
            links,
            depends_on,
            healthcheck: service
                .healthcheck
                .as_ref()
                .map(|check| health(&check.value)),
            restart: policy(service),
            profiles,
            one_shot: self.flag(&labels, ONE_SHOT, written).unwrap_or_default(),
            test_only,
            labels,
            user: service.user.as_ref().map(|user| user.value.clone()),
            working_dir: service
                .working_dir
                .as_ref()
                .map(|folder| folder.value.clone()),
            stop_grace_period: service
                .stop_grace_period
                .as_ref()
                .map(|period| period.value.0),
            options: self.options(service),
            source: source?,
        })
    }

    /// Reads labels. One without a value is empty, as in Compose; ours are checked.
    pub fn labels(&mut self, written: Option<&Spanned<Labels>>) -> BTreeMap<String, String> {
        let pairs = written.into_iter().flat_map(|pairs| &pairs.value.0.0);
        let mut labels = BTreeMap::new();
        for (name, pair) in pairs {
            if name.starts_with("dev.longshore.") && ![ONE_SHOT, TEST].contains(&name.as_str()) {
                let message = format!("label `{name}` means nothing");
                let problem = Problem::error("unknown-label", message).at(&pair.at, "not known");
                self.refuse(problem.did_you_mean(name, [ONE_SHOT, TEST]));
            }
            labels.insert(name.clone(), pair.value.clone().unwrap_or_default());
        }
        labels
    }

    /// Reads labels and the files that hold some.
    fn labels_of(&mut self, service: &compose::Service) -> BTreeMap<String, String> {
        self.labels(service.labels.as_ref());
        let mut problems = Vec::new();
        let labels = self.definition.labels(service, &mut problems);
        problems.into_iter().for_each(|problem| self.tell(problem));
        labels
    }

    /// Checks what of a service has to fit together.
    fn agreeing(&mut self, reading: &Reading, service: &compose::Service) {
        let compose::Service {
            build,
            scale,
            deploy,
            container_name,
            platform,
            ..
        } = service;
        let replicas = deploy
            .as_ref()
            .and_then(|deploy| deploy.value.replicas.as_ref());
        if let (Some(scale), Some(replicas)) = (scale, replicas)
            && scale.value != replicas.value
        {
            self.disagree("scale", &scale.at, "deploy.replicas", &replicas.at);
        }
        if let Some(count) = scale
            .as_ref()
            .or(replicas)
            .filter(|count| count.value.0.0 > 1)
            && let Some(name) = container_name
        {
            let message = "several containers cannot have one name";
            let problem = Problem::error("conflict", message)
                .at(&name.at, "one name")
                .at(&count.at, "several containers");
            self.tell(problem.help("remove `container_name`"));
        }
        let Some(build) = build.as_ref().map(|build| &build.value) else {
            return;
        };
        let platforms = build.platforms.iter().flat_map(|all| &all.value.0);
        if let (Some(platform), Some(all)) = (platform, &build.platforms)
            && !platforms.clone().any(|one| one.value == platform.value)
        {
            let message = format!(
                "`build.platforms` lacks the service's own, `{}`",
                platform.value
            );
            let problem = Problem::error("conflict", message)
                .at(&all.at, "not among these")
                .at(&platform.at, "it runs on this");
            self.tell(problem.help("add it"));
        }
        let contexts = build
            .additional_contexts
            .iter()
            .flat_map(|all| &all.value.0);
        for context in contexts.map(|(_, context)| context) {
            let Context::Other(text) = &context.value else {
                continue;
            };
            let Some(name) = text.strip_prefix("service:") else {
                continue;
            };
            let services = reading.compose.services.as_ref();
            let other = services.and_then(|services| services.value.0.get(name));
            if self.known_service(&Names::of(reading), name, &context.at)
                && other.is_some_and(|other| other.value.build.is_none())
            {
                let message =
                    format!("service `{name}` is not built, so there is no image to build on");
                let problem = Problem::error("not-built", message).at(&context.at, "named here");
                self.tell(problem.help("name its image: `docker-image://…`"));
            }
        }
    }

    /// Takes a port. Of a range that the engine would choose from it is the first one: the same at every deployment.
    fn port(&mut self, written: &Spanned<compose::Port>) -> Port {
        let port = &written.value;
        if let Some((first, last)) = port.published.filter(|(first, last)| first != last) {
            let message = format!("of the ports {first}-{last} the first one is published");
            self.refuse(Problem::warning("without-effect", message).at(&written.at, ""));
        }
        Port {
            address: port.address,
            published: port.published.map(|(first, _)| first),
            target: port.target,
            protocol: protocol(port.protocol),
        }
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
                let pair = labels.and_then(|labels| labels.value.0.0.get(name));
                let at = pair.map_or(&written.key, |pair| &pair.at);
                self.refuse(
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
        service: &compose::Service,
    ) -> BTreeMap<NetworkName, BTreeSet<Alias>> {
        let mut networks = BTreeMap::new();
        let written = service.networks.as_ref();
        if let (Some(mode), Some(written)) = (&service.network_mode, written)
            && !written.value.0.0.is_empty()
        {
            let message = "`network_mode` and `networks` exclude each other";
            let problem = Problem::error("conflict", message)
                .at(&written.at, "networks here")
                .at(&mode.at, "none of them by this");
            self.tell(problem.help("remove one of them"));
        }
        // Others know a container by the name that its definition gives it.
        let own = service.container_name.as_ref();
        let own = own.filter(|name| !name.value.is_empty());
        let own = own.and_then(|name| self.alias(&name.value, &name.at));
        for (name, attachment) in written.into_iter().flat_map(|networks| &networks.value.0.0) {
            if !self.known_network(names, name, &attachment.key) {
                continue;
            }
            let mut aliases = BTreeSet::new();
            let written = attachment.value.aliases.iter().flat_map(|all| &all.value.0);
            for alias in written {
                aliases.extend(self.alias(&alias.value, &alias.at));
            }
            aliases.extend(own.clone());
            let name = self.key::<NetworkName>(name, &attachment.key);
            networks.extend(name.map(|name| (name, aliases)));
        }
        if networks.is_empty() && service.network_mode.is_none() {
            let default = "default".parse().expect("`default` is a network name");
            networks.insert(default, own.into_iter().collect());
        }
        networks
    }

    fn links(
        &mut self,
        names: &Names<'_>,
        own: &str,
        written: Option<&Spanned<compose::Links>>,
    ) -> Vec<Link> {
        let mut links = Vec::new();
        for link in written.into_iter().flat_map(|links| &links.value.0) {
            let compose::Link {
                service,
                alias,
                text: _,
            } = &link.value;
            if !self.known_service(names, service, &link.at) || self.itself(own, service, &link.at)
            {
                continue;
            }
            let alias = self.alias(alias, &link.at);
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
        service: &compose::Service,
        links: &[Link],
    ) -> BTreeMap<ServiceName, Dependency> {
        let written = service.depends_on.as_ref();
        // As Compose has it: who is linked to another or sees what it sees is restarted with it.
        let started = |restart| Dependency {
            condition: Condition::Started,
            restart,
            required: true,
        };
        let linked = links
            .iter()
            .map(|link| (link.service.clone(), started(true)));
        let mut dependencies: BTreeMap<_, _> = linked.collect();
        for (named, at, restart) in service.shared() {
            if self.known_service(names, named, at) && !self.itself(own, named, at) {
                let name = named.parse::<ServiceName>().ok();
                dependencies.extend(name.map(|name| (name, started(restart))));
            }
        }
        for (name, dependency) in written.into_iter().flat_map(|all| &all.value.0.0) {
            let compose::Dependency {
                condition,
                restart,
                required,
            } = &dependency.value;
            let required = required.as_ref().is_none_or(|flag| flag.value.0);
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

fn protocol(transport: Transport) -> Protocol {
    match transport {
        Transport::Tcp => Protocol::Tcp,
        Transport::Udp => Protocol::Udp,
        Transport::Sctp => Protocol::Sctp,
    }
}

fn each_exposed(expose: &compose::Expose) -> impl Iterator<Item = (u16, Protocol)> + '_ {
    let protocol = protocol(expose.protocol);
    (expose.ports.0..=expose.ports.1).map(move |port| (port, protocol))
}

/// Returns when a container is started again: `restart` says it, else `deploy.restart_policy`.
fn policy(service: &compose::Service) -> Restart {
    if let Some(restart) = &service.restart {
        return match restart.value {
            compose::Restart::No => Restart::No,
            compose::Restart::Always => Restart::Always,
            compose::Restart::UnlessStopped => Restart::UnlessStopped,
            compose::Restart::OnFailure(retries) => Restart::OnFailure { retries },
        };
    }
    let deploy = service.deploy.as_ref();
    let policy = deploy.and_then(|deploy| deploy.value.restart_policy.as_ref());
    let Some(policy) = policy.map(|policy| &policy.value) else {
        return Restart::No;
    };
    let attempts = policy
        .max_attempts
        .as_ref()
        .map(|attempts| attempts.value.0.0);
    match policy
        .condition
        .as_ref()
        .map(|condition| condition.value.as_str())
    {
        Some("none") => Restart::No,
        Some("on-failure") => Restart::OnFailure {
            retries: attempts.and_then(|attempts| u32::try_from(attempts).ok()),
        },
        Some(_) | None => Restart::Always,
    }
}

fn health(check: &compose::Healthcheck) -> Healthcheck {
    let compose::Healthcheck {
        test,
        interval,
        timeout,
        retries,
        start_period,
        // Only engines from 25 on have it, and all it does is to find out sooner.
        start_interval: _,
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
        retries: retries
            .as_ref()
            .and_then(|retries| u32::try_from(retries.value.0.0).ok()),
    }
}
