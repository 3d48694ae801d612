//! Files with variables and labels.

use serde_json::Value as Json;

use super::super::place::Spanned;
use super::super::reader::{Read, Reader, record, words};
use super::super::values::{FilePath, once};
use super::super::write::Write;
use super::super::yaml::{Node, Value};

/// Files with environment variables, in the order written; one that is named again counts where it was first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EnvFiles(pub Vec<EnvFile>);

/// A file with environment variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvFile {
    /// Its path.
    pub path: Spanned<FilePath>,
    /// Whether it has to be there.
    pub required: bool,
    /// Whether its lines are taken as they are.
    pub raw: bool,
}

record! {
    /// A file with environment variables in its long form.
    plain struct LongEnvFile { path: FilePath, required: bool, format: Format, }
}

words! {
    /// How a file with variables is written.
    Format, "`raw`" {
        /// Lines of `NAME=value`, taken as they are.
        "raw" => Raw,
    }
}

impl Read for EnvFile {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        if let Value::Map(_) = &node.value {
            let long = LongEnvFile::read(node, reader)?;
            let required = long.required.is_none_or(|flag| flag.value);
            let raw = long.format.is_some();
            return match long.path {
                Some(path) => Some(Self {
                    path,
                    required,
                    raw,
                }),
                None => reader.invalid(&node.at, "`path` is missing", "the file as `path`"),
            };
        }
        reader.text(node, "a file, or a mapping")?;
        Some(Self {
            path: Spanned::new(FilePath::read(node, reader)?, node.at.clone()),
            required: true,
            raw: false,
        })
    }
}

impl Read for EnvFiles {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        if let Value::List(items) = &node.value {
            let files: Vec<Spanned<EnvFile>> = reader.items(items);
            let files = once(files, |file| file.path.value.0.clone());
            return Some(Self(files.into_iter().map(|file| file.value).collect()));
        }
        EnvFile::read(node, reader).map(|file| Self(vec![file]))
    }
}

impl Write for EnvFiles {
    /// What they say stands in `environment`.
    fn write(&self) -> Option<Json> {
        None
    }
}

/// Files with labels, in the order written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LabelFiles(pub Vec<Spanned<FilePath>>);

impl Read for LabelFiles {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        if let Value::List(items) = &node.value {
            return Some(Self(reader.items(items)));
        }
        let file = FilePath::read(node, reader)?;
        Some(Self(vec![Spanned::new(file, node.at.clone())]))
    }
}

impl Write for LabelFiles {
    /// What they say stands in `labels`.
    fn write(&self) -> Option<Json> {
        None
    }
}
