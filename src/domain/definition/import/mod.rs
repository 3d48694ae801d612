//! Definitions of older tools, brought to the form that Compose has: one importer per format.
//!
//! An importer is a pure function from the tree of a foreign file to trees in the form of Compose and of
//! `longshore.yaml`, built of nodes that keep their places. From there on everything is as with a Compose file, and
//! every later problem points into the foreign one. What has to wait until files are merged and variables filled in
//! (whose volumes are mounted, whose network is shared) is left in the tree for [`finish`].

mod baleen;
mod cion;
mod decking;
mod fig;
mod finish;
mod image;
pub(super) mod tree;

pub use finish::finish;

use std::collections::BTreeSet;

use super::problem::Problem;
use super::reader::Reader;
use super::yaml::{Entry, Key, Node, Value};

/// The format of a tool that longshore takes the place of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// fig, and Compose before it had `services:`.
    Fig,
    /// decking.
    Decking,
    /// cion.
    Cion,
    /// Baleen.
    Baleen,
}

/// Names that Compose reads since it left the old form behind.
const NEW: &[&str] = &[
    "compose.yaml",
    "compose.yml",
    "compose.override.yaml",
    "compose.override.yml",
];

/// What a foreign file says.
#[derive(Debug, Clone)]
pub struct Imported {
    /// In the form of a Compose file.
    pub compose: Node,
    /// In the form of `longshore.yaml`, if there is something that Compose has no word for.
    pub settings: Option<Node>,
    /// Variables that the tool asked a person for where they had no value.
    pub asks: BTreeSet<String>,
    /// What is wrong with it, or lost.
    pub problems: Vec<Problem>,
}

impl Imported {
    /// Returns what asks for nothing.
    fn new(compose: Node, settings: Option<Node>, problems: Vec<Problem>) -> Self {
        let asks = BTreeSet::new();
        Self {
            compose,
            settings,
            asks,
            problems,
        }
    }
}

/// Tells that a tool reads no such key.
fn ignored(tool: &str, entry: &Entry, known: &[&str], reader: &mut Reader) {
    let Key { text, at } = &entry.key;
    let message = format!("`{text}` in {} has no effect", reader.trail());
    let problem = Problem::warning("unknown-key", message);
    let problem = problem.at(at, format!("{tool} reads no such key"));
    let known = known.iter().copied();
    reader.problems.push(problem.did_you_mean(text, known));
}

impl Format {
    /// Where definitions of these formats are looked for, in this order.
    pub const FILES: &[&str] = &[
        "fig.yml",
        "fig.yaml",
        "decking.json",
        "decking.yaml",
        ".cion.yml",
        "baleen.yml",
    ];

    /// Returns the format that a file of this name has.
    #[must_use]
    pub fn by_name(path: &str) -> Option<Self> {
        let name = path.rsplit('/').next().unwrap_or_default();
        match name {
            "fig.yml" | "fig.yaml" => Some(Self::Fig),
            "decking.json" | "decking.yaml" | "decking.yml" => Some(Self::Decking),
            ".cion.yml" | ".cion.yaml" => Some(Self::Cion),
            "baleen.yml" | "baleen.yaml" => Some(Self::Baleen),
            _ => None,
        }
    }

    /// Returns the format of a file, if it is a foreign one: by its name, or because it holds services without
    /// `services:`. One that is laid over such a file, or extended by it, may leave more out: `beside_fig`.
    #[must_use]
    pub fn of(path: &str, tree: &Node, beside_fig: bool) -> Option<Self> {
        match Self::by_name(path) {
            Some(Self::Fig) => fig::is_old(tree, true).then_some(Self::Fig),
            Some(format @ (Self::Decking | Self::Cion | Self::Baleen)) => Some(format),
            // No tool that knew the old form read these names; services without `services:` are a slip there.
            None if NEW.contains(&path.rsplit('/').next().unwrap_or_default()) => None,
            None => fig::is_old(tree, beside_fig).then_some(Self::Fig),
        }
    }

    /// Returns the tool that the format belongs to.
    #[must_use]
    pub fn tool(self) -> &'static str {
        match self {
            Self::Fig => "fig",
            Self::Decking => "decking",
            Self::Cion => "cion",
            Self::Baleen => "Baleen",
        }
    }
}

/// Brings what a foreign file says to the form that Compose has.
#[must_use]
pub fn import(format: Format, tree: Node) -> Imported {
    if !matches!(tree.value, Value::Map(_)) {
        // Told where it is read.
        return Imported::new(tree, None, Vec::new());
    }
    match format {
        Format::Fig => fig::import(tree),
        Format::Decking => decking::import(&tree),
        Format::Cion => cion::import(&tree),
        Format::Baleen => baleen::import(&tree),
    }
}

#[cfg(test)]
mod tests {
    use super::super::place::Source;
    use super::super::yaml;
    use super::*;

    /// Reads a tree.
    pub fn read(text: &str) -> Node {
        let (path, text) = ("a.yaml".to_owned(), text.to_owned());
        let source = std::sync::Arc::new(Source { path, text });
        let (mut trees, problems) = yaml::parse(&source);
        assert_eq!(problems, Vec::new());
        trees.remove(0)
    }

    /// Imports a text, and finishes it as the loader does. Returns it with the places and messages of problems.
    pub fn imported(format: Format, text: &str) -> (serde_json::Value, Vec<String>) {
        let Imported {
            compose,
            mut problems,
            ..
        } = import(format, read(text));
        let compose = finish(compose, &mut problems);
        let told = problems.iter().map(|problem| {
            let place = problem.places.first();
            let slice = place.map_or("", |(place, _)| place.slice());
            format!("{slice}: {}", problem.message)
        });
        (
            super::super::loader::stripped(compose).unwrap().json(),
            told.collect(),
        )
    }

    #[test]
    fn formats_are_known_by_name_and_the_old_form_by_content() {
        let old = read("web: {image: a}\ndb: {build: .}");
        let new = read("services: {web: {image: a}}");
        let over = read("web: {environment: [A=1]}");
        for (path, tree, beside, format) in [
            ("fig.yml", &old, false, Some(Format::Fig)),
            ("a/fig.yml", &over, false, Some(Format::Fig)),
            ("fig.yml", &new, false, None),
            ("docker-compose.yml", &old, false, Some(Format::Fig)),
            ("docker-compose.yml", &new, false, None),
            ("docker-compose.override.yml", &over, false, None),
            (
                "docker-compose.override.yml",
                &over,
                true,
                Some(Format::Fig),
            ),
            ("compose.yaml", &old, false, None),
            ("my-compose.yaml", &old, false, Some(Format::Fig)),
            ("stack.yml", &old, false, Some(Format::Fig)),
            ("decking.json", &new, false, Some(Format::Decking)),
            ("x/.cion.yml", &new, false, Some(Format::Cion)),
            ("baleen.yml", &new, false, Some(Format::Baleen)),
        ] {
            assert_eq!(Format::of(path, tree, beside), format, "{path}");
        }
    }

    /// Every tree that is the given one with one value replaced.
    fn mutations(node: &Node, by: &Node) -> Vec<Node> {
        let mut all = vec![by.clone()];
        match &node.value {
            Value::Scalar(_) => {}
            Value::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    for changed in mutations(item, by) {
                        let mut items = items.clone();
                        items[index] = changed;
                        all.push(tree::list(&node.at, items));
                    }
                }
            }
            Value::Map(entries) => {
                for (index, entry) in entries.iter().enumerate() {
                    for changed in mutations(&entry.value, by) {
                        let mut entries = entries.clone();
                        entries[index].value = changed;
                        all.push(tree::map(&node.at, entries));
                    }
                }
            }
        }
        all
    }

    #[test]
    fn whatever_stands_anywhere_is_taken_in() {
        const SAMPLES: &[(Format, &str)] = &[
            (
                Format::Fig,
                "web: {build: ., dockerfile: D, log_opt: {a: b}, net: \"container:db\", volumes_from: [db], env_file: [a]}\ndb: {image: a, volumes: [/a], volume_driver: x, hostname: a.b}",
            ),
            (
                Format::Decking,
                "{images: {a: {path: p, context: c}}, containers: {a: {image: a, env: [A=1], dependencies: [\"b:c\"], mount-from: [b], ready: 1}, b: {image: b, data: true, mount: [/b]}}, clusters: {x: [\"a(2)\"], y: {group: g, containers: [{name: a, count: 1}]}}, groups: {g: {options: {cpu: 1}, containers: {a: {env: []}}}}}",
            ),
            (
                Format::Cion,
                "{build: [{image: a, env: [A=1]}, {image: b}], release: {image: c, env: {A: 1}}, services: {db: {image: d, ports: [1/tcp]}}}",
            ),
            (
                Format::Baleen,
                "build: {a: .}\ncredentials: {K: VALUE}\ndepends: {}\ntest: |\n  subject: {links: [db], environment: [A]}\n  db: {image: a}\n",
            ),
        ];
        for by in ["~", "[]", "{}", "x", "[[x]]", "{x: {}}", "7"] {
            let by = read(&format!("by: {by}")).get("by").unwrap().clone();
            for (format, text) in SAMPLES {
                for tree in mutations(&read(text), &by) {
                    let mut imported = import(*format, tree);
                    let _ = finish(imported.compose, &mut imported.problems);
                }
            }
        }
    }
}
