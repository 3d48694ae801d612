//! Hostile input: whatever a definition holds, the program says what is wrong, in bounded memory, and never crashes.
//!
//! Each case is a project in a temporary folder, on which `longshore check` and `longshore config` are run with a
//! ceiling on memory that the system itself enforces: who allocates more is aborted, and the signal fails the test.
//! Nothing here asserts how long it takes, but for a guard against hanging. Both figures of a case are printed
//! (`cargo test --test hostile -- --nocapture`).
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test may panic, make files, run the program and print what it measured"
)]

mod files;
mod many;
mod outside;
mod project;
mod refused;
mod run;

use project::Project;
use run::{Ending, run};

/// Runs both commands, which refuse the project: standard error says each of these texts, and what to do.
fn refused(project: &Project, says: &[&str]) {
    for command in ["check", "config"] {
        refused_by(project, &[command], says);
    }
}

/// Runs a command, which refuses the project.
fn refused_by(project: &Project, arguments: &[&str], says: &[&str]) {
    let Ending { code, told, .. } = run(project, arguments);
    let shown: String = told.chars().take(2000).collect();
    assert_eq!(code, Some(2), "{arguments:?}: {shown}");
    for text in says {
        assert!(told.contains(text), "{arguments:?}: no `{text}` in {shown}");
    }
    assert!(told.contains("help: "), "{arguments:?}: no help in {shown}");
    assert!(
        told.len() < 256 * 1024,
        "{arguments:?}: {} bytes are told",
        told.len()
    );
}

/// Runs both commands, which take the project.
fn accepted(project: &Project) {
    for command in ["check", "config"] {
        let Ending { code, told, .. } = run(project, &[command]);
        let shown: String = told.chars().take(2000).collect();
        assert_eq!(code, Some(0), "{command}: {shown}");
    }
}

/// Runs both commands, which take the project or refuse it: what counts is that they end in order, and in bounds.
fn ends(project: &Project) {
    for command in ["check", "config"] {
        let Ending { code, told, .. } = run(project, &[command]);
        let shown: String = told.chars().take(2000).collect();
        assert!(matches!(code, Some(0 | 2)), "{command}: {code:?} {shown}");
    }
}
