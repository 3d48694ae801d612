//! Whether a switched host is healthy, from what is seen of it over time.
//!
//! The gate opens when everything has been well for `healthy_after` without a break, and closes at once on what cannot
//! get better by itself, or when `within` is over.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::cluster::RolloutPolicy;
use crate::domain::inventory::{Health, UnitState};
use crate::domain::unit::{Instance, Scope, UnitName};

/// What is seen of a host at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observation {
    /// The units that have to stay up.
    pub units: BTreeMap<UnitName, UnitState>,
    /// What each probed instance answered: nothing, or why it is not well.
    pub probes: BTreeMap<Instance, Option<String>>,
}

impl Observation {
    /// Returns the units that are not well, by themselves or by their probe's answer.
    #[must_use]
    pub fn unwell(&self, scope: &Scope) -> Vec<&UnitName> {
        let unit_of = |instance: &Instance| format!("{}.service", instance.container(scope));
        let silent: Vec<String> = self
            .probes
            .iter()
            .filter(|(_, answer)| answer.is_some())
            .map(|(instance, _)| unit_of(instance))
            .collect();
        let unwell = |(unit, state): &(&UnitName, &UnitState)| {
            state.active != "active"
                || state.health == Some(Health::Unhealthy)
                || silent.iter().any(|name| name == unit.as_str())
        };
        let units = self.units.iter().filter(unwell);
        units.map(|(unit, _)| unit).collect()
    }
}

/// What the gate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Healthy for long enough.
    Open,
    /// Not yet, and what is waited for.
    Waiting(String),
    /// Not any more, and why.
    Closed(String),
}

/// A host's gate.
#[derive(Debug, Clone)]
pub struct Gate {
    policy: RolloutPolicy,
    well_since: Option<Duration>,
    restarts: BTreeMap<UnitName, u32>,
}

impl Gate {
    /// Makes the gate of a host that was switched just now.
    #[must_use]
    pub fn new(policy: RolloutPolicy) -> Self {
        Self {
            policy,
            well_since: None,
            restarts: BTreeMap::new(),
        }
    }

    /// Judges what is seen, `at` counted from the end of the switch.
    pub fn judge(&mut self, at: Duration, seen: &Observation) -> Verdict {
        if let Some(reason) = hopeless(seen) {
            return Verdict::Closed(reason);
        }
        let trouble = self.trouble(seen);
        self.restarts = seen
            .units
            .iter()
            .map(|(unit, state)| (unit.clone(), state.restarts))
            .collect();
        let waiting = match trouble {
            Some(trouble) => {
                self.well_since = None;
                trouble
            }
            None => {
                let since = *self.well_since.get_or_insert(at);
                if at - since >= self.policy.healthy_after {
                    return Verdict::Open;
                }
                format!(
                    "healthy, to stay so for {}s",
                    self.policy.healthy_after.as_secs_f64()
                )
            }
        };
        // What is well when time is up gets the rest of its stability window.
        if at > self.policy.within && self.well_since.is_none() {
            return Verdict::Closed(format!(
                "not healthy within {}s: {waiting}",
                self.policy.within.as_secs_f64()
            ));
        }
        Verdict::Waiting(waiting)
    }

    fn trouble(&self, seen: &Observation) -> Option<String> {
        let unit = seen.units.iter().find_map(|(unit, state)| {
            let restarted = self
                .restarts
                .get(unit)
                .is_some_and(|before| *before != state.restarts);
            if state.active != "active" {
                Some(format!("{unit} is {} ({})", state.active, state.sub))
            } else if restarted {
                Some(format!("{unit} was restarted"))
            } else if state.health == Some(Health::Starting) {
                Some(format!("{unit} has no health yet"))
            } else {
                None
            }
        });
        let probe = || {
            let mut failing = seen
                .probes
                .iter()
                .filter_map(|(instance, answer)| Some((instance, answer.as_ref()?)));
            failing
                .next()
                .map(|(instance, why)| format!("{instance} does not answer its probe: {why}"))
        };
        unit.or_else(probe)
    }
}

/// What cannot get better by itself.
fn hopeless(seen: &Observation) -> Option<String> {
    seen.units.iter().find_map(|(unit, state)| {
        if state.load != "loaded" {
            Some(format!("{unit} is {}", state.load))
        } else if state.active == "failed" {
            Some(format!(
                "{unit} failed ({}), restarted {} times",
                state.sub, state.restarts
            ))
        } else if state.health == Some(Health::Unhealthy) {
            Some(format!("{unit} is unhealthy"))
        } else {
            None
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(active: &str) -> UnitState {
        let [load, active, sub] = ["loaded", active, "running"].map(str::to_owned);
        UnitState {
            load,
            active,
            sub,
            intact: true,
            ..UnitState::default()
        }
    }

    fn seen(state: UnitState) -> Observation {
        Observation {
            units: BTreeMap::from([("a.service".parse().unwrap(), state)]),
            probes: BTreeMap::new(),
        }
    }

    fn gate() -> Gate {
        let seconds = Duration::from_secs;
        Gate::new(RolloutPolicy {
            healthy_after: seconds(5),
            within: seconds(20),
            ..RolloutPolicy::default()
        })
    }

    fn judge(gate: &mut Gate, at: u64, seen: &Observation) -> Verdict {
        gate.judge(Duration::from_secs(at), seen)
    }

    #[test]
    fn opens_after_a_stable_time_and_a_restart_starts_it_anew() {
        let mut gate = gate();
        let up = seen(state("active"));
        assert!(matches!(judge(&mut gate, 0, &up), Verdict::Waiting(_)));
        let restarted = seen(UnitState {
            restarts: 1,
            ..state("active")
        });
        assert_eq!(
            judge(&mut gate, 4, &restarted),
            Verdict::Waiting("a.service was restarted".to_owned())
        );
        assert!(matches!(
            judge(&mut gate, 6, &restarted),
            Verdict::Waiting(_)
        ));
        assert!(matches!(
            judge(&mut gate, 10, &restarted),
            Verdict::Waiting(_)
        ));
        assert_eq!(judge(&mut gate, 11, &restarted), Verdict::Open);
    }

    #[test]
    fn closes_at_once_on_what_cannot_get_better() {
        for (state, reason) in [
            (
                state("failed"),
                "a.service failed (running), restarted 0 times",
            ),
            (
                UnitState {
                    health: Some(Health::Unhealthy),
                    ..state("active")
                },
                "a.service is unhealthy",
            ),
            (
                UnitState {
                    load: "not-found".to_owned(),
                    ..state("active")
                },
                "a.service is not-found",
            ),
        ] {
            assert_eq!(
                judge(&mut gate(), 0, &seen(state)),
                Verdict::Closed(reason.to_owned())
            );
        }
    }

    #[test]
    fn closes_when_time_is_up_and_says_what_was_waited_for() {
        let mut gate = gate();
        let starting = seen(UnitState {
            health: Some(Health::Starting),
            ..state("active")
        });
        assert!(matches!(
            judge(&mut gate, 20, &starting),
            Verdict::Waiting(_)
        ));
        let closed =
            Verdict::Closed("not healthy within 20s: a.service has no health yet".to_owned());
        assert_eq!(judge(&mut gate, 21, &starting), closed);
    }

    #[test]
    fn a_late_recovery_gets_its_stability_window() {
        let mut gate = gate();
        let up = seen(state("active"));
        assert!(matches!(judge(&mut gate, 19, &up), Verdict::Waiting(_)));
        assert!(matches!(judge(&mut gate, 22, &up), Verdict::Waiting(_)));
        assert_eq!(judge(&mut gate, 24, &up), Verdict::Open);
    }

    #[test]
    fn a_probe_holds_the_gate() {
        let mut gate = gate();
        let mut silent = seen(state("active"));
        let instance = Instance {
            service: "web".parse().unwrap(),
            number: 1,
        };
        silent
            .probes
            .insert(instance, Some("connection refused".to_owned()));
        let waiting = "web-1 does not answer its probe: connection refused".to_owned();
        assert_eq!(judge(&mut gate, 0, &silent), Verdict::Waiting(waiting));
    }

    #[test]
    fn who_is_unwell_is_named_by_its_unit() {
        let scope = Scope {
            cluster: "shop".parse().unwrap(),
            environment: "lab".parse().unwrap(),
        };
        let mut here = Observation::default();
        for (service, active) in [("db", "failed"), ("web", "active"), ("api", "active")] {
            let unit = format!("shop-lab-{service}-1.service");
            here.units.insert(unit.parse().unwrap(), state(active));
        }
        let web = Instance {
            service: "web".parse().unwrap(),
            number: 1,
        };
        here.probes.insert(web, Some("HTTP 404".to_owned()));
        let names: Vec<_> = here
            .unwell(&scope)
            .iter()
            .map(|unit| unit.as_str())
            .collect();
        assert_eq!(names, ["shop-lab-db-1.service", "shop-lab-web-1.service"]);
    }

    #[test]
    fn no_stability_window_opens_at_once() {
        let mut gate = Gate::new(RolloutPolicy {
            healthy_after: Duration::ZERO,
            ..RolloutPolicy::default()
        });
        assert_eq!(judge(&mut gate, 0, &seen(state("active"))), Verdict::Open);
    }
}
