//! `longshore status`

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;
use serde_json::json;

use super::context::Context;
use super::failure::Failure;
use super::table::Table;
use crate::domain::failure::{Explain, Kind};
use crate::domain::inventory::{Health, Inventory, UnitState};
use crate::domain::ledger::{DeploymentRecord, Release};
use crate::domain::name::{EnvironmentName, HostName, ReleaseId, ServiceName};
use crate::domain::plan::status::{Standing, standing};
use crate::domain::unit::Kind as UnitKind;
use crate::pipeline::project::Project;
use crate::pipeline::rollout::{Survey, look};

/// Arguments of `longshore status`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Only this environment
    #[arg(short, long, value_name = "ENV")]
    environment: Option<EnvironmentName>,
}

struct Shown {
    environment: EnvironmentName,
    release: Option<ReleaseId>,
    /// The services of that release whose image no test held.
    untested: BTreeSet<ServiceName>,
    hosts: BTreeMap<HostName, (Standing, Option<Inventory>)>,
    hints: Vec<String>,
}

/// Prints what runs where, and whether it is what should.
///
/// # Errors
///
/// If a host drifted or does not answer: then after printing.
pub async fn run(context: &Context, arguments: Arguments) -> Result<(), Failure> {
    let project = context.project().await?;
    let environments: Vec<EnvironmentName> = match arguments.environment {
        Some(environment) => vec![environment],
        None => project.cluster.environments.keys().cloned().collect(),
    };
    let mut shown = Vec::new();
    for environment in environments {
        let asked = context.unless_interrupted(ask(&project, environment));
        shown.push(asked.await?);
    }
    if context.output.json() {
        let objects: Vec<_> = shown.iter().map(as_json).collect();
        match objects.as_slice() {
            [one] => context.output.object(one),
            all => context.output.object(&json!({ "environments": all })),
        }
    } else {
        context
            .output
            .result(shown.iter().map(as_text).collect::<Vec<_>>().join("\n"));
    }
    verdict(&shown)
}

async fn ask(project: &Project, environment: EnvironmentName) -> Result<Shown, Failure> {
    let Survey {
        fleet, failures, ..
    } = look(project, &environment).await?;
    let records = project
        .ledger
        .deployments(Some(&environment), RECORDS)
        .await?;
    let last: Option<&DeploymentRecord> = records.iter().find(|record| record.healthy());
    let mut hosts = BTreeMap::new();
    for (host, inventory) in fleet.hosts {
        let recorded = last.and_then(|record| record.hosts.get(&host));
        hosts.insert(host, (standing(&inventory, recorded), Some(inventory)));
    }
    for (host, reason) in fleet.unreachable {
        hosts.insert(host, (Standing::Unreachable { reason }, None));
    }
    let release = match last {
        Some(record) => project.ledger.release(&record.release).await?,
        None => None,
    };
    let untested = release.iter().flat_map(Release::untested).cloned();
    Ok(Shown {
        environment,
        untested: untested.collect(),
        release: last.map(|record| record.release.clone()),
        hosts,
        hints: failures.values().flat_map(Explain::hints).collect(),
    })
}

/// How many rollouts of the record are looked at for the last healthy one.
const RECORDS: u32 = 50;

fn verdict(shown: &[Shown]) -> Result<(), Failure> {
    let standings = || {
        shown
            .iter()
            .flat_map(|shown| shown.hosts.values())
            .map(|(standing, _)| standing)
    };
    if standings().any(|standing| matches!(standing, Standing::Unreachable { .. })) {
        let mut failure = Failure::silent(Kind::Unreachable);
        failure.hints = shown.iter().flat_map(|shown| shown.hints.clone()).collect();
        return Err(failure);
    }
    if standings().any(|standing| matches!(standing, Standing::Drifted { .. })) {
        return Err(Failure::silent(Kind::Failed));
    }
    Ok(())
}

fn as_json(shown: &Shown) -> serde_json::Value {
    let host = |(name, (standing, inventory)): (&HostName, &(Standing, Option<Inventory>))| {
        let mut object = serde_json::to_value(standing).unwrap_or_default();
        if let (Some(object), Some(inventory)) = (object.as_object_mut(), inventory) {
            object.insert("deployment".to_owned(), json!(inventory.current));
            object.insert("units".to_owned(), json!(inventory.units));
            object.insert("facts".to_owned(), json!(inventory.facts));
        }
        (name.to_string(), object)
    };
    let hosts: serde_json::Map<_, _> = shown.hosts.iter().map(host).collect();
    json!({ "environment": shown.environment, "release": shown.release, "untested": shown.untested, "hosts": hosts })
}

fn as_text(shown: &Shown) -> String {
    let release = shown.release.as_ref().map_or_else(
        || "nothing deployed yet".to_owned(),
        |id| format!("release {id}"),
    );
    let mut text = format!("{}: {release}\n", shown.environment);
    if !shown.untested.is_empty() {
        let names: Vec<_> = shown.untested.iter().map(ServiceName::as_str).collect();
        text.push_str(&format!("untested: {}\n", names.join(", ")));
    }
    for (host, (standing, inventory)) in &shown.hosts {
        text.push_str(&format!("\n{host}  {}\n", word(standing)));
        match standing {
            Standing::Drifted { differences } => {
                differences
                    .iter()
                    .for_each(|difference| text.push_str(&format!("  ! {difference}\n")));
            }
            Standing::Unreachable { reason } => text.push_str(&format!("  ! {reason}\n")),
            Standing::Healthy | Standing::Empty => {}
        }
        if let Some(inventory) = inventory {
            text.push_str(&units(inventory));
        }
    }
    text
}

fn units(inventory: &Inventory) -> String {
    let services: Vec<_> = inventory
        .units
        .iter()
        .filter(|(_, state)| state.kind == Some(UnitKind::Service))
        .collect();
    if services.is_empty() {
        return String::new();
    }
    let mut table = Table::new("", &["UNIT", "STATE", "HEALTH", "IMAGE", "RESTARTS"]);
    for (unit, state) in services {
        let UnitState {
            active,
            sub,
            restarts,
            health,
            image,
            ..
        } = state;
        let health = match health {
            Some(Health::Healthy) => "healthy",
            Some(Health::Starting) => "starting",
            Some(Health::Unhealthy) => "unhealthy",
            None => "-",
        };
        let image = image.map_or_else(|| "-".to_owned(), |image| image.short());
        table.row([
            unit.to_string(),
            format!("{active} ({sub})"),
            health.to_owned(),
            image,
            restarts.to_string(),
        ]);
    }
    table.render()
}

fn word(standing: &Standing) -> &'static str {
    match standing {
        Standing::Healthy => "healthy",
        Standing::Empty => "empty",
        Standing::Drifted { .. } => "drifted",
        Standing::Unreachable { .. } => "unreachable",
    }
}
