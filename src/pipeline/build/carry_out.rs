//! Carrying a build plan out: as many builds at a time as allowed, each as soon as what it is made from is there.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::bases::{Bases, Pins};
use super::error::chain;
use super::imports::Imports;
use super::places::Places;
use super::{BuildError, Survey};
use crate::domain::definition::dockerfile::{Outside, pinned, syntax};
use crate::domain::event::{Outcome, Work};
use crate::domain::ledger::{BuildRecord, ImageIdentity};
use crate::domain::name::ServiceName;
use crate::domain::plan::build::{Decision, Step, Wanted, urgency};
use crate::domain::plan::spread::EngineIndex;
use crate::pipeline::Tools;
use crate::system::clock;
use crate::system::engine::{BuildSpec, EngineError, Told};

type Images = BTreeMap<ServiceName, ImageIdentity>;

/// What all builds have in common.
#[derive(Clone, Copy)]
pub(super) struct Around<'a> {
    pub(super) tools: &'a Tools,
    pub(super) survey: &'a Survey,
    pub(super) places: &'a Places,
    pub(super) imports: &'a Imports,
    pub(super) no_cache: bool,
}

/// Carries the plan out. The first failure ends what is under way.
pub(super) async fn carry_out(around: Around<'_>) -> Result<Images, BuildError> {
    let Around {
        tools,
        survey,
        places,
        ..
    } = around;
    let urgency = urgency(&survey.plan, &survey.took);
    let mut waiting: Vec<&Step> = survey.plan.steps.iter().collect();
    tools.events.ahead(waiting.iter().map(|step| Work::Build {
        service: step.image.services[0].clone(),
    }));
    // The most urgent first; of equals the one that the plan has first.
    waiting.sort_by_key(|step| Reverse(urgency.get(&step.image.services[0])));
    let mut busy: BTreeMap<EngineIndex, usize> = BTreeMap::new();
    let mut running = FuturesUnordered::new();
    let mut images = Images::new();
    loop {
        let may_start = |step: &&Step, images: &Images, busy: &BTreeMap<EngineIndex, usize>| {
            let there = busy.get(&places.of(step)).copied().unwrap_or_default();
            let mut parents = step.image.parents.values();
            there < places.jobs(step) && parents.all(|name| images.contains_key(name))
        };
        while let Some(at) = waiting
            .iter()
            .position(|step| may_start(step, &images, &busy))
        {
            let step = waiting.remove(at);
            *busy.entry(places.of(step)).or_default() += 1;
            let parents = step.image.parents.iter();
            let parents = parents.map(|(base, name)| (base.clone(), images[name].clone()));
            running.push(image(around, step, parents.collect()));
        }
        // Nothing runs only if nothing waits: the plan has no circles.
        let Some(done) = running.next().await else {
            return Ok(images);
        };
        let (step, identity) = done?;
        *busy.entry(places.of(step)).or_default() -= 1;
        let services = step.image.services.iter();
        images.extend(services.map(|service| (service.clone(), identity.clone())));
    }
}

async fn image<'s>(
    around: Around<'_>,
    step: &'s Step,
    parents: Bases,
) -> Result<(&'s Step, ImageIdentity), BuildError> {
    // Everything of this build happens on its own engine.
    let tools = &around.tools.on(around.places.of(step));
    let around = Around { tools, ..around };
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
                around,
                step,
                parents: &parents,
                service: &service,
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
    around: Around<'b>,
    step: &'b Step,
    parents: &'b Bases,
    service: &'b ServiceName,
}

impl Building<'_> {
    async fn build(&self, tell: impl FnMut(Told<'_>)) -> Result<ImageIdentity, BuildError> {
        let Around {
            tools,
            survey,
            imports,
            no_cache,
            ..
        } = self.around;
        let begun = clock::instant();
        let Wanted { build, tags, .. } = &self.step.image;
        let context = &survey.contexts[self.service];
        let mut pins = Pins::of(tools, &self.step.image, self.parents).await?;
        for (name, files) in &context.folders {
            pins.folder(name, imports.take(tools, files).await?);
        }
        let outside = Outside {
            args: &build.args,
            contexts: &build.contexts.keys().cloned().collect(),
        };
        let text = pinned(&context.dockerfile_text, outside, |base| {
            pins.pin(build, base)
        });
        let known_as = pins.known_as();
        let spec = BuildSpec {
            tags,
            dockerfile: context.dockerfile.display().to_string(),
            build,
            root: tools.checkout.root(),
            known_as: &known_as,
            no_cache,
        };
        let built = tools.engine.build(&spec, context.stream(text), tell);
        let built = match built.await {
            Ok(built) => built,
            Err(source) => return Err(self.failed(source).await),
        };
        self.record(&built.identity, begun.elapsed()).await?;
        Ok(built.identity)
    }

    /// Says whose fault a failure is: the build's, or an engine's that went away.
    async fn failed(&self, source: EngineError) -> BuildError {
        let service = self.service.clone();
        let Around { tools, survey, .. } = self.around;
        if tools.engine.answers().await {
            let context = &survey.contexts[self.service];
            return BuildError::Build {
                service,
                syntax: syntax(&context.dockerfile_text).map(str::to_owned),
                source,
            };
        }
        BuildError::EngineGone {
            service,
            address: tools.engine.address().to_owned(),
            source,
        }
    }

    async fn record(&self, identity: &ImageIdentity, took: Duration) -> Result<(), BuildError> {
        let image = &self.step.image;
        let tools = self.around.tools;
        for service in &image.services {
            let record = BuildRecord {
                service: service.clone(),
                fingerprint: image.fingerprint,
                ingredients: image.ingredients.clone(),
                identity: identity.clone(),
                provenance: tools.provenance.clone(),
                at: clock::now(),
                elapsed_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            };
            tools.ledger.append_build(&record).await?;
        }
        Ok(())
    }
}
