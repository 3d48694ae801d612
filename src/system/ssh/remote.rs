//! The seam between stages and hosts: what a stage asks of a host, as a trait that a recording transport also fulfils.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use super::error::SshError;
use crate::domain::invocation::Invocation;
use crate::domain::name::HostName;

/// A host that runs commands.
pub trait Remote: Send + Sync {
    /// Returns the host's name.
    fn host(&self) -> &HostName;

    /// Runs a command to its end and tells each line that it prints as it comes. Dropping the future closes the
    /// command's channel; what runs on the host is not killed by it.
    fn run<'a>(
        &'a self,
        request: Request,
        on_line: OnLine<'a>,
    ) -> Pin<Box<dyn Future<Output = Result<Completed, SshError>> + Send + 'a>>;
}

/// What is called with each line that a command prints, without its end.
pub type OnLine<'a> = &'a mut (dyn FnMut(LineOf, &str) + Send);

/// Which of its outputs a command printed a line to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineOf {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// A command to be run, as whom, and how long it may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The command.
    pub invocation: Invocation,
    /// Whether it is run as root: by `sudo -n` unless root is who logged in.
    pub as_root: bool,
    /// How long it may take; a minute unless said.
    pub patience: Duration,
}

impl Request {
    /// Asks for a command as whoever logged in.
    #[must_use]
    pub fn new(invocation: Invocation) -> Self {
        Self {
            invocation,
            as_root: false,
            patience: Duration::from_secs(60),
        }
    }

    /// Asks for it as root.
    #[must_use]
    pub fn as_root(self) -> Self {
        Self {
            as_root: true,
            ..self
        }
    }

    /// Gives it so long.
    #[must_use]
    pub fn within(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }
}

/// A command that came to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completed {
    /// How.
    pub exit: Exit,
    /// What it printed to standard output; what is not UTF-8 is replaced.
    pub stdout: String,
    /// What it printed to standard error; what is not UTF-8 is replaced.
    pub stderr: String,
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this code.
    Code(i32),
    /// By a signal, named without `SIG`.
    Signal(String),
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(signal) => write!(f, "signal {signal}"),
        }
    }
}
