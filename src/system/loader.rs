//! The files of a definition, read within bounds.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use crate::domain::definition::Content;
use crate::domain::definition::yaml::LARGEST;

/// Where a definition lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// The folder that longshore works in, absolute, links resolved.
    pub directory: PathBuf,
    /// The repository's root: the nearest folder above with a `.git`, else the folder itself.
    pub root: PathBuf,
}

/// Why there is no folder to work in.
#[derive(Debug, thiserror::Error)]
#[error("failed to enter {directory}")]
pub struct LocateError {
    /// The folder as given.
    pub directory: PathBuf,
    /// What the system said.
    #[source]
    pub source: io::Error,
}

/// Finds the folder that longshore works in, and the repository around it.
///
/// # Errors
///
/// If the folder does not exist, is none, or may not be entered.
pub fn locate(directory: &Path) -> Result<Location, LocateError> {
    let wrong = |source| LocateError {
        directory: directory.to_owned(),
        source,
    };
    let absolute = fs::canonicalize(directory).map_err(wrong)?;
    if !absolute.is_dir() {
        return Err(wrong(ErrorKind::NotADirectory.into()));
    }
    let repository = absolute
        .ancestors()
        .find(|folder| folder.join(".git").exists());
    let root = repository.unwrap_or(&absolute).to_owned();
    Ok(Location {
        directory: absolute,
        root,
    })
}

/// Returns where a path leads once links are followed; none if that is nowhere.
#[must_use]
pub fn real(path: &Path) -> Option<PathBuf> {
    fs::canonicalize(path).ok()
}

/// Reads one file. That it is not there, or no file, is an answer too.
#[must_use]
pub fn read(path: &Path) -> Content {
    let unreadable = |error: &io::Error| {
        let missing = [ErrorKind::NotFound, ErrorKind::NotADirectory];
        if missing.contains(&error.kind()) {
            Content::Missing
        } else {
            Content::Unreadable(said(error))
        }
    };
    // Looked at before it is opened: opening a pipe would wait for its other end.
    let found = match fs::metadata(path) {
        Ok(found) => found,
        Err(error) => return unreadable(&error),
    };
    if found.is_dir() {
        return Content::Directory;
    }
    if !found.is_file() {
        return Content::Special;
    }
    if found.len() > LARGEST {
        return Content::TooLarge(found.len());
    }
    let mut bytes = Vec::new();
    // It may have grown since.
    let read = File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes));
    match read {
        Err(error) => unreadable(&error),
        Ok(size) if size as u64 > LARGEST => Content::TooLarge(size as u64),
        Ok(_) => Content::Bytes(bytes.into()),
    }
}

/// Returns what the system said, without Rust's `(os error 13)`.
fn said(error: &io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error") {
        Some((text, _)) => text.to_lowercase(),
        None => text.to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_thing_has_its_answer() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        assert_eq!(read(&path), Content::Missing);
        assert_eq!(read(&path.join("b")), Content::Missing);
        assert_eq!(read(folder.path()), Content::Directory);
        assert_eq!(read(Path::new("/dev/zero")), Content::Special);
        fs::write(&path, "x").unwrap();
        assert_eq!(read(&path), Content::Bytes(b"x".as_slice().into()));
        assert_eq!(read(&path.join("b")), Content::Missing);
        File::create(&path).unwrap().set_len(LARGEST + 1).unwrap();
        assert_eq!(read(&path), Content::TooLarge(LARGEST + 1));
    }

    #[test]
    fn finds_the_repository_around_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let (root, inner) = (
            folder.path().canonicalize().unwrap(),
            folder.path().join("a/b"),
        );
        fs::create_dir_all(&inner).unwrap();
        assert_eq!(locate(&inner).unwrap().root, root.join("a/b"));
        fs::create_dir(root.join(".git")).unwrap();
        assert_eq!(locate(&inner).unwrap().root, root);
        assert!(locate(&root.join("none")).is_err());
    }
}
