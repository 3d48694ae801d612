//! Whether a tree may be released, and the release if so.
//!
//! A release exists only where every test is green for exactly the images that it names.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use crate::domain::cluster::Cluster;
use crate::domain::failure::{Explain, Kind};
use crate::domain::ledger::{
    Asset, ImageIdentity, Provenance, Release, TestRecord, Verdict, Voucher,
};
use crate::domain::name::{Digest, ReleaseId, ServiceName, TestName};

/// All that decides whether there is a release.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The cluster as resolved.
    pub cluster: Cluster,
    /// The image of every service as the tree has it now; one that was never built is absent.
    pub images: BTreeMap<ServiceName, ImageIdentity>,
    /// How every test of the cluster stands.
    pub tests: BTreeMap<TestName, Standing>,
    /// Content of every repository path that a service mounts.
    pub assets: BTreeMap<PathBuf, Asset>,
    /// The tree it comes from.
    pub provenance: Provenance,
    /// Tests and steps that were skipped on request.
    pub skipped: BTreeSet<TestName>,
}

/// How a test stands for the tree as it is now.
#[derive(Debug, Clone)]
pub struct Standing {
    /// Its fingerprint now; unknown while an image that it needs is not built.
    pub fingerprint: Option<Digest>,
    /// The latest verdict on that fingerprint.
    pub latest: Option<TestRecord>,
}

/// Why there is no release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// An image has not been built from the tree as it is.
    NotBuilt(ServiceName),
    /// A test has not been run on the tree as it is.
    NotRun(TestName),
    /// A test is red.
    Red {
        /// Which.
        test: TestName,
        /// Why, in a line.
        reason: String,
        /// Where its log is kept.
        log: PathBuf,
    },
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotBuilt(service) => {
                write!(
                    f,
                    "the image of {service} is not built or pulled for this tree"
                )
            }
            Self::NotRun(test) => write!(f, "test {test} has not been run on this tree"),
            Self::Red { test, reason, log } => {
                write!(f, "test {test} is red: {reason} (log: {})", log.display())
            }
        }
    }
}

/// A refusal to release, with every obstacle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this tree is not green: {}", list(.obstacles))]
pub struct NotGreen {
    /// Each of them; never empty.
    pub obstacles: Vec<Obstacle>,
}

fn list(obstacles: &[Obstacle]) -> String {
    obstacles
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}

impl Explain for NotGreen {
    fn kind(&self) -> Kind {
        Kind::Refused
    }

    fn hints(&self) -> Vec<String> {
        let red = self
            .obstacles
            .iter()
            .any(|obstacle| matches!(obstacle, Obstacle::Red { .. }));
        let hint = if red {
            "mend it, then run `longshore run`; `longshore test --force` runs an unchanged test again"
        } else {
            "run `longshore test`, which builds what is stale first"
        };
        vec![hint.to_owned()]
    }
}

/// Makes the release of a tree.
///
/// # Errors
///
/// Every obstacle, if there is any.
pub fn release(candidate: Candidate) -> Result<Release, NotGreen> {
    let obstacles = obstacles(&candidate);
    if !obstacles.is_empty() {
        return Err(NotGreen { obstacles });
    }
    let Candidate {
        cluster,
        mut images,
        tests,
        assets,
        provenance,
        skipped,
    } = candidate;
    let released = |service: &ServiceName| {
        cluster
            .services
            .get(service)
            .is_some_and(|service| !service.test_only)
    };
    images.retain(|service, _| released(service));
    let vouchers = images
        .iter()
        .map(|(service, image)| (service.clone(), vouchers(image, &tests)))
        .collect();
    let mut release = Release {
        id: ReleaseId::of(&Digest::of("")),
        cluster,
        images,
        assets,
        vouchers,
        provenance,
        skipped,
    };
    release.id = release.content_id();
    Ok(release)
}

fn obstacles(candidate: &Candidate) -> Vec<Obstacle> {
    let unbuilt = candidate
        .cluster
        .services
        .iter()
        .filter(|(name, service)| !service.test_only && !candidate.images.contains_key(*name))
        .map(|(name, _)| Obstacle::NotBuilt(name.clone()));
    let not_green = candidate.cluster.tests.keys().filter_map(|test| {
        if candidate.skipped.contains(test) {
            return None;
        }
        match candidate
            .tests
            .get(test)
            .and_then(|standing| standing.latest.as_ref())
        {
            None => Some(Obstacle::NotRun(test.clone())),
            Some(TestRecord {
                verdict: Verdict::Green,
                ..
            }) => None,
            Some(TestRecord {
                verdict: Verdict::Red,
                reason,
                log,
                ..
            }) => Some(Obstacle::Red {
                test: test.clone(),
                reason: reason.clone().unwrap_or_else(|| "it failed".to_owned()),
                log: log.clone(),
            }),
        }
    });
    unbuilt.chain(not_green).collect()
}

fn vouchers(image: &ImageIdentity, tests: &BTreeMap<TestName, Standing>) -> Vec<Voucher> {
    let vouches = |(test, standing): (&TestName, &Standing)| {
        let record = standing
            .latest
            .as_ref()
            .filter(|record| record.images.values().any(|seen| seen == image))?;
        Some(Voucher {
            test: test.clone(),
            fingerprint: record.fingerprint,
        })
    };
    tests.iter().filter_map(vouches).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::cluster::{Restart, Service, Source, Subject, Test};
    use crate::domain::ledger::Timestamp;
    use crate::domain::results::Results;

    fn service(test_only: bool) -> Service {
        Service {
            source: Source::Image("x".to_owned()),
            command: None,
            entrypoint: None,
            environment: BTreeMap::new(),
            ports: Vec::new(),
            expose: std::collections::BTreeSet::new(),
            mounts: Vec::new(),
            files: Vec::new(),
            networks: BTreeMap::new(),
            links: Vec::new(),
            depends_on: BTreeMap::new(),
            healthcheck: None,
            restart: Restart::No,
            profiles: std::collections::BTreeSet::new(),
            labels: BTreeMap::new(),
            user: None,
            working_dir: None,
            stop_grace_period: None,
            options: crate::domain::cluster::Options::default(),
            one_shot: false,
            test_only,
        }
    }

    fn image(name: &str) -> ImageIdentity {
        ImageIdentity {
            config: Digest::of(name),
            layers: Vec::new(),
        }
    }

    fn provenance() -> Provenance {
        Provenance {
            commit: "c".to_owned(),
            dirty: false,
            actor: "a".to_owned(),
        }
    }

    fn candidate(verdict: Option<Verdict>) -> Candidate {
        let name = |text: &str| text.parse::<ServiceName>().unwrap();
        let test: TestName = "sut".parse().unwrap();
        let latest = verdict.map(|verdict| TestRecord {
            test: test.clone(),
            fingerprint: Digest::of("f"),
            verdict,
            reason: Some("exit code 1".to_owned()),
            exit_code: Some(1),
            images: BTreeMap::from([(name("api"), image("api"))]),
            log: PathBuf::from("/log"),
            provenance: provenance(),
            at: Timestamp(0),
            elapsed_ms: 0,
            results: Results::default(),
            earlier: Vec::new(),
        });
        let cluster = Cluster {
            name: "shop".parse().unwrap(),
            services: BTreeMap::from([
                (name("api"), service(false)),
                (name("cache"), service(false)),
                (name("sut"), service(true)),
            ]),
            networks: BTreeMap::new(),
            volumes: BTreeMap::new(),
            tests: BTreeMap::from([(test.clone(), Test::of(Subject::Service(name("sut"))))]),
            release: Vec::new(),
            environments: BTreeMap::new(),
        };
        let images = ["api", "cache", "sut"].map(|service| (name(service), image(service)));
        Candidate {
            skipped: BTreeSet::new(),
            cluster,
            images: BTreeMap::from(images),
            tests: BTreeMap::from([(
                test,
                Standing {
                    fingerprint: Some(Digest::of("f")),
                    latest,
                },
            )]),
            assets: BTreeMap::new(),
            provenance: provenance(),
        }
    }

    #[test]
    fn a_test_that_was_skipped_is_no_obstacle_and_no_secret() {
        let mut candidate = candidate(Some(Verdict::Red));
        candidate.skipped = candidate.cluster.tests.keys().cloned().collect();
        candidate.tests.clear();
        let release = release(candidate).unwrap();
        assert_eq!(release.untested().len(), release.images.len());
        let whole = Release {
            skipped: BTreeSet::new(),
            ..release.clone()
        };
        assert_ne!(whole.content_id(), release.id);
    }

    #[test]
    fn green_makes_a_release_of_what_is_placed() {
        let release = release(candidate(Some(Verdict::Green))).unwrap();
        let services: Vec<_> = release.images.keys().map(ServiceName::as_str).collect();
        assert_eq!(services, ["api", "cache"]);
        assert_eq!(release.vouchers["api"].len(), 1);
        assert_eq!(
            release
                .untested()
                .iter()
                .map(|name| name.as_str())
                .collect::<Vec<_>>(),
            ["cache"]
        );
        assert_eq!(release.id, release.content_id());
    }

    #[test]
    fn red_and_unknown_are_refused_by_name() {
        let red = release(candidate(Some(Verdict::Red))).unwrap_err();
        assert_eq!(
            red.to_string(),
            "this tree is not green: test sut is red: exit code 1 (log: /log)"
        );
        let unknown = release(candidate(None)).unwrap_err();
        assert_eq!(
            unknown.obstacles,
            [Obstacle::NotRun("sut".parse().unwrap())]
        );
    }

    #[test]
    fn an_image_that_is_not_built_is_an_obstacle() {
        let mut candidate = candidate(Some(Verdict::Green));
        candidate.images.remove("cache");
        assert_eq!(
            release(candidate).unwrap_err().obstacles,
            [Obstacle::NotBuilt("cache".parse().unwrap())]
        );
    }

    #[test]
    fn another_commit_makes_another_release_and_another_actor_does_not() {
        let first = release(candidate(Some(Verdict::Green))).unwrap();
        let mut other = candidate(Some(Verdict::Green));
        other.provenance.actor = "b".to_owned();
        assert_eq!(release(other.clone()).unwrap().id, first.id);
        other.provenance.commit = "d".to_owned();
        assert_ne!(release(other).unwrap().id, first.id);
    }
}
