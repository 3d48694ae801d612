//! Trees made of the parts of others, each part still knowing where it was written.

use super::super::place::At;
use super::super::yaml::{Entry, Key, Node, Scalar, Value};

/// Makes a mapping.
pub(in crate::domain::definition) fn map(at: &At, entries: Vec<Entry>) -> Node {
    node(at, Value::Map(entries))
}

/// Makes a list.
pub(in crate::domain::definition) fn list(at: &At, items: Vec<Node>) -> Node {
    node(at, Value::List(items))
}

/// Makes a text, whatever it looks like.
pub(in crate::domain::definition) fn text(at: &At, text: impl Into<String>) -> Node {
    let (text, plain) = (text.into(), false);
    node(at, Value::Scalar(Scalar { text, plain }))
}

/// Makes a scalar that may be a number, true, false or nothing.
pub(super) fn plain(at: &At, text: impl Into<String>) -> Node {
    let (text, plain) = (text.into(), true);
    node(at, Value::Scalar(Scalar { text, plain }))
}

/// Makes a whole file of its services. That there are none was told by who found none.
pub(super) fn project(at: &At, services: Vec<Entry>) -> Node {
    let services = (!services.is_empty()).then(|| entry("services", map(at, services)));
    map(at, Vec::from_iter(services))
}

/// Puts a value under a key that stands where the value does.
pub(in crate::domain::definition) fn entry(key: &str, value: Node) -> Entry {
    let at = value.at.clone();
    Entry {
        key: Key {
            text: key.to_owned(),
            at,
        },
        value,
    }
}

/// Gives a value another key, at the place of its own.
pub(super) fn renamed(mut written: Entry, key: &str) -> Entry {
    key.clone_into(&mut written.key.text);
    written
}

/// Returns the entries of a mapping; none of anything else.
pub(super) fn entries(node: &Node) -> &[Entry] {
    match &node.value {
        Value::Map(entries) => entries,
        Value::Scalar(_) | Value::List(_) => &[],
    }
}

/// Returns the items of a list; none of anything else.
pub(super) fn items(node: &Node) -> &[Node] {
    match &node.value {
        Value::List(items) => items,
        Value::Scalar(_) | Value::Map(_) => &[],
    }
}

/// Returns the text of a scalar that is not nothing.
pub(super) fn said(node: &Node) -> Option<&str> {
    match &node.value {
        Value::Scalar(scalar) if !scalar.is_null() => Some(&scalar.text),
        Value::Scalar(_) | Value::List(_) | Value::Map(_) => None,
    }
}

/// Makes texts of the numbers where the tool took both, and Compose takes texts.
pub(super) fn as_text(mut node: Node) -> Node {
    if let Value::Scalar(scalar) = &mut node.value
        && !scalar.is_null()
    {
        scalar.plain = false;
    }
    node
}

/// Doubles every `$` where the tool did not fill variables in, so that Compose does not either.
pub(super) fn escaped(mut node: Node) -> Node {
    match &mut node.value {
        Value::Scalar(scalar) => scalar.text = scalar.text.replace('$', "$$"),
        Value::List(items) => {
            let own = std::mem::take(items);
            *items = own.into_iter().map(escaped).collect();
        }
        Value::Map(entries) => {
            for entry in entries {
                let at = entry.value.at.clone();
                entry.value = escaped(std::mem::replace(&mut entry.value, plain(&at, "")));
            }
        }
    }
    node
}

/// Puts a value under a key, in place of one that is there.
pub(super) fn put(entries: &mut Vec<Entry>, written: Entry) {
    match entries
        .iter_mut()
        .find(|own| own.key.text == written.key.text)
    {
        Some(own) => *own = written,
        None => entries.push(written),
    }
}

fn node(at: &At, value: Value) -> Node {
    let (at, tag) = (at.clone(), None);
    Node { at, tag, value }
}
