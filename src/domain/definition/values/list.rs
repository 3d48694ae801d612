//! Lists of texts, and the rules that hold for them.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::super::place::Spanned;
use super::super::problem::Problem;
use super::super::reader::{Read, Reader};
use super::super::write::Write;
use super::super::yaml::{Node, Value};

/// A text, or a list of them; each is there once, the last one where it was said first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OneOrMore(pub Vec<Spanned<String>>);

impl Read for OneOrMore {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let texts = match &node.value {
            Value::List(items) => reader.items(items),
            Value::Scalar(_) | Value::Map(_) => {
                let text = reader.text(node, "a text, or a list of texts")?;
                vec![Spanned::new(text.to_owned(), node.at.clone())]
            }
        };
        Some(Self(once(texts, |text| text.clone())))
    }
}

impl Write for OneOrMore {
    fn write(&self) -> Option<Json> {
        texts(&self.0)
    }
}

/// A list of texts, of which each counts once: what is said again changes nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Texts(pub Vec<Spanned<String>>);

impl Read for Texts {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let items = reader.list(node, "a list of texts")?;
        let texts = reader.items(items);
        Some(Self(once(texts, |text| text.clone())))
    }
}

impl Write for Texts {
    fn write(&self) -> Option<Json> {
        texts(&self.0)
    }
}

/// A list of texts, of which none may be there twice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unique(pub Vec<Spanned<String>>);

impl Read for Unique {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let items = reader.list(node, "a list of texts")?;
        let mut seen = BTreeMap::new();
        let mut kept = Vec::new();
        for item in reader.items::<String>(items) {
            match seen.get(&item.value) {
                Some(first) => {
                    let message = format!("{}: `{}` is there twice", reader.trail(), item.value);
                    let problem = Problem::error("duplicate", message)
                        .at(&item.at, "again here")
                        .at(first, "first here");
                    reader.problems.push(problem);
                }
                None => {
                    seen.insert(item.value.clone(), item.at.clone());
                    kept.push(item);
                }
            }
        }
        Some(Self(kept))
    }
}

impl Write for Unique {
    fn write(&self) -> Option<Json> {
        texts(&self.0)
    }
}

/// Texts that may look like numbers; none may be there twice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LooseTexts(pub Vec<Spanned<String>>);

impl Read for LooseTexts {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let items = reader.list(node, "a list of names or numbers")?;
        let mut texts = Vec::new();
        for item in items {
            let text = reader.loose(item, "a name or a number")?;
            texts.push(Spanned::new(text.to_owned(), item.at.clone()));
        }
        Some(Self(once(texts, Clone::clone)))
    }
}

impl Write for LooseTexts {
    fn write(&self) -> Option<Json> {
        texts(&self.0)
    }
}

fn texts(texts: &[Spanned<String>]) -> Option<Json> {
    let texts: Vec<_> = texts.iter().map(|text| &text.value).collect();
    (!texts.is_empty()).then(|| json!(texts))
}

/// Keeps one item of those with the same key: the last one, where the first one stood.
pub fn once<T>(items: Vec<Spanned<T>>, key: impl Fn(&T) -> String) -> Vec<Spanned<T>> {
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut kept: Vec<Spanned<T>> = Vec::with_capacity(items.len());
    for item in items {
        match places.get(&key(&item.value)) {
            Some(place) => kept[*place] = item,
            None => {
                places.insert(key(&item.value), kept.len());
                kept.push(item);
            }
        }
    }
    kept
}
