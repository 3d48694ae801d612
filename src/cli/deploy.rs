//! `longshore plan` and `longshore deploy`

use std::path::PathBuf;

use clap::Args;

use super::context::Context;
use super::failure::Failure;
use super::rollout::carry_out;
use super::workshop::work;
use crate::domain::failure::Kind;
use crate::domain::ledger::Release;
use crate::domain::name::{EnvironmentName, ReleaseId};
use crate::domain::plan::rollout::Plan;
use crate::pipeline::project::Project;
use crate::pipeline::release::{named, released};
use crate::pipeline::rollout::{Prepared, Target, known, prepare};
use crate::system::files;

/// Which release goes where.
#[derive(Debug, Args)]
pub struct Where {
    /// The environment
    #[arg(short, long, value_name = "ENV")]
    pub(super) environment: EnvironmentName,
    /// The release; this tree's unless said
    #[arg(long, value_name = "ID")]
    release: Option<ReleaseId>,
    /// Only hosts whose names fit the pattern, `*` and `?` as in a shell
    #[arg(long, value_name = "GLOB")]
    hosts: Option<String>,
    /// Overwrite units that longshore did not write, or that were changed by hand
    #[arg(long)]
    adopt: bool,
}

/// Arguments of `longshore plan`.
#[derive(Debug, Args)]
pub struct PlanArguments {
    #[command(flatten)]
    place: Where,
    /// Write the plan to FILE, for `deploy --plan FILE`
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Arguments of `longshore deploy`.
#[derive(Debug, Args)]
pub struct DeployArguments {
    #[command(flatten)]
    place: Where,
    /// Carry out this plan of `plan --out`, or refuse if the hosts are not as they were
    #[arg(long, value_name = "FILE", conflicts_with_all = ["release", "hosts", "adopt"])]
    plan: Option<PathBuf>,
    /// Go on without being asked
    #[arg(long)]
    yes: bool,
}

/// Shows what a deploy would do.
///
/// # Errors
///
/// If there is no such release, or a host does not answer.
pub async fn plan(context: &Context, arguments: PlanArguments) -> Result<(), Failure> {
    let context = &context.query();
    let project = context.project().await?;
    let prepared = prepared(context, &project, &arguments.place).await?;
    if let Some(path) = &arguments.out {
        let text = serde_json::to_string_pretty(&prepared.plan);
        let text = text.map_err(|error| {
            Failure::new(Kind::Bug, format!("the plan has no JSON form: {error}"))
        })?;
        files::write(path, text)?;
    }
    if context.output.json() {
        context.output.object(&prepared.plan);
    } else {
        context
            .output
            .result(prepared.plan.explain(context.output.colour_out));
    }
    Ok(())
}

/// Rolls a release out.
///
/// # Errors
///
/// If there is no such release, a host does not answer or refuses, or the rollout does not end healthy.
pub async fn deploy(context: &Context, mut arguments: DeployArguments) -> Result<(), Failure> {
    let project = context.project().await?;
    let planned = match &arguments.plan {
        Some(path) => Some(read_plan(path)?),
        None => None,
    };
    if let Some(plan) = &planned {
        arguments.place.release = Some(plan.release.clone());
        arguments.place.adopt = plan.adopt;
    }
    let prepared = prepared(context, &project, &arguments.place).await?;
    if planned.is_some_and(|planned| planned != prepared.plan) {
        return Err(Failure::new(
            Kind::Refused,
            "the hosts or the definition are not as they were when the plan was made",
        )
        .hint("make a new one: `longshore plan -e ENV --out FILE`"));
    }
    carry_out(context, &project, prepared, arguments.yes).await
}

/// Finds the release and plans it.
async fn prepared(
    context: &Context,
    project: &Project,
    place: &Where,
) -> Result<Prepared, Failure> {
    let release = find(context, project, place).await?;
    prepared_of(context, project, &release, place).await
}

async fn prepared_of(
    context: &Context,
    project: &Project,
    release: &Release,
    place: &Where,
) -> Result<Prepared, Failure> {
    let target = Target {
        environment: place.environment.clone(),
        hosts: place.hosts.clone(),
        adopt: place.adopt,
    };
    context
        .show(async |events| {
            let prepared = prepare(project, release, &target, &events);
            context.unless_interrupted(prepared).await
        })
        .await
}

async fn find(
    context: &Context,
    project: &Project,
    Where {
        environment,
        release,
        ..
    }: &Where,
) -> Result<Release, Failure> {
    match release {
        Some(id) => Ok(named(project, id).await?),
        None => {
            known(project, environment)?;
            work(context, project, async |tools| {
                Ok(released(&tools, project).await?)
            })
            .await
        }
    }
}

fn read_plan(path: &std::path::Path) -> Result<Plan, Failure> {
    let text = files::read(path)?;
    let plan: Result<Plan, _> = serde_json::from_str(&text);
    match plan {
        Ok(plan) if plan.format == Plan::FORMAT => Ok(plan),
        Ok(_) | Err(_) => Err(Failure::new(
            Kind::Invalid,
            format!("{} is not a plan of this version", path.display()),
        )
        .hint("make one with `longshore plan -e ENV --out FILE`")),
    }
}

/// Plans and carries out a release that was made just now.
pub(super) async fn deploy_release(
    context: &Context,
    project: &Project,
    release: &Release,
    (environment, yes): (EnvironmentName, bool),
) -> Result<(), Failure> {
    let place = Where {
        environment,
        release: None,
        hosts: None,
        adopt: false,
    };
    let prepared = prepared_of(context, project, release, &place).await?;
    carry_out(context, project, prepared, yes).await
}
