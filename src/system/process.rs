//! Runs a program to its end and reads what it said, or beside us, so that it does not outlive us.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, ChildStderr, ChildStdin};

/// Why a program did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// It could not be started.
    #[error("failed to run {program}")]
    Start {
        /// The program.
        program: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It ended with another exit code than 0, or by a signal.
    #[error("{program} failed: {stderr}")]
    Failed {
        /// The program with its arguments.
        program: String,
        /// What it said on standard error, its end cut off.
        stderr: String,
    },
}

/// Runs a program in a folder and returns its standard output. It gets no input and speaks no other language.
///
/// # Errors
///
/// If it cannot be started or fails.
pub fn output<S: AsRef<OsStr>>(
    program: &str,
    arguments: impl IntoIterator<Item = S>,
    folder: &Path,
) -> Result<Vec<u8>, ProcessError> {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(folder)
        .env("LC_ALL", "C")
        .stdin(Stdio::null());
    let output = command.output().map_err(|source| ProcessError::Start {
        program: program.to_owned(),
        source,
    })?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let words: Vec<_> = command
        .get_args()
        .map(|word| word.to_string_lossy())
        .collect();
    Err(ProcessError::Failed {
        program: format!("{program} {}", words.join(" ")),
        stderr: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    })
}

/// Sends a process a signal when the one that started it dies (prctl(2), PR_SET_PDEATHSIG): util-linux since 2.33.
const DIES_WITH_US: &str = "/usr/bin/setpriv";

/// A program that runs beside us, in a process group of its own. Dropping it kills the group, and so does the system when
/// we are killed, where `setpriv` is installed.
#[derive(Debug)]
pub struct Beside {
    child: Child,
    group: Option<Pid>,
}

impl Beside {
    /// Starts a program with some variables changed or, where there is no value, taken away. It speaks on standard error;
    /// its standard output is dropped.
    ///
    /// # Errors
    ///
    /// If it cannot be started.
    pub fn start(
        program: &Path,
        arguments: &[String],
        variables: &[(&str, Option<&str>)],
    ) -> Result<Self, ProcessError> {
        let mut command = match Path::new(DIES_WITH_US).exists() {
            true => {
                let mut command = tokio::process::Command::new(DIES_WITH_US);
                command.args(["--pdeathsig", "KILL", "--"]).arg(program);
                command
            }
            false => tokio::process::Command::new(program),
        };
        for (name, value) in variables {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let child = command
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|source| ProcessError::Start {
                program: program.display().to_string(),
                source,
            })?;
        let group = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        Ok(Self { child, group })
    }

    /// Takes its standard input and error. None if they were taken before.
    pub fn pipes(&mut self) -> Option<(ChildStdin, ChildStderr)> {
        self.child.stdin.take().zip(self.child.stderr.take())
    }

    /// Waits for its end.
    ///
    /// # Errors
    ///
    /// If the system does not tell.
    pub async fn wait(mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait().await?;
        // The number may be another one's from now on.
        self.group = None;
        Ok(status)
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        if let Some(group) = self.group {
            // It may have ended just now.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}
