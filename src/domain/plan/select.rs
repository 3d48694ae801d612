//! Which tests are meant by words on the command line: `integration`, `integration[distro=trixie]`, `distro=trixie`.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use crate::domain::cluster::Test;
use crate::domain::definition::nearest;
use crate::domain::failure::{Explain, Kind};
use crate::domain::name::{Cell, NameError, TestName};

/// A word that chooses tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    /// All cells of a test that have these values.
    Test(TestName, Cell),
    /// Of the tests chosen otherwise, or of all, the cells that have these values.
    Cell(Cell),
}

impl FromStr for Selector {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if let Some((name, rest)) = text.split_once('[') {
            let cell = rest.strip_suffix(']').unwrap_or(rest);
            return Ok(Self::Test(name.parse()?, cell.parse()?));
        }
        if text.contains('=') {
            return text.parse().map(Self::Cell);
        }
        Ok(Self::Test(text.parse()?, Cell::default()))
    }
}

/// Nothing is chosen by a word.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectError {
    /// There is no such test.
    #[error("there is no test {name}")]
    Unknown {
        /// As asked for.
        name: TestName,
        /// Those that there are, without their cells.
        known: BTreeSet<String>,
    },
    /// No test that is meant has such an axis.
    #[error("there is no axis {axis}")]
    Axis {
        /// As asked for.
        axis: String,
        /// Those that there are.
        known: BTreeSet<String>,
    },
    /// The axis has no such value.
    #[error("axis {axis} has no value {value}")]
    Value {
        /// The axis.
        axis: String,
        /// As asked for.
        value: String,
        /// Those that there are.
        known: BTreeSet<String>,
    },
    /// Every value is there, but no cell has them all.
    #[error("no cell has {cell}")]
    Nothing {
        /// As asked for.
        cell: Cell,
    },
}

impl Explain for SelectError {
    fn kind(&self) -> Kind {
        Kind::Invalid
    }

    fn hints(&self) -> Vec<String> {
        let (word, known, what) = match self {
            Self::Unknown { known, .. } if known.is_empty() => {
                let hint = "there are none: name one under `tests:` in longshore.yaml, or give a service the profile `test`";
                return vec![hint.to_owned()];
            }
            Self::Unknown { name, known } => (name.as_str(), known, "tests"),
            Self::Axis { known, .. } if known.is_empty() => {
                return vec!["no test has a `matrix` in longshore.yaml".to_owned()];
            }
            Self::Axis { axis, known } => (axis.as_str(), known, "axes"),
            Self::Value { value, known, .. } => (value.as_str(), known, "values"),
            Self::Nothing { .. } => return vec!["`longshore config` lists every cell".to_owned()],
        };
        let near = nearest(word, known.iter().map(String::as_str));
        let near = near.map(|near| format!("did you mean `{near}`?"));
        let all: Vec<_> = known.iter().map(String::as_str).collect();
        vec![near.unwrap_or_else(|| format!("{what} are: {}", all.join(", ")))]
    }
}

/// Returns the tests that are meant; every one if nothing is said.
///
/// # Errors
///
/// The first word that means nothing.
pub fn select(
    tests: &BTreeMap<TestName, Test>,
    selectors: &[Selector],
) -> Result<BTreeSet<TestName>, SelectError> {
    let mut filter = Cell::default();
    let mut named: Vec<(&TestName, &Cell)> = Vec::new();
    for selector in selectors {
        match selector {
            Selector::Test(name, cell) => named.push((name, cell)),
            Selector::Cell(cell) => filter = filter.with(cell),
        }
    }
    let mut meant = BTreeSet::new();
    for (name, cell) in &named {
        let own: Vec<_> = tests
            .keys()
            .filter(|test| test.base() == name.as_str())
            .collect();
        if own.is_empty() {
            let known = tests.keys().map(|test| test.base().to_owned()).collect();
            return Err(SelectError::Unknown {
                name: (*name).clone(),
                known,
            });
        }
        meant.extend(matching(&own, cell)?);
    }
    if named.is_empty() {
        meant.extend(tests.keys().cloned());
    }
    if filter.is_empty() {
        return Ok(meant);
    }
    let all: Vec<_> = meant.iter().collect();
    matching(&all, &filter)
}

fn matching(tests: &[&TestName], part: &Cell) -> Result<BTreeSet<TestName>, SelectError> {
    let cells: Vec<_> = tests.iter().map(|test| test.cell()).collect();
    for (axis, value) in part.iter() {
        let known: BTreeSet<String> = cells
            .iter()
            .filter_map(|cell| cell.get(axis))
            .map(str::to_owned)
            .collect();
        let axis = axis.to_owned();
        if known.is_empty() {
            let axes = cells.iter().flat_map(Cell::iter);
            let known = axes.map(|(axis, _)| axis.to_owned()).collect();
            return Err(SelectError::Axis { axis, known });
        }
        if !known.contains(value) {
            let value = value.to_owned();
            return Err(SelectError::Value { axis, value, known });
        }
    }
    let both = tests
        .iter()
        .zip(&cells)
        .filter(|(_, cell)| cell.matches(part));
    let meant: BTreeSet<TestName> = both.map(|(test, _)| (*test).clone()).collect();
    if meant.is_empty() && !tests.is_empty() {
        return Err(SelectError::Nothing { cell: part.clone() });
    }
    Ok(meant)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::cluster::Subject;

    fn chosen(words: &[&str]) -> Result<String, SelectError> {
        let test = |name: &str| {
            let test = Test::of(Subject::Service("api".parse().unwrap()));
            (name.parse().unwrap(), test)
        };
        let tests = [
            "unit",
            "e2e[os=a,v=1]",
            "e2e[os=a,v=2]",
            "e2e[os=b,v=1]",
            "lint[os=b]",
        ]
        .map(test);
        let words: Vec<_> = words.iter().map(|word| word.parse().unwrap()).collect();
        let chosen = select(&BTreeMap::from(tests), &words)?;
        Ok(chosen
            .iter()
            .map(TestName::as_str)
            .collect::<Vec<_>>()
            .join(" "))
    }

    #[test]
    fn words_choose_tests_and_their_cells() {
        for (words, expected) in [
            (
                &["e2e"] as &[&str],
                "e2e[os=a,v=1] e2e[os=a,v=2] e2e[os=b,v=1]",
            ),
            (&["e2e[v=1,os=a]"], "e2e[os=a,v=1]"),
            (&["e2e[os=a]", "unit"], "e2e[os=a,v=1] e2e[os=a,v=2] unit"),
            (&["os=b"], "e2e[os=b,v=1] lint[os=b]"),
            (&["os=a", "v=2"], "e2e[os=a,v=2]"),
            (&["e2e", "os=b"], "e2e[os=b,v=1]"),
        ] {
            assert_eq!(chosen(words).unwrap(), expected, "{words:?}");
        }
        assert_eq!(chosen(&[]).unwrap().split(' ').count(), 5);
    }

    #[test]
    fn what_means_nothing_is_told_with_what_was_probably_meant() {
        for (words, message, hint) in [
            (
                &["unti"] as &[&str],
                "there is no test unti",
                "did you mean `unit`?",
            ),
            (&["so=a"], "there is no axis so", "did you mean `os`?"),
            (&["e2e[os=z]"], "axis os has no value z", "values are: a, b"),
            (
                &["os=b,v=2"],
                "no cell has os=b,v=2",
                "`longshore config` lists every cell",
            ),
        ] {
            let error = chosen(words).unwrap_err();
            assert_eq!(error.to_string(), message);
            assert_eq!(error.hints(), [hint]);
        }
    }
}
