//! `longshore release`

use clap::Args;
use serde_json::json;

use super::context::Context;
use super::failure::Failure;
use super::skip::{Steps, skipped};
use super::workshop::work;
use crate::domain::plan::select::Selector;
use crate::pipeline::release::release;

/// Arguments of `longshore release`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Leave out these tests and steps, for which the release is not green then
    #[arg(long, value_name = "NAME")]
    skip: Vec<Selector>,
}

/// Makes a release of the tree as it is, if it is green, and prints its id.
///
/// # Errors
///
/// If the tree is not green, or no engine answers.
pub async fn run(context: &Context, arguments: Arguments) -> Result<(), Failure> {
    let project = context.sources().await?;
    let skip = skipped(&project, &arguments.skip, Steps::Too)?;
    let release = work(context, &project, async |tools| {
        Ok(release(&tools, &project, &skip).await?)
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
