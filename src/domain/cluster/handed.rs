//! Files that a container is handed when it is made: Compose's secrets and configs.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A file that a container is handed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandedFile {
    /// What it holds.
    pub source: FileSource,
    /// Where it is, as an absolute path in the container.
    pub target: String,
    /// Who owns it there.
    pub uid: u32,
    /// Which group owns it there.
    pub gid: u32,
    /// Its permission bits.
    pub mode: u32,
}

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileSource {
    /// A secret, whose value is read when a container gets it, and is nowhere else.
    Secret {
        /// Its name in the definition.
        name: String,
        /// Where its value comes from.
        from: SecretOrigin,
    },
    /// A file of the repository.
    Repository(PathBuf),
    /// A text.
    Text(String),
    /// Something that somebody else keeps, by its name in the definition.
    Elsewhere(String),
}

/// Where a secret's value comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretOrigin {
    /// A file, as the folder that longshore works in sees it, or absolute.
    File(PathBuf),
    /// A variable of the shell or of `.env`.
    Variable(String),
}
