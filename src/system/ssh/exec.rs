//! Running one command over a session.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedSender;

use super::error::SshError;
use super::remote::{Exit, LineOf};
use super::session::{Session, Step, Task};

/// The most that is read or written at once: libssh2's largest packet.
const CHUNK: usize = 32 * 1024;

/// What a command tells while it runs.
#[derive(Debug)]
pub(super) enum Told {
    /// It printed something.
    Printed(LineOf, Vec<u8>),
    /// It is over.
    Over(Result<Exit, SshError>),
}

/// A command under way.
pub(super) struct Exec {
    pub(super) id: u64,
    /// The line for the host's shell.
    pub(super) line: String,
    pub(super) stdin: Vec<u8>,
    pub(super) patience: Duration,
    pub(super) until: Instant,
    pub(super) cancelled: Arc<AtomicBool>,
    pub(super) tell: UnboundedSender<Told>,
    pub(super) stage: Stage,
    pub(super) sent: usize,
}

/// How far it is.
pub(super) enum Stage {
    Opening,
    Starting(ssh2::Channel),
    Running {
        channel: ssh2::Channel,
        fed: bool,
        half_sent: bool,
    },
    Ending {
        channel: ssh2::Channel,
        closed: bool,
    },
    Over,
}

const DOING: &str = "run a command on";

impl Task for Exec {
    fn step(&mut self, session: &mut Session) -> Step {
        if self.cancelled.load(Ordering::Relaxed) {
            return self.give_up(session);
        }
        if Instant::now() >= self.until {
            let endpoint = session.link.endpoint.clone();
            let _ = self.tell.send(Told::Over(Err(SshError::Deadline {
                endpoint,
                after: self.patience,
            })));
            return self.give_up(session);
        }
        match self.advance(session) {
            Ok(step) => step,
            Err(error) => {
                let _ = self.tell.send(Told::Over(Err(error)));
                self.give_up(session)
            }
        }
    }

    fn lost(&mut self, error: SshError) {
        let _ = self.tell.send(Told::Over(Err(error)));
    }
}

impl Exec {
    fn advance(&mut self, session: &mut Session) -> Result<Step, SshError> {
        let lost = |session: &Session, source| session.lost(DOING, Some(source));
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Opening => match self.open(session)? {
                Some(channel) => self.goes_to(Stage::Starting(channel)),
                None => self.stays(Stage::Opening),
            },
            Stage::Starting(channel) if !session.has_room() => self.stays(Stage::Starting(channel)),
            Stage::Starting(mut channel) => {
                let result = channel.exec(&self.line);
                match session.ready(result) {
                    Ok(Some(())) => self.goes_to(Stage::Running {
                        channel,
                        fed: false,
                        half_sent: false,
                    }),
                    Ok(None) => self.stays(Stage::Starting(channel)),
                    Err(source) => Err(lost(session, source)),
                }
            }
            Stage::Running {
                mut channel,
                mut fed,
                mut half_sent,
            } => {
                let printed = self
                    .listen(&mut channel, session)
                    .map_err(|e| lost(session, e))?;
                let ate = self
                    .feed(&mut channel, &mut fed, &mut half_sent, session)
                    .map_err(|e| lost(session, e))?;
                if channel.eof() && !printed && !half_sent {
                    return self.goes_to(Stage::Ending {
                        channel,
                        closed: false,
                    });
                }
                let step = if printed || ate {
                    Step::Moved
                } else {
                    Step::Waits
                };
                self.stage = Stage::Running {
                    channel,
                    fed,
                    half_sent,
                };
                Ok(step)
            }
            Stage::Ending { channel, closed } if !session.has_room() => {
                self.stays(Stage::Ending { channel, closed })
            }
            Stage::Ending {
                mut channel,
                closed,
            } => {
                let result = if closed {
                    channel.wait_close()
                } else {
                    channel.close()
                };
                match session.ready(result) {
                    Ok(None) => self.stays(Stage::Ending { channel, closed }),
                    Ok(Some(())) if !closed => self.goes_to(Stage::Ending {
                        channel,
                        closed: true,
                    }),
                    Ok(Some(())) => {
                        let exit = exit(&channel).map_err(|e| lost(session, e.into()))?;
                        let _ = self.tell.send(Told::Over(Ok(exit)));
                        Ok(Step::Over)
                    }
                    Err(source) => Err(lost(session, source)),
                }
            }
            Stage::Over => Ok(Step::Over),
        }
    }

    fn goes_to(&mut self, stage: Stage) -> Result<Step, SshError> {
        self.stage = stage;
        Ok(Step::Moved)
    }

    fn stays(&mut self, stage: Stage) -> Result<Step, SshError> {
        self.stage = stage;
        Ok(Step::Waits)
    }

    fn open(&self, session: &mut Session) -> Result<Option<ssh2::Channel>, SshError> {
        if session.opening.is_some_and(|other| other != self.id) || !session.has_room() {
            return Ok(None);
        }
        let result = session.link.session.channel_session();
        match session.ready(result) {
            Ok(channel) => {
                session.opening = channel.is_none().then_some(self.id);
                Ok(channel)
            }
            Err(source) => {
                session.opening = None;
                Err(SshError::Denied {
                    endpoint: session.link.endpoint.clone(),
                    doing: DOING,
                    source,
                })
            }
        }
    }

    /// Reads both outputs in turn: a command that fills one while the other is waited on would never end.
    fn listen(&self, channel: &mut ssh2::Channel, session: &mut Session) -> io::Result<bool> {
        let mut buffer = [0; CHUNK];
        let mut any = false;
        for (line_of, stream) in [
            (LineOf::Stdout, 0),
            (LineOf::Stderr, ssh2::EXTENDED_DATA_STDERR),
        ] {
            let result = channel.stream(stream).read(&mut buffer);
            if let Some(read @ 1..) = session.ready(result)? {
                any = true;
                let _ = self
                    .tell
                    .send(Told::Printed(line_of, buffer[..read].to_vec()));
            }
        }
        Ok(any)
    }

    /// Writes what the command reads. One that ends without reading it all is not at fault.
    fn feed(
        &mut self,
        channel: &mut ssh2::Channel,
        fed: &mut bool,
        half_sent: &mut bool,
        session: &mut Session,
    ) -> io::Result<bool> {
        if *fed || (channel.eof() && !*half_sent) {
            return Ok(false);
        }
        if self.sent == self.stdin.len() {
            if !session.has_room() {
                return Ok(false);
            }
            let result = channel.send_eof();
            *fed = session.ready(result)?.is_some();
            return Ok(*fed);
        }
        let end = self.stdin.len().min(self.sent + CHUNK);
        match session.write(channel, &self.stdin[self.sent..end], half_sent) {
            Ok(Some(written)) => {
                self.sent += written;
                Ok(written > 0)
            }
            Ok(None) => Ok(false),
            Err(_) if closed_by_host(session) => {
                *fed = true;
                Ok(true)
            }
            Err(error) => Err(error),
        }
    }

    /// Closes the channel if one is open. The host is not waited for, but for what it takes to leave the session fit for
    /// others: a write that is half sent goes out, and then the word that the channel is closed.
    fn give_up(&mut self, session: &mut Session) -> Step {
        if session.opening == Some(self.id) {
            // A half-open channel would be handed to whoever opens next: it has to come to its end first.
            match self.open(session) {
                Ok(None) => return Step::Waits,
                Ok(Some(channel)) => drop(channel),
                Err(_) => {}
            }
            return Step::Over;
        }
        if let Stage::Running {
            channel,
            half_sent: half_sent @ true,
            ..
        } = &mut self.stage
        {
            let end = self.stdin.len().min(self.sent + CHUNK);
            if let Ok(None) = session.write(channel, &self.stdin[self.sent..end], half_sent) {
                return Step::Waits;
            }
        }
        if !session.has_room() {
            return Step::Waits;
        }
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Starting(mut channel)
            | Stage::Running { mut channel, .. }
            | Stage::Ending { mut channel, .. } => {
                let _ = channel.close();
            }
            Stage::Opening | Stage::Over => {}
        }
        Step::Over
    }
}

/// libssh2 says so where the host closed the channel while something was still to be written.
fn closed_by_host(session: &Session) -> bool {
    let codes = [
        libssh2_sys::LIBSSH2_ERROR_CHANNEL_CLOSED,
        libssh2_sys::LIBSSH2_ERROR_CHANNEL_EOF_SENT,
    ];
    ssh2::Error::last_session_error(&session.link.session).is_some_and(|error| {
        codes
            .iter()
            .any(|code| error.code() == ssh2::ErrorCode::Session(*code))
    })
}

/// A command that a signal killed has exit status 0 too, so the signal is asked for first.
fn exit(channel: &ssh2::Channel) -> Result<Exit, ssh2::Error> {
    match channel.exit_signal()?.exit_signal {
        Some(signal) => Ok(Exit::Signal(signal)),
        None => channel.exit_status().map(Exit::Code),
    }
}
