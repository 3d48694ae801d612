//! `longshore history`

use std::collections::BTreeSet;

use clap::Args;
use serde_json::json;

use super::context::Context;
use super::failure::Failure;
use super::table::Table;
use crate::domain::ledger::{
    BuildRecord, DeploymentRecord, Release, RolloutOutcome, TestRecord, Timestamp,
};
use crate::domain::name::{Digest, EnvironmentName, TestName};
use crate::domain::results::{Cases, Coverage};
use crate::pipeline::rollout::known;
use crate::system::clock;
use crate::system::store::Recorded;

/// Arguments of `longshore history`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Only the deployments of this environment
    #[arg(short, long, value_name = "ENV")]
    environment: Option<EnvironmentName>,
    /// How many of each kind
    #[arg(long, value_name = "N", default_value_t = 20)]
    last: u32,
}

struct History {
    builds: Vec<BuildRecord>,
    tests: Vec<TestRecord>,
    /// The fingerprints on which a test was green as well as red.
    flaky: BTreeSet<(TestName, Digest)>,
    releases: Vec<Recorded<Release>>,
    deployments: Vec<DeploymentRecord>,
}

/// Prints builds, tests, releases and deployments: who, when, from which commit, with which end.
///
/// # Errors
///
/// If the definition is wrong or the ledger cannot be read.
pub async fn run(context: &Context, arguments: Arguments) -> Result<(), Failure> {
    let Arguments { environment, last } = arguments;
    let project = context.project().await?;
    let ledger = &project.ledger;
    let everything = environment.is_none();
    let history = History {
        builds: if everything {
            ledger.builds(last).await?
        } else {
            Vec::new()
        },
        tests: if everything {
            ledger.tests(last).await?
        } else {
            Vec::new()
        },
        flaky: ledger.both_verdicts().await?,
        releases: if everything {
            ledger.releases(last).await?
        } else {
            Vec::new()
        },
        deployments: ledger.deployments(environment.as_ref(), last).await?,
    };
    // What was deployed to an environment is still to be read when the tree has it no more.
    if let Some(environment) = &environment
        && history.deployments.is_empty()
    {
        known(&project, environment)?;
    }
    if context.output.json() {
        context.output.object(&as_json(&history));
    } else {
        context.output.result(as_text(&history, everything));
    }
    Ok(())
}

fn as_json(history: &History) -> serde_json::Value {
    let History {
        builds,
        tests,
        flaky,
        releases,
        deployments,
    } = history;
    let tests: Vec<_> = tests
        .iter()
        .map(|record| {
            let mut test = json!(record);
            test["flaky"] = json!(is_flaky(record, flaky));
            test
        })
        .collect();
    let releases: Vec<_> = releases
        .iter()
        .map(|Recorded { at, record }| {
            let Release { id, images, vouchers, provenance, .. } = record;
            json!({ "id": id, "at": at, "images": images, "vouchers": vouchers, "untested": record.untested(), "provenance": provenance })
        })
        .collect();
    json!({ "builds": builds, "tests": tests, "releases": releases, "deployments": deployments })
}

fn as_text(history: &History, everything: bool) -> String {
    let History {
        builds,
        tests,
        flaky,
        releases,
        deployments,
    } = history;
    let mut text = String::new();
    if everything {
        let mut table = Table::new("builds", &["SERVICE", "IMAGE", "COMMIT", "BY", "WHEN"]);
        for BuildRecord {
            service,
            identity,
            provenance,
            at,
            ..
        } in builds
        {
            table.row([
                service.to_string(),
                identity.config.short(),
                commit(&provenance.commit, provenance.dirty),
                provenance.actor.clone(),
                when(*at),
            ]);
        }
        text.push_str(&table.render());
        let columns = [
            "TEST", "VERDICT", "CASES", "COVERAGE", "COMMIT", "BY", "WHEN", "",
        ];
        let mut table = Table::new("tests", &columns);
        for record in tests {
            let TestRecord {
                test,
                verdict,
                provenance,
                at,
                reason,
                results,
                earlier,
                ..
            } = record;
            let retried = match earlier.len() {
                0 => None,
                before => Some(format!("attempt {}", before + 1)),
            };
            let flaky = is_flaky(record, flaky);
            let notes: Vec<_> = retried.into_iter().chain(reason.clone()).collect();
            let reason = notes.join(": ");
            table.row([
                test.to_string(),
                format!("{verdict}{}", if flaky { ", flaky" } else { "" }),
                passed(results.cases.as_ref()),
                results
                    .coverage
                    .as_ref()
                    .map(Coverage::to_string)
                    .unwrap_or_default(),
                commit(&provenance.commit, provenance.dirty),
                provenance.actor.clone(),
                when(*at),
                reason,
            ]);
        }
        text.push_str(&table.render());
        let mut table = Table::new("releases", &["RELEASE", "COMMIT", "BY", "WHEN", ""]);
        for Recorded { at, record } in releases {
            let Release { id, provenance, .. } = record;
            let untested = record.untested();
            let note = if untested.is_empty() {
                String::new()
            } else {
                format!("untested: {}", joined(untested))
            };
            table.row([
                id.to_string(),
                commit(&provenance.commit, provenance.dirty),
                provenance.actor.clone(),
                when(*at),
                note,
            ]);
        }
        text.push_str(&table.render());
    }
    let mut table = Table::new(
        "deployments",
        &["ENVIRONMENT", "RELEASE", "OUTCOME", "BY", "WHEN", ""],
    );
    for DeploymentRecord {
        environment,
        release,
        outcome,
        provenance,
        at,
        ..
    } in deployments
    {
        let (word, why) = outcome_words(outcome.as_ref());
        table.row([
            environment.to_string(),
            release.to_string(),
            word,
            provenance.actor.clone(),
            when(*at),
            why,
        ]);
    }
    text.push_str(&table.render());
    text
}

/// Tells whether a test passed when it was tried again, or was green as well as red on one fingerprint.
fn is_flaky(record: &TestRecord, both: &BTreeSet<(TestName, Digest)>) -> bool {
    record.passed_on_retry() || both.contains(&(record.test.clone(), record.fingerprint))
}

fn passed(cases: Option<&Cases>) -> String {
    cases.map_or_else(String::new, |cases| {
        format!("{}/{}", cases.passed, cases.total())
    })
}

fn outcome_words(outcome: Option<&RolloutOutcome>) -> (String, String) {
    let (word, why) = match outcome {
        None => ("unfinished", ""),
        Some(RolloutOutcome::Healthy) => ("healthy", ""),
        Some(RolloutOutcome::Unchanged { reason }) => ("unchanged", reason.as_str()),
        Some(RolloutOutcome::Reverted { reason }) => ("reverted", reason.as_str()),
        Some(RolloutOutcome::Mixed { reason }) => ("mixed", reason.as_str()),
    };
    (
        word.to_owned(),
        why.lines().next().unwrap_or_default().to_owned(),
    )
}

fn commit(commit: &str, dirty: bool) -> String {
    let short: String = commit
        .trim_start_matches("sha256:")
        .chars()
        .take(12)
        .collect();
    if dirty { format!("{short}+") } else { short }
}

/// Says when in local time, and for the last two days how long ago.
fn when(at: Timestamp) -> String {
    let (local, seconds) = (clock::local(at), clock::now().0 - at.0);
    match ago(seconds) {
        Some(ago) => format!("{local} ({ago})"),
        None => local,
    }
}

fn ago(seconds: i64) -> Option<String> {
    match seconds {
        ..0 => None,
        0..60 => Some(format!("{seconds} s ago")),
        60..3_600 => Some(format!("{} min ago", seconds / 60)),
        3_600..172_800 => Some(format!("{} h ago", seconds / 3_600)),
        172_800.. => None,
    }
}

fn joined<T: ToString>(names: impl IntoIterator<Item = T>) -> String {
    names
        .into_iter()
        .map(|name| name.to_string())
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_recent_is_so_long_ago() {
        assert_eq!(ago(-5), None);
        assert_eq!(ago(59).unwrap(), "59 s ago");
        assert_eq!(ago(60).unwrap(), "1 min ago");
        assert_eq!(ago(7_200).unwrap(), "2 h ago");
        assert_eq!(ago(172_800), None);
    }
}
