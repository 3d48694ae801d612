//! The voice of a stage.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use tokio::sync::mpsc;

use crate::domain::event::{Event, Outcome, Steps, Work};
use crate::domain::mask::Masker;
use crate::system::clock;

/// How many printed lines may wait for a listener. More are left out: the logs have them.
const WAITING: usize = 10_000;

/// Where a stage tells what happens. Clones speak to the same listener; without one, nobody hears.
#[derive(Debug, Clone)]
pub struct Events {
    sender: mpsc::UnboundedSender<Event>,
    lines: Arc<Lines>,
    /// Nothing leaves unmasked.
    masker: Masker,
}

/// Hears what is told.
#[derive(Debug)]
pub struct Listener {
    receiver: mpsc::UnboundedReceiver<Event>,
    lines: Arc<Lines>,
}

/// Printed lines between the two.
#[derive(Debug, Default)]
struct Lines {
    waiting: AtomicUsize,
    left_out: AtomicUsize,
}

impl Listener {
    /// Returns the next event, or none once every voice is gone.
    pub async fn next(&mut self) -> Option<Event> {
        let left_out = self.lines.left_out.swap(0, Ordering::Relaxed);
        if left_out > 0 {
            let message = format!(
                "{left_out} lines came faster than they could be shown, and are in the logs alone"
            );
            return Some(Event::Note { message });
        }
        let event = self.receiver.recv().await;
        if let Some(Event::Log { .. }) = event {
            self.lines.waiting.fetch_sub(1, Ordering::Relaxed);
        }
        event
    }
}

impl Events {
    /// Opens a voice and what listens to it. The listener's stream ends when every clone is dropped.
    #[must_use]
    pub fn channel() -> (Self, Listener) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let lines = Arc::new(Lines::default());
        let listener = Listener {
            receiver,
            lines: Arc::clone(&lines),
        };
        let masker = Masker::default();
        let events = Self {
            sender,
            lines,
            masker,
        };
        (events, listener)
    }

    /// Returns a voice to the same listener that keeps more to itself.
    #[must_use]
    pub fn masking(&self, masker: &Masker) -> Self {
        Self {
            masker: masker.clone(),
            ..self.clone()
        }
    }

    /// Returns what it keeps to itself.
    #[must_use]
    pub fn masker(&self) -> &Masker {
        &self.masker
    }

    /// Makes a voice that nobody hears.
    #[must_use]
    pub fn unheard() -> Self {
        Self::channel().0
    }

    /// Tells an event. A listener that went away is no error: the work goes on. Of printed lines, which are as many as
    /// a container likes, only so many wait for a slow listener.
    pub fn tell(&self, event: Event) {
        let line = matches!(event, Event::Log { .. });
        if line && self.lines.waiting.load(Ordering::Relaxed) >= WAITING {
            self.lines.left_out.fetch_add(1, Ordering::Relaxed);
            return;
        }
        // Counted before it can be heard, so that the count never falls below none.
        if line {
            self.lines.waiting.fetch_add(1, Ordering::Relaxed);
        }
        let _ = self.sender.send(event.masked(&self.masker));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::mask::SecretValue;

    #[tokio::test]
    async fn nothing_leaves_unmasked() {
        let (open, mut listener) = Events::channel();
        let events = open.masking(&Masker::of([&SecretValue::new("hunter22")]));
        let running = events.start(Work::Reap);
        running.phase("with hunter22");
        running.log("hunter22 1");
        events.warn("warned of hunter22");
        events.note("noted hunter22");
        running.end(Outcome::done("hunter22"));
        drop((open, events));
        let mut told = 0;
        while let Some(event) = listener.next().await {
            let text = format!("{event:?}");
            assert!(!text.contains("hunter22"), "{text}");
            told += 1;
        }
        assert_eq!(told, 6);
    }

    #[tokio::test]
    async fn lines_that_nobody_reads_do_not_pile_up() {
        let (events, mut listener) = Events::channel();
        let running = events.start(Work::Reap);
        for number in 0..WAITING + 7 {
            running.log(number.to_string());
        }
        running.end(Outcome::DONE);
        drop(events);
        let mut heard = Vec::new();
        while let Some(event) = listener.next().await {
            heard.push(event);
        }
        let Event::Note { message } = &heard[0] else {
            panic!("{:?}", heard[0]);
        };
        assert!(message.starts_with("7 lines "), "{message}");
        // The beginning, the lines that fit, and the end, which is never left out.
        assert_eq!(heard.len(), 1 + 1 + WAITING + 1);
        assert!(matches!(heard.last(), Some(Event::Ended { .. })));
    }
}
