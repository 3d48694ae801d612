//! The rendered tree of one host: what a deployment is.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::parts::Parts;
use crate::domain::ledger::{Asset, ImageIdentity, Provenance};
use crate::domain::name::{
    ClusterName, DeploymentId, Digest, EnvironmentName, NameError, ReleaseId, ServiceName,
    VolumeName,
};

/// A cluster in an environment, which prefixes everything on a host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Scope {
    /// The cluster.
    pub cluster: ClusterName,
    /// The environment.
    pub environment: EnvironmentName,
}

impl Scope {
    /// Returns the folder that everything of this scope lives in on a host.
    #[must_use]
    pub fn folder(&self) -> String {
        format!("/var/lib/longshore/{self}")
    }

    /// Returns the name of a volume on a host.
    #[must_use]
    pub fn volume(&self, volume: &VolumeName) -> String {
        format!("{self}_{volume}")
    }

    /// Returns the target that holds every service of this scope.
    #[must_use]
    pub fn target(&self) -> String {
        format!("{self}.target")
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.cluster, self.environment)
    }
}

/// One container of a service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Instance {
    /// The service.
    pub service: ServiceName,
    /// Counted from 1 over the whole environment.
    pub number: u16,
}

impl Instance {
    /// Returns its container's name on a host, which is its unit's without the suffix.
    #[must_use]
    pub fn container(&self, scope: &Scope) -> String {
        format!("{scope}-{self}")
    }
}

impl fmt::Display for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.service, self.number)
    }
}

/// The file name of a unit, suffix included.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UnitName(String);

impl UnitName {
    /// Returns the name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for UnitName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let suffixes = [
            ".service",
            ".target",
            ".timer",
            ".socket",
            ".container",
            ".network",
            ".volume",
        ];
        let fits = text.len() <= 255
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_.@:\\".contains(c))
            && suffixes
                .iter()
                .any(|suffix| text.len() > suffix.len() && text.ends_with(suffix));
        fits.then(|| Self(text.to_owned())).ok_or_else(|| NameError {
            text: text.to_owned(),
            what: "unit name",
            rule: "letters, digits, ':', '-', '_', '.', '@' and a known suffix, at most 255 characters (systemd.unit(5))",
        })
    }
}

impl TryFrom<String> for UnitName {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<UnitName> for String {
    fn from(name: UnitName) -> Self {
        name.0
    }
}

impl fmt::Display for UnitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What a unit does, which decides how `switch` treats it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Creates a network.
    Network,
    /// Creates a volume.
    Volume,
    /// Runs a container to its end, once per deployment.
    OneShot,
    /// Runs a container.
    Service,
    /// Groups all of them.
    Target,
    /// Starts the right deployment at boot; the only one that is enabled.
    Boot,
}

impl Kind {
    /// Returns the word that stands for it in a deployment's list of units.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Volume => "volume",
            Self::OneShot => "oneshot",
            Self::Service => "service",
            Self::Target => "target",
            Self::Boot => "boot",
        }
    }

    /// Reads such a word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        let all = [
            Self::Network,
            Self::Volume,
            Self::OneShot,
            Self::Service,
            Self::Target,
            Self::Boot,
        ];
        all.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// A unit of a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// Its file name.
    pub name: UnitName,
    /// What it does.
    pub kind: Kind,
    /// Hash of its text; the container that it starts carries it as label `dev.longshore.unit`, so that the host can
    /// tell what really runs.
    pub identity: Digest,
    /// The container, network or volume that it makes.
    pub subject: Option<String>,
    /// The instance it runs, if it runs one.
    pub instance: Option<Instance>,
    /// Its text.
    pub text: String,
}

/// What one host is given: units in start order, the images and assets they need, and where all of it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tree {
    /// Whose it is.
    pub scope: Scope,
    /// Units, each after what it needs.
    pub units: Vec<Listed>,
    /// The image of every service that has a unit here.
    pub images: BTreeMap<ServiceName, ImageIdentity>,
    /// What each unit was made of; not part of the id, the texts say it all.
    pub parts: BTreeMap<UnitName, Parts>,
    /// What is mounted from the repository: by the digest that names it on the host, the files in it. A single file
    /// has the empty path.
    pub assets: BTreeMap<Digest, BTreeMap<PathBuf, Asset>>,
    /// The release it was rendered from; not part of the id.
    pub release: ReleaseId,
    /// The tree it comes from; not part of the id.
    pub provenance: Provenance,
    /// The repository it comes from; not part of the id.
    pub origin: String,
}

impl Tree {
    /// Returns its id: the digest of everything that the host would run. Release and provenance don't count, so that a
    /// commit that changes nothing here makes no new deployment.
    #[must_use]
    pub fn id(&self) -> DeploymentId {
        let Self {
            scope,
            units,
            images,
            parts: _,
            assets,
            release: _,
            provenance: _,
            origin: _,
        } = self;
        let content = serde_json::json!({ "scope": scope, "units": units, "images": images, "assets": assets.keys().collect::<Vec<_>>() });
        DeploymentId::of(&Digest::of(content.to_string()))
    }

    /// Returns the references by which the host holds this deployment's images.
    #[must_use]
    pub fn references(&self) -> BTreeSet<String> {
        self.images
            .iter()
            .map(|(service, identity)| identity.reference(service))
            .collect()
    }

    /// Returns the `units` file: a line per unit with kind, name, identity and subject (`-` for none), in start order.
    #[must_use]
    pub fn unit_list(&self) -> String {
        let line = |unit: &Listed| {
            format!(
                "{} {} {} {}\n",
                unit.kind.as_str(),
                unit.name,
                unit.identity.hex(),
                unit.subject.as_deref().unwrap_or("-")
            )
        };
        self.units.iter().map(line).collect()
    }

    /// Returns the `images` file: a line per image with its reference on the host and its config digest.
    #[must_use]
    pub fn image_list(&self) -> String {
        self.images
            .iter()
            .map(|(service, image)| format!("{} {}\n", image.reference(service), image.config))
            .collect()
    }

    /// Returns the `assets` file: a line per mounted content with the name of its folder.
    #[must_use]
    pub fn asset_list(&self) -> String {
        self.assets
            .keys()
            .map(|digest| format!("{}\n", digest.hex()))
            .collect()
    }

    /// Returns the `manifest` file: format version, provenance and what each unit is made of, a `key value` a line.
    #[must_use]
    pub fn manifest(&self) -> String {
        let Provenance {
            commit,
            dirty,
            actor,
        } = &self.provenance;
        let line = |text: &str| text.replace(|c: char| c.is_control(), " ");
        let mut manifest = format!(
            "format {}\nid {}\ncluster {}\nenvironment {}\norigin {}\nrelease {}\ncommit {}\ndirty {dirty}\nactor {}\n",
            Self::FORMAT,
            self.id(),
            self.scope.cluster,
            self.scope.environment,
            line(&self.origin),
            self.release,
            line(commit),
            line(actor),
        );
        for (unit, parts) in &self.parts {
            manifest.push_str(&format!("{} {}\n", Parts::key(unit), parts.line()));
        }
        manifest
    }

    /// Version of the deployment folder's layout, which `switch` checks.
    pub const FORMAT: u32 = 1;
}
