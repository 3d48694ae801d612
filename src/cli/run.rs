//! `longshore run`

use std::collections::BTreeSet;

use clap::Args;
use serde_json::json;

use super::context::Context;
use super::deploy::deploy_release;
use super::failure::Failure;
use super::skip::{Steps, skipped};
use super::workshop::{jobs, work};
use crate::domain::failure::Kind;
use crate::domain::name::EnvironmentName;
use crate::domain::plan::select::Selector;
use crate::pipeline::build::{BuildRequest, build};
use crate::pipeline::release::release;
use crate::pipeline::rollout::known;
use crate::pipeline::test::{Material, Report, TestRequest, test};

/// Arguments of `longshore run`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Deploy there, too
    #[arg(short, long, value_name = "ENV")]
    environment: Option<EnvironmentName>,
    /// Leave out these tests and steps, for which the release is not green then
    #[arg(long, value_name = "NAME")]
    skip: Vec<Selector>,
    /// Go on without being asked
    #[arg(long)]
    yes: bool,
}

/// Builds, tests, releases and, where asked to, deploys.
///
/// # Errors
///
/// If a build fails, a test is red, or the rollout does not end healthy.
pub async fn run(context: &Context, arguments: Arguments) -> Result<(), Failure> {
    let project = context.sources().await?;
    if let Some(environment) = &arguments.environment {
        known(&project, environment)?;
    }
    let cluster = &project.cluster;
    let skip = skipped(&project, &arguments.skip, Steps::Too)?;
    let made = work(context, &project, async |tools| {
        let everything = BuildRequest {
            services: BTreeSet::new(),
            jobs: jobs(None),
            no_cache: false,
            pull: false,
            externals: true,
        };
        let images = build(&tools, cluster, &everything).await?;
        let assets = project.checkout.assets(cluster)?;
        let all = TestRequest {
            tests: BTreeSet::new(),
            jobs: jobs(None),
            force: false,
            keep: false,
            skip: skip.clone(),
        };
        let report = test(&tools, cluster, &all, &Material { images, assets }).await?;
        if !report.green() {
            return Ok(Err(report));
        }
        Ok(Ok(release(&tools, &project, &skip).await?))
    })
    .await?;
    let release = match made {
        Ok(release) => release,
        Err(report) => return Err(red(context, &report)),
    };
    if let Some(environment) = arguments.environment {
        return deploy_release(context, &project, &release, (environment, arguments.yes)).await;
    }
    if context.output.json() {
        context
            .output
            .finished(json!({ "release": release.id, "untested": release.untested() }));
    } else {
        context.output.result(release.id.as_str());
    }
    Ok(())
}

/// Tells which tests are red. The result is the release's id, so this is told, not printed.
fn red(context: &Context, report: &Report) -> Failure {
    if !context.output.json() {
        context.output.tell(report.summary().trim_end());
    }
    Failure::new(Kind::Failed, "there is no release: a test is red")
        .hint("mend it, then run the same command again: what is green is not run twice")
}
