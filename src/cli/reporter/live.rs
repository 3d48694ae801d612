//! A live tree on a terminal: a line per piece of work; what is over becomes a line that stays above it.

use std::time::{Duration, Instant};

use super::board::{Board, Item};
use super::canvas::Canvas;
use super::lines::{Lines, Telling};
use super::tree::{self, Look, Size};
use super::words::paint;
use super::{Show, TICK};
use crate::cli::output::Output;
use crate::domain::event::{Event, Outcome};
use crate::system::clock;
use crate::system::terminal::{self, Undisturbed};

#[derive(Debug)]
pub(super) struct Live {
    output: Output,
    board: Board,
    canvas: Canvas,
    lines: Lines,
    /// Lines that are to stay, and are not written yet.
    stay: Vec<String>,
    begun: Instant,
    drawn: Duration,
    _undisturbed: Undisturbed,
}

impl Live {
    pub(super) fn new(output: Output) -> Self {
        let lines = Lines::new(Telling {
            quiet: output.quiet,
            phases: false,
            all_phases: false,
            logs: output.verbose > 0,
            colour: output.colour_err,
        });
        Self {
            output,
            board: Board::default(),
            canvas: Canvas::default(),
            lines,
            stay: Vec::new(),
            begun: clock::instant(),
            drawn: Duration::ZERO,
            _undisturbed: Undisturbed::begin(),
        }
    }

    fn now(&self) -> Duration {
        clock::instant().duration_since(self.begun)
    }

    fn draw(&mut self, now: Duration) {
        let (width, height) = terminal::size();
        let look = Look {
            now,
            size: Size { width, height },
            colour: self.output.colour_err,
        };
        let lines = tree::lines(&self.board, look);
        let stay = std::mem::take(&mut self.stay);
        self.output.draw(&self.canvas.draw(&stay, lines, width));
        self.drawn = now;
    }

    /// Keeps the last lines of what failed in sight. If it was the last, its whole failure is told right after.
    fn keep_tail(&mut self, item: &Item) {
        let count = self.board.count();
        if self.output.verbose == 0 && count.running + count.ahead > 0 {
            let lines = item.tail.iter();
            let lines =
                lines.map(|line| paint(&format!("  | {line}"), "2", self.output.colour_err));
            self.stay.extend(lines);
        }
    }
}

impl Show for Live {
    fn event(&mut self, event: &Event) {
        let now = self.now();
        self.stay.extend(self.lines.take(event));
        let over = self.board.take(event, now);
        if let (Some(item), Event::Ended { outcome, .. }) = (over, event)
            && matches!(outcome, Outcome::Failed { .. })
        {
            self.keep_tail(&item);
        }
        if now.saturating_sub(self.drawn) >= TICK {
            self.draw(now);
        }
    }

    fn tick(&mut self) {
        self.draw(self.now());
    }

    fn close(&mut self) {
        self.board = Board::default();
        self.draw(self.now());
    }
}
