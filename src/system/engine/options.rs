//! Settings of a container that go to the engine as they are.

use bollard::models::{
    ContainerCreateBody, DeviceMapping, DeviceRequest, HostConfig, HostConfigCgroupnsModeEnum,
    ResourcesBlkioWeightDevice, ResourcesUlimits, ThrottleDevice,
};

use crate::domain::cluster::{self, Blkio, Options};

/// Returns a container's body with them. Every field is named, so that a new one cannot be forgotten.
pub(super) fn applied(
    options: Options,
    body: ContainerCreateBody,
    host: HostConfig,
) -> ContainerCreateBody {
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
        // Engines before Docker 25 do not take one with a network, and bollard sends none without.
        mac_address: _,
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
    let Blkio {
        weight,
        weight_device,
        read_bps,
        read_iops,
        write_bps,
        write_iops,
    } = blkio;
    let some = |list: Vec<String>| (!list.is_empty()).then_some(list);
    let host = HostConfig {
        annotations: Some(annotations.into_iter().collect()),
        blkio_weight: weight.and_then(|weight| u16::try_from(weight).ok()),
        blkio_weight_device: Some(
            weight_device
                .into_iter()
                .map(|(path, weight)| ResourcesBlkioWeightDevice {
                    path: Some(path),
                    weight: usize::try_from(weight).ok(),
                })
                .collect(),
        ),
        blkio_device_read_bps: throttled(read_bps),
        blkio_device_read_iops: throttled(read_iops),
        blkio_device_write_bps: throttled(write_bps),
        blkio_device_write_iops: throttled(write_iops),
        cap_add: some(cap_add),
        cap_drop: some(cap_drop),
        cgroupns_mode: cgroup.map(|mode| match mode.as_str() {
            "host" => HostConfigCgroupnsModeEnum::HOST,
            _ => HostConfigCgroupnsModeEnum::PRIVATE,
        }),
        cgroup_parent,
        cpu_period,
        cpu_quota,
        cpu_realtime_period: cpu_rt_period,
        cpu_realtime_runtime: cpu_rt_runtime,
        cpu_shares,
        nano_cpus,
        cpuset_cpus: cpuset,
        device_cgroup_rules: some(device_cgroup_rules),
        devices: Some(devices.into_iter().map(device).collect()),
        device_requests: Some(device_requests.into_iter().map(request).collect()),
        dns: some(dns),
        dns_options: some(dns_opt),
        dns_search: some(dns_search),
        extra_hosts: some(
            extra_hosts
                .into_iter()
                .map(|(name, address)| format!("{name}:{address}"))
                .collect(),
        ),
        group_add: some(group_add),
        init,
        ipc_mode: ipc,
        memory,
        memory_reservation,
        memory_swap,
        memory_swappiness,
        oom_kill_disable: oom_kill_disable.then_some(true),
        oom_score_adj,
        pid_mode: pid,
        pids_limit,
        privileged: Some(privileged),
        readonly_rootfs: Some(read_only),
        runtime,
        security_opt: some(security_opt),
        shm_size,
        storage_opt: (!storage_opt.is_empty()).then(|| storage_opt.into_iter().collect()),
        sysctls: Some(sysctls.into_iter().collect()),
        tmpfs: Some(
            tmpfs
                .into_iter()
                .map(|mount| match mount.split_once(':') {
                    Some((path, options)) => (path.to_owned(), options.to_owned()),
                    None => (mount, String::new()),
                })
                .collect(),
        ),
        ulimits: Some(
            ulimits
                .into_iter()
                .map(|(name, (soft, hard))| ResourcesUlimits {
                    name: Some(name),
                    soft: Some(soft),
                    hard: Some(hard),
                })
                .collect(),
        ),
        userns_mode,
        uts_mode: uts,
        ..host
    };
    ContainerCreateBody {
        hostname,
        domainname,
        open_stdin: Some(stdin_open),
        stop_signal,
        tty: Some(tty),
        host_config: Some(host),
        ..body
    }
}

fn throttled(rates: Vec<(String, i64)>) -> Option<Vec<ThrottleDevice>> {
    let rates = rates.into_iter().map(|(path, rate)| ThrottleDevice {
        path: Some(path),
        rate: Some(rate),
    });
    Some(rates.collect())
}

fn device(device: cluster::Device) -> DeviceMapping {
    DeviceMapping {
        path_on_host: Some(device.source),
        path_in_container: Some(device.target),
        cgroup_permissions: Some(device.permissions),
    }
}

fn request(request: cluster::DeviceRequest) -> DeviceRequest {
    DeviceRequest {
        driver: request.driver,
        count: request.count,
        device_ids: (!request.ids.is_empty()).then_some(request.ids),
        capabilities: Some(vec![request.capabilities]),
        options: Some(request.options.into_iter().collect()),
    }
}
