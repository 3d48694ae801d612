//! Paths, which are relative to the folder of whatever file says them.

use serde_json::{Value as Json, json};

use super::super::path;
use super::super::reader::{Read, Reader};
use super::super::write::Write;
use super::super::yaml::Node;

/// A path, as the folder that longshore works in sees it, or absolute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePath(pub String);

impl FilePath {
    /// Takes a text for a path, written in a file of which `node` is part.
    pub fn of(text: &str, node: &Node, reader: &mut Reader) -> Option<Self> {
        let Some(rest) = text.strip_prefix('~') else {
            let folder = reader.folder(&node.at.place);
            return Some(Self(path::join(folder, text)));
        };
        match reader.home() {
            Some(home) => Some(Self(path::join(home, rest.trim_start_matches('/')))),
            None => reader.invalid(
                &node.at,
                "`~` stands for HOME, which is not set",
                "the path in full",
            ),
        }
    }
}

impl Read for FilePath {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let text = reader.text(node, "a path")?.to_owned();
        Self::of(&text, node, reader)
    }
}

impl Write for FilePath {
    fn write(&self) -> Option<Json> {
        Some(json!(path::shown(&self.0)))
    }
}

/// Where a build takes files from: a folder, or what the builder fetches itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Context {
    /// A folder.
    Folder(FilePath),
    /// An address, an image (`docker-image://…`), or another service's image (`service:…`).
    Other(String),
}

impl Context {
    /// What a builder takes for an address (the forms that BuildKit has for git and HTTP).
    const REMOTE: &[&str] = &[
        "https://",
        "http://",
        "git://",
        "ssh://",
        "github.com/",
        "git@",
        "service:",
    ];

    /// Takes a text for one, written in a file of which `node` is part.
    pub fn of(text: &str, node: &Node, reader: &mut Reader) -> Option<Self> {
        if text.contains("://") || Self::REMOTE.iter().any(|start| text.starts_with(start)) {
            return Some(Self::Other(text.to_owned()));
        }
        FilePath::of(text, node, reader).map(Self::Folder)
    }
}

impl Read for Context {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let text = reader.text(node, "a folder, or an address")?.to_owned();
        Self::of(&text, node, reader)
    }
}

impl Write for Context {
    fn write(&self) -> Option<Json> {
        match self {
            Self::Folder(folder) => folder.write(),
            Self::Other(text) => Some(json!(text)),
        }
    }
}
