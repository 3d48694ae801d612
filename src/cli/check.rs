//! `longshore check`

use serde_json::json;

use super::context::Context;
use super::failure::Failure;
use crate::domain::cluster::Cluster;
use crate::domain::definition::for_programs;

/// How many names of a kind are shown.
const SHOWN: usize = 20;

/// Validates the definition and says what it holds.
///
/// # Errors
///
/// Every problem of the definition.
pub fn run(context: &Context) -> Result<(), Failure> {
    let read = context.read()?;
    let (cluster, warnings) = (&read.resolved.cluster, &read.resolved.warnings);
    if context.output.json() {
        context.output.object(&json!({
            "cluster": cluster.name,
            "services": cluster.services.keys().collect::<Vec<_>>(),
            "networks": cluster.networks.keys().collect::<Vec<_>>(),
            "volumes": cluster.volumes.keys().collect::<Vec<_>>(),
            "tests": cluster.tests.keys().collect::<Vec<_>>(),
            "environments": cluster.environments.keys().collect::<Vec<_>>(),
            "warnings": for_programs(warnings),
        }));
        return Ok(());
    }
    context.warn_of(warnings);
    context.output.result(summary(cluster));
    Ok(())
}

fn summary(cluster: &Cluster) -> String {
    let mut lines = vec![format!("{}: no problems", cluster.name)];
    let mut add = |what: &str, names: Vec<&str>| {
        if !names.is_empty() {
            let count = names.len();
            let what = if count == 1 {
                what.to_owned()
            } else {
                format!("{what}s")
            };
            let more = count.saturating_sub(SHOWN);
            let mut names: Vec<_> = names.into_iter().take(SHOWN).map(str::to_owned).collect();
            if more > 0 {
                names.push(format!("and {more} more"));
            }
            lines.push(format!("  {count:>3} {what:<14}{}", names.join(", ")));
        }
    };
    add(
        "service",
        cluster.services.keys().map(|name| name.as_str()).collect(),
    );
    add(
        "network",
        // The one that everybody joins is nothing to tell.
        cluster
            .networks
            .keys()
            .map(|name| name.as_str())
            .filter(|name| *name != "default")
            .collect(),
    );
    add(
        "volume",
        cluster.volumes.keys().map(|name| name.as_str()).collect(),
    );
    add(
        "test",
        cluster.tests.keys().map(|name| name.as_str()).collect(),
    );
    add(
        "environment",
        cluster
            .environments
            .keys()
            .map(|name| name.as_str())
            .collect(),
    );
    lines.join("\n")
}
