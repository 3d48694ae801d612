//! From a release, or a deployment that hosts kept, to a plan that can be carried out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use tokio::sync::{Mutex, OnceCell};

use super::carry_out::{Stops, carry_out};
use super::error::RolloutError;
use super::job::Job;
use super::survey::{Survey, survey};
use crate::domain::cluster::{Cluster, Environment, Host};
use crate::domain::ledger::{DeploymentRecord, Provenance, Release, Verdict};
use crate::domain::name::{DeploymentId, EnvironmentName, HostName, ReleaseId, TestName};
use crate::domain::plan::permit::{Asked, permit, vouchers};
use crate::domain::plan::placement::{Placed, placement};
use crate::domain::plan::reducer::Outcome;
use crate::domain::plan::rollout::{self, BackInput, Plan, PlanInput};
use crate::domain::unit::{self, RenderInput, Scope, Tree};
use crate::pipeline::Events;
use crate::pipeline::project::Project;
use crate::system::clock;

/// How many rollouts of the record are looked at for the way back.
const RECORDS: u32 = 200;

/// Where a rollout goes.
#[derive(Debug, Clone)]
pub struct Target {
    /// The environment.
    pub environment: EnvironmentName,
    /// Only hosts that fit this pattern.
    pub hosts: Option<String>,
    /// Whether foreign and hand-changed units are overwritten.
    pub adopt: bool,
}

/// A plan with all that it takes to carry it out.
#[derive(Debug)]
pub struct Prepared {
    /// What will be done.
    pub plan: Plan,
    /// Whether it goes back to something that hosts kept.
    back: bool,
    job: Job,
}

/// Surveys the hosts and plans a release for them.
///
/// # Errors
///
/// If a host does not answer, the release has no place, or its units cannot be rendered.
pub async fn prepare(
    project: &Project,
    release: &Release,
    target: &Target,
    events: &Events,
) -> Result<Prepared, RolloutError> {
    let environment = environment(&release.cluster, &target.environment)?;
    let mut records = Vec::new();
    for place in [Some(&target.environment), environment.from.as_ref()]
        .into_iter()
        .flatten()
    {
        records.extend(project.ledger.deployments(Some(place), RECORDS).await?);
    }
    permit(Asked {
        release,
        name: &target.environment,
        environment,
        records: &records,
        revoked: &revoked(project, release).await?,
    })?;
    let hosts = chosen(environment, target)?;
    let scope = scope(&release.cluster, target);
    let placed = placement(&target.environment, environment)?;
    let trees = trees(project, release, target, &placed)?;
    let survey = answered(survey(&hosts, &scope, events).await)?;
    let names: Vec<HostName> = hosts.iter().map(|host| host.name().clone()).collect();
    let plan = rollout::plan(&PlanInput {
        scope: &scope,
        release: &release.id,
        policy: &environment.rollout,
        hosts: &names,
        trees: &trees,
        fleet: &survey.fleet,
        adopt: target.adopt,
    })?;
    let instances = placed
        .into_iter()
        .map(|(host, instances)| (host, instances.into_iter().collect()))
        .collect();
    let job = Job {
        trees,
        instances,
        ..job(project, environment, survey, &plan)
    };
    Ok(Prepared {
        plan,
        back: false,
        job,
    })
}

/// Finds the tests that vouched for a release and have been red since, under the same fingerprint.
async fn revoked(project: &Project, release: &Release) -> Result<BTreeSet<TestName>, RolloutError> {
    let mut revoked = BTreeSet::new();
    for (test, fingerprint) in vouchers(release) {
        let latest = project.ledger.test(test, fingerprint).await?;
        if latest.is_some_and(|record| record.verdict == Verdict::Red) {
            revoked.insert(test.clone());
        }
    }
    Ok(revoked)
}

/// Surveys the hosts and plans the way back, for each to the healthy deployment before its current one, or to the one
/// named. It needs no release: the hosts have everything.
///
/// # Errors
///
/// If a host does not answer, or has nothing to go back to.
pub async fn prepare_back(
    project: &Project,
    target: &Target,
    to: Option<&ReleaseId>,
    events: &Events,
) -> Result<Prepared, RolloutError> {
    let environment = environment(&project.cluster, &target.environment)?;
    let hosts = chosen(environment, target)?;
    let scope = scope(&project.cluster, target);
    let survey = answered(survey(&hosts, &scope, events).await)?;
    let names: Vec<HostName> = hosts.iter().map(|host| host.name().clone()).collect();
    let records = project
        .ledger
        .deployments(Some(&target.environment), RECORDS)
        .await?;
    let plan = rollout::back(&BackInput {
        scope: &scope,
        policy: &environment.rollout,
        hosts: &names,
        fleet: &survey.fleet,
        records: &records,
        to,
    })?;
    let job = job(project, environment, survey, &plan);
    Ok(Prepared {
        plan,
        back: true,
        job,
    })
}

/// Checks that the tree knows an environment, before any work is done for it.
///
/// # Errors
///
/// If it does not.
pub fn known(project: &Project, name: &EnvironmentName) -> Result<(), RolloutError> {
    environment(&project.cluster, name).map(|_| ())
}

/// Asks every host of an environment what it runs.
///
/// # Errors
///
/// If there is no such environment. A host that does not answer is part of the answer.
pub async fn look(project: &Project, name: &EnvironmentName) -> Result<Survey, RolloutError> {
    let environment = environment(&project.cluster, name)?;
    let scope = Scope {
        cluster: project.cluster.name.clone(),
        environment: name.clone(),
    };
    Ok(survey(&environment.hosts, &scope, &Events::unheard()).await)
}

impl Prepared {
    /// Carries the plan out and records how it ended. A plan with nothing to do touches nothing, and records that the
    /// release is what runs if the ledger says another.
    ///
    /// # Errors
    ///
    /// If it may not be carried out, does not end healthy, or cannot be recorded.
    pub async fn carry_out(
        self,
        project: &Project,
        stops: &Stops,
        events: &Events,
    ) -> Result<(), RolloutError> {
        self.plan.permitted()?;
        let record = self.record(&project.provenance);
        let number = if self.plan.is_empty() && self.recorded_already(project, &record).await? {
            return Ok(());
        } else {
            project.ledger.begin_deployment(&record).await?
        };
        let end = if self.plan.is_empty() {
            Outcome::Healthy
        } else {
            carry_out(
                Arc::new(Job {
                    events: events.clone(),
                    ..self.job
                }),
                stops,
            )
            .await
        };
        project
            .ledger
            .end_deployment(number, &end.recorded())
            .await?;
        if end == Outcome::Healthy {
            Ok(())
        } else {
            Err(RolloutError::Ended(Box::new(end)))
        }
    }

    async fn recorded_already(
        &self,
        project: &Project,
        record: &DeploymentRecord,
    ) -> Result<bool, RolloutError> {
        let last = project
            .ledger
            .deployments(Some(&record.environment), 1)
            .await?;
        Ok(last
            .first()
            .is_some_and(|last| last.release == record.release && last.hosts == record.hosts))
    }

    fn record(&self, provenance: &Provenance) -> DeploymentRecord {
        let deployment =
            |(host, plan): (&HostName, &rollout::HostPlan)| Some((host.clone(), plan.to.clone()?));
        DeploymentRecord {
            environment: self.plan.scope.environment.clone(),
            release: self.plan.release.clone(),
            hosts: self
                .plan
                .hosts
                .iter()
                .filter_map(deployment)
                .collect::<BTreeMap<_, DeploymentId>>(),
            back: self.back,
            outcome: None,
            provenance: provenance.clone(),
            at: clock::now(),
        }
    }
}

fn job(project: &Project, environment: &Environment, survey: Survey, plan: &Plan) -> Job {
    let home = environment
        .hosts
        .iter()
        .map(Host::name)
        .min()
        .or_else(|| survey.links.keys().next());
    Job {
        scope: plan.scope.clone(),
        plan: plan.clone(),
        environment: environment.clone(),
        trees: BTreeMap::new(),
        instances: BTreeMap::new(),
        fleet: survey.fleet,
        home: home
            .cloned()
            .unwrap_or_else(|| "localhost".parse().expect("it is a host name")),
        links: survey.links,
        blobs: project.blobs.clone(),
        registry: OnceCell::new(),
        tunnels: Mutex::new(BTreeMap::new()),
        actor: project.provenance.actor.clone(),
        token: AtomicU64::new(0),
        events: Events::unheard(),
    }
}

fn environment<'c>(
    cluster: &'c Cluster,
    name: &EnvironmentName,
) -> Result<&'c Environment, RolloutError> {
    cluster
        .environments
        .get(name)
        .ok_or_else(|| RolloutError::NoEnvironment {
            environment: name.clone(),
            known: cluster.environments.keys().cloned().collect(),
        })
}

fn scope(cluster: &Cluster, target: &Target) -> Scope {
    Scope {
        cluster: cluster.name.clone(),
        environment: target.environment.clone(),
    }
}

fn chosen(environment: &Environment, target: &Target) -> Result<Vec<Host>, RolloutError> {
    let Some(pattern) = &target.hosts else {
        return Ok(environment.hosts.clone());
    };
    let matcher = wildmatch::WildMatch::new(pattern);
    let fits = |host: &&Host| matcher.matches(host.name().as_str());
    let hosts: Vec<_> = environment.hosts.iter().filter(fits).cloned().collect();
    if hosts.is_empty() {
        return Err(RolloutError::NoHosts {
            environment: target.environment.clone(),
            pattern: pattern.clone(),
        });
    }
    Ok(hosts)
}

fn trees(
    project: &Project,
    release: &Release,
    target: &Target,
    placed: &Placed,
) -> Result<BTreeMap<HostName, Tree>, RolloutError> {
    let tree = |(host, instances)| {
        let input = RenderInput {
            release,
            environment: &target.environment,
            host,
            instances,
            origin: &project.origin,
        };
        Ok((host.clone(), unit::render(&input)?))
    };
    placed.iter().map(tree).collect()
}

fn answered(mut survey: Survey) -> Result<Survey, RolloutError> {
    let failures = std::mem::take(&mut survey.failures);
    if failures.is_empty() {
        Ok(survey)
    } else {
        Err(RolloutError::Unreachable(failures))
    }
}
