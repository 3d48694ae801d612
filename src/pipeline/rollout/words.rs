//! How the end of a rollout is told.

use crate::domain::plan::reducer::{Cause, Outcome};

/// Returns what a person is told of an end: what came of the hosts, why, and each failure on a line of its own.
pub(super) fn outcome(outcome: &Outcome) -> String {
    let (came, cause, failures) = match outcome {
        Outcome::Healthy => return "every host runs it, healthy and confirmed".to_owned(),
        Outcome::Unchanged { cause, failures } => {
            ("no host was changed".to_owned(), cause, failures)
        }
        Outcome::Reverted { cause, failures } => (
            "every host is back on what it ran before".to_owned(),
            cause,
            failures,
        ),
        Outcome::Mixed {
            cause,
            failures,
            hosts,
        } => {
            let sides: Vec<_> = hosts
                .iter()
                .map(|(host, side)| format!("{host} is {side}"))
                .collect();
            (
                format!("hosts differ, {}", sides.join(", ")),
                cause,
                failures,
            )
        }
    };
    let failures: String = failures
        .iter()
        .map(|(host, reason)| {
            // Most errors name their host themselves; what follows in brackets does not count.
            let said = reason.split(" (").next().unwrap_or_default();
            if said.contains(host.as_str()) {
                format!("\n{reason}")
            } else {
                format!("\n{host}: {reason}")
            }
        })
        .collect();
    format!("{came}: {cause}{failures}")
}

/// Returns what to do about an end.
pub(super) fn hints(outcome: &Outcome) -> Vec<String> {
    let hint = match outcome {
        Outcome::Healthy => return Vec::new(),
        Outcome::Unchanged {
            cause: Cause::NotLocked { .. },
            ..
        } => "wait until that rollout is over, or until its lease ends if it died",
        Outcome::Unchanged {
            cause: Cause::Interrupted,
            ..
        }
        | Outcome::Reverted {
            cause: Cause::Interrupted,
            ..
        } => "run the same command again when it may go on",
        Outcome::Unchanged { .. } => "mend it, then run the same command again",
        Outcome::Reverted { .. } => {
            "mend it, then run the same command again; `longshore status` shows what runs"
        }
        Outcome::Mixed { .. } => {
            "hosts that did not confirm go back by themselves; run the same command again to go on, or `longshore rollback`"
        }
    };
    vec![hint.to_owned()]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn every_failure_names_its_host_once() {
        let failure = |host: &str, reason: &str| (host.parse().unwrap(), reason.to_owned());
        let told = outcome(&Outcome::Reverted {
            cause: Cause::Failures,
            failures: BTreeMap::from([
                failure("lab-1", "failed to switch on lab-1: no"),
                failure("lab-2", "not healthy (`journalctl` on lab-2 has more)"),
            ]),
        });
        let lines: Vec<_> = told.lines().skip(1).collect();
        assert_eq!(
            lines,
            [
                "failed to switch on lab-1: no",
                "lab-2: not healthy (`journalctl` on lab-2 has more)"
            ]
        );
    }
}
