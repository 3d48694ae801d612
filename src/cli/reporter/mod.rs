//! Shows events: a live tree on a terminal, groups in the log of a runner, plain lines elsewhere, JSON for programs.

mod board;
mod canvas;
mod grouped;
mod json;
mod lines;
mod live;
mod plain;
mod recap;
mod tree;
mod words;

use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;

use super::output::Output;
use crate::domain::event::Event;
use crate::pipeline::Listener;
use crate::system::clock;
use recap::Recap;

/// How often what is drawn moves on.
const TICK: Duration = Duration::from_millis(100);

/// Shows the events of one piece of long work.
#[derive(Debug)]
pub struct Reporter {
    output: Output,
}

impl Reporter {
    /// Makes one that speaks as `output` says.
    #[must_use]
    pub fn new(output: Output) -> Self {
        Self { output }
    }

    /// Shows events until every voice is gone, on a thread of its own: a terminal that is halted, or a reader that is
    /// slow, holds up nothing but what is shown.
    pub fn start(self, mut events: Listener) -> JoinHandle<()> {
        let runtime = Handle::current();
        spawn_blocking(move || {
            let mut show = self.show();
            let mut recap = Recap::default();
            let begun = clock::instant();
            loop {
                match runtime.block_on(async { timeout(TICK, events.next()).await }) {
                    Ok(Some(event)) => {
                        recap.take(&event);
                        show.event(&event);
                    }
                    Ok(None) => break,
                    Err(_) => show.tick(),
                }
            }
            show.close();
            self.sum_up(&recap, clock::instant().duration_since(begun));
        })
    }

    fn sum_up(&self, recap: &Recap, time: Duration) {
        if self.output.json() || self.output.quiet {
            return;
        }
        if let Some(line) = recap.line(time, self.output.colour_err) {
            self.output.tell(line);
        }
    }

    fn show(&self) -> Box<dyn Show> {
        let output = self.output;
        if output.json() {
            Box::new(json::Json::new(output))
        } else if output.live {
            Box::new(live::Live::new(output))
        } else if let Some(runner) = output.runner {
            Box::new(grouped::Grouped::new(output, runner))
        } else {
            Box::new(plain::Plain::new(output))
        }
    }
}

trait Show: Send {
    fn event(&mut self, event: &Event);
    /// A moment passed without an event.
    fn tick(&mut self) {}
    fn close(&mut self) {}
}
