//! An engine behind SSH: its socket is looked for there, and a socket of ours leads to it.
//!
//! Host keys and logins are judged as for every other host. The socket on this machine lies in a folder that only this
//! user may enter: whoever reaches an engine has the machine that it runs on.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use super::EngineError;
use crate::domain::cluster::{EngineAddress, SshTarget};
use crate::domain::invocation::Invocation;
use crate::system::lab;
use crate::system::ssh::{Connection, Options, Remote, Request, SocketForward, SshError};

/// Finds a socket that may be used. Prints `use PATH`, and before it `closed PATH` or `tried PATH` of the others. What
/// DOCKER_HOST says there counts, as it does for `docker` there.
const FIND: &str = r#"
own=${XDG_RUNTIME_DIR:-/run/user/$(id -u)}
if [ $# = 0 ]; then
    case ${DOCKER_HOST:-} in
        unix://*) set -- "${DOCKER_HOST#unix://}" ;;
        *) set -- /var/run/docker.sock "$own/docker.sock" /run/podman/podman.sock "$own/podman/podman.sock" ;;
    esac
fi
for socket; do
    if [ -S "$socket" ] && [ -w "$socket" ]; then
        printf 'use %s\n' "$socket"
        exit
    elif [ -S "$socket" ]; then
        printf 'closed %s\n' "$socket"
    else
        printf 'tried %s\n' "$socket"
    fi
done
"#;

/// The way to an engine behind SSH, closed when dropped.
#[derive(Debug)]
pub(super) struct Way {
    folder: Folder,
    _forward: SocketForward,
}

impl Way {
    /// Opens one.
    pub(super) async fn open(
        target: &SshTarget,
        socket: Option<&str>,
    ) -> Result<Self, EngineError> {
        let address = EngineAddress::Ssh {
            target: target.clone(),
            socket: socket.map(str::to_owned),
        };
        let failed = |source: SshError| EngineError::Ssh {
            address: address.to_string(),
            source: Box::new(source),
        };
        let connection = Connection::connect(target, &options(target))
            .await
            .map_err(failed)?;
        let argv = ["/bin/sh", "-c", FIND, "sh"].into_iter().chain(socket);
        let request = Request::new(Invocation::new(argv));
        let found = connection
            .run(request, &mut |_, _| {})
            .await
            .map_err(failed)?;
        let sockets = Sockets::read(&found.stdout);
        let there = sockets.usable.ok_or_else(|| EngineError::NoSocket {
            address: address.to_string(),
            host: target.host.clone(),
            user: connection.user().to_owned(),
            closed: sockets.closed,
            tried: sockets.tried,
        })?;
        let folder = Folder::make().map_err(EngineError::local)?;
        let listener = UnixListener::bind(folder.socket()).map_err(EngineError::local)?;
        let forward = connection.forward_socket(listener, there).map_err(failed)?;
        Ok(Self {
            folder,
            _forward: forward,
        })
    }

    /// Returns the socket here that leads there.
    pub(super) fn socket(&self) -> PathBuf {
        self.folder.socket()
    }
}

/// Returns how a host is connected to: by the lab's configuration if it is one of the lab's.
pub(super) fn options(target: &SshTarget) -> Options {
    Options {
        config: lab::ssh_config_for(&target.host),
        ..Options::default()
    }
}

/// What was found there.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sockets {
    usable: Option<String>,
    /// There, but not for who logged in.
    closed: Vec<String>,
    /// Not there.
    tried: Vec<String>,
}

impl Sockets {
    /// Reads what [`FIND`] printed. A greeting of the login shell may come before.
    fn read(text: &str) -> Self {
        let mut sockets = Self::default();
        for line in text.lines() {
            match line.split_once(' ') {
                Some(("use", path)) => sockets.usable = Some(path.to_owned()),
                Some(("closed", path)) => sockets.closed.push(path.to_owned()),
                Some(("tried", path)) => sockets.tried.push(path.to_owned()),
                Some(_) | None => {}
            }
        }
        sockets
    }
}

/// A folder that only this user may enter, gone when dropped.
#[derive(Debug)]
struct Folder(PathBuf);

impl Folder {
    fn make() -> io::Result<Self> {
        let name = format!("longshore-engine-{}-", std::process::id());
        let base = std::env::temp_dir();
        forget_dead(&base);
        let path = base.join(format!("{name}{:016x}", rand::random::<u64>()));
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }

    fn socket(&self) -> PathBuf {
        self.0.join("engine.sock")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Removes what killed runs of this user left. What is another's cannot be removed, which is no error.
fn forget_dead(base: &Path) {
    for entry in fs::read_dir(base).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let pid = name.strip_prefix("longshore-engine-");
        let pid = pid.and_then(|rest| rest.split('-').next());
        if let Some(pid) = pid
            && !Path::new("/proc").join(pid).exists()
        {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn reads_which_socket_is_to_be_used() {
        let sockets = Sockets::read("Welcome to web\ntried /a\nclosed /b c\nuse /d\n");
        assert_eq!(
            sockets,
            Sockets {
                usable: Some("/d".to_owned()),
                closed: vec!["/b c".to_owned()],
                tried: vec!["/a".to_owned()],
            }
        );
        assert_eq!(Sockets::read("use\nWelcome").usable, None);
    }

    #[test]
    fn the_folder_is_for_this_user_alone_and_goes() {
        let folder = Folder::make().unwrap();
        let path = folder.0.clone();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        drop(folder);
        assert!(!path.exists());
    }

    #[test]
    fn what_a_killed_run_left_goes_and_what_a_living_one_has_stays() {
        let base = tempfile::tempdir().unwrap();
        let dead = base.path().join("longshore-engine-4194999-1");
        let living = base
            .path()
            .join(format!("longshore-engine-{}-1", std::process::id()));
        fs::create_dir(&dead).unwrap();
        fs::create_dir(&living).unwrap();
        forget_dead(base.path());
        assert!(!dead.exists() && living.exists());
    }
}
