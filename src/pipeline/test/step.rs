//! A step of a release: run as a test is, but for `TEST=1`, and no verdict of it is recorded.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::given::to_step;
use super::run::TestRun;
use super::{Material, TestError, TestResult};
use crate::domain::cluster::{Cluster, Step, Subject};
use crate::domain::event::{Outcome, Work};
use crate::domain::name::TestName;
use crate::domain::plan::test::of_test;
use crate::pipeline::Tools;

/// What is to be run before a release.
#[derive(Debug, Clone, Copy)]
pub struct StepRequest<'s> {
    /// The step.
    pub step: &'s Step,
    /// What it sees.
    pub material: &'s Material,
    /// Where the artifacts of green tests are kept.
    pub artifacts: &'s BTreeMap<TestName, PathBuf>,
}

/// Runs a step of a release, with the artifacts of the tests. One that is red is no error.
///
/// # Errors
///
/// If it could not be carried out at all, or the user interrupts; what ran is removed before.
pub async fn step(
    tools: &Tools,
    cluster: &Cluster,
    request: StepRequest<'_>,
) -> Result<TestResult, TestError> {
    let StepRequest {
        step,
        material,
        artifacts,
    } = request;
    let running = tools.events.start(Work::Step {
        step: step.name.clone(),
    });
    let wanted = of_test(
        cluster,
        (&step.name, &step.run),
        &material.images,
        &material.assets,
    );
    let wanted = wanted.map_err(|service| TestError::NoImage {
        test: step.name.clone(),
        service,
    })?;
    let Subject::Service(service) = &step.run.subject;
    let given = to_step(cluster, service, artifacts);
    let run = TestRun {
        tools,
        cluster,
        wanted: &wanted,
        test: &step.run,
        service,
        given: &given,
        keep: false,
        release: true,
    };
    let result = run.carry_out(&running).await;
    match &result {
        Ok(TestResult { record, .. }) => running.end(match &record.reason {
            None => Outcome::DONE,
            Some(reason) => Outcome::Failed {
                reason: reason.clone(),
            },
        }),
        Err(TestError::Interrupted) => drop(running),
        Err(error) => running.end(Outcome::Failed {
            reason: crate::pipeline::build::chain(error),
        }),
    }
    result
}
