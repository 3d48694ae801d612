//! Which instances of one host start after which.

use std::collections::{BTreeMap, BTreeSet};

use super::error::RenderError;
use super::tree::Instance;
use crate::domain::cluster::{Condition, Dependency, Service};
use crate::domain::name::ServiceName;

/// Returns what a service waits for: its dependencies, and its links, which are dependencies as well.
pub fn dependencies(service: &Service) -> BTreeMap<&ServiceName, Dependency> {
    let linked = Dependency {
        condition: Condition::Started,
        restart: false,
        required: true,
    };
    let links = service.links.iter().map(|link| (&link.service, linked));
    let written = service
        .depends_on
        .iter()
        .map(|(name, dependency)| (name, *dependency));
    links.chain(written).collect()
}

/// Returns the instances so that each comes after those it waits for, and otherwise by name.
///
/// # Errors
///
/// Instances that wait for each other.
pub fn start_order(
    instances: &BTreeSet<Instance>,
    services: &BTreeMap<ServiceName, Service>,
) -> Result<Vec<Instance>, RenderError> {
    let mut left: Vec<&Instance> = instances.iter().collect();
    let mut ordered: Vec<Instance> = Vec::new();
    while !left.is_empty() {
        let unstarted: BTreeSet<_> = left.iter().map(|instance| &instance.service).collect();
        let ready = |instance: &&Instance| {
            let service = services.get(&instance.service);
            let needed = service.map(dependencies).unwrap_or_default();
            !needed.keys().any(|name| unstarted.contains(name))
        };
        let (next, waiting): (Vec<_>, Vec<_>) = left.iter().copied().partition(ready);
        if next.is_empty() {
            let instance = left[0].clone();
            return Err(RenderError::Circle { instance });
        }
        ordered.extend(next.into_iter().cloned());
        left = waiting;
    }
    Ok(ordered)
}
