//! A failure as a person, a program and the shell see it.

use serde_json::json;

use crate::domain::failure::{Explain, Kind};
use crate::domain::mask::Masker;

/// What ends a command early.
#[derive(Debug)]
pub struct Failure {
    /// Its kind, which decides the exit code.
    pub kind: Kind,
    /// What failed and why, outermost first; empty when the command's own result says it.
    pub causes: Vec<String>,
    /// What to do next.
    pub hints: Vec<String>,
    /// Whether nothing is added to the JSON that was printed.
    pub silent: bool,
    /// The report in place of the causes, without and with colour.
    report: Option<(String, String)>,
    details: Option<serde_json::Value>,
}

impl Failure {
    /// A failure that the command's own result has told already.
    #[must_use]
    pub fn told(kind: Kind) -> Self {
        Self {
            kind,
            causes: Vec::new(),
            hints: Vec::new(),
            silent: false,
            report: None,
            details: None,
        }
    }

    /// A failure that a query's one object or text has told already: only hints may be added for people.
    #[must_use]
    pub fn silent(kind: Kind) -> Self {
        Self {
            silent: true,
            ..Self::told(kind)
        }
    }

    /// An interruption before anything was changed.
    #[must_use]
    pub fn interrupted() -> Self {
        Self::new(Kind::Interrupted, "interrupted, and nothing was changed")
    }

    /// A failure that needs no error type of its own.
    #[must_use]
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            causes: vec![message.into()],
            ..Self::told(kind)
        }
    }

    /// Keeps secrets out of what it says.
    #[must_use]
    pub fn masked(mut self, masker: &Masker) -> Self {
        for text in self.causes.iter_mut().chain(&mut self.hints) {
            *text = masker.mask(text).into_owned();
        }
        self
    }

    /// Adds what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Returns the text for a person.
    #[must_use]
    pub fn for_people(&self, colour: bool) -> String {
        let (red, cyan, reset) = if colour {
            ("\x1b[1;31m", "\x1b[36m", "\x1b[0m")
        } else {
            ("", "", "")
        };
        let mut text = String::new();
        if let Some((plain, coloured)) = &self.report {
            text.push_str(if colour { coloured } else { plain });
            text.push('\n');
        } else {
            for (depth, cause) in self.causes.iter().enumerate() {
                let lead = if depth == 0 {
                    format!("{red}error:{reset} ")
                } else {
                    "  because: ".to_owned()
                };
                text.push_str(&format!(
                    "{lead}{}\n",
                    cause.trim_end().replace('\n', "\n    ")
                ));
            }
        }
        for hint in &self.hints {
            text.push_str(&format!(
                "{cyan}hint:{reset} {}\n",
                hint.replace('\n', "\n      ")
            ));
        }
        text
    }

    /// Returns the fields of the closing JSON event.
    #[must_use]
    pub fn for_programs(&self) -> serde_json::Value {
        let mut object = json!({
            "event": "finished",
            "outcome": self.kind.as_str(),
            "exit_code": self.kind.exit_code(),
            "message": self.causes.join(": "),
            "hints": self.hints,
        });
        if let (Some(details), Some(fields)) = (&self.details, object.as_object_mut()) {
            fields.insert("problems".to_owned(), details.clone());
        }
        object
    }
}

impl<E: Explain> From<E> for Failure {
    fn from(error: E) -> Self {
        let mut causes = vec![error.to_string()];
        let mut source = error.source();
        while let Some(cause) = source {
            let text = cause.to_string();
            // Some libraries print their source into the message, too.
            if !causes.last().is_some_and(|last| last.ends_with(&text)) {
                causes.push(text);
            }
            source = cause.source();
        }
        Self {
            kind: error.kind(),
            causes,
            hints: error.hints(),
            silent: false,
            report: error.report(false).zip(error.report(true)),
            details: error.details(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("no more space")]
    struct Space;

    #[derive(Debug, thiserror::Error)]
    enum Chain {
        #[error("failed to keep it")]
        Outer(#[source] Box<Chain>),
        #[error("database said: no more space")]
        Repeats(#[source] Space),
    }

    impl Explain for Chain {
        fn kind(&self) -> Kind {
            Kind::Failed
        }
    }

    #[test]
    fn a_cause_that_the_one_before_has_said_is_not_said_again() {
        let failure = Failure::from(Chain::Outer(Box::new(Chain::Repeats(Space))));
        assert_eq!(
            failure.for_people(false),
            "error: failed to keep it\n  because: database said: no more space\n"
        );
    }
}
