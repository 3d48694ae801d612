//! The cells of one test: where the test says so, a red one ends the others.

use std::collections::BTreeMap;

use tokio_util::sync::CancellationToken;

use super::given::Given;
use super::{Skipped, TestError, TestRequest, TestResult, one};
use crate::domain::cluster::Cluster;
use crate::domain::ledger::Verdict;
use crate::domain::plan::test::{Plan, Step};
use crate::pipeline::Tools;

/// How a test ended.
pub(super) enum Ended {
    /// With a verdict.
    Done(Box<TestResult>),
    /// Without one.
    Skipped(Skipped),
}

/// What ends the cells of each test, by the test's name without its cell.
pub(super) struct Cells(BTreeMap<String, CancellationToken>);

impl Cells {
    pub(super) fn of(tools: &Tools, plan: &Plan) -> Self {
        let names = plan
            .steps
            .iter()
            .map(|step| step.wanted.test.base().to_owned());
        Self(
            names
                .map(|name| (name, tools.interrupt.child_token()))
                .collect(),
        )
    }

    /// Runs a test, unless another cell of it is red already and that is to end it.
    pub(super) async fn one(
        &self,
        tools: &Tools,
        cluster: &Cluster,
        request: &TestRequest,
        (step, given): (&Step, &[Given]),
    ) -> Result<Ended, TestError> {
        let test = &step.wanted.test;
        let interrupt = self.0[test.base()].clone();
        let skipped = || {
            Ended::Skipped(Skipped {
                test: test.clone(),
                reason: "another cell is red".to_owned(),
            })
        };
        let by_cell = || interrupt.is_cancelled() && !tools.interrupt.is_cancelled();
        if by_cell() {
            return Ok(skipped());
        }
        let own = Tools {
            interrupt: interrupt.clone(),
            ..tools.clone()
        };
        match one(&own, cluster, request, (step, given)).await {
            Err(TestError::Interrupted) if by_cell() => Ok(skipped()),
            Err(error) => Err(error),
            Ok(result) => {
                if result.record.verdict == Verdict::Red && cluster.tests[test].fail_fast {
                    interrupt.cancel();
                }
                Ok(Ended::Done(Box::new(result)))
            }
        }
    }
}
