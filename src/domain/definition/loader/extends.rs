//! `extends`: a service that is another one, of the same file or another, and what it says itself laid over.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::path;
use super::super::place::Spanned;
use super::super::place::{At, How};
use super::super::problem::Problem;
use super::super::reader::{Read, Reader, record};
use super::super::yaml::{Entry, Node, Value};
use super::Loader;
use super::allowance::Cause;
use super::merge::lay;
use super::scope::Scope;

/// How many services may extend each other: more than any real file has, and little enough for recursion.
const DEEPEST: usize = 64;

record! {
    /// Which service is extended.
    manual struct Extends {
        /// The service.
        service: String,
        /// The file that has it, if it is another one.
        file: String,
    }
}

/// The keys that it has.
pub const KEYS: &[&str] = Extends::KEYS;

impl Read for Extends {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        if let Value::Map(_) = &node.value {
            let own = Self::read_keys(node, reader)?;
            if own.service.is_none() {
                return reader.invalid(&node.at, "`service` is missing", "the service to extend");
            }
            return Some(own);
        }
        let service = reader.text(node, "a service, or a mapping")?.to_owned();
        Some(Self {
            service: Some(Spanned::new(service, node.at.clone())),
            file: None,
        })
    }
}

/// The services of a file by their names, as written.
pub(super) type Services = Arc<BTreeMap<String, Node>>;

/// A service on the way: the file that has it, its name, and what extends it.
struct Link {
    file: String,
    service: String,
    at: At,
}

impl Loader {
    /// Returns a file's tree with every `extends` carried out.
    pub(super) fn extended(&mut self, mut tree: Node, file: &str, scope: &mut Scope<'_>) -> Node {
        let written = tree.get("services").filter(|services| any(services));
        let Some(services) = written.and_then(by_name) else {
            return tree;
        };
        let Value::Map(sections) = &mut tree.value else {
            return tree;
        };
        let mut extending = Extending {
            loader: self,
            scope,
            way: Vec::new(),
            circles: BTreeSet::new(),
        };
        for section in sections
            .iter_mut()
            .filter(|section| section.key.text == "services")
        {
            let Value::Map(own) = &mut section.value.value else {
                continue;
            };
            own.retain_mut(|Entry { key, value }| {
                if value.get("extends").is_none() {
                    return true;
                }
                let extended = extending.service(file, &services, &key.text);
                extended.map(|extended| *value = extended).is_some()
            });
        }
        tree
    }
}

fn any(services: &Node) -> bool {
    match &services.value {
        Value::Map(entries) => entries
            .iter()
            .any(|entry| entry.value.get("extends").is_some()),
        Value::Scalar(_) | Value::List(_) => false,
    }
}

/// Returns services by their names, if they are a mapping.
fn by_name(services: &Node) -> Option<Services> {
    match &services.value {
        Value::Map(entries) => {
            let named = entries
                .iter()
                .map(|entry| (entry.key.text.clone(), entry.value.clone()));
            Some(Arc::new(named.collect()))
        }
        Value::Scalar(_) | Value::List(_) => None,
    }
}

/// Services being extended.
struct Extending<'l, 's, 'v> {
    loader: &'l mut Loader,
    scope: &'s mut Scope<'v>,
    /// The services on the way to the one in hand.
    way: Vec<Link>,
    /// The circles that were told, each by its services.
    circles: BTreeSet<BTreeSet<(String, String)>>,
}

impl Extending<'_, '_, '_> {
    fn tell(&mut self, problem: Problem) {
        self.loader.problems.push(problem);
    }

    /// Returns a service of a file, with what it extends below it. None after a problem was told.
    fn service(&mut self, file: &str, services: &Services, name: &str) -> Option<Node> {
        let own = services.get(name)?.clone();
        let at = self.way.last().map_or(&own.at, |link| &link.at);
        let cause = Cause::at("`extends`", at);
        if !self.loader.afford(own.weight(), &cause) {
            return None;
        }
        let Some(written) = own.get("extends").cloned() else {
            return Some(own);
        };
        let read = self.scope.read(|reader| {
            let trail = format!("services.{name}.extends");
            reader.within(trail, |reader| Extends::read(&written, reader))
        })?;
        let wanted = read.service?;
        if self.is_circle(file, name, &wanted.at) {
            return None;
        }
        self.way.push(Link {
            file: file.to_owned(),
            service: name.to_owned(),
            at: wanted.at.clone(),
        });
        let base = match &read.file {
            None => self.base(file, services, &wanted),
            Some(other) => {
                let path = path::join(self.scope.folder_of(file), &other.value);
                let fits = self.loader.within_bounds(&other.value, &path, &other.at);
                fits.then(|| self.elsewhere(&path, &other.at, &wanted))
                    .flatten()
            }
        };
        self.way.pop();
        let mut base = base?;
        base.reached_by(How::Extends, &written.at.place);
        let trail = vec!["services".to_owned(), name.to_owned()];
        let mut laid = lay(base, own, trail, true, &mut self.loader.problems)?;
        laid.remove("extends");
        Some(laid)
    }

    fn elsewhere(&mut self, path: &str, at: &At, wanted: &Spanned<String>) -> Option<Node> {
        self.scope.paths_of(path, &path::parent(path));
        let services = match self.scope.filled.get(path) {
            Some(services) => services.clone(),
            None => {
                let services = self.filled(path, at)?;
                let filled = &mut self.scope.filled;
                filled.insert(path.to_owned(), services.clone());
                services
            }
        };
        let Some(services) = services else {
            let message = format!("there are no services in {path}");
            let problem = Problem::error("unknown-service", message).at(at, "named here");
            self.tell(problem.help("check which file is meant"));
            return None;
        };
        self.base(path, &services, wanted)
    }

    /// Returns the services of another file, if it has any. None if it could not be read.
    fn filled(&mut self, path: &str, at: &At) -> Option<Option<Services>> {
        let before = self.loader.problems.len();
        let trees = self.loader.trees(path, "services to extend");
        for problem in &mut self.loader.problems[before..] {
            *problem = problem.clone().at(at, "named here");
        }
        let trees = trees?;
        let tree = self
            .loader
            .in_compose_form(trees.first()?, path, self.scope);
        let tree = self.scope.interpolation.tree(&tree);
        let fits = self.loader.afford(tree.weight(), &self.scope.cause);
        fits.then(|| tree.get("services").and_then(by_name))
    }

    fn base(&mut self, file: &str, services: &Services, wanted: &Spanned<String>) -> Option<Node> {
        if !services.contains_key(&wanted.value) {
            let message = format!("there is no service `{}` in {file} to extend", wanted.value);
            let known = services.keys().map(String::as_str);
            let problem = Problem::error("unknown-service", message).at(&wanted.at, "not defined");
            self.tell(problem.did_you_mean(&wanted.value, known));
            return None;
        }
        let base = self.service(file, services, &wanted.value)?;
        // `name:` alone is a service that says nothing.
        Some(if base.is_null() {
            let (at, tag, value) = (base.at, None, Value::Map(Vec::new()));
            Node { at, tag, value }
        } else {
            base
        })
    }

    /// Tells whether a service was met on the way to itself, and says it.
    fn is_circle(&mut self, file: &str, name: &str, at: &At) -> bool {
        let start = self
            .way
            .iter()
            .position(|link| link.file == file && link.service == name);
        let deep = self.way.len() >= DEEPEST;
        if let Some(start) = start {
            let circle = &self.way[start..];
            let members = circle
                .iter()
                .map(|link| (link.file.clone(), link.service.clone()));
            if !self.circles.insert(members.collect()) {
                return true;
            }
            let names = circle.iter().map(|link| link.service.as_str());
            let names: Vec<_> = names.chain([name]).collect();
            let message = format!(
                "services extend each other in a circle: {}",
                names.join(" → ")
            );
            let mut problem = Problem::error("circle", message);
            for link in circle {
                problem = problem.at(&link.at, format!("`{}` extends this", link.service));
            }
            self.tell(problem.help("remove one of these, so that there is a first one"));
        } else if deep {
            let message = format!("more than {DEEPEST} services extend each other");
            let problem = Problem::error("too-deep", message).at(at, "one too many");
            self.tell(problem.help("extend the one further up, that has what is needed"));
        }
        start.is_some() || deep
    }
}
