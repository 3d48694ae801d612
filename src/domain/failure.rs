//! What kind of failure an error is, and what a person can do about it.
//!
//! Every error type that may reach a person implements [`Explain`]. The exit code follows from the kind, in this one
//! table; messages are never matched on.

use std::error::Error;

use serde::{Deserialize, Serialize};

/// What kind of failure it is, which decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The work failed: a test is red, a rollout was rolled back.
    Failed,
    /// Wrong use, or an invalid definition.
    Invalid,
    /// Refused: not green, not healthy where it comes from, plan outdated, lock held.
    Refused,
    /// A host, engine or registry could not be reached, and nothing was changed.
    Unreachable,
    /// A bug in longshore.
    Bug,
    /// Interrupted by the user.
    Interrupted,
}

impl Kind {
    /// Returns the process's exit code.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Invalid => 2,
            Self::Refused => 3,
            Self::Unreachable => 4,
            Self::Bug => 5,
            Self::Interrupted => 130,
        }
    }

    /// Returns the word for it in JSON output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Invalid => "invalid",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::Bug => "bug",
            Self::Interrupted => "interrupted",
        }
    }
}

/// An error that knows its kind and the way out.
pub trait Explain: Error {
    /// Returns its kind.
    fn kind(&self) -> Kind;

    /// Returns what to do next, one imperative sentence each, without a full stop.
    fn hints(&self) -> Vec<String> {
        Vec::new()
    }

    /// Returns the whole report where a message line does not do: source lines with carets. `colour` allows ANSI codes.
    fn report(&self, colour: bool) -> Option<String> {
        let _ = colour;
        None
    }

    /// Returns what a program reads of it in JSON output, where there is more than the message: a list of problems.
    fn details(&self) -> Option<serde_json::Value> {
        None
    }
}
