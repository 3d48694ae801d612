//! Plain lines, for logs and pipes.

use super::Show;
use super::lines::{Lines, Telling};
use crate::cli::output::Output;
use crate::domain::event::Event;

#[derive(Debug)]
pub(super) struct Plain {
    output: Output,
    lines: Lines,
}

impl Plain {
    pub(super) fn new(output: Output) -> Self {
        let verbose = output.verbose > 0;
        let lines = Lines::new(Telling {
            quiet: output.quiet,
            phases: true,
            all_phases: verbose,
            logs: verbose,
            colour: output.colour_err,
        });
        Self { output, lines }
    }
}

impl Show for Plain {
    fn event(&mut self, event: &Event) {
        if let Some(line) = self.lines.take(event) {
            self.output.tell(line);
        }
    }
}
