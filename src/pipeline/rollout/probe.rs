//! Asking an instance whether it is well, through the host's SSH connection.

use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::domain::cluster::{Probe, SshTarget};
use crate::domain::invocation::container;
use crate::system::ssh::{Connection, Exit, Forward, Options, Remote, Request};

/// How long one probe may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long an accepted connection has to stay open: a tunnel closes at once where nothing answers behind it.
const STAYS_OPEN: Duration = Duration::from_millis(200);

/// Probes one container. The way to it is kept open from one question to the next.
#[derive(Debug)]
pub(super) struct Prober {
    target: SshTarget,
    options: Options,
    container: String,
    probe: Probe,
    way: Option<Forward>,
}

impl Prober {
    pub(super) fn new(
        target: SshTarget,
        options: Options,
        container: String,
        probe: Probe,
    ) -> Self {
        Self {
            target,
            options,
            container,
            probe,
            way: None,
        }
    }

    /// Asks once. Returns why the container is not well, if it is not.
    pub(super) async fn ask(&mut self, host: &Connection) -> Option<String> {
        match tokio::time::timeout(PATIENCE, self.answer(host)).await {
            Ok(Ok(())) => None,
            Ok(Err(reason)) => {
                // The container may come back with another address.
                self.way = None;
                Some(reason)
            }
            Err(_) => Some(format!("no answer within {}s", PATIENCE.as_secs())),
        }
    }

    async fn answer(&mut self, host: &Connection) -> Result<(), String> {
        match self.probe.clone() {
            Probe::Http { port, path } => {
                let local = self.way_to(host, port).await?;
                http(&format!("http://{local}{path}"), port).await
            }
            Probe::Tcp { port } => tcp(self.way_to(host, port).await?).await,
            Probe::Exec { command } => {
                let request = Request::new(container::exec(&self.container, &command))
                    .as_root()
                    .within(PATIENCE);
                let done = host
                    .run(request, &mut |_, _| {})
                    .await
                    .map_err(|error| error.to_string())?;
                match done.exit {
                    Exit::Code(0) => Ok(()),
                    exit @ (Exit::Code(_) | Exit::Signal(_)) => {
                        Err(format!("{exit}: {}", last_line(&done.stderr, &done.stdout)))
                    }
                }
            }
        }
    }

    async fn way_to(
        &mut self,
        host: &Connection,
        port: u16,
    ) -> Result<std::net::SocketAddr, String> {
        if let Some(way) = &self.way {
            return Ok(way.local);
        }
        let request = Request::new(container::address(&self.container))
            .as_root()
            .within(PATIENCE);
        let done = host
            .run(request, &mut |_, _| {})
            .await
            .map_err(|error| error.to_string())?;
        // A container on the host's own network has no address of its own.
        let address = done
            .stdout
            .split_whitespace()
            .next()
            .unwrap_or("127.0.0.1")
            .to_owned();
        if done.exit != Exit::Code(0) {
            return Err("there is no such container".to_owned());
        }
        let way = Connection::forward(&self.target, &self.options, (address, port)).await;
        let way = self.way.insert(way.map_err(|error| error.to_string())?);
        Ok(way.local)
    }
}

async fn http(url: &str, port: u16) -> Result<(), String> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build();
    let client = client.map_err(|error| error.to_string())?;
    let request = client.get(url).header("host", format!("localhost:{port}"));
    let answer = request
        .send()
        .await
        .map_err(|_| format!("no HTTP answer on port {port}"))?;
    let status = answer.status();
    if status.is_success() || status.is_redirection() {
        Ok(())
    } else {
        Err(format!("HTTP {status}"))
    }
}

async fn tcp(local: std::net::SocketAddr) -> Result<(), String> {
    let closed = || "the connection is refused".to_owned();
    let mut stream = TcpStream::connect(local).await.map_err(|_| closed())?;
    let mut byte = [0];
    match tokio::time::timeout(STAYS_OPEN, stream.read(&mut byte)).await {
        Ok(Ok(0) | Err(_)) => Err(closed()),
        Ok(Ok(_)) | Err(_) => Ok(()),
    }
}

fn last_line(stderr: &str, stdout: &str) -> String {
    let mut lines = stderr.lines().chain(stdout.lines());
    lines
        .rfind(|line| !line.trim().is_empty())
        .unwrap_or("no output")
        .to_owned()
}
