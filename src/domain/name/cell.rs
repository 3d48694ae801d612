//! Cells of a matrix, and names that carry one: `api[distro=bookworm]`.
//!
//! What comes out different in a cell is a service or a test of its own, so nobody but the matrix itself has to know of
//! cells. Engines and file systems get such a name in another form, which they take: [`file`].

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Digest, LONGEST, NameError, word};

/// The longest text of a cell.
const LONGEST_CELL: usize = 255;

/// A combination of values by their axes: `distro=bookworm,python=3.12`. One without values is the whole matrix.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cell(BTreeMap<String, String>);

/// Tells whether a text can be an axis: what stands in `${matrix.AXIS}`.
#[must_use]
pub fn is_axis(text: &str) -> bool {
    let first = |c: char| c.is_ascii_alphabetic() || c == '_';
    text.starts_with(first) && text.chars().all(|c| word(c) || c == '_') && text.len() <= LONGEST
}

/// Tells whether a text can be a value of an axis.
#[must_use]
pub fn is_value(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_graphic() && !matches!(c, '[' | ']' | ',' | '=' | '$');
    !text.is_empty() && text.chars().all(fits) && text.len() <= LONGEST
}

impl Cell {
    /// Takes values by their axes; what is no axis or no value is left out.
    #[must_use]
    pub fn of(values: impl IntoIterator<Item = (String, String)>) -> Self {
        let fits = |(axis, value): &(String, String)| is_axis(axis) && is_value(value);
        Self(values.into_iter().filter(fits).collect())
    }

    /// Returns the value of an axis.
    #[must_use]
    pub fn get(&self, axis: &str) -> Option<&str> {
        self.0.get(axis).map(String::as_str)
    }

    /// Returns the values by their axes.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self.0.iter();
        pairs.map(|(axis, value)| (axis.as_str(), value.as_str()))
    }

    /// Tells whether it says nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Tells whether it has every value of another one.
    #[must_use]
    pub fn matches(&self, part: &Self) -> bool {
        part.iter()
            .all(|(axis, value)| self.get(axis) == Some(value))
    }

    /// Returns it with the values of another one over its own.
    #[must_use]
    pub fn with(&self, other: &Self) -> Self {
        let both = self.0.iter().chain(&other.0);
        Self(
            both.map(|(axis, value)| (axis.clone(), value.clone()))
                .collect(),
        )
    }

    /// Returns of it what holds for an axis and its value.
    #[must_use]
    pub fn only(&self, holds: impl Fn(&str, &str) -> bool) -> Self {
        let pairs = self.0.iter().filter(|(axis, value)| holds(axis, value));
        Self(
            pairs
                .map(|(axis, value)| (axis.clone(), value.clone()))
                .collect(),
        )
    }

    /// Returns a name as it is in this cell.
    #[must_use]
    pub fn name(&self, base: &str) -> String {
        if self.is_empty() {
            base.to_owned()
        } else {
            format!("{base}[{self}]")
        }
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs: Vec<_> = self
            .iter()
            .map(|(axis, value)| format!("{axis}={value}"))
            .collect();
        f.write_str(&pairs.join(","))
    }
}

impl FromStr for Cell {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let error = || NameError {
            text: text.to_owned(),
            what: "cell",
            rule: "AXIS=VALUE, several with commas between them, without spaces and brackets",
        };
        let mut values = BTreeMap::new();
        for pair in text.split(',').filter(|_| !text.is_empty()) {
            let (axis, value) = pair.split_once('=').ok_or_else(error)?;
            let fits = is_axis(axis) && is_value(value);
            if !fits || values.insert(axis.to_owned(), value.to_owned()).is_some() {
                return Err(error());
            }
        }
        let cell = Self(values);
        if text.len() > LONGEST_CELL {
            return Err(error());
        }
        Ok(cell)
    }
}

impl TryFrom<String> for Cell {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<Cell> for String {
    fn from(cell: Cell) -> Self {
        cell.to_string()
    }
}

/// Divides a name into what it is without its cell, and the cell's text, if it has one. A cell is written in one way
/// only, so that equal names are equal texts.
pub(super) fn divided(text: &str) -> Option<(&str, Cell)> {
    let Some((base, rest)) = text.split_once('[') else {
        return Some((text, Cell::default()));
    };
    let inner = rest.strip_suffix(']')?;
    let cell: Cell = inner.parse().ok()?;
    (!cell.is_empty() && cell.to_string() == inner).then_some((base, cell))
}

/// Returns a name in the form that engines take for containers, volumes and images, and that a path takes: what of the
/// cell fits, and the start of the name's digest, so that no two names meet.
pub(super) fn file(text: &str) -> String {
    let Some((base, cell)) = divided(text).filter(|(_, cell)| !cell.is_empty()) else {
        return text.to_owned();
    };
    let mut file = base.to_owned();
    for (_, value) in cell.iter() {
        file.push('-');
        file.extend(value.chars().filter(|c| word(*c) || *c == '.'));
    }
    let file = file
        .trim_end_matches('.')
        .replace("..", ".")
        .replace("-.", "-");
    format!("{file}-{}", &Digest::of(text).hex()[..6])
}

#[cfg(test)]
mod tests {
    use super::super::{ServiceName, TestName};
    use super::*;

    fn service(text: &str) -> ServiceName {
        text.parse().unwrap()
    }

    #[test]
    fn a_name_has_its_cell_and_loses_it_where_nobody_takes_it() {
        let name = service("api[distro=bookworm,python=3.12]");
        assert_eq!(name.base(), "api");
        assert_eq!(name.cell().get("python"), Some("3.12"));
        let file = name.file();
        assert!(file.starts_with("api-bookworm-3.12-"), "{file}");
        assert_ne!(file, service("api[distro=bookworm,python=3.12x]").file());
        assert_eq!(service("api").file(), "api");
        assert!(service("api").cell().is_empty());
        let odd = service("api[v=../~.]").file();
        assert!(
            odd.chars().all(|c| word(c) || matches!(c, '-' | '.')),
            "{odd}"
        );
        assert!(!odd.contains("..") && !odd.contains("-."), "{odd}");
    }

    #[test]
    fn a_cell_is_written_in_one_way_only() {
        for bad in [
            "api[",
            "api[]",
            "api[a]",
            "api[a=]",
            "api[=b]",
            "api[b=1,a=2]",
            "api[a=1,a=2]",
            "api[a=1]x",
            "[a=1]",
            "api[a=1][b=2]",
            "api[a=x y]",
            "api[a-b=1]",
            "api[a=$b]",
        ] {
            assert!(bad.parse::<ServiceName>().is_err(), "{bad}");
            assert!(bad.parse::<TestName>().is_err(), "{bad}");
        }
        assert!("a[b=c]".parse::<super::super::ClusterName>().is_err());
        assert!(
            format!("a[b={}]", "c".repeat(64))
                .parse::<ServiceName>()
                .is_err()
        );
    }

    #[test]
    fn a_part_of_a_cell_matches() {
        let cell: Cell = "a=1,b=2".parse().unwrap();
        for (part, matches) in [("", true), ("a=1", true), ("a=2", false), ("c=1", false)] {
            assert_eq!(cell.matches(&part.parse().unwrap()), matches, "{part}");
        }
        assert_eq!(cell.with(&"b=3".parse().unwrap()).name("x"), "x[a=1,b=3]");
        assert_eq!(cell.only(|axis, _| axis == "b").name("x"), "x[b=2]");
    }
}
