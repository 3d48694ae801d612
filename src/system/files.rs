//! Files that a person asked for.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::domain::failure::{Explain, Kind};

/// A file could not be written.
#[derive(Debug, thiserror::Error)]
#[error("failed to write {}", path.display())]
pub struct WriteError {
    path: PathBuf,
    #[source]
    source: io::Error,
}

impl Explain for WriteError {
    fn kind(&self) -> Kind {
        Kind::Failed
    }

    fn hints(&self) -> Vec<String> {
        vec![
            "check that its folder exists, that you may write there and that the disk has room"
                .to_owned(),
        ]
    }
}

/// A file could not be read.
#[derive(Debug, thiserror::Error)]
#[error("failed to read {}", path.display())]
pub struct ReadError {
    path: PathBuf,
    #[source]
    source: io::Error,
}

impl Explain for ReadError {
    fn kind(&self) -> Kind {
        Kind::Invalid
    }

    fn hints(&self) -> Vec<String> {
        vec!["check that it is there and that you may read it".to_owned()]
    }
}

/// Reads a file as text.
///
/// # Errors
///
/// If it cannot be read, or is not UTF-8.
pub fn read(path: &Path) -> Result<String, ReadError> {
    fs::read_to_string(path).map_err(|source| ReadError {
        path: path.to_owned(),
        source,
    })
}

/// Reads a file, whatever is in it.
///
/// # Errors
///
/// If it cannot be read.
pub fn read_bytes(path: &Path) -> Result<Vec<u8>, ReadError> {
    fs::read(path).map_err(|source| ReadError {
        path: path.to_owned(),
        source,
    })
}

/// Returns the files below a folder whose names end so, in the order of their paths; of a file, that one. Links are not
/// followed.
///
/// # Errors
///
/// If a folder cannot be read.
pub fn find(path: &Path, extension: &str) -> Result<Vec<PathBuf>, ReadError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| ReadError { path, source }
    };
    let kind = fs::symlink_metadata(path).map_err(failed(path))?;
    if !kind.is_dir() {
        return Ok(Vec::from_iter(kind.is_file().then(|| path.to_owned())));
    }
    let mut folders = vec![path.to_owned()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(failed(&folder))? {
            let entry = entry.map_err(failed(&folder))?;
            let kind = entry.file_type().map_err(failed(&folder))?;
            let path = entry.path();
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() && path.extension().is_some_and(|own| own == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Writes a file, replacing it.
///
/// # Errors
///
/// If it cannot be written.
pub fn write(path: &Path, content: impl AsRef<[u8]>) -> Result<(), WriteError> {
    fs::write(path, content).map_err(|source| WriteError {
        path: path.to_owned(),
        source,
    })
}

/// Writes a file so that it is there whole or not at all.
///
/// # Errors
///
/// If it cannot be written.
pub fn write_whole(path: &Path, content: impl AsRef<[u8]>) -> Result<(), WriteError> {
    let failed = |source| WriteError {
        path: path.to_owned(),
        source,
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = path.with_file_name(format!(".{name}.{}", std::process::id()));
    let written = fs::write(&beside, content).and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        // What failed to be written may not be there to be removed.
        let _ = fs::remove_file(&beside);
    }
    written.map_err(failed)
}

/// Reads a file of at most so many bytes.
///
/// # Errors
///
/// If it cannot be read, or is larger.
pub fn read_at_most(path: &Path, most: u64) -> Result<Vec<u8>, ReadError> {
    let failed = |source| ReadError {
        path: path.to_owned(),
        source,
    };
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(failed)?;
    file.take(most + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > most {
        let large = format!("it holds more than {most} bytes");
        return Err(failed(io::Error::new(io::ErrorKind::FileTooLarge, large)));
    }
    Ok(bytes)
}
