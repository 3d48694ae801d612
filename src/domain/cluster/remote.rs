//! Build contexts that lie in another repository.
//!
//! Only a commit says for good what is in one: a branch moves between the test and the next build. So an address
//! without a commit is none that can be built from.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A folder of another git repository at a commit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Remote {
    /// Where git finds the repository.
    pub url: String,
    /// The commit, in full.
    pub commit: String,
    /// The folder in it; empty for all of it.
    pub folder: PathBuf,
}

/// Why an address is no build context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemoteFault {
    /// It is not that of a git repository.
    NotGit,
    /// It names a branch, a tag, or nothing, which all move.
    NoCommit,
    /// Its folder leads out of the repository.
    Folder,
}

impl Remote {
    /// Returns its address as people may see it: without a password.
    #[must_use]
    pub fn shown(&self) -> String {
        let folder = self.folder.display();
        let folder = if self.folder.as_os_str().is_empty() {
            String::new()
        } else {
            format!(":{folder}")
        };
        format!("{}#{}{folder}", without_credentials(&self.url), self.commit)
    }

    /// Reads `ADDRESS#COMMIT[:FOLDER]`, in the forms of address that BuildKit has.
    ///
    /// # Errors
    ///
    /// Why it cannot be built from.
    pub fn parse(text: &str) -> Result<Self, RemoteFault> {
        let (address, fragment) = text.split_once('#').unwrap_or((text, ""));
        let url = url(address).ok_or(RemoteFault::NotGit)?;
        let (commit, folder) = fragment.split_once(':').unwrap_or((fragment, ""));
        let hexadecimal = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        if !matches!(commit.len(), 40 | 64) || !commit.chars().all(hexadecimal) {
            return Err(RemoteFault::NoCommit);
        }
        let folder = folder.trim_start_matches('/');
        if folder.split('/').any(|part| part == "..") {
            return Err(RemoteFault::Folder);
        }
        let parts = folder.split('/').filter(|part| !matches!(*part, "" | "."));
        Ok(Self {
            url,
            commit: commit.to_owned(),
            folder: parts.collect(),
        })
    }
}

/// Cuts `user:password@` out of a repository's address. A user alone stays where ssh needs it: `git@host:path`.
#[must_use]
pub fn without_credentials(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let (authority, path) = match rest.find(['/', '?', '#']) {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    // A token may stand in the user's place, so over anything but ssh nothing before the @ is kept.
    let host = match authority.rsplit_once('@') {
        Some((login, host)) if scheme == "ssh" || scheme == "git+ssh" => {
            let user = login.split(':').next().unwrap_or_default();
            format!("{user}@{host}")
        }
        Some((_, host)) => host.to_owned(),
        None => authority.to_owned(),
    };
    format!("{scheme}://{host}{path}")
}

/// Returns what git is called with, if an address is a repository's.
fn url(address: &str) -> Option<String> {
    // git would take it for an option.
    if address.starts_with('-') || address.contains(char::is_whitespace) {
        return None;
    }
    if address.starts_with("github.com/") {
        return Some(format!("https://{address}"));
    }
    let git = address.starts_with("git://")
        || address.starts_with("ssh://")
        || address.starts_with("git@");
    let web = address.starts_with("https://") || address.starts_with("http://");
    (git || web && address.ends_with(".git")).then(|| address.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

    #[test]
    fn reads_what_names_a_commit() {
        for (address, url, folder) in [
            ("https://git.test/a.git#C", "https://git.test/a.git", ""),
            (
                "github.com/acme/a#C:b/./c/",
                "https://github.com/acme/a",
                "b/c",
            ),
            (
                "git@git.test:acme/a.git#C:/b",
                "git@git.test:acme/a.git",
                "b",
            ),
            ("ssh://git@git.test:22/a#C", "ssh://git@git.test:22/a", ""),
            ("git://git.test/a#C:", "git://git.test/a", ""),
        ] {
            let remote = Remote::parse(&address.replace('C', COMMIT));
            let expected = Remote {
                url: url.to_owned(),
                commit: COMMIT.to_owned(),
                folder: folder.into(),
            };
            assert_eq!(remote, Ok(expected), "{address}");
        }
    }

    #[test]
    fn what_moves_or_is_no_repository_is_refused() {
        for (address, fault) in [
            ("https://git.test/a.tar.gz", RemoteFault::NotGit),
            ("--upload-pack=x", RemoteFault::NotGit),
            ("git://git.test/a b#C", RemoteFault::NotGit),
            ("https://git.test/a.git", RemoteFault::NoCommit),
            ("https://git.test/a.git#main", RemoteFault::NoCommit),
            ("https://git.test/a.git#v1.0:b", RemoteFault::NoCommit),
            ("https://git.test/a.git#0123456", RemoteFault::NoCommit),
            ("https://git.test/a.git#C:b/../../c", RemoteFault::Folder),
        ] {
            let remote = Remote::parse(&address.replace('C', COMMIT));
            assert_eq!(remote, Err(fault), "{address}");
        }
    }

    #[test]
    fn no_credential_survives() {
        for (url, expected) in [
            (
                "https://user:secret@git.test/a.git",
                "https://git.test/a.git",
            ),
            ("https://ghp_token@git.test/a.git", "https://git.test/a.git"),
            ("https://u:p@ss@git.test/a", "https://git.test/a"),
            ("ssh://git@git.test:22/a.git", "ssh://git@git.test:22/a.git"),
            (
                "ssh://git:secret@git.test/a.git",
                "ssh://git@git.test/a.git",
            ),
            ("git@git.test:a/b.git", "git@git.test:a/b.git"),
            ("https://git.test/a@b", "https://git.test/a@b"),
            ("/srv/git/a", "/srv/git/a"),
        ] {
            assert_eq!(without_credentials(url), expected, "{url}");
        }
    }
}
