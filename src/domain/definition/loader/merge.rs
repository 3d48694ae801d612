//! What a later file says laid over what an earlier one says, by the Compose Specification's rules (section 13, Merge).
//!
//! Mappings are joined key by key, lists one after the other, and a single value replaces another. A few keys have rules
//! of their own, all of them here. Values that have a short and a long form are brought to the long one first. Of list
//! items that mean the same thing the last one counts; what means the same, the types that read them know.

use std::collections::{BTreeMap, BTreeSet};

use super::super::place::How;
use super::super::problem::Problem;
use super::super::yaml::{Entry, Key, Node, Scalar, Tag, Value};

/// Lays one tree over another.
///
/// `keep` leaves the tags of what is laid over in the result, for another round of laying it over something.
pub fn lay(
    base: Node,
    over: Node,
    trail: Vec<String>,
    keep: bool,
    problems: &mut Vec<Problem>,
) -> Option<Node> {
    let mut merge = Merge {
        trail,
        keep,
        problems,
    };
    merge.lay(base, over)
}

/// Two trees being laid over each other.
struct Merge<'p> {
    /// The keys on the way to where it is.
    trail: Vec<String>,
    keep: bool,
    problems: &'p mut Vec<Problem>,
}

impl Merge<'_> {
    fn lay(&mut self, base: Node, over: Node) -> Option<Node> {
        match over.tag {
            Some(Tag::Reset) => return self.keep.then_some(over),
            Some(Tag::Override) => return self.alone(over),
            None => {}
        }
        let rule = rule(&self.trail);
        let (base, over) = (long(base, &self.trail), long(over, &self.trail));
        if rule == Rule::Replace {
            return self.alone(over);
        }
        if over.is_null() {
            return Some(base);
        }
        if rule == Rule::Logging && other_driver(&base, &over) {
            return self.alone(over);
        }
        match (&base.value, &over.value) {
            (Value::Map(_), Value::Map(_)) | (Value::List(_), Value::List(_)) => {
                Some(self.joined(base, over, rule))
            }
            (Value::Scalar(_), _) => self.alone(replacing(&base, over)),
            (Value::Map(_) | Value::List(_), _) => {
                self.differ(&base, &over);
                Some(base)
            }
        }
    }

    /// Returns what stands by itself in place of what was there.
    fn alone(&self, over: Node) -> Option<Node> {
        if self.keep {
            Some(over)
        } else {
            stripped(over)
        }
    }

    /// Joins two mappings or two lists.
    fn joined(&mut self, base: Node, over: Node, rule: Rule) -> Node {
        let (at, tag) = (over.at, over.tag);
        let value = match (base.value, over.value) {
            (Value::Map(own), Value::Map(entries)) => Value::Map(self.entries(own, entries, rule)),
            (Value::List(own), Value::List(items)) if rule == Rule::Pools => {
                Value::List(pools(own, items))
            }
            (Value::List(own), Value::List(items)) => {
                let items = items.into_iter().filter_map(|item| self.alone(item));
                Value::List(own.into_iter().chain(items).collect())
            }
            (_, other) => other,
        };
        Node { at, tag, value }
    }

    fn differ(&mut self, base: &Node, over: &Node) {
        let message = format!(
            "{} of a later file cannot be laid over {} of an earlier one",
            over.kind(),
            base.kind()
        );
        let problem = Problem::error("merge", message)
            .at(&over.at, format!("{} here", over.kind()))
            .at(&base.at, format!("{} here", base.kind()));
        let help = "write both the same way, or put `!override` before the later one";
        self.problems.push(problem.help(help));
    }

    fn entries(&mut self, mut own: Vec<Entry>, entries: Vec<Entry>, rule: Rule) -> Vec<Entry> {
        let mut places: BTreeMap<String, usize> = own
            .iter()
            .enumerate()
            .map(|(index, entry)| (entry.key.text.clone(), index))
            .collect();
        let mut gone = BTreeSet::new();
        for Entry { key, value } in entries {
            let Some(place) = places.get(&key.text).copied() else {
                if let Some(value) = self.alone(value) {
                    places.insert(key.text.clone(), own.len());
                    own.push(Entry { key, value });
                }
                continue;
            };
            let base = std::mem::replace(&mut own[place].value, nothing(&key));
            let whole = rule == Rule::Pairs || key.text.starts_with("x-");
            let laid = if whole && value.tag.is_none() {
                Some(replacing(&base, value))
            } else {
                self.trail.push(key.text.clone());
                let laid = self.lay(base, value);
                self.trail.pop();
                laid
            };
            match laid {
                Some(value) => own[place] = Entry { key, value },
                None => {
                    gone.insert(place);
                }
            }
        }
        let kept = own.into_iter().enumerate();
        let kept = kept.filter(|(place, _)| !gone.contains(place));
        kept.map(|(_, entry)| entry).collect()
    }
}

/// Takes out what `!reset` says is gone, and the tags with it. None if it is all gone.
pub fn stripped(node: Node) -> Option<Node> {
    if node.tag == Some(Tag::Reset) {
        return None;
    }
    let value = match node.value {
        Value::Scalar(scalar) => Value::Scalar(scalar),
        Value::List(items) => Value::List(items.into_iter().filter_map(stripped).collect()),
        Value::Map(entries) => Value::Map(
            entries
                .into_iter()
                .filter_map(|Entry { key, value }| {
                    stripped(value).map(|value| Entry { key, value })
                })
                .collect(),
        ),
    };
    let (at, tag) = (node.at, None);
    Some(Node { at, tag, value })
}

/// Notes what a value stands in place of.
fn replacing(base: &Node, mut over: Node) -> Node {
    if !base.is_null() {
        over.at.reached_by(How::Override, &base.at.place);
    }
    over
}

fn nothing(key: &Key) -> Node {
    Node {
        at: key.at.clone(),
        tag: None,
        value: Value::Scalar(Scalar {
            text: String::new(),
            plain: true,
        }),
    }
}

/// How a value is laid over an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// By its kind.
    Join,
    /// It replaces it.
    Replace,
    /// Names with values: each value replaces, one that is nothing too.
    Pairs,
    /// Options of another driver mean nothing to this one.
    Logging,
    /// Ranges of addresses are told apart by their subnet.
    Pools,
}

fn rule(trail: &[String]) -> Rule {
    let trail: Vec<_> = trail.iter().map(String::as_str).collect();
    match trail.as_slice() {
        ["services", _, "command" | "entrypoint"]
        | ["services", _, "healthcheck", "test"]
        | ["services", _, "ulimits", _] => Rule::Replace,
        ["services", _, "logging"] => Rule::Logging,
        ["networks", _, "ipam", "config"] => Rule::Pools,
        trail if is_pairs(trail) => Rule::Pairs,
        _ => Rule::Join,
    }
}

fn is_pairs(trail: &[&str]) -> bool {
    matches!(
        trail,
        [
            "services",
            _,
            "environment" | "labels" | "annotations" | "sysctls"
        ] | ["services", _, "build", "args" | "labels"]
            | ["services", _, "deploy", "labels"]
            | ["networks" | "volumes" | "secrets" | "configs", _, "labels"]
    )
}

/// Brings a value to the form in which it can be joined with another.
fn long(node: Node, trail: &[String]) -> Node {
    let trail: Vec<_> = trail.iter().map(String::as_str).collect();
    match (trail.as_slice(), &node.value) {
        (["services", _, "build"], Value::Scalar(_)) if !node.is_null() => {
            let key = Key {
                text: "context".to_owned(),
                at: node.at.clone(),
            };
            map(node.at.clone(), vec![Entry { key, value: node }])
        }
        (["services", _, "depends_on"], Value::List(_)) => keyed(node, |key| {
            let word = |name: &str, text: &str| Entry {
                key: Key {
                    text: name.to_owned(),
                    at: key.at.clone(),
                },
                value: scalar(key, text),
            };
            let said = vec![
                word("condition", "service_started"),
                word("required", "true"),
            ];
            map(key.at.clone(), said)
        }),
        (["services", _, "networks" | "models"], Value::List(_)) => keyed(node, nothing),
        (["services", _, "build", "additional_contexts"], Value::List(_)) => pairs(node),
        (trail, Value::List(_)) if is_pairs(trail) => pairs(node),
        (
            [
                "services",
                _,
                "dns" | "dns_search" | "tmpfs" | "env_file" | "label_file",
            ],
            Value::Scalar(_),
        ) if !node.is_null() => list(node.at.clone(), vec![node]),
        (["services", _, "env_file"], Value::Map(_)) => list(node.at.clone(), vec![node]),
        (
            ["services", _, "extra_hosts"] | ["services", _, "build", "extra_hosts"],
            Value::Map(_),
        ) => hosts(node),
        _ => node,
    }
}

fn map(at: super::super::place::At, entries: Vec<Entry>) -> Node {
    let (tag, value) = (None, Value::Map(entries));
    Node { at, tag, value }
}

fn list(at: super::super::place::At, items: Vec<Node>) -> Node {
    let (tag, value) = (None, Value::List(items));
    Node { at, tag, value }
}

fn scalar(key: &Key, text: &str) -> Node {
    let (text, plain) = (text.to_owned(), true);
    Node {
        at: key.at.clone(),
        tag: None,
        value: Value::Scalar(Scalar { text, plain }),
    }
}

/// Makes a mapping of a list of names. What is no name stays, for whoever reads it to tell.
fn keyed(node: Node, value: impl Fn(&Key) -> Node) -> Node {
    let Value::List(items) = &node.value else {
        return node;
    };
    let names = items.iter().map(|item| match &item.value {
        Value::Scalar(scalar) if item.tag.is_none() => Some(Key {
            text: scalar.text.clone(),
            at: item.at.clone(),
        }),
        Value::Scalar(_) | Value::List(_) | Value::Map(_) => None,
    });
    let Some(names) = names.collect::<Option<Vec<_>>>() else {
        return node;
    };
    let mut entries: Vec<Entry> = Vec::with_capacity(names.len());
    let mut seen = BTreeSet::new();
    for key in names {
        if seen.insert(key.text.clone()) {
            let value = value(&key);
            entries.push(Entry { key, value });
        }
    }
    map(node.at, entries)
}

/// Makes a mapping of a list of `NAME=value`.
fn pairs(node: Node) -> Node {
    let Value::List(items) = &node.value else {
        return node;
    };
    let mut entries: Vec<Entry> = Vec::with_capacity(items.len());
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for item in items {
        let Value::Scalar(whole) = &item.value else {
            return node;
        };
        let (name, value) = match whole.text.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (whole.text.as_str(), None),
        };
        let key = Key {
            text: name.to_owned(),
            at: item.at.clone(),
        };
        let value = Node {
            at: item.at.clone(),
            tag: item.tag,
            value: Value::Scalar(Scalar {
                text: value.unwrap_or_default().to_owned(),
                plain: value.is_none(),
            }),
        };
        match places.get(&key.text) {
            Some(place) => entries[*place] = Entry { key, value },
            None => {
                places.insert(key.text.clone(), entries.len());
                entries.push(Entry { key, value });
            }
        }
    }
    map(node.at, entries)
}

/// Makes a list of a mapping from host names to addresses.
fn hosts(node: Node) -> Node {
    let Value::Map(entries) = &node.value else {
        return node;
    };
    let mut items = Vec::new();
    for Entry { key, value } in entries {
        let addresses = match &value.value {
            Value::List(addresses) => addresses.as_slice(),
            Value::Scalar(_) => std::slice::from_ref(value),
            Value::Map(_) => return node,
        };
        for address in addresses {
            let Value::Scalar(text) = &address.value else {
                return node;
            };
            let text = format!("{}={}", key.text, text.text);
            items.push(Node {
                at: address.at.clone(),
                tag: value.tag,
                value: Value::Scalar(Scalar { text, plain: false }),
            });
        }
    }
    list(node.at, items)
}

fn other_driver(base: &Node, over: &Node) -> bool {
    match (base.get("driver"), over.get("driver")) {
        (Some(own), Some(other)) => !own.says_as(other),
        (None, _) | (_, None) => false,
    }
}

/// Joins lists of address ranges: those of the same subnet are one.
fn pools(mut own: Vec<Node>, items: Vec<Node>) -> Vec<Node> {
    for item in items {
        let same = |pool: &&mut Node| match (pool.get("subnet"), item.get("subnet")) {
            (Some(own), Some(other)) => own.says_as(other),
            (None, None) => true,
            (None, _) | (_, None) => false,
        };
        match own.iter_mut().find(same) {
            Some(pool) => {
                let base = pool.clone();
                if let Some(laid) = lay(base, item, Vec::new(), false, &mut Vec::new()) {
                    *pool = laid;
                }
            }
            None => own.push(item),
        }
    }
    own
}
