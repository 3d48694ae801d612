//! How a service's container is made for a test.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::domain::cluster::{Cluster, MountSource, Restart, Service, Test};
use crate::domain::definition::steps::{ARTIFACTS, ARTIFACTS_DIR};
use crate::domain::name::{ServiceName, VolumeName};
use crate::system::engine::{ContainerSpec, Endpoint, Mounted, MountedFrom};

/// Labels of ours that a definition may use but does not get to set on a container.
const OURS: &str = "dev.longshore.";

/// The names that a test's objects have on the engine.
#[derive(Debug, Clone)]
pub(super) struct Names {
    /// What they all begin with; holds run and test, so that parallel runs never meet.
    pub(super) prefix: String,
    /// The labels that they all have.
    pub(super) labels: BTreeMap<String, String>,
}

impl Names {
    pub(super) fn network(&self) -> String {
        self.prefix.clone()
    }

    pub(super) fn container(&self, service: &ServiceName) -> String {
        format!("{}-{}", self.prefix, service.file())
    }

    pub(super) fn volume(&self, volume: &VolumeName) -> String {
        format!("{}_{volume}", self.prefix)
    }
}

/// A container of a test.
pub(super) struct Part<'p> {
    /// The names of the test's objects.
    pub(super) names: &'p Names,
    /// The service that it is a container of.
    pub(super) name: &'p ServiceName,
    /// That service.
    pub(super) service: &'p Service,
    /// The engine's id of its image.
    pub(super) image: String,
    /// The test.
    pub(super) test: &'p Test,
    /// Whether it is the test's own.
    pub(super) own: bool,
    /// Whether it is a step of a release.
    pub(super) release: bool,
}

/// Says how a service's container is made. The test's own one alone has `TEST=1` and the test's command. Nothing is
/// published; `container_name`, `hostname` and the like of other runs cannot be met.
pub(super) fn container(part: Part<'_>) -> ContainerSpec {
    let Part {
        names,
        name,
        service,
        image,
        test,
        own,
        release,
    } = part;
    let mut environment = service.environment.clone();
    if own && !release {
        environment.insert("TEST".to_owned(), "1".to_owned());
    }
    if own && release {
        let folder = environment.entry(ARTIFACTS_DIR.to_owned());
        folder.or_insert_with(|| ARTIFACTS.to_owned());
    }
    let command = test.command.clone().filter(|_| own);
    let mut labels = service.labels.clone();
    labels.retain(|label, _| !label.starts_with(OURS));
    labels.extend(names.labels.clone());
    let declared = service.networks.values().flatten().map(ToString::to_string);
    let links = service.link_aliases();
    ContainerSpec {
        name: names.container(name),
        image,
        command: command.or_else(|| service.command.clone()),
        entrypoint: service.entrypoint.clone(),
        environment,
        user: service.user.clone(),
        working_dir: service.working_dir.clone(),
        labels,
        options: test.limits.over(&service.options),
        healthcheck: service.healthcheck.clone(),
        restart: if own { Restart::No } else { service.restart },
        mounts: service
            .mounts
            .iter()
            .filter_map(|mount| {
                let from = match &mount.source {
                    MountSource::Volume(volume) => MountedFrom::Volume(names.volume(volume)),
                    MountSource::Anonymous => MountedFrom::Anonymous,
                    MountSource::HostPath(path) => MountedFrom::Host(path.display().to_string()),
                    MountSource::Memory { size, mode } => MountedFrom::Memory {
                        size: *size,
                        mode: *mode,
                    },
                    // Copied in, as the engine may be on another machine.
                    MountSource::Repository(_) => return None,
                };
                Some(Mounted {
                    from,
                    target: mount.target.clone(),
                    read_only: mount.read_only,
                })
            })
            .chain(landings(service).into_iter().map(|folder| Mounted {
                from: MountedFrom::Anonymous,
                target: folder.to_owned(),
                read_only: false,
            }))
            .collect(),
        endpoint: Endpoint {
            network: names.network(),
            aliases: declared.chain([name.base().to_owned()]).collect(),
            links: links
                .map(|(alias, service)| (alias.to_string(), names.container(service)))
                .collect(),
        },
    }
}

/// Returns the folders that need a volume of their own for the files that are handed to a service: the container's own
/// files cannot be written to, or memory would hide them once it starts.
pub(super) fn landings(service: &Service) -> BTreeSet<&str> {
    let in_memory = service
        .mounts
        .iter()
        .filter_map(|mount| match &mount.source {
            MountSource::Memory { .. } => Some(mount.target.as_str()),
            MountSource::Volume(_)
            | MountSource::Anonymous
            | MountSource::Repository(_)
            | MountSource::HostPath(_) => None,
        });
    let tmpfs = service.options.tmpfs.iter();
    let tmpfs = tmpfs.filter_map(|written| written.split(':').next());
    let hiding: Vec<&str> = in_memory.chain(tmpfs).collect();
    let is_hidden = |folder: &str| {
        let below = |hiding: &&str| Path::new(folder).starts_with(hiding);
        service.options.read_only || hiding.iter().any(below)
    };
    let taken = |folder: &str| service.mounts.iter().any(|mount| mount.target == folder);
    let folders = service.files.iter();
    folders
        .filter_map(|file| file.target.rsplit_once('/').map(|(folder, _)| folder))
        .filter(|folder| !folder.is_empty() && is_hidden(folder) && !taken(folder))
        .collect()
}

/// Returns the named volumes that these services mount.
pub(super) fn volumes<'c>(
    cluster: &'c Cluster,
    services: impl Iterator<Item = &'c ServiceName>,
) -> BTreeSet<&'c VolumeName> {
    let mounts = services.flat_map(|service| &cluster.services[service].mounts);
    mounts
        .filter_map(|mount| match &mount.source {
            MountSource::Volume(volume) => Some(volume),
            MountSource::Anonymous
            | MountSource::Repository(_)
            | MountSource::HostPath(_)
            | MountSource::Memory { .. } => None,
        })
        .collect()
}

/// Tells whether the network has no way out: every network that these services name is internal.
pub(super) fn internal<'c>(
    cluster: &'c Cluster,
    services: impl Iterator<Item = &'c ServiceName>,
) -> bool {
    let mut services = services
        .map(|service| &cluster.services[service].networks)
        .peekable();
    let is_internal = |name| {
        cluster
            .networks
            .get(name)
            .is_some_and(|network| network.internal)
    };
    services.peek().is_some()
        && services.all(|networks| !networks.is_empty() && networks.keys().all(is_internal))
}
