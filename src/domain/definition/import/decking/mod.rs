//! decking: containers in one place, and clusters that say which of them run together.
//!
//! With one cluster, its containers are the services. With several, a service carries each cluster that it is in as a
//! profile, and one that a group changes is called after both: `api-staging`.

mod cluster;
mod container;

use std::collections::BTreeSet;

use self::cluster::Clusters;
use super::super::place::At;
use super::super::problem::Problem;
use super::super::reader::Reader;
use super::super::yaml::{Entry, Node};
use super::image::Built;
use super::{Imported, tree};

/// The keys at the top.
const KEYS: &[&str] = &["images", "containers", "clusters", "groups"];

/// Brings a file to the form that Compose has.
pub(super) fn import(tree: &Node) -> Imported {
    let mut reader = Reader::default();
    for entry in tree::entries(tree) {
        if !KEYS.contains(&entry.key.text.as_str()) {
            ignored(entry, KEYS, &mut reader);
        }
    }
    let images = images(tree, &mut reader);
    let containers = section(tree, "containers", &mut reader).to_vec();
    let wanted = Clusters::of(tree, &containers, &mut reader).wanted(&mut reader);
    let mut services: Vec<Entry> = Vec::with_capacity(wanted.len());
    let mut file = container::File {
        wanted: &wanted,
        images: &images,
        asks: BTreeSet::new(),
    };
    for one in &wanted {
        services.push(container::service(one, &mut file, &mut reader));
    }
    let asks = file.asks;
    let mut alone = Vec::new();
    for image in &images {
        let runs = |entry: &Entry| {
            let reference = entry.value.get("image").and_then(tree::said);
            reference.is_some_and(|reference| image.is(reference))
        };
        if !services.iter().any(runs) {
            let taken = |name: &str| services.iter().any(|entry| entry.key.text == name);
            alone.push(image.alone(taken));
        }
    }
    services.extend(alone);
    Imported {
        compose: tree::project(&tree.at, services),
        settings: None,
        asks,
        problems: reader.problems,
    }
}

/// Returns the entries of a section that has to be there and to hold something.
fn section<'n>(tree: &'n Node, name: &str, reader: &mut Reader) -> &'n [Entry] {
    let written = tree.get(name);
    let entries = match written {
        Some(node) if !node.is_null() => {
            reader.within(name, |reader| reader.map(node, "a mapping from names"))
        }
        Some(_) | None => Some(Default::default()),
    };
    if entries.is_some_and(<[Entry]>::is_empty) {
        let at = written.map_or(&tree.at, |node| &node.at);
        let message = format!("no {name} are defined");
        let problem = Problem::error("missing-key", message);
        let problem = problem.at(&start(at), format!("`{name}` is missing or empty"));
        reader
            .problems
            .push(problem.help(format!("add `{name}` with at least one of them")));
    }
    entries.unwrap_or_default()
}

/// Returns the first character of a place: more of a whole file would be shown.
fn start(at: &At) -> At {
    let end = at.place.slice().chars().next().map_or(0, char::len_utf8);
    At::from(at.place.part(0..end))
}

/// Tells that decking read no such key. Comments, which JSON has none of, were written as keys.
fn ignored(entry: &Entry, known: &[&str], reader: &mut Reader) {
    if !entry.key.text.starts_with("//") {
        super::ignored("decking", entry, known, reader);
    }
}

/// Returns the images that are built. The context is the folder of the file unless said, and the path is where the
/// Dockerfile is.
fn images(tree: &Node, reader: &mut Reader) -> Vec<Built> {
    let Some(node) = tree.get("images").filter(|node| !node.is_null()) else {
        return Vec::new();
    };
    reader.within("images", |reader| {
        let entries = reader.map(node, "a mapping from images to folders");
        let entries = entries.unwrap_or_default().iter();
        let entries = entries.filter(|entry| !entry.key.text.starts_with("//"));
        let built = entries.filter_map(|entry| {
            let name = entry.key.text.clone();
            let build = reader.within(&name, |reader| build(&entry.value, reader))?;
            let at = entry.key.at.clone();
            Some(Built { name, at, build })
        });
        built.collect()
    })
}

fn build(node: &Node, reader: &mut Reader) -> Option<Node> {
    const EXPECTED: &str = "the folder of the Dockerfile, or a mapping with `path`";
    if tree::said(node).is_some() {
        return built(node, None, reader);
    }
    let mut path = None;
    let mut context = None;
    for entry in reader.map(node, EXPECTED)? {
        match entry.key.text.as_str() {
            // What it was called before it was `path`.
            "path" | "dockerfile" => path = Some(&entry.value),
            "context" => context = Some(&entry.value),
            "includes" => {
                let message = format!("{}: `includes` has no effect", reader.trail());
                let problem = Problem::warning("without-effect", message);
                let problem = problem.at(&entry.key.at, "the whole context is sent to the build");
                let help = "name what is not needed in a `.dockerignore`";
                reader.problems.push(problem.help(help));
            }
            _ => ignored(entry, &["path", "context", "includes"], reader),
        }
    }
    match path {
        Some(path) => built(path, context, reader),
        None => reader.invalid(
            &node.at,
            "`path` is missing",
            "the folder of the Dockerfile",
        ),
    }
}

fn built(path: &Node, context: Option<&Node>, reader: &mut Reader) -> Option<Node> {
    let text = reader.text(path, "the folder of the Dockerfile")?;
    let folder = super::super::path::join(".", text);
    let context = match context.filter(|node| !node.is_null()) {
        Some(context) => Some((context, reader.text(context, "a folder")?)),
        None => None,
    };
    let (at, context, dockerfile) = match context {
        Some((node, ".")) => (node, text.to_owned(), "Dockerfile".to_owned()),
        Some((node, context)) => {
            let seen = relative(&super::super::path::join(".", context), &folder);
            (node, context.to_owned(), in_folder(&seen))
        }
        None => (path, ".".to_owned(), in_folder(&folder)),
    };
    let mut keys = vec![tree::entry("context", tree::text(&at.at, context))];
    if dockerfile != "Dockerfile" {
        keys.push(tree::entry("dockerfile", tree::text(&path.at, dockerfile)));
    }
    Some(tree::escaped(tree::map(&path.at, keys)))
}

fn in_folder(folder: &str) -> String {
    super::super::path::join(folder, "Dockerfile")
}

/// Returns a path as another folder sees it.
fn relative(from: &str, to: &str) -> String {
    let parts = |path: &str| -> Vec<String> {
        let parts = path
            .split('/')
            .filter(|part| !part.is_empty() && *part != ".");
        parts.map(str::to_owned).collect()
    };
    let (from, to) = (parts(from), parts(to));
    let same = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let up = std::iter::repeat_n("..".to_owned(), from.len() - same);
    let way: Vec<_> = up.chain(to[same..].iter().cloned()).collect();
    if way.is_empty() {
        ".".to_owned()
    } else {
        way.join("/")
    }
}

#[cfg(test)]
mod tests;
