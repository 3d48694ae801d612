//! `include`: the services and what they share of other files, each read as a project of its own.

use std::collections::BTreeMap;

use super::super::interpolate::Interpolation;
use super::super::path;
use super::super::place::{How, Spanned};
use super::super::problem::Problem;
use super::super::reader::{Read, Reader, record};
use super::super::values::OneOrMore;
use super::super::yaml::{Entry, Node, Value};
use super::Loader;
use super::allowance::{self, Cause};
use super::scope::Scope;

/// How many files may include each other: more than any real project has, and little enough for recursion.
const DEEPEST: usize = 32;

/// What of a file comes along.
const SHARED: &[&str] = &[
    "services", "networks", "volumes", "secrets", "configs", "models",
];

record! {
    /// What is included.
    manual struct Include {
        /// The file, and files laid over it.
        path: OneOrMore,
        /// What its paths are relative to, if it is not its own folder.
        project_directory: String,
        /// Files with its variables, in place of `.env`.
        env_file: OneOrMore,
    }
}

/// The keys that it has.
pub const KEYS: &[&str] = Include::KEYS;

impl Read for Include {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        if let Value::Map(_) = &node.value {
            return Self::read_keys(node, reader);
        }
        let file = reader.text(node, "a file, or a mapping")?.to_owned();
        let file = OneOrMore(vec![Spanned::new(file, node.at.clone())]);
        Some(Self {
            path: Some(Spanned::new(file, node.at.clone())),
            ..Self::default()
        })
    }
}

impl Loader {
    /// Returns a file's tree with what it includes. None if that cannot be known yet.
    pub(super) fn included(&mut self, mut tree: Node, scope: &mut Scope<'_>) -> Option<Node> {
        let Some(written) = tree.remove("include") else {
            return Some(tree);
        };
        if written.is_null() {
            return Some(tree);
        }
        let includes = scope.read(|reader| {
            reader.within("include", |reader| {
                Vec::<Spanned<Include>>::read(&written, reader)
            })
        });
        for include in includes.unwrap_or_default() {
            let Some(mut model) = self.include(&include, scope) else {
                continue;
            };
            model.reached_by(How::Include, &include.at.place);
            for section in SHARED {
                if let Some(entries) = model.remove(section) {
                    self.import(&mut tree, section, entries);
                }
            }
        }
        Some(tree)
    }

    fn include(&mut self, include: &Spanned<Include>, scope: &mut Scope<'_>) -> Option<Node> {
        let Include {
            path: files,
            project_directory,
            env_file,
        } = &include.value;
        let files = self.reached(files.as_ref(), scope)?;
        let Some(first) = files.first() else {
            let problem = Problem::error("invalid-value", "an include names no file");
            self.problems
                .push(problem.at(&include.at, "expected `path: …`"));
            return None;
        };
        if self.is_circle_of_files(first, include, scope) {
            return None;
        }
        let folder = match project_directory {
            Some(folder) => {
                let whole = path::join(&scope.folder, &folder.value);
                let fits = self.within_bounds(&folder.value, &whole, &folder.at);
                fits.then_some(whole)?
            }
            None => path::parent(first),
        };
        let named = self.reached(env_file.as_ref(), scope)?;
        let before = self.problems.len();
        let own = self.variables_of(&named, &folder, scope.interpolation.variables());
        let mut variables: BTreeMap<String, String> = own;
        variables.extend(scope.interpolation.variables().clone());
        let on_top = scope.interpolation.on_top().clone();
        let home = scope.folders.home.clone();
        let cause = Cause::at("what is included", &include.at);
        if !self.afford(allowance::INCLUDED, &cause) {
            return None;
        }
        let interpolation = Interpolation::new(&variables, &on_top);
        let mut inner = Scope::new(&folder, interpolation, home, cause);
        inner.including = scope.including.clone();
        inner.including.push(first.clone());
        let model = self.model(&files, &mut inner);
        for problem in &mut self.problems[before..] {
            if problem
                .places
                .iter()
                .all(|(place, _)| place.range().is_none())
            {
                *problem = problem.clone().at(&include.at, "included here");
            }
        }
        let Scope {
            interpolation,
            folders,
            foreign,
            ..
        } = inner;
        scope.foreign = scope.foreign.or(foreign);
        scope.folders.files.extend(folders.files);
        for file in &files {
            scope.folders.files.insert(file.clone(), folder.clone());
        }
        scope.interpolation.absorb(interpolation);
        model
    }

    /// Returns files as the folder that longshore works in sees them. None if one of them leads out of bounds.
    fn reached(
        &mut self,
        files: Option<&Spanned<OneOrMore>>,
        scope: &Scope<'_>,
    ) -> Option<Vec<String>> {
        let files = files.into_iter().flat_map(|files| &files.value.0);
        files
            .map(|file| {
                let path = path::join(&scope.folder, &file.value);
                let fits = self.within_bounds(&file.value, &path, &file.at);
                fits.then_some(path)
            })
            .collect()
    }

    fn is_circle_of_files(
        &mut self,
        file: &str,
        include: &Spanned<Include>,
        scope: &Scope<'_>,
    ) -> bool {
        let way = &scope.including;
        let circle = way.iter().position(|on_the_way| on_the_way == file);
        if let Some(start) = circle {
            let names = way[start..].iter().map(String::as_str);
            let circle: Vec<_> = names.chain([file]).collect();
            let message = format!(
                "files include each other in a circle: {}",
                circle.join(" → ")
            );
            let problem = Problem::error("circle", message).at(&include.at, "included again here");
            self.problems
                .push(problem.help("remove this, or put what both need into a file of its own"));
        } else if way.len() >= DEEPEST {
            let message = format!("more than {DEEPEST} files include each other");
            let problem = Problem::error("too-deep", message).at(&include.at, "one too many");
            self.problems
                .push(problem.help("include the files beside each other, from one file"));
        }
        circle.is_some() || way.len() >= DEEPEST
    }

    /// Adds what another file declares. The same name may be there if it says the same.
    fn import(&mut self, tree: &mut Node, section: &str, entries: Node) {
        let Value::Map(entries_of) = entries.value else {
            return;
        };
        let Value::Map(sections) = &mut tree.value else {
            return;
        };
        let place = sections.iter().position(|entry| entry.key.text == section);
        let own = match place.map(|place| &mut sections[place].value.value) {
            Some(Value::Map(own)) => own,
            // Nothing (`services:`), or something that is told where it is read.
            Some(value @ Value::Scalar(_)) => {
                *value = Value::Map(entries_of);
                return;
            }
            Some(Value::List(_)) => return,
            None => {
                let key = super::super::yaml::Key {
                    text: section.to_owned(),
                    at: entries.at.clone(),
                };
                let value = Node {
                    at: entries.at,
                    tag: None,
                    value: Value::Map(entries_of),
                };
                sections.push(Entry { key, value });
                return;
            }
        };
        let known: BTreeMap<_, _> = own
            .iter()
            .enumerate()
            .map(|(place, entry)| (entry.key.text.clone(), place))
            .collect();
        for entry in entries_of {
            match known.get(&entry.key.text).map(|place| &own[*place]) {
                Some(same) if same.value.says_as(&entry.value) => {}
                Some(other) => {
                    let name = &entry.key.text;
                    let message = format!("{section}.{name} is there twice, and not the same");
                    let problem = Problem::error("conflict", message)
                        .at(&entry.key.at, "from an included file")
                        .at(&other.key.at, "defined here too");
                    let help = "rename one, or include the file as a list of it and an override: `path: [a.yaml, b.yaml]`";
                    self.problems.push(problem.help(help));
                }
                None => own.push(entry),
            }
        }
    }
}
