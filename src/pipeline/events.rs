//! The voice of a stage.

use std::time::Instant;

use tokio::sync::mpsc;

use crate::domain::event::{Event, Outcome, Steps, Work};
use crate::system::clock;

/// Where a stage tells what happens. Clones speak to the same listener; without one, nobody hears.
#[derive(Debug, Clone)]
pub struct Events(mpsc::UnboundedSender<Event>);

impl Events {
    /// Opens a voice and what listens to it. The listener's stream ends when every clone is dropped.
    #[must_use]
    pub fn channel() -> (Self, mpsc::UnboundedReceiver<Event>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self(sender), receiver)
    }

    /// Makes a voice that nobody hears.
    #[must_use]
    pub fn unheard() -> Self {
        Self::channel().0
    }

    /// Tells an event. A listener that went away is no error: the work goes on.
    pub fn tell(&self, event: Event) {
        let _ = self.0.send(event);
    }

    /// Tells a warning.
    pub fn warn(&self, message: impl Into<String>) {
        self.tell(Event::Warning {
            message: message.into(),
        });
    }

    /// Tells a note.
    pub fn note(&self, message: impl Into<String>) {
        self.tell(Event::Note {
            message: message.into(),
        });
    }

    /// Tells what a stage is going to do.
    pub fn ahead(&self, works: impl IntoIterator<Item = Work>) {
        self.tell(Event::Ahead {
            works: works.into_iter().collect(),
        });
    }

    /// Begins a piece of work, which ends by [`Running::end`], or as cancelled when dropped before.
    #[must_use]
    pub fn start(&self, work: Work) -> Running {
        self.tell(Event::Started { work: work.clone() });
        Running {
            events: self.clone(),
            work,
            since: clock::instant(),
            ended: false,
        }
    }
}

/// A piece of work under way.
#[derive(Debug)]
pub struct Running {
    events: Events,
    work: Work,
    since: Instant,
    ended: bool,
}

impl Running {
    /// Tells what it does from now on.
    pub fn phase(&self, phase: impl Into<String>) {
        self.events.tell(Event::Phase {
            work: self.work.clone(),
            phase: phase.into(),
        });
    }

    /// Tells how far it is.
    pub fn steps(&self, steps: Steps) {
        self.events.tell(Event::Steps {
            work: self.work.clone(),
            steps,
        });
    }

    /// Tells a line that it printed.
    pub fn log(&self, line: impl Into<String>) {
        self.events.tell(Event::Log {
            work: self.work.clone(),
            line: line.into(),
        });
    }

    /// Ends it.
    pub fn end(mut self, outcome: Outcome) {
        self.ended = true;
        self.tell_end(outcome);
    }

    fn tell_end(&self, outcome: Outcome) {
        let elapsed = clock::instant().duration_since(self.since);
        self.events.tell(Event::Ended {
            work: self.work.clone(),
            outcome,
            elapsed,
        });
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.ended {
            self.tell_end(Outcome::Cancelled);
        }
    }
}
