//! What a unit was made of, so that a later plan can say what changed without seeing a value.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::tree::{Kind, UnitName};
use crate::domain::name::{Digest, ServiceName};

/// What a unit was made of. It is kept in the deployment's manifest, a line per unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parts {
    /// What the unit does.
    pub kind: Kind,
    /// Hash of its text; zeros before it is rendered.
    pub identity: Digest,
    /// The service it runs, if it runs one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceName>,
    /// Config digest of its image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<Digest>,
    /// Its environment variables: name to a hash of the value.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub environment: BTreeMap<String, String>,
    /// Hashes of everything else, by what it is about.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub aspects: BTreeMap<Aspect, String>,
    /// Units whose restart restarts this one, by systemd's own doing.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub follows: BTreeSet<UnitName>,
}

/// A group of settings that a person thinks of as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aspect {
    /// Entrypoint and command.
    Command,
    /// Published ports.
    Ports,
    /// What is mounted, content of assets included.
    Mounts,
    /// Networks and the names on them.
    Networks,
    /// The health check.
    Health,
    /// Labels.
    Labels,
    /// User, working directory, restart and stopping.
    Process,
    /// What goes to the engine as it is.
    Options,
    /// What it starts after.
    Dependencies,
}

impl fmt::Display for Aspect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Command => "command",
            Self::Ports => "ports",
            Self::Mounts => "mounts",
            Self::Networks => "networks",
            Self::Health => "health check",
            Self::Labels => "labels",
            Self::Process => "user, folder or restart policy",
            Self::Options => "limits, privileges or other options",
            Self::Dependencies => "dependencies",
        })
    }
}

impl Parts {
    /// The parts of a unit that runs no container.
    #[must_use]
    pub fn of_kind(kind: Kind) -> Self {
        Self {
            kind,
            identity: Digest::from_bytes([0; 32]),
            service: None,
            image: None,
            environment: BTreeMap::new(),
            aspects: BTreeMap::new(),
            follows: BTreeSet::new(),
        }
    }

    /// Returns the hash by which a value is compared, never shown: the first 12 hex digits of its digest.
    #[must_use]
    pub fn hash(value: impl AsRef<[u8]>) -> String {
        Digest::of(value).short()
    }

    /// Returns the key of a unit's line in the manifest.
    #[must_use]
    pub fn key(unit: &UnitName) -> String {
        format!("parts/{unit}")
    }

    /// Reads a unit's line of a manifest. None if it is not there, or of another version's making.
    #[must_use]
    pub fn read(manifest: &BTreeMap<String, String>, unit: &UnitName) -> Option<Self> {
        serde_json::from_str(manifest.get(&Self::key(unit))?).ok()
    }

    /// Returns the line's value: JSON without a line end.
    #[must_use]
    pub fn line(&self) -> String {
        serde_json::to_string(self).expect("names and hashes have a JSON form")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_gives_back_what_was_written() {
        let unit: UnitName = "a-b-web-1.service".parse().unwrap();
        let mut parts = Parts::of_kind(Kind::Service);
        parts.image = Some(Digest::of("image"));
        parts
            .environment
            .insert("A\tB\nC".to_owned(), Parts::hash("secret"));
        parts.aspects.insert(Aspect::Ports, Parts::hash("80"));
        parts.follows.insert("a-b-db-1.service".parse().unwrap());
        let line = parts.line();
        assert!(!line.contains(['\n', '\t']), "{line}");
        assert!(!line.contains("secret"), "{line}");
        let manifest = BTreeMap::from([(Parts::key(&unit), line)]);
        assert_eq!(Parts::read(&manifest, &unit), Some(parts));
    }

    #[test]
    fn a_line_that_cannot_be_read_counts_as_missing() {
        let unit: UnitName = "a-b-web-1.service".parse().unwrap();
        let manifest = BTreeMap::from([(Parts::key(&unit), "{\"kind\":\"moon\"}".to_owned())]);
        assert_eq!(Parts::read(&manifest, &unit), None);
        assert_eq!(Parts::read(&BTreeMap::new(), &unit), None);
    }
}
