//! `secrets` and `configs`: files by name, and who gets them where.

use serde_json::Value as Json;

use super::super::place::Spanned;
use super::super::reader::{Read, Reader, record};
use super::super::values::{FilePath, Labels, Mode, Options, once};
use super::super::write::Write;
use super::super::yaml::{Node, Value};
use super::External;

record! {
    /// A secret: what it is, and where it comes from.
    plain struct Secret {
        /// Its name where it is kept.
        name: String,
        /// The file that holds it.
        file: FilePath,
        /// The variable that holds it.
        environment: String,
        /// Kept by somebody else.
        external: External,
        /// Labels of it.
        labels: Labels,
        /// Who keeps it.
        driver: String,
        /// Options of the driver.
        driver_opts: Options,
        /// How it is made from a template.
        template_driver: String,
    }
}

record! {
    /// A file: what it is, and where it comes from.
    plain struct Config {
        /// Its name where it is kept.
        name: String,
        /// The file.
        file: FilePath,
        /// The variable that holds its text.
        environment: String,
        /// Its text.
        content: String,
        /// Kept by somebody else.
        external: External,
        /// Labels of it.
        labels: Labels,
        /// How it is made from a template.
        template_driver: String,
    }
}

record! {
    /// A secret or config that a service or build gets.
    manual struct Grant {
        /// Which.
        source: String,
        /// Where in the container.
        target: String,
        /// Who owns it there.
        uid: String,
        /// Which group owns it there.
        gid: String,
        /// Who may read it there.
        mode: Mode,
    }
}

impl Read for Grant {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        if let Value::Map(_) = &node.value {
            return Self::read_keys(node, reader);
        }
        let name = reader.text(node, "a name, or a mapping")?.to_owned();
        Some(Self {
            source: Some(Spanned::new(name, node.at.clone())),
            ..Self::default()
        })
    }
}

/// Secrets or configs that a service or build gets; of those with the same target the last one counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grants(pub Vec<Spanned<Grant>>);

impl Read for Grants {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let items = reader.list(node, "a list of names")?;
        let grants: Vec<Spanned<Grant>> = reader.items(items);
        let folder = if reader.trail().ends_with("secrets") {
            "/run/secrets"
        } else {
            ""
        };
        let key = |grant: &Grant| {
            let target = grant.target.as_ref().map(|target| target.value.clone());
            let source = grant.source.as_ref().map(|source| source.value.as_str());
            target.unwrap_or_else(|| format!("{folder}/{}", source.unwrap_or_default()))
        };
        Some(Self(once(grants, key)))
    }
}

impl Write for Grants {
    fn write(&self) -> Option<Json> {
        self.0.write()
    }
}
