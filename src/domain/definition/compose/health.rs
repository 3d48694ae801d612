//! `healthcheck` of a service.

use serde_json::{Value as Json, json};

use super::super::reader::{Read, Reader, record};
use super::super::values::{Period, Said, Whole};
use super::super::write::Write;
use super::super::yaml::{Node, Value};

record! {
    /// How health is asked for.
    plain struct Healthcheck {
        /// What is run.
        test: Test,
        /// Time between checks.
        interval: Period,
        /// Time for a check.
        timeout: Period,
        /// Failures in a row.
        retries: Said<Whole>,
        /// Time in which failures don't count.
        start_period: Period,
        /// Time between checks in that time.
        start_interval: Period,
        /// No check, not even the image's.
        disable: bool,
    }
}

/// What a health check runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// Nothing, not even the image's own.
    None,
    /// A program and its arguments.
    Exec(Vec<String>),
    /// A text for the shell.
    Shell(String),
}

impl Read for Test {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let Value::List(items) = &node.value else {
            let text = reader.text(node, "a text, or a list that begins with `CMD`")?;
            return Some(Self::Shell(text.to_owned()));
        };
        let words = reader.items::<String>(items);
        let words: Vec<_> = words.into_iter().map(|word| word.value).collect();
        match words
            .split_first()
            .map(|(first, rest)| (first.as_str(), rest))
        {
            Some(("NONE", _)) => Some(Self::None),
            Some(("CMD", rest)) if !rest.is_empty() => Some(Self::Exec(rest.to_vec())),
            Some(("CMD-SHELL", [text])) => Some(Self::Shell(text.clone())),
            _ => {
                let expected = "`[CMD, program, …]`, `[CMD-SHELL, text]` or `[NONE]`";
                reader.invalid(&node.at, "this is no health check", expected)
            }
        }
    }
}

impl Write for Test {
    fn write(&self) -> Option<Json> {
        Some(match self {
            Self::None => json!(["NONE"]),
            Self::Exec(words) => std::iter::once("CMD")
                .chain(words.iter().map(String::as_str))
                .collect(),
            Self::Shell(text) => json!(["CMD-SHELL", text]),
        })
    }
}
