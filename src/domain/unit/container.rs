//! A service's instance as the words of `docker run`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::error::RenderError;
use super::names::Net;
use super::tree::{Instance, Scope};
use super::{assets, health};
use crate::domain::cluster::{Mount, MountSource, Port, Protocol, Service};
use crate::domain::ledger::{Asset, ImageIdentity};
use crate::domain::name::{Digest, ServiceName};

/// What the words are made from.
pub struct Source<'a> {
    /// Whose it is.
    pub scope: &'a Scope,
    /// Which instance.
    pub instance: &'a Instance,
    /// Its service.
    pub service: &'a Service,
    /// Every service of the environment, for the names that links give.
    pub services: &'a BTreeMap<ServiceName, Service>,
    /// What it runs.
    pub image: &'a ImageIdentity,
    /// The release's assets.
    pub assets: &'a BTreeMap<std::path::PathBuf, Asset>,
}

/// An instance as words of a command line, a group of them per option.
#[derive(Debug)]
pub struct Container {
    /// The container's name.
    pub name: String,
    /// Options but network and labels.
    pub options: Vec<Vec<String>>,
    /// Labels of the definition, then those that say whose it is.
    pub labels: Vec<(String, String)>,
    /// Networks in order and the names on each.
    pub networks: Vec<(Net, BTreeSet<String>)>,
    /// Image, and command if it is given.
    pub run: Vec<String>,
    /// What is mounted from the repository, by the digest that names it on the host.
    pub assets: BTreeMap<Digest, BTreeMap<std::path::PathBuf, Asset>>,
    /// Seconds between the stop signal and the kill.
    pub stop_seconds: u64,
}

/// docker's own grace period.
const STOP_SECONDS: u64 = 10;

impl Container {
    /// Turns an instance into words.
    ///
    /// # Errors
    ///
    /// A mount or variable that docker's client cannot be told of.
    pub fn of(source: &Source<'_>) -> Result<Self, RenderError> {
        let Service {
            source: _,
            command,
            entrypoint,
            environment,
            ports,
            expose,
            mounts,
            files: _, // refused for hosts
            networks: _,
            links: _,
            depends_on: _,
            healthcheck,
            restart: _,
            profiles: _,
            labels,
            user,
            working_dir,
            stop_grace_period,
            options: passed,
            one_shot: _,
            test_only: _,
        } = source.service;
        let mut options = variables(&source.instance.service, environment)?;
        options.extend(ports.iter().map(|port| option("--publish", publish(port))));
        options.extend(expose.iter().map(|port| option("--expose", exposed(port))));
        let mut assets = BTreeMap::new();
        for mount in mounts {
            options.push(mounted(source, mount, &mut assets)?);
        }
        options.extend(user.iter().map(|user| option("--user", user)));
        options.extend(working_dir.iter().map(|folder| option("--workdir", folder)));
        options.extend(super::options::words(passed));
        options.extend(health::options(healthcheck.as_ref()));
        let stop_seconds = stop_grace_period.map_or(STOP_SECONDS, health::whole_seconds);
        options.push(option("--stop-timeout", stop_seconds.to_string()));
        let mut run = vec![source.image.reference(&source.instance.service)];
        if let Some(words) = entrypoint {
            let first = words.first().map_or("", String::as_str);
            options.push(option("--entrypoint", first));
            run.extend(words.iter().skip(1).cloned());
        }
        run.extend(command.iter().flatten().cloned());
        Ok(Self {
            name: source.instance.container(source.scope),
            options,
            labels: all_labels(source, labels),
            networks: networks(source),
            run,
            assets,
            stop_seconds,
        })
    }
}

fn option(name: &str, value: impl Into<String>) -> Vec<String> {
    vec![name.to_owned(), value.into()]
}

fn variables(
    service: &ServiceName,
    environment: &BTreeMap<String, String>,
) -> Result<Vec<Vec<String>>, RenderError> {
    let variable = |(name, value): (&String, &String)| {
        if name.is_empty() || name.contains('=') {
            let (service, name) = (service.clone(), name.clone());
            return Err(RenderError::VariableName { service, name });
        }
        Ok(option("--env", format!("{name}={value}")))
    };
    environment.iter().map(variable).collect()
}

fn publish(port: &Port) -> String {
    let Port {
        address,
        published,
        target,
        protocol,
    } = port;
    let published = published.map(|port| port.to_string()).unwrap_or_default();
    let host = match address {
        None if published.is_empty() => String::new(),
        None => format!("{published}:"),
        Some(IpAddr::V4(address)) => format!("{address}:{published}:"),
        Some(IpAddr::V6(address)) => format!("[{address}]:{published}:"),
    };
    format!("{host}{target}/{protocol}")
}

fn exposed((port, protocol): &(u16, Protocol)) -> String {
    format!("{port}/{protocol}")
}

/// Writes a mount as an option, and adds what it shows of the repository to the assets.
fn mounted(
    source: &Source<'_>,
    mount: &Mount,
    assets: &mut BTreeMap<Digest, BTreeMap<std::path::PathBuf, Asset>>,
) -> Result<Vec<String>, RenderError> {
    let Mount {
        source: what,
        target,
        read_only,
    } = mount;
    let service = || source.instance.service.clone();
    let from = match what {
        MountSource::Volume(volume) => Some(source.scope.volume(volume)),
        MountSource::Anonymous => None,
        MountSource::Repository(path) if !read_only => {
            let (service, path) = (service(), path.clone());
            return Err(RenderError::WritableAsset { service, path });
        }
        MountSource::Repository(path) => {
            let (digest, files) =
                assets::mounted(source.assets, path).ok_or_else(|| RenderError::NoAsset {
                    service: service(),
                    path: path.clone(),
                })?;
            assets.insert(digest, files);
            Some(asset_path(source.scope, &digest))
        }
        MountSource::HostPath(path) => {
            let text = path.to_str().ok_or_else(|| RenderError::NotUtf8 {
                service: service(),
                path: path.clone(),
            })?;
            Some(text.to_owned())
        }
        MountSource::Memory { size, mode } => {
            let said = [
                read_only.then(|| "ro".to_owned()),
                size.map(|size| format!("size={size}")),
                mode.map(|mode| format!("mode={mode:o}")),
            ];
            let said: Vec<_> = said.into_iter().flatten().collect();
            let colon = if said.is_empty() { "" } else { ":" };
            return Ok(option(
                "--tmpfs",
                format!("{target}{colon}{}", said.join(",")),
            ));
        }
    };
    if let Some(path) = from.iter().chain([target]).find(|path| path.contains(':')) {
        let (service, path) = (service(), path.clone());
        return Err(RenderError::Colon { service, path });
    }
    let shared = matches!(what, MountSource::Repository(_));
    let words = match (from, read_only, shared) {
        (None, ..) => target.clone(),
        (Some(from), false, _) => format!("{from}:{target}"),
        (Some(from), true, false) => format!("{from}:{target}:ro"),
        // `z`: under SELinux a container may only read what is labelled for containers.
        (Some(from), true, true) => format!("{from}:{target}:ro,z"),
    };
    Ok(option("--volume", words))
}

/// Returns where a host keeps an asset.
pub fn asset_path(scope: &Scope, digest: &Digest) -> String {
    format!("{}/assets/{}", scope.folder(), digest.hex())
}

/// Returns the labels as written, then ours, which win.
fn all_labels(source: &Source<'_>, labels: &BTreeMap<String, String>) -> Vec<(String, String)> {
    let ours = [
        ("service", source.instance.service.to_string()),
        ("instance", source.instance.number.to_string()),
    ];
    let ours = ours.map(|(name, value)| (format!("dev.longshore.{name}"), value));
    let written = labels
        .iter()
        .map(|(name, value)| (name.clone(), value.clone()));
    written
        .chain(scope_labels(source.scope))
        .chain(ours)
        .collect()
}

/// Returns the labels that say whose something is.
pub fn scope_labels(scope: &Scope) -> [(String, String); 2] {
    [
        (
            "dev.longshore.cluster".to_owned(),
            scope.cluster.to_string(),
        ),
        (
            "dev.longshore.environment".to_owned(),
            scope.environment.to_string(),
        ),
    ]
}

/// Returns the networks that a service joins, and on each its name, its aliases, and those that links of others on the
/// same network give it.
fn networks(source: &Source<'_>) -> Vec<(Net, BTreeSet<String>)> {
    let name = &source.instance.service;
    let names_on = |net: &Net, aliases: &mut BTreeSet<String>| {
        aliases.insert(name.to_string());
        for other in source.services.values().filter(|other| joins(other, net)) {
            let here = other.link_aliases().filter(|(_, service)| *service == name);
            aliases.extend(here.map(|(alias, _)| alias.to_string()));
        }
    };
    let mut joined = joined(source.service);
    for (net, aliases) in &mut joined {
        names_on(net, aliases);
    }
    joined.into_iter().collect()
}

/// Returns the networks that a service joins, and the aliases written there.
pub fn joined(service: &Service) -> BTreeMap<Net, BTreeSet<String>> {
    if service.networks.is_empty() {
        return BTreeMap::from([(Net::Implicit, BTreeSet::new())]);
    }
    let aliases = |(name, aliases): (&crate::domain::name::NetworkName, &BTreeSet<_>)| {
        let texts = aliases.iter().map(ToString::to_string).collect();
        (Net::of(name), texts)
    };
    service.networks.iter().map(aliases).collect()
}

fn joins(service: &Service, net: &Net) -> bool {
    joined(service).contains_key(net)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(address: Option<&str>, published: Option<u16>) -> Port {
        Port {
            address: address.map(|address| address.parse().unwrap()),
            published,
            target: 80,
            protocol: Protocol::Tcp,
        }
    }

    #[test]
    fn a_port_is_written_as_docker_reads_it() {
        assert_eq!(publish(&port(None, None)), "80/tcp");
        assert_eq!(publish(&port(None, Some(8080))), "8080:80/tcp");
        assert_eq!(
            publish(&port(Some("127.0.0.1"), Some(1))),
            "127.0.0.1:1:80/tcp"
        );
        assert_eq!(publish(&port(Some("127.0.0.1"), None)), "127.0.0.1::80/tcp");
        assert_eq!(publish(&port(Some("::1"), Some(1))), "[::1]:1:80/tcp");
    }
}
