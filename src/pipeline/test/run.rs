//! One test, from its network to its verdict.

use super::bed::Bed;
use super::beside::{Beside, Fault, start};
use super::words::period_words;
use super::{TestError, TestResult};
use crate::domain::cluster::Cluster;
use crate::domain::event::Work;
use crate::domain::ledger::{TestRecord, Verdict};
use crate::domain::name::ServiceName;
use crate::domain::plan::test::Wanted;
use crate::domain::results::Results;
use crate::pipeline::{Running, Tools};
use crate::system::clock;
use crate::system::engine::EngineError;

/// One test that is to be run.
#[derive(Clone, Copy)]
pub(super) struct TestRun<'r> {
    pub(super) tools: &'r Tools,
    pub(super) cluster: &'r Cluster,
    pub(super) wanted: &'r Wanted,
    /// The service that the test is an extra container of.
    pub(super) service: &'r ServiceName,
    pub(super) keep: bool,
}

/// How it ended.
struct End {
    verdict: Verdict,
    reason: Option<String>,
    exit_code: Option<i64>,
    /// Who is why it is red, if not the test itself.
    culprit: Option<ServiceName>,
}

impl TestRun<'_> {
    /// Runs the test and records its verdict. What it made is removed, however it ends.
    pub(super) async fn carry_out(&self, running: &Running) -> Result<TestResult, TestError> {
        let bed = Bed::new(self);
        let since = clock::instant();
        let end = tokio::select! {
            biased;
            () = self.tools.interrupt.cancelled() => Err(TestError::Interrupted),
            end = self.run(&bed, running) => end.map_err(|error| self.or_gone(error)),
        };
        let elapsed = clock::instant().duration_since(since);
        let red = matches!(&end, Ok(end) if end.verdict == Verdict::Red);
        let culprit = end.as_ref().ok().and_then(|end| end.culprit.clone());
        let shown: Vec<_> = [self.service.clone()]
            .into_iter()
            .chain(culprit)
            .filter(|_| red)
            .collect();
        running.phase("keeping logs");
        let stay = self.keep && red;
        let tails = bed.keep_logs(&shown, !stay).await;
        let kept = if stay {
            bed.services()
                .map(|service| bed.names.container(service))
                .collect()
        } else {
            running.phase("removing its containers");
            bed.remove().await;
            Vec::new()
        };
        let End {
            verdict,
            reason,
            exit_code,
            ..
        } = end?;
        let record = TestRecord {
            test: self.wanted.test.clone(),
            fingerprint: self.wanted.fingerprint,
            verdict,
            reason,
            exit_code,
            images: self.wanted.images.clone(),
            log: bed.log(self.service),
            provenance: self.tools.provenance.clone(),
            at: clock::now(),
            elapsed_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
            results: Results::default(),
            earlier: Vec::new(),
        };
        self.tools.ledger.append_test(&record).await?;
        Ok(TestResult {
            record,
            unchanged: false,
            tails,
            kept,
        })
    }

    async fn run(&self, bed: &Bed<'_>, running: &Running) -> Result<End, TestError> {
        bed.prepare().await?;
        let beside = Beside::new(bed);
        let ended = async {
            beside.start(running).await?;
            running.phase("running");
            start(bed, self.service).await?;
            let test = self.wanted.test.clone();
            bed.follow(self.service, Work::Test { test });
            self.until_end(bed, &beside).await
        };
        match ended.await {
            Ok(end) => Ok(end),
            Err(Fault::Broken(error)) => Err(error),
            Err(Fault::Red {
                service,
                killed: true,
                ..
            }) if self
                .tools
                .engine
                .went_away(&bed.names.container(&service))
                .await =>
            {
                Err(self.gone(None))
            }
            Err(Fault::Red {
                service, reason, ..
            }) => Ok(End {
                verdict: Verdict::Red,
                reason: Some(format!("{service} {reason}")),
                exit_code: None,
                culprit: (service != *self.service).then_some(service),
            }),
        }
    }

    fn gone(&self, source: Option<EngineError>) -> TestError {
        TestError::EngineGone {
            test: self.wanted.test.clone(),
            address: self.tools.engine.address().to_owned(),
            source,
        }
    }

    /// Tells an engine that went away from one that refuses something.
    fn or_gone(&self, error: TestError) -> TestError {
        let TestError::Engine { source, test } = error else {
            return error;
        };
        if source.lost() {
            self.gone(Some(source))
        } else {
            TestError::Engine { test, source }
        }
    }

    async fn until_end(&self, bed: &Bed<'_>, beside: &Beside<'_>) -> Result<End, Fault> {
        let container = bed.names.container(self.service);
        let ended = self.tools.engine.wait_container(&container);
        let timeout = bed.test().timeout;
        let code = tokio::select! {
            ended = tokio::time::timeout(timeout, ended) => ended,
            fault = beside.fault() => return Err(fault),
        };
        let Ok(code) = code else {
            let killed = self.tools.engine.kill_container(&container).await;
            killed.map_err(bed.failed())?;
            let reason = format!(
                "did not end within its timeout of {}",
                period_words(timeout)
            );
            return Ok(End {
                verdict: Verdict::Red,
                reason: Some(reason),
                exit_code: None,
                culprit: None,
            });
        };
        let state = code.map_err(bed.failed())?;
        // What died in the test's last moment was not seen yet.
        beside.look().await?;
        let code = state.exit_code;
        if state.killed() && self.tools.engine.went_away(&container).await {
            return Err(self.gone(None).into());
        }
        let verdict = if code == 0 {
            Verdict::Green
        } else {
            Verdict::Red
        };
        let reason = (code != 0).then(|| format!("exit code {code}"));
        Ok(End {
            verdict,
            reason,
            exit_code: Some(code),
            culprit: None,
        })
    }
}
