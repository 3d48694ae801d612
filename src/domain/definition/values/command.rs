//! Commands: words, and texts that a shell would split.

use serde_json::{Value as Json, json};

use super::super::reader::{Read, Reader};
use super::super::write::Write;
use super::super::yaml::{Node, Value};

/// A command: a list of words, or a text that is split like a shell would.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words(pub Vec<String>);

impl Read for Words {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        if let Value::List(items) = &node.value {
            let words = reader.items::<String>(items);
            return Some(Self(words.into_iter().map(|word| word.value).collect()));
        }
        let text = reader.text(node, "a text or a list of texts")?;
        match shlex::split(text) {
            Some(words) => Some(Self(words)),
            None => reader.invalid(&node.at, "a quote is not closed", "words as in a shell"),
        }
    }
}

impl Write for Words {
    /// None of them is a command too: the one that clears the image's.
    fn write(&self) -> Option<Json> {
        Some(json!(self.0))
    }
}
