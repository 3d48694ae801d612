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
use crate::pipeline::build::fetch;
use crate::pipeline::project::Project;
use crate::pipeline::read::{Read, ReadRequest, read};
use crate::system::environment;

/// What every command has at hand.
#[derive(Debug, Clone)]
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

    /// Returns the context of a query, which gives a program one object, whatever work it takes.
    #[must_use]
    pub fn query(&self) -> Self {
        let output = Output {
            one_object: true,
            ..self.output
        };
        Self {
            output,
            ..self.clone()
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
        Ok(read(&self.request())?)
    }

    /// Returns what is to be read.
    #[must_use]
    pub fn request(&self) -> ReadRequest {
        ReadRequest {
            directory: self.directory(),
            files: self.definition.file.clone(),
            env_files: self.definition.env_file.clone(),
            variables: environment::variables(),
            ask: self.output.ask_for_values(),
        }
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

    /// Reads the definition, opens its record, and fetches what is built from other repositories.
    ///
    /// # Errors
    ///
    /// If the definition is wrong, the tree cannot be read, the ledger cannot be used, or a repository is not to be had.
    pub async fn sources(&self) -> Result<Project, Failure> {
        let mut project = self.project().await?;
        if project.cluster.remotes().next().is_some() {
            let cluster = &mut project.cluster;
            let fetched =
                self.show(async |events| self.unless_interrupted(fetch(&events, cluster)).await);
            fetched.await?;
        }
        Ok(project)
    }

    /// Does work that changes nothing, so that an interruption may end it anywhere.
    ///
    /// # Errors
    ///
    /// What the work returns, or that it was interrupted.
    pub async fn unless_interrupted<T, E>(
        &self,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Failure>
    where
        Failure: From<E>,
    {
        tokio::select! {
            result = work => Ok(result?),
            () = self.interrupt.first.cancelled() => Err(Failure::interrupted()),
        }
    }

    /// Asks a question on the terminal. None without a terminal: then `--yes` is needed.
    ///
    /// # Errors
    ///
    /// If it is interrupted instead of answered.
    pub async fn ask(&self, question: &'static str) -> Result<Option<bool>, Failure> {
        let output = self.output;
        // The thread that reads stays behind when interrupted; the process ends without waiting for it.
        let answer = tokio::task::spawn_blocking(move || output.ask(question));
        tokio::select! {
            answer = answer => {
                answer.map_err(|_| Failure::new(Kind::Bug, "the question ended early"))
            }
            () = self.interrupt.first.cancelled() => {
                output.tell("");
                Err(Failure::interrupted())
            }
        }
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
        let reporter = Reporter::new(self.output).start(listener);
        let result = work(events).await;
        if reporter.await.is_err() {
            return Err(Failure::new(Kind::Bug, "the reporter ended early"));
        }
        result
    }
}
