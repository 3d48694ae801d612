//! Which files make up a definition, asked for one round after the other.
//!
//! Nothing is read here: [`Loader::step`] says which files it needs, and is called again with what was found, until it
//! has all. So the whole of loading can be tested without a disk.

mod allowance;
mod assemble;
mod bounds;
mod extends;
mod find;
mod foreign;
mod include;
mod merge;
mod scope;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use self::allowance::Cause;
use self::assemble::{Own, own};
use self::bounds::leads_out;
pub(super) use self::extends::KEYS as EXTENDS_KEYS;
use self::find::PROJECT_NAME;
pub use self::foreign::Foreign;
pub(super) use self::include::KEYS as INCLUDE_KEYS;
pub(super) use self::merge::stripped;
use super::compose::File;
use super::import::Format;
use super::interpolate::Use;
use super::matrix::{self, Matrices};
use super::path;
use super::place::{At, Place, Source};
use super::problem::{Problem, Problems};
use super::reader::{Extension, Read, Reader};
use super::resolved::variables_of_files;
use super::settings::Settings;
use super::values::Context;
use super::yaml::{self, LARGEST, Node};
use crate::domain::name::Cell;

/// Where the settings are looked for.
const SETTINGS: &str = "longshore.yaml";

/// What such a file should hold.
const COMPOSE_FORM: &str = "a Compose file with `services:`";

/// What is to be loaded.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The files named on the command line, merged in order; empty to look for them.
    pub files: Vec<String>,
    /// Files with variables in place of `.env`, later ones over earlier ones.
    pub env_files: Vec<String>,
    /// The shell's variables, which win over those of files.
    pub variables: BTreeMap<String, String>,
    /// The folder that longshore works in, absolute.
    pub directory: String,
    /// The repository's root, absolute, out of which no relative path may lead; empty if any path may lead anywhere.
    pub root: String,
    /// Whether somebody can be asked for what an older tool asked for.
    pub ask: bool,
}

/// What was found where a file was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A file's bytes.
    Bytes(Arc<[u8]>),
    /// Nothing.
    Missing,
    /// A folder.
    Directory,
    /// Neither file nor folder: a pipe, a device, a socket.
    Special,
    /// A file of more than [`LARGEST`] bytes, so many of them.
    TooLarge(u64),
    /// A file outside the repository, which is not read.
    Outside,
    /// Something that could not be read, and why.
    Unreadable(String),
}

/// What a loader wants next.
#[derive(Debug)]
pub enum Step {
    /// These files, relative to the folder that longshore works in, or absolute.
    Need(BTreeSet<String>),
    /// The values of these variables, which the definition's own tool asked a person for.
    Ask(BTreeSet<String>),
    /// Nothing more.
    Done(Box<Definition>),
    /// Nothing more either: there is no definition to be had.
    Failed(Problems),
}

/// A definition as written: every file read, nothing decided about what it means.
#[derive(Debug)]
pub struct Definition {
    /// The files that define the cluster, in the order in which they are merged.
    pub names: Vec<String>,
    /// The folder of the first file, to which paths in it are relative.
    pub folder: String,
    /// What the cluster is called, if anything gives it a name.
    pub name: Option<Name>,
    /// `longshore.yaml`, if there is one.
    pub settings: Option<Settings>,
    /// The cluster with the shell's variables and those of `.env`.
    pub base: Reading,
    /// The cluster as each environment's variables make it.
    pub environments: BTreeMap<String, Reading>,
    /// The cells of the tests; elsewhere the released one is meant.
    pub matrices: Matrices,
    /// The cluster as each other cell makes it.
    pub cells: BTreeMap<Cell, Reading>,
    /// What was brought to the form of Compose, if the definition is of another format.
    pub foreign: Option<Foreign>,
    /// What was wrong so far.
    pub problems: Vec<Problem>,
    files: BTreeMap<String, Content>,
    outside: BTreeSet<String>,
}

/// What a cluster is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// The name.
    pub text: String,
    /// Where it was written; nowhere if it is a variable's or the folder's.
    pub at: Option<At>,
}

/// The merged Compose files, read with one set of variables.
#[derive(Debug, Clone)]
pub struct Reading {
    /// The files.
    pub compose: File,
    /// The variables.
    pub variables: BTreeMap<String, String>,
    /// Where variables were used.
    pub uses: Vec<Use>,
    /// Keys that nothing reads (`x-…`).
    pub extensions: Vec<Extension>,
}

/// Loads one definition.
#[derive(Debug)]
pub struct Loader {
    request: Request,
    files: BTreeMap<String, Content>,
    need: BTreeSet<String>,
    trees: BTreeMap<String, Arc<Vec<Node>>>,
    real: BTreeMap<String, String>,
    outside: BTreeSet<String>,
    spent: usize,
    /// Whether a foreign file was met.
    foreign: bool,
    /// The settings of this round, whose steps may be services.
    steps: Option<Arc<Settings>>,
    /// Variables that such a file has a person asked for.
    asks: BTreeSet<String>,
    /// Those of them that have no value yet.
    unsaid: BTreeSet<String>,
    /// What a person said, empty where nothing.
    said: BTreeMap<String, String>,
    problems: Vec<Problem>,
}

impl Definition {
    /// Returns a file that a service names, if it was found.
    #[must_use]
    pub fn file(&self, path: &str) -> &Content {
        if self.outside.contains(path) {
            return &Content::Outside;
        }
        self.files.get(path).unwrap_or(&Content::Missing)
    }

    /// Returns a path as the folder that longshore works in sees it.
    #[must_use]
    pub fn path(&self, written: &str) -> String {
        path::join(&self.folder, written)
    }

    /// Returns the Dockerfile of a build, if its context is a folder.
    #[must_use]
    pub fn dockerfile(&self, build: &super::compose::Build) -> String {
        dockerfile(&self.folder, build)
    }
}

fn dockerfile(folder: &str, build: &super::compose::Build) -> String {
    let context = build.context.as_ref().map(|context| &context.value);
    let context = match context {
        Some(Context::Folder(context)) => &context.0,
        Some(Context::Other(_)) | None => folder,
    };
    let name = build
        .dockerfile
        .as_ref()
        .map_or("Dockerfile", |name| name.value.as_str());
    path::join(context, name)
}

impl Loader {
    /// Begins.
    #[must_use]
    pub fn new(request: Request) -> Self {
        Self {
            request,
            files: BTreeMap::new(),
            need: BTreeSet::new(),
            trees: BTreeMap::new(),
            real: BTreeMap::new(),
            outside: BTreeSet::new(),
            spent: 0,
            foreign: false,
            steps: None,
            asks: BTreeSet::new(),
            unsaid: BTreeSet::new(),
            said: BTreeMap::new(),
            problems: Vec::new(),
        }
    }

    /// Takes what was found where a file was asked for.
    pub fn answer(&mut self, path: String, content: Content) {
        self.files.insert(path, content);
    }

    /// Takes what a person said a variable's value is. Nobody is asked for it again, also where that is nothing.
    pub fn say(&mut self, variable: String, value: String) {
        self.said.insert(variable, value);
    }

    /// Goes on as far as possible.
    pub fn step(&mut self) -> Step {
        self.need.clear();
        self.problems.clear();
        self.asks.clear();
        self.unsaid.clear();
        self.spent = 0;
        let definition = self.load();
        if !self.need.is_empty() && !self.is_spent() {
            return Step::Need(self.need.clone());
        }
        if self.request.ask && !self.unsaid.is_empty() {
            return Step::Ask(self.unsaid.clone());
        }
        match definition {
            Some(definition) => Step::Done(Box::new(definition)),
            None => {
                let problems = std::mem::take(&mut self.problems);
                let lost = || Problem::error("definition", "no definition could be read");
                let all = Problems::of(problems).or_else(|| Problems::of(vec![lost()]));
                Step::Failed(all.expect("a list that holds an error is not empty"))
            }
        }
    }

    fn load(&mut self) -> Option<Definition> {
        let settings = self.settings();
        let written = self.definition_files(settings.as_ref());
        if !self.need.is_empty() {
            return None;
        }
        let names = written?;
        let settings = self.with_imported(settings, &names);
        self.steps = settings.clone().map(Arc::new);
        let folder = names
            .first()
            .map_or_else(|| ".".to_owned(), |name| path::parent(name));
        let mut variables = self.variables(&folder);
        variables.extend(self.said.clone());
        let name = self.name(settings.as_ref(), &names, &folder, &variables);
        if let Some(name) = &name {
            // As Compose has it, so that a file can use it.
            variables.insert(PROJECT_NAME.to_owned(), name.text.clone());
        }
        let matrices = Matrices::of(settings.as_ref(), &mut self.problems);
        variables.extend(matrix::variables(&matrices.released));
        let base = self.reading(&names, &folder, &variables, Own::nothing());
        if !self.need.is_empty() {
            return None;
        }
        let set = |name: &String| variables.get(name).is_some_and(|value| !value.is_empty());
        let unset = self.asks.iter().filter(|name| !set(name));
        let unsaid = unset.filter(|name| !self.said.contains_key(*name));
        self.unsaid = unsaid.cloned().collect();
        let base = base?;
        let mut environments = BTreeMap::new();
        for (name, own) in own(settings.as_ref()) {
            let reading = self.reading(&names, &folder, &variables, own);
            environments.extend(reading.map(|reading| (name, reading)));
        }
        let cells = self.cells(&matrices, &names, &folder, &variables);
        self.ask_for_files(&folder, &base);
        for reading in environments.values().chain(cells.values()) {
            self.ask_for_files(&folder, reading);
        }
        let foreign = self.foreign;
        let foreign = foreign.then(|| self.in_words_of_compose(&names, &folder, &variables));
        if !self.need.is_empty() || self.is_spent() {
            return None;
        }
        let (problems, files) = (self.problems.clone(), self.files.clone());
        let outside = self.outside.clone();
        Some(Definition {
            names,
            folder,
            name,
            settings,
            base,
            environments,
            matrices,
            cells,
            foreign: foreign.flatten(),
            problems,
            files,
            outside,
        })
    }

    /// Reads the cluster as it is in each cell but the released one. What is wrong in all of them is kept once.
    fn cells(
        &mut self,
        matrices: &Matrices,
        names: &[String],
        folder: &str,
        variables: &BTreeMap<String, String>,
    ) -> BTreeMap<Cell, Reading> {
        let mut cells = BTreeMap::new();
        for cell in matrices.others() {
            let mut variables = variables.clone();
            variables.extend(matrix::variables(&cell));
            let told = std::mem::take(&mut self.problems);
            let reading = self.reading(names, folder, &variables, Own::nothing());
            let new = std::mem::replace(&mut self.problems, told);
            for problem in new {
                if !self.problems.contains(&problem) {
                    self.problems.push(problem);
                }
            }
            cells.extend(reading.map(|reading| (cell, reading)));
        }
        cells
    }

    /// Returns what was found at a path, or asks for it.
    fn content(&mut self, path: &str) -> Option<&Content> {
        if !self.files.contains_key(path) {
            self.need.insert(path.to_owned());
        }
        self.files.get(path)
    }

    fn exists(&mut self, path: &str) -> bool {
        self.content(path)
            .is_some_and(|content| *content != Content::Missing)
    }

    fn settings(&mut self) -> Option<Settings> {
        if !self.exists(SETTINGS) {
            return None;
        }
        let trees = self.trees(SETTINGS, "`cluster:`, `tests:` or `environments:`")?;
        let (tree, more) = trees.split_first()?;
        if let Some(second) = more.first() {
            let problem = Problem::error("documents", "the file holds more than one YAML document");
            let problem = problem.at(&second.at, "the second one begins here");
            self.problems.push(problem.help("remove the `---`"));
        }
        Some(self.read_settings(tree))
    }

    fn read_settings(&mut self, tree: &Node) -> Settings {
        let mut reader = Reader::default();
        let settings = Settings::read(tree, &mut reader);
        self.problems.append(&mut reader.problems);
        // What could not be read was told; the Compose file's problems are told beside it.
        settings.unwrap_or_default()
    }

    /// Returns a file as text, or says why there is none.
    fn source(&mut self, path: &str) -> Option<Arc<Source>> {
        let content = self.content(path)?.clone();
        match source(path, &content) {
            Ok(source) => Some(source),
            Err(problem) => {
                self.problems.push(*problem);
                None
            }
        }
    }

    /// Returns the documents of a file; none after a problem was told, or where it has to be asked for.
    fn trees(&mut self, path: &str, expected: &str) -> Option<Arc<Vec<Node>>> {
        if let Some(trees) = self.trees.get(path) {
            return Some(Arc::clone(trees));
        }
        let source = self.source(path)?;
        let (trees, mut problems) = yaml::parse(&source);
        if Format::by_name(path) == Some(Format::Decking) {
            foreign::forget_comments(&mut problems);
        }
        let clean = problems.is_empty();
        if trees.is_empty() && clean {
            let problem = Problem::error("empty-file", format!("{path} is empty"));
            self.problems.push(
                problem
                    .place(Place::file(path), "")
                    .help(format!("it should hold {expected}")),
            );
        }
        self.problems.append(&mut problems);
        if trees.is_empty() {
            return None;
        }
        let trees = Arc::new(trees);
        if clean {
            self.trees.insert(path.to_owned(), Arc::clone(&trees));
        }
        Some(trees)
    }

    /// Asks for the files that services name.
    fn ask_for_files(&mut self, folder: &str, reading: &Reading) {
        let Some(services) = &reading.compose.services else {
            return;
        };
        for service in services.value.0.values() {
            let service = &service.value;
            let variables = service.env_file.iter().flat_map(|files| &files.value.0);
            let labels = service.label_file.iter().flat_map(|files| &files.value.0);
            for file in variables.map(|file| &file.path).chain(labels) {
                self.ask_for_file(folder, &file.value.0, &file.at);
            }
            if let Some(build) = &service.build
                && build.value.dockerfile_inline.is_none()
            {
                let file = dockerfile(folder, &build.value);
                self.ask_for_file(folder, &file, &build.at);
            }
            if self.is_spent() {
                return;
            }
            self.afford_files(service, reading);
        }
    }

    /// Asks for a file that a service names, and charges what it holds, once more for each service.
    fn ask_for_file(&mut self, folder: &str, path: &str, at: &At) {
        // An absolute path was written as one, unless everything is seen from an absolute folder.
        let written = match folder.starts_with('/') {
            true => at.place.slice().trim_start_matches(['"', '\'']),
            false => path,
        };
        if !self.in_bounds(written, path) {
            self.outside.insert(path.to_owned());
        } else if let Some(Content::Bytes(bytes)) = self.content(path) {
            let weight = allowance::lines(bytes);
            self.afford(weight, &Cause::at("this file", at));
        }
    }

    /// Charges what variables add to the files of a service.
    fn afford_files(&mut self, service: &super::compose::Service, reading: &Reading) {
        let Some(files) = &service.env_file else {
            return;
        };
        let fills =
            |content: &Content| matches!(content, Content::Bytes(bytes) if bytes.contains(&b'$'));
        let named = files.value.0.iter().map(|file| &file.path.value.0);
        if named.filter_map(|path| self.files.get(path)).any(fills) {
            let found = |path: &str| self.files.get(path).unwrap_or(&Content::Missing);
            let values = variables_of_files(&found, reading, service, &mut Vec::new());
            self.afford_pairs(&values, &Cause::at("this file", &files.at));
        }
    }
}

/// Takes what was found at a path for text.
///
/// # Errors
///
/// Why it is none.
pub fn source(path: &str, content: &Content) -> Result<Arc<Source>, Box<Problem>> {
    let problem =
        |code, message: String| Problem::error(code, message).place(Place::file(path), "");
    Err(Box::new(match content {
        Content::Bytes(bytes) => return yaml::text(path, bytes),
        Content::Missing => problem("missing-file", format!("{path} does not exist"))
            .help("check the path; it is relative to the folder that longshore works in (-C)"),
        Content::Directory => problem("not-a-file", format!("{path} is a folder"))
            .help("-f names a file; the folder to work in is named with -C"),
        Content::Special => problem("not-a-file", format!("{path} is a pipe, device or socket"))
            .help("write the definition to a file first"),
        Content::TooLarge(size) => {
            let (size, most) = (size / 1024 / 1024, LARGEST / 1024 / 1024);
            problem(
                "too-large",
                format!("{path} has {size} MB; files of at most {most} MB are read"),
            )
            .help("is this the right file? a definition is text, usually of a few kilobytes")
        }
        Content::Outside => leads_out(path).place(Place::file(path), ""),
        Content::Unreadable(why) => {
            problem("unreadable", format!("{path} could not be read: {why}"))
                .help(format!("look at who may read it: ls -l {path}"))
        }
    }))
}
