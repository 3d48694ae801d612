//! What came of the tests, for people and for programs that read JUnit.

use std::path::PathBuf;

use crate::domain::ledger::{TestRecord, Verdict};
use crate::domain::name::{ServiceName, TestName};

/// What came of the tests.
#[derive(Debug, Clone)]
pub struct Report {
    /// One result a test, by name.
    pub results: Vec<TestResult>,
    /// Those that were not run, by name.
    pub skipped: Vec<Skipped>,
}

/// A test that was not run, or not to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Which.
    pub test: TestName,
    /// Why.
    pub reason: String,
}

/// What came of one test.
#[derive(Debug, Clone)]
pub struct TestResult {
    /// Its verdict, as it is in the ledger.
    pub record: TestRecord,
    /// Whether that verdict is an earlier run's.
    pub unchanged: bool,
    /// If it is red, the last lines of the test and of the service that is why.
    pub tails: Vec<Tail>,
    /// The containers that stay to be looked at.
    pub kept: Vec<String>,
}

/// The last lines of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tail {
    /// Whose.
    pub service: ServiceName,
    /// Where the whole log is kept.
    pub log: PathBuf,
    /// The lines, the oldest first.
    pub lines: Vec<String>,
}

impl Report {
    /// Tells whether every test is green.
    #[must_use]
    pub fn green(&self) -> bool {
        self.results
            .iter()
            .all(|result| result.record.verdict == Verdict::Green)
    }
}
