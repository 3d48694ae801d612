//! Which files a definition begins with, what it is called, and with which variables it is read.

use std::collections::BTreeMap;

use super::allowance::Cause;
use super::{COMPOSE_FORM, Loader, Name, SETTINGS};
use crate::domain::definition::dotenv;
use crate::domain::definition::import::Format;
use crate::domain::definition::interpolate::Interpolation;
use crate::domain::definition::path;
use crate::domain::definition::place::Place;
use crate::domain::definition::problem::Problem;
use crate::domain::definition::settings::Settings;
use crate::domain::definition::yaml::{self, Node};

/// Where a definition is looked for, in this order.
const COMPOSE: &[&str] = &[
    "compose.yaml",
    "compose.yml",
    "docker-compose.yaml",
    "docker-compose.yml",
];
/// What is merged over a definition that was found under `compose.yaml` and the like.
const OVERRIDES: &[&str] = &["compose.override.yaml", "compose.override.yml"];
/// What is merged over one with the names before, which fig's became.
const OLD_OVERRIDES: &[&str] = &[
    "docker-compose.override.yaml",
    "docker-compose.override.yml",
];
/// Variables by which Compose is told what its options tell it too.
pub(super) const FILES: &str = "COMPOSE_FILE";
const SEPARATOR: &str = "COMPOSE_PATH_SEPARATOR";
const ENV_FILES: &str = "COMPOSE_ENV_FILES";
pub(super) const PROJECT_NAME: &str = "COMPOSE_PROJECT_NAME";

impl Loader {
    pub(super) fn definition_files(&mut self, settings: Option<&Settings>) -> Option<Vec<String>> {
        if !self.request.files.is_empty() {
            let files = self.request.files.clone();
            return Some(files.iter().map(|file| path::join(".", file)).collect());
        }
        if settings.is_none_or(|settings| settings.cluster.is_none()) {
            let variables = self.variables(".");
            if let Some(files) = variables.get(FILES).filter(|files| !files.is_empty()) {
                let files = separated(files, &variables);
                return Some(files.iter().map(|file| path::join(".", file)).collect());
            }
        }
        if let Some(cluster) = settings.and_then(|settings| settings.cluster.as_ref()) {
            let file = path::join(".", &cluster.value);
            return self
                .within_bounds(&cluster.value, &file, &cluster.at)
                .then(|| vec![file]);
        }
        let names = COMPOSE.iter().chain(Format::FILES);
        let present: Vec<_> = names.filter(|name| self.exists(name)).collect();
        let Some(first) = present.first() else {
            self.problems.push(nothing_found());
            return None;
        };
        let mut files = vec![(**first).to_owned()];
        let over = overrides(first).iter().find(|name| self.exists(name));
        files.extend(over.map(|name| (*name).to_owned()));
        if let Some(second) = present.get(1) {
            let message = format!("both `{first}` and `{second}` are here: `{first}` is read");
            let problem = Problem::warning("two-definitions", message);
            let place = Place::file(**second);
            self.problems.push(
                problem
                    .place(place, "")
                    .help(format!("remove it, or name one with -f {second}")),
            );
        }
        Some(files)
    }

    /// Finds what the cluster is called: by `longshore.yaml`, a variable, the files, or its folder, the first of them.
    pub(super) fn name(
        &mut self,
        settings: Option<&Settings>,
        files: &[String],
        folder: &str,
        variables: &BTreeMap<String, String>,
    ) -> Option<Name> {
        if let Some(own) = settings.and_then(|settings| settings.name.as_ref()) {
            let (text, at) = (own.value.clone(), Some(own.at.clone()));
            return Some(Name { text, at });
        }
        if let Some(name) = variables.get(PROJECT_NAME).filter(|name| !name.is_empty()) {
            let (text, at) = (name.clone(), None);
            return Some(Name { text, at });
        }
        let none = BTreeMap::new();
        let mut written = None;
        for file in files {
            for tree in self.trees(file, COMPOSE_FORM).unwrap_or_default().iter() {
                if Format::of(file, tree, false).is_some() {
                    continue;
                }
                let name = tree.get("name").filter(|name| !name.is_null());
                let name = name.map(|name| Interpolation::new(variables, &none).tree(name));
                if let Some(Node {
                    at,
                    value: yaml::Value::Scalar(scalar),
                    ..
                }) = name
                {
                    written = Some((scalar.text, at));
                }
            }
        }
        // What is written or a folder's name is made a name of, as Compose does it.
        if let Some((text, at)) = written.filter(|(text, _)| !text.is_empty()) {
            let name = as_name(&text);
            let text = if name.is_empty() { text } else { name };
            return Some(Name { text, at: Some(at) });
        }
        let folder = path::join(&self.request.directory, folder);
        let text = as_name(folder.rsplit('/').next().unwrap_or_default());
        (!text.is_empty()).then_some(Name { text, at: None })
    }

    pub(super) fn variables(&mut self, folder: &str) -> BTreeMap<String, String> {
        let shell = self.request.variables.clone();
        let named = match shell
            .get(ENV_FILES)
            .filter(|_| self.request.env_files.is_empty())
        {
            Some(named) => named
                .split(',')
                .filter(|file| !file.is_empty())
                .map(str::to_owned)
                .collect(),
            None => self.request.env_files.clone(),
        };
        let named: Vec<_> = named.iter().map(|file| path::join(".", file)).collect();
        let mut variables = self.variables_of(&named, folder, &shell);
        variables.extend(shell);
        variables
    }

    /// Reads files with variables; without any the `.env` of a folder, if it has one.
    pub(super) fn variables_of(
        &mut self,
        named: &[String],
        folder: &str,
        shell: &BTreeMap<String, String>,
    ) -> BTreeMap<String, String> {
        let usual = path::join(folder, ".env");
        let files = match named {
            [] if self.exists(&usual) => std::slice::from_ref(&usual),
            named => named,
        };
        let mut variables = BTreeMap::new();
        for file in files {
            let Some(source) = self.source(file) else {
                continue;
            };
            let outside = |name: &str| shell.get(name).or_else(|| variables.get(name)).cloned();
            let values = dotenv::read(&source, &outside, &mut self.problems);
            if !self.afford_pairs(&values, &Cause::own()) {
                break;
            }
            variables.extend(values);
        }
        variables
    }
}

/// Makes a project's name of a text: its letters in lower case, digits, `_` and `-`.
fn as_name(text: &str) -> String {
    let lower = text.to_lowercase();
    let kept = lower
        .chars()
        .filter(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(*c));
    let kept: String = kept.collect();
    kept.trim_start_matches(['_', '-'])
        .chars()
        .take(63)
        .collect()
}

/// Returns what is merged over a definition that was found under a name.
fn overrides(name: &str) -> &'static [&'static str] {
    match Format::by_name(name) {
        Some(Format::Fig) => OLD_OVERRIDES,
        Some(Format::Decking | Format::Cion | Format::Baleen) => &[],
        None if name.starts_with("docker-") => OLD_OVERRIDES,
        None => OVERRIDES,
    }
}

fn nothing_found() -> Problem {
    let looked = [COMPOSE, Format::FILES].concat().join(", ");
    Problem::error("no-definition", "no cluster definition found")
        .help(format!("looked for {SETTINGS} with `cluster:`, {looked}"))
        .help("name one with -f FILE, or its folder with -C DIR")
}

/// Divides a list of files as Compose does.
pub(super) fn separated(files: &str, variables: &BTreeMap<String, String>) -> Vec<String> {
    let separator = variables.get(SEPARATOR).map_or(":", String::as_str);
    let files = files.split(separator).filter(|file| !file.is_empty());
    files.map(str::to_owned).collect()
}
