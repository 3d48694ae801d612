//! The layer law: imports point down only, and the domain stays pure.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test may panic and read files"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// Module prefixes from the bottom up. A module may import from ranks below its own, and from its own prefix.
/// Prefixes of one rank are siblings, which may not import each other.
const RANKS: &[&[&str]] = &[
    &[
        "domain::name",
        "domain::failure",
        "domain::line",
        "domain::mask",
        "domain::results",
    ],
    &["domain::definition"],
    &["domain::cluster"],
    &["domain::ledger"],
    &["domain::graph", "domain::unit"],
    &["domain::inventory"],
    &["domain::plan", "domain::invocation", "domain::event"],
    &["system"],
    &["pipeline"],
    &["cli"],
];

#[test]
fn imports_point_down_only() {
    let mut wrong = Vec::new();
    let files = sources(Path::new("src"));
    assert!(files.len() > 20, "the scan is blind: {} files", files.len());
    for file in &files {
        let module = module_of(file);
        let Some(own) = rank(&module) else { continue };
        for (number, line) in code(file) {
            if line.contains("use crate::{") {
                wrong.push(format!(
                    "{}:{number}: a grouped import blinds this test",
                    file.display()
                ));
            }
            for target in line
                .match_indices("crate::")
                .map(|(at, found)| &line[at + found.len()..])
            {
                let Some(other) = rank(target) else { continue };
                if other.0 > own.0 || (other.0 == own.0 && other.1 != own.1) {
                    wrong.push(format!(
                        "{}:{number}: {} may not import {}",
                        file.display(),
                        own.1,
                        other.1
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_domain_is_pure() {
    let impure = [
        "async fn",
        "async move",
        "tokio::",
        "std::fs",
        "std::env",
        "std::process",
        "std::net::Tcp",
        "HashMap",
        "rand::",
        "::now()",
    ];
    let mut wrong = Vec::new();
    for file in sources(Path::new("src/domain")) {
        for (number, line) in code(&file) {
            for word in impure.iter().filter(|word| line.contains(**word)) {
                wrong.push(format!(
                    "{}:{number}: `{word}` has no place in the domain",
                    file.display()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_source_file_has_a_rank() {
    let homeless: Vec<_> = sources(Path::new("src"))
        .into_iter()
        .filter(|file| rank(&module_of(file)).is_none())
        .filter(|file| {
            !["src/main.rs", "src/lib.rs", "src/domain/mod.rs"].contains(&file.to_str().unwrap())
        })
        .collect();
    assert!(homeless.is_empty(), "{homeless:?}");
}

/// Finds the rank of a path such as `domain::name::Digest`.
fn rank(path: &str) -> Option<(usize, &'static str)> {
    RANKS.iter().enumerate().find_map(|(rank, prefixes)| {
        let fits = |prefix: &&&str| {
            path.strip_prefix(**prefix)
                .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
        };
        prefixes.iter().find(fits).map(|prefix| (rank, *prefix))
    })
}

fn module_of(file: &Path) -> String {
    let path = file.strip_prefix("src").unwrap().with_extension("");
    let parts: Vec<_> = path
        .iter()
        .map(|part| part.to_str().unwrap())
        .filter(|part| *part != "mod")
        .collect();
    parts.join("::")
}

/// Returns the lines before the tests, comments left out, with their numbers.
fn code(file: &Path) -> Vec<(usize, String)> {
    let text = fs::read_to_string(file).unwrap();
    let lines = text
        .lines()
        .enumerate()
        .take_while(|(_, line)| !line.starts_with("#[cfg(test)]"));
    lines
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .map(|(number, line)| (number + 1, line.to_owned()))
        .collect()
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}
