//! Values that both Compose and `longshore.yaml` have: commands, pairs, periods.

use std::collections::BTreeMap;
use std::time::Duration;

use super::place::At;
use super::reader::{Read, Reader};
use super::yaml::{Node, Value};

/// A command: a list of words, or a text that is split like a shell would.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words(pub Vec<String>);

impl Read for Words {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        if let Value::List(items) = &node.value {
            let words = reader.items::<String>(items);
            return Some(Self(words.into_iter().map(|word| word.value).collect()));
        }
        let text = reader.text(node, "a text or a list of texts")?;
        match shlex::split(text) {
            Some(words) => Some(Self(words)),
            None => reader.invalid(&node.at, "a quote is not closed", "words as in a shell"),
        }
    }
}

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

    fn merge(&mut self, over: Self) {
        self.0.extend(over.0);
    }
}

/// Reads the value of a pair: a scalar, or nothing.
fn scalar(node: &Node, reader: &mut Reader) -> Option<Option<String>> {
    if node.is_null() {
        return Some(None);
    }
    let text = reader.text(node, "a text, a number, or true or false")?;
    Some(Some(text.to_owned()))
}

/// A period such as `90s`, `1m30s`, `1.5h` or `100ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period(pub Duration);

impl Read for Period {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        const FORM: &str = "a period such as `90s` or `1m30s`";
        let text = reader.text(node, FORM)?;
        match period(text) {
            Some(period) => Some(Self(period)),
            None if text.parse::<f64>().is_ok() => {
                reader.invalid(&node.at, "the unit is missing", FORM)
            }
            None => reader.invalid(&node.at, "this is no period", FORM),
        }
    }
}

/// Parses a period as the Compose Specification (section 11, durations) has it, with fractions.
fn period(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|c: char| !c.is_ascii_alphabetic() && c != 'µ');
        let (unit, after) = after.split_at(letters.unwrap_or(after.len()));
        let seconds = match unit {
            "us" | "µs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        let nanoseconds = (number.parse::<f64>().ok()? * seconds * 1e9).round();
        let part = Duration::try_from_secs_f64(nanoseconds / 1e9).ok()?;
        total = total.checked_add(part)?;
        rest = after;
    }
    (!text.is_empty() && total <= Duration::from_secs(366 * 24 * 3600)).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_periods() {
        for (text, milliseconds) in [
            ("5s", Some(5000)),
            ("1m30s", Some(90_000)),
            ("1.5s", Some(1500)),
            ("2h", Some(7_200_000)),
            ("100ms", Some(100)),
            ("0s", Some(0)),
            ("", None),
            ("5", None),
            ("s", None),
            ("5d", None),
            ("-5s", None),
            ("1.2.3s", None),
            ("99999999999999h", None),
        ] {
            assert_eq!(
                period(text),
                milliseconds.map(Duration::from_millis),
                "{text}"
            );
        }
    }
}
