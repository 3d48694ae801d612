//! What the reducer's commands do on a host.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::time::Duration;

use super::carry_out::renewal;
use super::error::RolloutError;
use super::gate;
use super::job::{Job, KEEP};
use super::link::Link;
use super::verbs::{self, SWITCH_PATIENCE};
use super::{fitness, lock};
use crate::domain::invocation::answer::{Progress, StepState, progress};
use crate::domain::invocation::archive;
use crate::domain::invocation::container::{OTHER_IMAGE, pull};
use crate::domain::invocation::switch::{self, Apply, BackTo};
use crate::domain::name::{DeploymentId, Digest, HostName, ServiceName};
use crate::domain::plan::reducer::Command;
use crate::pipeline::Running;
use crate::system::ssh::Exit;

/// How long an image may take on its way.
const SHIP_PATIENCE: Duration = Duration::from_secs(60 * 60);

/// How long is waited before a host that could not be reached on the way back is tried once more.
const SECOND_TRY: Duration = Duration::from_secs(2);

/// Does what a command says.
pub(super) async fn step(
    job: &Job,
    command: &Command,
    running: Option<&Running>,
) -> Result<(), RolloutError> {
    match command {
        Command::Preflight { host } => fitness::check(job, host).await,
        Command::Ship { host, service } => ship(job, host, service).await,
        Command::Stage { host } => stage(job, host).await,
        Command::Apply {
            host,
            token,
            guard_seconds,
        } => {
            apply(
                job,
                host,
                *token,
                Duration::from_secs(*guard_seconds),
                running,
            )
            .await
        }
        Command::Gate { host, token } => gate::watch(job, host, *token, running).await,
        Command::Confirm { host, token } => confirm(job, host, *token).await,
        Command::Revert { host, token, to } => {
            revert(job, host, *token, to.as_ref(), running).await
        }
        Command::Prune { host } => prune(job, host).await,
        Command::Unlock => lock::give_back(job, job.token()).await,
        Command::Lock | Command::Cancel | Command::Finish { .. } => Ok(()),
    }
}

async fn ship(job: &Job, host: &HostName, service: &ServiceName) -> Result<(), RolloutError> {
    let (registry, port) = job.registry_port(host).await?;
    let failed = |reason: String| RolloutError::Ship {
        host: host.clone(),
        service: service.clone(),
        reason,
    };
    let image = job
        .trees
        .get(host)
        .and_then(|tree| tree.images.get(service));
    let (image, from) = image
        .zip(registry.reference(service, port))
        .ok_or_else(|| failed("the deployment does not name it".to_owned()))?;
    let link = job.link(host)?;
    let done = link
        .run(pull(&from, service, image), SHIP_PATIENCE, &mut |_| {})
        .await;
    let done = done.map_err(|source| RolloutError::Lost {
        host: host.clone(),
        what: "pull an image",
        source,
    })?;
    match done.exit {
        Exit::Code(0) => Ok(()),
        Exit::Code(OTHER_IMAGE) => Err(RolloutError::OtherImage {
            host: host.clone(),
            service: service.clone(),
            got: done.stdout.trim().to_owned(),
        }),
        exit @ (Exit::Code(_) | Exit::Signal(_)) => {
            let said = done
                .stderr
                .lines()
                .rfind(|line| !line.trim().is_empty())
                .unwrap_or_default();
            Err(failed(format!("{exit}: {said}")))
        }
    }
}

async fn stage(job: &Job, host: &HostName) -> Result<(), RolloutError> {
    let Some(tree) = job.trees.get(host) else {
        return Ok(());
    };
    let present: BTreeSet<Digest> = job
        .fleet
        .hosts
        .get(host)
        .map(|inventory| inventory.assets.clone())
        .unwrap_or_default();
    let missing = tree
        .assets
        .iter()
        .filter(|(name, _)| !present.contains(name));
    let mut contents = BTreeMap::new();
    for asset in missing.flat_map(|(_, files)| files.values()) {
        let bytes = job.blobs.read(&asset.digest)?;
        contents.insert(asset.digest, bytes);
    }
    let tar = archive(tree, &contents, &present);
    let tar = tar.map_err(|source| RolloutError::Archive {
        host: host.clone(),
        source,
    })?;
    verbs::ask(
        job.link(host)?,
        switch::stage(&job.scope, &tree.id(), tar),
        "keep the deployment",
    )
    .await
    .map(|_| ())
}

async fn apply(
    job: &Job,
    host: &HostName,
    token: u64,
    guard: Duration,
    running: Option<&Running>,
) -> Result<(), RolloutError> {
    let link = job.link(host)?;
    let deployment = deployment(job, host)?;
    let apply = switch::apply(&Apply {
        scope: &job.scope,
        deployment: &deployment,
        token,
        guard,
        actor: &job.actor,
        adopt: job.plan.adopt,
    });
    let mut voice = Voice::new(running);
    let mut hear = |line: &str| voice.hear(line);
    let switching = verbs::work(link, apply, "switch", SWITCH_PATIENCE, &mut hear);
    let renewing = async {
        // While services start nobody else holds the guard off. Until it is armed there is nothing to renew.
        loop {
            renewal(guard).await;
            let _ = verbs::status(link, &job.scope, Some((guard, token))).await;
        }
    };
    let result = tokio::select! {
        result = switching => result,
        never = renewing => { let never: Infallible = never; match never {} }
    };
    voice.last_words(job, host);
    result.map(|_| ())
}

async fn confirm(job: &Job, host: &HostName, token: u64) -> Result<(), RolloutError> {
    let deployment = deployment(job, host)?;
    let anew = job
        .link(host)?
        .again()
        .await
        .map_err(RolloutError::reach(host))?;
    let confirm = switch::confirm(&job.scope, &deployment, token, &job.actor);
    verbs::ask(&anew, confirm, "confirm the deployment")
        .await
        .map(|_| ())
}

async fn revert(
    job: &Job,
    host: &HostName,
    token: u64,
    to: Option<&DeploymentId>,
    running: Option<&Running>,
) -> Result<(), RolloutError> {
    let link = reconnect(job.link(host)?).await?;
    let to = to.map_or(BackTo::Nothing, BackTo::Deployment);
    let mut voice = Voice::new(running);
    let mut hear = |line: &str| voice.hear(line);
    let back = switch::revert(&job.scope, to, token, &job.actor);
    let result = verbs::work(&link, back, "go back", SWITCH_PATIENCE, &mut hear).await;
    voice.last_words(job, host);
    result.map(|_| ())
}

/// Connects anew, since what failed may have been the connection.
async fn reconnect(link: &Link) -> Result<Link, RolloutError> {
    if let Ok(link) = link.again().await {
        return Ok(link);
    }
    tokio::time::sleep(SECOND_TRY).await;
    link.again().await.map_err(RolloutError::reach(link.name()))
}

async fn prune(job: &Job, host: &HostName) -> Result<(), RolloutError> {
    let prune = switch::prune(&job.scope, job.token(), KEEP);
    verbs::ask(job.link(host)?, prune, "remove old deployments")
        .await
        .map(|_| ())
}

/// Returns the deployment that a host is to run.
fn deployment(job: &Job, host: &HostName) -> Result<DeploymentId, RolloutError> {
    let planned = job.plan.hosts.get(host).and_then(|plan| plan.to.clone());
    planned.ok_or_else(|| RolloutError::NotPlanned { host: host.clone() })
}

/// Passes on what a host tells, and keeps what failing containers said last.
struct Voice<'a> {
    running: Option<&'a Running>,
    said: BTreeMap<String, Vec<String>>,
}

impl<'a> Voice<'a> {
    fn new(running: Option<&'a Running>) -> Self {
        Self {
            running,
            said: BTreeMap::new(),
        }
    }

    fn hear(&mut self, line: &str) {
        match progress(line) {
            Some(Progress::Step {
                what,
                subject,
                state: StepState::Started,
            }) => {
                if let Some(running) = self.running {
                    running.phase(format!("{what} {subject}"));
                }
            }
            Some(Progress::Log { unit, line }) => {
                if let Some(running) = self.running {
                    running.log(format!("{unit}: {line}"));
                }
                self.said.entry(unit).or_default().push(line);
            }
            Some(Progress::Step { .. }) | None => {}
        }
    }

    fn last_words(self, job: &Job, host: &HostName) {
        for (unit, lines) in self.said {
            job.events.note(format!(
                "{host}: the last lines of {unit}:\n    {}",
                lines.join("\n    ")
            ));
        }
    }
}
