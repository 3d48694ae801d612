//! `longshore release`

use clap::Args;
use serde_json::json;

use super::context::Context;
use super::failure::Failure;
use super::skip::{Steps, skipped};
use super::workshop::work;
use crate::domain::plan::select::Selector;
use crate::pipeline::push::{PushError, push};
use crate::pipeline::release::release;

/// Arguments of `longshore release`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Leave out these tests and steps, for which the release is not green then
    #[arg(long, value_name = "NAME")]
    skip: Vec<Selector>,
    /// Push its images to the registry that longshore.yaml names, and verify what is there then
    #[arg(long)]
    push: bool,
}

/// Makes a release of the tree as it is, if it is green, and prints its id.
///
/// # Errors
///
/// If the tree is not green, no engine answers, or the registry does not take an image.
pub async fn run(context: &Context, arguments: Arguments) -> Result<(), Failure> {
    let project = context.sources().await?;
    if arguments.push && project.registry.is_none() {
        return Err(PushError::NoRegistry.into());
    }
    let skip = skipped(&project, &arguments.skip, Steps::Too)?;
    let (release, pushed) = work(context, &project, async |tools| {
        let release = release(&tools, &project, &skip).await?;
        let pushed = match arguments.push {
            true => Some(push(&tools, &project, &release).await?),
            false => None,
        };
        Ok((release, pushed))
    })
    .await?;
    if context.output.json() {
        let mut result = json!({ "release": release.id, "untested": release.untested() });
        if let Some(pushed) = pushed {
            let references = pushed.into_iter();
            let references: serde_json::Map<_, _> = references
                .map(|(service, record)| (service.to_string(), json!(record.reference())))
                .collect();
            result["pushed"] = json!(references);
        }
        context.output.finished(result);
    } else {
        context.output.result(release.id.as_str());
    }
    Ok(())
}
