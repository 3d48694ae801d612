//! `build` of a service.

use std::collections::BTreeMap;

use super::super::place::Spanned;
use super::super::reader::{Mapping, Read, Reader, record};
use super::super::values::{Context, FilePath, Hosts, Labels, OneOrMore, Pairs, Size, Texts};
use super::super::write::Write;
use super::super::yaml::{Node, Value};
use super::{Grants, Ulimit};

record! {
    /// How an image is built.
    manual struct Build {
        /// The folder that the build sees.
        context: Context,
        /// The Dockerfile, relative to the context.
        dockerfile: String,
        /// The Dockerfile's text itself.
        dockerfile_inline: String,
        /// Build arguments.
        args: Pairs,
        /// The stage to build.
        target: String,
        /// Other contexts, by the name that the Dockerfile has for them.
        additional_contexts: Contexts,
        /// Where layers may come from.
        cache_from: Texts,
        /// Where layers are kept.
        cache_to: Texts,
        /// Privileges that the builder has to grant.
        entitlements: Texts,
        /// Entries of the build's `/etc/hosts`.
        extra_hosts: Hosts,
        /// How Windows isolates.
        isolation: String,
        /// Labels of the image.
        labels: Labels,
        /// The network of `RUN`.
        network: String,
        /// Take no layer from the cache.
        no_cache: bool,
        /// Stages of which no layer is taken from the cache.
        no_cache_filter: OneOrMore,
        /// The platforms to build for.
        platforms: Texts,
        /// Run with all privileges.
        privileged: bool,
        /// Attest where it comes from.
        provenance: Attestation,
        /// Look for newer bases.
        pull: bool,
        /// Attest what it is made of.
        sbom: Attestation,
        /// Secrets that the build may read.
        secrets: Grants,
        /// The size of `/dev/shm`.
        shm_size: Size,
        /// Keys that the build may use, by identifier.
        ssh: Ssh,
        /// More tags.
        tags: Texts,
        /// Limits of its processes.
        ulimits: Mapping<Ulimit>,
    }
}

impl Read for Build {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let own = match &node.value {
            Value::Map(_) => Self::read_keys(node, reader)?,
            Value::Scalar(_) | Value::List(_) => {
                reader.text(node, "a folder, or a mapping")?;
                let context = Context::read(node, reader)?;
                Self {
                    context: Some(Spanned::new(context, node.at.clone())),
                    ..Self::default()
                }
            }
        };
        if let (Some(_), Some(inline)) = (&own.dockerfile, &own.dockerfile_inline) {
            let why = "`dockerfile` and `dockerfile_inline` exclude each other";
            return reader.invalid(&inline.at, why, "one of the two");
        }
        Some(own)
    }
}

/// Contexts by name: a mapping, or a list of `name=context`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contexts(pub BTreeMap<String, Spanned<Context>>);

impl Read for Contexts {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let mut contexts = BTreeMap::new();
        match &node.value {
            Value::Map(entries) => {
                for entry in entries {
                    let read = |reader: &mut Reader| Context::read(&entry.value, reader);
                    if let Some(context) = reader.within(&entry.key.text, read) {
                        let at = entry.value.at.clone();
                        contexts.insert(entry.key.text.clone(), Spanned::new(context, at));
                    }
                }
            }
            Value::List(items) => {
                for item in items {
                    let text = reader.text(item, "`name=context`")?.to_owned();
                    let Some((name, context)) = text.split_once('=') else {
                        return reader.invalid(
                            &item.at,
                            "the context is missing",
                            "`name=context`",
                        );
                    };
                    if let Some(context) = Context::of(context, item, reader) {
                        contexts.insert(name.to_owned(), Spanned::new(context, item.at.clone()));
                    }
                }
            }
            Value::Scalar(_) => {
                return reader.wrong(node, "a mapping, or a list of `name=context`");
            }
        }
        Some(Self(contexts))
    }
}

impl Write for Contexts {
    fn write(&self) -> Option<serde_json::Value> {
        let contexts = self.0.iter();
        let contexts: serde_json::Map<_, _> = contexts
            .filter_map(|(name, context)| Some((name.clone(), context.write()?)))
            .collect();
        (!contexts.is_empty()).then_some(serde_json::Value::Object(contexts))
    }
}

/// Keys for `RUN --mount=type=ssh`: `default` for the agent's, or a name and a path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ssh(pub Vec<(String, Option<FilePath>)>);

impl Read for Ssh {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        const FORM: &str = "`default`, or `name=path`";
        let mut keys = Vec::new();
        match &node.value {
            Value::Map(entries) => {
                for entry in entries {
                    let path = if entry.value.is_null() {
                        None
                    } else {
                        let read = |reader: &mut Reader| FilePath::read(&entry.value, reader);
                        Some(reader.within(&entry.key.text, read)?)
                    };
                    keys.push((entry.key.text.clone(), path));
                }
            }
            Value::List(items) => {
                for item in items {
                    let text = reader.text(item, FORM)?.to_owned();
                    match text.split_once('=') {
                        Some((name, path)) => {
                            keys.push((name.to_owned(), FilePath::of(path, item, reader)));
                        }
                        None if text == "default" => keys.push((text, None)),
                        None => return reader.invalid(&item.at, "the path is missing", FORM),
                    }
                }
            }
            Value::Scalar(_) => {
                let text = reader.text(node, FORM)?;
                if text != "default" {
                    return reader.invalid(&node.at, "a list is needed", FORM);
                }
                keys.push((text.to_owned(), None));
            }
        }
        keys.sort_by(|(a, _), (b, _)| a.cmp(b));
        Some(Self(keys))
    }
}

impl Write for Ssh {
    fn write(&self) -> Option<serde_json::Value> {
        let lines: Vec<_> = self
            .0
            .iter()
            .map(|(name, path)| match path.as_ref().and_then(Write::write) {
                Some(path) => format!("{name}={}", path.as_str().unwrap_or_default()),
                None => name.clone(),
            })
            .collect();
        (!lines.is_empty()).then(|| lines.into())
    }
}

/// An attestation: wanted or not, or with what parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attestation(pub String);

impl Read for Attestation {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let text = reader.loose(node, "true, false, or parameters such as `mode=max`")?;
        Some(Self(text.to_owned()))
    }
}

impl Write for Attestation {
    fn write(&self) -> Option<serde_json::Value> {
        Some(self.0.as_str().into())
    }
}
