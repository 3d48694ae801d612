//! Logs of containers, kept in files with the time of each line.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use bollard::query_parameters::LogsOptionsBuilder;
use futures_util::TryStreamExt;

use super::{Engine, EngineError};
use crate::domain::line::plain;

impl Engine {
    /// Writes a container's log to a file, replacing it: all there is so far or, followed, until the container ends.
    /// Tells each line without its time.
    ///
    /// # Errors
    ///
    /// If the file cannot be written, or the engine does not give the log.
    pub async fn keep_log(
        &self,
        container: &str,
        path: &Path,
        follow: bool,
        mut tell: impl FnMut(&str),
    ) -> Result<(), EngineError> {
        let failed = |source| EngineError::Log {
            path: path.to_owned(),
            source,
        };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        let mut file = File::create(path).map_err(failed)?;
        let options = LogsOptionsBuilder::new()
            .stdout(true)
            .stderr(true)
            .timestamps(true)
            .follow(follow);
        let mut log = self.docker.logs(container, Some(options.build()));
        let mut open = Vec::new();
        loop {
            let next = log.try_next().await;
            let next = next.map_err(EngineError::request(format!(
                "read the log of container {container}"
            )))?;
            let Some(chunk) = next else { break };
            let bytes = chunk.into_bytes();
            file.write_all(&bytes).map_err(failed)?;
            open.extend_from_slice(&bytes);
            while let Some(end) = open.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = open.drain(..=end).collect();
                tell(&without_time(&line));
            }
        }
        if !open.is_empty() {
            tell(&without_time(&open));
        }
        Ok(())
    }
}

/// Cuts the time off that the engine puts before a line.
fn without_time(line: &[u8]) -> String {
    let line = String::from_utf8_lossy(line);
    plain(line.split_once(' ').map_or("", |(_, text)| text))
}

/// The last lines of something.
#[derive(Debug, Clone, Default)]
pub struct Tail(VecDeque<String>);

impl Tail {
    /// How many lines are remembered.
    const LINES: usize = 20;

    /// Takes another line.
    pub fn push(&mut self, line: &str) {
        if self.0.len() == Self::LINES {
            self.0.pop_front();
        }
        self.0.push_back(line.to_owned());
    }

    /// Returns the lines, the oldest first.
    #[must_use]
    pub fn lines(self) -> Vec<String> {
        self.0.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_loses_its_time_and_nothing_else() {
        assert_eq!(without_time(b"2026-01-01T00:00:00.1Z a  b \n"), "a  b ");
        assert_eq!(without_time(b"2026-01-01T00:00:00.1Z \n"), "");
    }
}
