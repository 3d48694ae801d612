//! Testing: what has no green verdict is run, each test beside its linked services in a network of its own, and the
//! verdict is recorded. Whatever happens, logs are kept and everything that was made is removed.

mod bed;
mod before;
mod beside;
mod cells;
mod error;
mod follow;
mod given;
mod keep;
mod merged;
mod network;
mod report;
mod run;
mod spec;
mod spread;
mod step;
mod summary;
mod words;

pub use error::TestError;
pub use report::{Report, Skipped, Tail, TestResult};
pub use step::{StepRequest, step};

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use futures_util::{StreamExt, stream};

use super::Tools;
use crate::domain::cluster::{Cluster, Subject};
use crate::domain::event::{Outcome, Work};
use crate::domain::ledger::{Asset, ImageIdentity};
use crate::domain::name::{ServiceName, TestName};
use crate::domain::plan::test::{
    Decision, Past, Plan, Step, Wanted, beside_test, in_order, plan, wanted,
};
use before::Before;
use cells::{Cells, Ended};
use given::Given;
use run::TestRun;
use spread::Spread;

/// What is to be tested.
#[derive(Debug, Clone)]
pub struct TestRequest {
    /// The tests; none means all.
    pub tests: BTreeSet<TestName>,
    /// How many tests run at a time.
    pub jobs: usize,
    /// Whether green fingerprints are run again.
    pub force: bool,
    /// Whether the containers of a failed test stay.
    pub keep: bool,
    /// The tests among these that are not run.
    pub skip: BTreeSet<TestName>,
}

/// The images and mounted files that tests see.
#[derive(Debug, Clone)]
pub struct Material {
    /// The image of each service, as far as there is one.
    pub images: BTreeMap<ServiceName, ImageIdentity>,
    /// The mounted files.
    pub assets: BTreeMap<PathBuf, Asset>,
}

/// Returns the services whose images are needed for these tests, or for all if none is named.
///
/// # Errors
///
/// If there is no such test.
pub fn services(
    cluster: &Cluster,
    tests: &BTreeSet<TestName>,
) -> Result<BTreeSet<ServiceName>, TestError> {
    let mut services = BTreeSet::new();
    for name in names(cluster, tests)? {
        let test = &cluster.tests[name];
        services.extend(test.service().cloned());
        services.extend(beside_test(cluster, test));
    }
    Ok(services)
}

/// Returns the tests that are asked for, and those that they need, each after these.
fn names<'c>(
    cluster: &'c Cluster,
    tests: &BTreeSet<TestName>,
) -> Result<Vec<&'c TestName>, TestError> {
    if let Some(test) = tests.iter().find(|name| !cluster.tests.contains_key(*name)) {
        return Err(TestError::UnknownTest {
            test: test.clone(),
            known: cluster.tests.keys().cloned().collect(),
        });
    }
    let all = cluster.tests.keys();
    let asked = all.filter(|name| tests.is_empty() || tests.contains(*name));
    Ok(in_order(cluster, asked))
}

/// Decides which tests have to be run, and why. Nothing is changed.
///
/// # Errors
///
/// If there is no such test, an image that it needs is not known, or the ledger cannot be asked.
pub async fn survey(
    tools: &Tools,
    cluster: &Cluster,
    request: &TestRequest,
    material: &Material,
) -> Result<Plan, TestError> {
    let mut tests: Vec<Wanted> = Vec::new();
    let mut past = BTreeMap::new();
    for name in names(cluster, &request.tests)? {
        if request.skip.contains(name) {
            continue;
        }
        let test = wanted(cluster, name, &material.images, &material.assets);
        let test = test.map_err(|service| TestError::NoImage {
            test: name.clone(),
            service,
        })?;
        let same = tools.ledger.test(name, &test.fingerprint).await?;
        let last = match same {
            Some(_) => None,
            None => tools.ledger.last_test(name).await?,
        };
        past.insert(name.clone(), Past { same, last });
        tests.push(test);
    }
    Ok(plan(tests, &past, request.force))
}

/// Runs the tests that have no green verdict. Red ones don't keep the others from running; they are in the report.
///
/// # Errors
///
/// If a test could not be carried out at all, or the user interrupts; what ran is removed before.
pub async fn test(
    tools: &Tools,
    cluster: &Cluster,
    request: &TestRequest,
    material: &Material,
) -> Result<Report, TestError> {
    let plan = survey(tools, cluster, request, material).await?;
    tools.events.ahead(plan.steps.iter().map(|step| Work::Test {
        test: step.wanted.test.clone(),
    }));
    let asked_to_end = tools.interrupt.clone();
    // The first test that cannot be carried out ends the others, too, but orderly: each removes what it made.
    let tools = Tools {
        interrupt: tools.interrupt.child_token(),
        ..tools.clone()
    };
    let (cells, before) = (Cells::of(&tools, &plan), Before::of(&plan));
    let spread = Spread::of(&tools, cluster, &plan, request.jobs).await?;
    let each = plan.steps.iter().map(|step| {
        let (tools, spread, cells, before) = (&tools, &spread, &cells, &before);
        async move {
            let test = &step.wanted.test;
            // Who waits for others takes no turn from those meanwhile.
            let result = match before.given(tools, cluster, test).await {
                Ok(Ok(given)) => {
                    let (tools, _turn) = spread.turn(tools, step).await;
                    cells.one(&tools, cluster, request, (step, &given)).await
                }
                Ok(Err(skipped)) => Ok(Ended::Skipped(skipped)),
                Err(error) => Err(error),
            };
            before.tell(test, &result);
            if result.is_err() {
                tools.interrupt.cancel();
            }
            result
        }
    });
    let results: Vec<_> = stream::iter(each)
        .buffer_unordered(plan.steps.len().max(1))
        .collect()
        .await;
    let left_out = names(cluster, &request.tests)?.into_iter();
    let left_out = left_out.filter(|name| request.skip.contains(*name));
    let left_out = left_out.map(|test| Skipped {
        test: test.clone(),
        reason: "asked for with --skip".to_owned(),
    });
    let (mut done, mut skipped) = (Vec::new(), left_out.collect::<Vec<_>>());
    let mut failure: Option<TestError> = None;
    for result in results {
        match result {
            Ok(Ended::Done(result)) => done.push(*result),
            Ok(Ended::Skipped(test)) => skipped.push(test),
            // Those that were interrupted only because another one failed are not what is told.
            Err(error) if failure.is_none() || matches!(failure, Some(TestError::Interrupted)) => {
                failure = Some(error);
            }
            Err(_) => {}
        }
    }
    // One that came to its verdict all the same is in the ledger.
    if failure.is_none() && asked_to_end.is_cancelled() {
        failure = Some(TestError::Interrupted);
    }
    done.sort_by(|one, other| one.record.test.cmp(&other.record.test));
    skipped.sort_by(|one, other| one.test.cmp(&other.test));
    failure.map_or(
        Ok(Report {
            results: done,
            skipped,
        }),
        Err,
    )
}

async fn one(
    tools: &Tools,
    cluster: &Cluster,
    request: &TestRequest,
    (step, given): (&Step, &[Given]),
) -> Result<TestResult, TestError> {
    let running = tools.events.start(Work::Test {
        test: step.wanted.test.clone(),
    });
    match &step.decision {
        Decision::Keep(record) => {
            let fingerprint = record.fingerprint.short();
            let result = TestResult {
                record: (**record).clone(),
                unchanged: true,
                tails: Vec::new(),
                kept: Vec::new(),
            };
            let details = result.details();
            let log = record.log.display();
            running.end(Outcome::Unchanged {
                reason: format!("fingerprint {fingerprint} is green, {details}, log {log}"),
            });
            Ok(result)
        }
        Decision::Run(reason) => {
            running.phase(format!("running: {reason}"));
            let Subject::Service(service) = &cluster.tests[&step.wanted.test].subject;
            let run = TestRun {
                tools,
                cluster,
                wanted: &step.wanted,
                test: &cluster.tests[&step.wanted.test],
                service,
                given,
                keep: request.keep,
                release: false,
            };
            let result = run.carry_out(&running).await;
            match &result {
                Ok(result) => match &result.record.reason {
                    None => running.end(Outcome::done(match result.details().as_str() {
                        "" => "green".to_owned(),
                        details => format!("green, {details}"),
                    })),
                    Some(reason) => running.end(Outcome::Failed {
                        reason: reason.clone(),
                    }),
                },
                Err(TestError::Interrupted) => drop(running),
                Err(error) => running.end(Outcome::Failed {
                    reason: super::build::chain(error),
                }),
            }
            result
        }
    }
}
