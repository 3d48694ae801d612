//! Which tree it is: commit, changes, origin, and who is asking.

use std::collections::BTreeSet;
use std::path::Path;

use super::entry::Entries;
use super::error::CheckoutError;
use super::{Checkout, context};
use crate::domain::ledger::Provenance;
use crate::system::{environment, process};

impl Checkout {
    /// Says which tree this is. Without git, and before the first commit, the content's digest stands for the commit.
    ///
    /// # Errors
    ///
    /// If git is needed and does not answer, or a file cannot be read.
    pub fn provenance(&self) -> Result<Provenance, CheckoutError> {
        let actor = actor();
        let by_content = |dirty| {
            let content = self.content()?.digest();
            Ok(Provenance {
                commit: content.to_string(),
                dirty,
                actor: actor.clone(),
            })
        };
        if !self.git {
            return by_content(false);
        }
        let status = self.git(&["status", "--porcelain", "-z", "--untracked-files=normal"])?;
        // Fails where there is no commit yet, which is no failure here: `status` has shown that git works.
        match self.git(&["rev-parse", "--verify", "--quiet", "HEAD"]) {
            Ok(commit) => Ok(Provenance {
                commit,
                dirty: !status.is_empty(),
                actor: actor.clone(),
            }),
            Err(_) => by_content(true),
        }
    }

    /// Returns the `origin` URL without credentials, or the root's path where there is none.
    #[must_use]
    pub fn origin(&self) -> String {
        let url = self
            .git
            .then(|| self.git(&["config", "--get", "remote.origin.url"]));
        match url {
            Some(Ok(url)) if !url.is_empty() => without_credentials(&url),
            Some(Ok(_) | Err(_)) | None => self.root.display().to_string(),
        }
    }

    fn git(&self, arguments: &[&str]) -> Result<String, CheckoutError> {
        let output = process::output("git", arguments, &self.root);
        let output = output.map_err(|source| CheckoutError::Git {
            path: self.root.clone(),
            source,
        })?;
        Ok(String::from_utf8_lossy(&output).trim().to_owned())
    }

    /// Reads everything but `.git`.
    fn content(&self) -> Result<Entries, CheckoutError> {
        let hidden = BTreeSet::from([Path::new(".git").to_owned()]);
        context::tree(&self.root, &hidden)
    }
}

/// Says who is asking: `user@host`.
fn actor() -> String {
    let user = ["USER", "LOGNAME"]
        .into_iter()
        .find_map(environment::variable);
    let user = user.unwrap_or_else(|| format!("uid-{}", rustix::process::getuid().as_raw()));
    let host = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned();
    format!("{user}@{host}")
}

/// Cuts `user:password@` out of a URL. A user alone stays where ssh needs it: `git@host:path`.
fn without_credentials(url: &str) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

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

    fn git(folder: &Path, arguments: &[&str]) {
        let identity = ["-c", "user.name=t", "-c", "user.email=t@example.com"];
        process::output("git", identity.iter().chain(arguments), folder).unwrap();
    }

    #[test]
    fn a_tree_is_named_by_its_commit_and_known_to_be_dirty() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        git(folder.path(), &["init", "--quiet"]);
        std::fs::create_dir(at("sub")).unwrap();
        std::fs::write(at("sub/a"), "1").unwrap();
        let checkout = Checkout::open(&at("sub")).unwrap();
        assert_eq!(
            checkout.root(),
            std::fs::canonicalize(folder.path()).unwrap()
        );
        assert_eq!(checkout.origin(), checkout.root().display().to_string());

        let unborn = checkout.provenance().unwrap();
        assert!(
            unborn.dirty && unborn.commit.starts_with("sha256:"),
            "{unborn:?}"
        );
        git(folder.path(), &["add", "."]);
        git(folder.path(), &["commit", "--quiet", "-m", "x"]);
        git(
            folder.path(),
            &["remote", "add", "origin", "https://t:s@git.test/a"],
        );
        let clean = checkout.provenance().unwrap();
        assert!(!clean.dirty && clean.commit.len() == 40, "{clean:?}");
        assert_eq!(checkout.origin(), "https://git.test/a");
        std::fs::write(at("new"), "1").unwrap();
        let dirty = checkout.provenance().unwrap();
        assert!(dirty.dirty && dirty.commit == clean.commit);
    }

    #[test]
    fn without_git_the_content_names_the_tree() {
        let make = |text: &str| {
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join("a"), text).unwrap();
            let checkout = Checkout::open(folder.path()).unwrap();
            (checkout.provenance().unwrap().commit, folder)
        };
        assert_eq!(make("1").0, make("1").0);
        assert_ne!(make("1").0, make("2").0);
    }
}
