//! What becomes of each key of a definition: honoured, without effect, or refused. The one place that says so.

use std::collections::BTreeMap;

use super::Resolver;
use super::environment::Services;
use crate::domain::cluster::{Driver, FileSource, Test};
use crate::domain::definition::{At, Problem, Reading, Record, compose};
use crate::domain::name::{ServiceName, TestName};

use self::Support::{Honoured, Quiet, Refused, Warned};

/// What becomes of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Support {
    /// It has the effect that it is written for.
    Honoured,
    /// It has none, and is not meant to have any here; why.
    Quiet(&'static str),
    /// It has none, which a person should know; why.
    Warned(&'static str),
    /// Without it something else would run than what is written; why it cannot be, and what can.
    Refused(&'static str),
}

/// A key, and what becomes of it.
#[derive(Debug, Clone, Copy)]
pub struct Judged {
    /// The way to it, with `*` for names that a definition chooses.
    pub key: &'static str,
    /// When images are built and tests are run.
    pub testing: Support,
    /// On hosts whose driver is `systemd`.
    pub systemd: Support,
}

const fn judged(key: &'static str, testing: Support, systemd: Support) -> Judged {
    Judged {
        key,
        testing,
        systemd,
    }
}

/// Every key whose effect depends on what runs it, sorted.
#[rustfmt::skip]
pub const SUPPORT: &[Judged] = &[
    judged("networks.*.attachable", Quiet("every test has a network of its own"), Warned("only a swarm has it")),
    judged("networks.*.driver", Quiet("every test has a network of its own"), Honoured),
    judged("networks.*.driver_opts", Quiet("every test has a network of its own"), Honoured),
    judged("networks.*.enable_ipv4", Quiet("every test has a network of its own"), Warned("networks have IPv4")),
    judged("networks.*.enable_ipv6", Quiet("every test has a network of its own"), Honoured),
    judged("networks.*.external", Quiet("every test has a network of its own"), Refused("hosts have the networks of their environment; declare it without `external`")),
    judged("networks.*.internal", Honoured, Honoured),
    judged("networks.*.ipam", Quiet("every test has a network of its own"), Honoured),
    judged("networks.*.labels", Quiet("every test has a network of its own"), Honoured),
    judged("networks.*.name", Quiet("every test has a network of its own"), Warned("networks are named after cluster and environment")),
    judged("services.*.annotations", Honoured, Honoured),
    judged("services.*.attach", Quiet("says what `up` shows"), Quiet("says what `up` shows")),
    judged("services.*.blkio_config", Honoured, Honoured),
    judged("services.*.build", Honoured, Honoured),
    judged("services.*.build.additional_contexts", Honoured, Honoured),
    judged("services.*.build.args", Honoured, Honoured),
    judged("services.*.build.cache_from", Honoured, Honoured),
    judged("services.*.build.cache_to", Honoured, Honoured),
    judged("services.*.build.context", Honoured, Honoured),
    judged("services.*.build.dockerfile", Honoured, Honoured),
    judged("services.*.build.dockerfile_inline", Honoured, Honoured),
    judged("services.*.build.entitlements", Honoured, Honoured),
    judged("services.*.build.extra_hosts", Honoured, Honoured),
    judged("services.*.build.isolation", Warned("only Windows has it"), Warned("only Windows has it")),
    judged("services.*.build.labels", Honoured, Honoured),
    judged("services.*.build.network", Honoured, Honoured),
    judged("services.*.build.no_cache", Honoured, Honoured),
    judged("services.*.build.no_cache_filter", Honoured, Honoured),
    judged("services.*.build.platforms", Honoured, Honoured),
    judged("services.*.build.privileged", Honoured, Honoured),
    judged("services.*.build.provenance", Warned("images carry no attestations"), Warned("images carry no attestations")),
    judged("services.*.build.pull", Honoured, Honoured),
    judged("services.*.build.sbom", Warned("images carry no attestations"), Warned("images carry no attestations")),
    judged("services.*.build.secrets", Honoured, Honoured),
    judged("services.*.build.shm_size", Honoured, Honoured),
    judged("services.*.build.ssh", Honoured, Honoured),
    judged("services.*.build.tags", Honoured, Honoured),
    judged("services.*.build.target", Honoured, Honoured),
    judged("services.*.build.ulimits", Honoured, Honoured),
    judged("services.*.cap_add", Honoured, Honoured),
    judged("services.*.cap_drop", Honoured, Honoured),
    judged("services.*.cgroup", Honoured, Honoured),
    judged("services.*.cgroup_parent", Honoured, Honoured),
    judged("services.*.command", Honoured, Honoured),
    judged("services.*.configs", Honoured, Refused("files of `configs` are not brought yet; mount the file: `./app.conf:/etc/app.conf:ro`")),
    judged("services.*.container_name", Quiet("containers of parallel tests would clash; the name is known on the network"), Warned("containers are named after cluster, environment and instance; the name is known on the network")),
    judged("services.*.cpu_count", Warned("only Windows has it"), Warned("only Windows has it")),
    judged("services.*.cpu_percent", Warned("only Windows has it"), Warned("only Windows has it")),
    judged("services.*.cpu_period", Honoured, Honoured),
    judged("services.*.cpu_quota", Honoured, Honoured),
    judged("services.*.cpu_rt_period", Honoured, Honoured),
    judged("services.*.cpu_rt_runtime", Honoured, Honoured),
    judged("services.*.cpu_shares", Honoured, Honoured),
    judged("services.*.cpus", Honoured, Honoured),
    judged("services.*.cpuset", Honoured, Honoured),
    judged("services.*.credential_spec", Refused("only Windows has it"), Refused("only Windows has it")),
    judged("services.*.depends_on", Honoured, Honoured),
    judged("services.*.deploy.endpoint_mode", Quiet("one container of each service is run"), Warned("only a swarm has it")),
    judged("services.*.deploy.labels", Quiet("are the service's, not its containers'"), Quiet("are the service's, not its containers'")),
    judged("services.*.deploy.mode", Quiet("one container of each service is run"), Honoured),
    judged("services.*.deploy.placement", Quiet("one container of each service is run"), Warned("only a swarm has it")),
    judged("services.*.deploy.replicas", Quiet("one container of each service is run"), Honoured),
    judged("services.*.deploy.resources", Honoured, Honoured),
    judged("services.*.deploy.restart_policy", Honoured, Honoured),
    judged("services.*.deploy.rollback_config", Quiet("one container of each service is run"), Warned("rollouts follow `rollout:` of the environment")),
    judged("services.*.deploy.update_config", Quiet("one container of each service is run"), Warned("rollouts follow `rollout:` of the environment")),
    judged("services.*.develop", Quiet("is about working on it"), Quiet("is about working on it")),
    judged("services.*.device_cgroup_rules", Honoured, Honoured),
    judged("services.*.devices", Honoured, Honoured),
    judged("services.*.dns", Honoured, Honoured),
    judged("services.*.dns_opt", Honoured, Honoured),
    judged("services.*.dns_search", Honoured, Honoured),
    judged("services.*.domainname", Honoured, Honoured),
    judged("services.*.entrypoint", Honoured, Honoured),
    judged("services.*.env_file", Honoured, Honoured),
    judged("services.*.environment", Honoured, Honoured),
    judged("services.*.expose", Quiet("containers of one network reach every port"), Honoured),
    judged("services.*.extends", Honoured, Honoured),
    judged("services.*.external_links", Refused("a test sees only what the definition has"), Refused("containers of others are not known; link to a service, or use its address")),
    judged("services.*.extra_hosts", Honoured, Honoured),
    judged("services.*.gpus", Honoured, Honoured),
    judged("services.*.group_add", Honoured, Honoured),
    judged("services.*.healthcheck", Honoured, Honoured),
    judged("services.*.healthcheck.start_interval", Quiet("only engines from 25 on have it, and all it does is to find out sooner"), Quiet("only engines from 25 on have it, and all it does is to find out sooner")),
    judged("services.*.hostname", Honoured, Honoured),
    judged("services.*.image", Honoured, Honoured),
    judged("services.*.init", Honoured, Honoured),
    judged("services.*.ipc", Honoured, Honoured),
    judged("services.*.isolation", Warned("only Windows has it"), Warned("only Windows has it")),
    judged("services.*.label_file", Honoured, Honoured),
    judged("services.*.labels", Honoured, Honoured),
    judged("services.*.links", Honoured, Honoured),
    judged("services.*.logging", Quiet("logs are kept by longshore"), Warned("logs go to the journal of the host")),
    judged("services.*.mac_address", Quiet("every test has a network of its own, where the engine chooses"), Honoured),
    judged("services.*.mem_limit", Honoured, Honoured),
    judged("services.*.mem_reservation", Honoured, Honoured),
    judged("services.*.mem_swappiness", Honoured, Honoured),
    judged("services.*.memswap_limit", Honoured, Honoured),
    judged("services.*.models", Refused("models are not run"), Refused("models are not run")),
    judged("services.*.network_mode", Quiet("every test has a network of its own"), Refused("containers of a host share the network of their environment; publish ports instead")),
    judged("services.*.networks", Quiet("every test has a network of its own"), Honoured),
    judged("services.*.networks.*.aliases", Honoured, Honoured),
    judged("services.*.networks.*.driver_opts", Quiet("every test has a network of its own"), Refused("is not set on single networks")),
    judged("services.*.networks.*.gw_priority", Quiet("every test has a network of its own"), Warned("networks are joined in the order of their names")),
    judged("services.*.networks.*.interface_name", Quiet("every test has a network of its own"), Refused("is not set on single networks")),
    judged("services.*.networks.*.ipv4_address", Quiet("every test has a network of its own"), Refused("addresses are given by the engine; reach it by its name")),
    judged("services.*.networks.*.ipv6_address", Quiet("every test has a network of its own"), Refused("addresses are given by the engine; reach it by its name")),
    judged("services.*.networks.*.link_local_ips", Quiet("every test has a network of its own"), Refused("addresses are given by the engine; reach it by its name")),
    judged("services.*.networks.*.mac_address", Quiet("every test has a network of its own"), Refused("is not set on single networks")),
    judged("services.*.networks.*.priority", Quiet("every test has a network of its own"), Warned("networks are joined in the order of their names")),
    judged("services.*.oom_kill_disable", Honoured, Honoured),
    judged("services.*.oom_score_adj", Honoured, Honoured),
    judged("services.*.pid", Honoured, Honoured),
    judged("services.*.pids_limit", Honoured, Honoured),
    judged("services.*.platform", Warned("images are of the engine's platform"), Warned("images are of the platform that they were built for")),
    judged("services.*.ports", Quiet("nothing is published in a test"), Honoured),
    judged("services.*.post_start", Refused("hooks are not run yet"), Refused("hooks are not run yet")),
    judged("services.*.pre_start", Refused("hooks are not run yet"), Refused("hooks are not run yet")),
    judged("services.*.pre_stop", Refused("hooks are not run yet"), Refused("hooks are not run yet")),
    judged("services.*.privileged", Honoured, Honoured),
    judged("services.*.profiles", Quiet("what a test needs runs whatever its profile"), Honoured),
    judged("services.*.provider", Refused("providers are not run"), Refused("providers are not run")),
    judged("services.*.pull_policy", Quiet("what is pulled is decided by `--pull`"), Quiet("images are brought by their digest")),
    judged("services.*.pull_refresh_after", Quiet("what is pulled is decided by `--pull`"), Quiet("images are brought by their digest")),
    judged("services.*.read_only", Honoured, Honoured),
    judged("services.*.restart", Honoured, Honoured),
    judged("services.*.runtime", Honoured, Honoured),
    judged("services.*.scale", Quiet("one container of each service is run"), Honoured),
    judged("services.*.secrets", Honoured, Refused("secrets are not brought yet")),
    judged("services.*.security_opt", Honoured, Honoured),
    judged("services.*.shm_size", Honoured, Honoured),
    judged("services.*.stdin_open", Honoured, Honoured),
    judged("services.*.stop_grace_period", Honoured, Honoured),
    judged("services.*.stop_signal", Honoured, Honoured),
    judged("services.*.storage_opt", Honoured, Honoured),
    judged("services.*.sysctls", Honoured, Honoured),
    judged("services.*.tmpfs", Honoured, Honoured),
    judged("services.*.tty", Honoured, Honoured),
    judged("services.*.ulimits", Honoured, Honoured),
    judged("services.*.use_api_socket", Refused("no container gets the engine's socket by this key"), Refused("no container gets the engine's socket by this key")),
    judged("services.*.user", Honoured, Honoured),
    judged("services.*.userns_mode", Honoured, Honoured),
    judged("services.*.uts", Honoured, Honoured),
    judged("services.*.volumes", Honoured, Honoured),
    judged("services.*.volumes[].bind.create_host_path", Quiet("a missing source is created"), Quiet("a missing source is created")),
    judged("services.*.volumes[].bind.propagation", Refused("mounts below it stay private"), Refused("mounts below it stay private")),
    judged("services.*.volumes[].bind.recursive", Refused("mounts below it come along as they are"), Refused("mounts below it come along as they are")),
    judged("services.*.volumes[].bind.selinux", Warned("what longshore brings is labelled for containers as it is"), Warned("what longshore brings is labelled for containers as it is")),
    judged("services.*.volumes[].consistency", Quiet("only Docker Desktop has it"), Quiet("only Docker Desktop has it")),
    judged("services.*.volumes[].image", Refused("mount a volume, or copy the files into the image"), Refused("mount a volume, or copy the files into the image")),
    judged("services.*.volumes[].volume.labels", Warned("say them where the volume is declared"), Warned("say them where the volume is declared")),
    judged("services.*.volumes[].volume.nocopy", Warned("what an image has there is copied into a new volume"), Warned("what an image has there is copied into a new volume")),
    judged("services.*.volumes[].volume.subpath", Refused("mount the whole volume"), Refused("mount the whole volume")),
    judged("services.*.volumes_from", Refused("name the volumes themselves"), Refused("name the volumes themselves")),
    judged("services.*.working_dir", Honoured, Honoured),
    judged("volumes.*.driver", Quiet("every test has volumes of its own"), Honoured),
    judged("volumes.*.driver_opts", Quiet("every test has volumes of its own"), Honoured),
    judged("volumes.*.external", Quiet("every test has volumes of its own"), Refused("hosts have the volumes of their environment; declare it without `external`")),
    judged("volumes.*.labels", Quiet("every test has volumes of its own"), Honoured),
    judged("volumes.*.name", Quiet("every test has volumes of its own"), Warned("volumes are named after cluster and environment")),
];

/// Returns what becomes of a key. What is not listed is honoured wherever it is read.
fn of(key: &str) -> Option<&'static Judged> {
    let found = SUPPORT.binary_search_by(|judged| judged.key.cmp(key));
    found.ok().map(|place| &SUPPORT[place])
}

impl Resolver<'_> {
    /// Tells what a driver does not honour of the services that it runs.
    pub(super) fn honoured_by(&mut self, driver: Driver, reading: &Reading, services: &Services) {
        let by = match driver {
            Driver::Systemd => |judged: &Judged| judged.systemd,
        };
        self.honoured(reading, |name| services.contains_key(name), by, "on hosts");
    }

    /// Tells what is not honoured of the services that tests run.
    pub(super) fn honoured_in_tests(
        &mut self,
        reading: &Reading,
        services: &Services,
        tests: &BTreeMap<TestName, Test>,
    ) {
        let mut run: Vec<&ServiceName> = tests.values().filter_map(Test::service).collect();
        let mut next = 0;
        while let Some(name) = run.get(next) {
            let service = services.get(*name);
            for name in service
                .into_iter()
                .flat_map(|service| service.depends_on.keys())
            {
                if !run.contains(&name) {
                    run.push(name);
                }
            }
            next += 1;
        }
        let by = |judged: &Judged| judged.testing;
        self.honoured(reading, |name| run.contains(&name), by, "in tests");
        for service in run.iter().filter_map(|name| services.get(*name)) {
            for file in &service.files {
                if let FileSource::Elsewhere(name) = &file.source {
                    self.kept_elsewhere(reading, name);
                }
            }
        }
    }

    fn kept_elsewhere(&mut self, reading: &Reading, name: &str) {
        let compose = &reading.compose;
        let secret = compose.secrets.as_ref();
        let secret = secret.and_then(|all| Some(&all.value.0.get(name)?.key));
        let config = compose.configs.as_ref();
        let config = config.and_then(|all| Some(&all.value.0.get(name)?.key));
        let message = format!("`{name}` is kept elsewhere, where a test cannot get it");
        let mut problem = Problem::error("unsupported", message);
        if let Some(at) = secret.or(config) {
            problem = problem.at(at, "neither a file nor a variable");
        }
        self.tell(problem.help(
            "give it a `file` or a variable (`environment`) in a file that `-f` lays over this one",
        ));
    }

    fn honoured(
        &mut self,
        reading: &Reading,
        runs: impl Fn(&ServiceName) -> bool,
        by: impl Fn(&Judged) -> Support,
        whereabouts: &str,
    ) {
        let file = &reading.compose;
        let mut judge = |trail: &str, keys: Vec<(&'static str, &At)>| {
            for (key, at) in keys {
                if let Some(judged) = of(&format!("{trail}{key}")) {
                    self.tell_support(key, at, by(judged), whereabouts);
                }
            }
        };
        for (name, service) in file.services.iter().flat_map(|all| &all.value.0) {
            if !name.parse().is_ok_and(|name| runs(&name)) {
                continue;
            }
            let service = &service.value;
            judge("services.*.", service.written());
            let compose::Service {
                build,
                deploy,
                networks,
                ..
            } = service;
            if let Some(build) = build {
                judge("services.*.build.", build.value.written());
            }
            if let Some(deploy) = deploy {
                judge("services.*.deploy.", deploy.value.written());
            }
            for joined in networks.iter().flat_map(|all| all.value.0.0.values()) {
                judge("services.*.networks.*.", joined.value.written());
            }
        }
        for network in file.networks.iter().flat_map(|all| all.value.0.values()) {
            judge("networks.*.", network.value.written());
        }
        for volume in file.volumes.iter().flat_map(|all| all.value.0.values()) {
            judge("volumes.*.", volume.value.written());
        }
    }

    /// Tells what is not honoured of a mount, wherever it is mounted.
    pub(super) fn honoured_of_mounts(&mut self, trail: &str, keys: Vec<&'static str>, at: &At) {
        for key in keys {
            let judged = of(&format!("services.*.volumes[].{trail}{key}"));
            if let Some(judged) = judged.filter(|_| !self.lenient) {
                self.tell_support(key, at, judged.systemd, "for a mount");
            }
        }
    }

    fn tell_support(&mut self, key: &str, at: &At, support: Support, whereabouts: &str) {
        let (problem, why) = match support {
            Honoured | Quiet(_) => return,
            Warned(why) => {
                let message = format!("`{key}` has no effect {whereabouts}");
                (Problem::warning("without-effect", message), why)
            }
            Refused(why) => {
                let message = format!("`{key}` is not honoured {whereabouts}");
                (Problem::error("unsupported", message), why)
            }
        };
        self.tell(problem.at(at, "").help(why));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_key_is_judged_once_and_in_order() {
        assert!(SUPPORT.windows(2).all(|two| two[0].key < two[1].key));
        let known: BTreeSet<_> = [
            ("services.*.", compose::Service::KEYS),
            ("services.*.build.", compose::Build::KEYS),
            ("services.*.deploy.", compose::Deploy::KEYS),
            ("services.*.networks.*.", compose::Attachment::KEYS),
            ("networks.*.", compose::Network::KEYS),
            ("volumes.*.", compose::Volume::KEYS),
        ]
        .iter()
        .flat_map(|(trail, keys)| keys.iter().map(move |key| format!("{trail}{key}")))
        // The container of others.
        .filter(|key| key != "services.*.deploy")
        .collect();
        let judged: BTreeSet<_> = SUPPORT.iter().map(|judged| judged.key.to_owned()).collect();
        assert_eq!(
            known.difference(&judged).collect::<Vec<_>>(),
            Vec::<&String>::new()
        );
        let all = compose::RECORDS
            .iter()
            .flat_map(|(trail, keys)| keys.iter().map(move |key| format!("{trail}{key}")));
        let all: BTreeSet<_> = all.collect();
        assert_eq!(
            judged.difference(&all).collect::<Vec<_>>(),
            Vec::<&String>::new()
        );
    }
}
