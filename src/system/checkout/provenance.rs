//! Which tree it is: commit, changes, origin, and who is asking.

use std::collections::BTreeSet;
use std::path::Path;

use super::entry::Entries;
use super::error::CheckoutError;
use super::{Checkout, context};
use crate::domain::cluster::without_credentials;
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

    pub(super) fn git(&self, arguments: &[&str]) -> Result<String, CheckoutError> {
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

#[cfg(test)]
mod tests {
    use super::*;

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
