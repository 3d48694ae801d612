//! `longshore.yaml` as written: what Compose has no word for.

use super::place::Spanned;
use super::reader::{Mapping, record, words};
use super::values::{Pairs, Period, Words};

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
    }
}

record! {
    /// A test: an extra container of a service, whose exit code decides.
    #[derive(schemars::JsonSchema)]
    #[schemars(deny_unknown_fields)]
    plain struct TestEntry {
        /// The service that it is a container of.
        service: String,
        /// The command, in place of the service's own.
        command: Words,
        /// How long it may take (`10m` unless said).
        timeout: Period,
    }
}

record! {
    /// A named target such as `staging` or `production`.
    #[derive(schemars::JsonSchema)]
    #[schemars(deny_unknown_fields)]
    plain struct EnvironmentEntry {
        /// How its hosts run units.
        driver: DriverName,
        /// Its hosts, `[user@]host[:port]`, as ssh knows them.
        hosts: Vec<Spanned<String>>,
        /// How many instances of services there are.
        place: Mapping<PlaceEntry>,
        /// Values of variables, on top of the shell's and those of `.env`.
        variables: Pairs,
        /// How a rollout proceeds.
        rollout: RolloutEntry,
        /// What has to answer before an instance counts as healthy.
        probes: Mapping<ProbeEntry>,
    }
}

record! {
    /// How many instances of a service there are: `mode: global` or `count`.
    #[derive(schemars::JsonSchema)]
    #[schemars(deny_unknown_fields)]
    plain struct PlaceEntry {
        /// `global`: one on every host.
        mode: Mode,
        /// So many, spread over the hosts.
        count: u16,
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
