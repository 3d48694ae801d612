//! What `docker buildx build --progress=rawjson` says: BuildKit's `SolveStatus` as JSON, over several lines or one, and
//! other text between.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bollard::moby::buildkit::v1::{StatusResponse, Vertex, VertexLog};
use serde::Deserialize;
use serde::de::IgnoredAny;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};

/// How much of one message is held in memory. BuildKit cuts logs into pieces far below that.
const LARGEST: usize = 8 * 1024 * 1024;

/// Something that it said.
#[derive(Debug)]
pub(super) enum Message {
    /// Progress.
    Status(StatusResponse),
    /// A line of other text.
    Text(String),
}

/// What is new (moby/buildkit, `client/graph.go`).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Status {
    vertexes: Vec<Step>,
    logs: Vec<Log>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Step {
    digest: String,
    name: String,
    started: Option<IgnoredAny>,
    completed: Option<IgnoredAny>,
    cached: bool,
    error: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Log {
    vertex: String,
    data: String,
}

impl Status {
    /// Brings it to the form that the engine's API has. Of times it only matters whether there are any.
    fn response(self) -> StatusResponse {
        let vertexes = self.vertexes.into_iter().map(|step| Vertex {
            digest: step.digest,
            name: step.name,
            started: step.started.map(|_| Default::default()),
            completed: step.completed.map(|_| Default::default()),
            cached: step.cached,
            error: step.error,
            ..Vertex::default()
        });
        let logs = self.logs.into_iter().filter_map(|log| {
            let msg = STANDARD.decode(log.data).ok()?;
            Some(VertexLog {
                vertex: log.vertex,
                msg,
                ..VertexLog::default()
            })
        });
        StatusResponse {
            vertexes: vertexes.collect(),
            logs: logs.collect(),
            ..StatusResponse::default()
        }
    }
}

/// Reads one message after the other.
pub(super) struct Messages<R> {
    source: BufReader<R>,
    /// A message that is not whole yet.
    open: String,
}

impl<R: AsyncRead + Unpin> Messages<R> {
    pub(super) fn new(source: R) -> Self {
        Self {
            source: BufReader::new(source),
            open: String::new(),
        }
    }

    pub(super) async fn next(&mut self) -> io::Result<Option<Message>> {
        loop {
            let mut line = Vec::new();
            let mut bounded = (&mut self.source).take(LARGEST as u64);
            if bounded.read_until(b'\n', &mut line).await? == 0 {
                return Ok(None);
            }
            let line = String::from_utf8_lossy(&line);
            if self.open.is_empty() && !line.starts_with('{') {
                return Ok(Some(Message::Text(line.trim_end().to_owned())));
            }
            self.open.push_str(&line);
            // Only the brace that closes the whole stands at a line's begin, or all of it stands on one line.
            let whole = line.starts_with('}') || self.open.len() == line.len();
            if whole && let Ok(status) = serde_json::from_str::<Status>(&self.open) {
                self.open.clear();
                return Ok(Some(Message::Status(status.response())));
            }
            if self.open.len() > LARGEST {
                return Err(io::Error::other("buildx says more at once than fits"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::progress::{Progress, Told};
    use super::*;

    async fn lines(text: &str) -> Vec<String> {
        let mut told = Vec::new();
        let mut progress = Progress::new(&Default::default());
        let mut messages = Messages::new(text.as_bytes());
        while let Some(message) = messages.next().await.unwrap() {
            match message {
                Message::Status(status) => progress.status(&status, |said| match said {
                    Told::Line(line) => told.push(line.to_owned()),
                    Told::Steps(_) => {}
                }),
                Message::Text(line) => told.push(format!("> {line}")),
            }
        }
        told
    }

    const SPREAD: &str = r#"WARNING: no output
{
  "vertexes": [
    {
      "digest": "sha256:1",
      "name": "[1/2] RUN x",
      "started": "2026-11-30T08:45:24Z"
    }
  ]
}
{"vertexes":[{"digest":"sha256:2","name":"[2/2] RUN y","cached":true},{"digest":"sha256:3","name":"waiting"}]}
{
  "logs": [
    {
      "vertex": "sha256:1",
      "stream": 1,
      "data": "b25lCnR3bwo=",
      "timestamp": "2026-11-30T08:45:24Z"
    }
  ]
}
ERROR: failed
"#;

    #[tokio::test]
    async fn reads_both_forms_and_what_stands_between() {
        assert_eq!(
            lines(SPREAD).await,
            [
                "> WARNING: no output",
                "[1/2] RUN x",
                "[2/2] RUN y (cached)",
                "one",
                "two",
                "> ERROR: failed"
            ]
        );
    }

    #[tokio::test]
    async fn what_does_not_end_is_no_message() {
        assert_eq!(lines("{\n  \"logs\": [").await, Vec::<String>::new());
    }
}
