//! Asking whether a host can take its deployment, of what it said when it was surveyed.

use super::error::RolloutError;
use super::job::Job;
use crate::domain::cluster::Port;
use crate::domain::name::{Digest, HostName};
use crate::domain::plan::preflight::{Demand, unfit};
use crate::system::clock;

/// Refuses a host that cannot take its deployment.
pub(super) async fn check(job: &Job, host: &HostName) -> Result<(), RolloutError> {
    let Some(inventory) = job.fleet.hosts.get(host) else {
        return Ok(());
    };
    let demand = Demand {
        scope: &job.scope,
        ports: ports(job, host),
        bytes: bytes(job, host),
        now: clock::now(),
    };
    let found = unfit(&demand, inventory);
    if found.is_empty() {
        return Ok(());
    }
    let joined = |texts: Vec<String>| texts.join("; ");
    let (reasons, hints) = found
        .into_iter()
        .map(|unfit| (unfit.reason, unfit.hint))
        .unzip();
    Err(RolloutError::Unfit {
        host: host.clone(),
        reason: joined(reasons),
        hint: joined(hints),
    })
}

fn ports(job: &Job, host: &HostName) -> Vec<Port> {
    let instances = job.instances.get(host).into_iter().flatten();
    let services = instances.filter_map(|instance| job.environment.services.get(&instance.service));
    services.flat_map(|service| service.ports.clone()).collect()
}

/// Returns how much the images may need that the host lacks. Which of their layers it has is found out by pulling.
fn bytes(job: &Job, host: &HostName) -> u64 {
    let plan = job.plan.hosts.get(host);
    let lacking = plan
        .map(|plan| plan.ship.keys().collect::<Vec<_>>())
        .unwrap_or_default();
    let images = lacking
        .iter()
        .filter_map(|service| job.trees.get(host)?.images.get(*service));
    let mut layers: Vec<&Digest> = images.flat_map(|image| &image.layers).collect();
    layers.sort();
    layers.dedup();
    layers
        .into_iter()
        .filter_map(|layer| job.blobs.size(layer))
        .sum()
}
