//! The cases of a test, and what is remembered of them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One case, as a report tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// What groups it, as its runner says: a class, a file, a suite.
    pub class: Option<String>,
    /// Its name.
    pub name: String,
    /// How it ended.
    pub outcome: CaseOutcome,
    /// How long it took, if that is said, in milliseconds.
    pub elapsed_ms: Option<u64>,
}

/// How a case ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaseOutcome {
    /// As it should.
    Passed,
    /// It was not run.
    Skipped {
        /// Why not.
        message: Option<String>,
    },
    /// It failed, or could not be run.
    Failed {
        /// Why, in a line.
        message: Option<String>,
        /// All that is said about it.
        text: String,
    },
}

/// What is remembered of a test's cases.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cases {
    /// How many passed.
    pub passed: u64,
    /// How many failed.
    pub failed: u64,
    /// How many were not run.
    pub skipped: u64,
    /// Those that failed, the first of them if there are very many.
    pub failures: Vec<FailedCase>,
}

/// A case that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedCase {
    /// What groups it, and its name.
    pub name: String,
    /// Why, in a line.
    pub message: Option<String>,
}

impl Case {
    /// Returns its name with what groups it before: `tests.test_login.test_wrong_password`.
    #[must_use]
    pub fn full_name(&self) -> String {
        match &self.class {
            // Some runners say the class in the name, too.
            Some(class) if !self.name.starts_with(class.as_str()) => {
                format!("{class}.{}", self.name)
            }
            Some(_) | None => self.name.clone(),
        }
    }
}

impl Cases {
    /// How many failed cases are remembered by name.
    pub const REMEMBERED: usize = 100;

    /// Counts cases.
    #[must_use]
    pub fn of(cases: &[Case]) -> Self {
        let mut counted = Self::default();
        for case in cases {
            match &case.outcome {
                CaseOutcome::Passed => counted.passed += 1,
                CaseOutcome::Skipped { .. } => counted.skipped += 1,
                CaseOutcome::Failed { message, .. } => {
                    counted.failed += 1;
                    if counted.failures.len() < Self::REMEMBERED {
                        counted.failures.push(FailedCase {
                            name: case.full_name(),
                            message: message.clone(),
                        });
                    }
                }
            }
        }
        counted
    }

    /// Returns how many there are.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.passed
            .saturating_add(self.failed)
            .saturating_add(self.skipped)
    }
}

impl fmt::Display for Cases {
    /// Says how many there are, and what of that is not as it should be: `14 cases, 1 failed, 2 skipped`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.total() {
            1 => f.write_str("1 case")?,
            total => write!(f, "{total} cases")?,
        }
        if self.failed > 0 {
            write!(f, ", {} failed", self.failed)?;
        }
        if self.skipped > 0 {
            write!(f, ", {} skipped", self.skipped)?;
        }
        Ok(())
    }
}

impl fmt::Display for FailedCase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.message {
            Some(message) => write!(f, "{}: {message}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(outcome: CaseOutcome) -> Case {
        Case {
            class: Some("a.b".to_owned()),
            name: "c".to_owned(),
            outcome,
            elapsed_ms: None,
        }
    }

    #[test]
    fn what_is_not_as_it_should_be_is_said() {
        let failed = CaseOutcome::Failed {
            message: Some("expected 1".to_owned()),
            text: String::new(),
        };
        let skipped = CaseOutcome::Skipped { message: None };
        let all = [CaseOutcome::Passed, failed, skipped, CaseOutcome::Passed].map(case);
        let cases = Cases::of(&all);
        assert_eq!(cases.to_string(), "4 cases, 1 failed, 1 skipped");
        assert_eq!(cases.failures[0].to_string(), "a.b.c: expected 1");
        assert_eq!(Cases::of(&all[..1]).to_string(), "1 case");
    }

    #[test]
    fn very_many_failures_are_counted_and_not_all_remembered() {
        let failed = case(CaseOutcome::Failed {
            message: None,
            text: String::new(),
        });
        let cases = Cases::of(&vec![failed; Cases::REMEMBERED + 5]);
        assert_eq!(cases.failed, 105);
        assert_eq!(cases.failures.len(), 100);
    }
}
