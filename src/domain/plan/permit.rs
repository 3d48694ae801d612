//! Whether an environment takes a release at all: what its `require_tests` and `from` ask of it.

use std::fmt;

use crate::domain::cluster::Environment;
use crate::domain::failure::{Explain, Kind};
use crate::domain::ledger::{DeploymentRecord, Release};
use crate::domain::name::{EnvironmentName, ReleaseId, ServiceName};

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
    /// No test vouches for these services' images.
    Untested(Vec<ServiceName>),
    /// Its tree had changes that no commit holds.
    Dirty,
    /// It was never recorded healthy there.
    NotHealthyIn(EnvironmentName),
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Untested(services) => {
                let names: Vec<_> = services.iter().map(ServiceName::as_str).collect();
                write!(f, "no test holds {}", names.join(", "))
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
            Why::Untested(_) => {
                "add a test that depends on them, then run `longshore run`".to_owned()
            }
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

/// Tells whether an environment takes a release. What it ran healthily before may always return.
///
/// # Errors
///
/// What the release lacks.
pub fn permit(
    release: &Release,
    name: &EnvironmentName,
    environment: &Environment,
    records: &[DeploymentRecord],
) -> Result<(), NotPermitted> {
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
    use crate::domain::name::Digest;
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
        let refused = permit(release, &sample::staging(), &environment, records);
        refused.err().map(|error| error.why)
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
