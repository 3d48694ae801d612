//! `longshore config`

use super::context::Context;
use super::failure::Failure;
use crate::domain::cluster::escaped;
use crate::domain::failure::Kind;
use crate::pipeline::read;

/// Prints the project in its normal form: YAML that is a definition itself, or its values as JSON.
///
/// # Errors
///
/// Every problem of the definition.
pub fn run(context: &Context) -> Result<(), Failure> {
    let (project, warnings) = read::config(&context.request())?;
    if context.output.json() {
        context.output.object(&project);
        return Ok(());
    }
    context.warn_of(&warnings);
    let text = serde_yaml::to_string(&escaped(project))
        .map_err(|error| Failure::new(Kind::Bug, format!("failed to write YAML: {error}")))?;
    context.output.result(text);
    Ok(())
}
