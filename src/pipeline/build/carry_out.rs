//! Carrying a build plan out: as many builds at a time as allowed, each as soon as what it is made from is there.

use std::collections::BTreeMap;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::error::chain;
use super::{BuildError, BuildRequest, Survey};
use crate::domain::definition::dockerfile;
use crate::domain::event::{Outcome, Work};
use crate::domain::ledger::{BuildRecord, ImageIdentity};
use crate::domain::name::ServiceName;
use crate::domain::plan::build::{Decision, Step};
use crate::pipeline::Tools;
use crate::system::clock;
use crate::system::engine::{BuildSpec, Told};

/// The repository under which bases are found by their identity.
const PINNED: &str = "longshore.local/base";

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
    tools.events.ahead(waiting.iter().map(|step| Work::Build {
        service: step.image.services[0].clone(),
    }));
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
            building
                .build(|told| match told {
                    Told::Line(line) => running.log(line),
                    Told::Steps(steps) => running.steps(steps),
                })
                .await
        }
    };
    match result {
        Ok(identity) => {
            running.end(Outcome::done(identity.config.short()));
            Ok((step, identity))
        }
        Err(error) => {
            running.end(Outcome::Failed {
                reason: chain(error.within(&service)),
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
    async fn build(&self, tell: impl FnMut(Told<'_>)) -> Result<ImageIdentity, BuildError> {
        let image = &self.step.image;
        let context = &self.survey.contexts[self.service];
        let pins = self.pin_bases().await?;
        let pin = |reference: &str| pins.get(reference).cloned();
        let text = dockerfile::pinned(&context.dockerfile_text, &image.build.args, pin);
        let known_as = pins.into_iter().map(|(base, pin)| (pin, base)).collect();
        let spec = BuildSpec {
            tags: &image.tags,
            dockerfile: context.dockerfile.display().to_string(),
            args: &image.build.args,
            target: image.build.target.as_deref(),
            labels: &image.build.labels,
            known_as: &known_as,
            no_cache: self.no_cache,
        };
        let built = self.tools.engine.build(&spec, context.stream(text), tell);
        let built = built.await.map_err(|source| BuildError::Build {
            service: self.service.clone(),
            syntax: context.syntax.clone(),
            source,
        })?;
        self.record(&built.identity).await?;
        Ok(built.identity)
    }

    /// Gives each base a name of its identity, by which the build finds exactly it: the name in the Dockerfile may go to
    /// another image at any time, by a pull or another checkout's build.
    async fn pin_bases(&self) -> Result<BTreeMap<String, String>, BuildError> {
        let mut pins = BTreeMap::new();
        for (base, identity) in self.parents.iter().chain(&self.step.image.bases) {
            let pin = format!("{PINNED}:{}", identity.config.hex());
            let found = match self.tools.engine.find(identity, &pin).await? {
                Some(found) => Some(found),
                None => self.tools.engine.find(identity, base).await?,
            };
            let found = found.ok_or_else(|| BuildError::BaseGone {
                base: base.clone(),
                service: self.service.clone(),
            })?;
            if !found.tags.contains(&pin) {
                self.tools.engine.tag(&found.id, &pin).await?;
            }
            pins.insert(base.clone(), pin);
        }
        Ok(pins)
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
