//! The matrix of a test: its axes as written, and the cells that they make.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde_json::{Value as Json, json};

use super::place::{At, Spanned};
use super::problem::Problem;
use super::reader::{Mapping, Named, Read, Reader};
use super::settings::Settings;
use super::write::Write;
use super::yaml::{Entry, Node};
use crate::domain::name::{Cell, is_axis, is_value};

/// The most cells that a test may have.
const MOST: usize = 256;

/// What a variable of a matrix begins with: `${matrix.distro}`.
pub const PREFIX: &str = "matrix.";

/// A matrix as written: axes with their values, and what is said about their combinations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MatrixEntry {
    /// The axes, with their values in the order written.
    pub axes: BTreeMap<String, Named<Vec<Spanned<String>>>>,
    /// Cells besides.
    pub include: Vec<Spanned<Mapping<String>>>,
    /// Cells that there are not: all that have these values.
    pub exclude: Vec<Spanned<Mapping<String>>>,
    /// The cell whose images are released; the first one unless said.
    pub released: Option<Spanned<Mapping<String>>>,
    /// Whether a red cell ends the others.
    pub fail_fast: bool,
}

/// The keys of a matrix that are no axes.
const KEYS: &[&str] = &["include", "exclude", "released", "fail_fast"];

impl Read for MatrixEntry {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let mut entry = Self::default();
        for written in reader.map(node, "a mapping from axes to lists of values")? {
            let Entry { key, value } = written;
            match key.text.as_str() {
                "include" => entry.include = field(written, reader).unwrap_or_default(),
                "exclude" => entry.exclude = field(written, reader).unwrap_or_default(),
                "released" => {
                    let mut slot = None;
                    reader.field(written, &mut slot);
                    entry.released = slot;
                }
                "fail_fast" => entry.fail_fast = field(written, reader).unwrap_or_default(),
                axis if axis.starts_with("x-") => {}
                axis if is_axis(axis) => {
                    let values: Option<Vec<Spanned<String>>> = field(written, reader);
                    let (key, at) = (key.at.clone(), value.at.clone());
                    entry
                        .axes
                        .extend(values.map(|value| (axis.to_owned(), Named { key, value, at })));
                }
                other => {
                    let problem = Problem::error("bad-name", format!("`{other}` is no axis"));
                    let problem = problem.at(&key.at, "expected letters, digits and `_`");
                    reader
                        .problems
                        .push(problem.did_you_mean(other, KEYS.iter().copied()));
                }
            }
        }
        Some(entry)
    }
}

fn field<T: Read>(entry: &Entry, reader: &mut Reader) -> Option<T> {
    let mut slot: Option<Spanned<T>> = None;
    reader.field(entry, &mut slot);
    slot.map(|slot| slot.value)
}

impl Write for MatrixEntry {
    fn write(&self) -> Option<Json> {
        let Self {
            axes,
            include,
            exclude,
            released,
            fail_fast,
        } = self;
        let cell = |cell: &Spanned<Mapping<String>>| {
            let values = cell.value.0.iter();
            let values = values.map(|(axis, value)| (axis.clone(), json!(value.value)));
            Json::Object(values.collect())
        };
        let mut fields = serde_json::Map::new();
        for (axis, values) in axes {
            let values: Vec<_> = values
                .value
                .iter()
                .map(|value| value.value.as_str())
                .collect();
            fields.insert(axis.clone(), json!(values));
        }
        for (key, cells) in [("include", include), ("exclude", exclude)] {
            if !cells.is_empty() {
                fields.insert(key.to_owned(), cells.iter().map(cell).collect());
            }
        }
        fields.extend(
            released
                .as_ref()
                .map(|released| ("released".to_owned(), cell(released))),
        );
        if *fail_fast {
            fields.insert("fail_fast".to_owned(), json!(true));
        }
        Some(Json::Object(fields))
    }
}

/// The cells of a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matrix {
    /// Each has a value of every axis.
    pub cells: BTreeSet<Cell>,
    /// The one whose images are released.
    pub released: Cell,
}

/// The matrices of all tests, by the test's name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Matrices {
    /// The matrix of each test that has one.
    pub tests: BTreeMap<String, Matrix>,
    /// What the axes are where no cell is meant: in what is released.
    pub released: Cell,
}

impl Matrices {
    /// Works out the cells of every test. What is wrong is told, and left out.
    #[must_use]
    pub fn of(settings: Option<&Settings>, problems: &mut Vec<Problem>) -> Self {
        let mut matrices = Self::default();
        let mut said: BTreeMap<String, (String, &At)> = BTreeMap::new();
        let tests = settings.and_then(|settings| settings.tests.as_ref());
        for (name, test) in tests.into_iter().flat_map(|tests| &tests.value.0) {
            let Some(entry) = &test.value.matrix else {
                continue;
            };
            let mut making = Making { entry, problems };
            let Some(matrix) = making.matrix() else {
                continue;
            };
            for (axis, value) in matrix.released.iter() {
                let (other, at) = said
                    .entry(axis.to_owned())
                    .or_insert((value.to_owned(), &entry.at));
                if other != value {
                    let message = format!(
                        "axis `{axis}` is released as `{other}` by one test and as `{value}` by another"
                    );
                    let problem = Problem::error("conflict", message);
                    let problem = problem
                        .at(&entry.at, format!("`{value}` here"))
                        .at(at, format!("`{other}` here"));
                    problems.push(
                        problem.help(format!("say it in both: `released: {{{axis}: {other}}}`")),
                    );
                }
            }
            matrices.released = matrix.released.with(&matrices.released);
            matrices.tests.insert(name.clone(), matrix);
        }
        matrices
    }

    /// Returns every cell that the services have to be known in, beside the released one, each with all axes.
    #[must_use]
    pub fn others(&self) -> BTreeSet<Cell> {
        let cells = self.tests.values().flat_map(|matrix| &matrix.cells);
        let whole = cells.map(|cell| self.released.with(cell));
        whole.filter(|cell| *cell != self.released).collect()
    }
}

/// Returns the variables that a cell fills in.
pub fn variables(cell: &Cell) -> impl Iterator<Item = (String, String)> {
    cell.iter()
        .map(|(axis, value)| (format!("{PREFIX}{axis}"), value.to_owned()))
}

/// Fills a cell into a text of `longshore.yaml`: `${matrix.AXIS}` and nothing else.
///
/// # Errors
///
/// The first axis that the cell does not have, and where in the text it stands.
pub fn filled(text: &str, cell: &Cell) -> Result<String, (String, Range<usize>)> {
    let (opening, mut result, mut at) = ("${matrix.", String::new(), 0);
    while let Some(found) = text[at..].find(opening) {
        let start = at + found;
        let rest = &text[start + opening.len()..];
        let Some(length) = rest.find('}') else { break };
        let (axis, end) = (&rest[..length], start + opening.len() + length + 1);
        let value = cell
            .get(axis)
            .ok_or_else(|| (axis.to_owned(), start..end))?;
        result.push_str(&text[at..start]);
        result.push_str(value);
        at = end;
    }
    result.push_str(&text[at..]);
    Ok(result)
}

struct Making<'a> {
    entry: &'a Spanned<MatrixEntry>,
    problems: &'a mut Vec<Problem>,
}

impl Making<'_> {
    fn matrix(&mut self) -> Option<Matrix> {
        let before = self.problems.len();
        let mut cells = self.product()?;
        let written = &self.entry.value;
        for exclude in &written.exclude {
            let Some(part) = self.part(exclude, true) else {
                continue;
            };
            let count = cells.len();
            cells.retain(|cell| !cell.matches(&part));
            if cells.len() == count {
                self.tell(
                    "no-cell",
                    "no cell has these values".to_owned(),
                    &exclude.at,
                    "leaves nothing out",
                );
            }
        }
        for include in &written.include {
            let Some(cell) = self.part(include, false) else {
                continue;
            };
            if let Some(axis) = written.axes.keys().find(|axis| cell.get(axis).is_none()) {
                let message = format!(
                    "a cell needs a value of every axis, and this one has none of `{axis}`"
                );
                self.tell("missing-value", message, &include.at, "included here");
            } else if !cells.contains(&cell) {
                cells.push(cell);
            }
        }
        if cells.is_empty() && self.problems.len() == before {
            self.tell(
                "no-cell",
                "the matrix has no cells".to_owned(),
                &self.entry.at,
                "nothing to run",
            );
        }
        let released = match &written.released {
            None => cells.first().cloned(),
            Some(written) => {
                let part = self.part(written, true)?;
                let found = cells.iter().find(|cell| cell.matches(&part)).cloned();
                if found.is_none() && self.problems.len() == before {
                    self.tell(
                        "no-cell",
                        "no cell has these values".to_owned(),
                        &written.at,
                        "no cell",
                    );
                }
                found
            }
        };
        let cells = cells.into_iter().collect();
        Some(Matrix {
            cells,
            released: released?,
        })
        .filter(|_| self.problems.len() == before)
    }

    /// Returns every combination of the axes' values, the first axis by its name varying last.
    fn product(&mut self) -> Option<Vec<Cell>> {
        let mut cells = vec![Cell::default()];
        for (axis, values) in &self.entry.value.axes {
            let mut seen = BTreeSet::new();
            for value in &values.value {
                if !is_value(&value.value) {
                    let message = format!("`{}` cannot be a value of a matrix", value.value);
                    let label = "expected up to 63 characters without spaces, brackets, commas, `=` and `$`";
                    self.tell("invalid-value", message, &value.at, label);
                } else if !seen.insert(value.value.as_str()) {
                    let message = format!("axis `{axis}` has `{}` twice", value.value);
                    self.tell("duplicate-value", message, &value.at, "again here");
                }
            }
            let pair = |value: &Spanned<String>| Cell::of([(axis.clone(), value.value.clone())]);
            let pairs: Vec<_> = values.value.iter().map(pair).collect();
            if cells.len() * pairs.len() > MOST {
                let message = format!("the matrix has more than {MOST} cells");
                self.tell(
                    "too-large",
                    message,
                    &self.entry.at,
                    "too many combinations",
                );
                return None;
            }
            cells = cells
                .iter()
                .flat_map(|cell| pairs.iter().map(|pair| cell.with(pair)))
                .collect();
        }
        // A matrix may be written as a list of its cells alone.
        let empty = self.entry.value.axes.is_empty();
        Some(if empty { Vec::new() } else { cells })
    }

    /// Reads values by their axes; where `known` is asked, each has to be one that the axis has.
    fn part(&mut self, written: &Spanned<Mapping<String>>, known: bool) -> Option<Cell> {
        let entry = &self.entry.value;
        let before = self.problems.len();
        for (axis, value) in &written.value.0 {
            let Some(values) = entry.axes.get(axis) else {
                if entry.axes.is_empty() && is_axis(axis) {
                    continue;
                }
                let problem =
                    Problem::error("unknown-axis", format!("the matrix has no axis `{axis}`"));
                let problem = problem.at(&value.key, "not an axis");
                let axes = entry.axes.keys().map(String::as_str);
                self.problems.push(problem.did_you_mean(axis, axes));
                continue;
            };
            let mut all = values.value.iter().map(|value| value.value.as_str());
            let included = entry
                .include
                .iter()
                .filter_map(|cell| cell.value.0.get(axis));
            let mut included = included.map(|value| value.value.as_str());
            let text = value.value.as_str();
            if known && !all.any(|one| one == text) && !included.any(|one| one == text) {
                let problem = Problem::error(
                    "unknown-value",
                    format!("axis `{axis}` has no value `{text}`"),
                );
                let problem = problem.at(&value.at, "not a value of it");
                let all = values.value.iter().map(|value| value.value.as_str());
                self.problems.push(problem.did_you_mean(text, all));
            } else if !is_value(text) {
                let message = format!("`{text}` cannot be a value of a matrix");
                self.tell("invalid-value", message, &value.at, "not a value");
            }
        }
        let pairs = written.value.0.iter();
        let cell = Cell::of(pairs.map(|(axis, value)| (axis.clone(), value.value.clone())));
        (self.problems.len() == before).then_some(cell)
    }

    fn tell(&mut self, code: &'static str, message: String, at: &At, label: &str) {
        self.problems
            .push(Problem::error(code, message).at(at, label));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::place::Source;
    use super::super::yaml;
    use super::*;

    fn of(matrix: &str) -> (Matrices, Vec<Problem>) {
        let text = format!("tests: {{t: {{service: api, matrix: {matrix}}}}}\n");
        let path = "longshore.yaml".to_owned();
        let node = yaml::parse(&Arc::new(Source { path, text })).0.remove(0);
        let mut reader = Reader::default();
        let settings = Settings::read(&node, &mut reader).unwrap();
        let mut problems = reader.problems;
        let matrices = Matrices::of(Some(&settings), &mut problems);
        (matrices, problems)
    }

    fn cells(matrix: &str) -> Vec<String> {
        let (matrices, problems) = of(matrix);
        assert_eq!(problems, []);
        matrices.tests["t"]
            .cells
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn axes_are_multiplied_and_cells_taken_out_and_added() {
        let matrix = "{os: [a, b], v: [1, 2], exclude: [{os: b, v: 1}], include: [{os: c, v: 9}]}";
        assert_eq!(
            cells(matrix),
            ["os=a,v=1", "os=a,v=2", "os=b,v=2", "os=c,v=9"]
        );
        assert_eq!(cells("{include: [{os: c}, {os: d}]}"), ["os=c", "os=d"]);
        assert_eq!(cells("{v: [3.10, 3.1]}"), ["v=3.1", "v=3.10"]);
    }

    #[test]
    fn the_first_cell_is_released_unless_one_is_named() {
        let (matrices, _) = of("{os: [b, a], v: [2, 1]}");
        assert_eq!(matrices.released.to_string(), "os=b,v=2");
        assert_eq!(matrices.others().len(), 3);
        let (matrices, _) = of("{os: [b, a], v: [2, 1], released: {os: a}}");
        assert_eq!(matrices.released.to_string(), "os=a,v=2");
    }

    #[test]
    fn what_is_wrong_is_told_where_it_stands() {
        for (matrix, code, place) in [
            ("{os: [a], released: {so: a}}", "unknown-axis", "so"),
            (
                "{os: [trixie], released: {os: trixe}}",
                "unknown-value",
                "trixe",
            ),
            ("{os: [a], exclude: [{os: z}]}", "unknown-value", "z"),
            ("{os: [a, a]}", "duplicate-value", "a"),
            ("{os: ['a b']}", "invalid-value", "'a b'"),
            (
                "{os: [a], exclude: [{os: a}]}",
                "no-cell",
                "{os: [a], exclude: [{os: a}]}",
            ),
            (
                "{os: [a], v: [1], include: [{os: b}]}",
                "missing-value",
                "{os: b}",
            ),
            ("{o-s: [a], os: [a]}", "bad-name", "o-s"),
        ] {
            let (_, problems) = of(matrix);
            let found: Vec<_> = problems
                .iter()
                .map(|p| (p.code, p.places[0].0.slice()))
                .collect();
            assert_eq!(found, [(code, place)], "{matrix}");
        }
        let many: Vec<_> = (0..17).map(|n| n.to_string()).collect();
        let many = many.join(",");
        assert_eq!(
            of(&format!("{{a: [{many}], b: [{many}]}}")).1[0].code,
            "too-large"
        );
    }

    #[test]
    fn two_tests_release_the_same_values() {
        let text = "tests:\n  t: {matrix: {os: [a, b]}}\n  u: {matrix: {os: [b, a]}}\n".to_owned();
        let path = "longshore.yaml".to_owned();
        let node = yaml::parse(&Arc::new(Source { path, text })).0.remove(0);
        let settings = Settings::read(&node, &mut Reader::default()).unwrap();
        let mut problems = Vec::new();
        let matrices = Matrices::of(Some(&settings), &mut problems);
        assert_eq!(
            problems[0].line(),
            "longshore.yaml:3:15: axis `os` is released as `a` by one test and as `b` by another"
        );
        assert_eq!(matrices.released.to_string(), "os=a");
    }

    #[test]
    fn only_variables_of_the_matrix_are_filled_in() {
        let cell = Cell::of([("os".to_owned(), "a".to_owned())]);
        assert_eq!(
            filled("$X ${Y} ${matrix.os}-${matrix.os}", &cell).unwrap(),
            "$X ${Y} a-a"
        );
        assert_eq!(
            filled("a ${matrix.so}", &cell).unwrap_err(),
            ("so".to_owned(), 2..14)
        );
        assert_eq!(filled("${matrix.os", &cell).unwrap(), "${matrix.os");
    }
}
