//! What the rest of longshore holds of a session: an async handle on the thread that owns it.

use std::fmt;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::{Semaphore, oneshot};

use super::error::{Endpoint, SshError};
use super::exec::{Exec, Stage, Told};
use super::link::{self, Link};
use super::relay::{Relay, Source};
use super::remote::{Completed, LineOf, OnLine, Remote, Request};
use super::session::{self, Task};
use super::wire::{Door, There};
use crate::domain::cluster::SshTarget;
use crate::domain::invocation::Invocation;
use crate::domain::name::HostName;

/// Commands at once over one session. sshd takes 10 (sshd_config(5), MaxSessions), and fails what comes beyond.
const MOST_CHANNELS: usize = 6;

/// The most that a command's output may be, in bytes: what a host sends must not fill this machine's memory.
const MOST_OUTPUT: usize = 64 << 20;

/// How to connect.
#[derive(Debug, Clone)]
pub struct Options {
    /// The ssh_config(5) file that is read in place of the user's and the system's.
    pub config: Option<PathBuf>,
    /// How long connecting and logging in may take, unless the configuration's ConnectTimeout says otherwise.
    pub patience: Duration,
    /// How long the host may send nothing while something is waited for. It is asked for a sign of life four times in
    /// this time.
    pub silence: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            config: None,
            patience: Duration::from_secs(10),
            silence: Duration::from_secs(20),
        }
    }
}

/// A connection to a host: verified, logged in, closed when dropped.
pub struct Connection {
    endpoint: Endpoint,
    user: String,
    tasks: mpsc::Sender<Box<dyn Task>>,
    waker: Arc<UnixStream>,
    channels: Semaphore,
    next: AtomicU64,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Connection({}@{})", self.user, self.endpoint)
    }
}

impl Connection {
    /// Connects, verifies the host's key and logs in.
    ///
    /// # Errors
    ///
    /// By kind, each with the host and its address: no address, refused, no answer in time, key unknown, wrong or
    /// revoked, no key of ours taken.
    pub async fn connect(target: &SshTarget, options: &Options) -> Result<Self, SshError> {
        let local = |source| SshError::Local {
            host: target.host.clone(),
            source,
        };
        let (waker, wake) = UnixStream::pair().map_err(local)?;
        waker
            .set_nonblocking(true)
            .and_then(|()| wake.set_nonblocking(true))
            .map_err(local)?;
        let (tasks, inbox) = mpsc::channel();
        let (ready, answer) = oneshot::channel();
        let (to, how) = (target.clone(), options.clone());
        let owner = move || match link::connect(&to, &how) {
            Ok(link) => {
                let Link { endpoint, user, .. } = &link;
                let _ = ready.send(Ok((endpoint.clone(), user.clone())));
                session::serve(link, how.silence, &inbox, &wake);
            }
            Err(error) => {
                let _ = ready.send(Err(error));
            }
        };
        thread::Builder::new()
            .name(format!("ssh {}", target.host))
            .spawn(owner)
            .map_err(local)?;
        let ended = |_| local(io::Error::other("the thread ended"));
        let (endpoint, user) = answer.await.map_err(ended)??;
        Ok(Self {
            endpoint,
            user,
            tasks,
            waker: Arc::new(waker),
            channels: Semaphore::new(MOST_CHANNELS),
            next: AtomicU64::new(1),
        })
    }

    /// Returns the host and its address.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Returns who is logged in.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// Opens a port on the host's loopback, chosen by the host, that leads to `to` on this machine. It has a session
    /// of its own, so that bytes through it hold up nothing else, and is closed when dropped.
    ///
    /// # Errors
    ///
    /// What connecting fails with, or that the host allows no forwarding.
    pub async fn reverse_tunnel(
        target: &SshTarget,
        options: &Options,
        to: SocketAddr,
    ) -> Result<Tunnel, SshError> {
        let connection = Self::connect(target, options).await?;
        let (ready, port) = oneshot::channel();
        let stop = connection.relay(Source::Asking {
            to,
            ready: Some(ready),
        })?;
        let ended = |_| connection.lost("open a port on", None);
        let remote_port = port.await.map_err(ended)??;
        Ok(Tunnel {
            remote_port,
            _open: Open { stop, connection },
        })
    }

    /// Opens a port on this machine's loopback that leads to what the host reaches at `to`. It has a session of its
    /// own and is closed when dropped. A connection through it is closed at once where nothing answers there.
    ///
    /// # Errors
    ///
    /// What connecting fails with, or that this machine has no port left.
    pub async fn forward(
        target: &SshTarget,
        options: &Options,
        to: (String, u16),
    ) -> Result<Forward, SshError> {
        let local = |source| SshError::Local {
            host: target.host.clone(),
            source,
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(local)?;
        listener.set_nonblocking(true).map_err(local)?;
        let address = listener.local_addr().map_err(local)?;
        let connection = Self::connect(target, options).await?;
        let stop = connection.relay(Source::Here {
            listener: Door::Tcp(listener),
            to: There::Port(to.0, to.1),
            waiting: None,
        })?;
        Ok(Forward {
            local: address,
            _open: Open { stop, connection },
        })
    }

    /// Leads connections that `listener` takes on this machine to a unix socket of the host. The session is the
    /// forward's alone from now on, and closed when it is dropped. A connection through it is closed at once where
    /// nothing answers there, or the host allows no forwarding to sockets.
    ///
    /// # Errors
    ///
    /// That the session is lost, or this machine's socket cannot be used.
    pub fn forward_socket(
        self,
        listener: UnixListener,
        to: String,
    ) -> Result<SocketForward, SshError> {
        listener
            .set_nonblocking(true)
            .map_err(|source| SshError::Local {
                host: self.endpoint.host.clone(),
                source,
            })?;
        let stop = self.relay(Source::Here {
            listener: Door::Unix(listener),
            to: There::Socket(to),
            waiting: None,
        })?;
        Ok(SocketForward {
            _open: Open {
                stop,
                connection: self,
            },
        })
    }

    fn relay(&self, source: Source) -> Result<Arc<AtomicBool>, SshError> {
        let stop = Arc::new(AtomicBool::new(false));
        let relay = Relay {
            source,
            cancelled: Arc::clone(&stop),
            pipes: Vec::new(),
        };
        self.give(Box::new(relay))?;
        Ok(stop)
    }

    fn give(&self, task: Box<dyn Task>) -> Result<(), SshError> {
        self.tasks.send(task).map_err(|_| self.lost("ask", None))?;
        self.wake();
        Ok(())
    }

    fn wake(&self) {
        // A full pipe is as good as one byte more.
        let _ = (&*self.waker).write(&[1]);
    }

    fn lost(&self, doing: &'static str, source: Option<io::Error>) -> SshError {
        SshError::Lost {
            endpoint: self.endpoint.clone(),
            doing,
            source,
        }
    }

    async fn carry_out(
        &self,
        request: Request,
        on_line: OnLine<'_>,
    ) -> Result<Completed, SshError> {
        let Request {
            invocation,
            as_root,
            patience,
        } = request;
        let line = if as_root {
            as_root_line(&invocation, &self.user)
        } else {
            invocation.shell_line()
        };
        let _turn = self
            .channels
            .acquire()
            .await
            .map_err(|_| self.lost("ask", None))?;
        let (tell, told) = unbounded_channel();
        let cancelled = Arc::new(AtomicBool::new(false));
        let _cancel = CancelOnDrop {
            flag: Arc::clone(&cancelled),
            waker: Arc::clone(&self.waker),
        };
        self.give(Box::new(Exec {
            id: self.next.fetch_add(1, Ordering::Relaxed),
            line,
            stdin: invocation.stdin,
            patience,
            until: Instant::now() + patience,
            cancelled,
            tell,
            stage: Stage::Opening,
            sent: 0,
        }))?;
        self.collect(told, on_line).await
    }

    async fn collect(
        &self,
        mut told: UnboundedReceiver<Told>,
        on_line: OnLine<'_>,
    ) -> Result<Completed, SshError> {
        let (mut stdout, mut stderr) = (Output::default(), Output::default());
        while let Some(message) = told.recv().await {
            match message {
                Told::Printed(LineOf::Stdout, bytes) => {
                    stdout.take(&bytes, |line| on_line(LineOf::Stdout, line));
                }
                Told::Printed(LineOf::Stderr, bytes) => {
                    stderr.take(&bytes, |line| on_line(LineOf::Stderr, line));
                }
                Told::Over(exit) => {
                    stdout.end(|line| on_line(LineOf::Stdout, line));
                    stderr.end(|line| on_line(LineOf::Stderr, line));
                    return exit.map(|exit| Completed {
                        exit,
                        stdout: String::from_utf8_lossy(&stdout.bytes).into_owned(),
                        stderr: String::from_utf8_lossy(&stderr.bytes).into_owned(),
                    });
                }
            }
            if stdout.bytes.len() + stderr.bytes.len() > MOST_OUTPUT {
                let endpoint = self.endpoint.clone();
                return Err(SshError::TooMuch {
                    endpoint,
                    limit: MOST_OUTPUT,
                });
            }
        }
        Err(self.lost("run a command on", None))
    }
}

impl Remote for Connection {
    fn host(&self) -> &HostName {
        &self.endpoint.host
    }

    fn run<'a>(
        &'a self,
        request: Request,
        on_line: OnLine<'a>,
    ) -> Pin<Box<dyn Future<Output = Result<Completed, SshError>> + Send + 'a>> {
        Box::pin(self.carry_out(request, on_line))
    }
}

/// The line that runs a command as root: `sudo -n` never asks for a password (sudo(8)).
fn as_root_line(invocation: &Invocation, user: &str) -> String {
    if user == "root" {
        invocation.shell_line()
    } else {
        format!("sudo -n -- {}", invocation.shell_line())
    }
}

/// A port on a host that leads here, closed when dropped.
#[derive(Debug)]
pub struct Tunnel {
    /// The port on the host's loopback.
    pub remote_port: u16,
    _open: Open,
}

/// A port here that leads to what a host reaches, closed when dropped.
#[derive(Debug)]
pub struct Forward {
    /// The port on this machine's loopback.
    pub local: SocketAddr,
    _open: Open,
}

/// A socket here that leads to one of a host, closed when dropped.
#[derive(Debug)]
pub struct SocketForward {
    _open: Open,
}

#[derive(Debug)]
struct Open {
    stop: Arc<AtomicBool>,
    connection: Connection,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.connection.wake();
    }
}

impl Drop for Connection {
    /// The thread sees that nobody can send any more once it is awake.
    fn drop(&mut self) {
        let (nobody, _) = mpsc::channel();
        drop(std::mem::replace(&mut self.tasks, nobody));
        self.wake();
    }
}

struct CancelOnDrop {
    flag: Arc<AtomicBool>,
    waker: Arc<UnixStream>,
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.flag.store(true, Ordering::Relaxed);
        let _ = (&*self.waker).write(&[1]);
    }
}

/// What was printed, and how much of it was told as lines.
#[derive(Default)]
struct Output {
    bytes: Vec<u8>,
    told: usize,
}

impl Output {
    fn take(&mut self, more: &[u8], mut tell: impl FnMut(&str)) {
        let mut seen = self.bytes.len();
        self.bytes.extend_from_slice(more);
        while let Some(length) = self.bytes[seen..].iter().position(|byte| *byte == b'\n') {
            tell(&String::from_utf8_lossy(
                &self.bytes[self.told..seen + length],
            ));
            seen += length + 1;
            self.told = seen;
        }
    }

    fn end(&mut self, mut tell: impl FnMut(&str)) {
        if self.told < self.bytes.len() {
            tell(&String::from_utf8_lossy(&self.bytes[self.told..]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_whole_lines_however_the_bytes_come() {
        let text = "one\ntwo é\n\nlast";
        for size in 1..text.len() {
            let (mut output, mut lines) = (Output::default(), Vec::new());
            for piece in text.as_bytes().chunks(size) {
                output.take(piece, |line| lines.push(line.to_owned()));
            }
            output.end(|line| lines.push(line.to_owned()));
            assert_eq!(lines, ["one", "two é", "", "last"], "in pieces of {size}");
        }
    }

    #[test]
    fn asks_sudo_only_where_root_is_not_logged_in() {
        let invocation = Invocation::new(["/bin/sh", "-c", "echo $1", "x", "a b"]);
        assert_eq!(
            as_root_line(&invocation, "root"),
            "/bin/sh -c 'echo $1' x 'a b'"
        );
        assert_eq!(
            as_root_line(&invocation, "core"),
            "sudo -n -- /bin/sh -c 'echo $1' x 'a b'"
        );
    }
}
