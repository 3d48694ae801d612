//! Runs a program to its end and reads what it said.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

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
