//! Carrying a build plan out: as many builds at a time as allowed, each as soon as what it is made from is there.

use std::collections::BTreeMap;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::error::chain;
use super::{BuildError, BuildRequest, Survey};
use crate::domain::event::{Outcome, Work};
use crate::domain::ledger::{BuildRecord, ImageIdentity};
use crate::domain::name::ServiceName;
use crate::domain::plan::build::{Decision, Step};
use crate::pipeline::Tools;
use crate::system::clock;
use crate::system::engine::BuildSpec;

type Images = BTreeMap<ServiceName, ImageIdentity>;
/// What each base is expected to be, by reference.
type Bases = BTreeMap<String, ImageIdentity>;

/// Carries the plan out. The first failure ends what is under way.
pub(super) async fn carry_out(
    tools: &Tools,
    survey: &Survey,
    request: &BuildRequest,
) -> Result<Images, BuildError> {
    let mut waiting: Vec<&Step> = survey.plan.steps.iter().collect();
    let mut running = FuturesUnordered::new();
    let mut images = Images::new();
    loop {
        let may_start = |step: &&Step, images: &Images| {
            step.image
                .parents
                .values()
                .all(|name| images.contains_key(name))
        };
        while running.len() < request.jobs.max(1) {
            let Some(at) = waiting.iter().position(|step| may_start(step, &images)) else {
                break;
            };
            let step = waiting.remove(at);
            let parents = step.image.parents.iter();
            let parents = parents.map(|(base, name)| (base.clone(), images[name].clone()));
            running.push(image(
                tools,
                survey,
                step,
                parents.collect(),
                request.no_cache,
            ));
        }
        // Nothing runs only if nothing waits: the plan has no circles.
        let Some(done) = running.next().await else {
            return Ok(images);
        };
        let (step, identity) = done?;
        let services = step.image.services.iter();
        images.extend(services.map(|service| (service.clone(), identity.clone())));
    }
}

async fn image<'s>(
    tools: &Tools,
    survey: &Survey,
    step: &'s Step,
    parents: Bases,
    no_cache: bool,
) -> Result<(&'s Step, ImageIdentity), BuildError> {
    let service = step.image.services[0].clone();
    let running = tools.events.start(Work::Build {
        service: service.clone(),
    });
    let result = match &step.decision {
        Decision::Keep(identity) => {
            name(tools, step, identity).await?;
            running.end(Outcome::Unchanged {
                reason: format!("{} is up to date", identity.config.short()),
            });
            return Ok((step, identity.clone()));
        }
        Decision::Build(reason) => {
            running.phase(format!("building: {reason}"));
            let building = Building {
                tools,
                survey,
                step,
                parents: &parents,
                service: &service,
                no_cache,
            };
            building.build(|line| running.log(line)).await
        }
    };
    match result {
        Ok(identity) => {
            running.end(Outcome::done(identity.config.short()));
            Ok((step, identity))
        }
        Err(error) => {
            running.end(Outcome::Failed {
                reason: chain(&error),
            });
            Err(error)
        }
    }
}

/// Gives an image that is kept its names again, if they went to another one meanwhile.
async fn name(tools: &Tools, step: &Step, identity: &ImageIdentity) -> Result<(), BuildError> {
    for tag in &step.image.tags {
        let named = tools.engine.image(tag).await?;
        if named.is_some_and(|image| image.identity == *identity) {
            continue;
        }
        if let Some(image) = tools.engine.find(identity, tag).await? {
            tools.engine.tag(&image.id, tag).await?;
        }
    }
    Ok(())
}

struct Building<'b> {
    tools: &'b Tools,
    survey: &'b Survey,
    step: &'b Step,
    parents: &'b Bases,
    service: &'b ServiceName,
    no_cache: bool,
}

impl Building<'_> {
    async fn build(&self, tell: impl FnMut(&str)) -> Result<ImageIdentity, BuildError> {
        let image = &self.step.image;
        let context = &self.survey.contexts[self.service];
        let dockerfile = context.dockerfile.path.display().to_string();
        let spec = BuildSpec {
            tags: &image.tags,
            dockerfile,
            args: &image.build.args,
            target: image.build.target.as_deref(),
            no_cache: self.no_cache,
        };
        self.bases_are_as_planned().await?;
        let built = self.tools.engine.build(&spec, context.stream(), tell).await;
        let built = built.map_err(|source| BuildError::Build {
            service: self.service.clone(),
            syntax: context.syntax.clone(),
            source,
        })?;
        // The builder finds bases by name. If a name moved meanwhile, nobody knows which image it used.
        self.bases_are_as_planned().await?;
        self.record(&built.identity).await?;
        Ok(built.identity)
    }

    async fn bases_are_as_planned(&self) -> Result<(), BuildError> {
        let image = &self.step.image;
        for (base, identity) in self.parents.iter().chain(&image.bases) {
            let found = self.tools.engine.image(base).await?;
            if found.is_none_or(|found| found.identity != *identity) {
                return Err(BuildError::BaseMoved {
                    base: base.clone(),
                    service: self.service.clone(),
                });
            }
        }
        Ok(())
    }

    async fn record(&self, identity: &ImageIdentity) -> Result<(), BuildError> {
        let image = &self.step.image;
        for service in &image.services {
            let record = BuildRecord {
                service: service.clone(),
                fingerprint: image.fingerprint,
                ingredients: image.ingredients.clone(),
                identity: identity.clone(),
                provenance: self.tools.provenance.clone(),
                at: clock::now(),
            };
            self.tools.ledger.append_build(&record).await?;
        }
        Ok(())
    }
}
