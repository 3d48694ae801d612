//! From a release to the tree of one host.
//!
//! A unit's identity is the hash of its text with zeros in the identity's place, so the text depends on nothing but what the
//! unit does: an unchanged service keeps its text from deployment to deployment and is never restarted.

use std::collections::{BTreeMap, BTreeSet};

use super::container::{self, Container, Source};
use super::draft::{self, Draft};
use super::error::RenderError;
use super::escape::EscapeError;
use super::names::{self, Net};
use super::order::{dependencies, start_order};
use super::parts::{Aspect, Parts};
use super::tree::{Instance, Kind, Listed, Scope, Tree, UnitName};
use super::units::{Order, Unit};
use crate::domain::cluster::{Condition, MountSource, Service};
use crate::domain::ledger::Release;
use crate::domain::name::{Digest, EnvironmentName, HostName, ServiceName, VolumeName};

/// What a tree is rendered from.
#[derive(Debug, Clone, Copy)]
pub struct RenderInput<'a> {
    /// What is to run.
    pub release: &'a Release,
    /// In which of its environments.
    pub environment: &'a EnvironmentName,
    /// On which host; named in errors only.
    pub host: &'a HostName,
    /// Which instances run there.
    pub instances: &'a BTreeSet<Instance>,
    /// The repository it comes from, for the manifest.
    pub origin: &'a str,
}

/// Renders what one host is given.
///
/// # Errors
///
/// A release that cannot run as units: see [`RenderError`].
pub fn render(input: &RenderInput<'_>) -> Result<Tree, RenderError> {
    let release = input.release;
    let environment = release.cluster.environments.get(input.environment);
    let environment = environment.ok_or_else(|| RenderError::NoEnvironment {
        release: release.id.to_string(),
        environment: input.environment.clone(),
    })?;
    let scope = Scope {
        cluster: release.cluster.name.clone(),
        environment: input.environment.clone(),
    };
    let mut renderer = Renderer {
        input,
        services: &environment.services,
        scope: scope.clone(),
        tree: Tree {
            scope,
            units: Vec::new(),
            images: BTreeMap::new(),
            parts: BTreeMap::new(),
            assets: BTreeMap::new(),
            release: release.id.clone(),
            provenance: release.provenance.clone(),
            origin: input.origin.to_owned(),
        },
    };
    renderer.everything()?;
    Ok(renderer.tree)
}

/// What stands for the identity in the text that it is the hash of.
const NO_IDENTITY: Digest = Digest::from_bytes([0; 32]);

struct Renderer<'a> {
    input: &'a RenderInput<'a>,
    services: &'a BTreeMap<ServiceName, Service>,
    scope: Scope,
    tree: Tree,
}

/// What the tree's list says of a unit besides its text.
struct Entry {
    name: UnitName,
    subject: Option<String>,
    instance: Option<Instance>,
    parts: Parts,
}

impl<'a> Renderer<'a> {
    fn everything(&mut self) -> Result<(), RenderError> {
        let mut networks = BTreeSet::new();
        let mut volumes = BTreeMap::new();
        for instance in self.input.instances {
            let service = self.service(instance)?;
            networks.extend(container::joined(service).into_keys());
            volumes.extend(mounted_volumes(service).map(|volume| (volume, &instance.service)));
        }
        for net in &networks {
            self.network(net)?;
        }
        for (volume, service) in volumes {
            self.volume(volume, service)?;
        }
        for instance in start_order(self.input.instances, self.services)? {
            self.container(&instance)?;
        }
        self.target()?;
        self.boot()
    }

    fn service(&self, instance: &Instance) -> Result<&'a Service, RenderError> {
        let service = self.services.get(&instance.service);
        service.ok_or_else(|| RenderError::NoService {
            environment: self.input.environment.clone(),
            service: instance.service.clone(),
            host: self.input.host.clone(),
        })
    }

    fn network(&mut self, net: &Net) -> Result<(), RenderError> {
        let named = |(name, _): &(&_, &_)| Net::of(name) == *net;
        let all = &self.input.release.cluster.networks;
        let network = all.iter().find(named).map(|(_, network)| network.clone());
        let network = network.unwrap_or_default();
        let scope = self.scope.clone();
        let entry = Entry {
            name: net.unit(&scope),
            subject: Some(net.object(&scope)),
            instance: None,
            parts: Parts::of_kind(Kind::Network),
        };
        self.add(entry, |identity| {
            draft::network(&scope, net, &network, identity)
        })
    }

    fn volume(&mut self, name: &VolumeName, service: &ServiceName) -> Result<(), RenderError> {
        let volume = self.input.release.cluster.volumes.get(name);
        let volume = volume.ok_or_else(|| RenderError::NoVolume {
            service: service.clone(),
            volume: name.clone(),
        })?;
        let scope = self.scope.clone();
        let object = scope.volume(name);
        let entry = Entry {
            name: names::volume(&scope, name),
            subject: Some(object.clone()),
            instance: None,
            parts: Parts::of_kind(Kind::Volume),
        };
        self.add(entry, |identity| {
            draft::volume(&scope, &object, volume, identity)
        })
    }

    fn container(&mut self, instance: &Instance) -> Result<(), RenderError> {
        let service = self.service(instance)?;
        let scope = self.scope.clone();
        let image = self.input.release.images.get(&instance.service);
        let image = image.ok_or_else(|| RenderError::NoImage {
            service: instance.service.clone(),
        })?;
        let container = Container::of(&Source {
            scope: &scope,
            instance,
            service,
            services: self.services,
            image,
            assets: &self.input.release.assets,
        })?;
        self.tree
            .images
            .insert(instance.service.clone(), image.clone());
        self.tree.assets.extend(container.assets.clone());
        let order = self.order(service, &container);
        let mut parts = parts(service, &container);
        parts.service = Some(instance.service.clone());
        parts.image = Some(image.config);
        let networks = container.networks.iter().map(|(net, _)| net.unit(&scope));
        parts.follows = order.part_of.iter().cloned().chain(networks).collect();
        let description = format!("{instance} of {} in {}", scope.cluster, scope.environment);
        let draft = Draft {
            scope: &scope,
            service,
            container: &container,
            description: &description,
            awaited: service.has_healthcheck() || self.awaited(&instance.service),
        };
        let entry = Entry {
            name: names::instance(&scope, instance),
            subject: Some(container.name.clone()),
            instance: Some(instance.clone()),
            parts,
        };
        self.add(entry, |identity| draft.unit(order.clone(), identity))
    }

    /// Returns what an instance's unit waits for on this host. A one-shot has run before, at the switch, so nothing
    /// waits for it at boot.
    fn order(&self, service: &Service, container: &Container) -> Order {
        let networks = container
            .networks
            .iter()
            .map(|(net, _)| net.unit(&self.scope));
        let volumes: BTreeSet<_> = mounted_volumes(service).collect();
        let volumes = volumes
            .into_iter()
            .map(|volume| names::volume(&self.scope, volume));
        let dependencies = dependencies(service);
        let mut order = Order {
            requires: networks.chain(volumes).collect(),
            wants: Vec::new(),
            part_of: Vec::new(),
            assets: Vec::new(),
        };
        for other in self.input.instances {
            let Some(dependency) = dependencies.get(&other.service) else {
                continue;
            };
            let one_shot = self
                .services
                .get(&other.service)
                .is_some_and(|s| s.one_shot);
            if one_shot || dependency.condition == Condition::Completed {
                continue;
            }
            let unit = names::instance(&self.scope, other);
            if dependency.restart {
                order.part_of.push(unit.clone());
            }
            order.wants.push(unit);
        }
        let path = |digest: &Digest| container::asset_path(&self.scope, digest);
        order.assets = container.assets.keys().map(path).collect();
        order
    }

    /// Tells whether a service on this host waits until this one is healthy.
    fn awaited(&self, service: &ServiceName) -> bool {
        let waits = |other: &Instance| {
            let other = self.services.get(&other.service);
            other
                .and_then(|other| other.depends_on.get(service))
                .is_some_and(|dependency| dependency.condition == Condition::Healthy)
        };
        self.input.instances.iter().any(waits)
    }

    fn target(&mut self) -> Result<(), RenderError> {
        let wanted = |unit: &&Listed| unit.kind != Kind::OneShot;
        let wants = self.tree.units.iter().filter(wanted);
        let wants: Vec<_> = wants.map(|unit| unit.name.clone()).collect();
        let scope = self.scope.clone();
        let entry = Entry {
            name: names::target(&scope),
            subject: None,
            instance: None,
            parts: Parts::of_kind(Kind::Target),
        };
        self.add(entry, |_| draft::target(&scope, wants.clone()))
    }

    fn boot(&mut self) -> Result<(), RenderError> {
        let scope = self.scope.clone();
        let entry = Entry {
            name: names::boot(&scope),
            subject: None,
            instance: None,
            parts: Parts::of_kind(Kind::Boot),
        };
        self.add(entry, |_| draft::boot(&scope))
    }

    /// Renders a unit twice: to get its identity, and with it.
    fn add(
        &mut self,
        entry: Entry,
        unit: impl Fn(&str) -> Result<Unit, EscapeError>,
    ) -> Result<(), RenderError> {
        let Entry {
            name,
            subject,
            instance,
            parts,
        } = entry;
        if self.tree.parts.contains_key(&name) {
            return Err(RenderError::NameTaken { unit: name });
        }
        let text = |identity: &str| {
            let unit = unit(identity).map_err(|source| RenderError::Unwritable {
                subject: subject.clone().unwrap_or_else(|| name.to_string()),
                source,
            })?;
            unit.render(&self.scope, identity)
        };
        let identity = Digest::of(text(&NO_IDENTITY.hex())?);
        let text = text(&identity.hex())?;
        let kind = parts.kind;
        let parts = Parts { identity, ..parts };
        self.tree.parts.insert(name.clone(), parts);
        self.tree.units.push(Listed {
            name,
            kind,
            identity,
            subject,
            instance,
            text,
        });
        Ok(())
    }
}

fn mounted_volumes(service: &Service) -> impl Iterator<Item = &VolumeName> {
    service
        .mounts
        .iter()
        .filter_map(|mount| match &mount.source {
            MountSource::Volume(volume) => Some(volume),
            MountSource::Anonymous
            | MountSource::Repository(_)
            | MountSource::HostPath(_)
            | MountSource::Memory { .. } => None,
        })
}

/// Hashes what a service is made of, so that a later plan can say what changed.
fn parts(service: &Service, container: &Container) -> Parts {
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
        links,
        depends_on,
        healthcheck,
        restart,
        profiles: _,
        labels,
        user,
        working_dir,
        stop_grace_period,
        options,
        one_shot,
        test_only: _,
    } = service;
    let assets: Vec<_> = container.assets.keys().collect();
    let names: Vec<_> = container.networks.iter().map(|(_, names)| names).collect();
    let process = (user, working_dir, restart, stop_grace_period);
    let aspects = [
        (Aspect::Command, serde_json::json!((entrypoint, command))),
        (Aspect::Ports, serde_json::json!((ports, expose))),
        (Aspect::Mounts, serde_json::json!((mounts, assets))),
        (
            Aspect::Networks,
            serde_json::json!((&service.networks, names)),
        ),
        (Aspect::Health, serde_json::json!(healthcheck)),
        (Aspect::Labels, serde_json::json!(labels)),
        (Aspect::Process, serde_json::json!(process)),
        (Aspect::Options, serde_json::json!(options)),
        (Aspect::Dependencies, serde_json::json!((depends_on, links))),
    ];
    let hash =
        |(aspect, value): (Aspect, serde_json::Value)| (aspect, Parts::hash(value.to_string()));
    let variable = |(name, value): (&String, &String)| (name.clone(), Parts::hash(value));
    Parts {
        aspects: aspects.into_iter().map(hash).collect(),
        environment: environment.iter().map(variable).collect(),
        ..Parts::of_kind(if *one_shot {
            Kind::OneShot
        } else {
            Kind::Service
        })
    }
}
