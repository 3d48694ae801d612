//! Entries as a tar stream, a little at a time.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};

use bytes::Bytes;
use futures_util::Stream;
use sha2::Digest as _;
use tar::{Builder, EntryType, Header};
use tokio::sync::mpsc;

use super::entry::{Entries, Entry, Kind};
use super::error::CheckoutError;
use crate::domain::name::Digest;

/// How large a chunk of the stream is.
const CHUNK: usize = 64 * 1024;
/// How many chunks may wait for the receiver; with [`CHUNK`] it bounds the memory.
const WAITING: usize = 16;

/// A tar archive that is written while it is read. Dropping it ends the writing.
#[derive(Debug)]
pub struct TarStream(mpsc::Receiver<io::Result<Bytes>>);

impl TarStream {
    /// Starts to write entries; a blocking thread does it. `replaced` is a file with another text than on disk, or that
    /// is not there at all. Needs a tokio runtime.
    #[must_use]
    pub fn new(entries: Arc<Entries>, replaced: Option<(PathBuf, String)>) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        tokio::task::spawn_blocking(move || {
            let mut pipe = Pipe {
                sender,
                chunk: Vec::with_capacity(CHUNK),
            };
            let result = write(&entries, replaced.as_ref(), &mut pipe).and_then(|()| pipe.flush());
            if let Err(error) = result {
                // A receiver that went away wanted no more of it.
                let _ = pipe.sender.blocking_send(Err(error));
            }
        });
        Self(receiver)
    }
}

impl Stream for TarStream {
    type Item = io::Result<Bytes>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut task::Context<'_>,
    ) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(context)
    }
}

struct Pipe {
    sender: mpsc::Sender<io::Result<Bytes>>,
    chunk: Vec<u8>,
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = CHUNK - self.chunk.len();
        let taken = bytes.len().min(room);
        self.chunk.extend_from_slice(&bytes[..taken]);
        if self.chunk.len() == CHUNK {
            self.flush()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        let chunk = std::mem::replace(&mut self.chunk, Vec::with_capacity(CHUNK));
        let sent = self.sender.blocking_send(Ok(Bytes::from(chunk)));
        sent.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))
    }
}

fn write(
    entries: &Entries,
    replaced: Option<&(PathBuf, String)>,
    pipe: &mut Pipe,
) -> io::Result<()> {
    let mut archive = Builder::new(pipe);
    for Entry { path, from, kind } in &entries.0 {
        if replaced.is_some_and(|(other, _)| other == path) {
            continue;
        }
        match kind {
            Kind::Folder => {
                let mut header = header(EntryType::Directory, 0o755, 0);
                archive.append_data(&mut header, path, io::empty())?;
            }
            Kind::Link { target } => {
                let mut header = header(EntryType::Symlink, 0o777, 0);
                archive.append_link(&mut header, path, target)?;
            }
            Kind::File {
                digest,
                size,
                executable,
            } => {
                let mode = if *executable { 0o755 } else { 0o644 };
                let mut header = header(EntryType::Regular, mode, *size);
                let mut source = Verified::open(from, *size)?;
                archive.append_data(&mut header, path, &mut source)?;
                source.check(from, digest)?;
            }
        }
    }
    if let Some((path, text)) = replaced {
        let mut header = header(EntryType::Regular, 0o644, text.len() as u64);
        archive.append_data(&mut header, path, text.as_bytes())?;
    }
    archive.into_inner()?;
    Ok(())
}

/// A header without time and owner.
fn header(kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header
}

/// A file that is hashed while it is sent.
struct Verified {
    source: io::Take<File>,
    hasher: sha2::Sha256,
    missing: u64,
}

impl Verified {
    fn open(path: &Path, size: u64) -> io::Result<Self> {
        let file =
            File::open(path).map_err(|error| io::Error::other(CheckoutError::read(path)(error)))?;
        Ok(Self {
            source: file.take(size),
            hasher: sha2::Sha256::new(),
            missing: size,
        })
    }

    fn check(self, path: &Path, digest: &Digest) -> io::Result<()> {
        let same = Digest::from_bytes(self.hasher.finalize().into()) == *digest;
        let ended = self.source.into_inner().read(&mut [0])? == 0;
        if same && ended && self.missing == 0 {
            return Ok(());
        }
        Err(io::Error::other(CheckoutError::Changed {
            path: path.to_owned(),
        }))
    }
}

impl Read for Verified {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.source.read(buffer)?;
        self.hasher.update(&buffer[..length]);
        self.missing -= length as u64;
        Ok(length)
    }
}
