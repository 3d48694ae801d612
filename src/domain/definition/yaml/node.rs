//! The nodes of a tree, and what type a scalar has.

use super::super::place::{At, Place};

/// A value and where it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Where it was written, and the alias it came through.
    pub at: At,
    /// What it is.
    pub value: Value,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A text, a number, true or false, or nothing.
    Scalar(Scalar),
    /// A list.
    List(Vec<Node>),
    /// A mapping in the order written, without duplicate keys, merge keys applied.
    Map(Vec<Entry>),
}

/// A scalar as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scalar {
    /// Its text, escapes and folding undone, otherwise untouched.
    pub text: String,
    /// Whether it stands without quotes, so that it may be a number, true, false or null.
    pub plain: bool,
}

/// A key and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: Key,
    /// The value.
    pub value: Node,
}

/// A key of a mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Its text.
    pub text: String,
    /// Where it was written.
    pub at: At,
}

impl Node {
    /// Marks this node and all below as reached through an alias.
    pub(super) fn reached_through(&mut self, via: &Place) {
        self.at.via = Some(via.clone());
        match &mut self.value {
            Value::Scalar(_) => {}
            Value::List(items) => items.iter_mut().for_each(|item| item.reached_through(via)),
            Value::Map(entries) => entries.iter_mut().for_each(|entry| {
                entry.key.at.via = Some(via.clone());
                entry.value.reached_through(via);
            }),
        }
    }

    /// Tells whether nothing was written.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar(scalar) if scalar.is_null())
    }

    /// Returns what it is in words, with an article.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match &self.value {
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
            Value::Scalar(scalar) if scalar.is_null() => "nothing",
            Value::Scalar(scalar) if !scalar.plain => "a text",
            Value::Scalar(scalar) if scalar.as_bool().is_some() => "true or false",
            Value::Scalar(scalar) if scalar.text.parse::<f64>().is_ok() => "a number",
            Value::Scalar(_) => "a text",
        }
    }

    /// Looks a key up, if this is a mapping.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        match &self.value {
            Value::Map(entries) => entries
                .iter()
                .find(|entry| entry.key.text == key)
                .map(|entry| &entry.value),
            Value::Scalar(_) | Value::List(_) => None,
        }
    }
}

impl Scalar {
    /// Tells whether it is null in the core schema (YAML 1.2.2, section 10.3.2).
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.plain && matches!(self.text.as_str(), "" | "~" | "null" | "Null" | "NULL")
    }

    /// Reads true or false: the core schema's words, and those of YAML 1.1 that Compose takes too. Quotes do not
    /// matter, so that what interpolation gave can be one.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self.text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "y" | "on" => Some(true),
            "false" | "no" | "n" | "off" => Some(false),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scalar(text: &str, plain: bool) -> Scalar {
        let text = text.to_owned();
        Scalar { text, plain }
    }

    #[test]
    fn types_are_decided_on_demand() {
        assert!(scalar("~", true).is_null());
        assert!(!scalar("", false).is_null());
        assert_eq!(scalar("Yes", true).as_bool(), Some(true));
        assert_eq!(scalar("off", false).as_bool(), Some(false));
        assert_eq!(scalar("1", true).as_bool(), None);
    }
}
