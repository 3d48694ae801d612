//! `longshore config`

use std::path::Path;

use super::context::Context;
use super::failure::Failure;
use crate::domain::cluster::escaped;
use crate::domain::failure::Kind;

/// Prints the resolved cluster: YAML that is a definition itself, or its values as JSON.
///
/// # Errors
///
/// Every problem of the definition.
pub fn run(context: &Context) -> Result<(), Failure> {
    let read = context.read()?;
    let from = read
        .directory
        .strip_prefix(&read.root)
        .unwrap_or(Path::new(""));
    let written = read.resolved.cluster.written(from);
    if context.output.json() {
        context.output.object(&written);
        return Ok(());
    }
    context.warn_of(&read.resolved.warnings);
    let text = serde_yaml::to_string(&escaped(written))
        .map_err(|error| Failure::new(Kind::Bug, format!("failed to write YAML: {error}")))?;
    context.output.result(text);
    Ok(())
}
