//! Names with values, in their several forms.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use super::super::place::At;
use super::super::problem::Problem;
use super::super::reader::{Read, Reader};
use super::super::write::Write;
use super::super::yaml::{Node, Value};

/// Names with values: a mapping, or a list of `NAME=value`. A name without a value takes it from the variables.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pairs(pub BTreeMap<String, Pair>);

/// The value of a name, and where it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The value, if one was written.
    pub value: Option<String>,
    /// Where.
    pub at: At,
}

impl Read for Pairs {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let mut pairs = BTreeMap::new();
        match &node.value {
            Value::Map(entries) => {
                for entry in entries {
                    let read = |reader: &mut Reader| scalar(&entry.value, reader);
                    let Some(value) = reader.within(&entry.key.text, read) else {
                        continue;
                    };
                    let null = entry.value.is_null();
                    let at = if null { &entry.key.at } else { &entry.value.at }.clone();
                    pairs.insert(entry.key.text.clone(), Pair { value, at });
                }
            }
            Value::List(items) => {
                for item in reader.items::<String>(items) {
                    let (name, value) = match item.value.split_once('=') {
                        Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                        None => (item.value, None),
                    };
                    pairs.insert(name, Pair { value, at: item.at });
                }
            }
            Value::Scalar(_) => {
                return reader.wrong(node, "a mapping, or a list of `NAME=value`");
            }
        }
        pairs.retain(|name, pair| {
            let named = !name.is_empty();
            if !named {
                reader.invalid::<()>(&pair.at, "the name is empty", "`NAME=value`");
            }
            named
        });
        Some(Self(pairs))
    }
}

impl Write for Pairs {
    fn write(&self) -> Option<Json> {
        let pairs = self.0.iter();
        let pairs: Map<_, _> = pairs
            .map(|(name, pair)| (name.clone(), json!(pair.value)))
            .collect();
        (!pairs.is_empty()).then_some(Json::Object(pairs))
    }
}

/// Reads the value of a pair: a scalar, or nothing.
fn scalar(node: &Node, reader: &mut Reader) -> Option<Option<String>> {
    if node.is_null() {
        return Some(None);
    }
    let text = reader.loose(node, "a text, a number, or true or false")?;
    let Value::Scalar(scalar) = &node.value else {
        return Some(Some(text.to_owned()));
    };
    let read = scalar.canonical();
    if read != text {
        let message = format!("{}: `{text}` reads as `{read}`", reader.trail());
        let problem =
            Problem::warning("spelling", message).at(&node.at, "a number, or true or false");
        let help = format!("put it in quotes to keep how it is written: `\"{text}\"`");
        reader.problems.push(problem.help(help));
    }
    Some(Some(read))
}

/// Labels and the like: names with values, where no value is an empty one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Labels(pub Pairs);

impl Read for Labels {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        Pairs::read(node, reader).map(Self)
    }
}

impl Write for Labels {
    fn write(&self) -> Option<Json> {
        let pairs = self.0.0.iter();
        let pairs: Map<_, _> = pairs
            .map(|(name, pair)| (name.clone(), json!(pair.value.clone().unwrap_or_default())))
            .collect();
        (!pairs.is_empty()).then_some(Json::Object(pairs))
    }
}

/// What is handed to a driver as it is: a mapping from names to texts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options(pub BTreeMap<String, String>);

impl Read for Options {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let mut options = BTreeMap::new();
        for entry in reader.map(node, "a mapping")? {
            let read = |reader: &mut Reader| scalar(&entry.value, reader);
            if let Some(value) = reader.within(&entry.key.text, read) {
                options.insert(entry.key.text.clone(), value.unwrap_or_default());
            }
        }
        Some(Self(options))
    }
}

impl Write for Options {
    fn write(&self) -> Option<Json> {
        (!self.0.is_empty()).then(|| json!(self.0))
    }
}

/// Host names with addresses: a mapping, or a list of `name=address` or `name:address`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hosts(pub Vec<(String, String)>);

impl Read for Hosts {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        const FORM: &str = "`name=address`";
        let mut hosts = Vec::new();
        match &node.value {
            Value::List(items) => {
                for item in reader.items::<String>(items) {
                    let text = &item.value;
                    let pair = text.split_once('=').or_else(|| text.split_once(':'));
                    let Some((name, addresses)) = pair.filter(|(name, _)| !name.is_empty()) else {
                        reader.invalid::<()>(&item.at, "the address is missing", FORM);
                        continue;
                    };
                    for address in addresses.split(',') {
                        hosts.push((name.to_owned(), bare(address)));
                    }
                }
            }
            Value::Map(entries) => {
                for entry in entries {
                    let name = &entry.key.text;
                    if name.is_empty() || name.contains([':', '=']) {
                        reader.invalid::<()>(&entry.key.at, "this is no name of a host", FORM);
                        continue;
                    }
                    let addresses = match &entry.value.value {
                        Value::List(items) => {
                            let items = reader.items::<String>(items);
                            items.into_iter().map(|item| item.value).collect()
                        }
                        Value::Scalar(_) | Value::Map(_) => {
                            let expected = "an address, or a list of them";
                            let read = |reader: &mut Reader| {
                                reader.text(&entry.value, expected).map(str::to_owned)
                            };
                            Vec::from_iter(reader.within(name, read))
                        }
                    };
                    let each = addresses
                        .iter()
                        .map(|address| (name.clone(), bare(address)));
                    hosts.extend(each);
                }
            }
            Value::Scalar(_) => {
                return reader.wrong(node, "a mapping, or a list of `name=address`");
            }
        }
        let mut seen = std::collections::BTreeSet::new();
        hosts.retain(|host| seen.insert(host.clone()));
        Some(Self(hosts))
    }
}

/// Takes the brackets off an address.
fn bare(address: &str) -> String {
    let inner = address
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    inner.unwrap_or(address).to_owned()
}

impl Write for Hosts {
    fn write(&self) -> Option<Json> {
        let mut lines: Vec<_> = self
            .0
            .iter()
            .map(|(name, address)| format!("{name}={address}"))
            .collect();
        lines.sort();
        (!lines.is_empty()).then(|| json!(lines))
    }
}
