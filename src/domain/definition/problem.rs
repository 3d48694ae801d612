//! What is wrong with a definition, where, and what to do about it.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::{Value, json};

use super::login::covered;
use super::place::{At, Lines, Place};
use super::report;
use crate::domain::failure::{Explain, Kind};

/// Whether a problem keeps the definition from being used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It does.
    Error,
    /// It does not, but a person should know.
    Warning,
}

impl Severity {
    /// Returns the word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Whether it can be lived with.
    pub severity: Severity,
    /// What kind it is, for programs: lower-case words joined by dashes.
    pub code: &'static str,
    /// What is wrong, as a fragment; no login of an address is in it.
    pub message: String,
    /// Where, the one to change first.
    pub places: Vec<(Place, String)>,
    /// What to do, one sentence each, without a full stop.
    pub help: Vec<String>,
}

impl Problem {
    /// An error of a kind; `places` follow by [`Problem::at`].
    #[must_use]
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code,
            message: covered(&message.into()),
            places: Vec::new(),
            help: Vec::new(),
        }
    }

    /// A warning of a kind.
    #[must_use]
    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(code, message)
        }
    }

    /// Adds a place and what is to be seen there. What came from elsewhere shows the way it came too.
    #[must_use]
    pub fn at(self, at: &At, label: impl Into<String>) -> Self {
        let mut this = self.place(at.place.clone(), label);
        let mut next = &at.via;
        while let Some(via) = next {
            this = this.place(via.place.clone(), via.how.label());
            next = &via.before;
        }
        this
    }

    /// Adds a place by itself.
    #[must_use]
    pub fn place(mut self, place: Place, label: impl Into<String>) -> Self {
        self.places.push((place, label.into()));
        self
    }

    /// Adds what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// Adds what was probably meant, if anything among the choices is near.
    #[must_use]
    pub fn did_you_mean<'a>(self, word: &str, choices: impl IntoIterator<Item = &'a str>) -> Self {
        match nearest(word, choices) {
            Some(near) => self.help(format!("did you mean `{near}`?")),
            None => self,
        }
    }

    /// Returns `file:line:column: message`, or what of it is known.
    #[must_use]
    pub fn line(&self) -> String {
        let Some((place, _)) = self.places.first() else {
            return self.message.clone();
        };
        match place.start() {
            Some(at) => format!(
                "{}:{}:{}: {}",
                place.path(),
                at.line,
                at.column,
                self.message
            ),
            None => format!("{}: {}", place.path(), self.message),
        }
    }

    fn for_programs(&self, lines: &mut Lines) -> Value {
        let mut at = |place: &Place, label: &str| {
            let (start, end) = (lines.start(place), lines.end(place));
            json!({
                "file": place.path(),
                "line": start.map(|at| at.line),
                "column": start.map(|at| at.column),
                "end": end.map(|at| json!({"line": at.line, "column": at.column})),
                "label": label,
            })
        };
        let mut object = match self.places.first() {
            Some((place, label)) => at(place, label),
            None => json!({}),
        };
        let rest = self.places.iter().skip(1);
        if let Some(fields) = object.as_object_mut() {
            fields.insert("severity".to_owned(), json!(self.severity.as_str()));
            fields.insert("code".to_owned(), json!(self.code));
            fields.insert("message".to_owned(), json!(self.message));
            fields.insert("help".to_owned(), json!(self.help));
            let related: Vec<_> = rest.map(|(place, label)| at(place, label)).collect();
            fields.insert("related".to_owned(), json!(related));
        }
        object
    }
}

/// The most choices that are compared with a misspelt word: a thousand words among ten thousand take a minute.
const MOST_CHOICES: usize = 500;

/// Returns what a program reads of several problems.
#[must_use]
pub fn for_programs(problems: &[Problem]) -> Value {
    let mut lines = Lines::default();
    let each = problems
        .iter()
        .map(|problem| problem.for_programs(&mut lines));
    Value::Array(each.collect())
}

/// Returns the choice that a misspelt word is nearest to, if it is near enough to be meant.
#[must_use]
pub fn nearest<'a>(word: &str, choices: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    // A quarter of the letters and one more: `imge` finds `image`, `x` finds nothing of one letter.
    let allowed = 1 + lower.chars().count() / 4;
    let near = |choice: &&str| *choice != word && choice.len().abs_diff(word.len()) <= allowed * 4;
    choices
        .into_iter()
        .filter(near)
        .take(MOST_CHOICES)
        .map(|choice| (strsim::osa_distance(&lower, &choice.to_lowercase()), choice))
        .filter(|(distance, choice)| *distance <= allowed && *distance < choice.chars().count())
        .min()
        .map(|(_, choice)| choice)
}

/// Everything that is wrong with a definition, sorted by file and position, each thing once. Holds at least one error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// The most problems that are told. Warnings go first where there are more.
    pub const MOST: usize = 1000;

    /// Sorts problems; none if there is no error among them.
    #[must_use]
    pub fn of(problems: Vec<Problem>) -> Option<Self> {
        let error = |problem: &Problem| problem.severity == Severity::Error;
        let any = problems.iter().any(error);
        any.then(|| {
            let mut problems = sorted(problems);
            if problems.len() > Self::MOST {
                problems.retain(error);
                problems.truncate(Self::MOST);
            }
            Self(problems)
        })
    }

    /// Returns them in order.
    #[must_use]
    pub fn as_slice(&self) -> &[Problem] {
        &self.0
    }

    fn errors(&self) -> impl Iterator<Item = &Problem> {
        let error = |problem: &&Problem| problem.severity == Severity::Error;
        self.0.iter().filter(error)
    }
}

/// Sorts problems by file and position, and says each thing once.
#[must_use]
pub fn sorted(mut problems: Vec<Problem>) -> Vec<Problem> {
    let place = |problem: &Problem| problem.places.first().map(|(place, _)| place.clone());
    problems.sort_by(|a, b| {
        (place(a), a.severity, &a.message).cmp(&(place(b), b.severity, &b.message))
    });
    let mut seen = BTreeSet::new();
    problems.retain(|problem| seen.insert((problem.message.clone(), place(problem))));
    problems
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut errors = self.errors();
        if let Some(first) = errors.next() {
            f.write_str(&first.line())?;
        }
        match errors.count() {
            0 => Ok(()),
            more => write!(f, ", and {more} more"),
        }
    }
}

impl std::error::Error for Problems {}

impl Explain for Problems {
    fn kind(&self) -> Kind {
        Kind::Invalid
    }

    fn report(&self, colour: bool) -> Option<String> {
        Some(report::all(&self.0, colour))
    }

    fn details(&self) -> Option<Value> {
        Some(for_programs(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_only_what_is_near() {
        let keys = ["image", "ports", "depends_on", "environment", "x"];
        for (word, near) in [
            ("imge", Some("image")),
            ("Image", Some("image")),
            ("port", Some("ports")),
            ("depend_on", Some("depends_on")),
            ("enviroment", Some("environment")),
            ("y", None),
            ("privileged", None),
        ] {
            assert_eq!(nearest(word, keys), near, "{word}");
        }
    }

    #[test]
    fn warnings_alone_are_no_failure() {
        assert_eq!(Problems::of(vec![Problem::warning("unset", "w")]), None);
        let both = vec![Problem::error("b", "b"), Problem::error("b", "b")];
        let problems = Problems::of(both).unwrap();
        assert_eq!(problems.as_slice().len(), 1);
        assert_eq!(problems.to_string(), "b");
    }
}
