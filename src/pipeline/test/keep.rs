//! What is kept of a test's container once it has ended, however it did: its reports, read, and its artifacts.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use super::TestError;
use super::bed::Bed;
use crate::domain::line::plain;
use crate::domain::results::{Case, Cases, Coverage, Results, coverage, junit};
use crate::pipeline::build::chain;
use crate::system::engine::{Allowance, CopiedOut, EngineError};
use crate::system::files;

/// How much of a report is taken: it is read into memory.
const REPORT: Allowance = Allowance {
    bytes: 64 << 20,
    entries: 10_000,
};
/// How much of an artifact is taken.
const ARTIFACT: Allowance = Allowance {
    bytes: 4 << 30,
    entries: 100_000,
};

impl Bed<'_> {
    /// Takes what the test left out of its container. A report that is not there is told of where the test should have
    /// written it: where it passed.
    ///
    /// # Errors
    ///
    /// If the engine went away: what the reports say is not known then.
    pub(super) async fn keep_results(&self, passed: bool) -> Result<Results, TestError> {
        let mut keeping = Keeping {
            bed: self,
            passed,
            results: Results::default(),
            lost: None,
        };
        let reports = &self.test().reports;
        if let Some(path) = &reports.junit {
            keeping.cases(path).await;
        }
        if let Some(path) = &reports.coverage {
            keeping.coverage(path).await;
        }
        keeping.artifacts(&self.test().artifacts).await;
        match keeping.lost {
            Some(error) => Err(self.failed()(error)),
            None => Ok(keeping.results),
        }
    }
}

struct Keeping<'k> {
    bed: &'k Bed<'k>,
    passed: bool,
    results: Results,
    lost: Option<EngineError>,
}

impl Keeping<'_> {
    async fn cases(&mut self, path: &str) {
        let folder = self.bed.folder().join("reports/junit");
        let Some(kept) = self.take(path, &folder.join(name(path)), REPORT).await else {
            return;
        };
        self.mask(&kept);
        match read_cases(&kept) {
            Ok((cases, problems)) => {
                let mut cases = Cases::of(&cases);
                for case in &mut cases.failures {
                    case.name = plain(&case.name);
                    case.message = case.message.as_deref().map(plain);
                }
                self.results.cases = Some(cases);
                self.results.junit = Some(kept);
                for problem in problems {
                    self.warn(format!("report {path} cannot be read: {problem}"));
                }
            }
            Err(error) => self.warn(format!("report {path} cannot be read: {}", chain(&error))),
        }
    }

    /// Takes secrets out of a kept report of cases: what programs print is part of it.
    fn mask(&mut self, kept: &Path) {
        for file in files::find(kept, "xml").unwrap_or_default() {
            let Ok(bytes) = files::read_bytes(&file) else {
                continue;
            };
            let masker = self.bed.tools.events.masker();
            if let Cow::Owned(masked) = masker.bytes(&bytes)
                && let Err(error) = files::write(&file, masked)
            {
                self.warn(chain(&error));
            }
        }
    }

    async fn coverage(&mut self, path: &str) {
        let folder = self.bed.folder().join("reports/coverage");
        let Some(kept) = self.take(path, &folder.join(name(path)), REPORT).await else {
            return;
        };
        let why = match files::read_bytes(&kept) {
            Ok(bytes) => match coverage::read(&bytes) {
                Ok(lines) => {
                    let before = None;
                    self.results.coverage = Some(Coverage { lines, before });
                    return;
                }
                Err(why) => why.to_string(),
            },
            Err(error) => chain(&error),
        };
        self.warn(format!("report {path} cannot be read: {why}"));
    }

    async fn artifacts(&mut self, paths: &[String]) {
        let folder = self.bed.folder().join("artifacts");
        let inside = |path: &str| {
            let mut others = paths.iter().map(Path::new);
            others.any(|other| other != Path::new(path) && Path::new(path).starts_with(other))
        };
        for path in paths.iter().filter(|path| !inside(path)) {
            let target = folder.join(path.trim_start_matches('/'));
            if self.take(path, &target, ARTIFACT).await.is_some() {
                self.results.artifacts = Some(folder.clone());
            }
        }
    }

    /// Copies a path out, and returns where it is now if it was there.
    async fn take(&mut self, path: &str, target: &Path, allowance: Allowance) -> Option<PathBuf> {
        let container = self.bed.names.container(self.bed.service);
        let engine = &self.bed.tools.engine;
        match engine.copy_out(&container, path, (target, allowance)).await {
            Ok(Some(copied)) => {
                let CopiedOut { left_out, cut, .. } = copied;
                for what in left_out {
                    self.warn(format!("of {path}, {what} and is not kept"));
                }
                if cut {
                    let Allowance { bytes, entries } = allowance;
                    let megabytes = bytes >> 20;
                    self.warn(format!(
                        "{path} is larger than {megabytes} MB or {entries} files, and only that much is kept"
                    ));
                }
                Some(target.to_owned())
            }
            Ok(None) => {
                if self.passed {
                    self.warn(format!("{path} is not there, though the test passed"));
                }
                None
            }
            Err(error) if error.lost() => {
                self.lost = Some(error);
                None
            }
            Err(error) => {
                self.warn(format!("{path} is not kept: {}", chain(&error)));
                None
            }
        }
    }

    fn warn(&mut self, message: String) {
        let test = &self.bed.wanted.test;
        self.bed
            .tools
            .events
            .warn(format!("test {test}: {message}"));
        self.results.warnings.push(message);
    }
}

/// Reads the cases of a kept report, and says what of it cannot be read.
pub(super) fn read_cases(kept: &Path) -> Result<(Vec<Case>, Vec<String>), files::ReadError> {
    let (mut cases, mut problems) = (Vec::new(), Vec::new());
    let found = files::find(kept, "xml")?;
    if found.is_empty() {
        problems.push("there is no .xml file in it".to_owned());
    }
    for file in found {
        let junit::Report {
            cases: read,
            problem,
        } = junit::read(&files::read_bytes(&file)?);
        let room = junit::MOST.saturating_sub(cases.len());
        cases.extend(read.into_iter().take(room));
        problems.extend(problem.map(|problem| match file == kept {
            true => problem,
            false => format!("{}: {problem}", file.display()),
        }));
    }
    problems.truncate(5);
    Ok((cases, problems))
}

fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
