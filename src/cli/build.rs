//! `longshore build`

use std::num::NonZeroUsize;

use clap::Args;
use serde_json::json;

use super::context::Context;
use super::failure::Failure;
use super::workshop::{jobs, work};
use crate::domain::name::ServiceName;
use crate::pipeline::build::{BuildRequest, build, survey};

/// Arguments of `longshore build`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Only these services, and what they are built from
    #[arg(value_name = "SERVICE")]
    services: Vec<ServiceName>,
    /// How many builds run at a time; as many as there are processors unless said
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// Build everything anew, whatever is there
    #[arg(long)]
    no_cache: bool,
    /// Ask again for the images that builds start from
    #[arg(long)]
    pull: bool,
    /// Only say what would be built, and why
    #[arg(long)]
    explain: bool,
}

/// Builds what is stale and prints each service's image.
///
/// # Errors
///
/// If the definition is wrong, no engine answers, or a build fails.
pub async fn run(context: &Context, arguments: Arguments) -> Result<(), Failure> {
    let project = context.sources().await?;
    let request = BuildRequest {
        services: arguments.services.into_iter().collect(),
        jobs: jobs(arguments.jobs),
        no_cache: arguments.no_cache,
        pull: arguments.pull,
        externals: false,
    };
    let cluster = &project.cluster;
    if arguments.explain {
        let survey = work(context, &project, async |tools| {
            Ok(survey(&tools, cluster, &request.services, request.no_cache).await?)
        });
        context.output.result(survey.await?.plan.explain());
        return Ok(());
    }
    let images = work(context, &project, async |tools| {
        Ok(build(&tools, cluster, &request).await?)
    });
    let images = images.await?;
    if context.output.json() {
        context.output.finished(json!({ "images": images }));
        return Ok(());
    }
    let width = images
        .keys()
        .map(|name| name.as_str().len())
        .max()
        .unwrap_or_default();
    let lines = images
        .iter()
        .map(|(name, image)| format!("{name:width$}  {}\n", image.config));
    context.output.result(lines.collect::<String>());
    Ok(())
}
