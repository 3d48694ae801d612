//! Shows events: a live tree on a terminal, plain lines elsewhere, JSON for programs.

mod json;
mod live;
mod plain;
mod words;

use tokio::sync::mpsc::UnboundedReceiver;

use super::output::Output;
use crate::domain::event::Event;

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

    /// Shows events until every voice is gone.
    pub async fn run(self, mut events: UnboundedReceiver<Event>) {
        let mut show: Box<dyn Show> = if self.output.json() {
            Box::new(json::Json::new(self.output))
        } else if self.output.live {
            Box::new(live::Live::new(self.output))
        } else {
            Box::new(plain::Plain::new(self.output))
        };
        while let Some(event) = events.recv().await {
            show.event(&event);
        }
        show.close();
    }
}

trait Show: Send {
    fn event(&mut self, event: &Event);
    fn close(&mut self) {}
}
