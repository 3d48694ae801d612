//! One JUnit report of all tests: a suite a test, with the cases that the test's own report tells of.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Property, TestCase, TestCaseStatus, TestRerun, TestSuite};

use super::keep::read_cases;
use super::{Report, Skipped, TestResult};
use crate::domain::ledger::{TestRecord, Verdict};
use crate::domain::name::ClusterName;
use crate::domain::results::{Case, CaseOutcome};

impl Report {
    /// Writes it as JUnit XML.
    ///
    /// # Errors
    ///
    /// If the XML cannot be written, which would be a bug.
    pub fn junit(&self, cluster: &ClusterName) -> Result<String, quick_junit::SerializeError> {
        let mut report = quick_junit::Report::new(cluster.as_str());
        for result in &self.results {
            report.add_test_suite(suite(result));
        }
        for Skipped { test, reason } in &self.skipped {
            let mut status = TestCaseStatus::skipped();
            status.set_message(reason.as_str());
            let mut case = TestCase::new(test.as_str(), status);
            case.set_classname(test.as_str());
            let mut suite = TestSuite::new(test.as_str());
            suite.add_test_case(case);
            report.add_test_suite(suite);
        }
        report.to_string()
    }
}

fn suite(result: &TestResult) -> TestSuite {
    let TestRecord {
        test,
        verdict,
        elapsed_ms,
        results,
        earlier,
        ..
    } = &result.record;
    let mut suite = TestSuite::new(test.as_str());
    suite.set_time(Duration::from_millis(*elapsed_ms));
    if result.unchanged {
        suite.add_property(Property::new("unchanged", "true"));
    }
    if !earlier.is_empty() {
        suite.add_property(Property::new("attempts", (earlier.len() + 1).to_string()));
    }
    // A report that was taken away meanwhile leaves what is recorded of it: how the test ended.
    let read = results.junit.as_deref().map(read_cases);
    let (cases, _) = read.and_then(Result::ok).unwrap_or_default();
    let failed = |case: &Case| matches!(case.outcome, CaseOutcome::Failed { .. });
    let told = match verdict {
        Verdict::Green => !cases.is_empty(),
        Verdict::Red => cases.iter().any(failed),
    };
    if !told {
        suite.add_test_case(of_test(result));
    }
    suite.add_test_cases(cases.into_iter().map(|case| of_case(case, test.as_str())));
    let lines: Vec<_> = result
        .tails
        .iter()
        .flat_map(|tail| &tail.lines)
        .map(String::as_str)
        .collect();
    if !lines.is_empty() {
        suite.set_system_out(lines.join("\n"));
    }
    suite
}

/// Makes a case of a whole test: one without a report, or one that is red though no case of it failed.
fn of_test(result: &TestResult) -> TestCase {
    let TestRecord {
        test,
        verdict,
        reason,
        elapsed_ms,
        earlier,
        ..
    } = &result.record;
    let mut status = match verdict {
        Verdict::Green => TestCaseStatus::success(),
        Verdict::Red => TestCaseStatus::non_success(NonSuccessKind::Failure),
    };
    if let Some(reason) = reason {
        status.set_message(reason.as_str());
    }
    for attempt in earlier {
        let mut rerun = TestRerun::new(NonSuccessKind::Failure);
        rerun.set_message(attempt.reason.as_str());
        rerun.set_time(Duration::from_millis(attempt.elapsed_ms));
        status.add_rerun(rerun);
    }
    let mut case = TestCase::new(test.as_str(), status);
    case.set_classname(test.as_str());
    case.set_time(Duration::from_millis(*elapsed_ms));
    case
}

fn of_case(case: Case, test: &str) -> TestCase {
    let Case {
        class,
        name,
        outcome,
        elapsed_ms,
    } = case;
    let status = match outcome {
        CaseOutcome::Passed => TestCaseStatus::success(),
        CaseOutcome::Skipped { message } => {
            let mut status = TestCaseStatus::skipped();
            if let Some(message) = message {
                status.set_message(message);
            }
            status
        }
        CaseOutcome::Failed { message, text } => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            if let Some(message) = message {
                status.set_message(message);
            }
            status.set_description(text);
            status
        }
    };
    let mut made = TestCase::new(name, status);
    made.set_classname(class.unwrap_or_else(|| test.to_owned()));
    if let Some(time) = elapsed_ms {
        made.set_time(Duration::from_millis(time));
    }
    made
}
