//! A live tree on a terminal: a line per piece of work with its phase and elapsed time; ended work scrolls up.

use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::Show;
use super::plain;
use crate::cli::output::Output;
use crate::domain::event::{Event, Work};
use crate::system::terminal::Undisturbed;

/// How often the elapsed times move.
const TICK: Duration = Duration::from_millis(100);

pub(super) struct Live {
    output: Output,
    bars: MultiProgress,
    running: BTreeMap<Work, ProgressBar>,
    style: ProgressStyle,
    _undisturbed: Undisturbed,
}

impl Live {
    pub(super) fn new(output: Output) -> Self {
        let style = ProgressStyle::with_template(
            "{spinner:.cyan} {prefix} {elapsed:.dim}  {wide_msg:.dim}",
        )
        .unwrap_or_else(|_| ProgressStyle::default_spinner());
        Self {
            output,
            bars: MultiProgress::new(),
            running: BTreeMap::new(),
            style,
            _undisturbed: Undisturbed::begin(),
        }
    }

    fn print(&self, line: &str) {
        if self.bars.println(line).is_err() {
            self.output.tell(line);
        }
    }
}

impl Show for Live {
    fn event(&mut self, event: &Event) {
        match event {
            Event::Ahead { .. } | Event::Steps { .. } => {}
            Event::Started { work } => {
                let bar = self.bars.add(ProgressBar::new_spinner());
                bar.set_style(self.style.clone());
                bar.set_prefix(work.to_string());
                bar.enable_steady_tick(TICK);
                self.running.insert(work.clone(), bar);
            }
            Event::Phase { work, phase } => {
                if let Some(bar) = self.running.get(work) {
                    bar.set_message(phase.clone());
                }
            }
            Event::Log { work, line } => {
                if let Some(bar) = self.running.get(work) {
                    bar.set_message(line.replace(|c: char| c.is_control(), " "));
                }
                if self.output.verbose > 0
                    && let Some(line) = plain::line(event, self.output)
                {
                    self.print(&line);
                }
            }
            Event::Ended { work, .. } => {
                if let Some(bar) = self.running.remove(work) {
                    bar.finish_and_clear();
                }
                if let Some(line) = plain::line(event, self.output) {
                    self.print(&line);
                }
            }
            Event::Warning { .. } | Event::Note { .. } => {
                if let Some(line) = plain::line(event, self.output) {
                    self.print(&line);
                }
            }
        }
    }

    fn close(&mut self) {
        for bar in std::mem::take(&mut self.running).into_values() {
            bar.finish_and_clear();
        }
    }
}
