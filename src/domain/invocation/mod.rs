//! A step as argv values; quoting and redaction in one place.
//!
//! An [`Invocation`] says what is to be run, never runs it. Tests compare its words, so no host is needed.

pub mod answer;
mod archive;
pub mod container;
mod quote;
pub mod switch;

pub use archive::{ArchiveError, archive};
pub use quote::{quote, redact};

use std::fmt;

/// A program with its arguments, and what it reads.
#[derive(Clone, PartialEq, Eq)]
pub struct Invocation {
    /// The program and its arguments; a shell sees each as one word.
    pub argv: Vec<String>,
    /// What is written to its standard input.
    pub stdin: Vec<u8>,
}

impl Invocation {
    /// Makes one that reads nothing.
    pub fn new(argv: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            argv: argv.into_iter().map(Into::into).collect(),
            stdin: Vec::new(),
        }
    }

    /// Gives it something to read.
    #[must_use]
    pub fn with_stdin(self, stdin: impl Into<Vec<u8>>) -> Self {
        Self {
            stdin: stdin.into(),
            ..self
        }
    }

    /// Returns the line for a POSIX shell that runs exactly this.
    #[must_use]
    pub fn shell_line(&self) -> String {
        self.argv
            .iter()
            .map(|word| quote(word))
            .collect::<Vec<_>>()
            .join(" ")
    }
}

/// Shows the command and how much it reads, never what.
impl fmt::Debug for Invocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} <<{} bytes", self.shell_line(), self.stdin.len())
    }
}
