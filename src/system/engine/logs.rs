//! Logs of containers, kept in files with the time of each line.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::Duration;

use bollard::container::LogOutput;
use bollard::query_parameters::LogsOptionsBuilder;
use futures_util::TryStreamExt;

use super::{Engine, EngineError};
use crate::domain::line::plain;
use crate::domain::mask::Masker;

/// A line that is longer than this is taken in pieces, so that no program fills our memory.
const LONGEST: usize = 256 * 1024;
/// How soon what was printed is in the file when nothing more comes.
const SOON: Duration = Duration::from_millis(200);

/// A log that is to be kept.
#[derive(Debug, Clone, Copy)]
pub struct KeptLog<'k> {
    /// The container.
    pub container: &'k str,
    /// The file.
    pub path: &'k Path,
    /// Whether it is read until the container ends, or as far as it is there.
    pub follow: bool,
    /// What is kept out of it.
    pub masker: &'k Masker,
}

impl Engine {
    /// Writes a container's log to a file, replacing it once there is something to write. Tells each line without its
    /// time. It is never held as a whole.
    ///
    /// # Errors
    ///
    /// If the file cannot be written, or the engine does not give the log.
    pub async fn keep_log(
        &self,
        log: KeptLog<'_>,
        mut tell: impl FnMut(&str),
    ) -> Result<(), EngineError> {
        let failed = |source| EngineError::Log {
            path: log.path.to_owned(),
            source,
        };
        let options = LogsOptionsBuilder::new()
            .stdout(true)
            .stderr(true)
            .timestamps(true)
            .follow(log.follow);
        let mut chunks = self.docker.logs(log.container, Some(options.build()));
        let mut file: Option<BufWriter<File>> = None;
        let mut streams = [Stream::default(), Stream::default()];
        let mut take = |file: &mut BufWriter<File>, piece: Vec<u8>| {
            let masked = log.masker.bytes(&piece);
            file.write_all(&masked)?;
            // Control sequences within a value go only here.
            tell(&log.masker.mask(&without_time(&masked)));
            io::Result::Ok(())
        };
        loop {
            let next = match tokio::time::timeout(SOON, chunks.try_next()).await {
                Ok(next) => next,
                Err(_) => {
                    if let Some(file) = &mut file {
                        file.flush().map_err(failed)?;
                    }
                    chunks.try_next().await
                }
            };
            let next = next.map_err(EngineError::request(format!(
                "read the log of container {}",
                log.container
            )))?;
            let file = match &mut file {
                Some(file) => file,
                None => file.insert(created(log.path).map_err(failed)?),
            };
            let Some(chunk) = next else {
                for stream in streams {
                    if !stream.open.is_empty() {
                        take(file, stream.open).map_err(failed)?;
                    }
                }
                return file.flush().map_err(failed);
            };
            let framed = !matches!(chunk, LogOutput::Console { .. });
            let [out, err] = &mut streams;
            let stream = match chunk {
                LogOutput::StdErr { .. } => err,
                LogOutput::StdOut { .. } | LogOutput::StdIn { .. } | LogOutput::Console { .. } => {
                    out
                }
            };
            stream.push(&chunk.into_bytes(), framed);
            while let Some(piece) = stream.next(log.masker) {
                take(file, piece).map_err(failed)?;
            }
        }
    }
}

fn created(path: &Path) -> io::Result<BufWriter<File>> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    File::create(path).map(BufWriter::new)
}

/// What came of one of a container's two outputs and was not taken yet.
#[derive(Debug, Default)]
struct Stream {
    open: Vec<u8>,
    /// How much of it has no line end for sure.
    searched: usize,
}

impl Stream {
    /// Takes a chunk in. Docker cuts a long line into chunks of 16 KiB and puts the time before each of them.
    fn push(&mut self, chunk: &[u8], framed: bool) {
        let goes_on = framed && !self.open.is_empty();
        let chunk = match split_time(chunk) {
            Some((_, text)) if goes_on => text,
            Some(_) | None => chunk,
        };
        self.open.extend_from_slice(chunk);
    }

    /// Returns the next line with its end, or a piece of one that is too long to be held.
    fn next(&mut self, masker: &Masker) -> Option<Vec<u8>> {
        let new = &self.open[self.searched..];
        let end = match new.iter().position(|byte| *byte == b'\n') {
            Some(end) => self.searched + end + 1,
            None if self.open.len() > LONGEST => masker.cut(&self.open),
            None => {
                self.searched = self.open.len();
                return None;
            }
        };
        self.searched = 0;
        let rest = self.open.split_off(end);
        Some(std::mem::replace(&mut self.open, rest))
    }
}

/// Splits the time off that the engine puts before a line (RFC 3339 with nanoseconds, in UTC).
fn split_time(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = line.iter().take(40).position(|byte| *byte == b' ')?;
    let (time, text) = (&line[..end], &line[end + 1..]);
    let is_time = time.len() >= 20
        && time[4] == b'-'
        && time[10] == b'T'
        && time.ends_with(b"Z")
        && time[..4].iter().all(u8::is_ascii_digit);
    is_time.then_some((time, text))
}

fn without_time(line: &[u8]) -> String {
    let text = split_time(line).map_or(line, |(_, text)| text);
    plain(&String::from_utf8_lossy(text))
}

/// The last lines of something.
#[derive(Debug, Clone, Default)]
pub struct Tail(VecDeque<String>);

impl Tail {
    /// How many lines are remembered.
    const LINES: usize = 20;
    /// How many bytes of each are.
    const BYTES: usize = 4096;

    /// Takes another line.
    pub fn push(&mut self, line: &str) {
        if self.0.len() == Self::LINES {
            self.0.pop_front();
        }
        let end = line.floor_char_boundary(Self::BYTES);
        self.0.push_back(line[..end].to_owned());
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
    use crate::domain::mask::SecretValue;

    const TIME: &str = "2026-01-01T00:00:00.123456789Z";

    fn lines(chunks: &[String], masker: &Masker) -> Vec<String> {
        let mut stream = Stream::default();
        let mut lines = Vec::new();
        for chunk in chunks {
            stream.push(chunk.as_bytes(), true);
            while let Some(line) = stream.next(masker) {
                lines.push(String::from_utf8(masker.bytes(&line).into_owned()).unwrap());
            }
        }
        lines
    }

    #[test]
    fn a_line_loses_its_time_and_nothing_else() {
        assert_eq!(without_time(format!("{TIME} a  b \n").as_bytes()), "a  b ");
        assert_eq!(without_time(format!("{TIME} \n").as_bytes()), "");
        assert_eq!(without_time(b"a piece of a line"), "a piece of a line");
    }

    #[test]
    fn a_line_that_docker_cut_is_whole_again() {
        let masker = Masker::of([&SecretValue::new("hunter22")]);
        let chunks = [
            format!("{TIME} a hun"),
            format!("{TIME} ter22 b\n"),
            format!("{TIME} c\n{TIME} d\n"),
        ];
        assert_eq!(
            lines(&chunks, &masker),
            [
                format!("{TIME} a *** b\n"),
                format!("{TIME} c\n"),
                format!("{TIME} d\n")
            ]
        );
    }

    #[test]
    fn a_line_without_end_is_taken_in_pieces_that_cut_no_secret() {
        let masker = Masker::of([&SecretValue::new("hunter22")]);
        let chunks = vec!["x hunter22 ".to_owned(); 100_000];
        let pieces = lines(&chunks, &masker);
        assert!(pieces.len() > 3);
        for piece in &pieces {
            assert!(piece.len() <= LONGEST + 20, "{}", piece.len());
            assert!(!piece.contains("hunter") && !piece.contains("er22"));
        }
    }
}
