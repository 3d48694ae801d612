//! A repository in a temporary folder, with room around it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A repository: `around/repo`, in which the program works.
pub struct Project(TempDir);

impl Project {
    /// One without files.
    pub fn empty() -> Self {
        let project = Self(tempfile::tempdir().unwrap());
        fs::create_dir_all(project.folder().join(".git")).unwrap();
        project
    }

    /// One with a Compose file.
    pub fn of(compose: impl AsRef<[u8]>) -> Self {
        Self::empty().with("compose.yaml", compose)
    }

    /// Adds a file.
    #[must_use]
    pub fn with(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        let path = self.folder().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        self
    }

    /// Adds a symbolic link.
    #[must_use]
    pub fn linked(self, path: &str, target: &str) -> Self {
        symlink(target, self.folder().join(path)).unwrap();
        self
    }

    /// Returns the folder that the program works in.
    pub fn folder(&self) -> PathBuf {
        self.0.path().join("repo")
    }

    /// Returns the folder that the repository lies in.
    pub fn around(&self) -> &Path {
        self.0.path()
    }

    /// Returns a path outside the repository.
    pub fn aside(&self, name: &str) -> PathBuf {
        self.around().join(name)
    }
}
