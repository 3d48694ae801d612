//! A service's variables and labels: files first, then what is written beside them.

use std::collections::BTreeMap;

use super::compose::Service;
use super::dotenv;
use super::loader::{Content, Definition, Reading, source};
use super::place::{At, Spanned};
use super::problem::Problem;
use super::values::FilePath;

/// Returns the variables that a service takes from files.
pub(super) fn variables_of_files<'f>(
    found: &dyn Fn(&str) -> &'f Content,
    reading: &Reading,
    service: &Service,
    problems: &mut Vec<Problem>,
) -> BTreeMap<String, String> {
    let mut files = Files {
        found,
        shell: &reading.variables,
        values: BTreeMap::new(),
        problems,
    };
    for file in service.env_file.iter().flat_map(|files| &files.value.0) {
        if file.required || *found(&file.path.value.0) != Content::Missing {
            files.add(&file.path, file.raw);
        }
    }
    files.values
}

impl Definition {
    /// Returns the variables of a service. One without a value was written by its name alone, and has none outside.
    pub fn environment(
        &self,
        reading: &Reading,
        service: &Service,
        problems: &mut Vec<Problem>,
    ) -> BTreeMap<String, Option<String>> {
        let found = |path: &str| self.file(path);
        let values = variables_of_files(&found, reading, service, problems).into_iter();
        let mut values: BTreeMap<_, _> = values.map(|(name, value)| (name, Some(value))).collect();
        for (name, pair) in service.environment.iter().flat_map(|pairs| &pairs.value.0) {
            let passed = || reading.variables.get(name).cloned();
            values.insert(name.clone(), pair.value.clone().or_else(passed));
        }
        values
    }

    /// Returns the labels of a service's containers. One without a value is empty.
    pub fn labels(
        &self,
        service: &Service,
        problems: &mut Vec<Problem>,
    ) -> BTreeMap<String, String> {
        let mut files = Files {
            found: &|path| self.file(path),
            shell: &BTreeMap::new(),
            values: BTreeMap::new(),
            problems,
        };
        for file in service.label_file.iter().flat_map(|files| &files.value.0) {
            files.add(file, false);
        }
        let mut labels = files.values;
        let written = service.labels.iter().flat_map(|labels| &labels.value.0.0);
        labels.extend(
            written.map(|(name, pair)| (name.clone(), pair.value.clone().unwrap_or_default())),
        );
        labels
    }
}

/// Files of `NAME=value`, later ones over earlier ones.
struct Files<'a, 'f> {
    /// What was found at a path.
    found: &'a dyn Fn(&str) -> &'f Content,
    /// What fills in their variables.
    shell: &'a BTreeMap<String, String>,
    values: BTreeMap<String, String>,
    problems: &'a mut Vec<Problem>,
}

impl Files<'_, '_> {
    fn add(&mut self, file: &Spanned<FilePath>, raw: bool) {
        let path = &file.value.0;
        let content = (self.found)(path);
        match source(path, content) {
            Ok(source) if raw => self.values.extend(dotenv::raw(&source)),
            Ok(source) => {
                let (shell, values) = (self.shell, &self.values);
                let outside = |name: &str| shell.get(name).or_else(|| values.get(name)).cloned();
                let own = dotenv::read(&source, &outside, self.problems);
                self.values.extend(own);
            }
            Err(_) if *content == Content::Missing => self.missing(path, &file.at),
            Err(problem) => self.problems.push(problem.at(&file.at, "named here")),
        }
    }

    fn missing(&mut self, path: &str, at: &At) {
        let problem = Problem::error("missing-file", format!("{path} does not exist"));
        let problem = problem.at(at, "named here");
        let optional = format!("`- {{path: {}, required: false}}`", at.place.slice());
        self.problems
            .push(problem.help(format!("create it, or write {optional}")));
    }
}
