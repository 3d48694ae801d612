//! Which files make up a definition, asked for one round after the other.
//!
//! Nothing is read here: [`Loader::step`] says which files it needs, and is called again with what was found, until it
//! has all. So the whole of loading can be tested without a disk.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::compose::File;
use super::dotenv;
use super::interpolate::{Interpolation, Use};
use super::path;
use super::place::{Place, Source};
use super::problem::{Problem, Problems};
use super::reader::{Read, Reader};
use super::settings::Settings;
use super::yaml::{self, LARGEST, Node};

/// Where the settings are looked for.
const SETTINGS: &str = "longshore.yaml";
/// Where a definition is looked for, in this order.
const COMPOSE: &[&str] = &[
    "compose.yaml",
    "compose.yml",
    "docker-compose.yaml",
    "docker-compose.yml",
];
/// What is merged over a definition that was found under one of those names.
const OVERRIDES: &[&[&str]] = &[
    &["compose.override.yaml", "compose.override.yml"],
    &[
        "docker-compose.override.yaml",
        "docker-compose.override.yml",
    ],
];

/// What is to be loaded.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The files named on the command line, merged in order; empty to look for them.
    pub files: Vec<String>,
    /// Files with variables in place of `.env`, later ones over earlier ones.
    pub env_files: Vec<String>,
    /// The shell's variables, which win over those of files.
    pub variables: BTreeMap<String, String>,
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
    /// Something that could not be read, and why.
    Unreadable(String),
}

/// What a loader wants next.
#[derive(Debug)]
pub enum Step {
    /// These files, relative to the folder that longshore works in, or absolute.
    Need(BTreeSet<String>),
    /// Nothing more.
    Done(Box<Definition>),
    /// Nothing more either: there is no definition to be had.
    Failed(Problems),
}

/// A definition as written: every file read, nothing decided about what it means.
#[derive(Debug)]
pub struct Definition {
    /// The folder of the first file, to which paths in it are relative.
    pub folder: String,
    /// `longshore.yaml`, if there is one.
    pub settings: Option<Settings>,
    /// The cluster with the shell's variables and those of `.env`.
    pub base: Reading,
    /// The cluster as each environment's variables make it.
    pub environments: BTreeMap<String, Reading>,
    /// What was wrong so far.
    pub problems: Vec<Problem>,
    files: BTreeMap<String, Content>,
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
}

/// Loads one definition.
#[derive(Debug)]
pub struct Loader {
    request: Request,
    files: BTreeMap<String, Content>,
    need: BTreeSet<String>,
    trees: BTreeMap<String, Node>,
    problems: Vec<Problem>,
}

impl Definition {
    /// Returns a file that a service names, if it was found.
    #[must_use]
    pub fn file(&self, path: &str) -> &Content {
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
    let context = build
        .context
        .as_ref()
        .map_or(".", |context| context.value.as_str());
    let name = build
        .dockerfile
        .as_ref()
        .map_or("Dockerfile", |name| name.value.as_str());
    path::join(&path::join(folder, context), name)
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
            problems: Vec::new(),
        }
    }

    /// Takes what was found where a file was asked for.
    pub fn answer(&mut self, path: String, content: Content) {
        self.files.insert(path, content);
    }

    /// Goes on as far as possible.
    pub fn step(&mut self) -> Step {
        self.need.clear();
        self.problems.clear();
        let definition = self.load();
        if !self.need.is_empty() {
            return Step::Need(self.need.clone());
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
        let folder = names
            .first()
            .map_or_else(|| ".".to_owned(), |name| path::parent(name));
        let variables = self.variables(&folder);
        let mut trees = Vec::new();
        let mut missing = false;
        for name in &names {
            let expected = "a Compose file with `services:`";
            match self.tree(name, expected) {
                Some(tree) => trees.push(tree),
                None => missing = true,
            }
        }
        if missing || !self.need.is_empty() {
            return None;
        }
        let base = self.reading(&trees, &variables, BTreeMap::new());
        let mut environments = BTreeMap::new();
        for (name, on_top) in own_variables(settings.as_ref()) {
            let reading = self.reading(&trees, &variables, on_top);
            environments.insert(name, reading);
        }
        self.ask_for_files(&folder, &base);
        for reading in environments.values() {
            self.ask_for_files(&folder, reading);
        }
        if !self.need.is_empty() {
            return None;
        }
        let (problems, files) = (self.problems.clone(), self.files.clone());
        Some(Definition {
            folder,
            settings,
            base,
            environments,
            problems,
            files,
        })
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
        let tree = self.tree(SETTINGS, "`cluster:`, `tests:` or `environments:`")?;
        let mut reader = Reader::default();
        let settings = Settings::read(&tree, &mut reader);
        self.problems.append(&mut reader.problems);
        // What could not be read was told; the Compose file's problems are told beside it.
        Some(settings.unwrap_or_default())
    }

    fn definition_files(&mut self, settings: Option<&Settings>) -> Option<Vec<String>> {
        if !self.request.files.is_empty() {
            let files = self.request.files.clone();
            return Some(files.iter().map(|file| path::join(".", file)).collect());
        }
        if let Some(cluster) = settings.and_then(|settings| settings.cluster.as_ref()) {
            return Some(vec![path::join(".", &cluster.value)]);
        }
        let present: Vec<_> = COMPOSE.iter().filter(|name| self.exists(name)).collect();
        let Some(first) = present.first() else {
            self.problems.push(nothing_found());
            return None;
        };
        let mut files = vec![(**first).to_owned()];
        let group = usize::from(first.starts_with("docker-"));
        files.extend(
            OVERRIDES[group]
                .iter()
                .find(|name| self.exists(name))
                .map(|name| (*name).to_owned()),
        );
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

    fn variables(&mut self, folder: &str) -> BTreeMap<String, String> {
        let named = self.request.env_files.clone();
        let optional = named.is_empty();
        let files = if optional {
            vec![path::join(folder, ".env")]
        } else {
            named.iter().map(|file| path::join(".", file)).collect()
        };
        let mut variables = BTreeMap::new();
        for file in files {
            if optional && !self.exists(&file) {
                continue;
            }
            let Some(source) = self.source(&file) else {
                continue;
            };
            let shell = &self.request.variables;
            let outside = |name: &str| shell.get(name).or_else(|| variables.get(name)).cloned();
            let values = dotenv::read(&source, &outside, &mut self.problems);
            variables.extend(values);
        }
        variables.extend(self.request.variables.clone());
        variables
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

    fn tree(&mut self, path: &str, expected: &str) -> Option<Node> {
        if let Some(tree) = self.trees.get(path) {
            return Some(tree.clone());
        }
        let source = self.source(path)?;
        let (tree, mut problems) = yaml::parse(&source);
        let clean = problems.is_empty();
        if tree.is_none() && clean {
            let problem = Problem::error("empty-file", format!("{path} is empty"));
            self.problems.push(
                problem
                    .place(Place::file(path), "")
                    .help(format!("it should hold {expected}")),
            );
        }
        self.problems.append(&mut problems);
        if let Some(tree) = tree.as_ref().filter(|_| clean) {
            self.trees.insert(path.to_owned(), tree.clone());
        }
        tree
    }

    fn reading(
        &mut self,
        trees: &[Node],
        variables: &BTreeMap<String, String>,
        on_top: BTreeMap<String, String>,
    ) -> Reading {
        let mut pass = Interpolation::new(variables, &on_top);
        let mut reader = Reader::default();
        let mut compose = File::default();
        for tree in trees {
            let tree = pass.tree(tree);
            if let Some(file) = File::read(&tree, &mut reader) {
                compose.merge(file);
            }
        }
        let uses = std::mem::take(&mut pass.uses);
        self.problems.append(&mut pass.problems);
        self.problems.append(&mut reader.problems);
        let mut variables = variables.clone();
        variables.extend(on_top);
        Reading {
            compose,
            variables,
            uses,
        }
    }

    /// Asks for the files that services name.
    fn ask_for_files(&mut self, folder: &str, reading: &Reading) {
        let Some(services) = &reading.compose.services else {
            return;
        };
        for service in services.value.0.values() {
            if let Some(files) = &service.value.env_file {
                for file in &files.value.0 {
                    self.content(&path::join(folder, &file.path.value));
                }
            }
            if let Some(build) = &service.value.build {
                self.content(&dockerfile(folder, &build.value));
            }
        }
    }
}

fn own_variables(settings: Option<&Settings>) -> BTreeMap<String, BTreeMap<String, String>> {
    let environments = settings.and_then(|settings| settings.environments.as_ref());
    let named = environments
        .into_iter()
        .flat_map(|environments| &environments.value.0);
    named
        .map(|(name, environment)| {
            let pairs = environment
                .value
                .variables
                .iter()
                .flat_map(|pairs| &pairs.value.0);
            let values = pairs.filter_map(|(name, pair)| Some((name.clone(), pair.value.clone()?)));
            (name.clone(), values.collect())
        })
        .collect()
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
        Content::Unreadable(why) => {
            problem("unreadable", format!("{path} could not be read: {why}"))
                .help(format!("look at who may read it: ls -l {path}"))
        }
    }))
}

fn nothing_found() -> Problem {
    let looked = COMPOSE.join(", ");
    Problem::error("no-definition", "no cluster definition found")
        .help(format!("looked for {SETTINGS} with `cluster:`, {looked}"))
        .help("name one with -f FILE, or its folder with -C DIR")
}
