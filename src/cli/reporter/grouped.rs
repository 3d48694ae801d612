//! Folded groups, for the logs of GitHub Actions and GitLab: one a piece of work, written when it is over so that no two
//! are mixed.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::Show;
use super::lines::{Lines, Telling};
use super::words::paint;
use crate::cli::output::Output;
use crate::cli::runner::Runner;
use crate::domain::event::{Event, Outcome, Work};
use crate::domain::line::plain;
use crate::system::clock;

/// How many lines of a group's beginning are kept.
const FIRST: usize = 200;
/// How many of its end.
const LAST: usize = 2000;

#[derive(Debug)]
pub(super) struct Grouped {
    output: Output,
    runner: Runner,
    lines: Lines,
    groups: BTreeMap<Work, Group>,
    /// How many were written, so that each has a name of its own.
    written: usize,
}

/// Lines of which the middle may be missing.
#[derive(Debug, Default)]
struct Group {
    first: Vec<String>,
    last: VecDeque<String>,
    left_out: usize,
}

impl Group {
    fn push(&mut self, line: String) {
        if self.first.len() < FIRST {
            return self.first.push(line);
        }
        if self.last.len() == LAST {
            self.last.pop_front();
            self.left_out += 1;
        }
        self.last.push_back(line);
    }

    fn lines(self) -> Vec<String> {
        let gap = (self.left_out > 0).then(|| format!("… {} lines left out …", self.left_out));
        self.first.into_iter().chain(gap).chain(self.last).collect()
    }
}

impl Grouped {
    pub(super) fn new(output: Output, runner: Runner) -> Self {
        let lines = Lines::new(Telling {
            quiet: output.quiet,
            phases: true,
            all_phases: true,
            logs: true,
            colour: output.colour_err,
        });
        Self {
            output,
            runner,
            lines,
            groups: BTreeMap::new(),
            written: 0,
        }
    }

    fn take(&mut self, event: &Event, now: i64) -> Vec<String> {
        let line = self.lines.take(event);
        let line = line.map(|line| self.runner.inert(&line));
        match event {
            Event::Started { work } if work.parent().is_none() => {
                self.groups.insert(work.clone(), Group::default());
                Vec::new()
            }
            Event::Ended {
                work,
                outcome,
                elapsed,
            } if work.parent().is_none() => {
                let group = self.groups.remove(work).unwrap_or_default();
                let mut text = self.group(line, group, *elapsed, now);
                if let Outcome::Failed { reason } = outcome {
                    text.extend(self.runner.error(&work.to_string(), reason));
                }
                text
            }
            Event::Phase { work, .. }
            | Event::Log { work, .. }
            | Event::Started { work }
            | Event::Ended { work, .. } => {
                let of = work.parent().unwrap_or_else(|| work.clone());
                match (line, self.groups.get_mut(&of)) {
                    (Some(line), Some(group)) => {
                        let begins = group.first.is_empty();
                        group.push(line);
                        begins.then(|| self.begins(&of)).into_iter().collect()
                    }
                    (Some(line), None) => vec![line],
                    (None, _) => Vec::new(),
                }
            }
            Event::Warning { message } => match self.runner.warning(message) {
                Some(command) => vec![command],
                None => line.into_iter().collect(),
            },
            Event::Note { .. } | Event::Ahead { .. } | Event::Steps { .. } => {
                line.into_iter().collect()
            }
        }
    }

    /// Says that a piece of work is under way, as its lines come when it is over.
    fn begins(&self, work: &Work) -> String {
        let text = format!("… {}", plain(&work.to_string()));
        paint(&text, "2", self.output.colour_err)
    }

    fn group(
        &mut self,
        heading: Option<String>,
        group: Group,
        elapsed: Duration,
        now: i64,
    ) -> Vec<String> {
        let lines = group.lines();
        let Some(heading) = heading else {
            return Vec::new();
        };
        if lines.is_empty() {
            return vec![heading];
        }
        self.written += 1;
        let began = now.saturating_sub(i64::try_from(elapsed.as_secs()).unwrap_or(0));
        let (begin, end) = self.runner.group(&heading, self.written, (began, now));
        [begin].into_iter().chain(lines).chain([end]).collect()
    }
}

impl Show for Grouped {
    fn event(&mut self, event: &Event) {
        let lines = self.take(event, clock::now().0);
        if !lines.is_empty() {
            self.output.draw(&format!("{}\n", lines.join("\n")));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::board::tests::{build, ended, linked, test};
    use super::*;

    fn told(runner: Runner, events: &[Event]) -> String {
        let output = Output::plain();
        let mut grouped = Grouped::new(output, runner);
        let lines = events.iter().flat_map(|event| grouped.take(event, 1000));
        lines.collect::<Vec<_>>().join("\n")
    }

    fn log(work: Work, line: &str) -> Event {
        Event::Log {
            work,
            line: line.to_owned(),
        }
    }

    fn session() -> Vec<Event> {
        let (one, api) = (test("one"), build("api"));
        vec![
            Event::Started { work: api.clone() },
            Event::Started { work: one.clone() },
            log(one.clone(), "::set-output name=a::b"),
            log(api.clone(), "[1/2] FROM debian"),
            log(linked("one", "db"), "  ##[add-mask]x"),
            Event::Warning {
                message: "100%\nsure".to_owned(),
            },
            ended(
                one,
                Outcome::Failed {
                    reason: "exit: 1".to_owned(),
                },
                5,
            ),
            ended(api, Outcome::DONE, 9),
        ]
    }

    #[test]
    fn github_gets_a_group_a_piece_of_work_and_no_command_of_a_log() {
        let expected = "\
… test one
… build api
::warning::100%25%0Asure
::group::✗ test one       5.0s  exit: 1
test one             | ::set-output name=a::b
test one | db        |   ## [add-mask]x
::endgroup::
::error title=test one::exit: 1
::group::✓ build api      9.0s
build api            | [1/2] FROM debian
::endgroup::";
        assert_eq!(told(Runner::GitHub, &session()), expected);
    }

    #[test]
    fn gitlab_gets_collapsed_sections_with_their_times() {
        let expected = "\
… test one
… build api
warning: 100% sure
\u{1b}[0Ksection_start:995:longshore_1[collapsed=true]\r\u{1b}[0K✗ test one       5.0s  exit: 1
test one             | ::set-output name=a::b
test one | db        |   ##[add-mask]x
\u{1b}[0Ksection_end:1000:longshore_1\r\u{1b}[0K
\u{1b}[0Ksection_start:991:longshore_2[collapsed=true]\r\u{1b}[0K✓ build api      9.0s
build api            | [1/2] FROM debian
\u{1b}[0Ksection_end:1000:longshore_2\r\u{1b}[0K";
        assert_eq!(told(Runner::GitLab, &session()), expected);
    }

    #[test]
    fn the_middle_of_a_long_log_is_left_out() {
        let work = test("one");
        let mut events = vec![Event::Started { work: work.clone() }];
        events.extend((0..5000).map(|number| log(work.clone(), &number.to_string())));
        events.push(ended(work, Outcome::DONE, 1));
        let text = told(Runner::GitHub, &events);
        assert!(text.contains("| 199\n… 2800 lines left out …\ntest one             | 3000\n"));
        assert!(text.ends_with("| 4999\n::endgroup::"));
    }
}
