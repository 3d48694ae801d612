//! What services ask of their host: ports that only one can have, and paths that it may not have.

use std::collections::BTreeMap;

use super::Resolver;
use super::environment::Services;
use crate::domain::cluster::{MountSource, Port};
use crate::domain::definition::compose;
use crate::domain::definition::{At, Problem, Reading, Spanned};
use crate::domain::name::ServiceName;

impl Resolver<'_> {
    pub(super) fn host_ports(&mut self, reading: &Reading, services: &Services) {
        let mut taken: BTreeMap<_, Vec<(&ServiceName, &Port)>> = BTreeMap::new();
        for (name, service) in services {
            for port in &service.ports {
                let Some(number) = port.published else {
                    continue;
                };
                let others = taken.entry((number, port.protocol)).or_default();
                let clash = others.iter().find(|(_, other)| meet(other, port));
                if let Some((other, _)) = clash {
                    self.port_taken(reading, number, [name, *other]);
                }
                others.push((name, port));
            }
        }
    }

    fn port_taken(&mut self, reading: &Reading, number: u16, [name, other]: [&ServiceName; 2]) {
        let message = if name == other {
            format!("service `{name}` wants port {number} of its host twice")
        } else {
            format!("services `{other}` and `{name}` both want port {number} of their host")
        };
        let mut problem = Problem::error("port-taken", message);
        for service in [name, other] {
            if let Some(at) = ports_at(reading, service, number) {
                problem = problem.at(at, format!("published by `{service}`"));
            }
        }
        self.tell(problem.help("choose another host port for one of them"));
    }

    /// What a host cannot have: a folder of the repository to write into, and a home that is somebody's here.
    pub(super) fn host_binds(&mut self, reading: &Reading, services: &Services) {
        let written = reading.compose.services.iter().flat_map(|all| &all.value.0);
        for (name, service) in written {
            let placed = services.iter().find(|(other, _)| other.as_str() == name);
            let Some((_, placed)) = placed else { continue };
            for mount in service
                .value
                .volumes
                .iter()
                .flat_map(|mounts| &mounts.value.0)
            {
                let target = &mount.value.target;
                let resolved = placed.mounts.iter().find(|own| own.target == *target);
                let relative =
                    resolved.is_some_and(|own| matches!(own.source, MountSource::Repository(_)));
                if relative && !mount.value.read_only {
                    let message = format!(
                        "service `{name}` would write into the repository, which hosts do not have"
                    );
                    let problem = Problem::error("writable-bind", message)
                        .at(&mount.at, "a path of the repository, to write");
                    let problem = problem.help(format!(
                        "for data, use a named volume: `data:{target}`, declared under `volumes:`"
                    ));
                    self.tell(problem.help(
                        "for a file that is only read, add `:ro`: it is carried to the hosts",
                    ));
                }
                if mount.value.home {
                    let message = format!(
                        "service `{name}` mounts a path of this machine's home, which hosts do not have"
                    );
                    let problem = Problem::error("home-bind", message)
                        .at(&mount.at, "`~` is whoever runs longshore");
                    self.tell(
                        problem.help("write the path on the hosts in full, or use a named volume"),
                    );
                }
            }
        }
    }
}

/// Tells whether two ports of one number are bound to addresses that overlap.
fn meet(one: &Port, other: &Port) -> bool {
    match (one.address, other.address) {
        (Some(one), Some(other)) => one == other || one.is_unspecified() || other.is_unspecified(),
        (None, _) | (_, None) => true,
    }
}

fn ports_at<'a>(reading: &'a Reading, service: &ServiceName, number: u16) -> Option<&'a At> {
    let service = &reading
        .compose
        .services
        .as_ref()?
        .value
        .0
        .get(service.as_str())?
        .value;
    let ports = &service.ports.as_ref()?.value;
    let holds = |port: &&Spanned<compose::Port>| {
        port.value
            .published
            .is_some_and(|(first, last)| (first..=last).contains(&number))
    };
    ports.0.iter().find(holds).map(|port| &port.at)
}
