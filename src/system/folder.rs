//! A folder whose files are kept equal to given texts.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::domain::failure::{Explain, Kind};

/// A folder that cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("failed to {verb} {}", path.display())]
pub struct FolderError {
    verb: &'static str,
    path: PathBuf,
    #[source]
    source: std::io::Error,
}

impl Explain for FolderError {
    fn kind(&self) -> Kind {
        Kind::Failed
    }
}

/// How a file in the folder differs from what it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Difference {
    /// It is not there.
    Missing,
    /// It has another text.
    Other,
    /// It is there, and should not be.
    Stale,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "is missing",
            Self::Other => "differs",
            Self::Stale => "is not rendered any more",
        })
    }
}

fn failed(verb: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> FolderError {
    let path = path.to_owned();
    move |source| FolderError { verb, path, source }
}

/// Compares what is under a folder, one level deep, with these texts. A file that is not among them counts only if it
/// contains `mark`: the folder may hold other things.
///
/// # Errors
///
/// If something there cannot be read.
pub fn differences(
    folder: &Path,
    files: &BTreeMap<PathBuf, String>,
    mark: &str,
) -> Result<BTreeMap<PathBuf, Difference>, FolderError> {
    let mut found = BTreeMap::new();
    for (path, text) in files {
        match read(&folder.join(path))? {
            Some(bytes) if bytes == text.as_bytes() => {}
            Some(_) => {
                found.insert(path.clone(), Difference::Other);
            }
            None => {
                found.insert(path.clone(), Difference::Missing);
            }
        }
    }
    for path in below(folder)? {
        if files.contains_key(&path) {
            continue;
        }
        let text = read(&folder.join(&path))?.unwrap_or_default();
        if String::from_utf8_lossy(&text).contains(mark) {
            found.insert(path, Difference::Stale);
        }
    }
    Ok(found)
}

/// Writes what differs and removes what is stale.
///
/// # Errors
///
/// If something there cannot be written or removed.
pub fn write(
    folder: &Path,
    files: &BTreeMap<PathBuf, String>,
    differences: &BTreeMap<PathBuf, Difference>,
) -> Result<(), FolderError> {
    for (path, difference) in differences {
        let whole = folder.join(path);
        match (difference, files.get(path)) {
            (Difference::Missing | Difference::Other, Some(text)) => {
                let parent = whole.parent().unwrap_or(folder);
                fs::create_dir_all(parent).map_err(failed("create", parent))?;
                fs::write(&whole, text).map_err(failed("write", &whole))?;
            }
            (Difference::Stale, _) => fs::remove_file(&whole).map_err(failed("remove", &whole))?,
            (Difference::Missing | Difference::Other, None) => {}
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, FolderError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed("read", path)(error)),
    }
}

/// Returns the files in the folder's folders.
fn below(folder: &Path) -> Result<Vec<PathBuf>, FolderError> {
    let mut files = Vec::new();
    for host in entries(folder)?.into_iter().filter(|path| path.is_dir()) {
        let inside = entries(&host)?.into_iter().filter(|path| path.is_file());
        let relative = inside.filter_map(|path| path.strip_prefix(folder).ok().map(Path::to_owned));
        files.extend(relative);
    }
    Ok(files)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, FolderError> {
    let listing = match fs::read_dir(folder) {
        Ok(listing) => listing,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed("read", folder)(error)),
    };
    let paths = listing.map(|entry| entry.map(|entry| entry.path()));
    paths
        .collect::<Result<_, _>>()
        .map_err(failed("read", folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(texts: &[(&str, &str)]) -> BTreeMap<PathBuf, String> {
        let file = |(path, text): &(&str, &str)| (PathBuf::from(path), (*text).to_owned());
        texts.iter().map(file).collect()
    }

    #[test]
    fn a_folder_becomes_equal_and_keeps_what_is_not_ours() {
        let folder = tempfile::tempdir().unwrap();
        let first = files(&[("one/a", "mark 1"), ("one/b", "mark 2")]);
        let missing = differences(folder.path(), &first, "mark").unwrap();
        assert!(
            missing
                .values()
                .all(|difference| *difference == Difference::Missing)
        );
        write(folder.path(), &first, &missing).unwrap();
        assert!(
            differences(folder.path(), &first, "mark")
                .unwrap()
                .is_empty()
        );

        fs::write(folder.path().join("one/own"), "a person's").unwrap();
        let second = files(&[("one/a", "mark 3"), ("two/c", "mark 4")]);
        let changes = differences(folder.path(), &second, "mark").unwrap();
        let words: Vec<_> = changes
            .iter()
            .map(|(path, d)| format!("{} {d}", path.display()))
            .collect();
        assert_eq!(
            words,
            [
                "one/a differs",
                "one/b is not rendered any more",
                "two/c is missing"
            ]
        );
        write(folder.path(), &second, &changes).unwrap();
        assert!(
            differences(folder.path(), &second, "mark")
                .unwrap()
                .is_empty()
        );
        assert!(folder.path().join("one/own").exists());
    }
}
