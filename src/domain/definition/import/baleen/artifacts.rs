//! What Baleen took out of the test's container: reports and folders.

use super::super::super::path::join;
use super::super::super::problem::Problem;
use super::super::super::reader::Reader;
use super::super::super::yaml::{Entry, Node};
use super::super::tree;
use super::later;

/// The types that Baleen had.
const TYPES: &[&str] = &["xunit", "coverage", "coverage_html"];
/// How a type says its paths.
const KEYS: &[&str] = &["path", "paths"];

/// Reports and artifacts of the test.
#[derive(Default)]
pub(super) struct Artifacts {
    junit: Option<Node>,
    coverage: Option<Node>,
    kept: Vec<Node>,
}

impl Artifacts {
    pub(super) fn of(tree: &Node, reader: &mut Reader) -> Self {
        let mut artifacts = Self::default();
        let Some(node) = tree.get("artifacts").filter(|node| !node.is_null()) else {
            return artifacts;
        };
        reader.within("artifacts", |reader| {
            for entry in reader.map(node, "a mapping from types").unwrap_or_default() {
                let paths = reader.within(&entry.key.text, |reader| paths(entry, reader));
                for path in paths {
                    artifacts.take(entry, path, reader);
                }
            }
        });
        artifacts
    }

    fn take(&mut self, entry: &Entry, path: Node, reader: &mut Reader) {
        let slot = match entry.key.text.as_str() {
            "xunit" => &mut self.junit,
            "coverage" => &mut self.coverage,
            "coverage_html" => return self.kept.push(path),
            kind => {
                let message = format!("`{kind}` is no type of artifact");
                let problem = Problem::error("invalid-value", message);
                let problem = problem.at(&entry.key.at, "Baleen has no such type");
                return reader
                    .problems
                    .push(problem.did_you_mean(kind, TYPES.iter().copied()));
            }
        };
        if slot.is_none() {
            *slot = Some(path);
            return;
        }
        later(
            entry,
            "a test has one report of a kind; further ones are kept and not read",
            "write them to one folder, and name that",
            reader,
        );
        self.kept.push(path);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.junit.is_none() && self.coverage.is_none() && self.kept.is_empty()
    }

    /// Returns the keys of the test in `longshore.yaml`.
    pub(super) fn keys(self) -> Vec<Entry> {
        let Self {
            junit,
            coverage,
            kept,
        } = self;
        let junit = junit.map(|path| tree::entry("junit", path));
        let coverage = coverage.map(|path| tree::entry("coverage", path));
        let reports: Vec<_> = junit.into_iter().chain(coverage).collect();
        let reports = reports
            .first()
            .map(|first| first.value.at.clone())
            .map(|at| tree::entry("reports", tree::map(&at, reports)));
        let kept = kept
            .first()
            .map(|first| first.at.clone())
            .map(|at| tree::entry("artifacts", tree::list(&at, kept)));
        reports.into_iter().chain(kept).collect()
    }
}

/// Returns the paths of a type. Baleen took them from the container's root.
fn paths(entry: &Entry, reader: &mut Reader) -> Vec<Node> {
    let mut found = Vec::new();
    let keys = reader.map(&entry.value, "a mapping with `path` or `paths`");
    for key in keys.unwrap_or_default() {
        match key.key.text.as_str() {
            "path" => found.extend(path(&key.value, reader)),
            "paths" => {
                let items = reader
                    .list(&key.value, "a list of paths")
                    .unwrap_or_default();
                found.extend(items.iter().filter_map(|item| path(item, reader)));
            }
            _ => reader.unknown(key, KEYS),
        }
    }
    found
}

fn path(node: &Node, reader: &mut Reader) -> Option<Node> {
    let text = reader.text(node, "a path in the test's container")?;
    Some(tree::text(&node.at, join("/", text)))
}
