//! Watching a switched host until it is healthy or is not.

use std::collections::BTreeMap;
use std::time::Duration;

use super::error::RolloutError;
use super::job::Job;
use super::link::Link;
use super::probe::Prober;
use super::survey::PATIENCE;
use super::verbs;
use crate::domain::cluster::Probe;
use crate::domain::inventory::UnitState;
use crate::domain::invocation::container::last_lines;
use crate::domain::name::HostName;
use crate::domain::plan::gate::{Gate, Observation, Verdict};
use crate::domain::unit::{Instance, Kind, UnitName};
use crate::pipeline::Running;
use crate::system::clock;

/// How often a host is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// Watches a host. Every look renews its guard.
pub(super) async fn watch(
    job: &Job,
    host: &HostName,
    token: u64,
    running: Option<&Running>,
) -> Result<(), RolloutError> {
    let link = job.link(host)?;
    let policy = job.environment.rollout.clone();
    let guard = policy.guard;
    let mut gate = Gate::new(policy);
    let mut probers = BTreeMap::new();
    let since = clock::instant();
    let mut waiting_for = String::new();
    loop {
        let status = verbs::status(link, &job.scope, Some((guard, token))).await?;
        let kept_up = |state: &UnitState| state.kind == Some(Kind::Service);
        let units: BTreeMap<_, _> = status
            .units
            .into_iter()
            .filter(|(_, state)| kept_up(state))
            .collect();
        let mut seen = Observation {
            units,
            ..Observation::default()
        };
        for (instance, probe) in probed(job, seen.units.keys()) {
            let container = instance.container(&job.scope);
            let fresh = || Prober::new(link.target.clone(), link.options.clone(), container, probe);
            let prober = probers.entry(instance.clone()).or_insert_with(fresh);
            seen.probes
                .insert(instance, prober.ask(&link.connection).await);
        }
        match gate.judge(clock::instant().duration_since(since), &seen) {
            Verdict::Open => return Ok(()),
            Verdict::Closed(reason) => {
                tell_last_lines(job, link, &seen).await;
                let hint = format!("`journalctl` on {host} has more");
                return Err(RolloutError::Unhealthy {
                    host: host.clone(),
                    reason,
                    hint,
                });
            }
            Verdict::Waiting(reason) => {
                if let Some(running) = running.filter(|_| reason != waiting_for) {
                    running.phase(reason.clone());
                    waiting_for = reason;
                }
                tokio::time::sleep(LOOK).await;
            }
        }
    }
}

/// Tells what those who are not well said last. A host that cannot be asked any more says nothing.
async fn tell_last_lines(job: &Job, link: &Link, seen: &Observation) {
    for unit in seen.unwell(&job.scope) {
        let asked = link.run(last_lines(unit), PATIENCE, &mut |_| {}).await;
        let lines = asked.map(|done| done.stdout).unwrap_or_default();
        if !lines.trim().is_empty() {
            let lines = lines.trim_end().replace('\n', "\n    ");
            job.events.note(format!(
                "{}: the last lines of {unit}:\n    {lines}",
                link.name()
            ));
        }
    }
}

/// Finds the instances that run here and have a probe, by the names of their units.
fn probed<'u>(job: &Job, units: impl Iterator<Item = &'u UnitName>) -> Vec<(Instance, Probe)> {
    let instance = |unit: &UnitName| {
        let name = unit
            .as_str()
            .strip_prefix(&format!("{}-", job.scope))?
            .strip_suffix(".service")?;
        let (service, number) = name.rsplit_once('-')?;
        let probe = job.environment.probes.get(service)?.clone();
        Some((
            Instance {
                service: service.parse().ok()?,
                number: number.parse().ok()?,
            },
            probe,
        ))
    };
    units.filter_map(instance).collect()
}
