//! `longshore rollback`

use clap::Args;

use super::context::Context;
use super::failure::Failure;
use super::rollout::carry_out;
use crate::domain::name::{EnvironmentName, ReleaseId};
use crate::pipeline::rollout::{Target, prepare_back};

/// Arguments of `longshore rollback`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The environment
    #[arg(short, long, value_name = "ENV")]
    environment: EnvironmentName,
    /// Return to this release instead of the one before
    #[arg(long, value_name = "ID")]
    to: Option<ReleaseId>,
    /// Go on without being asked
    #[arg(long)]
    yes: bool,
}

/// Returns an environment to the deployment before the current one, and again to the one before that.
///
/// # Errors
///
/// If there is no way back, a host does not answer, or it does not become healthy.
pub async fn run(context: &Context, arguments: Arguments) -> Result<(), Failure> {
    let Arguments {
        environment,
        to,
        yes,
    } = arguments;
    let project = context.project().await?;
    let target = Target {
        environment,
        hosts: None,
        adopt: false,
    };
    let prepared = context
        .show(async |events| {
            let back = prepare_back(&project, &target, to.as_ref(), &events);
            context.unless_interrupted(back).await
        })
        .await?;
    carry_out(context, &project, prepared, yes).await
}
