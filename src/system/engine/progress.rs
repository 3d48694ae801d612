//! What a builder says, as lines and steps.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bollard::moby::buildkit::v1::{StatusResponse, Vertex};

use super::build::known;
use crate::domain::event::Steps;
use crate::domain::line::plain;

/// How many lines a failure shows.
const TAIL: usize = 20;
/// What stands for the step where the builder does not say which printed something.
pub(super) const CLASSIC: &str = "";

/// What a builder tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told<'t> {
    /// A line.
    Line(&'t str),
    /// How far it is.
    Steps(Steps),
}

/// Turns a builder's progress into lines and steps, and remembers the last lines.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Names that are replaced.
    known_as: BTreeMap<String, String>,
    told: BTreeSet<String>,
    /// BuildKit's steps: by digest, whether each is over and whether it came from the cache.
    steps: BTreeMap<String, (bool, bool)>,
    counted: Steps,
    /// What a step printed without ending the line, by step.
    open: BTreeMap<String, String>,
    tail: VecDeque<String>,
    error: Option<String>,
}

impl Progress {
    /// Begins one. `known_as` holds names in what the builder prints, and what to say in their place.
    pub(super) fn new(known_as: &BTreeMap<String, String>) -> Self {
        Self {
            known_as: known_as.clone(),
            ..Self::default()
        }
    }

    /// Takes BuildKit's progress.
    pub(super) fn status(&mut self, status: &StatusResponse, mut tell: impl FnMut(Told<'_>)) {
        for vertex in &status.vertexes {
            let begun = vertex.started.is_some() || vertex.cached;
            if begun
                && !vertex.name.starts_with("[internal]")
                && self.told.insert(vertex.digest.clone())
            {
                let cached = if vertex.cached { " (cached)" } else { "" };
                self.line(&format!("{}{cached}", vertex.name), &mut tell);
            }
            if !vertex.error.is_empty() {
                self.error = Some(vertex.error.clone());
            }
            self.step(vertex);
        }
        self.count(&mut tell);
        for log in &status.logs {
            self.text(&log.vertex, &String::from_utf8_lossy(&log.msg), &mut tell);
        }
    }

    /// Takes a step of the Dockerfile, `[stage 2/5] RUN …`; all else is the builder's own work.
    fn step(&mut self, vertex: &Vertex) {
        if vertex.name.starts_with('[') && !vertex.name.starts_with("[internal]") {
            let step = self.steps.entry(vertex.digest.clone()).or_default();
            step.0 |= vertex.completed.is_some() || vertex.cached;
            step.1 |= vertex.cached;
        }
    }

    fn count(&mut self, tell: &mut impl FnMut(Told<'_>)) {
        let steps = Steps {
            total: self.steps.len(),
            done: self.steps.values().filter(|step| step.0).count(),
            cached: self.steps.values().filter(|step| step.1).count(),
        };
        self.tell_steps(steps, tell);
    }

    fn tell_steps(&mut self, steps: Steps, tell: &mut impl FnMut(Told<'_>)) {
        if steps != self.counted {
            self.counted = steps;
            tell(Told::Steps(steps));
        }
    }

    /// Takes what a step, or the classic builder, printed.
    pub(super) fn text(&mut self, step: &str, text: &str, mut tell: impl FnMut(Told<'_>)) {
        let mut open = self.open.remove(step).unwrap_or_default();
        open.push_str(text);
        while let Some(end) = open.find('\n') {
            let line: String = open.drain(..=end).collect();
            self.line(&line, &mut tell);
            if step == CLASSIC {
                self.classic(line.trim_end(), &mut tell);
            }
        }
        if !open.is_empty() {
            self.open.insert(step.to_owned(), open);
        }
    }

    /// Reads how far the classic builder is from what it prints: `Step 3/9 : RUN …`, then perhaps ` ---> Using cache`.
    fn classic(&mut self, line: &str, tell: &mut impl FnMut(Told<'_>)) {
        let mut steps = self.counted;
        let step = line.strip_prefix("Step ").and_then(|line| {
            let (step, total) = line.split_once(" :")?.0.split_once('/')?;
            Some((step.parse::<usize>().ok()?, total.parse().ok()?))
        });
        if let Some((step, total)) = step {
            (steps.done, steps.total) = (step.saturating_sub(1), total);
        } else if line == " ---> Using cache" {
            steps.cached += 1;
        } else if line.starts_with("Successfully built ") {
            steps.done = steps.total;
        }
        self.tell_steps(steps, tell);
    }

    /// Ends it: returns what failed, if the builder said so, and the last lines.
    pub(super) fn end(mut self, mut tell: impl FnMut(Told<'_>)) -> (Option<String>, Vec<String>) {
        for line in std::mem::take(&mut self.open).into_values() {
            self.line(&line, &mut tell);
        }
        (self.error, self.tail.into())
    }

    fn line(&mut self, line: &str, tell: &mut impl FnMut(Told<'_>)) {
        let line = known(&self.known_as, plain(line));
        let line = line.trim_end();
        if line.is_empty() {
            return;
        }
        tell(Told::Line(line));
        if self.tail.len() == TAIL {
            self.tail.pop_front();
        }
        self.tail.push_back(line.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(told: &mut Vec<String>) -> impl FnMut(Told<'_>) {
        |said| {
            if let Told::Line(line) = said {
                told.push(line.to_owned());
            }
        }
    }

    #[test]
    fn lines_of_parallel_steps_are_not_mixed() {
        let mut told = Vec::new();
        let mut progress = Progress::default();
        progress.text("a", "one ", lines(&mut told));
        progress.text("b", "two\nthree", lines(&mut told));
        progress.text("a", "half\n", lines(&mut told));
        let (error, tail) = progress.end(lines(&mut told));
        assert_eq!(told, ["two", "one half", "three"]);
        assert_eq!((error, tail), (None, told));
    }

    #[test]
    fn only_the_last_lines_are_remembered() {
        let mut progress = Progress::default();
        for number in 0..100 {
            progress.text("", &format!("{number}\n"), |_| {});
        }
        let (_, tail) = progress.end(|_| {});
        assert_eq!((tail.len(), tail[0].as_str()), (TAIL, "80"));
    }

    fn last_steps(progress: impl FnOnce(&mut dyn FnMut(Told<'_>))) -> Steps {
        let mut last = Steps::default();
        progress(&mut |said| {
            if let Told::Steps(steps) = said {
                last = steps;
            }
        });
        last
    }

    #[test]
    fn the_steps_of_the_dockerfile_are_counted() {
        let vertex = |name: &str, cached, over: bool| Vertex {
            digest: name.to_owned(),
            name: name.to_owned(),
            cached,
            completed: over.then(Default::default),
            ..Vertex::default()
        };
        let status = StatusResponse {
            vertexes: vec![
                vertex("[internal] load metadata", false, true),
                vertex("[1/3] FROM debian", true, true),
                vertex("[2/3] COPY . .", false, true),
                vertex("[3/3] RUN make", false, false),
                vertex("exporting to image", false, false),
            ],
            ..StatusResponse::default()
        };
        let steps = last_steps(|tell| Progress::default().status(&status, tell));
        let (total, done, cached) = (3, 2, 1);
        let expected = Steps {
            total,
            done,
            cached,
        };
        assert_eq!(steps, expected);
    }

    #[test]
    fn the_classic_builder_says_its_steps_in_its_lines() {
        let said = "Step 1/3 : FROM debian\n ---> 1f2d\nStep 2/3 : COPY . .\n ---> Using cache\nStep 3/3 : RUN make\n";
        let steps = last_steps(|tell| Progress::default().text(CLASSIC, said, tell));
        let (total, done, cached) = (3, 2, 1);
        let expected = Steps {
            total,
            done,
            cached,
        };
        assert_eq!(steps, expected);
    }
}
