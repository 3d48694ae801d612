//! On which engine each image is built, and how many builds run there at a time.

use std::collections::BTreeMap;

use super::Survey;
use crate::domain::name::ServiceName;
use crate::domain::plan::build::Step;
use crate::domain::plan::spread::{self, EngineIndex, Piece, Slot};
use crate::pipeline::Tools;

/// Where images are built.
#[derive(Debug)]
pub(super) struct Places {
    of: BTreeMap<ServiceName, EngineIndex>,
    engines: Vec<Slot>,
}

impl Places {
    /// Spreads what there is to build over the engines; `jobs` run on one that is not said more of.
    pub(super) fn spread(tools: &Tools, survey: &Survey, jobs: usize) -> Self {
        let engines = tools.fleet.slots(&survey.present, jobs);
        let of = spread::builds(survey.plan.steps.iter().map(Piece::from), &engines);
        Self { of, engines }
    }

    /// Returns the engine of an image.
    pub(super) fn of(&self, step: &Step) -> EngineIndex {
        self.of[&step.image.services[0]]
    }

    /// Returns how many builds run on the engine of an image at a time.
    pub(super) fn jobs(&self, step: &Step) -> usize {
        self.engines[self.of(step)].jobs
    }
}
