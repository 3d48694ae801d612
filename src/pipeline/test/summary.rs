//! What came of the tests, for a person with five seconds: what is green in a line each, then each red test with the
//! cases that failed and the last lines that say why, then the count.

use std::time::Duration;

use super::words::period_words;
use super::{Report, Skipped, Tail, TestResult};
use crate::domain::ledger::{Attempt, TestRecord, Verdict};
use crate::domain::results::{Cases, Results};

/// How many failed cases of a test are listed.
const LISTED: usize = 10;

impl Report {
    /// Says for people what came of it.
    #[must_use]
    pub fn summary(&self) -> String {
        let (red, green): (Vec<_>, Vec<_>) = self
            .results
            .iter()
            .partition(|result| result.record.verdict == Verdict::Red);
        let mut text: String = green.iter().filter_map(|result| success(result)).collect();
        for Skipped { test, reason } in &self.skipped {
            text.push_str(&format!("test {test} is skipped: {reason}\n"));
        }
        text.extend(red.iter().map(|result| failure(result)));
        text.push_str(&format!("{} green", green.len()));
        let count = |of: &dyn Fn(&TestResult) -> bool| {
            self.results.iter().filter(|result| of(result)).count()
        };
        let parts: Vec<_> = [
            (count(&|result| result.unchanged), "unchanged"),
            (count(&|result| result.record.passed_on_retry()), "flaky"),
        ]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
        if !parts.is_empty() {
            text.push_str(&format!(" ({})", parts.join(", ")));
        }
        text.push_str(&format!(", {} red", red.len()));
        if !self.skipped.is_empty() {
            text.push_str(&format!(", {} skipped", self.skipped.len()));
        }
        text.push('\n');
        text
    }
}

impl TestResult {
    /// Says in a line what a green test has to say beside that: cases, coverage, what was saved. Empty if nothing.
    #[must_use]
    pub fn details(&self) -> String {
        let TestRecord {
            results,
            elapsed_ms,
            ..
        } = &self.record;
        let Results {
            cases, coverage, ..
        } = results;
        let cases = cases.as_ref().map(Cases::to_string);
        let coverage = coverage.as_ref().map(|share| format!("coverage {share}"));
        let saved = self
            .unchanged
            .then(|| format!("saved {}", period_words(Duration::from_millis(*elapsed_ms))));
        let parts: Vec<_> = [cases, coverage, saved].into_iter().flatten().collect();
        parts.join(", ")
    }
}

fn success(result: &TestResult) -> Option<String> {
    let TestRecord {
        test,
        log,
        results,
        earlier,
        ..
    } = &result.record;
    let details = result.details();
    if details.is_empty() && earlier.is_empty() && results.artifacts.is_none() {
        return None;
    }
    let flaky = if result.record.passed_on_retry() {
        format!(" on attempt {}, so it is flaky", earlier.len() + 1)
    } else {
        String::new()
    };
    let details = Some(details).filter(|details| !details.is_empty());
    let details = details.map(|details| format!(": {details}"));
    let mut text = format!(
        "test {test} is green{flaky}{}\n",
        details.unwrap_or_default()
    );
    for (number, Attempt { reason, log, .. }) in earlier.iter().enumerate() {
        let (number, log) = (number + 1, log.display());
        text.push_str(&format!(
            "  attempt {number} was red: {reason}, log {log}\n"
        ));
    }
    if result.unchanged {
        text.push_str(&format!("  log {}\n", log.display()));
    }
    text.push_str(&artifacts(results));
    Some(text)
}

fn failure(result: &TestResult) -> String {
    let TestRecord {
        test,
        reason,
        results,
        earlier,
        ..
    } = &result.record;
    let reason = reason.as_deref().unwrap_or("red");
    let attempts = match earlier.len() {
        0 => String::new(),
        before => format!(" in all {} attempts", before + 1),
    };
    let mut text = format!("test {test} is red{attempts}: {reason}\n");
    if let Some(cases) = &results.cases {
        for case in cases.failures.iter().take(LISTED) {
            text.push_str(&format!("  x {case}\n"));
        }
        let more = cases.failed.saturating_sub(LISTED as u64);
        if let (1.., Some(report)) = (more, &results.junit) {
            text.push_str(&format!("  and {more} more in {}\n", report.display()));
        }
    }
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
    text.push_str(&artifacts(results));
    if let [first, ..] = &result.kept[..] {
        text.push_str(&format!("  kept: {}\n", result.kept.join(" ")));
        text.push_str(&format!(
            "  look with `docker logs {first}`, remove with `longshore gc`\n"
        ));
    }
    text
}

fn artifacts(results: &Results) -> String {
    let folder = results.artifacts.as_ref();
    folder.map_or_else(String::new, |folder| {
        format!("  artifacts {}\n", folder.display())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ledger::{Provenance, Timestamp};
    use crate::domain::name::Digest;
    use crate::domain::results::{Coverage, FailedCase, Percent};

    fn result(name: &str, verdict: Verdict) -> TestResult {
        let record = TestRecord {
            test: name.parse().unwrap(),
            fingerprint: Digest::of("f"),
            verdict,
            reason: (verdict == Verdict::Red).then(|| "exit code 1".to_owned()),
            exit_code: None,
            images: [].into(),
            log: "/logs/api.log".into(),
            provenance: Provenance {
                commit: "c".to_owned(),
                dirty: false,
                actor: "a".to_owned(),
            },
            at: Timestamp(0),
            elapsed_ms: 192_300,
            results: Results::default(),
            earlier: Vec::new(),
        };
        TestResult {
            record,
            unchanged: false,
            tails: Vec::new(),
            kept: Vec::new(),
        }
    }

    #[test]
    fn what_a_person_needs_is_said_and_the_rest_is_not() {
        let quiet = result("a", Verdict::Green);
        let mut kept = result("b", Verdict::Green);
        kept.unchanged = true;
        kept.record.results = Results {
            cases: Some(Cases {
                passed: 14,
                ..Cases::default()
            }),
            coverage: Some(Coverage {
                lines: Percent::of(813, 1_000).unwrap(),
                before: Percent::of(809, 1_000),
            }),
            artifacts: Some("/logs/artifacts".into()),
            ..Results::default()
        };
        let mut flaky = result("c", Verdict::Green);
        flaky.record.earlier = vec![Attempt {
            reason: "exit code 7".to_owned(),
            exit_code: Some(7),
            log: "/logs/1.log".into(),
            elapsed_ms: 1,
            results: Results::default(),
        }];
        let mut red = result("d", Verdict::Red);
        let failed = |number| FailedCase {
            name: format!("case{number}"),
            message: Some("expected 1".to_owned()),
        };
        red.record.results = Results {
            cases: Some(Cases {
                failed: 12,
                failures: (0..12).map(failed).collect(),
                ..Cases::default()
            }),
            junit: Some("/logs/junit.xml".into()),
            ..Results::default()
        };
        red.tails = vec![Tail {
            service: "db".parse().unwrap(),
            log: "/logs/db.log".into(),
            lines: vec!["no such table".to_owned()],
        }];
        let results = vec![quiet, kept, flaky, red];
        let skipped = vec![Skipped {
            test: "e".parse().unwrap(),
            reason: "another cell is red".to_owned(),
        }];
        let summary = Report { results, skipped }.summary();
        let expected = [
            "test b is green: 14 cases, coverage 81.3 % (+0.4 %), saved 3m12s",
            "  log /logs/api.log",
            "  artifacts /logs/artifacts",
            "test c is green on attempt 2, so it is flaky",
            "  attempt 1 was red: exit code 7, log /logs/1.log",
            "test e is skipped: another cell is red",
            "test d is red: exit code 1",
            "  x case0: expected 1",
        ];
        assert!(summary.starts_with(&expected.join("\n")), "{summary}");
        let end = [
            "  x case9: expected 1",
            "  and 2 more in /logs/junit.xml",
            "  last lines of db, all in /logs/db.log:",
            "  | no such table",
            "3 green (1 unchanged, 1 flaky), 1 red, 1 skipped\n",
        ];
        assert!(summary.ends_with(&end.join("\n")), "{summary}");
    }
}
