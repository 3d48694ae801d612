//! Folders of other repositories, fetched once for each commit and kept in the user's cache.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use super::Checkout;
use super::error::CheckoutError;
use crate::domain::cluster::{Remote, without_credentials};
use crate::domain::name::Digest;
use crate::system::process::ProcessError;
use crate::system::{environment, process};

/// Returns where a repository's tree at a commit is kept.
pub(super) fn tree(remote: &Remote) -> PathBuf {
    // The same name on another host is another repository; an address may hold a password.
    let repository = Digest::of(remote.url.as_bytes());
    let folder = format!("{}-{}", repository.short(), remote.commit);
    environment::cache_dir().join("git").join(folder)
}

/// Returns the root of a tree that was fetched, symbolic links followed.
pub(super) fn root(remote: &Remote) -> Result<PathBuf, CheckoutError> {
    let tree = tree(remote);
    fs::canonicalize(&tree).map_err(CheckoutError::read(&tree))
}

impl Checkout {
    /// Fetches another repository's tree, unless it is there, and tells whether it did. Nobody is asked for a password.
    ///
    /// # Errors
    ///
    /// If the repository cannot be reached or has no such commit, or the cache cannot be written.
    pub fn fetch(remote: &Remote) -> Result<bool, CheckoutError> {
        let tree = tree(remote);
        if tree.exists() {
            return Ok(false);
        }
        let parent = tree.parent().unwrap_or(Path::new("/"));
        fs::create_dir_all(parent).map_err(CheckoutError::read(parent))?;
        sweep(parent);
        // Two that fetch the same at once don't meet, and one that is killed leaves nothing that counts.
        let own = format!(".{}-{}", remote.commit, std::process::id());
        let own = parent.join(own);
        let fetched = fetched(remote, &own).and_then(|()| match fs::rename(&own, &tree) {
            Err(_) if tree.exists() => Ok(()),
            renamed => renamed.map_err(CheckoutError::read(&tree)),
        });
        // Gone already, if it was renamed.
        let _ = fs::remove_dir_all(&own);
        fetched.map(|()| true)
    }

    /// Reads a file of another repository's tree.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub fn read_remote(remote: &Remote, path: &Path) -> Result<Vec<u8>, CheckoutError> {
        let path = super::inside(&root(remote)?, path)?;
        fs::read(&path).map_err(CheckoutError::read(&path))
    }
}

/// Removes what others left who were killed in the middle. What cannot be removed is only in the way of the disk.
fn sweep(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let process = name.to_str().and_then(|name| {
            let (_, process) = name.strip_prefix('.')?.rsplit_once('-')?;
            process.parse::<u32>().ok()
        });
        if process.is_some_and(|process| !Path::new(&format!("/proc/{process}")).exists()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn fetched(remote: &Remote, into: &Path) -> Result<(), CheckoutError> {
    let _ = fs::remove_dir_all(into);
    fs::create_dir(into).map_err(CheckoutError::read(into))?;
    let git = |arguments: &[&str]| git(remote, into, arguments);
    git(&["init", "--quiet"])?;
    // In a file, for everybody on the machine sees arguments, and an address may hold a password.
    let config = into.join(".git/config");
    let mut text = fs::read_to_string(&config).map_err(CheckoutError::read(&config))?;
    let address = remote.url.replace('\\', "\\\\").replace('"', "\\\"");
    text.push_str(&format!("[remote \"origin\"]\n\turl = \"{address}\"\n"));
    fs::write(&config, text).map_err(CheckoutError::read(&config))?;
    let alone = git(&[
        "fetch",
        "--quiet",
        "--no-tags",
        "--depth=1",
        "origin",
        &remote.commit,
    ]);
    if alone.is_err() {
        // A server need not give single commits away.
        git(&["fetch", "--quiet", "origin", "+refs/*:refs/fetched/*"])?;
    }
    git(&["checkout", "--quiet", "--detach", &remote.commit])?;
    git(&[
        "submodule",
        "--quiet",
        "update",
        "--init",
        "--recursive",
        "--depth=1",
    ])?;
    let history = into.join(".git");
    fs::remove_dir_all(&history).map_err(CheckoutError::read(&history))
}

fn git(remote: &Remote, folder: &Path, arguments: &[&str]) -> Result<(), CheckoutError> {
    // Whoever would be asked for a password or a host's key is not there.
    let silent = [
        "-c",
        "core.askPass=true",
        "-c",
        "core.sshCommand=ssh -o BatchMode=yes",
    ];
    let all = silent.iter().chain(arguments).map(OsStr::new);
    match process::output("git", all, folder) {
        Ok(_) => Ok(()),
        Err(source) => {
            let url = without_credentials(&remote.url);
            Err(CheckoutError::Fetch {
                source: redacted(source, (&remote.url, &url)),
                commit: remote.commit.clone(),
                url,
            })
        }
    }
}

/// Takes an address out of what git said of it.
fn redacted(error: ProcessError, (whole, shown): (&str, &str)) -> ProcessError {
    match error {
        ProcessError::Start { .. } => error,
        ProcessError::Failed { program, stderr } => ProcessError::Failed {
            program,
            stderr: stderr.replace(whole, shown),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(folder: &Path, arguments: &[&str]) -> String {
        let identity = ["-c", "user.name=t", "-c", "user.email=t@example.com"];
        let output = process::output("git", identity.iter().chain(arguments), folder).unwrap();
        String::from_utf8(output).unwrap().trim().to_owned()
    }

    #[test]
    fn a_commit_is_fetched_whole_and_without_its_history() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        run(folder.path(), &["init", "--quiet"]);
        fs::create_dir(at("sub")).unwrap();
        fs::write(at("sub/Dockerfile"), "FROM a\n").unwrap();
        run(folder.path(), &["add", "."]);
        run(folder.path(), &["commit", "--quiet", "-m", "x"]);
        let commit = run(folder.path(), &["rev-parse", "HEAD"]);
        fs::write(at("sub/Dockerfile"), "FROM b\n").unwrap();
        run(folder.path(), &["commit", "--quiet", "-am", "y"]);
        let remote = Remote {
            url: format!("file://{}", folder.path().display()),
            commit,
            folder: "sub".into(),
        };
        let into = at("fetched");
        fetched(&remote, &into).unwrap();
        let text = fs::read_to_string(into.join("sub/Dockerfile")).unwrap();
        assert_eq!(text, "FROM a\n");
        assert!(!into.join(".git").exists());

        let dead = process::output("sh", ["-c", "echo $$"], folder.path()).unwrap();
        let dead = format!(
            ".{}-{}",
            remote.commit,
            String::from_utf8(dead).unwrap().trim()
        );
        let alive = format!(".{}-{}", remote.commit, std::process::id());
        let beside = at("beside");
        for name in [&dead, &alive, &remote.commit] {
            fs::create_dir_all(beside.join(name)).unwrap();
        }
        sweep(&beside);
        assert!(!beside.join(&dead).exists());
        assert!(beside.join(&alive).exists() && beside.join(&remote.commit).exists());

        let gone = Remote {
            commit: "0".repeat(40),
            url: format!("file://t:secret@{}", folder.path().display()),
            ..remote
        };
        let error = fetched(&gone, &at("gone")).unwrap_err();
        let told = format!("{error}: {:?}", std::error::Error::source(&error));
        assert!(!told.contains("secret"), "{told}");
    }
}
