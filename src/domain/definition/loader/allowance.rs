//! How much a definition may come to, whatever multiplies it: files that are included often, services that are extended
//! often, files of variables that many services name, environments.

use std::collections::BTreeMap;

use super::Loader;
use crate::domain::definition::place::At;
use crate::domain::definition::problem::Problem;

/// The most that everything may come to together, by weight ([`crate::domain::definition::yaml::Node::weight`]): half a
/// dozen environments of a thousand services. What weighs that much takes up to 150 MB on its way to being checked.
const MOST: usize = 32 * 1024 * 1024;
/// What an entry weighs beside its text, as a value of a tree does.
const ENTRY: usize = 64;

/// What a service weighs beside what is written of it: it is a value with room for every key.
pub(super) const SERVICE: usize = 2048;
/// What it weighs that a file is included, beside what it holds: it brings variables and a scope of its own.
pub(super) const INCLUDED: usize = 4096;

/// Returns what a file of lines weighs.
pub(super) fn lines(bytes: &[u8]) -> usize {
    bytes.len() + ENTRY * bytes.iter().filter(|byte| **byte == b'\n').count()
}

/// What multiplies a definition, and where that is said.
#[derive(Debug, Clone)]
pub(super) struct Cause {
    /// In words.
    pub(super) what: &'static str,
    /// Where, if that is a place.
    pub(super) at: Option<At>,
}

impl Cause {
    /// The definition's own files.
    pub(super) fn own() -> Self {
        let (what, at) = ("what the files hold together", None);
        Self { what, at }
    }

    /// The same; what has no place is shown at this one.
    pub(super) fn or(&self, at: &At) -> Self {
        let at = self.at.clone().or_else(|| Some(at.clone()));
        Self { at, ..self.clone() }
    }

    /// Something that is written at a place.
    pub(super) fn at(what: &'static str, at: &At) -> Self {
        let at = Some(at.clone());
        Self { what, at }
    }
}

impl Loader {
    /// Charges a weight. False, told once, when nothing more can be afforded.
    pub(super) fn afford(&mut self, weight: usize, cause: &Cause) -> bool {
        let before = self.spent;
        self.spent = before.saturating_add(weight);
        if self.is_spent() && before <= MOST {
            let (what, megabytes) = (cause.what, MOST / 1024 / 1024);
            let message = format!("{what} blows the definition up to more than {megabytes} MB");
            let problem = Problem::error("too-large", message);
            let problem = match &cause.at {
                Some(at) => problem.at(at, "too much"),
                None => problem,
            };
            let help = "divide it into several definitions, or look for what is repeated";
            self.problems.push(problem.help(help));
        }
        !self.is_spent()
    }

    /// Charges variables.
    pub(super) fn afford_pairs(&mut self, pairs: &BTreeMap<String, String>, cause: &Cause) -> bool {
        let weight = pairs
            .iter()
            .map(|(name, value)| name.len() + value.len() + ENTRY)
            .sum();
        self.afford(weight, cause)
    }

    /// Tells whether nothing more can be afforded.
    pub(super) fn is_spent(&self) -> bool {
        self.spent > MOST
    }
}
