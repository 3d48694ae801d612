//! What came of builds and tests, in one line at the end.

use std::collections::BTreeMap;
use std::time::Duration;

use super::words::{elapsed, paint};
use crate::domain::event::{Event, Outcome, Steps, Work};

/// Counts what came of builds and tests.
#[derive(Debug, Default)]
pub(super) struct Recap {
    builds: Counts,
    tests: Counts,
    steps: BTreeMap<Work, Steps>,
}

#[derive(Debug, Default)]
struct Counts {
    done: usize,
    unchanged: usize,
    failed: usize,
    cancelled: usize,
}

impl Counts {
    fn take(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Done { .. } => self.done += 1,
            Outcome::Unchanged { .. } => self.unchanged += 1,
            Outcome::Failed { .. } => self.failed += 1,
            Outcome::Cancelled => self.cancelled += 1,
        }
    }

    fn total(&self) -> usize {
        self.done + self.unchanged + self.failed + self.cancelled
    }

    /// Says it, with the words for done and for unchanged. None if there was nothing.
    fn words(&self, what: &str, (done, unchanged): (&str, &str), colour: bool) -> Option<String> {
        let said: Vec<_> = [
            (self.failed, "failed", "31"),
            (self.cancelled, "cancelled", "33"),
            (self.done, done, "32"),
            (self.unchanged, unchanged, "2"),
        ]
        .into_iter()
        .filter(|(count, ..)| *count > 0)
        .map(|(count, word, code)| paint(&format!("{count} {word}"), code, colour))
        .collect();
        (!said.is_empty()).then(|| format!("{what}: {}", said.join(", ")))
    }
}

impl Recap {
    pub(super) fn take(&mut self, event: &Event) {
        match event {
            Event::Ended { work, outcome, .. } => match work {
                Work::Build { .. } => self.builds.take(outcome),
                Work::Test { .. } => self.tests.take(outcome),
                Work::Reap
                | Work::Pull { .. }
                | Work::Fetch { .. }
                | Work::Step { .. }
                | Work::Linked { .. }
                | Work::Keep { .. }
                | Work::Push { .. }
                | Work::LabImage
                | Work::LabHost { .. }
                | Work::Host { .. } => {}
            },
            Event::Steps { work, steps } => {
                self.steps.insert(work.clone(), *steps);
            }
            Event::Ahead { .. }
            | Event::Started { .. }
            | Event::Phase { .. }
            | Event::Log { .. }
            | Event::Warning { .. }
            | Event::Note { .. } => {}
        }
    }

    /// Returns the line, if there was more than one thing to do: what is one line already needs no other.
    pub(super) fn line(&self, time: Duration, colour: bool) -> Option<String> {
        if self.builds.total() + self.tests.total() < 2 {
            return None;
        }
        let (cached, total) = self.steps.values().fold((0, 0), |(cached, total), steps| {
            (cached + steps.cached, total + steps.total)
        });
        let steps = (cached > 0).then(|| format!(" ({cached}/{total} steps cached)"));
        let builds = self.builds.words("images", ("built", "up to date"), colour);
        let builds = builds.map(|builds| builds + &steps.unwrap_or_default());
        let tests = self.tests.words("tests", ("green", "unchanged"), colour);
        let said: Vec<_> = builds.into_iter().chain(tests).collect();
        let time = paint(&format!("in {}", elapsed(time)), "2", colour);
        Some(format!("{}  {time}", said.join(" · ")))
    }
}

#[cfg(test)]
mod tests {
    use super::super::board::tests::{build, ended, test};
    use super::*;

    #[test]
    fn many_things_are_summed_up_and_one_is_not() {
        let mut recap = Recap::default();
        recap.take(&ended(build("base"), Outcome::DONE, 1));
        assert_eq!(recap.line(Duration::from_secs(1), false), None);
        let steps = Steps {
            total: 9,
            done: 9,
            cached: 7,
        };
        let work = build("base");
        recap.take(&Event::Steps { work, steps });
        let reason = String::new();
        recap.take(&ended(build("api"), Outcome::Unchanged { reason }, 0));
        recap.take(&ended(test("one"), Outcome::DONE, 4));
        let reason = String::new();
        recap.take(&ended(test("two"), Outcome::Failed { reason }, 4));
        let line = recap.line(Duration::from_secs(65), false).unwrap();
        assert_eq!(
            line,
            "images: 1 built, 1 up to date (7/9 steps cached) · tests: 1 failed, 1 green  in 1m05s"
        );
    }
}
