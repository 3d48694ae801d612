//! `longshore.yaml` as written: what Compose has no word for.

use std::collections::BTreeMap;

use serde_json::json;

use super::matrix::MatrixEntry;
use super::place::Spanned;
use super::problem::Problem;
use super::reader::{Mapping, Read, Reader, record, words};
use super::values::{Pairs, Period, Real, Size, Whole, Words};
use super::write::Write;
use super::yaml::{Entry, Node, Value};

record! {
    /// What Compose has no word for: tests, environments, and where the cluster is defined.
    #[derive(schemars::JsonSchema)]
    #[schemars(deny_unknown_fields)]
    plain struct Settings {
        /// The cluster's name: lower-case letters, digits, `-` and `_`.
        name: String,
        /// The file that defines the cluster, if it is not found by its name.
        cluster: String,
        /// What has to be green before there is a release.
        tests: Mapping<TestEntry>,
        /// Where the cluster runs.
        environments: Mapping<EnvironmentEntry>,
        /// Containers that are run once the tests are green, each after the one before.
        release: Vec<Spanned<ReleaseEntry>>,
        /// The registry that keeps released images, and that hosts pull them from.
        registry: String,
        /// Engines that build and test: a list of addresses, or a mapping from names to them.
        engines: Engines,
        /// Who is told how it went.
        notify: NotifyEntry,
    }
}

record! {
    /// An engine that builds and tests.
    #[derive(schemars::JsonSchema)]
    #[schemars(deny_unknown_fields)]
    plain struct EngineSettings {
        /// Where it is: `unix://`, `tcp://` or `ssh://`.
        address: String,
        /// How much runs on it at a time (as `--jobs` says unless said).
        jobs: u16,
        /// What it has to run, such as `linux/amd64`.
        platform: String,
    }
}

/// Engines: a list, or a mapping from names. Each is an address, or a mapping with more.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Engines(pub Vec<NamedEngine>);

/// An engine and what it is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedEngine {
    /// Its key; none in a list.
    pub name: Option<String>,
    /// What is said of it.
    pub engine: Spanned<EngineSettings>,
}

impl Engines {
    fn one(name: Option<&str>, node: &Node, reader: &mut Reader) -> Option<NamedEngine> {
        let settings = match &node.value {
            Value::Map(_) => EngineSettings::read(node, reader)?,
            Value::Scalar(_) | Value::List(_) => EngineSettings {
                address: Some(Spanned::new(String::read(node, reader)?, node.at.clone())),
                ..EngineSettings::default()
            },
        };
        Some(NamedEngine {
            name: name.map(str::to_owned),
            engine: Spanned::new(settings, node.at.clone()),
        })
    }
}

impl Read for Engines {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let mut engines = Vec::new();
        if let Value::Map(entries) = &node.value {
            for Entry { key, value } in entries {
                let name = key.text.as_str();
                let read = |reader: &mut Reader| Self::one(Some(name), value, reader);
                engines.extend(reader.within(name, read));
            }
        } else {
            for item in reader.list(node, "a list of engines, or a mapping from names")? {
                engines.extend(Self::one(None, item, reader));
            }
        }
        Some(Self(engines))
    }
}

impl Write for Engines {
    fn write(&self) -> Option<serde_json::Value> {
        let written = |engine: &NamedEngine| engine.engine.value.write();
        let named = self
            .0
            .iter()
            .map(|engine| Some((engine.name.clone()?, written(engine)?)));
        match named.collect::<Option<serde_json::Map<_, _>>>() {
            Some(named) => Some(serde_json::Value::Object(named)),
            None => Some(self.0.iter().filter_map(written).collect()),
        }
    }
}

record! {
    /// A test: a container of a service, an image or a Dockerfile, whose exit code decides.
    #[derive(schemars::JsonSchema)]
    #[schemars(deny_unknown_fields)]
    plain struct TestEntry {
        /// The service that it is a container of.
        service: String,
        /// Its image, if it is no container of a service.
        image: String,
        /// The Dockerfile that it is built from, with the definition's folder as context.
        dockerfile: String,
        /// Variables of its own image or Dockerfile.
        env: Pairs,
        /// Services that run beside its own image or Dockerfile.
        services: Vec<Spanned<String>>,
        /// The command, in place of the service's own.
        command: Words,
        /// How long it may take (`10m` unless said).
        timeout: Period,
        /// The most that each of its containers gets; never more than its service asks for.
        limits: LimitsEntry,
        /// Whether its network has no way out.
        internal: bool,
        /// How long the services beside it may take to start, all together (`10m` unless said).
        start_timeout: Period,
        /// How often it may be run again; one that passes then is flaky, and says so.
        retries: u16,
        /// Files that tell how it went, by their path in the container.
        reports: ReportsEntry,
        /// Files and folders that are kept, by their path in the container.
        artifacts: Vec<Spanned<String>>,
        /// Tests whose artifacts it finds, by the path in its container; it is run once these are green.
        needs: Mapping<String>,
        /// Axes: each combination of their values is a test of its own, with `${matrix.AXIS}`.
        matrix: MatrixEntry,
    }
}

record! {
    /// The most that each container of a test gets, its own and those beside it.
    #[derive(schemars::JsonSchema)]
    #[schemars(deny_unknown_fields)]
    plain struct LimitsEntry {
        /// Processors.
        cpus: Real,
        /// Memory.
        memory: Size,
        /// Processes.
        pids: Whole,
    }
}

record! {
    /// Files that tell how a test went.
    #[derive(schemars::JsonSchema)]
    #[schemars(deny_unknown_fields)]
    plain struct ReportsEntry {
        /// Cases, as JUnit writes them: a file, or a folder of such files.
        junit: String,
        /// Coverage, as Cobertura or LCOV writes it.
        coverage: String,
    }
}

record! {
    /// A container that is run once the tests are green, before there is a release: of a service, an image or a
    /// Dockerfile.
    #[derive(schemars::JsonSchema)]
    #[schemars(deny_unknown_fields)]
    plain struct ReleaseEntry {
        /// What it is called (`release-1`, `release-2` unless said).
        name: String,
        /// The service that it is a container of.
        service: String,
        /// Its image.
        image: String,
        /// The Dockerfile that it is built from, with the definition's folder as context.
        dockerfile: String,
        /// Its command, in place of the image's own.
        command: Words,
        /// Variables of its own image or Dockerfile.
        env: Pairs,
        /// Services that run beside its own image or Dockerfile.
        services: Vec<Spanned<String>>,
        /// How long it may take (`10m` unless said).
        timeout: Period,
    }
}

record! {
    /// Who is told how it went.
    #[derive(schemars::JsonSchema)]
    #[schemars(deny_unknown_fields)]
    plain struct NotifyEntry {
        /// Whether commits on GitHub get a status.
        github: bool,
        /// Mail.
        mail: MailEntry,
        /// An address that gets a POST.
        webhook: String,
    }
}

record! {
    /// Who gets mail.
    #[derive(schemars::JsonSchema)]
    #[schemars(deny_unknown_fields)]
    plain struct MailEntry {
        /// Their addresses.
        to: Vec<Spanned<String>>,
    }
}

record! {
    /// Where a secret's value comes from: one of them.
    #[derive(schemars::JsonSchema)]
    #[schemars(deny_unknown_fields)]
    plain struct SecretEntry {
        /// A variable of the shell.
        env: String,
        /// A file.
        file: String,
        /// What a command prints.
        command: Words,
        /// A file encrypted with age.
        age: String,
    }
}

record! {
    /// A named target such as `staging` or `production`.
    #[derive(schemars::JsonSchema)]
    #[schemars(deny_unknown_fields)]
    plain struct EnvironmentEntry {
        /// How its hosts run units.
        driver: DriverName,
        /// The environment in which a release has to have been recorded healthy before.
        from: String,
        /// Whether every image has to be held by a test, and the tree without changes.
        require_tests: bool,
        /// Its hosts, `[user@]host[:port]`, as ssh knows them: a list, or a mapping from groups to lists.
        hosts: Hosts,
        /// Profiles whose services it runs too.
        profiles: Vec<Spanned<String>>,
        /// What its services have more or less of than the definition says.
        services: Overlay,
        /// How many instances of services there are.
        place: Mapping<PlaceEntry>,
        /// Values of variables, on top of the shell's and those of `.env`.
        variables: Pairs,
        /// How a rollout proceeds.
        rollout: RolloutEntry,
        /// What has to answer before an instance counts as healthy.
        probes: Mapping<ProbeEntry>,
        /// Values that no file of the repository holds, by the name that the definition has for them.
        secrets: Mapping<SecretEntry>,
    }
}

/// Hosts, each with the groups that it is in: a list, or a mapping from groups to lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hosts(pub Vec<Grouped>);

/// A host and its group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grouped {
    /// The host.
    pub host: Spanned<String>,
    /// The group, if it is in one.
    pub group: Option<String>,
}

impl Hosts {
    fn list(node: &Node, group: Option<&str>, reader: &mut Reader) -> Option<Vec<Grouped>> {
        let items = reader.list(node, "a list of hosts")?;
        let hosts = reader.items(items).into_iter().map(|host| Grouped {
            host,
            group: group.map(str::to_owned),
        });
        Some(hosts.collect())
    }
}

impl Read for Hosts {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let Value::Map(entries) = &node.value else {
            return Self::list(node, None, reader).map(Self);
        };
        let mut hosts = Vec::new();
        for Entry { key, value } in entries {
            let group = key.text.as_str();
            let read = |reader: &mut Reader| Self::list(value, Some(group), reader);
            hosts.extend(reader.within(group, read).into_iter().flatten());
        }
        Some(Self(hosts))
    }
}

impl Write for Hosts {
    fn write(&self) -> Option<serde_json::Value> {
        let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for Grouped { host, group } in &self.0 {
            let group = group.as_deref().unwrap_or_default();
            groups.entry(group).or_default().push(&host.value);
        }
        Some(match groups.remove("") {
            Some(hosts) => json!(hosts),
            None => json!(groups),
        })
    }
}

/// What an environment lays over services: how much they get, how many there are, and what they are told. Kept as it is
/// written, for it is a piece of a Compose file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overlay(pub Node);

impl Overlay {
    /// The keys of a service that an environment may lay over it. The others decide what was tested.
    pub const KEYS: &[&str] = &[
        "cpus",
        "cpu_shares",
        "deploy",
        "environment",
        "labels",
        "logging",
        "mem_limit",
        "mem_reservation",
        "memswap_limit",
        "pids_limit",
        "ports",
        "restart",
        "scale",
        "shm_size",
        "stop_grace_period",
        "ulimits",
    ];
}

impl Read for Overlay {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        for Entry { key, value } in reader.map(node, "a mapping from services")? {
            reader.within(&key.text, |reader| {
                let keys = reader.map(value, "a mapping").unwrap_or_default();
                for entry in keys {
                    if Self::KEYS.contains(&entry.key.text.as_str()) {
                        continue;
                    }
                    let message = format!("an environment does not change `{}`", entry.key.text);
                    let problem = Problem::error("not-tested", message);
                    let problem = problem.at(&entry.key.at, "decides what was tested");
                    reader.problems.push(problem.did_you_mean(&entry.key.text, Self::KEYS.iter().copied()).help(
                        "write it in the definition, so that tests see it; an environment lays over: ".to_owned()
                            + &Self::KEYS.join(", "),
                    ));
                }
            });
        }
        Some(Self(node.clone()))
    }
}

impl Write for Overlay {
    fn write(&self) -> Option<serde_json::Value> {
        Some(self.0.json())
    }
}

record! {
    /// How many instances of a service there are, and where.
    #[derive(schemars::JsonSchema)]
    #[schemars(deny_unknown_fields)]
    plain struct PlaceEntry {
        /// The group of hosts that it runs on.
        on: String,
        /// `global`: one on every host.
        mode: Mode,
        /// So many, spread over the hosts.
        count: u16,
        /// Services of which no instance may be on the same host; its own name allows one instance a host.
        conflicts: Vec<Spanned<String>>,
        /// The service that an instance is beside wherever one of it is, in place of `on`, `mode` and `count`.
        same_host_as: String,
    }
}

record! {
    /// How a rollout proceeds.
    #[derive(schemars::JsonSchema)]
    #[schemars(deny_unknown_fields)]
    plain struct RolloutEntry {
        /// How many hosts are changed at once (1 unless said).
        max_in_flight: u16,
        /// How long everything has to stay healthy (`5s` unless said).
        healthy_after: Period,
        /// How long a host may take to become healthy (`60s` unless said).
        within: Period,
        /// How many hosts may fail before everything goes back (0 unless said).
        max_failures: u16,
        /// When a host's guard takes it back by itself (`within` and 60 s unless said).
        guard: Period,
    }
}

record! {
    /// What has to answer: `http` and `port`, or `tcp`, or `exec`.
    #[derive(schemars::JsonSchema)]
    #[schemars(deny_unknown_fields)]
    plain struct ProbeEntry {
        /// The path of a GET that has to be answered with 2xx or 3xx.
        http: String,
        /// The container's port that `http` is asked on.
        port: u16,
        /// The container's port that has to take a connection.
        tcp: u16,
        /// A command in the container that has to exit with 0.
        exec: Words,
    }
}

words! {
    /// How an environment's hosts run units.
    DriverName, "`systemd`" {
        /// systemd units that run containers.
        "systemd" => Systemd,
    }
}

words! {
    /// How instances are spread.
    Mode, "`global`" {
        /// One on every host.
        "global" => Global,
    }
}
