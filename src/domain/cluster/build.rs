//! How an image is built.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Remote;
use crate::domain::definition::dockerfile::{self, Base, Outside};
use crate::domain::definition::{At, Place, Problem, Source as Text, Spanned};

/// How an image is built.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Build {
    /// The other repository that context and Dockerfile lie in, if they are not of this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote: Option<Remote>,
    /// The context folder, relative to the repository's root, without `..`.
    pub context: PathBuf,
    /// The Dockerfile, relative to the repository's root.
    pub dockerfile: PathBuf,
    /// The Dockerfile's text, where the definition itself holds it (`dockerfile_inline`). Then no file is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inline: Option<String>,
    /// Build arguments.
    pub args: BTreeMap<String, String>,
    /// The stage to build; the last one unless said.
    pub target: Option<String>,
    /// Labels of the image.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// The tag it gets besides ours: `image:` beside `build:`.
    pub tag: Option<String>,
    /// Images that its stages name, in order: build arguments' defaults filled in, own stages and named contexts left
    /// out.
    pub bases: Vec<String>,
    /// What the Dockerfile knows by another name (`additional_contexts`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub contexts: BTreeMap<String, NamedContext>,
    /// Those of them that its stages use.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub used_contexts: BTreeSet<String>,
    /// What else the builder is asked for.
    #[serde(default, skip_serializing_if = "BuildOptions::is_default")]
    pub options: BuildOptions,
}

/// What a name in a Dockerfile stands for, if neither a stage nor an image of that name is meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NamedContext {
    /// An image: `docker-image://…`, or the one that `service:…` builds.
    Image(String),
    /// A folder, relative to the repository's root.
    Folder(PathBuf),
}

/// What the builder is asked for, beside what goes into the image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BuildOptions {
    /// What `RUN --mount=type=secret` may read, by id.
    pub secrets: BTreeMap<String, SecretSource>,
    /// Keys that `RUN --mount=type=ssh` may use, by id: a file, or whatever the agent holds.
    pub ssh: BTreeMap<String, Option<PathBuf>>,
    /// Where layers may come from.
    pub cache_from: Vec<String>,
    /// Where layers are kept.
    pub cache_to: Vec<String>,
    /// The platform, if not the engine's.
    pub platform: Option<String>,
    /// The network of `RUN`.
    pub network: Option<String>,
    /// The size of `/dev/shm` in bytes.
    pub shm_size: Option<i64>,
    /// Limits of its processes: soft and hard.
    pub ulimits: BTreeMap<String, (i64, i64)>,
    /// Entries of the build's `/etc/hosts`.
    pub extra_hosts: Vec<(String, String)>,
    /// Whether no layer is taken from the engine's cache.
    pub no_cache: bool,
    /// Stages of which no layer is taken from the cache.
    pub no_cache_filter: Vec<String>,
    /// Whether its bases are asked for again each time.
    pub pull: bool,
    /// Privileges that the builder has to grant: `network.host`, `security.insecure`.
    pub entitlements: BTreeSet<String>,
    /// More names of the image.
    pub tags: Vec<String>,
}

/// Where a secret comes from. What it is never becomes part of a definition, a fingerprint or a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretSource {
    /// A file: relative to the repository's root, or absolute.
    File(PathBuf),
    /// A variable of whoever runs longshore.
    Variable(String),
}

impl BuildOptions {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Build {
    /// Takes its Dockerfile into account, where that is had only now: one of another repository. Returns what is wrong
    /// with it.
    #[must_use]
    pub fn made_from(&mut self, text: &Arc<Text>) -> Vec<Problem> {
        let names: BTreeSet<String> = self.contexts.keys().cloned().collect();
        let outside = Outside {
            args: &self.args,
            contexts: &names,
        };
        let target = self.target.clone().map(|value| {
            let at = At::from(Place::file(text.path.as_str()));
            Spanned { value, at }
        });
        let mut problems = Vec::new();
        let found = dockerfile::bases(text, outside, target.as_ref(), &mut problems);
        (self.bases, self.used_contexts) = Base::divided(found);
        problems
    }

    /// Returns the names that the definition gives to the image.
    pub fn written_tags(&self) -> impl Iterator<Item = &String> {
        self.tag.iter().chain(&self.options.tags)
    }

    /// Returns the images that it is made from: those that stages name, and named contexts that are used.
    pub fn images(&self) -> impl Iterator<Item = &String> {
        let contexts = self.used().filter_map(|(_, context)| match context {
            NamedContext::Image(image) if image != "scratch" => Some(image),
            NamedContext::Image(_) | NamedContext::Folder(_) => None,
        });
        self.bases.iter().chain(contexts)
    }

    /// Returns the named contexts that its stages use.
    pub fn used(&self) -> impl Iterator<Item = (&String, &NamedContext)> {
        let used = self.used_contexts.iter();
        used.filter_map(|name| self.contexts.get_key_value(name))
    }
}
