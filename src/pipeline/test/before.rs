//! What tests wait for: that those which they need are green.

use std::collections::BTreeMap;
use std::path::PathBuf;

use tokio::sync::watch;

use super::cells::Ended;
use super::given::{Given, to_test};
use super::{Skipped, TestError};
use crate::domain::cluster::Cluster;
use crate::domain::ledger::Verdict;
use crate::domain::name::TestName;
use crate::domain::plan::test::Plan;
use crate::pipeline::Tools;

/// How a test ended, for those that need it.
#[derive(Debug, Clone)]
enum Left {
    /// Green, and where its artifacts are kept.
    Green(Option<PathBuf>),
    /// Otherwise.
    Not(&'static str),
}

/// How the tests of a plan end.
pub(super) struct Before(BTreeMap<TestName, watch::Sender<Option<Left>>>);

impl Before {
    pub(super) fn of(plan: &Plan) -> Self {
        let names = plan.steps.iter().map(|step| step.wanted.test.clone());
        Self(names.map(|name| (name, watch::Sender::default())).collect())
    }

    /// Waits until all that a test needs is green, and returns what it is given. If one is not, the test is skipped.
    pub(super) async fn given(
        &self,
        tools: &Tools,
        cluster: &Cluster,
        test: &TestName,
    ) -> Result<Result<Vec<Given>, Skipped>, TestError> {
        let mut artifacts = BTreeMap::new();
        for need in cluster.tests[test].needs.keys() {
            let left = tokio::select! {
                biased;
                () = tools.interrupt.cancelled() => return Err(TestError::Interrupted),
                left = self.left(need) => left,
            };
            match left {
                Left::Green(folder) => {
                    artifacts.extend(folder.map(|folder| (need.clone(), folder)))
                }
                Left::Not(how) => {
                    return Ok(Err(Skipped {
                        test: test.clone(),
                        reason: format!("it needs {need}, which {how}"),
                    }));
                }
            }
        }
        Ok(Ok(to_test(cluster, &cluster.tests[test], &artifacts)))
    }

    async fn left(&self, need: &TestName) -> Left {
        let Some(sender) = self.0.get(need) else {
            return Left::Not("is skipped");
        };
        let mut receiver = sender.subscribe();
        let left = receiver.wait_for(Option::is_some).await;
        // The sender lives as long as this does, so it never fails.
        let left = left.ok().and_then(|left| left.clone());
        left.unwrap_or(Left::Not("did not end"))
    }

    /// Tells those that wait for a test how it ended.
    pub(super) fn tell(&self, test: &TestName, ended: &Result<Ended, TestError>) {
        let left = match ended {
            Ok(Ended::Done(result)) => match result.record.verdict {
                Verdict::Green => Left::Green(result.record.results.artifacts.clone()),
                Verdict::Red => Left::Not("is red"),
            },
            Ok(Ended::Skipped(_)) => Left::Not("is skipped"),
            Err(_) => Left::Not("could not be carried out"),
        };
        if let Some(sender) = self.0.get(test) {
            sender.send_replace(Some(left));
        }
    }
}
