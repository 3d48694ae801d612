//! What holds for the files of one project, or of one that it includes: variables, and what paths are relative to.

use std::collections::BTreeMap;

use super::super::import::Format;
use super::super::interpolate::Interpolation;
use super::super::reader::{Folders, Reader};
use super::allowance::Cause;
use super::extends::Services;

/// What holds for some files while they are put together.
pub(super) struct Scope<'a> {
    /// The project's folder.
    pub(super) folder: String,
    /// The variables.
    pub(super) interpolation: Interpolation<'a>,
    /// What paths are relative to.
    pub(super) folders: Folders,
    /// The services of files that services of others extend, variables filled in. None where a file has none.
    pub(super) filled: BTreeMap<String, Option<Services>>,
    /// The files that are being included, the outermost first.
    pub(super) including: Vec<String>,
    /// What these files are read for.
    pub(super) cause: Cause,
    /// The format of the foreign file that was met last, if any was.
    pub(super) foreign: Option<Format>,
}

impl<'a> Scope<'a> {
    pub(super) fn new(
        folder: &str,
        interpolation: Interpolation<'a>,
        home: Option<String>,
        cause: Cause,
    ) -> Self {
        Self {
            folder: folder.to_owned(),
            interpolation,
            folders: Folders {
                base: folder.to_owned(),
                files: BTreeMap::new(),
                home,
            },
            filled: BTreeMap::new(),
            including: Vec::new(),
            cause,
            foreign: None,
        }
    }

    /// Says what the paths in a file are relative to. What was said first holds.
    pub(super) fn paths_of(&mut self, file: &str, folder: &str) {
        let files = &mut self.folders.files;
        files
            .entry(file.to_owned())
            .or_insert_with(|| folder.to_owned());
    }

    /// Returns what paths in a file are relative to.
    pub(super) fn folder_of(&self, file: &str) -> &str {
        self.folders.files.get(file).unwrap_or(&self.folder)
    }

    /// Reads something on the way.
    pub(super) fn read<T>(&mut self, read: impl FnOnce(&mut Reader) -> T) -> T {
        let mut reader = Reader::new(self.folders.clone());
        let result = read(&mut reader);
        self.interpolation.problems.append(&mut reader.problems);
        result
    }
}
