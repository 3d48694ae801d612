//! One event a line, for programs.

use super::Show;
use crate::cli::output::Output;
use crate::domain::event::Event;

#[derive(Debug)]
pub(super) struct Json(Output);

impl Json {
    pub(super) fn new(output: Output) -> Self {
        Self(output)
    }
}

impl Show for Json {
    fn event(&mut self, event: &Event) {
        if !self.0.one_object {
            self.0.object(event);
        }
    }
}
