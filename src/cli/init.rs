//! `longshore init`

use clap::Args;
use serde_json::json;

use super::context::Context;
use super::failure::Failure;
use crate::domain::definition::for_programs;
use crate::pipeline::init::{Begun, init};

/// Arguments of `longshore init`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Turn fig, decking, cion or Baleen files into Compose as well
    #[arg(long)]
    convert: bool,
}

/// Writes a `longshore.yaml` for the definition found here.
///
/// # Errors
///
/// If there is no definition or it is wrong, or a file is there that says something else.
pub fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    let Begun {
        files,
        replaced,
        warnings,
    } = init(&context.request(), arguments.convert)?;
    let output = context.output;
    if output.json() {
        output.object(&json!({
            "files": files,
            "replaced": replaced,
            "warnings": for_programs(&warnings),
        }));
        return Ok(());
    }
    context.warn_of(&warnings);
    let lines = files.iter().map(|file| {
        let verb = if file.written { "wrote" } else { "unchanged:" };
        format!("{verb} {}", file.path)
    });
    let mut lines: Vec<_> = lines.collect();
    if files.is_empty() {
        lines.push(
            "nothing to do: the definition is Compose, and longshore.yaml is there".to_owned(),
        );
    }
    output.result(lines.join("\n"));
    if !output.quiet && files.iter().any(|file| file.written) {
        let remove = match replaced.as_slice() {
            [] => String::new(),
            names => format!(", then remove {}", names.join(" and ")),
        };
        output.tell(format!(
            "next: read what is there, run `longshore check`{remove}"
        ));
    }
    Ok(())
}
