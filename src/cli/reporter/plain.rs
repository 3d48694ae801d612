//! Plain lines, for logs and pipes: each says whose it is, none is overwritten.

use super::Show;
use super::words::{elapsed, mark, paint};
use crate::cli::output::Output;
use crate::domain::event::{Event, Outcome};

#[derive(Debug)]
pub(super) struct Plain(Output);

impl Plain {
    pub(super) fn new(output: Output) -> Self {
        Self(output)
    }
}

impl Show for Plain {
    fn event(&mut self, event: &Event) {
        if let Some(line) = line(event, self.0) {
            self.0.tell(line);
        }
    }
}

/// Returns the line for an event, if it is to be told at this verbosity.
pub(super) fn line(event: &Event, output: Output) -> Option<String> {
    let colour = output.colour_err;
    let told = !output.quiet;
    match event {
        Event::Ahead { .. } | Event::Steps { .. } => None,
        Event::Started { work } => (told && output.verbose > 0).then(|| format!("  {work} …")),
        Event::Phase { work, phase } => {
            (told && output.verbose > 0).then(|| format!("  {work}: {phase}"))
        }
        Event::Log { work, line } => (told && output.verbose > 0)
            .then(|| format!("{} {line}", paint(&format!("{work} |"), "2", colour))),
        Event::Ended {
            work,
            outcome,
            elapsed: time,
        } => {
            if !told && !matches!(outcome, Outcome::Failed { .. }) {
                return None;
            }
            let mark = mark(outcome);
            let text = if mark.text.is_empty() {
                String::new()
            } else {
                format!("  {}", mark.text)
            };
            let time = paint(&elapsed(*time), "2", colour);
            Some(format!(
                "{} {work}  {time}{text}",
                paint(mark.sign, mark.colour, colour)
            ))
        }
        Event::Warning { message } => {
            Some(format!("{} {message}", paint("warning:", "33", colour)))
        }
        Event::Note { message } => told.then(|| message.clone()),
    }
}
