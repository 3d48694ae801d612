//! Files out of containers: a tar stream, unpacked below a folder that nothing in it can leave.
//!
//! What a container wrote is foreign. Only files, folders and links that stay within are made; links come last, so that
//! nothing is ever written through one.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::{Component, Path, PathBuf};

use bollard::query_parameters::DownloadFromContainerOptionsBuilder;
use bytes::{Buf, Bytes};
use futures_util::{StreamExt, TryStreamExt};
use tar::EntryType;
use tokio::sync::mpsc;

use super::error::missing;
use super::{Engine, EngineError};

/// How many chunks of the stream may wait for the disk; the engine's are at most 32 KiB.
const WAITING: usize = 16;
/// How many things that were left out are named.
const NAMED: usize = 5;

/// How much may be taken out of a container.
#[derive(Debug, Clone, Copy)]
pub struct Allowance {
    /// How many bytes of files.
    pub bytes: u64,
    /// How many files, folders and links.
    pub entries: u64,
}

/// What was taken out of a container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CopiedOut {
    /// How many files.
    pub files: u64,
    /// How many bytes they have together.
    pub bytes: u64,
    /// The first few things that were left out, each with why.
    pub left_out: Vec<String>,
    /// Whether there was more than was allowed.
    pub cut: bool,
}

impl Engine {
    /// Copies a file or folder out of a container, whether that runs or not, to a path at which nothing is yet. None
    /// if it is not there.
    ///
    /// # Errors
    ///
    /// If the engine cannot be asked, or the disk does not take it.
    pub async fn copy_out(
        &self,
        container: &str,
        path: &str,
        to: (&Path, Allowance),
    ) -> Result<Option<CopiedOut>, EngineError> {
        let (target, allowance) = (to.0.to_owned(), to.1);
        let request = DownloadFromContainerOptionsBuilder::new().path(path);
        let stream = self
            .docker
            .download_from_container(container, Some(request.build()));
        let mut stream = stream.boxed();
        let failed = || EngineError::request(format!("copy {path} out of container {container}"));
        let mut next = match stream.try_next().await {
            Ok(first) => first,
            Err(error) if missing(&error) => return Ok(None),
            Err(error) => return Err(failed()(error)),
        };
        let (sender, receiver) = mpsc::channel(WAITING);
        let unpacked = tokio::task::spawn_blocking(move || {
            let chunk = Bytes::new();
            let unpacked = unpack(Chunks { receiver, chunk }, &target, allowance);
            unpacked.map_err(|source| EngineError::Unpack {
                path: target,
                source,
            })
        });
        while let Some(chunk) = next {
            // Whoever unpacks has had enough, or failed and says so below.
            if sender.send(chunk).await.is_err() {
                break;
            }
            next = stream.try_next().await.map_err(failed())?;
        }
        drop(sender);
        match unpacked.await {
            Ok(copied) => copied.map(Some),
            // The runtime ends, and with it whoever asked.
            Err(_) => Ok(None),
        }
    }
}

/// The stream as something that is read from.
struct Chunks {
    receiver: mpsc::Receiver<Bytes>,
    chunk: Bytes,
}

impl Read for Chunks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.chunk.is_empty() {
            match self.receiver.blocking_recv() {
                Some(chunk) => self.chunk = chunk,
                None => return Ok(0),
            }
        }
        let length = self.chunk.len().min(buffer.len());
        self.chunk.copy_to_slice(&mut buffer[..length]);
        Ok(length)
    }
}

/// Unpacks a tar so that its first entry, which all others lie in, comes to be at `target`.
fn unpack(source: impl Read, target: &Path, allowance: Allowance) -> io::Result<CopiedOut> {
    let mut unpacking = Unpacking {
        target,
        allowance,
        copied: CopiedOut::default(),
    };
    if let Some(folder) = target.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut archive = tar::Archive::new(source);
    let mut links = Vec::new();
    for (number, entry) in (0_u64..).zip(archive.entries()?) {
        let mut entry = entry?;
        if number >= allowance.entries || unpacking.copied.cut {
            unpacking.copied.cut = true;
            break;
        }
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let Some(path) = below(Path::new(&name)) else {
            unpacking.leave(&name, "leads out of it");
            continue;
        };
        let kind = entry.header().entry_type();
        let link = entry.link_name()?.map(|link| link.into_owned());
        let placed = match (kind, link) {
            (EntryType::Directory, _) => fs::create_dir_all(unpacking.at(&path)),
            (EntryType::Regular | EntryType::Continuous, _) => {
                let executable = entry.header().mode().is_ok_and(|mode| mode & 0o100 != 0);
                unpacking.file(&path, &mut entry, executable)
            }
            (EntryType::Link, Some(link)) => unpacking.same_file(&path, &link),
            (EntryType::Symlink, Some(link)) => {
                links.push((name, path, link));
                continue;
            }
            _ => {
                unpacking.leave(&name, "is no file, folder or link");
                continue;
            }
        };
        unpacking.judge(&name, placed)?;
    }
    let mut made = BTreeSet::new();
    for (name, path, link) in links {
        if !stays(&path, &link) || path.ancestors().any(|above| made.contains(above)) {
            unpacking.leave(&name, "is a link that leads out of it");
            continue;
        }
        let placed = unpacking.parent(&path).and_then(|at| symlink(&link, at));
        unpacking.judge(&name, placed)?;
        made.insert(path);
    }
    Ok(unpacking.copied)
}

struct Unpacking<'u> {
    target: &'u Path,
    allowance: Allowance,
    copied: CopiedOut,
}

impl Unpacking<'_> {
    fn at(&self, path: &Path) -> PathBuf {
        match path.as_os_str().is_empty() {
            // Joining nothing would add a slash, which asks for a folder.
            true => self.target.to_owned(),
            false => self.target.join(path),
        }
    }

    /// Makes the folder that a path lies in. There are no links yet that it could lie behind.
    fn parent(&self, path: &Path) -> io::Result<PathBuf> {
        let at = self.at(path);
        if let Some(folder) = at.parent() {
            fs::create_dir_all(folder)?;
        }
        Ok(at)
    }

    fn file(&mut self, path: &Path, source: &mut impl Read, executable: bool) -> io::Result<()> {
        let at = self.parent(path)?;
        let mode = if executable { 0o755 } else { 0o644 };
        let mut file: File = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(at)?;
        let room = self.allowance.bytes.saturating_sub(self.copied.bytes);
        let copied = io::copy(&mut source.by_ref().take(room), &mut file)?;
        self.copied.bytes = self.copied.bytes.saturating_add(copied);
        self.copied.files += 1;
        if copied == room {
            self.copied.cut |= source.read(&mut [0])? > 0;
        }
        Ok(())
    }

    /// Gives a file that was unpacked another name.
    fn same_file(&mut self, path: &Path, link: &Path) -> io::Result<()> {
        let from = below(link).map(|from| self.at(&from));
        let from = from.filter(|from| fs::symlink_metadata(from).is_ok_and(|file| file.is_file()));
        let from = from.ok_or(io::ErrorKind::NotFound)?;
        fs::hard_link(from, self.parent(path)?)?;
        self.copied.files += 1;
        Ok(())
    }

    /// Takes what cannot be placed for something odd about the archive, unless the disk is why.
    fn judge(&mut self, name: &str, placed: io::Result<()>) -> io::Result<()> {
        use io::ErrorKind::{
            AlreadyExists, InvalidFilename, InvalidInput, IsADirectory, NotADirectory, NotFound,
        };
        let Err(error) = placed else {
            return Ok(());
        };
        let kind = error.kind();
        let why = if matches!(kind, AlreadyExists | IsADirectory | NotADirectory) {
            "is there twice"
        } else if kind == NotFound {
            "is another name of something that is not there"
        } else if matches!(kind, InvalidFilename | InvalidInput) {
            "has a name that cannot be"
        } else {
            return Err(error);
        };
        self.leave(name, why);
        Ok(())
    }

    fn leave(&mut self, name: &str, why: &str) {
        if self.copied.left_out.len() < NAMED {
            self.copied.left_out.push(format!("{name:?} {why}"));
        }
    }
}

/// Returns a path without its first part, if it leads nowhere else.
fn below(path: &Path) -> Option<PathBuf> {
    let mut parts = Vec::new();
    for part in path.components() {
        match part {
            Component::Normal(part) => parts.push(part),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    (!parts.is_empty()).then(|| parts.iter().skip(1).collect())
}

/// Tells whether a link at this path leads to something below the same folder, whatever the links on its way are, if
/// these do: it goes up first, not further than the folder, and then only down.
fn stays(path: &Path, link: &Path) -> bool {
    let depth = path.components().count();
    let mut up = 0;
    let mut down = false;
    for part in link.components() {
        match part {
            Component::ParentDir if !down => up += 1,
            Component::Normal(_) => down = true,
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return false,
        }
    }
    up < depth
}

#[cfg(test)]
mod tests {
    use super::*;
    use tar::{Builder, Header};

    const PLENTY: Allowance = Allowance {
        bytes: 1_000,
        entries: 100,
    };

    /// Makes an archive of entries whose names no honest writer of archives would take.
    fn archive(entries: &[(EntryType, &str, &str)]) -> Vec<u8> {
        let mut builder = Builder::new(Vec::new());
        for (kind, name, content) in entries {
            let mut header = Header::new_gnu();
            header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_entry_type(*kind);
            header.set_mode(0o6755);
            let is_link = kind.is_hard_link() || kind.is_symlink();
            if is_link {
                let link = &mut header.as_gnu_mut().unwrap().linkname;
                link[..content.len()].copy_from_slice(content.as_bytes());
            }
            let body = if is_link { "" } else { content };
            header.set_size(body.len() as u64);
            header.set_cksum();
            builder.append(&header, body.as_bytes()).unwrap();
        }
        builder.into_inner().unwrap()
    }

    fn unpacked(
        entries: &[(EntryType, &str, &str)],
        allowance: Allowance,
    ) -> (Vec<String>, CopiedOut) {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a/b/out");
        let copied = unpack(archive(entries).as_slice(), &target, allowance).unwrap();
        let mut found = Vec::new();
        list(folder.path(), folder.path(), &mut found);
        found.sort();
        (found, copied)
    }

    fn list(root: &Path, folder: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let kind = fs::symlink_metadata(&path).unwrap();
            if kind.is_dir() {
                list(root, &path, found);
                continue;
            }
            let name = path.strip_prefix(root).unwrap().display();
            found.push(match kind.is_symlink() {
                true => format!("{name} -> {}", fs::read_link(&path).unwrap().display()),
                false => format!("{name}: {}", fs::read_to_string(&path).unwrap()),
            });
        }
    }

    #[test]
    fn files_folders_and_links_within_are_unpacked() {
        use EntryType::{Directory, Link, Regular, Symlink};
        let entries = [
            (Directory, "dist/", ""),
            (Symlink, "dist/latest", "v1/app"),
            (Regular, "dist/v1/app", "binary"),
            (Symlink, "dist/v1/up", "../latest"),
            (Link, "dist/same", "dist/v1/app"),
        ];
        let (found, copied) = unpacked(&entries, PLENTY);
        let expected = [
            "a/b/out/latest -> v1/app",
            "a/b/out/same: binary",
            "a/b/out/v1/app: binary",
            "a/b/out/v1/up -> ../latest",
        ];
        assert_eq!(found, expected);
        assert_eq!(
            (copied.files, copied.bytes, copied.left_out.len()),
            (2, 6, 0)
        );
        let (found, _) = unpacked(&[(Regular, "junit.xml", "x")], PLENTY);
        assert_eq!(found, ["a/b/out: x"]);
    }

    #[test]
    fn nothing_leaves_the_folder() {
        use EntryType::{Block, Char, Directory, Fifo, Link, Regular, Symlink};
        for (entries, why) in [
            (vec![(Regular, "out/../../x", "x")], "leads out"),
            (vec![(Regular, "/etc/x", "x")], "leads out"),
            (vec![(Symlink, "out/l", "/etc")], "leads out"),
            (vec![(Symlink, "out/l", "../x")], "leads out"),
            (vec![(Symlink, "out/d/l", "x/../../../y")], "leads out"),
            (vec![(Symlink, "out", "elsewhere")], "leads out"),
            (vec![(Link, "out/l", "/etc/passwd")], "not there"),
            (vec![(Link, "out/l", "out/../../x")], "not there"),
            (vec![(Char, "out/null", "")], "is no file"),
            (vec![(Block, "out/disk", "")], "is no file"),
            (vec![(Fifo, "out/pipe", "")], "is no file"),
        ] {
            let (found, copied) = unpacked(&entries, PLENTY);
            assert_eq!(found, Vec::<String>::new(), "{entries:?}");
            assert!(copied.left_out[0].contains(why), "{copied:?}");
        }
        // A file below a link of the same archive is written before the link, which then has no place.
        let behind = [
            (Directory, "out/", ""),
            (Symlink, "out/l", "d"),
            (Regular, "out/l/x", "x"),
        ];
        let (found, copied) = unpacked(&behind, PLENTY);
        assert_eq!(found, ["a/b/out/l/x: x"]);
        assert_eq!(copied.left_out, ["\"out/l\" is there twice"]);
        // A link behind a link would be counted from another folder than it lies in.
        let chained = [
            (Regular, "out/s/f", "x"),
            (Symlink, "out/d/e/a", "../../s"),
            (Symlink, "out/d/e/a/up", "../../.."),
        ];
        let (found, copied) = unpacked(&chained, PLENTY);
        assert_eq!(found, ["a/b/out/d/e/a -> ../../s", "a/b/out/s/f: x"]);
        assert_eq!(copied.left_out.len(), 1);
    }

    #[test]
    fn no_more_than_is_allowed_is_unpacked() {
        use EntryType::Regular;
        let entries = [(Regular, "out/a", "1234"), (Regular, "out/b", "5678")];
        let few = |bytes, entries| Allowance { bytes, entries };
        let (found, copied) = unpacked(&entries, few(6, 9));
        assert_eq!(found, ["a/b/out/a: 1234", "a/b/out/b: 56"]);
        assert!(copied.cut);
        assert!(!unpacked(&entries, few(8, 2)).1.cut);
        let (found, copied) = unpacked(&entries, few(9, 1));
        assert_eq!((found.len(), copied.cut), (1, true));
    }

    #[test]
    fn an_archive_that_ends_too_early_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let whole = archive(&[(EntryType::Regular, "out", &"x".repeat(900))]);
        let target = folder.path().join("out");
        assert!(unpack(&whole[..700], &target, PLENTY).is_err());
    }
}
