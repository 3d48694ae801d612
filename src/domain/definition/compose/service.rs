//! A service's keys. This is where a key is added.

use super::super::place::{At, Spanned};
use super::super::reader::{Mapping, record};
use super::super::values::{
    Hosts, Labels, LooseTexts, OneOrMore, Options, Pairs, Period, Real, Said, Size, Texts, Unique,
    Whole, Words,
};
use super::{
    Blkio, Build, Cgroup, Dependencies, Deploy, Develop, Devices, EnvFiles, Exposed, Gpus, Grants,
    Healthcheck, Hook, LabelFiles, Links, Logging, Micro, ModelUses, Mounts, Namespace, Networks,
    Percent, Ports, Provider, PullPolicy, Restart, Score, Ulimit,
};

record! {
    /// A service.
    plain struct Service {
        /// How its image is built.
        build: Box<Build>,
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
        healthcheck: Box<Healthcheck>,
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
        deploy: Box<Deploy>,
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

impl Service {
    /// Returns the services that one needs without saying that it waits for them: those whose network and the like it
    /// shares, and those whose volumes it mounts. Each with where that is said, and whether it is restarted with it.
    pub fn shared(&self) -> impl Iterator<Item = (&str, &At, bool)> {
        let Self {
            network_mode,
            ipc,
            pid,
            uts,
            volumes_from,
            ..
        } = self;
        let namespaces = [network_mode, ipc, pid, uts].into_iter().flatten();
        let namespaces = namespaces.filter_map(|one| Some((one.value.service()?, &one.at, true)));
        let volumes = volumes_from.iter().flat_map(|all| &all.value.0);
        let volumes = volumes.filter(|from| !from.value.starts_with("container:"));
        let volumes = volumes.map(|from| {
            let name = from.value.split(':').next().unwrap_or_default();
            (name, &from.at, false)
        });
        namespaces.chain(volumes)
    }
}
