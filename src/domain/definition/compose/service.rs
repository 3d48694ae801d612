//! A service's keys. This is where a key is added.

use serde_json::{Value as Json, json};

use super::super::place::Spanned;
use super::super::problem::Problem;
use super::super::reader::{Mapping, Read, Reader, record, words};
use super::super::values::{
    FilePath, Hosts, Labels, OneOrMore, Options, Pairs, Period, Real, Said, Size, Texts, Unique,
    Whole, Words, once,
};
use super::super::write::Write;
use super::super::yaml::{Node, Value};
pub use super::device::Logging;
use super::{
    Blkio, Build, Dependencies, Deploy, Device, Exposed, Gpus, Grants, Healthcheck, Mounts,
    Networks, Ports, Ulimit,
};

record! {
    /// A service.
    plain struct Service {
        /// How its image is built.
        build: Build,
        /// The image it runs; beside `build`, the tag that the built one gets.
        image: String,
        /// In place of the image's command.
        command: Words,
        /// In place of the image's entrypoint.
        entrypoint: Words,
        /// Environment variables.
        environment: Pairs,
        /// Files with environment variables.
        env_file: EnvFiles,
        /// Published ports.
        ports: Ports,
        /// Ports for linked services.
        expose: Exposed,
        /// What is mounted.
        volumes: Mounts,
        /// Networks joined.
        networks: Networks,
        /// Links to other services.
        links: Links,
        /// What it waits for.
        depends_on: Dependencies,
        /// How its health is asked for.
        healthcheck: Healthcheck,
        /// When it is started again.
        restart: Restart,
        /// When it is part of the project.
        profiles: Texts,
        /// Labels of the container.
        labels: Labels,
        /// Who runs it.
        user: String,
        /// Where it runs.
        working_dir: String,
        /// How long it may take to stop.
        stop_grace_period: Period,
        /// Annotations of the container.
        annotations: Labels,
        /// Whether its output is shown by `up`.
        attach: Said<bool>,
        /// Limits of disks.
        blkio_config: Blkio,
        /// Privileges it gets.
        cap_add: Texts,
        /// Privileges it does not get.
        cap_drop: Texts,
        /// Whose control groups it sees.
        cgroup: Cgroup,
        /// The control group it is in.
        cgroup_parent: String,
        /// Files it gets.
        configs: Grants,
        /// The container's name.
        container_name: String,
        /// How many processors it sees, on Windows.
        cpu_count: Whole,
        /// Which share of the processors, on Windows.
        cpu_percent: Percent,
        /// The scheduler's period.
        cpu_period: Whole,
        /// How much of the period it gets.
        cpu_quota: Whole,
        /// The period of the real-time scheduler.
        cpu_rt_period: Micro,
        /// How much of that it gets.
        cpu_rt_runtime: Micro,
        /// Its share beside others.
        cpu_shares: Whole,
        /// Processors it gets.
        cpus: Real,
        /// Which processors it gets.
        cpuset: String,
        /// Credentials on Windows.
        credential_spec: CredentialSpec,
        /// How many there are, and with what resources.
        deploy: Deploy,
        /// What happens while somebody works on it.
        develop: Develop,
        /// Which devices it may make.
        device_cgroup_rules: Unique,
        /// Devices of the host.
        devices: Devices,
        /// Name servers.
        dns: OneOrMore,
        /// Options of the resolver.
        dns_opt: Texts,
        /// Domains that are searched.
        dns_search: OneOrMore,
        /// Its domain.
        domainname: String,
        /// Containers of others that it is linked to.
        external_links: Unique,
        /// Entries of its `/etc/hosts`.
        extra_hosts: Hosts,
        /// Graphics cards.
        gpus: Gpus,
        /// Groups it is in besides.
        group_add: LooseTexts,
        /// Its host name.
        hostname: String,
        /// Whether a small init runs first.
        init: Said<bool>,
        /// Whose messages and shared memory it sees.
        ipc: Namespace,
        /// How Windows isolates.
        isolation: String,
        /// Files with labels.
        label_file: LabelFiles,
        /// Where its output goes.
        logging: Logging,
        /// Its hardware address.
        mac_address: String,
        /// The most memory.
        mem_limit: Size,
        /// The memory it gets where there is little.
        mem_reservation: Size,
        /// How soon its memory is swapped, 0 to 100.
        mem_swappiness: Size,
        /// The most memory and swap; -1 for any.
        memswap_limit: Size,
        /// Models it uses.
        models: ModelUses,
        /// Whose network it sees.
        network_mode: Namespace,
        /// Whether it is not killed where memory ends.
        oom_kill_disable: bool,
        /// How soon it is killed where memory ends, -1000 to 1000.
        oom_score_adj: Score,
        /// Whose processes it sees.
        pid: Namespace,
        /// The most processes.
        pids_limit: Whole,
        /// The platform it runs on.
        platform: String,
        /// What runs before it starts.
        pre_start: Vec<Spanned<Hook>>,
        /// What runs after it started.
        post_start: Vec<Spanned<Hook>>,
        /// What runs before it is stopped.
        pre_stop: Vec<Spanned<Hook>>,
        /// Whether it has all privileges.
        privileged: bool,
        /// Who provides it, in place of a container.
        provider: Provider,
        /// When its image is pulled.
        pull_policy: PullPolicy,
        /// When a pulled image is looked for again.
        pull_refresh_after: Period,
        /// Whether it cannot write to its own files.
        read_only: bool,
        /// Which program runs it.
        runtime: String,
        /// How many there are.
        scale: Said<Whole>,
        /// Secrets it gets.
        secrets: Grants,
        /// Options of security modules.
        security_opt: Unique,
        /// The size of `/dev/shm`.
        shm_size: Size,
        /// Whether its input stays open.
        stdin_open: bool,
        /// The signal that stops it.
        stop_signal: String,
        /// Options of the storage driver.
        storage_opt: Options,
        /// Kernel parameters.
        sysctls: Labels,
        /// File systems in memory.
        tmpfs: OneOrMore,
        /// Whether it has a terminal.
        tty: bool,
        /// Limits of its processes.
        ulimits: Mapping<Ulimit>,
        /// Whether it gets the engine's socket.
        use_api_socket: bool,
        /// Whose users it sees.
        userns_mode: String,
        /// Whose host name it sees.
        uts: Namespace,
        /// Services and containers whose volumes it mounts too.
        volumes_from: Unique,
    }
}

/// The format's version: obsolete, whatever it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version(pub String);

impl Read for Version {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        Some(Self(
            reader.text(node, "a text such as `\"3.8\"`")?.to_owned(),
        ))
    }
}

impl Write for Version {
    fn write(&self) -> Option<Json> {
        None
    }
}

words! {
    /// Whose control groups a container sees.
    Cgroup, "`host` or `private`" {
        /// Those of the host.
        "host" => Host,
        /// Its own.
        "private" => Private,
    }
}

/// When an image is pulled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullPolicy(pub String);

impl Read for PullPolicy {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        const FORM: &str = "`always`, `never`, `missing`, `build`, `refresh`, `daily`, `weekly` or `every_` and a period";
        const WORDS: &[&str] = &[
            "always",
            "never",
            "if_not_present",
            "missing",
            "build",
            "refresh",
            "daily",
            "weekly",
        ];
        let text = reader.text(node, FORM)?;
        let every = text
            .strip_prefix("every_")
            .is_some_and(|rest| !rest.is_empty());
        if !every && !WORDS.contains(&text) {
            let message = format!("{}: `{text}` is not known", reader.trail());
            let problem = Problem::error("invalid-value", message)
                .at(&node.at, format!("expected {FORM}"))
                .did_you_mean(text, WORDS.iter().copied());
            reader.problems.push(problem);
            return None;
        }
        Some(Self(text.to_owned()))
    }
}

impl Write for PullPolicy {
    fn write(&self) -> Option<Json> {
        self.0.write()
    }
}

/// A share of a hundred.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Percent(pub Real);

impl Read for Percent {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let number = Real::read(node, reader)?;
        if number.0 > 100.0 {
            return reader.invalid(
                &node.at,
                "the number does not fit",
                "a number from 0 to 100",
            );
        }
        Some(Self(number))
    }
}

impl Write for Percent {
    fn write(&self) -> Option<Json> {
        self.0.write()
    }
}

/// How soon a process is killed where memory ends (proc_pid_oom_score_adj(5)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Score(pub i64);

impl Read for Score {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let number = Whole::read(node, reader)?;
        if !(-1000..=1000).contains(&number.0) {
            let expected = "a number from -1000 to 1000";
            return reader.invalid(&node.at, "the number does not fit", expected);
        }
        Some(Self(number.0))
    }
}

impl Write for Score {
    fn write(&self) -> Option<Json> {
        (self.0 != 0).then(|| json!(self.0))
    }
}

/// Whose view of something a container has: its own, the host's, another container's or service's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namespace(pub String);

impl Namespace {
    /// Returns the service that it names, if it is a service's.
    #[must_use]
    pub fn service(&self) -> Option<&str> {
        self.0.strip_prefix("service:")
    }
}

impl Read for Namespace {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let text = reader.text(node, "`host`, `service:name` or the like")?;
        Some(Self(text.to_owned()))
    }
}

impl Write for Namespace {
    fn write(&self) -> Option<Json> {
        self.0.write()
    }
}

/// Microseconds: a number of them, or a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Micro(pub i64);

impl Read for Micro {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let text = reader.loose(node, "microseconds, or a period such as `400ms`")?;
        if let Ok(number) = text.parse() {
            return Some(Self(number));
        }
        let period = Period::read(node, reader)?;
        Some(Self(
            i64::try_from(period.0.as_micros()).unwrap_or(i64::MAX),
        ))
    }
}

impl Write for Micro {
    fn write(&self) -> Option<Json> {
        (self.0 != 0).then(|| json!(self.0))
    }
}

/// Texts that may look like numbers; none may be there twice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LooseTexts(pub Vec<Spanned<String>>);

impl Read for LooseTexts {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let items = reader.list(node, "a list of names or numbers")?;
        let mut texts = Vec::new();
        for item in items {
            let text = reader.loose(item, "a name or a number")?;
            texts.push(Spanned::new(text.to_owned(), item.at.clone()));
        }
        Some(Self(once(texts, Clone::clone)))
    }
}

impl Write for LooseTexts {
    fn write(&self) -> Option<Json> {
        self.0.write()
    }
}

/// Devices of the host; of those with the same path in the container the last one counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Devices(pub Vec<Spanned<Device>>);

impl Read for Devices {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let items = reader.list(node, "a list of devices")?;
        let devices: Vec<Spanned<Device>> = reader.items(items);
        let key = |device: &Device| {
            let target = device.target.as_ref();
            target
                .map(|target| target.value.clone())
                .unwrap_or_default()
        };
        Some(Self(once(devices, key)))
    }
}

impl Write for Devices {
    fn write(&self) -> Option<Json> {
        self.0.write()
    }
}

record! {
    /// Credentials on Windows.
    plain struct CredentialSpec {
        /// From a config.
        config: String,
        /// From a file.
        file: String,
        /// From the registry of the machine.
        registry: String,
    }
}

record! {
    /// What runs beside a container's own command.
    plain struct Hook {
        /// What is run.
        command: Words,
        /// Who runs it.
        user: String,
        /// Whether with all privileges.
        privileged: bool,
        /// Where.
        working_dir: String,
        /// Environment variables.
        environment: Pairs,
    }
}

record! {
    /// Who provides a service, in place of a container.
    plain struct Provider {
        /// The program.
        r#type: String,
        /// What it is told.
        options: Options,
    }
}

record! {
    /// A model that services use.
    plain struct Model {
        /// Its name there.
        name: String,
        /// Which.
        model: String,
        /// How much it reads at once.
        context_size: Whole,
        /// Options of what runs it.
        runtime_flags: Texts,
    }
}

/// Models used: a list of names, or a mapping from them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModelUses(pub Mapping<ModelUse>);

record! {
    /// How a model is used.
    nullable struct ModelUse {
        /// The variable that tells where it is.
        endpoint_var: String,
        /// The variable that tells which it is.
        model_var: String,
    }
}

impl Read for ModelUses {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        super::wait::named(node, reader, ModelUse::default).map(Self)
    }
}

impl Write for ModelUses {
    fn write(&self) -> Option<Json> {
        self.0.write()
    }
}

record! {
    /// What happens while somebody works on a service.
    nullable struct Develop {
        /// What is watched.
        watch: Vec<Spanned<Watch>>,
    }
}

record! {
    /// A folder that is watched.
    manual struct Watch {
        /// The folder.
        path: FilePath,
        /// What a change in it does.
        action: Action,
        /// Where it is copied to.
        target: String,
        /// What is left out.
        ignore: OneOrMore,
        /// What is watched alone.
        include: OneOrMore,
        /// Whether everything is copied at first.
        initial_sync: bool,
        /// What is run.
        exec: Hook,
    }
}

impl Read for Watch {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let own = Self::read_keys(node, reader)?;
        let Some(action) = own.action.as_ref().map(|action| action.value) else {
            return reader.invalid(&node.at, "`action` is missing", "what a change does");
        };
        if own.path.is_none() {
            return reader.invalid(&node.at, "`path` is missing", "the folder to watch");
        }
        let copies = matches!(
            action,
            Action::Sync | Action::SyncRestart | Action::SyncExec
        );
        if copies && own.target.is_none() {
            return reader.invalid(&node.at, "`target` is missing", "where it is copied to");
        }
        Some(own)
    }
}

words! {
    /// What a change does.
    Action, "`rebuild`, `sync`, `restart`, `sync+restart` or `sync+exec`" {
        /// The image is built again.
        "rebuild" => Rebuild,
        /// It is copied.
        "sync" => Sync,
        /// The container starts again.
        "restart" => Restart,
        /// Both.
        "sync+restart" => SyncRestart,
        /// It is copied, and something runs.
        "sync+exec" => SyncExec,
    }
}

/// Files with environment variables, in the order written; one that is named again counts where it was first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EnvFiles(pub Vec<EnvFile>);

/// A file with environment variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvFile {
    /// Its path.
    pub path: Spanned<FilePath>,
    /// Whether it has to be there.
    pub required: bool,
    /// Whether its lines are taken as they are.
    pub raw: bool,
}

record! {
    /// A file with environment variables in its long form.
    plain struct LongEnvFile { path: FilePath, required: bool, format: Format, }
}

words! {
    /// How a file with variables is written.
    Format, "`raw`" {
        /// Lines of `NAME=value`, taken as they are.
        "raw" => Raw,
    }
}

impl Read for EnvFile {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        if let Value::Map(_) = &node.value {
            let long = LongEnvFile::read(node, reader)?;
            let required = long.required.is_none_or(|flag| flag.value);
            let raw = long.format.is_some();
            return match long.path {
                Some(path) => Some(Self {
                    path,
                    required,
                    raw,
                }),
                None => reader.invalid(&node.at, "`path` is missing", "the file as `path`"),
            };
        }
        reader.text(node, "a file, or a mapping")?;
        Some(Self {
            path: Spanned::new(FilePath::read(node, reader)?, node.at.clone()),
            required: true,
            raw: false,
        })
    }
}

impl Read for EnvFiles {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        if let Value::List(items) = &node.value {
            let files: Vec<Spanned<EnvFile>> = reader.items(items);
            let files = once(files, |file| file.path.value.0.clone());
            return Some(Self(files.into_iter().map(|file| file.value).collect()));
        }
        EnvFile::read(node, reader).map(|file| Self(vec![file]))
    }
}

impl Write for EnvFiles {
    /// What they say stands in `environment`.
    fn write(&self) -> Option<Json> {
        None
    }
}

/// Files with labels, in the order written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LabelFiles(pub Vec<Spanned<FilePath>>);

impl Read for LabelFiles {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        if let Value::List(items) = &node.value {
            return Some(Self(reader.items(items)));
        }
        let file = FilePath::read(node, reader)?;
        Some(Self(vec![Spanned::new(file, node.at.clone())]))
    }
}

impl Write for LabelFiles {
    /// What they say stands in `labels`.
    fn write(&self) -> Option<Json> {
        None
    }
}

/// When a container is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restart {
    /// Never.
    No,
    /// Always.
    Always,
    /// Always, but not after a person stopped it.
    UnlessStopped,
    /// If it failed, at most so often.
    OnFailure(Option<u32>),
}

impl Write for Restart {
    fn write(&self) -> Option<Json> {
        Some(match self {
            Self::No => json!("no"),
            Self::Always => json!("always"),
            Self::UnlessStopped => json!("unless-stopped"),
            Self::OnFailure(None) => json!("on-failure"),
            Self::OnFailure(Some(times)) => json!(format!("on-failure:{times}")),
        })
    }
}

impl Read for Restart {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        const FORM: &str = "`no`, `always`, `unless-stopped`, `on-failure` or `on-failure:3`";
        let text = reader.text(node, FORM)?;
        match text.split_once(':') {
            None => match text {
                "no" | "false" => Some(Self::No),
                "always" => Some(Self::Always),
                "unless-stopped" => Some(Self::UnlessStopped),
                "on-failure" => Some(Self::OnFailure(None)),
                _ => reader.invalid(&node.at, &format!("`{text}` is no restart policy"), FORM),
            },
            Some(("on-failure", times)) => match times.parse() {
                Ok(times) => Some(Self::OnFailure(Some(times))),
                Err(_) => reader.invalid(&node.at, &format!("`{times}` is no number"), FORM),
            },
            Some(_) => reader.invalid(&node.at, &format!("`{text}` is no restart policy"), FORM),
        }
    }
}

/// Links; of those with the same text one counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Links(pub Vec<Spanned<Link>>);

impl Read for Links {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let items = reader.list(node, "a list of services")?;
        let links = reader.items(items);
        Some(Self(once(links, |link: &Link| link.text.clone())))
    }
}

impl Write for Links {
    fn write(&self) -> Option<Json> {
        let texts: Vec<_> = self.0.iter().map(|link| &link.value.text).collect();
        (!texts.is_empty()).then(|| json!(texts))
    }
}

/// A link: `SERVICE` or `SERVICE:ALIAS`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The service.
    pub service: String,
    /// The name it is reached by.
    pub alias: String,
    /// As it was written.
    pub text: String,
}

impl Read for Link {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let text = reader.text(node, "`service` or `service:alias`")?;
        let (service, alias) = text.split_once(':').unwrap_or((text, text));
        Some(Self {
            service: service.to_owned(),
            alias: alias.to_owned(),
            text: text.to_owned(),
        })
    }
}
