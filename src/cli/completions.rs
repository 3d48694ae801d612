//! `longshore completions`

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::args::Cli;
use super::context::Context;
use super::failure::Failure;
use crate::domain::failure::Kind;

/// Arguments of `longshore completions`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The shell that will read it
    shell: Shell,
}

/// Prints a completion script.
///
/// # Errors
///
/// Only if clap wrote something that is not text, which would be a bug.
pub fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(
        arguments.shell,
        &mut Cli::command(),
        "longshore",
        &mut script,
    );
    let script = String::from_utf8(script)
        .map_err(|_| Failure::new(Kind::Bug, "the completion script is not UTF-8"))?;
    context.output.result(script);
    Ok(())
}
