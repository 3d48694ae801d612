//! Variables filled into the scalars of a tree. Keys are left alone, as the Compose Specification says.

use std::collections::{BTreeMap, BTreeSet};

use super::matrix::PREFIX;
use super::place::{At, Place};
use super::problem::{Problem, Problems};
use super::template::{Budget, Incident, Template};
use super::yaml::{Entry, Node, Scalar, Value};

/// Where a variable was used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// The variable.
    pub name: String,
    /// The scalar that uses it.
    pub place: Place,
}

/// One pass over one or more trees with the same variables.
#[derive(Debug)]
pub struct Interpolation<'a> {
    variables: &'a BTreeMap<String, String>,
    on_top: &'a BTreeMap<String, String>,
    off: bool,
    unset: BTreeSet<String>,
    budget: Budget,
    /// What was used, in the order met.
    pub uses: Vec<Use>,
    /// What was wrong; a variable without value is a warning, once.
    pub problems: Vec<Problem>,
}

impl<'a> Interpolation<'a> {
    /// Begins a pass. What is `on_top` hides variables of the same name.
    #[must_use]
    pub fn new(
        variables: &'a BTreeMap<String, String>,
        on_top: &'a BTreeMap<String, String>,
    ) -> Self {
        let (unset, uses, problems) = (BTreeSet::new(), Vec::new(), Vec::new());
        Self {
            variables,
            on_top,
            off: false,
            unset,
            budget: Budget::default(),
            uses,
            problems,
        }
    }

    /// Begins a pass that leaves everything as it is written.
    #[must_use]
    pub fn none(variables: &'a BTreeMap<String, String>) -> Self {
        Self {
            off: true,
            ..Self::new(variables, variables)
        }
    }

    /// Returns the variables.
    #[must_use]
    pub fn variables(&self) -> &'a BTreeMap<String, String> {
        self.variables
    }

    /// Returns those that hide them.
    #[must_use]
    pub fn on_top(&self) -> &'a BTreeMap<String, String> {
        self.on_top
    }

    /// Takes over what another pass found.
    pub fn absorb(&mut self, other: Interpolation<'_>) {
        self.uses.extend(other.uses);
        self.problems.extend(other.problems);
    }

    /// Returns a tree with every scalar filled in.
    pub fn tree(&mut self, node: &Node) -> Node {
        let value = match &node.value {
            Value::Scalar(scalar) => Value::Scalar(self.scalar(scalar, &node.at)),
            Value::List(items) => Value::List(items.iter().map(|item| self.tree(item)).collect()),
            Value::Map(entries) => Value::Map(
                entries
                    .iter()
                    .map(|entry| Entry {
                        key: entry.key.clone(),
                        value: self.tree(&entry.value),
                    })
                    .collect(),
            ),
        };
        let (at, tag) = (node.at.clone(), node.tag);
        Node { at, tag, value }
    }

    fn scalar(&mut self, scalar: &Scalar, at: &At) -> Scalar {
        if self.off || !scalar.text.contains('$') {
            return scalar.clone();
        }
        // What a variable holds is a text, also where it looks like nothing, or like a number.
        Scalar {
            text: self.text(&scalar.text, at),
            plain: false,
        }
    }

    fn text(&mut self, text: &str, at: &At) -> String {
        let template = match Template::parse(text) {
            Ok(template) => template,
            Err(_) if self.problems.len() > Problems::MOST => return String::new(),
            Err(malformed) => {
                let problem = Problem::error("interpolation", malformed.why);
                let label = "not a variable";
                let problem = problem.at(&within(at, text, malformed.range), label);
                self.problems
                    .push(problem.help("write `$$` for a `$` that is meant as itself"));
                return String::new();
            }
        };
        let mut incidents = Vec::new();
        let (variables, on_top) = (self.variables, self.on_top);
        let mut names = BTreeSet::new();
        let mut lookup = |name: &str| {
            names.insert(name.to_owned());
            on_top.get(name).or_else(|| variables.get(name)).cloned()
        };
        let filled = template.fill(&mut lookup, &mut incidents, &mut self.budget);
        let place = &at.place;
        let used = |name| Use {
            name,
            place: place.clone(),
        };
        self.uses.extend(names.into_iter().map(used));
        for incident in incidents {
            self.tell(incident, text, at);
        }
        filled
    }

    fn tell(&mut self, incident: Incident, text: &str, at: &At) {
        if self.problems.len() > Problems::MOST {
            return;
        }
        match incident {
            Incident::TooLong { range } => {
                let problem = Problem::error("too-large", "variables blow the file up");
                let problem = problem.at(&within(at, text, range), "this one is too much");
                self.problems
                    .push(problem.help("look at what its value is"));
            }
            Incident::Unset { name, range } if name.starts_with(PREFIX) => {
                self.no_axis(&name[PREFIX.len()..], &within(at, text, range));
            }
            Incident::Unset { name, range } => {
                if self.unset.insert(name.clone()) {
                    let message = format!("variable `{name}` has no value: it reads as empty");
                    let problem = Problem::warning("unset-variable", message);
                    let problem = problem.at(&within(at, text, range), "");
                    let help = format!("set it in `.env`, or give a default: `${{{name}:-value}}`");
                    self.problems.push(problem.help(help));
                }
            }
            Incident::Required {
                name,
                message,
                range,
            } => {
                let colon = if message.is_empty() { "" } else { ": " };
                let message = format!("variable `{name}` has to have a value{colon}{message}");
                let problem = Problem::error("required-variable", message);
                let problem = problem.at(&within(at, text, range), "required here");
                self.problems
                    .push(problem.help(format!("set it: export {name}=…, or in `.env`")));
            }
        }
    }
}

impl Interpolation<'_> {
    /// Tells of an axis that no test has.
    fn no_axis(&mut self, axis: &str, at: &At) {
        let names = self.variables.keys().chain(self.on_top.keys());
        let axes: BTreeSet<&str> = names.filter_map(|name| name.strip_prefix(PREFIX)).collect();
        let problem = Problem::error("unknown-axis", format!("no test has an axis `{axis}`"));
        let problem = problem.at(at, "not an axis of a matrix");
        let problem = match axes.is_empty() {
            false => problem.did_you_mean(axis, axes),
            true => problem.help(format!(
                "declare it in longshore.yaml: `tests: {{NAME: {{service: …, matrix: {{{axis}: [one, two]}}}}}}`"
            )),
        };
        self.problems.push(problem);
    }
}

/// Finds a part of a scalar's text in its source. Escapes and folding may hide it; then it is the whole scalar.
fn within(at: &At, text: &str, range: std::ops::Range<usize>) -> At {
    let part = &text[range.clone()];
    let place = match at.place.slice().find(part) {
        Some(start) => at.place.part(start..start + part.len()),
        None => at.place.clone(),
    };
    let via = at.via.clone();
    At { place, via }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::place::Source;
    use super::super::yaml;
    use super::*;

    fn read(text: &str) -> Node {
        let (path, text) = ("a.yaml".to_owned(), text.to_owned());
        yaml::parse(&Arc::new(Source { path, text })).0.remove(0)
    }

    fn map(name: &str, value: &str) -> BTreeMap<String, String> {
        BTreeMap::from([(name.to_owned(), value.to_owned())])
    }

    #[test]
    fn fills_scalars_and_not_keys() {
        let (variables, none) = (map("V", "a: [b"), BTreeMap::new());
        let mut pass = Interpolation::new(&variables, &none);
        let node = pass.tree(&read("$V: [\"$V\", $N]\n"));
        let expected = |text: &str, plain| Scalar {
            text: text.to_owned(),
            plain,
        };
        let Some(Value::List(items)) = node.get("$V").map(|node| &node.value) else {
            panic!("{node:?}");
        };
        assert_eq!(items[0].value, Value::Scalar(expected("a: [b", false)));
        assert_eq!(items[1].value, Value::Scalar(expected("", false)));
        assert_eq!(pass.uses.len(), 2);
    }

    #[test]
    fn warns_once_at_the_variable() {
        let none = BTreeMap::new();
        let mut pass = Interpolation::new(&none, &none);
        pass.tree(&read("a: x ${N}\nb: $N\nc: ${M:?no M}\n"));
        let found: Vec<_> = pass
            .problems
            .iter()
            .map(|problem| (problem.code, problem.places[0].0.slice()))
            .collect();
        assert_eq!(
            found,
            [
                ("unset-variable", "${N}"),
                ("required-variable", "${M:?no M}")
            ]
        );
    }

    #[test]
    fn what_is_on_top_wins() {
        let (below, top) = (map("V", "below"), map("V", "top"));
        let node = Interpolation::new(&below, &top).tree(&read("$V\n"));
        assert!(matches!(&node.value, Value::Scalar(scalar) if scalar.text == "top"));
    }
}
