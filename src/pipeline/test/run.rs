//! One test, from its network to its verdict.

use std::path::PathBuf;
use std::time::Duration;

use super::bed::Bed;
use super::beside::{Beside, Fault, start};
use super::given::Given;
use super::words::period_words;
use super::{Tail, TestError, TestResult};
use crate::domain::cluster::{Cluster, Reports, Test};
use crate::domain::event::Work;
use crate::domain::ledger::{Attempt, TestRecord, Verdict};
use crate::domain::name::ServiceName;
use crate::domain::plan::test::Wanted;
use crate::domain::results::{Cases, Results};
use crate::pipeline::{Running, Tools};
use crate::system::clock;
use crate::system::engine::EngineError;

/// How long a test has to end when it is out of time, unless its service has a `stop_grace_period`: Compose's.
const GRACE: Duration = Duration::from_secs(10);

/// One test that is to be run.
#[derive(Clone, Copy)]
pub(super) struct TestRun<'r> {
    pub(super) tools: &'r Tools,
    pub(super) cluster: &'r Cluster,
    pub(super) wanted: &'r Wanted,
    /// What it says.
    pub(super) test: &'r Test,
    /// The service that the test is an extra container of.
    pub(super) service: &'r ServiceName,
    /// What other tests left that its own container gets.
    pub(super) given: &'r [Given],
    pub(super) keep: bool,
    /// Whether it is a step of a release, whose verdict is not recorded.
    pub(super) release: bool,
}

/// How an attempt ended.
struct End {
    /// Why it is red; nothing if it is green.
    reason: Option<String>,
    exit_code: Option<i64>,
    /// Who is why it is red, if not the test itself.
    culprit: Option<ServiceName>,
}

/// An attempt, and what is left of it.
struct Attempted {
    end: End,
    log: PathBuf,
    elapsed: Duration,
    results: Results,
    tails: Vec<Tail>,
    kept: Vec<String>,
}

impl TestRun<'_> {
    /// Runs the test, again if it is red and may be retried, and records its verdict. What it made is removed, however it
    /// ends.
    pub(super) async fn carry_out(&self, running: &Running) -> Result<TestResult, TestError> {
        let retries = usize::from(self.test.retries);
        let since = clock::instant();
        let mut earlier = Vec::new();
        loop {
            let last = earlier.len() >= retries;
            let run = TestRun {
                // There is one set of names for all attempts.
                keep: self.keep && last,
                ..*self
            };
            let attempted = run.attempt(earlier.len() + 1, running).await?;
            let Some(reason) = attempted.end.reason.clone().filter(|_| !last) else {
                let elapsed = clock::instant().duration_since(since);
                return self.record(attempted, earlier, elapsed).await;
            };
            running.phase(format!("trying again: {reason}"));
            earlier.push(Attempt {
                reason: self.masked(&reason),
                exit_code: attempted.end.exit_code,
                log: attempted.log,
                elapsed_ms: milliseconds(attempted.elapsed),
                results: attempted.results,
            });
        }
    }

    async fn record(
        &self,
        attempted: Attempted,
        earlier: Vec<Attempt>,
        elapsed: Duration,
    ) -> Result<TestResult, TestError> {
        let Attempted {
            mut end,
            log,
            mut results,
            tails,
            kept,
            elapsed: _,
        } = attempted;
        let test = &self.wanted.test;
        end.reason = end.reason.map(|reason| self.masked(&reason));
        if let Some(coverage) = &mut results.coverage {
            let last = self.tools.ledger.last_green(test).await?;
            let before = last.and_then(|record| record.results.coverage);
            coverage.before = before.map(|before| before.lines);
        }
        let record = TestRecord {
            test: test.clone(),
            fingerprint: self.wanted.fingerprint,
            verdict: match end.reason {
                None => Verdict::Green,
                Some(_) => Verdict::Red,
            },
            reason: end.reason,
            exit_code: end.exit_code,
            images: self.wanted.images.clone(),
            log,
            provenance: self.tools.provenance.clone(),
            at: clock::now(),
            elapsed_ms: milliseconds(elapsed),
            results,
            earlier,
        };
        if !self.release {
            self.tools.ledger.append_test(&record).await?;
        }
        if record.passed_on_retry() {
            let attempts = record.earlier.len() + 1;
            let message = format!("test {test} is flaky: it passed on attempt {attempts}");
            self.tools.events.warn(message);
        }
        Ok(TestResult {
            record,
            unchanged: false,
            tails,
            kept,
        })
    }

    async fn attempt(&self, number: usize, running: &Running) -> Result<Attempted, TestError> {
        let bed = Bed::new(self, number);
        let since = clock::instant();
        let ended = async {
            let end = self.run(&bed, running).await?;
            let elapsed = clock::instant().duration_since(since);
            let (end, results) = with_results(&bed, end, running).await?;
            Ok((end, results, elapsed))
        };
        let ended = tokio::select! {
            biased;
            () = self.tools.interrupt.cancelled() => Err(TestError::Interrupted),
            ended = ended => ended.map_err(|error| self.or_gone(error)),
        };
        let red = ended.as_ref().ok().filter(|(end, ..)| end.reason.is_some());
        let shown: Vec<_> = red
            .iter()
            .flat_map(|(end, ..)| [Some(self.service.clone()), end.culprit.clone()])
            .flatten()
            .collect();
        running.phase("keeping logs");
        let stay = self.keep && red.is_some();
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
        let (end, results, elapsed) = ended?;
        Ok(Attempted {
            end,
            log: bed.log(self.service),
            elapsed,
            results,
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
            self.until_end(bed, &beside, running).await
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
                reason: Some(format!("{service} {reason}")),
                exit_code: None,
                culprit: (service != *self.service).then_some(service),
            }),
        }
    }

    fn masked(&self, text: &str) -> String {
        self.tools.events.masker().mask(text).into_owned()
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

    async fn until_end(
        &self,
        bed: &Bed<'_>,
        beside: &Beside<'_>,
        running: &Running,
    ) -> Result<End, Fault> {
        let container = bed.names.container(self.service);
        let ended = self.tools.engine.wait_container(&container);
        let timeout = bed.test().timeout;
        let code = tokio::select! {
            ended = tokio::time::timeout(timeout, ended) => ended,
            fault = beside.fault() => return Err(fault),
        };
        let Ok(code) = code else {
            running.phase("stopping: it is out of time");
            let grace = self.cluster.services[self.service].stop_grace_period;
            let stopped = self
                .tools
                .engine
                .stop_container(&container, grace.unwrap_or(GRACE))
                .await;
            stopped.map_err(bed.failed())?;
            let timeout = period_words(timeout);
            return Ok(End {
                reason: Some(format!("did not end within its timeout of {timeout}")),
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
        Ok(End {
            reason: (code != 0).then(|| format!("exit code {code}")),
            exit_code: Some(code),
            culprit: None,
        })
    }
}

/// Keeps what the test left, and has it be red if a case of it failed, whatever its exit code says.
async fn with_results(
    bed: &Bed<'_>,
    end: End,
    running: &Running,
) -> Result<(End, Results), TestError> {
    let test = bed.test();
    if test.reports == Reports::default() && test.artifacts.is_empty() {
        return Ok((end, Results::default()));
    }
    if end.exit_code.is_none() {
        // What ended it early left it running, and it is not to write any more.
        let container = bed.names.container(bed.service);
        let killed = bed.tools.engine.kill_container(&container).await;
        killed.map_err(bed.failed())?;
    }
    running.phase("keeping reports and artifacts");
    let results = bed.keep_results(end.reason.is_none()).await?;
    let reason = match (end.reason, results.cases.as_ref().and_then(failed)) {
        (Some(reason), Some(cases)) => Some(format!("{reason}, {cases}")),
        (reason, cases) => reason.or(cases),
    };
    Ok((End { reason, ..end }, results))
}

/// Says which cases failed, if any did: how many, and the first.
fn failed(cases: &Cases) -> Option<String> {
    let first = cases.failures.first()?;
    let (failed, total) = (cases.failed, cases.total());
    let more = if failed > 1 { ", the first" } else { "" };
    Some(format!("{failed} of {total} cases failed{more}: {first}"))
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
