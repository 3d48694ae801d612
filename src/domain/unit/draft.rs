//! The command lines of each kind of unit. All of them take the identity that the engine's object is to carry.

use std::collections::BTreeMap;

use super::container::{self, Container};
use super::escape::{self, EscapeError, Escaped, Program};
use super::names::Net;
use super::tree::Scope;
use super::units::{
    BootUnit, NetworkUnit, OneShotUnit, Order, Restarting, ServiceUnit, TargetUnit, Unit,
    VolumeUnit,
};
use super::{health, script};
use crate::domain::cluster::{Network, Pool, Restart, Service, Volume};
use crate::domain::unit::UnitName;

/// What a start may take beyond what the health check needs, in seconds: removing what is left, creating, connecting.
const START_SECONDS: u64 = 90;
/// What a stop may take beyond the grace period, in seconds.
const STOP_SLACK: u64 = 20;
/// How often a one-shot with `restart: on-failure` and no number is tried again.
const ONE_SHOT_RETRIES: u32 = 3;
/// The label by which the host tells what really runs.
const UNIT_LABEL: &str = "dev.longshore.unit";

/// What the unit of an instance is made from.
pub struct Draft<'a> {
    /// Whose it is.
    pub scope: &'a Scope,
    /// Its service.
    pub service: &'a Service,
    /// Its words.
    pub container: &'a Container,
    /// What a person reads of it.
    pub description: &'a str,
    /// Whether somebody here waits until it is healthy.
    pub awaited: bool,
}

impl Draft<'_> {
    /// Makes the unit that runs the instance.
    pub fn unit(&self, order: Order, identity: &str) -> Result<Unit, EscapeError> {
        let description = escape::text(self.description)?;
        let (before, start) = self.start(identity)?;
        let container = self.container.name.clone();
        let remove = quietly(&["rm", "--force", "--volumes", &container])?;
        let stop_seconds = self.container.stop_seconds.saturating_add(STOP_SLACK);
        if self.service.one_shot {
            return Ok(Unit::OneShot(OneShotUnit {
                description,
                order,
                before,
                start,
                remove,
                restart: one_shot_restart(self.service.restart),
                stop_seconds,
                container,
            }));
        }
        let check = self.service.healthcheck.as_ref();
        let seconds = self.awaited.then(|| health::decided_after(check));
        let wait = |seconds: u64| {
            let seconds = seconds.to_string();
            let words = ["-c", script::WAIT_HEALTHY, "wait", &container, &seconds];
            escape::command(Program::Shell, [words])
        };
        Ok(Unit::Service(ServiceUnit {
            description,
            order,
            before,
            start,
            healthy: seconds.map(wait).transpose()?,
            stop: quietly(&["stop", &container])?,
            remove,
            restart: restart(self.service.restart),
            start_seconds: START_SECONDS.saturating_add(seconds.unwrap_or_default()),
            stop_seconds,
            container,
        }))
    }

    /// Returns the commands before the container, and the one that is it. `docker run` joins one network only (until
    /// Engine 25), so with several the container is created, connected to the others, and then started.
    fn start(&self, identity: &str) -> Result<(Vec<Escaped>, Escaped), EscapeError> {
        let Container {
            name,
            options,
            labels,
            networks,
            run,
            assets: _,
            stop_seconds: _,
        } = self.container;
        let (first, others) = networks
            .split_first()
            .expect("a service joins the implicit network if no other");
        let verb = if others.is_empty() { "run" } else { "create" };
        let mut groups = vec![words([verb, "--rm", "--pull", "never", "--name", name])];
        groups.push(words(["--network", &first.0.object(self.scope)]));
        groups.extend(
            first
                .1
                .iter()
                .map(|alias| words(["--network-alias", alias])),
        );
        groups.extend(label_options(labels, identity));
        groups.extend(options.iter().cloned());
        groups.push(words([
            "--log-driver",
            "local",
            "--log-opt",
            "max-size=10m",
        ]));
        groups.push(run.clone());
        let create = escape::command(Program::Docker, groups)?;
        if others.is_empty() {
            return Ok((Vec::new(), create));
        }
        let mut before = vec![create];
        for (net, aliases) in others {
            let mut connect = words(["network", "connect"]);
            for alias in aliases {
                connect.extend(words(["--alias", alias]));
            }
            connect.extend([net.object(self.scope), name.clone()]);
            before.push(escape::command(Program::Docker, [connect])?);
        }
        Ok((before, docker(["start", "--attach", name])?))
    }
}

/// Makes the unit that creates a network.
pub fn network(
    scope: &Scope,
    net: &Net,
    network: &Network,
    identity: &str,
) -> Result<Unit, EscapeError> {
    let Network {
        internal,
        driver,
        driver_opts,
        ipv6,
        ipam_driver,
        ipam_options,
        pools,
        labels,
    } = network;
    let name = net.object(scope);
    let mut groups = vec![words([
        "-c",
        script::CREATE_NETWORK,
        "network",
        &name,
        identity,
    ])];
    groups.extend(internal.then(|| words(["--internal"])));
    groups.extend(driver.iter().map(|driver| words(["--driver", driver])));
    groups.extend(pairs("--opt", driver_opts));
    groups.extend(ipv6.filter(|is| *is).map(|_| words(["--ipv6"])));
    groups.extend(
        ipam_driver
            .iter()
            .map(|driver| words(["--ipam-driver", driver])),
    );
    groups.extend(pairs("--ipam-opt", ipam_options));
    for pool in pools {
        let Pool {
            subnet,
            gateway,
            ip_range,
            aux_addresses,
        } = pool;
        groups.extend(subnet.iter().map(|subnet| words(["--subnet", subnet])));
        groups.extend(gateway.iter().map(|gateway| words(["--gateway", gateway])));
        groups.extend(ip_range.iter().map(|range| words(["--ip-range", range])));
        groups.extend(pairs("--aux-address", aux_addresses));
    }
    groups.extend(label_options(&owned(labels, scope), identity));
    Ok(Unit::Network(NetworkUnit {
        description: escape::text(&format!("network {name}"))?,
        create: escape::command(Program::Shell, groups)?,
        remove: quietly(&["network", "rm", &name])?,
    }))
}

/// Makes the unit that creates a volume.
pub fn volume(
    scope: &Scope,
    name: &str,
    volume: &Volume,
    identity: &str,
) -> Result<Unit, EscapeError> {
    let Volume {
        driver,
        driver_opts,
        labels,
    } = volume;
    let mut groups = vec![words(["volume", "create"])];
    groups.extend(driver.iter().map(|driver| words(["--driver", driver])));
    groups.extend(pairs("--opt", driver_opts));
    groups.extend(label_options(&owned(labels, scope), identity));
    groups.push(words([name]));
    Ok(Unit::Volume(VolumeUnit {
        description: escape::text(&format!("volume {name}"))?,
        create: escape::command(Program::Docker, groups)?,
    }))
}

fn pairs(option: &str, pairs: &BTreeMap<String, String>) -> Vec<Vec<String>> {
    let pair = |(name, value): (&String, &String)| words([option, &format!("{name}={value}")]);
    pairs.iter().map(pair).collect()
}

/// Makes the target that wants these units.
pub fn target(scope: &Scope, wants: Vec<UnitName>) -> Result<Unit, EscapeError> {
    let description = format!("{} in {}", scope.cluster, scope.environment);
    Ok(Unit::Target(TargetUnit {
        description: escape::text(&description)?,
        wants,
    }))
}

/// Makes the unit that starts the right deployment at boot.
pub fn boot(scope: &Scope) -> Result<Unit, EscapeError> {
    let description = format!("{} in {}, at boot", scope.cluster, scope.environment);
    let switch = format!("{}/switch", scope.folder());
    Ok(Unit::Boot(BootUnit {
        description: escape::text(&description)?,
        start: escape::command(Program::Shell, [[&*switch, "boot"]])?,
    }))
}

fn restart(policy: Restart) -> Restarting {
    let (policy, burst) = match policy {
        Restart::No => ("no", None),
        // systemd leaves alone what a person stopped, so both are the same here.
        Restart::Always | Restart::UnlessStopped => ("always", None),
        Restart::OnFailure { retries } => ("on-failure", retries.map(|n| n.saturating_add(1))),
    };
    Restarting { policy, burst }
}

/// A one-shot runs to its end, so only `on-failure` means something, and it ends at some time.
fn one_shot_restart(policy: Restart) -> Restarting {
    match policy {
        Restart::OnFailure { retries } => Restarting {
            policy: "on-failure",
            burst: Some(retries.unwrap_or(ONE_SHOT_RETRIES).saturating_add(1)),
        },
        Restart::No | Restart::Always | Restart::UnlessStopped => Restarting {
            policy: "no",
            burst: None,
        },
    }
}

fn owned(
    labels: &std::collections::BTreeMap<String, String>,
    scope: &Scope,
) -> Vec<(String, String)> {
    let written = labels
        .iter()
        .map(|(name, value)| (name.clone(), value.clone()));
    written.chain(container::scope_labels(scope)).collect()
}

/// Returns the options for labels, ours last: the engine takes the last of two that are named alike.
fn label_options(labels: &[(String, String)], identity: &str) -> Vec<Vec<String>> {
    let unit = (UNIT_LABEL.to_owned(), identity.to_owned());
    let option = |(name, value): &(String, String)| words(["--label", &format!("{name}={value}")]);
    labels.iter().chain([&unit]).map(option).collect()
}

fn quietly(words: &[&str]) -> Result<Escaped, EscapeError> {
    let shell = ["-c", script::QUIETLY, "docker"];
    escape::command(Program::Shell, [[&shell, words].concat()])
}

fn docker<const N: usize>(words: [&str; N]) -> Result<Escaped, EscapeError> {
    escape::command(Program::Docker, [words])
}

fn words<const N: usize>(words: [&str; N]) -> Vec<String> {
    words.map(str::to_owned).to_vec()
}
