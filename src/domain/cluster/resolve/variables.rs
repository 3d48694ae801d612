//! The environment variables of a service: files first, then what is written beside them.

use std::collections::BTreeMap;

use super::Resolver;
use crate::domain::definition::{
    Content, Pairs, Problem, Reading, Spanned, compose, dotenv, source,
};

impl Resolver<'_> {
    pub(super) fn environment_of(
        &mut self,
        reading: &Reading,
        written: Option<&Spanned<Pairs>>,
        files: Option<&Spanned<compose::EnvFiles>>,
    ) -> BTreeMap<String, String> {
        let mut values = BTreeMap::new();
        for file in files.into_iter().flat_map(|files| &files.value.0) {
            self.add_file(reading, file, &mut values);
        }
        for (name, pair) in written.into_iter().flat_map(|pairs| &pairs.value.0) {
            if name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '=') {
                let message = format!("`{name}` is no name of a variable");
                let problem = Problem::error("bad-name", message);
                self.tell(problem.at(&pair.at, "expected `NAME=value`"));
                continue;
            }
            // A name alone is passed through; one that is set nowhere is unset, as in Compose.
            let passed = || reading.variables.get(name).cloned();
            match pair.value.clone().or_else(passed) {
                Some(value) => values.insert(name.clone(), value),
                None => values.remove(name),
            };
        }
        values
    }

    fn add_file(
        &mut self,
        reading: &Reading,
        file: &compose::EnvFile,
        values: &mut BTreeMap<String, String>,
    ) {
        let written = &file.path.value;
        let path = self.definition.path(written);
        let content = self.definition.file(&path);
        if *content == Content::Missing && !file.required {
            return;
        }
        match source(&path, content) {
            Ok(source) => {
                let shell = &reading.variables;
                let outside = |name: &str| values.get(name).or_else(|| shell.get(name)).cloned();
                let own = dotenv::read(&source, &outside, &mut self.problems);
                values.extend(own);
            }
            Err(_) if *content == Content::Missing => {
                let problem = Problem::error("missing-file", format!("{path} does not exist"));
                let problem = problem.at(&file.path.at, "named here");
                let optional = format!("`- {{path: {written}, required: false}}`");
                self.tell(problem.help(format!("create it, or write {optional}")));
            }
            Err(problem) => self.tell(problem.at(&file.path.at, "named here")),
        }
    }
}
