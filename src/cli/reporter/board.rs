//! What is going on, gathered from events: which work runs, how far it is, what it printed last.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use crate::domain::event::{Event, Outcome, Steps, Work};
use crate::domain::line::plain;

/// How many lines of failed work are shown while other work goes on.
pub(super) const TAIL: usize = 5;

/// What is going on.
#[derive(Debug, Default)]
pub(super) struct Board {
    running: BTreeMap<Work, Item>,
    ahead: BTreeSet<Work>,
    begun: usize,
    done: usize,
    failed: usize,
}

/// A piece of work that has begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    /// It is the so-manieth.
    number: usize,
    /// When it began.
    pub(super) since: Duration,
    /// What it does.
    pub(super) phase: String,
    /// How far it is.
    pub(super) steps: Steps,
    /// Its last lines, the newest last.
    pub(super) tail: VecDeque<String>,
    /// How it ended and how long it took. A linked container is shown until its test ends.
    pub(super) ended: Option<(Outcome, Duration)>,
}

/// How much there is of what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) done: usize,
    pub(super) failed: usize,
    pub(super) running: usize,
    pub(super) ahead: usize,
}

impl Board {
    /// Takes an event that is told at this time. Returns what is over, and no longer shown.
    pub(super) fn take(&mut self, event: &Event, now: Duration) -> Option<Item> {
        match event {
            Event::Ahead { works } => self.ahead.extend(works.iter().cloned()),
            Event::Started { work } => self.start(work, now),
            Event::Phase { work, phase } => {
                if let Some(item) = self.running.get_mut(work) {
                    item.phase = plain(phase);
                }
            }
            Event::Steps { work, steps } => {
                if let Some(item) = self.running.get_mut(work) {
                    item.steps = *steps;
                }
            }
            Event::Log { work, line } => {
                if let Some(item) = self.running.get_mut(work) {
                    item.log(line);
                }
            }
            Event::Ended {
                work,
                outcome,
                elapsed,
            } => return self.end(work, outcome, *elapsed),
            Event::Warning { .. } | Event::Note { .. } => {}
        }
        None
    }

    fn start(&mut self, work: &Work, now: Duration) {
        self.ahead.remove(work);
        self.begun += 1;
        let item = Item {
            number: self.begun,
            since: now,
            phase: String::new(),
            steps: Steps::default(),
            tail: VecDeque::new(),
            ended: None,
        };
        self.running.insert(work.clone(), item);
    }

    fn end(&mut self, work: &Work, outcome: &Outcome, elapsed: Duration) -> Option<Item> {
        if work.parent().is_some() {
            if let Some(item) = self.running.get_mut(work) {
                item.ended = Some((outcome.clone(), elapsed));
            }
            return None;
        }
        self.running
            .retain(|other, _| other.parent().as_ref() != Some(work));
        match outcome {
            Outcome::Done { .. } | Outcome::Unchanged { .. } => self.done += 1,
            Outcome::Failed { .. } | Outcome::Cancelled => self.failed += 1,
        }
        self.running.remove(work)
    }

    /// Returns what runs and is part of nothing else, in the order in which it began.
    pub(super) fn running(&self) -> Vec<(&Work, &Item)> {
        self.ordered(|work| work.parent().is_none())
    }

    /// Returns what belongs to a piece of work, in the order in which it began.
    pub(super) fn parts(&self, of: &Work) -> Vec<(&Work, &Item)> {
        self.ordered(|work| work.parent().as_ref() == Some(of))
    }

    fn ordered(&self, wanted: impl Fn(&Work) -> bool) -> Vec<(&Work, &Item)> {
        let mut items: Vec<_> = self
            .running
            .iter()
            .filter(|(work, _)| wanted(work))
            .collect();
        items.sort_by_key(|(_, item)| item.number);
        items
    }

    pub(super) fn count(&self) -> Count {
        Count {
            done: self.done,
            failed: self.failed,
            running: self.running().len(),
            ahead: self.ahead.len(),
        }
    }
}

impl Item {
    fn log(&mut self, line: &str) {
        let line = plain(line);
        if line.trim().is_empty() {
            return;
        }
        if self.tail.len() == TAIL {
            self.tail.pop_front();
        }
        self.tail.push_back(line);
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::cli::reporter) fn build(service: &str) -> Work {
        Work::Build {
            service: service.parse().unwrap(),
        }
    }

    pub(in crate::cli::reporter) fn test(test: &str) -> Work {
        Work::Test {
            test: test.parse().unwrap(),
        }
    }

    pub(in crate::cli::reporter) fn linked(test: &str, service: &str) -> Work {
        Work::Linked {
            test: test.parse().unwrap(),
            service: service.parse().unwrap(),
        }
    }

    pub(in crate::cli::reporter) fn ended(work: Work, outcome: Outcome, seconds: u64) -> Event {
        let elapsed = Duration::from_secs(seconds);
        Event::Ended {
            work,
            outcome,
            elapsed,
        }
    }

    fn log(work: Work, line: &str) -> Event {
        Event::Log {
            work,
            line: line.to_owned(),
        }
    }

    /// A board that has heard these at these seconds.
    pub(in crate::cli::reporter) fn heard(events: &[(u64, Event)]) -> Board {
        let mut board = Board::default();
        for (at, event) in events {
            board.take(event, Duration::from_secs(*at));
        }
        board
    }

    #[test]
    fn a_linked_container_goes_with_its_test() {
        let (one, db) = (test("one"), linked("one", "db"));
        let mut board = heard(&[
            (0, Event::Started { work: one.clone() }),
            (0, Event::Started { work: db.clone() }),
            (1, ended(db.clone(), Outcome::DONE, 1)),
            (2, log(db.clone(), "still here")),
        ]);
        let parts = board.parts(&one);
        assert_eq!(parts[0].0, &db);
        assert_eq!(parts[0].1.tail, ["still here"]);
        assert!(parts[0].1.ended.is_some());
        board.take(
            &ended(one.clone(), Outcome::Cancelled, 3),
            Duration::from_secs(3),
        );
        assert!(board.parts(&one).is_empty());
        let count = board.count();
        assert_eq!((count.done, count.failed, count.running), (0, 1, 0));
    }

    #[test]
    fn only_the_last_lines_are_remembered() {
        let work = build("a");
        let mut board = heard(&[(0, Event::Started { work: work.clone() })]);
        for number in 0..100 {
            board.take(&log(work.clone(), &number.to_string()), Duration::ZERO);
        }
        board.take(&log(work.clone(), "  "), Duration::ZERO);
        assert_eq!(board.running()[0].1.tail, ["95", "96", "97", "98", "99"]);
    }
}
