//! The thread that owns a session: it takes tasks, steps each in turn, and sleeps until a socket has something.
//!
//! libssh2 is not safe to share (a session's open state is one per session), so nobody else calls it. A channel that
//! is opened holds `opening` until it is open, since libssh2 opens one at a time.
//!
//! A packet that the socket took only in part blocks every other until libssh2 is handed that same packet again. Small
//! ones are therefore sent only where [`Session::has_room`], and whoever left a write [half sent](Session::write) asks
//! for it again before it does anything else, also where it gives up.

use std::io::{self, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::error::SshError;
use super::link::Link;

/// The longest sleep while tasks are under way. Deadlines, cancellations and a send that libssh2 has half done are seen
/// that late at worst.
const LONGEST_SLEEP: Duration = Duration::from_millis(200);

/// Something that is done over a session, a step at a time.
pub(super) trait Task: Send {
    /// Goes on as far as it can without waiting.
    fn step(&mut self, session: &mut Session) -> Step;

    /// Names sockets of its own to wait on.
    fn sockets<'a>(&'a self, into: &mut Vec<(BorrowedFd<'a>, PollFlags)>) {
        let _ = into;
    }

    /// Tells whether it waits for the host now. A task that doesn't leaves what the host sends unread.
    fn listens(&self) -> bool {
        true
    }

    /// Ends it, because the host went silent.
    fn lost(&mut self, error: SshError);
}

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// There was nothing to do.
    Waits,
    /// Something was done: there may be more.
    Moved,
    /// It is over.
    Over,
}

/// A session as its tasks see it.
pub(super) struct Session {
    pub(super) link: Link,
    /// How long the host may be silent.
    pub(super) silence: Duration,
    /// Which task is opening a channel.
    pub(super) opening: Option<u64>,
    /// Whether libssh2 waits until it can send.
    sending: bool,
    heard: Instant,
}

impl Session {
    /// Takes what libssh2 returned: nothing if it would have to wait.
    pub(super) fn ready<T>(
        &mut self,
        result: Result<T, impl Into<io::Error>>,
    ) -> io::Result<Option<T>> {
        match result.map_err(Into::into) {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.sending |= self.waits_to_send();
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Writes to a channel, and notes in `half_sent` whether the same write has to be asked for again: the channel may
    /// not be closed before. Nothing is returned if it would have to wait.
    pub(super) fn write(
        &mut self,
        channel: &mut ssh2::Channel,
        bytes: &[u8],
        half_sent: &mut bool,
    ) -> io::Result<Option<usize>> {
        let result = channel.write(bytes);
        let written = self.ready(result);
        // A full window is no write under way: libssh2 then waits for the host alone.
        *half_sent = matches!(written, Ok(None)) && (*half_sent || self.waits_to_send());
        written
    }

    /// Tells whether the socket would take a small packet whole.
    pub(super) fn has_room(&mut self) -> bool {
        let mut socket = [PollFd::new(&self.link.socket, PollFlags::OUT)];
        let room = matches!(poll(&mut socket, Some(&Timespec::default())), Ok(1..));
        self.sending |= !room;
        room
    }

    fn waits_to_send(&self) -> bool {
        matches!(
            self.link.session.block_directions(),
            ssh2::BlockDirections::Outbound | ssh2::BlockDirections::Both
        )
    }

    /// Tells that the connection broke.
    pub(super) fn lost(&self, doing: &'static str, source: Option<io::Error>) -> SshError {
        SshError::Lost {
            endpoint: self.link.endpoint.clone(),
            doing,
            source,
        }
    }
}

/// Serves tasks until nobody can send any more.
pub(super) fn serve(
    link: Link,
    silence: Duration,
    inbox: &Receiver<Box<dyn Task>>,
    wake: &UnixStream,
) {
    let interval = u32::try_from((silence.as_secs() / 4).max(1)).unwrap_or(u32::MAX);
    link.session.set_keepalive(true, interval);
    let mut session = Session {
        link,
        silence,
        opening: None,
        sending: false,
        heard: Instant::now(),
    };
    let mut tasks: Vec<Box<dyn Task>> = Vec::new();
    while take(inbox, &mut tasks, &mut session) {
        let moved = step_all(&mut tasks, &mut session);
        if !moved && wait(&tasks, &mut session, wake).is_err() {
            break;
        }
        end_if_silent(&mut tasks, &mut session);
    }
    drop(tasks);
    // A clean end, if the host still listens; the socket is shut first where it does not.
    let _ = session.link.session.disconnect(None, "done", None);
    let _ = session.link.socket.shutdown(Shutdown::Both);
}

/// Takes new tasks; false once nobody can send any.
fn take(
    inbox: &Receiver<Box<dyn Task>>,
    tasks: &mut Vec<Box<dyn Task>>,
    session: &mut Session,
) -> bool {
    loop {
        match inbox.try_recv() {
            Ok(task) => {
                if !tasks.iter().any(|task| task.listens()) {
                    session.heard = Instant::now();
                }
                tasks.push(task);
            }
            Err(TryRecvError::Empty) => return true,
            Err(TryRecvError::Disconnected) => return false,
        }
    }
}

fn step_all(tasks: &mut Vec<Box<dyn Task>>, session: &mut Session) -> bool {
    session.sending = false;
    let mut moved = false;
    tasks.retain_mut(|task| {
        let step = task.step(session);
        moved |= step != Step::Waits;
        step != Step::Over
    });
    moved
}

/// Sleeps until there may be something to do.
fn wait(tasks: &[Box<dyn Task>], session: &mut Session, wake: &UnixStream) -> io::Result<()> {
    let listening = tasks.iter().any(|task| task.listens());
    let mut sockets = vec![(wake.as_fd(), PollFlags::IN)];
    if listening {
        if session.has_room() {
            let _ = session.link.session.keepalive_send();
        }
        let mut flags = PollFlags::IN;
        flags.set(PollFlags::OUT, session.sending);
        sockets.push((session.link.socket.as_fd(), flags));
    }
    for task in tasks {
        task.sockets(&mut sockets);
    }
    let mut polled: Vec<_> = sockets
        .iter()
        .map(|(socket, flags)| PollFd::from_borrowed_fd(*socket, *flags))
        .collect();
    let longest = Timespec::try_from(LONGEST_SLEEP).map_err(io::Error::other)?;
    match poll(&mut polled, (!tasks.is_empty()).then_some(&longest)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    let woken = |at: usize| {
        polled
            .get(at)
            .is_some_and(|socket: &PollFd| !socket.revents().is_empty())
    };
    let (called, heard) = (woken(0), listening && woken(1));
    drop(polled);
    if called {
        let mut sink = [0; 64];
        while io::Read::read(&mut &*wake, &mut sink).is_ok_and(|read| read > 0) {}
    }
    if heard {
        session.heard = Instant::now();
    }
    Ok(())
}

fn end_if_silent(tasks: &mut Vec<Box<dyn Task>>, session: &mut Session) {
    let listening = tasks.iter().any(|task| task.listens());
    if !listening {
        session.heard = Instant::now();
    } else if session.heard.elapsed() > session.silence {
        for mut task in tasks.drain(..) {
            task.lost(session.lost("hear from", Some(io::ErrorKind::TimedOut.into())));
        }
        session.opening = None;
    }
}
