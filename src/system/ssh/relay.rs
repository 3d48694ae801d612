//! Carrying connections through a session: from a port of the host to one of ours, or from ours to what the host
//! reaches.

use std::io::{self, Read};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::event::PollFlags;
use tokio::sync::oneshot;

use super::error::SshError;
use super::session::{Session, Step, Task};
use super::wire::{Door, There, Wire};

/// The most that is carried at once: libssh2's largest packet.
const CHUNK: usize = 32 * 1024;

/// How long a port of this machine may take to accept.
const LOCAL_CONNECT: Duration = Duration::from_secs(2);

/// Connections carried over a session, until cancelled.
pub(super) struct Relay {
    pub(super) source: Source,
    pub(super) cancelled: Arc<AtomicBool>,
    pub(super) pipes: Vec<Pipe>,
}

/// Where connections come from.
pub(super) enum Source {
    /// The host is to be asked for a port.
    Asking {
        to: SocketAddr,
        ready: Option<oneshot::Sender<Result<u16, SshError>>>,
    },
    /// From a port that the host listens on, to a port of ours.
    Host {
        listener: ssh2::Listener,
        to: SocketAddr,
    },
    /// From a port or socket of ours, to what the host reaches.
    Here {
        listener: Door,
        to: There,
        waiting: Option<Wire>,
    },
}

/// The open state of libssh2 is one per session, and a relay has its session for itself.
const ONLY: u64 = 0;

impl Task for Relay {
    fn step(&mut self, session: &mut Session) -> Step {
        if self.cancelled.load(Ordering::Relaxed) {
            return Step::Over;
        }
        let Ok(mut moved) = self.take(session) else {
            return Step::Over;
        };
        self.pipes.retain_mut(|pipe| match pipe.step(session) {
            Step::Waits => true,
            Step::Moved => {
                moved = true;
                true
            }
            Step::Over => {
                moved = true;
                false
            }
        });
        if moved { Step::Moved } else { Step::Waits }
    }

    fn sockets<'a>(&'a self, into: &mut Vec<(BorrowedFd<'a>, PollFlags)>) {
        if let Source::Here {
            listener,
            waiting: None,
            ..
        } = &self.source
        {
            into.push((listener.as_fd(), PollFlags::IN));
        }
        into.extend(self.pipes.iter().filter_map(Pipe::interest));
    }

    fn listens(&self) -> bool {
        match &self.source {
            Source::Asking { .. } | Source::Host { .. } => true,
            Source::Here { waiting, .. } => waiting.is_some() || !self.pipes.is_empty(),
        }
    }

    fn lost(&mut self, error: SshError) {
        if let Source::Asking { ready, .. } = &mut self.source
            && let Some(ready) = ready.take()
        {
            let _ = ready.send(Err(error));
        }
        self.pipes.clear();
    }
}

impl Relay {
    /// Takes a new connection, if there is one.
    fn take(&mut self, session: &mut Session) -> Result<bool, ()> {
        match &mut self.source {
            Source::Asking { .. } if !session.has_room() => Ok(false),
            Source::Asking { to, ready } => {
                let result =
                    session
                        .link
                        .session
                        .channel_forward_listen(0, Some("127.0.0.1"), None);
                let answer = match session.ready(result) {
                    Ok(None) => return Ok(false),
                    Ok(Some((listener, port))) => {
                        let to = *to;
                        let ready = ready.take();
                        self.source = Source::Host { listener, to };
                        return ready
                            .ok_or(())?
                            .send(Ok(port))
                            .map(|()| true)
                            .map_err(|_| ());
                    }
                    Err(source) => SshError::Denied {
                        endpoint: session.link.endpoint.clone(),
                        doing: "open a port on",
                        source,
                    },
                };
                let _ = ready.take().ok_or(())?.send(Err(answer));
                Err(())
            }
            Source::Host { listener, to } => {
                let result = listener.accept();
                let Some(channel) = session.ready(result).map_err(|_| ())? else {
                    return Ok(false);
                };
                if let Ok(socket) = TcpStream::connect_timeout(to, LOCAL_CONNECT) {
                    self.pipes.extend(Pipe::new(channel, Wire::Tcp(socket)));
                }
                Ok(true)
            }
            Source::Here {
                listener,
                to,
                waiting,
            } => {
                let Some(socket) = waiting.take().or_else(|| listener.accept()) else {
                    return Ok(false);
                };
                if !session.has_room() {
                    *waiting = Some(socket);
                    return Ok(false);
                }
                let open = &session.link.session;
                let result = match to {
                    There::Port(name, port) => open.channel_direct_tcpip(name, *port, None),
                    There::Socket(path) => open.channel_direct_streamlocal(path, None),
                };
                match session.ready(result) {
                    Ok(None) => {
                        session.opening = Some(ONLY);
                        *waiting = Some(socket);
                        Ok(false)
                    }
                    // Whoever connected sees that nothing is there: the socket is closed.
                    Err(_) => Ok(true),
                    Ok(Some(channel)) => {
                        self.pipes.extend(Pipe::new(channel, socket));
                        Ok(true)
                    }
                }
            }
        }
    }
}

/// One connection that is carried.
pub(super) struct Pipe {
    channel: ssh2::Channel,
    socket: Wire,
    /// From the host, not yet written to the socket.
    inward: Buffer,
    /// From the socket, not yet written to the host.
    outward: Buffer,
    half_sent: bool,
    closing: bool,
}

/// Bytes on their way, and whether more will come.
#[derive(Default)]
struct Buffer {
    bytes: Vec<u8>,
    from: usize,
    /// Nothing more comes.
    ended: bool,
    /// The other side was told so.
    told: bool,
}

impl Buffer {
    fn left(&self) -> &[u8] {
        &self.bytes[self.from..]
    }

    fn took(&mut self, written: usize) {
        self.from += written;
    }

    fn fill(&mut self, read: Option<usize>, from: &[u8]) -> bool {
        match read {
            Some(0) => self.ended = true,
            Some(read) => {
                self.bytes.clear();
                self.bytes.extend_from_slice(&from[..read]);
                self.from = 0;
            }
            None => return false,
        }
        true
    }

    fn wants_more(&self) -> bool {
        self.left().is_empty() && !self.ended
    }

    fn is_to_end(&self) -> bool {
        self.left().is_empty() && self.ended && !self.told
    }
}

impl Pipe {
    fn new(channel: ssh2::Channel, socket: Wire) -> Option<Self> {
        socket.tune().ok()?;
        Some(Self {
            channel,
            socket,
            inward: Buffer::default(),
            outward: Buffer::default(),
            half_sent: false,
            closing: false,
        })
    }

    fn interest(&self) -> Option<(BorrowedFd<'_>, PollFlags)> {
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::IN, self.outward.wants_more());
        flags.set(PollFlags::OUT, !self.inward.left().is_empty());
        (!flags.is_empty()).then(|| (self.socket.as_fd(), flags))
    }

    fn step(&mut self, session: &mut Session) -> Step {
        if self.closing || (self.inward.told && self.outward.told) {
            self.closing = true;
            return self.close(session);
        }
        match self.carry(session) {
            Ok(true) => Step::Moved,
            Ok(false) => Step::Waits,
            Err(_) => {
                let _ = self.socket.shutdown(Shutdown::Both);
                self.closing = true;
                Step::Moved
            }
        }
    }

    fn close(&mut self, session: &mut Session) -> Step {
        if self.half_sent {
            let written =
                session.write(&mut self.channel, self.outward.left(), &mut self.half_sent);
            if let Ok(None) = written {
                return Step::Waits;
            }
        }
        if !session.has_room() {
            return Step::Waits;
        }
        let result = self.channel.close();
        match session.ready(result) {
            Ok(None) => Step::Waits,
            Ok(Some(())) | Err(_) => Step::Over,
        }
    }

    fn carry(&mut self, session: &mut Session) -> io::Result<bool> {
        let mut buffer = [0; CHUNK];
        let mut moved = false;
        if self.inward.wants_more() {
            let result = self.channel.read(&mut buffer);
            let read = session.ready(result)?;
            // Zero bytes mean the end only where the channel says so.
            let read = read.filter(|read| *read > 0 || self.channel.eof());
            moved |= self.inward.fill(read, &buffer);
        }
        if !self.inward.left().is_empty()
            && let Some(written) = would_block(self.socket.write(self.inward.left()))?
        {
            self.inward.took(written);
            moved = true;
        }
        if self.inward.is_to_end() {
            let _ = self.socket.shutdown(Shutdown::Write);
            self.inward.told = true;
            moved = true;
        }
        if self.outward.wants_more() {
            let read = would_block(self.socket.read(&mut buffer))?;
            moved |= self.outward.fill(read, &buffer);
        }
        if !self.outward.left().is_empty() {
            let written =
                session.write(&mut self.channel, self.outward.left(), &mut self.half_sent)?;
            if let Some(written @ 1..) = written {
                self.outward.took(written);
                moved = true;
            }
        }
        if self.outward.is_to_end() && session.has_room() {
            let result = self.channel.send_eof();
            self.outward.told = session.ready(result)?.is_some();
            moved |= self.outward.told;
        }
        Ok(moved)
    }
}

fn would_block(result: io::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Ok(count) => Ok(Some(count)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}
