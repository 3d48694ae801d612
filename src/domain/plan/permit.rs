//! Whether an environment takes a release at all: that its tests are still green, and what the environment's
//! `require_tests` and `from` ask of it.

use std::collections::BTreeSet;
use std::fmt;

use crate::domain::cluster::Environment;
use crate::domain::failure::{Explain, Kind};
use crate::domain::ledger::{DeploymentRecord, Release};
use crate::domain::name::{Digest, EnvironmentName, ReleaseId, ServiceName, TestName};

/// Why an environment does not take a release.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{environment} does not take release {release}: {why}")]
pub struct NotPermitted {
    /// The environment.
    pub environment: EnvironmentName,
    /// The release.
    pub release: ReleaseId,
    /// Why.
    pub why: Why,
}

/// What a release lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// These tests vouched for it, and are red since, under the same fingerprint.
    Revoked(BTreeSet<TestName>),
    /// No test vouches for these services' images.
    Untested(Vec<ServiceName>),
    /// These tests or steps were skipped.
    Skipped(Vec<TestName>),
    /// Its tree had changes that no commit holds.
    Dirty,
    /// It was never recorded healthy there.
    NotHealthyIn(EnvironmentName),
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Revoked(tests) => {
                let names: Vec<_> = tests.iter().map(TestName::as_str).collect();
                write!(
                    f,
                    "red since it was made, on the same images: {}",
                    names.join(", ")
                )
            }
            Self::Untested(services) => {
                let names: Vec<_> = services.iter().map(ServiceName::as_str).collect();
                write!(f, "no test holds {}", names.join(", "))
            }
            Self::Skipped(names) => {
                let names: Vec<_> = names.iter().map(TestName::as_str).collect();
                write!(f, "{} was skipped", names.join(", "))
            }
            Self::Dirty => f.write_str("it was made of a tree with uncommitted changes"),
            Self::NotHealthyIn(from) => write!(f, "it was never recorded healthy in {from}"),
        }
    }
}

impl Explain for NotPermitted {
    fn kind(&self) -> Kind {
        Kind::Refused
    }

    fn hints(&self) -> Vec<String> {
        vec![match &self.why {
            Why::Revoked(_) => "mend it and make another release, or run the test again on the tree of this one: `longshore test --force`".to_owned(),
            Why::Untested(_) => {
                "add a test that depends on them, then run `longshore run`".to_owned()
            }
            Why::Skipped(_) => "release it without --skip".to_owned(),
            Why::Dirty => "commit, then run `longshore run`".to_owned(),
            Why::NotHealthyIn(from) => {
                format!(
                    "deploy it there first: `longshore deploy -e {from} --release {}`",
                    self.release
                )
            }
        }]
    }
}

/// All that decides whether an environment takes a release.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The release.
    pub release: &'a Release,
    /// The environment's name.
    pub name: &'a EnvironmentName,
    /// The environment.
    pub environment: &'a Environment,
    /// What it and the environment that it takes releases from ran.
    pub records: &'a [DeploymentRecord],
    /// The vouchers whose latest verdict is red.
    pub revoked: &'a BTreeSet<TestName>,
}

/// Returns the vouchers of a release, each once.
#[must_use]
pub fn vouchers(release: &Release) -> BTreeSet<(&TestName, &Digest)> {
    let all = release.vouchers.values().flatten();
    all.map(|voucher| (&voucher.test, &voucher.fingerprint))
        .collect()
}

/// Tells whether an environment takes a release. What it ran healthily before may always return.
///
/// # Errors
///
/// What the release lacks.
pub fn permit(asked: Asked<'_>) -> Result<(), NotPermitted> {
    let Asked {
        release,
        name,
        environment,
        records,
        revoked,
    } = asked;
    let healthy_in = |place: &EnvironmentName| {
        records.iter().any(|record| {
            record.environment == *place && record.release == release.id && record.healthy()
        })
    };
    let refuse = |why| {
        Err(NotPermitted {
            environment: name.clone(),
            release: release.id.clone(),
            why,
        })
    };
    if healthy_in(name) {
        return Ok(());
    }
    if !revoked.is_empty() {
        return refuse(Why::Revoked(revoked.clone()));
    }
    if environment.require_tests {
        let placed = |service: &&ServiceName| environment.services.contains_key(*service);
        let untested: Vec<_> = release
            .untested()
            .into_iter()
            .filter(placed)
            .cloned()
            .collect();
        if !untested.is_empty() {
            return refuse(Why::Untested(untested));
        }
        if !release.skipped.is_empty() {
            return refuse(Why::Skipped(release.skipped.iter().cloned().collect()));
        }
        if release.provenance.dirty {
            return refuse(Why::Dirty);
        }
    }
    match &environment.from {
        Some(from) if !healthy_in(from) => refuse(Why::NotHealthyIn(from.clone())),
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::domain::ledger::{RolloutOutcome, Timestamp, Voucher};
    use crate::domain::sample::{self, service};

    fn record(release: &Release, place: &str, outcome: Option<RolloutOutcome>) -> DeploymentRecord {
        DeploymentRecord {
            environment: place.parse().unwrap(),
            release: release.id.clone(),
            hosts: BTreeMap::new(),
            back: false,
            outcome,
            provenance: release.provenance.clone(),
            at: Timestamp(0),
        }
    }

    fn why(release: &mut Release, records: &[DeploymentRecord]) -> Option<Why> {
        let environment = sample::environment(release).clone();
        why_of(release, &environment, records, &BTreeSet::new())
    }

    fn why_of(
        release: &Release,
        environment: &Environment,
        records: &[DeploymentRecord],
        revoked: &BTreeSet<TestName>,
    ) -> Option<Why> {
        let name = &sample::staging();
        let refused = permit(Asked {
            release,
            name,
            environment,
            records,
            revoked,
        });
        refused.err().map(|error| error.why)
    }

    #[test]
    fn red_after_green_keeps_a_release_from_where_it_has_not_been() {
        let mut release = sample::release(&[("a", service())], &["one"]);
        let environment = sample::environment(&mut release).clone();
        let red = BTreeSet::from(["t".parse().unwrap()]);
        let revoked = Some(Why::Revoked(red.clone()));
        assert_eq!(why_of(&release, &environment, &[], &red), revoked);
        let healthy = |place| record(&release, place, Some(RolloutOutcome::Healthy));
        let elsewhere = [healthy("lab")];
        assert_eq!(why_of(&release, &environment, &elsewhere, &red), revoked);
        let here = [healthy(sample::staging().as_str())];
        assert_eq!(why_of(&release, &environment, &here, &red), None);
    }

    #[test]
    fn takes_only_what_tests_vouch_for_where_that_is_asked() {
        let mut release = sample::release(&[("a", service()), ("b", service())], &["one"]);
        assert_eq!(why(&mut release, &[]), None);
        sample::environment(&mut release).require_tests = true;
        let voucher = Voucher {
            test: "t".parse().unwrap(),
            fingerprint: Digest::of("t"),
        };
        release.vouchers = BTreeMap::from([("a".parse().unwrap(), vec![voucher.clone()])]);
        assert_eq!(
            why(&mut release, &[]),
            Some(Why::Untested(vec!["b".parse().unwrap()]))
        );
        release.vouchers.insert("b".parse().unwrap(), vec![voucher]);
        assert_eq!(why(&mut release, &[]), None);
        release.skipped.insert("t".parse().unwrap());
        let skipped = vec!["t".parse().unwrap()];
        assert_eq!(why(&mut release, &[]), Some(Why::Skipped(skipped)));
        release.skipped.clear();
        release.provenance.dirty = true;
        assert_eq!(why(&mut release, &[]), Some(Why::Dirty));
    }

    #[test]
    fn takes_only_what_was_healthy_where_it_comes_from_or_here() {
        let mut release = sample::release(&[("a", service())], &["one"]);
        let from: EnvironmentName = "lab".parse().unwrap();
        sample::environment(&mut release).from = Some(from.clone());
        let asked = Some(Why::NotHealthyIn(from));
        let died = record(&release, "lab", None);
        assert_eq!(why(&mut release, std::slice::from_ref(&died)), asked);
        for place in ["lab", sample::staging().as_str()] {
            let healthy = record(&release, place, Some(RolloutOutcome::Healthy));
            assert_eq!(why(&mut release, &[died.clone(), healthy]), None, "{place}");
        }
        let other = sample::release(&[("b", service())], &["one"]);
        let healthy = record(&other, "lab", Some(RolloutOutcome::Healthy));
        assert_eq!(why(&mut release, &[healthy]), asked);
    }
}
