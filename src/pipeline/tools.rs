//! What the stages that build and test work with.

use std::path::PathBuf;

use tokio_util::sync::CancellationToken;

use super::Events;
use super::fleet::Fleet;
use super::project::Project;
use super::secrets::Secrets;
use crate::domain::ledger::Provenance;
use crate::domain::plan::spread::EngineIndex;
use crate::system::checkout::Checkout;
use crate::system::engine::{Engine, Run};
use crate::system::store::Ledger;

/// What the stages that build and test work with.
#[derive(Debug, Clone)]
pub struct Tools {
    /// Where images are built and containers run: the first of the fleet, or the one that a piece of work was given.
    pub engine: Engine,
    /// All engines.
    pub fleet: Fleet,
    /// The repository.
    pub checkout: Checkout,
    /// From which tree everything comes.
    pub provenance: Provenance,
    /// The record.
    pub ledger: Ledger,
    /// The folder that logs are kept in.
    pub logs: PathBuf,
    /// This run, whose labels everything carries that is made on the engine.
    pub run: Run,
    /// The values of the cluster's secrets.
    pub secrets: Secrets,
    /// Where they tell what happens.
    pub events: Events,
    /// Asks for an orderly end.
    pub interrupt: CancellationToken,
}

impl Tools {
    /// Begins a run on a project.
    #[must_use]
    pub fn new(
        project: &Project,
        fleet: Fleet,
        events: Events,
        interrupt: CancellationToken,
    ) -> Self {
        let run = Run::begin(&project.cluster.name, fleet.first().now());
        Self {
            engine: fleet.first().clone(),
            fleet,
            checkout: project.checkout.clone(),
            provenance: project.provenance.clone(),
            ledger: project.ledger.clone(),
            logs: project.logs.clone(),
            run,
            events: events.masking(project.secrets.masker()),
            secrets: project.secrets.clone(),
            interrupt,
        }
    }

    /// Returns them for work on one of the engines.
    #[must_use]
    pub fn on(&self, at: EngineIndex) -> Self {
        Self {
            engine: self.fleet.engine(at).clone(),
            ..self.clone()
        }
    }
}
