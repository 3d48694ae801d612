//! The way back to a deployment that hosts kept: nothing is shipped or staged, they have everything.

use std::collections::{BTreeMap, BTreeSet};

use super::planner::fingerprint;
use super::value::{HostPlan, Leftover, Note, Plan};
use crate::domain::cluster::RolloutPolicy;
use crate::domain::failure::{Explain, Kind};
use crate::domain::inventory::{Fleet, Inventory};
use crate::domain::ledger::DeploymentRecord;
use crate::domain::name::{DeploymentId, HostName, ReleaseId};
use crate::domain::unit::Scope;

/// What the way back is planned from.
#[derive(Debug, Clone, Copy)]
pub struct BackInput<'a> {
    /// Of what.
    pub scope: &'a Scope,
    /// How the rollout proceeds.
    pub policy: &'a RolloutPolicy,
    /// The hosts meant, in the order written. All of them answered.
    pub hosts: &'a [HostName],
    /// What each host runs.
    pub fleet: &'a Fleet,
    /// What the ledger says was deployed, newest first; empty without one.
    pub records: &'a [DeploymentRecord],
    /// The release to return to; the one before the current one unless said.
    pub to: Option<&'a ReleaseId>,
}

/// Why there is no way back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoWayBack {
    /// No host has an earlier deployment.
    #[error("{scope} has no deployment before the current one that was healthy")]
    Nothing {
        /// The cluster and environment.
        scope: Scope,
    },
    /// A host does not have what it would return to.
    #[error("{host} does not keep release {release} any more, or never ran it healthily")]
    NotKept {
        /// The cluster and environment.
        scope: Scope,
        /// The host.
        host: HostName,
        /// The release.
        release: ReleaseId,
    },
}

impl Explain for NoWayBack {
    fn kind(&self) -> Kind {
        Kind::Refused
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Nothing { scope } => vec![format!(
                "`longshore history -e {0}` shows what was deployed; `longshore rollback -e {0} --to ID` goes to any of it",
                scope.environment
            )],
            Self::NotKept { scope, release, .. } => vec![format!(
                "deploy it again: `longshore deploy -e {} --release {release}`",
                scope.environment
            )],
        }
    }
}

/// Plans the way back.
///
/// # Errors
///
/// If there is none.
pub fn back(input: &BackInput<'_>) -> Result<Plan, NoWayBack> {
    let (release, targets) = match input.to {
        Some(release) => (release.clone(), kept(input, release)?),
        None => before(input)?,
    };
    let mut hosts = BTreeMap::new();
    for (name, inventory) in input
        .hosts
        .iter()
        .filter_map(|name| Some((name, input.fleet.hosts.get(name)?)))
    {
        let from = inventory
            .pending
            .as_ref()
            .map_or(inventory.current.clone(), |pending| pending.back.clone());
        let to = targets.get(name).cloned().or_else(|| from.clone());
        hosts.insert(name.clone(), host(inventory, from, to));
    }
    // A deployment says what to run; that nothing is to run is said by none.
    let stays = |(host, plan): (&HostName, &HostPlan)| {
        let stays = !targets.contains_key(host) && plan.from.is_some();
        stays.then(|| Note::Stays { host: host.clone() })
    };
    let notes = hosts.iter().filter_map(stays).collect();
    let busy: Vec<_> = input
        .hosts
        .iter()
        .filter(|name| hosts.get(*name).is_some_and(|plan| !plan.up_to_date()))
        .collect();
    let size = usize::from(input.policy.max_in_flight.max(1));
    Ok(Plan {
        format: Plan::FORMAT,
        scope: input.scope.clone(),
        release,
        policy: input.policy.clone(),
        adopt: false,
        batches: busy
            .chunks(size)
            .map(|batch| batch.iter().copied().cloned().collect())
            .collect(),
        hosts,
        notes,
        fingerprint: fingerprint(input.hosts, input.fleet),
    })
}

fn host(inventory: &Inventory, from: Option<DeploymentId>, to: Option<DeploymentId>) -> HostPlan {
    let leftover = inventory.pending.as_ref();
    HostPlan {
        from,
        to,
        leftover: leftover.map(|pending| Leftover {
            to: pending.to.clone(),
            back: pending.back.clone(),
        }),
        changes: Vec::new(),
        unchanged: 0,
        ship: BTreeMap::new(),
        assets: BTreeSet::new(),
        blockers: Vec::new(),
    }
}

/// Finds what each host runs in a release.
fn kept(
    input: &BackInput<'_>,
    release: &ReleaseId,
) -> Result<BTreeMap<HostName, DeploymentId>, NoWayBack> {
    let recorded = input
        .records
        .iter()
        .find(|record| record.release == *release && record.healthy());
    let mut targets = BTreeMap::new();
    for name in input.hosts {
        let Some(inventory) = input.fleet.hosts.get(name) else {
            continue;
        };
        // It had nothing to run then.
        if recorded.is_some_and(|record| !record.hosts.contains_key(name)) {
            continue;
        }
        let own = || {
            inventory
                .healthy
                .iter()
                .find(|(_, from)| from == release)
                .map(|(id, _)| id)
        };
        let id = recorded
            .and_then(|record| record.hosts.get(name))
            .or_else(own);
        let id = id.filter(|id| inventory.kept.contains(id));
        let id = id.ok_or_else(|| NoWayBack::NotKept {
            host: name.clone(),
            release: release.clone(),
            scope: input.scope.clone(),
        })?;
        targets.insert(name.clone(), id.clone());
    }
    Ok(targets)
}

/// Finds the deployment before the current one: by the ledger where it knows what the hosts run, else by what each
/// host itself remembers.
fn before(
    input: &BackInput<'_>,
) -> Result<(ReleaseId, BTreeMap<HostName, DeploymentId>), NoWayBack> {
    let stack = stack(input.records);
    let agrees = |record: &&DeploymentRecord| {
        input.hosts.iter().all(|name| {
            let current =
                input
                    .fleet
                    .hosts
                    .get(name)
                    .and_then(|inventory| match &inventory.pending {
                        Some(pending) => pending.back.as_ref(),
                        None => inventory.current.as_ref(),
                    });
            current == record.hosts.get(name)
        })
    };
    if let [.., before, last] = stack.as_slice()
        && agrees(last)
    {
        kept(input, &before.release)?;
        return Ok((before.release.clone(), before.hosts.clone()));
    }
    let mut targets = BTreeMap::new();
    let mut release = None;
    for (name, inventory) in &input.fleet.hosts {
        let current = inventory.current.as_ref();
        let mut older = inventory
            .healthy
            .iter()
            .skip_while(|(id, _)| Some(id) != current)
            .skip(1);
        if let Some((id, from)) = older.next() {
            release.get_or_insert_with(|| from.clone());
            targets.insert(name.clone(), id.clone());
        }
    }
    let release = release.ok_or_else(|| NoWayBack::Nothing {
        scope: input.scope.clone(),
    })?;
    Ok((release, targets))
}

/// Returns the deployments that are still a step back each, oldest first: what was gone back from is not among them.
fn stack(newest_first: &[DeploymentRecord]) -> Vec<&DeploymentRecord> {
    let mut stack: Vec<&DeploymentRecord> = Vec::new();
    for record in newest_first.iter().rev().filter(|record| record.healthy()) {
        let earlier = stack
            .iter()
            .rposition(|earlier| earlier.hosts == record.hosts);
        match earlier {
            Some(at) if record.back || at + 1 == stack.len() => stack.truncate(at + 1),
            Some(_) | None => stack.push(record),
        }
    }
    stack
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ledger::{Provenance, RolloutOutcome, Timestamp};

    fn scope() -> Scope {
        Scope {
            cluster: "shop".parse().unwrap(),
            environment: "lab".parse().unwrap(),
        }
    }

    fn release(number: u8) -> ReleaseId {
        format!("{number:012x}").parse().unwrap()
    }

    fn deployment(number: u8) -> DeploymentId {
        format!("d{number:011x}").parse().unwrap()
    }

    fn name() -> HostName {
        "lab-1".parse().unwrap()
    }

    fn record(number: u8, back: bool, outcome: Option<RolloutOutcome>) -> DeploymentRecord {
        DeploymentRecord {
            environment: "lab".parse().unwrap(),
            release: release(number),
            hosts: BTreeMap::from([(name(), deployment(number))]),
            back,
            outcome,
            provenance: Provenance {
                commit: String::new(),
                dirty: false,
                actor: String::new(),
            },
            at: Timestamp(0),
        }
    }

    fn healthy(number: u8) -> DeploymentRecord {
        record(number, false, Some(RolloutOutcome::Healthy))
    }

    fn went_back(number: u8) -> DeploymentRecord {
        record(number, true, Some(RolloutOutcome::Healthy))
    }

    /// Plans with records given oldest first, on a host that runs `current` and kept 3, 2 and 1.
    fn plan(
        current: u8,
        mut records: Vec<DeploymentRecord>,
        to: Option<u8>,
    ) -> Result<Plan, NoWayBack> {
        records.reverse();
        let inventory = Inventory {
            current: Some(deployment(current)),
            kept: [3, 2, 1].map(deployment).to_vec(),
            healthy: [3, 2, 1]
                .map(|number| (deployment(number), release(number)))
                .to_vec(),
            ..Inventory::default()
        };
        let fleet = Fleet {
            hosts: BTreeMap::from([(name(), inventory)]),
            unreachable: BTreeMap::new(),
        };
        let to = to.map(release);
        back(&BackInput {
            scope: &scope(),
            policy: &RolloutPolicy::default(),
            hosts: &[name()],
            fleet: &fleet,
            records: &records,
            to: to.as_ref(),
        })
    }

    fn target(plan: Result<Plan, NoWayBack>) -> Option<DeploymentId> {
        plan.unwrap().hosts[&name()].to.clone()
    }

    #[test]
    fn each_step_back_goes_one_further() {
        let mut records = vec![healthy(1), healthy(2), healthy(3)];
        assert_eq!(target(plan(3, records.clone(), None)), Some(deployment(2)));
        records.push(went_back(2));
        assert_eq!(target(plan(2, records.clone(), None)), Some(deployment(1)));
        records.push(went_back(1));
        assert!(matches!(
            plan(1, records.clone(), None),
            Err(NoWayBack::Nothing { .. })
        ));
        // Forward again: back is where it came from.
        records.push(healthy(3));
        assert_eq!(target(plan(3, records, None)), Some(deployment(1)));
    }

    #[test]
    fn what_failed_is_no_step() {
        let failed = record(
            2,
            false,
            Some(RolloutOutcome::Reverted {
                reason: String::new(),
            }),
        );
        assert_eq!(
            target(plan(3, vec![healthy(1), failed, healthy(3)], None)),
            Some(deployment(1))
        );
    }

    #[test]
    fn without_a_ledger_the_host_remembers() {
        assert_eq!(target(plan(3, Vec::new(), None)), Some(deployment(2)));
        assert_eq!(target(plan(2, Vec::new(), None)), Some(deployment(1)));
        assert!(matches!(
            plan(1, Vec::new(), None),
            Err(NoWayBack::Nothing { .. })
        ));
    }

    #[test]
    fn a_named_release_has_to_be_kept() {
        assert_eq!(target(plan(3, Vec::new(), Some(1))), Some(deployment(1)));
        let gone = NoWayBack::NotKept {
            scope: scope(),
            host: name(),
            release: release(9),
        };
        assert_eq!(plan(3, vec![healthy(9)], Some(9)), Err(gone));
    }

    #[test]
    fn a_host_that_had_nothing_to_run_is_left_as_it_is() {
        let nowhere = |number| DeploymentRecord {
            hosts: BTreeMap::new(),
            ..healthy(number)
        };
        let way = plan(3, vec![nowhere(1), healthy(3)], None).unwrap();
        assert!(way.is_empty());
        assert_eq!(way.notes, [Note::Stays { host: name() }]);
    }

    #[test]
    fn nothing_is_shipped_and_only_who_moves_is_in_a_batch() {
        let way = plan(3, Vec::new(), None).unwrap();
        assert_eq!(way.batches, [[name()]]);
        assert!(way.hosts[&name()].ship.is_empty());
        assert!(plan(1, Vec::new(), Some(1)).unwrap().is_empty());
    }
}
