//! What a test leaves beside its exit code: cases, coverage, files.
//!
//! Reports are written by whatever ran in a container, so nothing in them is believed further than it can be counted:
//! the parsers take any bytes, and what they return is bounded.

mod cases;
pub mod coverage;
pub mod junit;

pub use cases::{Case, CaseOutcome, Cases, FailedCase};
pub use coverage::{Coverage, Percent};

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What was taken out of a test's container once it had ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Results {
    /// The cases that its report tells of, if it has one.
    pub cases: Option<Cases>,
    /// How much of the lines its coverage report tells of, if it has one.
    pub coverage: Option<Coverage>,
    /// Where its JUnit report is kept: a file, or a folder of files.
    pub junit: Option<PathBuf>,
    /// The folder in which its artifacts are kept.
    pub artifacts: Option<PathBuf>,
    /// What should have been there and was not, or could not be read.
    pub warnings: Vec<String>,
}
