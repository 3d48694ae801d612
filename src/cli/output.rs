//! Standard output and standard error, written in one place.

use std::io::{self, IsTerminal, Write};

use super::args::{Colour, Format, GlobalOptions};
use super::runner::Runner;
use crate::pipeline::read::Ask;
use crate::system::{environment, terminal};

/// How longshore speaks in this run.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    /// For people or programs.
    pub format: Format,
    /// Tell only warnings and errors.
    pub quiet: bool,
    /// 0, 1 or 2 and more.
    pub verbose: u8,
    /// Colour on standard output.
    pub colour_out: bool,
    /// Colour on standard error.
    pub colour_err: bool,
    /// Whether a program that reads wants one object and no events.
    pub one_object: bool,
    /// Whether standard error can show live progress.
    pub live: bool,
    /// What runs longshore on a push, and reads what it tells.
    pub runner: Option<Runner>,
}

impl Output {
    /// Decides by the options, the terminal and `NO_COLOR`, `TERM` and `CI`.
    #[must_use]
    pub fn new(options: &GlobalOptions) -> Self {
        let set = |name| environment::variable(name).is_some_and(|value| !value.is_empty());
        let dumb = environment::variable("TERM").is_some_and(|term| term == "dumb");
        let colour = |terminal: bool| match options.color {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto => terminal && !set("NO_COLOR") && !dumb,
        };
        let terminal = io::stderr().is_terminal();
        let runner = Runner::here();
        Self {
            format: options.format,
            quiet: options.quiet,
            verbose: options.verbose,
            colour_out: colour(io::stdout().is_terminal()),
            // The logs of runners show colour.
            colour_err: colour(terminal || runner.is_some()),
            one_object: false,
            live: terminal && !dumb && !options.quiet && options.format == Format::Human,
            runner,
        }
    }

    /// Speaks to nobody in particular.
    #[cfg(test)]
    pub(super) fn plain() -> Self {
        Self {
            format: Format::Human,
            quiet: false,
            verbose: 0,
            colour_out: false,
            colour_err: false,
            one_object: false,
            live: false,
            runner: None,
        }
    }

    /// Tells whether a program reads the result.
    #[must_use]
    pub fn json(&self) -> bool {
        self.format == Format::Json
    }

    /// Writes the result. A reader that went away (`| head`) ends nothing: a rollout whose listener died goes on, and
    /// the exit code stays the truth.
    pub fn result(&self, text: impl AsRef<str>) {
        let text = text.as_ref();
        let mut out = io::stdout().lock();
        let end = if text.is_empty() || text.ends_with('\n') {
            ""
        } else {
            "\n"
        };
        let _ = write!(out, "{text}{end}").and_then(|()| out.flush());
    }

    /// Writes the result as one JSON object on one line.
    pub fn object(&self, value: &impl serde::Serialize) {
        self.result(
            serde_json::to_string(value)
                .unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}")),
        );
    }

    /// Writes the closing event of long work that went well, with what came of it, if a program reads.
    pub fn finished(&self, fields: serde_json::Value) {
        if self.json() {
            let mut closing =
                serde_json::json!({ "event": "finished", "outcome": "done", "exit_code": 0 });
            if let (Some(closing), serde_json::Value::Object(fields)) =
                (closing.as_object_mut(), fields)
            {
                closing.extend(fields);
            }
            self.object(&closing);
        }
    }

    /// Writes a result for people that quotes what containers printed.
    pub fn report(&self, text: &str) {
        self.result(self.inert(text));
    }

    /// Tells a line on standard error, or several. One that cannot be written is lost.
    pub fn tell(&self, line: impl AsRef<str>) {
        let _ = writeln!(io::stderr().lock(), "{}", self.inert(line.as_ref()));
    }

    /// Makes sure that nothing in a text is a command to what runs longshore.
    fn inert(&self, text: &str) -> String {
        let Some(runner) = self.runner else {
            return text.to_owned();
        };
        let lines = text.split('\n').map(|line| runner.inert(line));
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Writes to standard error exactly this.
    pub fn draw(&self, text: &str) {
        let mut err = io::stderr().lock();
        let _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
    }

    /// Asks a question on the terminal. None without a terminal: then `--yes` is needed.
    #[must_use]
    pub fn ask(&self, question: &str) -> Option<bool> {
        if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            return None;
        }
        let _ = write!(io::stderr().lock(), "{question} [y/N] ");
        let mut answer = String::new();
        io::stdin().read_line(&mut answer).ok()?;
        Some(matches!(
            answer.trim().to_ascii_lowercase().as_str(),
            "y" | "yes"
        ))
    }

    /// Returns how to ask for a variable's value on the terminal, if there is one.
    #[must_use]
    pub fn ask_for_values(&self) -> Option<Ask> {
        let terminal = io::stdin().is_terminal() && io::stderr().is_terminal();
        terminal.then_some(ask_for_value)
    }
}

/// Asks for a variable's value, which is not shown. None if the person gives up.
fn ask_for_value(variable: &str) -> Option<String> {
    let mut told = io::stderr().lock();
    let _ = write!(told, "{variable} (not shown): ").and_then(|()| told.flush());
    let value = terminal::read_hidden(io::stdin());
    let _ = writeln!(told);
    value
}
