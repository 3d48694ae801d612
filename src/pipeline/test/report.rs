//! What came of the tests, for people and for programs that read JUnit.

use std::path::PathBuf;
use std::time::Duration;

use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};

use crate::domain::ledger::{TestRecord, Verdict};
use crate::domain::name::{ClusterName, ServiceName, TestName};

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

    /// Says for people what came of it: the red ones with their last lines, then the count.
    #[must_use]
    pub fn summary(&self) -> String {
        let red: Vec<_> = self
            .results
            .iter()
            .filter(|result| result.record.verdict == Verdict::Red)
            .collect();
        let mut text: String = red.iter().map(|result| failure(result)).collect();
        for Skipped { test, reason } in &self.skipped {
            text.push_str(&format!("test {test} is skipped: {reason}\n"));
        }
        let green = self.results.len() - red.len();
        let unchanged = self
            .results
            .iter()
            .filter(|result| result.unchanged)
            .count();
        text.push_str(&format!("{green} green"));
        if unchanged > 0 {
            text.push_str(&format!(" ({unchanged} unchanged)"));
        }
        text.push_str(&format!(", {} red", red.len()));
        if !self.skipped.is_empty() {
            text.push_str(&format!(", {} skipped", self.skipped.len()));
        }
        text.push('\n');
        text
    }

    /// Writes it as JUnit XML, one test case a test.
    ///
    /// # Errors
    ///
    /// If the XML cannot be written, which would be a bug.
    pub fn junit(&self, cluster: &ClusterName) -> Result<String, quick_junit::SerializeError> {
        let mut suite = TestSuite::new(cluster.as_str());
        for result in &self.results {
            let TestRecord {
                test,
                verdict,
                reason,
                elapsed_ms,
                ..
            } = &result.record;
            let mut status = match verdict {
                Verdict::Green => TestCaseStatus::success(),
                Verdict::Red => TestCaseStatus::non_success(NonSuccessKind::Failure),
            };
            if let Some(reason) = reason {
                status.set_message(reason.as_str());
            }
            let mut case = TestCase::new(test.as_str(), status);
            case.set_classname(cluster.as_str());
            case.set_time(Duration::from_millis(*elapsed_ms));
            let lines: Vec<_> = result
                .tails
                .iter()
                .flat_map(|tail| &tail.lines)
                .map(String::as_str)
                .collect();
            case.set_system_out(lines.join("\n"));
            suite.add_test_case(case);
        }
        for Skipped { test, reason } in &self.skipped {
            let mut status = TestCaseStatus::skipped();
            status.set_message(reason.as_str());
            let mut case = TestCase::new(test.as_str(), status);
            case.set_classname(cluster.as_str());
            suite.add_test_case(case);
        }
        let mut report = quick_junit::Report::new(cluster.as_str());
        report.add_test_suite(suite);
        report.to_string()
    }
}

fn failure(result: &TestResult) -> String {
    let TestRecord { test, reason, .. } = &result.record;
    let reason = reason.as_deref().unwrap_or("red");
    let mut text = format!("test {test} is red: {reason}\n");
    for Tail {
        service,
        log,
        lines,
    } in &result.tails
    {
        text.push_str(&format!(
            "  last lines of {service}, all in {}:\n",
            log.display()
        ));
        for line in lines {
            text.push_str(&format!("  | {line}\n"));
        }
    }
    if let [first, ..] = &result.kept[..] {
        text.push_str(&format!("  kept: {}\n", result.kept.join(" ")));
        text.push_str(&format!(
            "  look with `docker logs {first}`, remove with `longshore gc`\n"
        ));
    }
    text
}
