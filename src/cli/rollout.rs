//! What the commands that change hosts have in common: show the plan, ask, carry it out.

use serde_json::json;

use super::context::Context;
use super::failure::Failure;
use crate::domain::failure::Kind;
use crate::domain::name::HostName;
use crate::pipeline::project::Project;
use crate::pipeline::rollout::{Prepared, RolloutError, Stops};

/// Shows a plan, asks whether to go on unless told to, and carries it out.
pub(super) async fn carry_out(
    context: &Context,
    project: &Project,
    prepared: Prepared,
    yes: bool,
) -> Result<(), Failure> {
    let output = context.output;
    let plan = prepared.plan.clone();
    if output.json() {
        output.object(&json!({ "event": "planned", "plan": plan }));
    } else if !output.quiet || !yes {
        output.tell(plan.explain(output.colour_err).trim_end());
    }
    plan.permitted()?;
    if !plan.is_empty() && !yes {
        match context.ask("Go on?").await? {
            Some(true) => {}
            Some(false) => {
                return Err(Failure::new(
                    Kind::Refused,
                    "not confirmed, and nothing was changed",
                ));
            }
            None => {
                return Err(Failure::new(
                    Kind::Invalid,
                    "there is no terminal to ask on, and nothing was changed",
                )
                .hint("pass --yes to go on without being asked"));
            }
        }
    }
    let empty = plan.is_empty();
    let stops = Stops {
        orderly: context.interrupt.first.clone(),
        at_once: context.interrupt.second.clone(),
    };
    let work = async |events| {
        let ended = prepared.carry_out(project, &stops, &events).await;
        ended.map_err(|error: RolloutError| Failure::from(error))
    };
    context.show(work).await?;
    if output.json() {
        output.finished(json!({ "environment": plan.scope.environment, "release": plan.release, "changed": !empty }));
    } else {
        let runs = |host: &&HostName| plan.hosts.get(*host).is_some_and(|host| host.to.is_some());
        let hosts: Vec<_> = plan
            .hosts
            .keys()
            .filter(runs)
            .map(ToString::to_string)
            .collect();
        output.result(format!(
            "{} runs release {} on {}",
            plan.scope.environment,
            plan.release,
            hosts.join(", ")
        ));
    }
    Ok(())
}
