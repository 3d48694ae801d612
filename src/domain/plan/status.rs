//! How a host stands against what it should run.

use serde::Serialize;

use crate::domain::inventory::{Health, Inventory, UnitState};
use crate::domain::name::DeploymentId;
use crate::domain::unit::{Kind, UnitName};

/// How a host stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Standing {
    /// It runs its deployment, everything up and unchanged.
    Healthy,
    /// Nothing was ever deployed there, or everything was taken back.
    Empty,
    /// It runs something else than it should.
    Drifted {
        /// Each difference, as a sentence fragment.
        differences: Vec<String>,
    },
    /// It did not answer.
    Unreachable {
        /// Why.
        reason: String,
    },
}

/// Compares what a host runs with its own deployment, and with the one that the ledger says it was brought to.
#[must_use]
pub fn standing(inventory: &Inventory, recorded: Option<&DeploymentId>) -> Standing {
    let mut differences = Vec::new();
    if let Some(pending) = &inventory.pending {
        differences.push(match (pending.guarded, pending.seconds_left) {
            (true, left) => format!(
                "switched to {}, not confirmed: its guard goes back in {} s",
                pending.to,
                left.max(0)
            ),
            (false, _) => format!(
                "switched to {}, not confirmed, and no guard runs",
                pending.to
            ),
        });
    }
    match (&inventory.current, recorded) {
        (Some(current), Some(recorded)) if current != recorded => {
            differences.push(format!(
                "runs deployment {current}, the ledger says {recorded}"
            ));
        }
        (None, Some(recorded)) => {
            differences.push(format!("runs nothing, the ledger says {recorded}"))
        }
        (Some(_) | None, _) => {}
    }
    differences.extend(
        inventory
            .units
            .iter()
            .filter_map(|(unit, state)| difference(unit, state)),
    );
    differences.extend(
        inventory
            .foreign
            .iter()
            .map(|unit| format!("{unit} is not ours or was changed by hand")),
    );
    if !differences.is_empty() {
        Standing::Drifted { differences }
    } else if inventory.current.is_none() {
        Standing::Empty
    } else {
        Standing::Healthy
    }
}

fn difference(unit: &UnitName, state: &UnitState) -> Option<String> {
    let UnitState {
        kind,
        load,
        active,
        sub,
        restarts,
        running: _,
        intact,
        health,
        image: _,
    } = state;
    if load == "masked" {
        Some(format!("{unit} is masked"))
    } else if !intact {
        Some(format!("{unit} is not as deployed"))
    } else if active == "failed" || active == "activating" && sub == "auto-restart" {
        Some(format!(
            "{unit} is {active} ({sub}), restarted {restarts} times"
        ))
    } else if active == "inactive" && *kind == Some(Kind::Service) {
        Some(format!("{unit} does not run"))
    } else if *health == Some(Health::Unhealthy) {
        Some(format!("{unit} is unhealthy"))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::inventory::Pending;

    fn id(text: &str) -> DeploymentId {
        text.parse().unwrap()
    }

    fn running() -> Inventory {
        let state = UnitState {
            load: "loaded".to_owned(),
            active: "active".to_owned(),
            sub: "running".to_owned(),
            intact: true,
            ..UnitState::default()
        };
        let mut inventory = Inventory {
            current: Some(id("0123456789ab")),
            ..Inventory::default()
        };
        inventory
            .units
            .insert("shop-staging-web-1.service".parse().unwrap(), state);
        inventory
    }

    fn change(change: impl FnOnce(&mut UnitState)) -> Standing {
        let mut inventory = running();
        change(inventory.units.values_mut().next().unwrap());
        standing(&inventory, None)
    }

    fn drifted(difference: &str) -> Standing {
        Standing::Drifted {
            differences: vec![difference.to_owned()],
        }
    }

    #[test]
    fn healthy_is_what_was_deployed_and_runs() {
        assert_eq!(
            standing(&running(), Some(&id("0123456789ab"))),
            Standing::Healthy
        );
        assert_eq!(standing(&Inventory::default(), None), Standing::Empty);
    }

    #[test]
    fn each_difference_is_named() {
        let unit = "shop-staging-web-1.service";
        assert_eq!(
            change(|state| state.intact = false),
            drifted(&format!("{unit} is not as deployed"))
        );
        assert_eq!(
            change(|state| state.health = Some(Health::Unhealthy)),
            drifted(&format!("{unit} is unhealthy"))
        );
        let failed = change(|state| {
            state.active = "failed".to_owned();
            state.sub = "failed".to_owned();
        });
        assert_eq!(
            failed,
            drifted(&format!("{unit} is failed (failed), restarted 0 times"))
        );
        let other = standing(&running(), Some(&id("ffffffffffff")));
        assert_eq!(
            other,
            drifted("runs deployment 0123456789ab, the ledger says ffffffffffff")
        );
    }

    #[test]
    fn an_unconfirmed_switch_is_told() {
        let mut inventory = running();
        let pending = Pending {
            to: id("0123456789ab"),
            back: None,
            seconds_left: 42,
            guarded: true,
        };
        inventory.pending = Some(pending);
        let told = "switched to 0123456789ab, not confirmed: its guard goes back in 42 s";
        assert_eq!(standing(&inventory, None), drifted(told));
    }
}
