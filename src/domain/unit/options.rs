//! Settings of a container that go to the engine as they are, as words of `docker run`.

use std::collections::BTreeMap;

use crate::domain::cluster::{Blkio, DeviceRequest, Options};

/// Returns the words, a group of them per option. Every field is named, so that a new one cannot be forgotten.
pub fn words(options: &Options) -> Vec<Vec<String>> {
    let Options {
        annotations,
        blkio,
        cap_add,
        cap_drop,
        cgroup,
        cgroup_parent,
        cpu_period,
        cpu_quota,
        cpu_rt_period,
        cpu_rt_runtime,
        cpu_shares,
        nano_cpus,
        cpuset,
        device_cgroup_rules,
        devices,
        device_requests,
        dns,
        dns_opt,
        dns_search,
        domainname,
        extra_hosts,
        group_add,
        hostname,
        init,
        ipc,
        mac_address,
        memory,
        memory_reservation,
        memory_swap,
        memory_swappiness,
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
    } = options;
    let mut words = Words(Vec::new());
    words.pairs("--annotation", annotations);
    words.blkio(blkio);
    words.each("--cap-add", cap_add);
    words.each("--cap-drop", cap_drop);
    words.maybe("--cgroupns", cgroup.as_ref());
    words.maybe("--cgroup-parent", cgroup_parent.as_ref());
    words.maybe("--cpu-period", cpu_period.as_ref());
    words.maybe("--cpu-quota", cpu_quota.as_ref());
    words.maybe("--cpu-rt-period", cpu_rt_period.as_ref());
    words.maybe("--cpu-rt-runtime", cpu_rt_runtime.as_ref());
    words.maybe("--cpu-shares", cpu_shares.as_ref());
    words.maybe("--cpus", nano_cpus.map(cpus).as_ref());
    words.maybe("--cpuset-cpus", cpuset.as_ref());
    words.each("--device-cgroup-rule", device_cgroup_rules);
    for device in devices {
        let (source, target) = (&device.source, &device.target);
        words.add(
            "--device",
            format!("{source}:{target}:{}", device.permissions),
        );
    }
    for request in device_requests {
        words.add("--gpus", gpus(request));
    }
    words.each("--dns", dns);
    words.each("--dns-option", dns_opt);
    words.each("--dns-search", dns_search);
    words.maybe("--domainname", domainname.as_ref());
    for (name, address) in extra_hosts {
        words.add("--add-host", format!("{name}:{address}"));
    }
    words.each("--group-add", group_add);
    words.maybe("--hostname", hostname.as_ref());
    words
        .0
        .extend(init.map(|init| vec![format!("--init={init}")]));
    words.maybe("--ipc", ipc.as_ref());
    words.maybe("--mac-address", mac_address.as_ref());
    words.maybe("--memory", memory.as_ref());
    words.maybe("--memory-reservation", memory_reservation.as_ref());
    words.maybe("--memory-swap", memory_swap.as_ref());
    words.maybe("--memory-swappiness", memory_swappiness.as_ref());
    words.flag("--oom-kill-disable", *oom_kill_disable);
    words.maybe("--oom-score-adj", oom_score_adj.as_ref());
    words.maybe("--pid", pid.as_ref());
    words.maybe("--pids-limit", pids_limit.as_ref());
    words.flag("--privileged", *privileged);
    words.flag("--read-only", *read_only);
    words.maybe("--runtime", runtime.as_ref());
    words.each("--security-opt", security_opt);
    words.maybe("--shm-size", shm_size.as_ref());
    words.flag("--interactive", *stdin_open);
    words.maybe("--stop-signal", stop_signal.as_ref());
    words.pairs("--storage-opt", storage_opt);
    words.pairs("--sysctl", sysctls);
    words.each("--tmpfs", tmpfs);
    words.flag("--tty", *tty);
    for (name, (soft, hard)) in ulimits {
        words.add("--ulimit", format!("{name}={soft}:{hard}"));
    }
    words.maybe("--userns", userns_mode.as_ref());
    words.maybe("--uts", uts.as_ref());
    words.0
}

struct Words(Vec<Vec<String>>);

impl Words {
    fn add(&mut self, name: &str, value: String) {
        self.0.push(vec![name.to_owned(), value]);
    }

    fn maybe(&mut self, name: &str, value: Option<&impl ToString>) {
        if let Some(value) = value {
            self.add(name, value.to_string());
        }
    }

    fn each(&mut self, name: &str, values: &[String]) {
        for value in values {
            self.add(name, value.clone());
        }
    }

    fn pairs(&mut self, name: &str, pairs: &BTreeMap<String, String>) {
        for (key, value) in pairs {
            self.add(name, format!("{key}={value}"));
        }
    }

    fn flag(&mut self, name: &str, is: bool) {
        if is {
            self.0.push(vec![name.to_owned()]);
        }
    }

    fn blkio(&mut self, blkio: &Blkio) {
        let Blkio {
            weight,
            weight_device,
            read_bps,
            read_iops,
            write_bps,
            write_iops,
        } = blkio;
        self.maybe("--blkio-weight", weight.as_ref());
        for (name, rates) in [
            ("--blkio-weight-device", weight_device),
            ("--device-read-bps", read_bps),
            ("--device-read-iops", read_iops),
            ("--device-write-bps", write_bps),
            ("--device-write-iops", write_iops),
        ] {
            for (path, rate) in rates {
                self.add(name, format!("{path}:{rate}"));
            }
        }
    }
}

/// Writes processors as a number with a fraction.
fn cpus(nano: i64) -> String {
    let text = format!("{}.{:09}", nano / 1_000_000_000, nano % 1_000_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Writes a request as `--gpus` reads it: fields with commas, those that hold commas in quotes.
fn gpus(request: &DeviceRequest) -> String {
    let DeviceRequest {
        driver,
        count,
        ids,
        capabilities,
        options,
    } = request;
    let quoted = |name: &str, values: String| {
        if values.contains(',') {
            format!("\"{name}={values}\"")
        } else {
            format!("{name}={values}")
        }
    };
    let mut fields = Vec::new();
    fields.extend(driver.as_ref().map(|driver| format!("driver={driver}")));
    fields.extend(count.map(|count| match count {
        -1 => "count=all".to_owned(),
        count => format!("count={count}"),
    }));
    if !ids.is_empty() {
        fields.push(quoted("device", ids.join(",")));
    }
    if !capabilities.is_empty() {
        fields.push(quoted("capabilities", capabilities.join(",")));
    }
    if !options.is_empty() {
        let pairs: Vec<_> = options
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        fields.push(quoted("options", pairs.join(",")));
    }
    fields.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_nothing_of_what_is_not_said() {
        assert_eq!(words(&Options::default()), Vec::<Vec<String>>::new());
    }

    #[test]
    fn writes_options_as_docker_reads_them() {
        let options = Options {
            nano_cpus: Some(1_500_000_000),
            init: Some(false),
            read_only: true,
            ulimits: BTreeMap::from([("nofile".to_owned(), (1024, 2048))]),
            extra_hosts: vec![("a".to_owned(), "::1".to_owned())],
            ..Options::default()
        };
        let lines: Vec<_> = words(&options)
            .iter()
            .map(|words| words.join(" "))
            .collect();
        assert_eq!(
            lines,
            [
                "--cpus 1.5",
                "--add-host a:::1",
                "--init=false",
                "--read-only",
                "--ulimit nofile=1024:2048"
            ]
        );
    }

    #[test]
    fn writes_requests_for_cards() {
        let request = DeviceRequest {
            driver: Some("nvidia".to_owned()),
            count: Some(-1),
            ids: Vec::new(),
            capabilities: vec!["gpu".to_owned(), "utility".to_owned()],
            options: BTreeMap::new(),
        };
        assert_eq!(
            gpus(&request),
            "driver=nvidia,count=all,\"capabilities=gpu,utility\""
        );
    }
}
