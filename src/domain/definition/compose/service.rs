//! A service's keys. This is where a key is added.

use super::super::place::Spanned;
use super::super::reader::{Mapping, Named, Read, Reader, record, words};
use super::super::values::{Pairs, Period, Words};
use super::super::yaml::{Node, Value};
use super::mount::Mount;
use super::port::{Expose, Port};

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
        ports: Vec<Spanned<Port>>,
        /// Ports for linked services.
        expose: Vec<Spanned<Expose>>,
        /// What is mounted.
        volumes: Mounts,
        /// Networks joined.
        networks: Networks,
        /// Links to other services.
        links: Vec<Spanned<Link>>,
        /// What it waits for.
        depends_on: Dependencies,
        /// How its health is asked for.
        healthcheck: Healthcheck,
        /// When it is started again.
        restart: Restart,
        /// When it is part of the project.
        profiles: Vec<Spanned<String>>,
        /// Labels of the container.
        labels: Pairs,
        /// Who runs it.
        user: String,
        /// Where it runs.
        working_dir: String,
        /// How long it may take to stop.
        stop_grace_period: Period,
    }
    foreign FOREIGN
}

/// Keys of the Compose Specification that are not read.
const FOREIGN: &[&str] = &[
    "annotations",
    "attach",
    "blkio_config",
    "cap_add",
    "cap_drop",
    "cgroup",
    "cgroup_parent",
    "configs",
    "container_name",
    "cpu_count",
    "cpu_percent",
    "cpu_period",
    "cpu_quota",
    "cpu_rt_period",
    "cpu_rt_runtime",
    "cpu_shares",
    "cpus",
    "cpuset",
    "credential_spec",
    "deploy",
    "develop",
    "device_cgroup_rules",
    "devices",
    "dns",
    "dns_opt",
    "dns_search",
    "domainname",
    "extends",
    "external_links",
    "extra_hosts",
    "gpus",
    "group_add",
    "hostname",
    "init",
    "ipc",
    "isolation",
    "label_file",
    "logging",
    "mac_address",
    "mem_limit",
    "mem_reservation",
    "mem_swappiness",
    "memswap_limit",
    "models",
    "network_mode",
    "oom_kill_disable",
    "oom_score_adj",
    "pid",
    "pids_limit",
    "platform",
    "post_start",
    "pre_start",
    "pre_stop",
    "privileged",
    "provider",
    "pull_policy",
    "read_only",
    "runtime",
    "scale",
    "secrets",
    "security_opt",
    "shm_size",
    "stdin_open",
    "stop_signal",
    "storage_opt",
    "sysctls",
    "tmpfs",
    "tty",
    "ulimits",
    "use_api_socket",
    "userns_mode",
    "uts",
    "volumes_from",
];

record! {
    /// How an image is built.
    manual struct Build {
        /// The folder that the build sees.
        context: String,
        /// The Dockerfile, relative to the context.
        dockerfile: String,
        /// Build arguments.
        args: Pairs,
        /// The stage to build.
        target: String,
    }
    foreign &[
        "additional_contexts", "cache_from", "cache_to", "dockerfile_inline", "entitlements", "extra_hosts",
        "isolation", "labels", "network", "no_cache", "platforms", "privileged", "provenance", "pull", "sbom",
        "secrets", "shm_size", "ssh", "tags", "ulimits",
    ]
}

impl Read for Build {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        match &node.value {
            Value::Map(_) => Self::read_keys(node, reader),
            Value::Scalar(_) | Value::List(_) => {
                let context = reader.text(node, "a folder, or a mapping")?.to_owned();
                let context = Some(Spanned::new(context, node.at.clone()));
                Some(Self {
                    context,
                    ..Self::default()
                })
            }
        }
    }

    fn merge(&mut self, over: Self) {
        self.merge_keys(over);
    }
}

record! {
    /// How health is asked for.
    plain struct Healthcheck {
        /// What is run.
        test: Test,
        /// Time between checks.
        interval: Period,
        /// Time for a check.
        timeout: Period,
        /// Failures in a row.
        retries: u32,
        /// Time in which failures don't count.
        start_period: Period,
        /// No check, not even the image's.
        disable: bool,
    }
    foreign &["start_interval"]
}

/// What a health check runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// Nothing, not even the image's own.
    None,
    /// A program and its arguments.
    Exec(Vec<String>),
    /// A text for the shell.
    Shell(String),
}

impl Read for Test {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let Value::List(items) = &node.value else {
            let text = reader.text(node, "a text, or a list that begins with `CMD`")?;
            return Some(Self::Shell(text.to_owned()));
        };
        let words = reader.items::<String>(items);
        let words: Vec<_> = words.into_iter().map(|word| word.value).collect();
        match words
            .split_first()
            .map(|(first, rest)| (first.as_str(), rest))
        {
            Some(("NONE", _)) => Some(Self::None),
            Some(("CMD", rest)) if !rest.is_empty() => Some(Self::Exec(rest.to_vec())),
            Some(("CMD-SHELL", [text])) => Some(Self::Shell(text.clone())),
            _ => {
                let expected = "`[CMD, program, …]`, `[CMD-SHELL, text]` or `[NONE]`";
                reader.invalid(&node.at, "this is no health check", expected)
            }
        }
    }
}

/// Mounts; those of a later file replace those of the same target.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mounts(pub Vec<Spanned<Mount>>);

impl Read for Mounts {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let items = reader.list(node, "a list")?;
        Some(Self(reader.items(items)))
    }

    fn merge(&mut self, over: Self) {
        for mount in over.0 {
            let same = |own: &&mut Spanned<Mount>| own.value.target == mount.value.target;
            match self.0.iter_mut().find(same) {
                Some(own) => *own = mount,
                None => self.0.push(mount),
            }
        }
    }
}

/// Files with environment variables, in the order written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EnvFiles(pub Vec<EnvFile>);

/// A file with environment variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvFile {
    /// Its path.
    pub path: Spanned<String>,
    /// Whether it has to be there.
    pub required: bool,
}

record! {
    /// A file with environment variables in its long form.
    plain struct LongEnvFile { path: String, required: bool, }
    foreign &["format"]
}

impl Read for EnvFile {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        if let Value::Map(_) = &node.value {
            let long = LongEnvFile::read(node, reader)?;
            let required = long.required.is_none_or(|flag| flag.value);
            return match long.path {
                Some(path) => Some(Self { path, required }),
                None => reader.invalid(&node.at, "`path` is missing", "the file as `path`"),
            };
        }
        let path = reader.text(node, "a file, or a mapping")?.to_owned();
        let path = Spanned::new(path, node.at.clone());
        Some(Self {
            path,
            required: true,
        })
    }
}

impl Read for EnvFiles {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        if let Value::List(items) = &node.value {
            let files = reader.items(items);
            return Some(Self(files.into_iter().map(|file| file.value).collect()));
        }
        EnvFile::read(node, reader).map(|file| Self(vec![file]))
    }

    fn merge(&mut self, over: Self) {
        self.0.extend(over.0);
    }
}

/// Networks joined: a list of names, or a mapping from them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Networks(pub Mapping<Attachment>);

record! {
    /// How a network is joined.
    nullable struct Attachment {
        /// Names there besides the service's own.
        aliases: Vec<Spanned<String>>,
    }
    foreign &["driver_opts", "gw_priority", "interface_name", "ipv4_address", "ipv6_address", "link_local_ips", "mac_address", "priority"]
}

impl Read for Networks {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        named(node, reader, Attachment::default).map(Self)
    }

    fn merge(&mut self, over: Self) {
        self.0.merge(over.0);
    }
}

/// What a service waits for: a list of names, or a mapping from them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dependencies(pub Mapping<Dependency>);

record! {
    /// How another service is waited for.
    plain struct Dependency {
        /// What is waited for.
        condition: Wait,
        /// Whether this one is restarted with it.
        restart: bool,
        /// Whether it has to be there.
        required: bool,
    }
}

impl Read for Dependencies {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        named(node, reader, Dependency::default).map(Self)
    }

    fn merge(&mut self, over: Self) {
        self.0.merge(over.0);
    }
}

/// Reads a mapping from names, or a list of names only.
fn named<T: Read>(node: &Node, reader: &mut Reader, plain: impl Fn() -> T) -> Option<Mapping<T>> {
    match &node.value {
        Value::List(items) => {
            let names = reader.items::<String>(items).into_iter().map(|name| {
                let (key, at, value) = (name.at.clone(), name.at.clone(), plain());
                (name.value, Named { key, value, at })
            });
            Some(Mapping(names.collect()))
        }
        Value::Map(_) => Mapping::read(node, reader),
        Value::Scalar(_) => reader.wrong(node, "a list of names, or a mapping"),
    }
}

words! {
    /// What is waited for.
    Wait, "`service_started`, `service_healthy` or `service_completed_successfully`" {
        /// It runs.
        "service_started" => Started,
        /// It is healthy.
        "service_healthy" => Healthy,
        /// It ended well.
        "service_completed_successfully" => Completed,
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

/// A link: `SERVICE` or `SERVICE:ALIAS`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The service.
    pub service: String,
    /// The name it is reached by.
    pub alias: String,
}

impl Read for Link {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let text = reader.text(node, "`service` or `service:alias`")?;
        let (service, alias) = text.split_once(':').unwrap_or((text, text));
        let (service, alias) = (service.to_owned(), alias.to_owned());
        Some(Self { service, alias })
    }
}
