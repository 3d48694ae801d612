//! What of a service goes to the engine as it is.

use std::collections::BTreeMap;

use super::Resolver;
use crate::domain::cluster::{Blkio, Device, DeviceRequest, Options};
use crate::domain::definition::compose::{self, DeviceRequest as WrittenRequest};
use crate::domain::definition::{At, Labels, Pairs, Problem, Real, Size, Spanned, Texts};

impl Resolver<'_> {
    /// Collects it. Every key of a service is named here, those that are read elsewhere too: one that is added to the
    /// definition fails to compile until it is decided about.
    pub(super) fn options(&mut self, service: &compose::Service) -> Options {
        let compose::Service {
            annotations,
            blkio_config,
            cap_add,
            cap_drop,
            cgroup,
            cgroup_parent,
            cpu_period,
            cpu_quota,
            cpu_rt_period,
            cpu_rt_runtime,
            cpu_shares,
            cpus,
            cpuset,
            deploy,
            device_cgroup_rules,
            devices,
            dns,
            dns_opt,
            dns_search,
            domainname,
            extra_hosts,
            gpus,
            group_add,
            hostname,
            init,
            ipc,
            mac_address,
            mem_limit,
            mem_reservation,
            mem_swappiness,
            memswap_limit,
            oom_kill_disable,
            oom_score_adj,
            pid,
            pids_limit,
            privileged,
            read_only,
            runtime,
            security_opt,
            shm_size,
            stdin_open,
            stop_signal,
            storage_opt,
            sysctls,
            tmpfs,
            tty,
            ulimits,
            userns_mode,
            uts,
            // Read in `service`, `source`, `mounts`, `variables` and `place`.
            build: _,
            image: _,
            command: _,
            entrypoint: _,
            environment: _,
            env_file: _,
            ports: _,
            expose: _,
            volumes: _,
            networks: _,
            links: _,
            depends_on: _,
            healthcheck: _,
            restart: _,
            profiles: _,
            labels: _,
            label_file: _,
            user: _,
            working_dir: _,
            stop_grace_period: _,
            container_name: _,
            scale: _,
            // Judged by `support` alone.
            attach: _,
            configs: _,
            cpu_count: _,
            cpu_percent: _,
            credential_spec: _,
            develop: _,
            external_links: _,
            isolation: _,
            logging: _,
            models: _,
            network_mode: _,
            platform: _,
            post_start: _,
            pre_start: _,
            pre_stop: _,
            provider: _,
            pull_policy: _,
            pull_refresh_after: _,
            secrets: _,
            use_api_socket: _,
            volumes_from: _,
        } = service;
        let resources = deploy
            .as_ref()
            .and_then(|deploy| deploy.value.resources.as_ref());
        let limits = resources.and_then(|resources| resources.value.limits.as_ref());
        let kept = resources.and_then(|resources| resources.value.reservations.as_ref());
        let limited = limits.and_then(|limits| limits.value.cpus.as_ref());
        self.agree(
            "cpus",
            cpus.as_ref(),
            limited,
            "deploy.resources.limits.cpus",
        );
        let most = limits.and_then(|limits| limits.value.memory.as_ref());
        let most = most.map(|size| Spanned::new(Size(size.value.0), size.at.clone()));
        let most = most.as_ref();
        self.agree(
            "mem_limit",
            mem_limit.as_ref(),
            most,
            "deploy.resources.limits.memory",
        );
        let least = kept.and_then(|kept| kept.value.memory.as_ref());
        let least = least.map(|size| Spanned::new(Size(size.value.0), size.at.clone()));
        let least = least.as_ref();
        let reservation = "deploy.resources.reservations.memory";
        self.agree(
            "mem_reservation",
            mem_reservation.as_ref(),
            least,
            reservation,
        );
        let processes = limits.and_then(|limits| limits.value.pids.as_ref());
        self.agree(
            "pids_limit",
            pids_limit.as_ref(),
            processes,
            "deploy.resources.limits.pids",
        );
        let requested = kept.and_then(|kept| kept.value.devices.as_ref());
        let requested = requested.iter().flat_map(|requests| &requests.value);
        let cards = gpus.iter().flat_map(|cards| &cards.value.0);
        Options {
            annotations: labels(annotations.as_ref()),
            blkio: blkio_config
                .as_ref()
                .map(|blkio| disks(&blkio.value))
                .unwrap_or_default(),
            cap_add: texts(cap_add.as_ref()),
            cap_drop: texts(cap_drop.as_ref()),
            cgroup: cgroup.as_ref().map(|cgroup| {
                let word = match cgroup.value {
                    compose::Cgroup::Host => "host",
                    compose::Cgroup::Private => "private",
                };
                word.to_owned()
            }),
            cgroup_parent: value(cgroup_parent.as_ref()),
            cpu_period: cpu_period.as_ref().map(|number| number.value.0),
            cpu_quota: cpu_quota.as_ref().map(|number| number.value.0),
            cpu_rt_period: cpu_rt_period.as_ref().map(|number| number.value.0),
            cpu_rt_runtime: cpu_rt_runtime.as_ref().map(|number| number.value.0),
            cpu_shares: cpu_shares.as_ref().map(|number| number.value.0),
            nano_cpus: cpus.as_ref().or(limited).map(|number| nano(number.value)),
            cpuset: value(cpuset.as_ref()),
            device_cgroup_rules: device_cgroup_rules
                .iter()
                .flat_map(|rules| &rules.value.0)
                .map(|rule| rule.value.clone())
                .collect(),
            devices: devices
                .iter()
                .flat_map(|devices| &devices.value.0)
                .map(|written| device(&written.value))
                .collect(),
            device_requests: requested
                .chain(cards)
                .map(|one| request(&one.value))
                .collect(),
            dns: dns
                .iter()
                .flat_map(|all| &all.value.0)
                .map(|one| one.value.clone())
                .collect(),
            dns_opt: texts(dns_opt.as_ref()),
            dns_search: dns_search
                .iter()
                .flat_map(|all| &all.value.0)
                .map(|one| one.value.clone())
                .collect(),
            domainname: value(domainname.as_ref()),
            extra_hosts: extra_hosts
                .as_ref()
                .map(|hosts| hosts.value.0.clone())
                .unwrap_or_default(),
            group_add: group_add
                .iter()
                .flat_map(|groups| &groups.value.0)
                .map(|group| group.value.clone())
                .collect(),
            hostname: value(hostname.as_ref()),
            init: init.as_ref().map(|init| init.value.0),
            ipc: self.namespace(ipc.as_ref()),
            mac_address: value(mac_address.as_ref()),
            memory: mem_limit.as_ref().or(most).map(|size| size.value.0),
            memory_reservation: mem_reservation.as_ref().or(least).map(|size| size.value.0),
            memory_swap: memswap_limit.as_ref().map(|size| size.value.0),
            memory_swappiness: mem_swappiness.as_ref().map(|size| size.value.0),
            oom_kill_disable: is(oom_kill_disable.as_ref()),
            oom_score_adj: oom_score_adj.as_ref().map(|score| score.value.0),
            pid: self.namespace(pid.as_ref()),
            pids_limit: pids_limit
                .as_ref()
                .or(processes)
                .map(|number| number.value.0),
            privileged: is(privileged.as_ref()),
            read_only: is(read_only.as_ref()),
            runtime: value(runtime.as_ref()),
            security_opt: security_opt
                .iter()
                .flat_map(|all| &all.value.0)
                .map(|one| one.value.clone())
                .collect(),
            shm_size: shm_size.as_ref().map(|size| size.value.0),
            stdin_open: is(stdin_open.as_ref()),
            stop_signal: value(stop_signal.as_ref()),
            storage_opt: storage_opt
                .as_ref()
                .map(|options| options.value.0.clone())
                .unwrap_or_default(),
            sysctls: labels(sysctls.as_ref()),
            tmpfs: tmpfs
                .iter()
                .flat_map(|all| &all.value.0)
                .map(|one| one.value.clone())
                .collect(),
            tty: is(tty.as_ref()),
            ulimits: ulimits
                .iter()
                .flat_map(|limits| &limits.value.0)
                .map(|(name, limit)| (name.clone(), (limit.value.soft, limit.value.hard)))
                .collect(),
            userns_mode: value(userns_mode.as_ref()),
            uts: self.namespace(uts.as_ref()),
        }
    }

    /// Takes whose view of something a container has, if it is no other container's.
    fn namespace(&mut self, written: Option<&Spanned<compose::Namespace>>) -> Option<String> {
        let written = written?;
        let text = &written.value.0;
        if text.contains(':') {
            let message = format!("`{text}`: what another container sees is not shared");
            let problem = Problem::error("unsupported", message).at(&written.at, "");
            self.refuse(problem.help("remove it, or write `host`"));
            return None;
        }
        Some(text.clone())
    }

    /// Tells where two keys say the same thing differently.
    fn agree<T: PartialEq>(
        &mut self,
        name: &str,
        own: Option<&Spanned<T>>,
        other: Option<&Spanned<T>>,
        other_name: &str,
    ) {
        if let (Some(own), Some(other)) = (own, other)
            && own.value != other.value
        {
            self.disagree(name, &own.at, other_name, &other.at);
        }
    }

    /// Tells that two keys say the same thing differently.
    pub(super) fn disagree(&mut self, name: &str, at: &At, other_name: &str, other_at: &At) {
        let message = format!("`{name}` and `{other_name}` say different things");
        let problem = Problem::error("conflict", message)
            .at(at, "this here")
            .at(other_at, "that there");
        self.tell(problem.help("remove one of them"));
    }
}

fn value(text: Option<&Spanned<String>>) -> Option<String> {
    text.map(|text| text.value.clone())
        .filter(|text| !text.is_empty())
}

fn is(flag: Option<&Spanned<bool>>) -> bool {
    flag.is_some_and(|flag| flag.value)
}

fn texts(texts: Option<&Spanned<Texts>>) -> Vec<String> {
    let texts = texts.into_iter().flat_map(|texts| &texts.value.0);
    texts.map(|text| text.value.clone()).collect()
}

fn labels(written: Option<&Spanned<Labels>>) -> BTreeMap<String, String> {
    pairs(written.map(|labels| &labels.value.0))
}

fn pairs(written: Option<&Pairs>) -> BTreeMap<String, String> {
    let pairs = written.into_iter().flat_map(|pairs| &pairs.0);
    pairs
        .map(|(name, pair)| (name.clone(), pair.value.clone().unwrap_or_default()))
        .collect()
}

/// Counts processors in thousand millionths.
pub(super) fn nano(cpus: Real) -> i64 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "no machine has so many processors, and a cast saturates"
    )]
    let nano = (cpus.0 * 1e9).round() as i64;
    nano
}

fn device(written: &compose::Device) -> Device {
    let compose::Device {
        source,
        target,
        permissions,
    } = written;
    let text = |text: &Option<Spanned<String>>| value(text.as_ref());
    Device {
        source: text(source).unwrap_or_default(),
        target: text(target).unwrap_or_default(),
        permissions: text(permissions).unwrap_or_else(|| "rwm".to_owned()),
    }
}

fn request(written: &WrittenRequest) -> DeviceRequest {
    let WrittenRequest {
        capabilities,
        driver,
        count,
        device_ids,
        options,
    } = written;
    let ids = texts(device_ids.as_ref());
    let count = count.as_ref().map(|count| count.value.0);
    DeviceRequest {
        driver: value(driver.as_ref()),
        // Neither count nor names: all of them.
        count: count.or_else(|| ids.is_empty().then_some(compose::DeviceCount::ALL.0)),
        ids,
        capabilities: texts(capabilities.as_ref()),
        options: pairs(options.as_ref().map(|options| &options.value)),
    }
}

fn disks(written: &compose::Blkio) -> Blkio {
    let compose::Blkio {
        weight,
        weight_device,
        device_read_bps,
        device_read_iops,
        device_write_bps,
        device_write_iops,
    } = written;
    let rates = |rates: &Option<Spanned<Vec<Spanned<compose::DeviceRate>>>>| {
        let rates = rates.iter().flat_map(|rates| &rates.value);
        rates
            .filter_map(|rate| {
                let rate = &rate.value;
                Some((value(rate.path.as_ref())?, rate.rate.as_ref()?.value.0))
            })
            .collect()
    };
    let weights = weight_device.iter().flat_map(|weights| &weights.value);
    Blkio {
        weight: weight.as_ref().map(|weight| weight.value.0),
        weight_device: weights
            .filter_map(|weight| {
                let weight = &weight.value;
                Some((
                    value(weight.path.as_ref())?,
                    weight.weight.as_ref()?.value.0,
                ))
            })
            .collect(),
        read_bps: rates(device_read_bps),
        read_iops: rates(device_read_iops),
        write_bps: rates(device_write_bps),
        write_iops: rates(device_write_iops),
    }
}
