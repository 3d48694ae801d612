//! Events as lines that stay: each says whose it is, none is overwritten.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use console::measure_text_width;

use super::words::{Over, elapsed, mark, over, own_colour, paint};
use crate::domain::event::{Event, Outcome, Steps, Work};
use crate::domain::line::plain;

/// The width that names take at least; it grows with them and never shrinks, so that what follows stays in line.
const NAMES: usize = 20;
/// The same of the names of work that is over.
const WORKS: usize = 12;

/// What is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Telling {
    /// Nothing but what failed and what is warned of.
    pub(super) quiet: bool,
    /// What builds and tests do.
    pub(super) phases: bool,
    /// What everything does.
    pub(super) all_phases: bool,
    /// What is printed.
    pub(super) logs: bool,
    /// In colour.
    pub(super) colour: bool,
}

/// Makes lines of events.
#[derive(Debug)]
pub(super) struct Lines {
    telling: Telling,
    names: usize,
    works: usize,
    phases: BTreeSet<(Work, String)>,
    steps: BTreeMap<Work, Steps>,
}

impl Lines {
    pub(super) fn new(telling: Telling) -> Self {
        Self {
            telling,
            names: NAMES,
            works: WORKS,
            phases: BTreeSet::new(),
            steps: BTreeMap::new(),
        }
    }

    /// Returns the line for an event, if it is to be told.
    pub(super) fn take(&mut self, event: &Event) -> Option<String> {
        let colour = self.telling.colour;
        let told = !self.telling.quiet;
        match event {
            Event::Ahead { works } => {
                works.iter().for_each(|work| self.widen(work));
                None
            }
            Event::Started { work } => {
                self.widen(work);
                None
            }
            Event::Steps { work, steps } => {
                self.steps.insert(work.clone(), *steps);
                None
            }
            Event::Phase { work, phase } => self.phase(work, &plain(phase)),
            Event::Log { work, line } => {
                (told && self.telling.logs).then(|| self.prefixed(work, "|", &plain(line)))
            }
            Event::Ended {
                work,
                outcome,
                elapsed,
            } => {
                self.phases.retain(|(other, _)| other != work);
                let steps = self.steps.remove(work).unwrap_or_default();
                let wanted = matches!(outcome, Outcome::Failed { .. })
                    || told && (work.parent().is_none() || self.telling.all_phases);
                if wanted && work.parent().is_some() {
                    return Some(self.part(work, outcome, *elapsed));
                }
                let elapsed = *elapsed;
                let names = self.works;
                let work = Over {
                    work,
                    outcome,
                    elapsed,
                    steps,
                    names,
                };
                wanted.then(|| over(&work, colour))
            }
            Event::Warning { message } => Some(format!(
                "{} {}",
                paint("warning:", "33", colour),
                plain(message)
            )),
            Event::Note { message } => told.then(|| plain(message)),
        }
    }

    /// Tells that a part of other work is ready, or why not.
    fn part(&mut self, work: &Work, outcome: &Outcome, time: Duration) -> String {
        let mark = mark(outcome);
        let said = if mark.text.is_empty() {
            "ready"
        } else {
            mark.text.as_str()
        };
        let sign = paint(mark.sign, mark.colour, self.telling.colour);
        self.prefixed(work, &sign, &format!("{said} after {}", elapsed(time)))
    }

    /// Tells each phase of a piece of work once.
    fn phase(&mut self, work: &Work, phase: &str) -> Option<String> {
        let telling = self.telling;
        let wanted = telling.all_phases || telling.phases && is_read_by_phases(work);
        let new = wanted && !telling.quiet && self.phases.insert((work.clone(), phase.to_owned()));
        new.then(|| self.prefixed(work, "·", phase))
    }

    fn prefixed(&mut self, work: &Work, sign: &str, text: &str) -> String {
        let (name, own) = name(work);
        self.widen(work);
        let gap = self.names.saturating_sub(measure_text_width(&name));
        let name = paint(&name, own_colour(&own), self.telling.colour);
        format!("{name}{:gap$} {sign} {text}", "")
            .trim_end()
            .to_owned()
    }

    fn widen(&mut self, work: &Work) {
        let name = name(work).0;
        let width = measure_text_width(&name);
        self.names = self.names.max(width);
        if work.parent().is_none() {
            self.works = self.works.max(width);
        }
    }
}

/// Returns the name that stands before a line, `test one | db`, and the name that its colour is of.
fn name(work: &Work) -> (String, String) {
    let own = plain(&work.own_name());
    match work.parent() {
        Some(parent) => (format!("{parent} | {own}"), own),
        None => (own.clone(), own),
    }
}

/// Tells whether a person follows this work by what it does; of the other kinds only the end is of interest.
fn is_read_by_phases(work: &Work) -> bool {
    match work {
        Work::Build { .. } | Work::Test { .. } | Work::Step { .. } => true,
        Work::Reap
        | Work::Pull { .. }
        | Work::Fetch { .. }
        | Work::Linked { .. }
        | Work::Keep { .. }
        | Work::Push { .. }
        | Work::LabImage
        | Work::LabHost { .. }
        | Work::Host { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::board::tests::{build, ended, linked, test};
    use super::*;

    const VERBOSE: Telling = Telling {
        quiet: false,
        phases: true,
        all_phases: true,
        logs: true,
        colour: false,
    };

    fn session() -> Vec<Event> {
        let (one, db) = (test("integration"), linked("integration", "db"));
        let phase = |work: &Work, phase: &str| Event::Phase {
            work: work.clone(),
            phase: phase.to_owned(),
        };
        let log = |work: &Work, line: &str| Event::Log {
            work: work.clone(),
            line: line.to_owned(),
        };
        vec![
            Event::Started { work: build("api") },
            phase(&build("api"), "building: the context changed"),
            log(&build("api"), "[1/2] FROM debian"),
            ended(build("api"), Outcome::done("4c0ffee"), 3),
            Event::Started { work: one.clone() },
            phase(&one, "running"),
            Event::Started { work: db.clone() },
            phase(&db, "starting"),
            phase(&db, "starting"),
            ended(db.clone(), Outcome::DONE, 1),
            log(&db, "\u{1b}[31mready\u{1b}[0m"),
            log(&one, ""),
            ended(
                one,
                Outcome::Failed {
                    reason: "exit code 1".to_owned(),
                },
                65,
            ),
            Event::Note {
                message: "a note".to_owned(),
            },
            Event::Warning {
                message: "beware".to_owned(),
            },
        ]
    }

    fn told(telling: Telling) -> String {
        let mut lines = Lines::new(telling);
        let told = session().into_iter().filter_map(|event| lines.take(&event));
        told.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn verbose_tells_everything_once_and_in_line() {
        let expected = "\
build api            · building: the context changed
build api            | [1/2] FROM debian
✓ build api      3.0s  4c0ffee
test integration     · running
test integration | db · starting
test integration | db ✓ ready after 1.0s
test integration | db | ready
test integration      |
✗ test integration  1m05s  exit code 1
a note
warning: beware";
        assert_eq!(told(VERBOSE), expected);
    }

    #[test]
    fn without_being_asked_it_tells_what_builds_and_tests_do() {
        let telling = Telling {
            all_phases: false,
            logs: false,
            ..VERBOSE
        };
        let expected = "\
build api            · building: the context changed
✓ build api      3.0s  4c0ffee
test integration     · running
✗ test integration  1m05s  exit code 1
a note
warning: beware";
        assert_eq!(told(telling), expected);
    }

    #[test]
    fn quiet_tells_what_failed_and_what_is_warned_of() {
        let telling = Telling {
            quiet: true,
            ..VERBOSE
        };
        let expected = "✗ test integration  1m05s  exit code 1\nwarning: beware";
        assert_eq!(told(telling), expected);
    }

    #[test]
    fn a_service_has_the_same_colour_wherever_it_is() {
        let telling = Telling {
            colour: true,
            ..VERBOSE
        };
        let mut lines = Lines::new(telling);
        let mut line = |test: &str, service: &str| {
            let event = Event::Log {
                work: linked(test, service),
                line: "x".to_owned(),
            };
            let line = lines.take(&event).unwrap();
            line.split('m').next().unwrap().to_owned()
        };
        assert_eq!(line("a", "db"), line("b", "db"));
        assert_ne!(line("a", "db"), line("a", "cache"));
    }
}
