//! What can go wrong with a repository on disk.

use std::io;
use std::path::{Path, PathBuf};

use crate::domain::failure::{Explain, Kind};
use crate::system::process::ProcessError;

/// What can go wrong with a repository on disk.
#[derive(Debug, thiserror::Error)]
pub enum CheckoutError {
    /// A file or folder cannot be read.
    #[error("failed to read {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A path leads out of the repository.
    #[error("{} leads out of the repository, to {}", path.display(), real.display())]
    Escapes {
        /// The path.
        path: PathBuf,
        /// Where it leads.
        real: PathBuf,
    },
    /// A mounted folder holds something that cannot be carried to a host.
    #[error("{} is {what}, which cannot be mounted from the repository", path.display())]
    Unfit {
        /// The path.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// A build context holds something that cannot be sent.
    #[error("{} is neither file, folder nor symbolic link", path.display())]
    Special {
        /// The path.
        path: PathBuf,
    },
    /// A line of `.dockerignore` is not a pattern.
    #[error("line {line} of {} is not a pattern: {pattern:?}", path.display())]
    Pattern {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// Its text.
        pattern: String,
    },
    /// A file is not what it was when it was hashed.
    #[error("{} changed while it was used", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// Another repository's tree could not be had.
    #[error("failed to fetch {commit} of {url}")]
    Fetch {
        /// The repository's address, without a password.
        url: String,
        /// The commit.
        commit: String,
        /// Why.
        #[source]
        source: ProcessError,
    },
    /// Reading ended early.
    #[error("reading ended early")]
    Ended,
    /// git did not answer.
    #[error("failed to ask git about {}", path.display())]
    Git {
        /// The repository.
        path: PathBuf,
        /// Why.
        #[source]
        source: ProcessError,
    },
}

impl CheckoutError {
    pub(super) fn read(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Read { path, source }
    }
}

impl Explain for CheckoutError {
    fn kind(&self) -> Kind {
        match self {
            Self::Read { .. }
            | Self::Escapes { .. }
            | Self::Unfit { .. }
            | Self::Special { .. }
            | Self::Pattern { .. } => Kind::Invalid,
            Self::Fetch { .. } => Kind::Unreachable,
            Self::Changed { .. } | Self::Git { .. } => Kind::Failed,
            Self::Ended => Kind::Bug,
        }
    }

    fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::Read { .. } => "check that it exists and that you may read it",
            Self::Escapes { .. } => {
                "copy what it leads to into the repository: what is tested and released has to be in it"
            }
            Self::Unfit { .. } => "mount files and folders of plain files, or use a named volume",
            Self::Special { .. } => "name it in .dockerignore",
            Self::Pattern { .. } => {
                "see https://docs.docker.com/build/concepts/context/#dockerignore-files for its patterns"
            }
            Self::Ended => return Vec::new(),
            Self::Changed { .. } => "run it again when nothing writes there any more",
            Self::Fetch { .. } => {
                "check that `git clone` reaches it without asking anything, and that it has that commit"
            }
            Self::Git { source, .. } => match source {
                ProcessError::Start { .. } => {
                    "install git, or work in a copy without the .git folder"
                }
                ProcessError::Failed { .. } => "`git status` in that folder says more",
            },
        };
        vec![hint.to_owned()]
    }
}
