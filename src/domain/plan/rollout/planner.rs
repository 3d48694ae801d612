//! Puts the hosts' steps together.

use std::collections::BTreeMap;

use serde_json::json;

use super::host::host;
use super::value::{HostPlan, Note, Plan};
use crate::domain::cluster::RolloutPolicy;
use crate::domain::failure::{Explain, Kind};
use crate::domain::inventory::{Fleet, Inventory, UnitState};
use crate::domain::name::{Digest, HostName, ReleaseId};
use crate::domain::unit::{self, Scope, Tree, UnitName};

/// What a plan is made from.
#[derive(Debug, Clone, Copy)]
pub struct PlanInput<'a> {
    /// Of what.
    pub scope: &'a Scope,
    /// To which release.
    pub release: &'a ReleaseId,
    /// How the rollout proceeds.
    pub policy: &'a RolloutPolicy,
    /// The hosts meant, in the order written: all of the environment, or some.
    pub hosts: &'a [HostName],
    /// What each host is to run.
    pub trees: &'a BTreeMap<HostName, Tree>,
    /// What each host runs.
    pub fleet: &'a Fleet,
    /// Whether foreign and hand-changed units are to be overwritten.
    pub adopt: bool,
}

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// What a host runs is not known.
    #[error("cannot plan for {host}, which did not answer: {why}")]
    Unreachable {
        /// The host.
        host: HostName,
        /// Why not.
        why: String,
    },
    /// A host that is not of the environment.
    #[error("{scope} has no host {host}")]
    NoHost {
        /// The cluster and environment.
        scope: Scope,
        /// The host.
        host: HostName,
    },
}

impl Explain for PlanError {
    fn kind(&self) -> Kind {
        match self {
            Self::Unreachable { .. } => Kind::Unreachable,
            Self::NoHost { .. } => Kind::Invalid,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Unreachable { host, .. } => vec![
                format!("try `ssh {host} true`"),
                "leave the host out with `--hosts`".to_owned(),
            ],
            Self::NoHost { .. } => {
                vec!["name a host as the environment's `hosts:` does".to_owned()]
            }
        }
    }
}

/// Plans a rollout.
///
/// # Errors
///
/// A host whose inventory or tree is not there.
pub fn plan(input: &PlanInput<'_>) -> Result<Plan, PlanError> {
    let mut hosts = BTreeMap::new();
    for name in input.hosts {
        let inventory = inventory(input, name)?;
        let tree = input.trees.get(name).ok_or_else(|| PlanError::NoHost {
            scope: input.scope.clone(),
            host: name.clone(),
        })?;
        hosts.insert(name.clone(), host(tree, inventory));
    }
    Ok(Plan {
        format: Plan::FORMAT,
        scope: input.scope.clone(),
        release: input.release.clone(),
        policy: input.policy.clone(),
        adopt: input.adopt,
        batches: batches(input, &hosts),
        hosts,
        notes: notes(input),
        fingerprint: fingerprint(input.hosts, input.fleet),
    })
}

fn inventory<'a>(input: &PlanInput<'a>, host: &HostName) -> Result<&'a Inventory, PlanError> {
    let why = input.fleet.unreachable.get(host);
    input
        .fleet
        .hosts
        .get(host)
        .ok_or_else(|| PlanError::Unreachable {
            host: host.clone(),
            why: why
                .cloned()
                .unwrap_or_else(|| "it was not asked".to_owned()),
        })
}

/// Returns the hosts with something to do: each that runs a one-shot alone and first, since all others count on its
/// result, then the rest in groups of `max_in_flight`.
fn batches(input: &PlanInput<'_>, hosts: &BTreeMap<HostName, HostPlan>) -> Vec<Vec<HostName>> {
    let busy = |name: &&HostName| hosts.get(*name).is_some_and(|plan| !plan.up_to_date());
    let busy = input.hosts.iter().filter(busy).cloned();
    let (first, rest): (Vec<_>, Vec<_>) = busy.partition(|name| hosts[name].runs_once());
    let size = usize::from(input.policy.max_in_flight.max(1));
    let alone = first.into_iter().map(|host| vec![host]);
    alone.chain(rest.chunks(size).map(<[_]>::to_vec)).collect()
}

/// Finds volumes whose data is on a host that will not run their services any more.
fn notes(input: &PlanInput<'_>) -> Vec<Note> {
    let mut notes = Vec::new();
    for (to, tree) in input.trees {
        let volumes = tree
            .units
            .iter()
            .filter(|unit| unit.kind == unit::Kind::Volume);
        for volume in volumes.filter(|volume| !has(input, to, &volume.name)) {
            let leaves = |from: &&HostName| {
                let stays = input
                    .trees
                    .get(*from)
                    .is_some_and(|tree| tree.parts.contains_key(&volume.name));
                !stays && has(input, from, &volume.name)
            };
            let from = input.fleet.hosts.keys().find(leaves);
            notes.extend(from.map(|from| {
                Note::VolumeMoves {
                    volume: volume
                        .subject
                        .clone()
                        .unwrap_or_else(|| volume.name.to_string()),
                    from: from.clone(),
                    to: to.clone(),
                }
            }));
        }
    }
    notes
}

fn has(input: &PlanInput<'_>, host: &HostName, unit: &UnitName) -> bool {
    let inventory = input.fleet.hosts.get(host);
    inventory.is_some_and(|inventory| inventory.units.contains_key(unit))
}

/// Returns the digest of what hosts run, as far as a plan depends on it. While it stays, a plan is what it was.
#[must_use]
pub fn fingerprint(hosts: &[HostName], fleet: &Fleet) -> Digest {
    let unit = |(name, state): (&UnitName, &UnitState)| {
        let UnitState {
            kind: _,
            load,
            active,
            sub: _,
            restarts: _,
            running,
            intact,
            health: _,
            image: _,
        } = state;
        json!([name, load, active, running, intact])
    };
    let host = |name: &HostName| {
        let inventory = fleet.hosts.get(name)?;
        let pending = inventory
            .pending
            .as_ref()
            .map(|pending| (&pending.to, &pending.back));
        let units: Vec<_> = inventory.units.iter().map(unit).collect();
        Some(json!([
            name,
            inventory.current,
            pending,
            units,
            inventory.foreign
        ]))
    };
    let known: BTreeMap<_, _> = hosts.iter().map(|name| (name, host(name))).collect();
    let known: Vec<_> = known.into_values().collect();
    Digest::of(json!(known).to_string())
}
