//! `longshore test`

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::context::Context;
use super::failure::Failure;
use super::skip::{Steps, skipped};
use super::workshop::{jobs, work};
use crate::domain::failure::Kind;
use crate::domain::name::ClusterName;
use crate::domain::plan::select::{Selector, select};
use crate::pipeline::build::{BuildRequest, build};
use crate::pipeline::project::Project;
use crate::pipeline::test::{Material, Report, TestRequest, services, test};
use crate::system::files;

/// Arguments of `longshore test`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Only these tests: `NAME`, one cell of its matrix `NAME[AXIS=VALUE]`, or all such cells `AXIS=VALUE`
    #[arg(value_name = "TEST")]
    tests: Vec<Selector>,
    /// How many builds or tests run at a time; as many as there are processors unless said
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// Run green tests again
    #[arg(long)]
    force: bool,
    /// Leave out these tests: `NAME`, one cell, or all cells `AXIS=VALUE`
    #[arg(long, value_name = "TEST")]
    skip: Vec<Selector>,
    /// Leave the containers of failed tests to be looked at, until `longshore gc`
    #[arg(long)]
    keep: bool,
    /// Write a JUnit report to FILE
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

/// Builds what is stale, runs the tests that have no green verdict, and prints what came of them.
///
/// # Errors
///
/// If the definition is wrong, no engine answers, a build fails, or a test is red.
pub async fn run(context: &Context, arguments: Arguments) -> Result<(), Failure> {
    let project = context.sources().await?;
    let request = TestRequest {
        tests: select(&project.cluster.tests, &arguments.tests)?,
        jobs: jobs(arguments.jobs),
        force: arguments.force,
        keep: arguments.keep,
        skip: skipped(&project, &arguments.skip, Steps::Kept)?,
    };
    let report = carry_out(context, &project, &request).await?;
    if let Some(path) = &arguments.junit {
        files::write(path, junit(&report, &project.cluster.name)?)?;
    }
    tell(context, &report);
    if report.green() {
        Ok(())
    } else {
        Err(Failure::told(Kind::Failed))
    }
}

async fn carry_out(
    context: &Context,
    project: &Project,
    request: &TestRequest,
) -> Result<Report, Failure> {
    let cluster = &project.cluster;
    let needed = services(cluster, &request.tests)?;
    if needed.is_empty() {
        return Ok(Report {
            results: Vec::new(),
            skipped: Vec::new(),
        });
    }
    let assets = project.checkout.assets(cluster)?;
    work(context, project, async |tools| {
        let building = BuildRequest {
            services: needed,
            jobs: request.jobs,
            no_cache: false,
            pull: false,
            externals: true,
        };
        let images = build(&tools, cluster, &building).await?;
        Ok(test(&tools, cluster, request, &Material { images, assets }).await?)
    })
    .await
}

fn junit(report: &Report, cluster: &ClusterName) -> Result<String, Failure> {
    let xml = report.junit(cluster);
    xml.map_err(|error| {
        Failure::new(
            Kind::Bug,
            format!("the JUnit report could not be written: {error}"),
        )
    })
}

fn tell(context: &Context, report: &Report) {
    if !context.output.json() {
        let none = report.results.is_empty() && report.skipped.is_empty();
        let text = if none {
            "there are no tests\n".to_owned()
        } else {
            report.summary()
        };
        context.output.report(&text);
        return;
    }
    let records: Vec<_> = report.results.iter().map(|result| &result.record).collect();
    if report.green() {
        context.output.finished(json!({ "tests": records }));
    } else {
        // The closing event tells of the failure.
        context
            .output
            .object(&json!({ "event": "tested", "tests": records }));
    }
}
