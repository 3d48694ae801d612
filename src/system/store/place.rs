//! Where the record lies on disk.

use std::path::{Path, PathBuf};

use super::StoreError;
use crate::system::environment;

/// Where the record and what belongs to it lie: the ledger, and beside it the bytes of releases and the logs of tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The ledger's file.
    pub ledger: PathBuf,
    /// The folder of kept images.
    pub blobs: PathBuf,
    /// The folder of logs.
    pub logs: PathBuf,
}

impl Place {
    /// Finds the place that `--ledger` names, or the default one in the state folder.
    ///
    /// # Errors
    ///
    /// If the URL is of something else than a file.
    pub fn of(url: Option<&str>) -> Result<Self, StoreError> {
        let ledger = match url {
            None | Some("") => environment::state_dir().join("ledger.db"),
            Some(url) => file(url).ok_or_else(|| StoreError::Url {
                url: scheme_only(url),
            })?,
        };
        let folder = ledger.parent().unwrap_or(Path::new(".")).to_owned();
        Ok(Self {
            blobs: folder.join("blobs"),
            logs: folder.join("logs"),
            ledger,
        })
    }
}

fn file(url: &str) -> Option<PathBuf> {
    let path = match url.split_once("://") {
        None => url,
        Some(("sqlite" | "file", path)) => path,
        Some(_) => return None,
    };
    (!path.is_empty()).then(|| PathBuf::from(path))
}

/// Drops everything that may hold a password.
fn scheme_only(url: &str) -> String {
    let scheme = url.split("://").next().unwrap_or_default();
    format!("{scheme}://…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_and_a_url_of_a_file_are_the_same() {
        for url in [
            "/srv/ledger.db",
            "sqlite:///srv/ledger.db",
            "file:///srv/ledger.db",
        ] {
            let place = Place::of(Some(url)).unwrap();
            assert_eq!(place.ledger, Path::new("/srv/ledger.db"));
            assert_eq!(place.blobs, Path::new("/srv/blobs"));
        }
    }

    #[test]
    fn another_database_is_refused_without_its_password() {
        let error = Place::of(Some("postgres://me:secret@db/longshore")).unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}
