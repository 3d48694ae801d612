//! What every command has at hand.

use std::path::PathBuf;

use tokio_util::sync::CancellationToken;

use super::args::{DefinitionOptions, GlobalOptions};
use super::failure::Failure;
use super::output::Output;
use super::reporter::Reporter;
use crate::domain::definition::{self, Problem};
use crate::domain::failure::Kind;
use crate::pipeline::Events;
use crate::pipeline::project::Project;
use crate::pipeline::read::{Read, ReadRequest, read};
use crate::system::environment;

/// What every command has at hand.
#[derive(Debug)]
pub struct Context {
    /// Which definition is meant.
    pub definition: DefinitionOptions,
    /// Where the record is kept, if not in the default place.
    pub ledger: Option<String>,
    /// How longshore speaks.
    pub output: Output,
    /// Interruption by the user.
    pub interrupt: Interrupt,
}

/// Interruption by the user: the first signal asks for an orderly end, the second one for a quick one.
#[derive(Debug, Clone, Default)]
pub struct Interrupt {
    /// Cancelled by the first SIGINT or SIGTERM.
    pub first: CancellationToken,
    /// Cancelled by the second.
    pub second: CancellationToken,
}

impl Context {
    /// Gathers what the arguments say.
    #[must_use]
    pub fn new(definition: DefinitionOptions, global: GlobalOptions, interrupt: Interrupt) -> Self {
        let output = Output::new(&global);
        Self {
            definition,
            ledger: global.ledger,
            output,
            interrupt,
        }
    }

    /// Returns the folder that longshore works in.
    #[must_use]
    pub fn directory(&self) -> PathBuf {
        self.definition
            .directory
            .clone()
            .unwrap_or_else(|| PathBuf::from("."))
    }

    /// Reads the definition that the options before the command mean.
    ///
    /// # Errors
    ///
    /// If there is none, or it is wrong.
    pub fn read(&self) -> Result<Read, Failure> {
        let request = ReadRequest {
            directory: self.directory(),
            files: self.definition.file.clone(),
            env_files: self.definition.env_file.clone(),
            variables: environment::variables(),
        };
        Ok(read(&request)?)
    }

    /// Reads the definition and opens its record.
    ///
    /// # Errors
    ///
    /// If the definition is wrong, the tree cannot be read, or the ledger cannot be used.
    pub async fn project(&self) -> Result<Project, Failure> {
        let read = self.read()?;
        self.warn_of(&read.resolved.warnings);
        Ok(Project::open(read, self.ledger.as_deref()).await?)
    }

    /// Tells warnings of the definition, with their source lines.
    pub fn warn_of(&self, warnings: &[Problem]) {
        if !warnings.is_empty() {
            self.output
                .tell(definition::report(warnings, self.output.colour_err));
        }
    }

    /// Runs long work with its events shown as they come. In JSON form a closing event follows (see `start`).
    ///
    /// # Errors
    ///
    /// What the work returns.
    pub async fn show<T, W>(&self, work: impl FnOnce(Events) -> W) -> Result<T, Failure>
    where
        W: Future<Output = Result<T, Failure>>,
    {
        let (events, listener) = Events::channel();
        let reporter = tokio::spawn(Reporter::new(self.output).run(listener));
        let result = work(events).await;
        if reporter.await.is_err() {
            return Err(Failure::new(Kind::Bug, "the reporter ended early"));
        }
        result
    }
}
