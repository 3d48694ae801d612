//! Which build goes first where not all can run at once: the one that the longest chain of builds waits for.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Decision, Plan};
use crate::domain::name::ServiceName;

/// What a build is taken to last of which nothing is known, where nothing is known of any other either.
const UNKNOWN: Duration = Duration::from_secs(10);

/// Returns for each image how long it takes until the last build that waits for it is done, if nothing else is in the way.
/// `known` holds how long builds took the last time, by service; what is kept takes no time, and of what nothing is known
/// takes as long as the one in the middle of those that are.
#[must_use]
pub fn urgency(
    plan: &Plan,
    known: &BTreeMap<ServiceName, Duration>,
) -> BTreeMap<ServiceName, Duration> {
    let mut sorted: Vec<_> = known.values().copied().collect();
    sorted.sort();
    let unknown = sorted.get(sorted.len() / 2).copied().unwrap_or(UNKNOWN);
    let mut urgency: BTreeMap<ServiceName, Duration> = BTreeMap::new();
    // Steps come after what they are made from, so from the end each one is complete when it is reached.
    for step in plan.steps.iter().rev() {
        let services = &step.image.services;
        let own = match step.decision {
            Decision::Keep(_) => Duration::ZERO,
            Decision::Build(_) => {
                let took = services.iter().find_map(|service| known.get(service));
                took.copied().unwrap_or(unknown)
            }
        };
        let Some(first) = services.first() else {
            continue;
        };
        let after = urgency.get(first).copied().unwrap_or_default();
        let whole = after.saturating_add(own);
        urgency.insert(first.clone(), whole);
        for parent in step.image.parents.values() {
            let waiting = urgency.entry(parent.clone()).or_default();
            *waiting = whole.max(*waiting);
        }
    }
    urgency
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::domain::ledger::ImageIdentity;
    use crate::domain::name::Digest;
    use crate::domain::plan::build::{Reason, Step, Wanted};

    fn name(text: &str) -> ServiceName {
        text.parse().unwrap()
    }

    fn step(service: &str, parents: &[&str], built: bool) -> Step {
        let kept = ImageIdentity {
            config: Digest::of(service),
            layers: Vec::new(),
        };
        Step {
            image: Wanted {
                services: vec![name(service)],
                build: crate::domain::cluster::Build::default(),
                tags: Vec::new(),
                ingredients: BTreeMap::new(),
                fingerprint: Digest::of(service),
                parents: parents
                    .iter()
                    .map(|parent| ((*parent).to_owned(), name(parent)))
                    .collect(),
                bases: BTreeMap::new(),
                unknown: BTreeSet::new(),
            },
            decision: match built {
                true => Decision::Build(Reason::NoRecord),
                false => Decision::Keep(kept),
            },
        }
    }

    fn of(steps: Vec<Step>, known: &[(&str, u64)]) -> Vec<(String, u64)> {
        let known = known
            .iter()
            .map(|(service, seconds)| (name(service), Duration::from_secs(*seconds)));
        let urgency = urgency(&Plan { steps }, &known.collect());
        let urgency = urgency.into_iter();
        urgency
            .map(|(service, after)| (service.to_string(), after.as_secs()))
            .collect()
    }

    #[test]
    fn what_the_longest_chain_waits_for_is_most_urgent() {
        let steps = vec![
            step("alone", &[], true),
            step("base", &[], true),
            step("api", &["base"], true),
            step("web", &["base", "api"], true),
        ];
        let known = [("alone", 30), ("base", 5), ("api", 20), ("web", 10)];
        assert_eq!(
            of(steps, &known),
            [
                ("alone".to_owned(), 30),
                ("api".to_owned(), 30),
                ("base".to_owned(), 35),
                ("web".to_owned(), 10)
            ]
        );
    }

    #[test]
    fn what_is_kept_takes_no_time_and_what_is_unknown_the_usual() {
        let steps = vec![
            step("base", &[], false),
            step("new", &["base"], true),
            step("other", &[], true),
        ];
        assert_eq!(
            of(steps.clone(), &[("other", 7)]),
            [
                ("base".to_owned(), 7),
                ("new".to_owned(), 7),
                ("other".to_owned(), 7)
            ]
        );
        assert_eq!(of(steps, &[])[1], ("new".to_owned(), 10));
    }
}
