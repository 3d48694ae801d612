//! Which test runs on which engine, and when it is its turn there.

use std::collections::{BTreeMap, BTreeSet};

use tokio::sync::{Semaphore, SemaphorePermit};

use super::TestError;
use crate::domain::cluster::Cluster;
use crate::domain::ledger::ImageIdentity;
use crate::domain::name::{Digest, TestName};
use crate::domain::plan::build::known_as;
use crate::domain::plan::spread::{self, EngineIndex};
use crate::domain::plan::test::{Decision, Plan, Step};
use crate::pipeline::Tools;

/// Where each test runs.
pub(super) struct Spread {
    places: BTreeMap<TestName, EngineIndex>,
    /// How much may still be begun on each engine.
    turns: Vec<Semaphore>,
}

impl Spread {
    /// Decides it; a single engine is asked nothing.
    pub(super) async fn of(
        tools: &Tools,
        cluster: &Cluster,
        plan: &Plan,
        jobs: usize,
    ) -> Result<Self, TestError> {
        let run: Vec<&Step> = plan
            .steps
            .iter()
            .filter(|step| matches!(step.decision, Decision::Run(_)))
            .collect();
        let present = if tools.fleet.several() {
            let images: Vec<(ImageIdentity, String)> = run
                .iter()
                .flat_map(|step| &step.wanted.images)
                .map(|(service, image)| (image.clone(), known_as(cluster, service)))
                .collect();
            tools.fleet.present(&images).await
        } else {
            Ok(Vec::new())
        };
        let present = present.map_err(TestError::Spread)?;
        let engines = tools.fleet.slots(&present, jobs);
        let images: Vec<BTreeSet<Digest>> = run
            .iter()
            .map(|step| {
                let images = step.wanted.images.values();
                images.map(|image| image.config).collect()
            })
            .collect();
        let names = run.iter().map(|step| step.wanted.test.clone());
        let turns = engines.iter().map(|engine| Semaphore::new(engine.jobs));
        Ok(Self {
            places: names.zip(spread::tests(&images, &engines)).collect(),
            turns: turns.collect(),
        })
    }

    /// Waits until an engine has room for a test, and returns the tools for work there.
    pub(super) async fn turn<'s>(
        &'s self,
        tools: &Tools,
        step: &Step,
    ) -> (Tools, Option<SemaphorePermit<'s>>) {
        let Some(place) = self.places.get(&step.wanted.test) else {
            // One that is green already takes no room.
            return (tools.clone(), None);
        };
        let turn = tokio::select! {
            biased;
            // A test that is not begun any more says so itself.
            () = tools.interrupt.cancelled() => None,
            turn = self.turns[*place].acquire() => turn.ok(),
        };
        (tools.on(*place), turn)
    }
}
