//! `longshore release`

use serde_json::json;

use super::context::Context;
use super::failure::Failure;
use super::workshop::work;
use crate::pipeline::release::release;

/// Makes a release of the tree as it is, if it is green, and prints its id.
///
/// # Errors
///
/// If the tree is not green, or no engine answers.
pub async fn run(context: &Context) -> Result<(), Failure> {
    let project = context.sources().await?;
    let release = work(context, &project, async |tools| {
        Ok(release(&tools, &project).await?)
    })
    .await?;
    if context.output.json() {
        context
            .output
            .finished(json!({ "release": release.id, "untested": release.untested() }));
    } else {
        context.output.result(release.id.as_str());
    }
    Ok(())
}
