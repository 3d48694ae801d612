//! Logs of containers, kept in files with the time of each line.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use bollard::container::LogOutput;
use bollard::query_parameters::LogsOptionsBuilder;
use futures_util::TryStreamExt;

use super::{Engine, EngineError};
use crate::domain::line::plain;

/// How many bytes of a line are told; a log without line ends must not fill the memory. The file has all.
const LONGEST: usize = 16 * 1024;

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
        let mut lines = Lines::default();
        loop {
            let next = log.try_next().await;
            let next = next.map_err(EngineError::request(format!(
                "read the log of container {container}"
            )))?;
            let Some(frame) = next else { break };
            let kept = lines.take(&frame, &mut tell);
            file.write_all(&kept).map_err(failed)?;
        }
        lines.end(tell);
        Ok(())
    }
}

/// Which of a container's streams something is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stream {
    Out,
    Err,
}

/// Puts a log's frames together to lines. The engine breaks a long line into frames, each with a time of its own.
#[derive(Debug, Default)]
struct Lines {
    /// The stream whose line in the file has no end yet.
    unended: Option<Stream>,
    /// The beginnings of lines that are not told yet.
    open: BTreeMap<Stream, Vec<u8>>,
}

impl Lines {
    /// Takes a frame, tells the lines that it completes, and returns what belongs into the file.
    fn take(&mut self, frame: &LogOutput, tell: &mut impl FnMut(&str)) -> Vec<u8> {
        let (stream, frame) = match frame {
            LogOutput::StdErr { message } => (Stream::Err, message),
            LogOutput::StdOut { message }
            | LogOutput::Console { message }
            | LogOutput::StdIn { message } => (Stream::Out, message),
        };
        let time = frame.iter().position(|byte| *byte == b' ');
        let (time, text) = frame.split_at(time.map_or(frame.len(), |space| space + 1));
        let mut kept = Vec::with_capacity(frame.len() + 1);
        if self.unended != Some(stream) {
            if self.unended.is_some() {
                kept.push(b'\n');
            }
            kept.extend_from_slice(time);
        }
        kept.extend_from_slice(text);
        self.unended = (!kept.ends_with(b"\n")).then_some(stream);
        let open = self.open.entry(stream).or_default();
        for piece in text.split_inclusive(|byte| *byte == b'\n') {
            let room = LONGEST.saturating_sub(open.len());
            open.extend_from_slice(&piece[..piece.len().min(room)]);
            if piece.ends_with(b"\n") {
                tell(&plain(&String::from_utf8_lossy(open)));
                open.clear();
            }
        }
        kept
    }

    /// Tells lines that were never ended.
    fn end(self, mut tell: impl FnMut(&str)) {
        for open in self.open.into_values().filter(|open| !open.is_empty()) {
            tell(&plain(&String::from_utf8_lossy(&open)));
        }
    }
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

    /// Returns the file and the lines that these frames give.
    fn kept(frames: &[(Stream, &str)]) -> (String, Vec<String>) {
        let (mut file, mut told) = (Vec::new(), Vec::new());
        let mut lines = Lines::default();
        for (stream, text) in frames {
            let message = text.as_bytes().to_vec().into();
            let frame = match stream {
                Stream::Out => LogOutput::StdOut { message },
                Stream::Err => LogOutput::StdErr { message },
            };
            file.extend(lines.take(&frame, &mut |line: &str| told.push(line.to_owned())));
        }
        lines.end(|line| told.push(line.to_owned()));
        (String::from_utf8(file).unwrap(), told)
    }

    #[test]
    fn a_line_loses_its_time_and_nothing_else() {
        let (file, told) = kept(&[(Stream::Out, "T1 a  b \n"), (Stream::Err, "T2 \n")]);
        assert_eq!(file, "T1 a  b \nT2 \n");
        assert_eq!(told, ["a  b ", ""]);
    }

    #[test]
    fn a_line_in_several_frames_is_one_line_with_one_time() {
        let (file, told) = kept(&[(Stream::Out, "T1 long"), (Stream::Out, "T2 er\n")]);
        assert_eq!(file, "T1 longer\n");
        assert_eq!(told, ["longer"]);
    }

    #[test]
    fn two_streams_are_not_mixed_in_one_line() {
        let (file, told) = kept(&[
            (Stream::Out, "T1 half"),
            (Stream::Err, "T2 error\n"),
            (Stream::Out, "T3  done\n"),
            (Stream::Out, "T4 no end"),
        ]);
        assert_eq!(file, "T1 half\nT2 error\nT3  done\nT4 no end");
        assert_eq!(told, ["error", "half done", "no end"]);
    }

    #[test]
    fn a_line_without_end_does_not_fill_the_memory() {
        let piece = format!("T {}", "x".repeat(10_000));
        let frames: Vec<_> = (0..100).map(|_| (Stream::Out, piece.as_str())).collect();
        let (file, told) = kept(&frames);
        assert_eq!(file.len(), 2 + 100 * 10_000);
        assert_eq!(told[0].len(), LONGEST);
    }
}
