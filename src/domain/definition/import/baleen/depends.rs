//! Images of other projects, which Baleen was to build before: `depends: {NAME: {src, minhash, image}}`.
//!
//! Its code read them and left it at that. What was meant is what a build of another repository is: the image that the
//! project at `src` makes, from `minhash` on. A commit that has to be reached may be any later one too; here it is that
//! very commit, since anything else would be another image tomorrow.

use super::super::super::problem::Problem;
use super::super::super::reader::Reader;
use super::super::super::yaml::{Entry, Node};
use super::super::image::Built;
use super::super::tree;

/// The keys of a dependency.
const KEYS: &[&str] = &["src", "minhash", "image"];

/// Returns the images of other projects.
pub(super) fn depends(tree: &Node, reader: &mut Reader) -> Vec<Built> {
    let Some(node) = tree.get("depends").filter(|node| !node.is_null()) else {
        return Vec::new();
    };
    reader.within("depends", |reader| {
        let entries = reader.map(node, "a mapping from projects to `src` and `minhash`");
        let mut built = Vec::new();
        for entry in entries.unwrap_or_default() {
            built.extend(reader.within(&entry.key.text, |reader| dependency(entry, reader)));
        }
        built
    })
}

fn dependency(entry: &Entry, reader: &mut Reader) -> Option<Built> {
    let keys = reader.map(&entry.value, "a mapping with `src` and `minhash`")?;
    for key in keys {
        if !KEYS.contains(&key.key.text.as_str()) {
            super::super::ignored("Baleen", key, KEYS, reader);
        }
    }
    let said = |key: &str| {
        entry
            .value
            .get(key)
            .filter(|node| tree::said(node).is_some())
    };
    let missing = ["src", "minhash"]
        .into_iter()
        .find(|key| said(key).is_none());
    if let Some(missing) = missing {
        let name = &entry.key.text;
        let message = format!("`{name}` is not built first: it has no `{missing}`");
        let problem =
            Problem::warning("without-effect", message).at(&entry.key.at, "has no effect");
        let help = "name the repository (`src`) and the commit to build (`minhash`), or build it where it lives and name its image";
        reader.problems.push(problem.help(help));
        return None;
    }
    let (source, commit) = (said("src")?, said("minhash")?);
    let address = format!("{}#{}", address(tree::said(source)?), tree::said(commit)?);
    let (name, at) = match said("image") {
        Some(image) => (tree::said(image)?, &image.at),
        None => (entry.key.text.as_str(), &entry.key.at),
    };
    Some(Built {
        name: name.to_owned(),
        at: at.clone(),
        build: tree::text(&commit.at, address.replace('$', "$$")),
    })
}

/// Returns a repository's address as builders know it: over the web, one that does not end in `.git` would be a file.
fn address(source: &str) -> String {
    let source = source.trim_end_matches('/');
    let web = source.starts_with("https://") || source.starts_with("http://");
    match web && !source.ends_with(".git") {
        true => format!("{source}.git"),
        false => source.to_owned(),
    }
}
