//! Which tests a test needs, cell by cell, and what is wrong with that.

use std::collections::{BTreeMap, BTreeSet};

use super::Resolver;
use super::tests_of::entries;
use crate::domain::cluster::Test;
use crate::domain::definition::settings::TestEntry;
use crate::domain::definition::{Mapping, Named, Problem, Spanned, nearest};
use crate::domain::name::{Cell, TestName};

impl<'d> Resolver<'d> {
    /// Resolves what a cell of a test needs: of each test the cell that has the same value of every axis that both have.
    pub(super) fn needs(
        &mut self,
        name: &str,
        written: Option<&Spanned<Mapping<String>>>,
        cell: &Cell,
    ) -> BTreeMap<TestName, String> {
        let mut needs = BTreeMap::new();
        for (need, entry) in written.iter().flat_map(|needs| &needs.value.0) {
            let Some(of) = self.test_entry(name, need, entry) else {
                continue;
            };
            let shared = |other: &Cell| {
                let mut axes = other.iter();
                axes.all(|(axis, value)| cell.get(axis).is_none_or(|own| own == value))
            };
            let cells: Vec<_> = self.cells_of(need, of).into_iter().filter(shared).collect();
            let spanned = Spanned {
                value: entry.value.clone(),
                at: entry.at.clone(),
            };
            let path = self.inside(&spanned, cell);
            match cells.as_slice() {
                [one] => needs.extend(one.name(need).parse().ok().zip(path)),
                // Its matrix is wrong, which is told.
                [] if self.cells_of(need, of).is_empty() => {}
                cells => {
                    let count = cells.len();
                    let message = format!("{count} cells of `{need}` match `{}`", cell.name(name));
                    let problem = Problem::error("needs-cell", message);
                    let problem = problem.at(&entry.key, "exactly one has to");
                    self.tell(problem.help(format!(
                        "give `{name}` every axis that `{need}` has, with values that are cells of it"
                    )));
                }
            }
        }
        needs
    }

    fn test_entry(
        &mut self,
        name: &str,
        need: &str,
        entry: &Named<String>,
    ) -> Option<&'d TestEntry> {
        let definition = self.definition;
        let mut known = entries(definition.settings.as_ref());
        if let Some((_, found)) = known.find(|(test, _)| *test == need) {
            return Some(&found.value);
        }
        let names = entries(definition.settings.as_ref()).map(|(test, _)| test.as_str());
        let near = nearest(need, names.filter(|test| *test != name));
        let problem = Problem::error("unknown-test", format!("there is no test `{need}`"));
        let problem = problem.at(&entry.key, "not under `tests:`");
        self.tell(match near {
            Some(near) => problem.help(format!("did you mean `{near}`?")),
            None => problem,
        });
        None
    }

    /// Tells of tests that need themselves, and of artifacts that are not kept.
    pub(super) fn needed(&mut self, tests: &BTreeMap<TestName, Test>) {
        let definition = self.definition;
        let mut told = BTreeSet::new();
        for (name, test) in tests {
            let Some((base, entry)) =
                entries(definition.settings.as_ref()).find(|(base, _)| *base == name.base())
            else {
                continue;
            };
            for need in test.needs.keys() {
                let written = entry.value.needs.as_ref();
                let at = written.and_then(|needs| needs.value.0.get(need.base()));
                let Some(at) = at.map(|need| &need.key) else {
                    continue;
                };
                let circle = reaches(tests, need, name);
                let keeps = tests
                    .get(need)
                    .is_none_or(|test| !test.artifacts.is_empty());
                if (circle || !keeps) && told.insert((base, need.base().to_owned())) {
                    let need = need.base();
                    let (code, message, label) = match circle {
                        true => (
                            "circle",
                            format!("test `{base}` needs itself"),
                            "leads back",
                        ),
                        false => {
                            let message = format!("test `{need}` keeps no artifacts");
                            ("needs-nothing", message, "there is nothing to find")
                        }
                    };
                    self.tell(Problem::error(code, message).at(at, label));
                }
            }
        }
    }
}

/// Tells whether a test is another one, or needs it by whatever way.
fn reaches(tests: &BTreeMap<TestName, Test>, from: &TestName, to: &TestName) -> bool {
    let mut seen = BTreeSet::new();
    let mut open = vec![from];
    while let Some(name) = open.pop() {
        if name == to {
            return true;
        }
        if seen.insert(name) {
            open.extend(
                tests
                    .get(name)
                    .into_iter()
                    .flat_map(|test| test.needs.keys()),
            );
        }
    }
    false
}
