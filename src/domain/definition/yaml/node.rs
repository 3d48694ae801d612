//! The nodes of a tree, and what type a scalar has.

use serde_json::Value as Json;

use super::super::place::{At, How, Place};

/// What a value weighs beside its text, in bytes: less than it takes in memory, and proportional to it.
pub(super) const WEIGHT: usize = 64;

/// A value and where it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Where it was written, and the way it came.
    pub at: At,
    /// What it does to what an earlier file says, where that is not the rule of its key.
    pub tag: Option<Tag>,
    /// What it is.
    pub value: Value,
}

/// What a value does to what it is laid over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    /// `!reset`: both are gone.
    Reset,
    /// `!override`: it replaces it whole.
    Override,
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
    /// Marks this node and all below as having come from elsewhere.
    pub fn reached_by(&mut self, how: How, place: &Place) {
        self.at.reached_by(how, place);
        match &mut self.value {
            Value::Scalar(_) => {}
            Value::List(items) => items
                .iter_mut()
                .for_each(|item| item.reached_by(how, place)),
            Value::Map(entries) => entries.iter_mut().for_each(|entry| {
                entry.key.at.reached_by(how, place);
                entry.value.reached_by(how, place);
            }),
        }
    }

    /// Returns what a copy of it costs: the bytes of its texts, and for each value and key as many more.
    #[must_use]
    pub fn weight(&self) -> usize {
        WEIGHT
            + match &self.value {
                Value::Scalar(scalar) => scalar.text.len(),
                Value::List(items) => items.iter().map(Self::weight).sum(),
                Value::Map(entries) => entries
                    .iter()
                    .map(|entry| WEIGHT + entry.key.text.len() + entry.value.weight())
                    .sum(),
            }
    }

    /// Says that this node and all below stand somewhere else.
    pub fn move_to(&mut self, place: &Place) {
        self.at = place.clone().into();
        match &mut self.value {
            Value::Scalar(_) => {}
            Value::List(items) => items.iter_mut().for_each(|item| item.move_to(place)),
            Value::Map(entries) => entries.iter_mut().for_each(|entry| {
                entry.key.at = place.clone().into();
                entry.value.move_to(place);
            }),
        }
    }

    /// Returns it as JSON, scalars typed by the core schema.
    #[must_use]
    pub fn json(&self) -> Json {
        match &self.value {
            Value::Scalar(scalar) => scalar.json(),
            Value::List(items) => items.iter().map(Self::json).collect(),
            Value::Map(entries) => entries
                .iter()
                .map(|entry| (entry.key.text.clone(), entry.value.json()))
                .collect(),
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
            Value::Scalar(scalar) if scalar.is_bool() => "true or false",
            Value::Scalar(scalar) if scalar.is_number() => "a number",
            Value::Scalar(_) => "a text",
        }
    }

    /// Tells whether two say the same, wherever they were written. The order of keys does not matter.
    #[must_use]
    pub fn says_as(&self, other: &Self) -> bool {
        match (&self.value, &other.value) {
            (Value::Scalar(own), Value::Scalar(other)) => {
                own.text == other.text && own.is_null() == other.is_null()
            }
            (Value::List(own), Value::List(other)) => {
                own.len() == other.len() && own.iter().zip(other).all(|(a, b)| a.says_as(b))
            }
            (Value::Map(own), Value::Map(entries)) => {
                let same = |entry: &Entry| {
                    let value = other.get(&entry.key.text);
                    value.is_some_and(|value| entry.value.says_as(value))
                };
                own.len() == entries.len() && own.iter().all(same)
            }
            (Value::Scalar(_) | Value::List(_) | Value::Map(_), _) => false,
        }
    }

    /// Takes a key out, if this is a mapping that has it.
    pub fn remove(&mut self, key: &str) -> Option<Self> {
        match &mut self.value {
            Value::Map(entries) => {
                let place = entries.iter().position(|entry| entry.key.text == key)?;
                Some(entries.remove(place).value)
            }
            Value::Scalar(_) | Value::List(_) => None,
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
    fn json(&self) -> Json {
        if self.is_null() {
            return Json::Null;
        }
        if self.is_bool() {
            return Json::Bool(self.as_bool().unwrap_or_default());
        }
        let number = self.is_number().then(|| {
            let whole = self.text.parse::<i64>().ok().map(Json::from);
            whole.or_else(|| self.text.parse::<f64>().ok().map(Json::from))
        });
        number
            .flatten()
            .unwrap_or_else(|| Json::from(self.text.as_str()))
    }

    /// Tells whether it is null in the core schema (YAML 1.2.2, section 10.3.2).
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.plain && matches!(self.text.as_str(), "" | "~" | "null" | "Null" | "NULL")
    }

    /// Tells whether it is true or false in the core schema.
    #[must_use]
    pub fn is_bool(&self) -> bool {
        let words = ["true", "True", "TRUE", "false", "False", "FALSE"];
        self.plain && words.contains(&self.text.as_str())
    }

    /// Tells whether it is a number in the core schema, or with the `_` between digits that YAML 1.1 has.
    #[must_use]
    pub fn is_number(&self) -> bool {
        let unsigned = self.text.trim_start_matches(['-', '+']);
        let digits = unsigned.strip_prefix('.').unwrap_or(unsigned);
        let begins = digits.starts_with(|c: char| c.is_ascii_digit());
        let based = |prefix: &str, radix: u32| {
            let rest = unsigned.strip_prefix(prefix);
            rest.is_some_and(|rest| !rest.is_empty() && rest.chars().all(|c| c.is_digit(radix)))
        };
        let special = [".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN"];
        self.plain
            && ((begins && unsigned.replace('_', "").parse::<f64>().is_ok())
                || based("0x", 16)
                || based("0o", 8)
                || based("0b", 2)
                || special.contains(&unsigned))
    }

    /// Returns how it reads where a text is wanted: numbers, true and false as YAML writes them, other texts as they
    /// are.
    #[must_use]
    pub fn canonical(&self) -> String {
        if self.is_bool() {
            return self.text.to_ascii_lowercase();
        }
        if !self.is_number() {
            return self.text.clone();
        }
        let plain = self.text.replace('_', "");
        let (sign, unsigned) = match plain.strip_prefix('-') {
            Some(rest) => ("-", rest),
            None => ("", plain.strip_prefix('+').unwrap_or(&plain)),
        };
        let radix = [("0x", 16), ("0o", 8), ("0b", 2)]
            .into_iter()
            .find_map(|(prefix, radix)| {
                let digits = unsigned.strip_prefix(prefix)?;
                i128::from_str_radix(digits, radix).ok()
            });
        // A leading zero is octal in YAML 1.1, which Compose reads too, if all digits are.
        let octal = unsigned.len() > 1 && unsigned.starts_with('0');
        let octal = octal
            .then(|| i128::from_str_radix(unsigned, 8).ok())
            .flatten();
        let whole = radix.or(octal).or_else(|| unsigned.parse().ok());
        match (whole, unsigned.parse::<f64>()) {
            (Some(number), _) => format!("{sign}{number}"),
            (None, Ok(number)) => format!("{sign}{}", shortest(number)),
            (None, Err(_)) => self.text.clone(),
        }
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

/// Writes a number as shortly as it can be read back, with an exponent where it is very large or small.
fn shortest(number: f64) -> String {
    let size = number.abs();
    if size != 0.0 && !(1e-4..1e21).contains(&size) {
        let text = format!("{number:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let exponent: i32 = exponent.parse().unwrap_or_default();
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{digits}e{sign}{:02}", exponent.abs());
    }
    format!("{number}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_yaml_writes_them() {
        for (text, read) in [
            ("1.10", "1.1"),
            ("1.0", "1"),
            ("1e3", "1000"),
            ("1_000", "1000"),
            ("+5", "5"),
            (".5", "0.5"),
            ("0755", "493"),
            ("089", "89"),
            ("0x1F", "31"),
            ("-0b11", "-3"),
            ("1e30", "1e+30"),
            ("True", "true"),
            ("1.2.3", "1.2.3"),
            ("yes", "yes"),
        ] {
            assert_eq!(scalar(text, true).canonical(), read, "{text}");
            assert_eq!(scalar(text, false).canonical(), text);
        }
    }

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
        for number in ["1", "-1.5", ".5", "1e3", "0x1F", "0o17", "1_000", ".inf"] {
            assert!(scalar(number, true).is_number(), "{number}");
            assert!(!scalar(number, false).is_number(), "{number}");
        }
        for text in ["", "22:22", "1.2.3", "inf", "e3", "1m", "0x", "-"] {
            assert!(!scalar(text, true).is_number(), "{text}");
        }
    }
}
