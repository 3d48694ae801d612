//! Lays what runs out as a tree that fits a terminal. Pure: a board, a time and a size give lines.

use std::time::Duration;

use console::{measure_text_width, truncate_str};

use super::board::{Board, Count, Item};
use super::words::{elapsed, mark, paint, steps};

/// One frame a tenth of a second.
const SPINNER: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
/// The widest that names may make their column.
const NAMES: usize = 32;
/// Under these columns, the last printed line would say nothing.
const LEAST: usize = 12;

/// A terminal's size in cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) width: usize,
    pub(super) height: usize,
}

/// How it is laid out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    pub(super) now: Duration,
    pub(super) size: Size,
    pub(super) colour: bool,
}

struct Row<'b> {
    depth: usize,
    name: String,
    item: &'b Item,
    /// Services that there is no room for.
    hidden: usize,
}

/// Lays it out: work in the order in which it began, what belongs to it beneath, and what does not fit as a count.
/// No line is as wide as the terminal, and together they leave two rows of it free.
pub(super) fn lines(board: &Board, look: Look) -> Vec<String> {
    let count = board.count();
    let room = look.size.height.saturating_sub(2).max(1);
    let (rows, footer) = rows(board, count, room);
    let names = rows
        .iter()
        .map(|row| 2 * row.depth + measure_text_width(&row.name));
    let names = names.max().unwrap_or(0).min(NAMES).min(look.size.width / 2);
    let mut lines: Vec<_> = rows.iter().map(|row| line(row, names, look)).collect();
    lines.extend(footer.map(|text| paint(&text, "2", look.colour)));
    let width = look.size.width.saturating_sub(1);
    lines
        .iter()
        .map(|line| truncate_str(line, width, "…").into_owned())
        .collect()
}

fn rows(board: &Board, count: Count, room: usize) -> (Vec<Row<'_>>, Option<String>) {
    let running = board.running();
    let several = count.running + count.ahead > 1 && room > 1;
    let room = if several { room - 1 } else { room };
    let shown = running.len().min(room);
    let mut free = room - shown;
    let mut rows = Vec::new();
    for (work, item) in &running[..shown] {
        let parts = board.parts(work);
        let fits = parts.len() <= free;
        rows.push(Row {
            depth: 0,
            name: work.to_string(),
            item,
            hidden: if fits { 0 } else { parts.len() },
        });
        if fits {
            free -= parts.len();
            rows.extend(parts.into_iter().map(|(work, item)| Row {
                depth: 1,
                name: work.own_name(),
                item,
                hidden: 0,
            }));
        }
    }
    (rows, several.then(|| footer(count, running.len() - shown)))
}

fn footer(count: Count, hidden: usize) -> String {
    let mut parts = Vec::new();
    for (number, what) in [
        (count.done, "done"),
        (count.failed, "failed"),
        (count.running, "running"),
        (count.ahead, "to come"),
    ] {
        if number > 0 {
            parts.push(format!("{number} {what}"));
        }
    }
    let text = parts.join(", ");
    if hidden > 0 {
        format!("  {text}, {hidden} of them not shown")
    } else {
        format!("  {text}")
    }
}

fn line(row: &Row<'_>, names: usize, look: Look) -> String {
    let Row {
        depth,
        name,
        item,
        hidden,
    } = row;
    let frame = usize::try_from(look.now.as_millis() / 100).unwrap_or(0) % SPINNER.len();
    let (sign, colour, time, mut detail) = match &item.ended {
        Some((outcome, time)) => {
            let mark = mark(outcome);
            let detail = if mark.text.is_empty() {
                "ready".to_owned()
            } else {
                mark.text
            };
            (mark.sign, mark.colour, *time, detail)
        }
        None => {
            let time = look.now.saturating_sub(item.since);
            (SPINNER[frame], "36", time, detail(item))
        }
    };
    if *hidden > 0 {
        detail.push_str(&format!(" (+{hidden} services)"));
    }
    let indent = 2 * depth;
    let name = truncate_str(name, names.saturating_sub(indent), "…");
    let gap = names.saturating_sub(indent + measure_text_width(&name));
    let time = elapsed(time);
    let head = format!(
        "{:indent$}{} {name}{:gap$} {}",
        "",
        paint(sign, colour, look.colour),
        "",
        paint(&format!("{time:>6}"), "2", look.colour)
    );
    let head = if detail.is_empty() {
        head
    } else {
        format!("{head}  {detail}")
    };
    let free = look
        .size
        .width
        .saturating_sub(measure_text_width(&head) + 3);
    match item.tail.back() {
        Some(last) if free >= LEAST => {
            let last = last.replace('\t', " ");
            let last = truncate_str(last.trim(), free, "…").into_owned();
            format!("{head}  {}", paint(&last, "2", look.colour))
        }
        Some(_) | None => head,
    }
}

/// Says what it does: its steps, once there are any, else its phase.
fn detail(item: &Item) -> String {
    steps(item.steps).unwrap_or_else(|| item.phase.replace('\t', " "))
}

#[cfg(test)]
mod tests {
    use super::super::board::tests::{build, ended, heard, linked, test};
    use super::*;
    use crate::domain::event::{Event, Outcome, Steps, Work};

    fn started(work: &Work) -> Event {
        Event::Started { work: work.clone() }
    }

    fn phase(work: &Work, phase: &str) -> Event {
        Event::Phase {
            work: work.clone(),
            phase: phase.to_owned(),
        }
    }

    fn log(work: &Work, line: &str) -> Event {
        Event::Log {
            work: work.clone(),
            line: line.to_owned(),
        }
    }

    fn look(width: usize, height: usize) -> Look {
        Look {
            now: Duration::from_secs(65),
            size: Size { width, height },
            colour: false,
        }
    }

    fn busy() -> Board {
        let (api, one, db, cache) = (
            build("api"),
            test("one"),
            linked("one", "db"),
            linked("one", "cache"),
        );
        let steps = Steps {
            total: 9,
            done: 7,
            cached: 5,
        };
        let works = vec![api.clone(), one.clone(), test("two"), test("three")];
        heard(&[
            (0, Event::Ahead { works }),
            (0, started(&api)),
            (0, phase(&api, "building: the context changed")),
            (
                1,
                Event::Steps {
                    work: api.clone(),
                    steps,
                },
            ),
            (2, log(&api, "\u{1b}[32mCollecting flask\u{1b}[0m\r")),
            (60, started(&one)),
            (60, phase(&one, "running")),
            (60, started(&db)),
            (61, started(&cache)),
            (61, phase(&cache, "waiting to be healthy")),
            (62, ended(db.clone(), Outcome::DONE, 2)),
            (
                63,
                log(&db, "日本語のログ: checkpoint complete, 12 buffers"),
            ),
        ])
    }

    #[test]
    fn each_piece_of_work_is_a_line_with_what_belongs_to_it_beneath() {
        let lines = lines(&busy(), look(80, 24)).join("\n");
        let expected = "\
⠋ build api  1m05s  7/9 steps, 5 cached  Collecting flask
⠋ test one    5.0s  running
  ✓ db        2.0s  ready  日本語のログ: checkpoint complete, 12 buffers
  ⠋ cache     4.0s  waiting to be healthy
  2 running, 2 to come";
        assert_eq!(lines, expected);
    }

    #[test]
    fn lines_are_cut_to_the_width_of_the_terminal() {
        let lines = lines(&busy(), look(40, 24));
        let expected = "\
⠋ build api  1m05s  7/9 steps, 5 cached
⠋ test one    5.0s  running
  ✓ db        2.0s  ready  日本語のロ…
  ⠋ cache     4.0s  waiting to be heal…
  2 running, 2 to come";
        assert_eq!(lines.join("\n"), expected);
        for width in 2..120 {
            let lines = super::lines(&busy(), look(width, 24));
            assert!(
                lines.iter().all(|line| measure_text_width(line) < width),
                "{width}: {lines:?}"
            );
        }
    }

    #[test]
    fn services_without_room_are_a_count() {
        let lines = lines(&busy(), look(60, 5)).join("\n");
        let expected = "\
⠋ build api  1m05s  7/9 steps, 5 cached  Collecting flask
⠋ test one    5.0s  running (+2 services)
  2 running, 2 to come";
        assert_eq!(lines, expected);
    }

    #[test]
    fn many_tests_are_those_that_began_first_and_a_count() {
        let events: Vec<_> = (0..20)
            .map(|number| (number, started(&test(&format!("t{number:02}")))))
            .collect();
        let board = heard(&events);
        let lines = super::lines(&board, look(40, 6));
        let expected = "\
⠋ test t00  1m05s
⠋ test t01  1m04s
⠋ test t02  1m03s
  20 running, 17 of them not shown";
        assert_eq!(lines.join("\n"), expected);
        for height in 3..40 {
            assert!(super::lines(&board, look(40, height)).len() <= height - 2);
        }
    }

    #[test]
    fn nothing_is_shown_when_nothing_runs() {
        let work = build("a");
        let board = heard(&[
            (0, started(&work)),
            (1, ended(work.clone(), Outcome::DONE, 1)),
        ]);
        assert_eq!(lines(&board, look(80, 24)), Vec::<String>::new());
    }
}
