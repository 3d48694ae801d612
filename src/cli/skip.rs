//! What `--skip` leaves out.

use std::collections::BTreeSet;

use super::failure::Failure;
use crate::domain::name::TestName;
use crate::domain::plan::select::{Selector, select};
use crate::pipeline::project::Project;

/// Whether steps of the release can be left out, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Steps {
    /// They can.
    Too,
    /// They are not run anyway.
    Kept,
}

/// Returns the tests and steps that are left out; none unless something is said.
///
/// # Errors
///
/// If a word means none.
pub(super) fn skipped(
    project: &Project,
    words: &[Selector],
    steps: Steps,
) -> Result<BTreeSet<TestName>, Failure> {
    let cluster = &project.cluster;
    let mut all = cluster.tests.clone();
    if steps == Steps::Too {
        let steps = cluster.release.iter();
        all.extend(steps.map(|step| (step.name.clone(), step.run.clone())));
    }
    let mut skipped = BTreeSet::new();
    for word in words {
        skipped.extend(select(&all, std::slice::from_ref(word))?);
    }
    Ok(skipped)
}
