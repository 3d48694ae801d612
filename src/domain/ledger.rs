//! The record of builds, tests, releases and deployments, as values and questions about them.
//!
//! How they are stored is `system::store`'s concern; nothing here knows of a database.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::domain::cluster::Cluster;
use crate::domain::name::{
    ClusterName, DeploymentId, Digest, EnvironmentName, HostName, ReleaseId, ServiceName, TestName,
};
use crate::domain::results::Results;

/// Seconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

/// Which repository a cluster is of: two repositories may name their clusters alike.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ClusterKey {
    /// The cluster's name.
    pub name: ClusterName,
    /// The repository's `origin` URL without credentials, or the folder's path where there is none.
    pub origin: String,
}

/// What the tree was that something came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// The commit, or a digest of the tree's content where there is no git.
    pub commit: String,
    /// Whether files differed from that commit.
    pub dirty: bool,
    /// Who ran longshore.
    pub actor: String,
}

/// Which bytes an image is: the same on every engine, with or without a registry, whatever its tags.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ImageIdentity {
    /// Digest of the image's configuration.
    pub config: Digest,
    /// Digests of its uncompressed layers, base first.
    pub layers: Vec<Digest>,
}

impl ImageIdentity {
    /// Returns the name by which hosts hold the image: `longshore.local/<service>:<config digest's hex>`.
    #[must_use]
    pub fn reference(&self, service: &ServiceName) -> String {
        format!(
            "longshore.local/{}:{}",
            service.as_str().to_ascii_lowercase(),
            self.config.hex()
        )
    }
}

/// How a test ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It exited with 0.
    Green,
    /// It did not.
    Red,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Green => "green",
            Self::Red => "red",
        })
    }
}

/// A finished build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildRecord {
    /// The service.
    pub service: ServiceName,
    /// Hash of all that decides the result.
    pub fingerprint: Digest,
    /// The digest of each part that went into the fingerprint, by the part's name, so that a later build can say what
    /// changed.
    #[serde(default)]
    pub ingredients: BTreeMap<String, Digest>,
    /// What came of it.
    pub identity: ImageIdentity,
    /// From which tree.
    pub provenance: Provenance,
    /// When it was finished.
    pub at: Timestamp,
    /// How long it took, in milliseconds; 0 where nobody noted it.
    #[serde(default)]
    pub elapsed_ms: u64,
}

/// A finished test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestRecord {
    /// The test.
    pub test: TestName,
    /// Hash of the test's specification and of the image identities it saw.
    pub fingerprint: Digest,
    /// How it ended.
    pub verdict: Verdict,
    /// Why it is red, in a line.
    pub reason: Option<String>,
    /// The container's exit code, if it came to one.
    pub exit_code: Option<i64>,
    /// The images that its closure ran.
    pub images: BTreeMap<ServiceName, ImageIdentity>,
    /// Where its log is kept.
    pub log: PathBuf,
    /// From which tree.
    pub provenance: Provenance,
    /// When it was finished.
    pub at: Timestamp,
    /// How long it took, in milliseconds; the attempts before it included.
    pub elapsed_ms: u64,
    /// What it left: cases, coverage, artifacts.
    #[serde(default)]
    pub results: Results,
    /// The attempts before this one, all of them red, the first one first.
    #[serde(default)]
    pub earlier: Vec<Attempt>,
}

/// An attempt at a test that was red and tried again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Why it was red, in a line.
    pub reason: String,
    /// The container's exit code, if it came to one.
    pub exit_code: Option<i64>,
    /// Where its log is kept.
    pub log: PathBuf,
    /// How long it took, in milliseconds.
    pub elapsed_ms: u64,
    /// What it left.
    #[serde(default)]
    pub results: Results,
}

impl TestRecord {
    /// Tells whether it passed only when it was tried again.
    #[must_use]
    pub fn passed_on_retry(&self) -> bool {
        self.verdict == Verdict::Green && !self.earlier.is_empty()
    }
}

/// Which tests vouch for which image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Voucher {
    /// The test that was green.
    pub test: TestName,
    /// The fingerprint under which it was.
    pub fingerprint: Digest,
}

/// What may be rolled out: immutable, made only when every test is green for exactly these identities.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// The start of the digest of everything below but `made`.
    pub id: ReleaseId,
    /// The cluster as resolved, environments included.
    pub cluster: Cluster,
    /// Which image each service runs.
    pub images: BTreeMap<ServiceName, ImageIdentity>,
    /// Content of every repository path that a service mounts: file path to digest.
    pub assets: BTreeMap<PathBuf, Asset>,
    /// Which tests vouch for each image; an image without any is untested.
    pub vouchers: BTreeMap<ServiceName, Vec<Voucher>>,
    /// From which tree.
    pub provenance: Provenance,
    /// Tests and steps that were skipped on request: it is not green for them.
    #[serde(default)]
    pub skipped: BTreeSet<TestName>,
}

/// A file that a service binds from the repository.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Asset {
    /// Digest of its content.
    pub digest: Digest,
    /// Permission bits, of which only the executable one counts: 0o644 or 0o755.
    pub mode: u32,
}

impl Release {
    /// Returns the id that this content has, whatever `id` says.
    #[must_use]
    pub fn content_id(&self) -> ReleaseId {
        let Self {
            id: _,
            cluster,
            images,
            assets,
            vouchers,
            provenance,
            skipped,
        } = self;
        let Provenance {
            commit,
            dirty,
            actor: _,
        } = provenance;
        let mut content = serde_json::json!({
            "cluster": cluster, "images": images, "assets": assets, "vouchers": vouchers, "commit": commit, "dirty": dirty,
        });
        // Of those that skipped nothing the id stays what it was.
        if !skipped.is_empty() {
            content["skipped"] = serde_json::json!(skipped);
        }
        ReleaseId::of(&Digest::of(content.to_string()))
    }

    /// Returns the services whose image no green test held.
    #[must_use]
    pub fn untested(&self) -> BTreeSet<&ServiceName> {
        self.images
            .keys()
            .filter(|service| self.vouchers.get(*service).is_none_or(Vec::is_empty))
            .collect()
    }
}

/// A released image that a registry keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushRecord {
    /// The release that it was pushed for.
    pub release: ReleaseId,
    /// The service whose image it is.
    pub service: ServiceName,
    /// Its repository there: `registry.example.com/team/shop/api`.
    pub repository: String,
    /// The digest of its manifest there.
    pub digest: Digest,
    /// Which bytes it is.
    pub identity: ImageIdentity,
    /// From which tree.
    pub provenance: Provenance,
    /// When it was found there to be exactly that.
    pub at: Timestamp,
}

impl PushRecord {
    /// Returns the reference that gets exactly this image, wherever its tags go.
    #[must_use]
    pub fn reference(&self) -> String {
        format!("{}@{}", self.repository, self.digest)
    }
}

/// What an environment was asked to run, and how that ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeploymentRecord {
    /// Where.
    pub environment: EnvironmentName,
    /// Which release.
    pub release: ReleaseId,
    /// The deployment of each host.
    pub hosts: BTreeMap<HostName, DeploymentId>,
    /// Whether it was a way back to an earlier deployment.
    #[serde(default)]
    pub back: bool,
    /// How it ended; absent while it is under way, and after longshore died in it.
    pub outcome: Option<RolloutOutcome>,
    /// Who, from which tree.
    pub provenance: Provenance,
    /// When it began.
    pub at: Timestamp,
}

impl DeploymentRecord {
    /// Tells whether every host ran it, healthy and confirmed.
    #[must_use]
    pub fn healthy(&self) -> bool {
        self.outcome == Some(RolloutOutcome::Healthy)
    }
}

/// How a rollout ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RolloutOutcome {
    /// Every host runs it, healthy and confirmed.
    Healthy,
    /// No host was changed: the lock was held, a host was not ready.
    Unchanged {
        /// Why.
        reason: String,
    },
    /// Every host that was touched is back on the deployment before.
    Reverted {
        /// Why.
        reason: String,
    },
    /// Some hosts could not be brought to either side; their guards decide.
    Mixed {
        /// Why.
        reason: String,
    },
}
