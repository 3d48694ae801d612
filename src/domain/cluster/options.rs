//! What of a container the engine is told beside what longshore reasons about.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Settings that go to the engine as they are. What is not said is the engine's default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Options {
    /// Annotations for the runtime.
    pub annotations: BTreeMap<String, String>,
    /// Limits of disks.
    pub blkio: Blkio,
    /// Privileges added.
    pub cap_add: Vec<String>,
    /// Privileges taken.
    pub cap_drop: Vec<String>,
    /// `host` or `private`.
    pub cgroup: Option<String>,
    /// The control group it is in.
    pub cgroup_parent: Option<String>,
    /// The scheduler's period in microseconds.
    pub cpu_period: Option<i64>,
    /// What it gets of that, in microseconds.
    pub cpu_quota: Option<i64>,
    /// The real-time scheduler's period in microseconds.
    pub cpu_rt_period: Option<i64>,
    /// What it gets of that, in microseconds.
    pub cpu_rt_runtime: Option<i64>,
    /// Its share beside others.
    pub cpu_shares: Option<i64>,
    /// Processors, in thousand millionths.
    pub nano_cpus: Option<i64>,
    /// Which processors.
    pub cpuset: Option<String>,
    /// Devices that it may make.
    pub device_cgroup_rules: Vec<String>,
    /// Devices of the host.
    pub devices: Vec<Device>,
    /// Devices asked for by what they can do.
    pub device_requests: Vec<DeviceRequest>,
    /// Name servers.
    pub dns: Vec<String>,
    /// Options of the resolver.
    pub dns_opt: Vec<String>,
    /// Domains that are searched.
    pub dns_search: Vec<String>,
    /// Its domain.
    pub domainname: Option<String>,
    /// Entries of `/etc/hosts`: names and addresses.
    pub extra_hosts: Vec<(String, String)>,
    /// Groups besides.
    pub group_add: Vec<String>,
    /// Its host name.
    pub hostname: Option<String>,
    /// Whether a small init runs first.
    pub init: Option<bool>,
    /// Whose shared memory it sees: `host`, `private`, `shareable`, `none`.
    pub ipc: Option<String>,
    /// Its hardware address.
    pub mac_address: Option<String>,
    /// The most memory in bytes.
    pub memory: Option<i64>,
    /// The memory kept for it in bytes.
    pub memory_reservation: Option<i64>,
    /// Memory and swap in bytes; -1 for any.
    pub memory_swap: Option<i64>,
    /// How soon its memory is swapped, 0 to 100.
    pub memory_swappiness: Option<i64>,
    /// Whether it is not killed where memory ends.
    pub oom_kill_disable: bool,
    /// How soon it is killed where memory ends.
    pub oom_score_adj: Option<i64>,
    /// Whose processes it sees: `host`.
    pub pid: Option<String>,
    /// The most processes.
    pub pids_limit: Option<i64>,
    /// Whether it has all privileges.
    pub privileged: bool,
    /// Whether it cannot write to its own files.
    pub read_only: bool,
    /// Which program runs it.
    pub runtime: Option<String>,
    /// Options of security modules.
    pub security_opt: Vec<String>,
    /// The size of `/dev/shm` in bytes.
    pub shm_size: Option<i64>,
    /// Whether its input stays open.
    pub stdin_open: bool,
    /// The signal that stops it.
    pub stop_signal: Option<String>,
    /// Options of the storage driver.
    pub storage_opt: BTreeMap<String, String>,
    /// Kernel parameters.
    pub sysctls: BTreeMap<String, String>,
    /// File systems in memory: paths, with options after a colon.
    pub tmpfs: Vec<String>,
    /// Whether it has a terminal.
    pub tty: bool,
    /// Limits of its processes: soft and hard.
    pub ulimits: BTreeMap<String, (i64, i64)>,
    /// Whose users it sees: `host`.
    pub userns_mode: Option<String>,
    /// Whose host name it sees: `host`.
    pub uts: Option<String>,
}

/// A device of the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Its path on the host, or its name in the Container Device Interface.
    pub source: String,
    /// Its path in the container.
    pub target: String,
    /// Any of `r`, `w`, `m`.
    pub permissions: String,
}

/// Devices asked for by what they can do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceRequest {
    /// Which driver provides them.
    pub driver: Option<String>,
    /// How many; -1 for all.
    pub count: Option<i64>,
    /// Which.
    pub ids: Vec<String>,
    /// What they have to be able to do.
    pub capabilities: Vec<String>,
    /// Options of the driver.
    pub options: BTreeMap<String, String>,
}

/// Limits of disks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Blkio {
    /// Share of the disks' time.
    pub weight: Option<i64>,
    /// The share by device.
    pub weight_device: Vec<(String, i64)>,
    /// Bytes read a second, by device.
    pub read_bps: Vec<(String, i64)>,
    /// Reads a second, by device.
    pub read_iops: Vec<(String, i64)>,
    /// Bytes written a second, by device.
    pub write_bps: Vec<(String, i64)>,
    /// Writes a second, by device.
    pub write_iops: Vec<(String, i64)>,
}
