//! What a Dockerfile is built on: the images that its stages come from.
//!
//! Reads just enough of the [Dockerfile reference](https://docs.docker.com/reference/dockerfile/): `ARG` before the first
//! stage, `FROM`, `COPY --from` and `RUN --mount=…,from=`, line continuations, comments and here-documents; and which
//! features it uses that not every builder has.

mod features;
mod instructions;

pub use features::{Feature, Used, features, syntax};

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use self::instructions::{Instruction, instructions};
use super::place::{Place, Source, Spanned};
use super::problem::Problem;
use super::template::{Budget, Incident, Template};

/// Arguments that BuildKit itself gives a value.
const PLATFORM: &[&str] = &[
    "BUILDARCH",
    "BUILDOS",
    "BUILDPLATFORM",
    "BUILDVARIANT",
    "TARGETARCH",
    "TARGETOS",
    "TARGETPLATFORM",
    "TARGETVARIANT",
];

/// What a build says about its Dockerfile from outside.
#[derive(Debug, Clone, Copy)]
pub struct Outside<'a> {
    /// Build arguments.
    pub args: &'a BTreeMap<String, String>,
    /// Names of additional contexts: a stage or image of such a name is not meant.
    pub contexts: &'a BTreeSet<String>,
}

/// What a stage takes from elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Base {
    /// An image.
    Image(String),
    /// An additional context, by the name that the build gives to it.
    Context(String),
}

impl Base {
    /// Returns the images, in order, and the names of additional contexts.
    #[must_use]
    pub fn divided(found: Vec<Self>) -> (Vec<String>, BTreeSet<String>) {
        let (mut images, mut contexts) = (Vec::new(), BTreeSet::new());
        for base in found {
            match base {
                Self::Image(image) => images.push(image),
                Self::Context(name) => {
                    contexts.insert(name);
                }
            }
        }
        (images, contexts)
    }
}

/// Returns what the stages needed for `target` (else the last one) take from elsewhere, in order, each once.
pub fn bases(
    source: &Arc<Source>,
    outside: Outside<'_>,
    target: Option<&Spanned<String>>,
    problems: &mut Vec<Problem>,
) -> Vec<Base> {
    let stages = stages(source, outside, problems);
    let wanted = match target {
        Some(target) => find_before(&stages, &target.value, stages.len()),
        None => stages.len().checked_sub(1),
    };
    let Some(wanted) = wanted else {
        let file = Place::file(source.path.as_str());
        let names = stages.iter().filter_map(|stage| stage.name.as_deref());
        problems.push(match target {
            None => Problem::error("dockerfile", "the Dockerfile has no `FROM`").place(file, ""),
            Some(Spanned { value, at }) => {
                let message = format!("{} has no stage `{value}`", source.path);
                let problem = Problem::error("unknown-stage", message);
                problem.at(at, "no such stage").did_you_mean(value, names)
            }
        });
        return Vec::new();
    };
    let mut needed = vec![false; stages.len()];
    needed[wanted] = true;
    let mut found = Vec::new();
    for index in (0..=wanted).rev() {
        let stage = &stages[index];
        if !needed[index] {
            continue;
        }
        if let Some(context) = &stage.instead {
            found.push(Base::Context(context.clone()));
            continue;
        }
        for Taken { image, .. } in stage.from.iter().rev() {
            match meant(&stages, image, index, outside) {
                Meant::Stage(stage) => needed[stage] = true,
                Meant::Nothing => {}
                Meant::Base(base) => found.push(base),
            }
        }
    }
    found.reverse();
    let mut seen = BTreeSet::new();
    found.retain(|base| seen.insert(base.clone()));
    found
}

/// Returns the Dockerfile with other references in place of what its stages take from elsewhere, where `pin` gives one. A
/// stage that an additional context replaces becomes that context.
#[must_use]
pub fn pinned(text: &str, outside: Outside<'_>, pin: impl Fn(&Base) -> Option<String>) -> String {
    let source = Arc::new(Source {
        path: String::new(),
        text: text.to_owned(),
    });
    // What is wrong with it was told when it was read.
    let stages = stages(&source, outside, &mut Vec::new());
    let mut result = String::with_capacity(text.len());
    let mut done = 0;
    for (index, stage) in stages.iter().enumerate() {
        if let Some(context) = &stage.instead {
            let name = stage.name.as_deref().unwrap_or_default();
            if let Some(other) = pin(&Base::Context(context.clone())) {
                let end = stages.get(index + 1).map_or(text.len(), |next| next.at);
                result.push_str(&text[done..stage.at]);
                result.push_str(&format!("FROM {other} AS {name}\n"));
                done = end;
            }
            continue;
        }
        for Taken { image, at } in &stage.from {
            let other = match meant(&stages, image, index, outside) {
                Meant::Stage(_) | Meant::Nothing => None,
                Meant::Base(base) => pin(&base),
            };
            if let Some(other) = other {
                result.push_str(&text[done..at.start]);
                result.push_str(&other);
                done = at.end;
            }
        }
    }
    result.push_str(&text[done..]);
    result
}

/// What a name in a stage means.
enum Meant {
    Stage(usize),
    Base(Base),
    /// `scratch`.
    Nothing,
}

/// A stage is known by its name only below it, and goes before an additional context, which goes before an image, as in
/// BuildKit (`dockerfile2llb`).
fn meant(stages: &[Stage], name: &str, index: usize, outside: Outside<'_>) -> Meant {
    match find_before(stages, name, index) {
        Some(stage) => Meant::Stage(stage),
        None => match context(name, outside.contexts) {
            Some(context) => Meant::Base(Base::Context(context)),
            None if name == "scratch" => Meant::Nothing,
            None => Meant::Base(Base::Image(name.to_owned())),
        },
    }
}

/// Returns the additional context that a name means, as its build writes it.
fn context(name: &str, contexts: &BTreeSet<String>) -> Option<String> {
    let name = familiar(name);
    contexts
        .iter()
        .find(|context| familiar(context) == name)
        .cloned()
}

/// Shortens a name of an image as far as it stays clear: BuildKit compares names of contexts so.
fn familiar(name: &str) -> String {
    let name = name.to_lowercase();
    let short = name.strip_prefix("docker.io/").unwrap_or(&name);
    let short = short.strip_prefix("library/").unwrap_or(short);
    short.strip_suffix(":latest").unwrap_or(short).to_owned()
}

fn find_before(stages: &[Stage], name: &str, index: usize) -> Option<usize> {
    let lower = name.to_lowercase();
    let named = |stage: &Stage| stage.name.as_deref() == Some(lower.as_str());
    let number = || name.parse::<usize>().ok().filter(|number| *number < index);
    stages[..index].iter().rposition(named).or_else(number)
}

/// A stage: its name, and what it takes from elsewhere, the base first.
struct Stage {
    /// Where it begins in the text.
    at: usize,
    name: Option<String>,
    from: Vec<Taken>,
    /// The additional context that has its name, and replaces it.
    instead: Option<String>,
}

/// An image or stage that something is taken from, and where the text says so.
struct Taken {
    image: String,
    at: Range<usize>,
}

/// Reads the stages of a Dockerfile.
struct Reader<'a> {
    source: &'a Arc<Source>,
    outside: Outside<'a>,
    known: BTreeMap<String, String>,
    budget: Budget,
    problems: &'a mut Vec<Problem>,
}

fn stages(source: &Arc<Source>, outside: Outside<'_>, problems: &mut Vec<Problem>) -> Vec<Stage> {
    let mut reader = Reader {
        source,
        outside,
        known: BTreeMap::new(),
        budget: Budget::default(),
        problems,
    };
    let mut stages: Vec<Stage> = Vec::new();
    for instruction in instructions(&source.text) {
        match instruction.keyword().as_str() {
            "ARG" if stages.is_empty() => {
                let words = instruction.words.iter().skip(1);
                words.for_each(|word| reader.argument(word));
            }
            "FROM" => stages.push(reader.stage(&instruction)),
            "COPY" | "ADD" | "RUN" => {
                if let Some(stage) = stages.last_mut() {
                    // What is left open is an argument of the stage itself, which only the build knows.
                    let froms = instruction.flags().filter_map(taken);
                    let froms = froms.filter(|from| !from.contains('$'));
                    stage.from.extend(froms.map(|from| Taken {
                        image: from.to_owned(),
                        at: reader.at(from),
                    }));
                }
            }
            _ => {}
        }
    }
    stages
}

impl Reader<'_> {
    /// Returns where a part of the text stands in it.
    fn at(&self, part: &str) -> Range<usize> {
        let start = part.as_ptr() as usize - self.source.text.as_ptr() as usize;
        start..start + part.len()
    }

    /// Takes an argument and its default. What a default uses and nobody has set is empty, as in the build.
    fn argument(&mut self, word: &str) {
        let (name, default) = word.split_once('=').unwrap_or((word, ""));
        let default = self.filled(default).0;
        let default = word.contains('=').then_some(default);
        let value = self.outside.args.get(name).cloned().or(default);
        self.known
            .extend(value.map(|value| (name.to_owned(), value)));
    }

    fn stage(&mut self, instruction: &Instruction<'_>) -> Stage {
        let Instruction {
            at, length, words, ..
        } = instruction;
        let place = Place::new(self.source, *at..at + length);
        let words = words.iter().copied().skip(1);
        let mut words = words.filter(|word| !word.starts_with("--"));
        let written = words.next();
        let name = words
            .skip_while(|word| !word.eq_ignore_ascii_case("as"))
            .nth(1);
        let name = name.map(str::to_lowercase);
        let instead = name.as_deref();
        let instead = instead.and_then(|name| context(name, self.outside.contexts));
        let (image, incidents) = self.filled(written.unwrap_or_default());
        let told = !incidents.is_empty();
        for incident in incidents {
            self.tell(incident, &place);
        }
        if image.is_empty() && !told {
            let problem = Problem::error("dockerfile", "`FROM` names no image");
            let problem = problem.place(place, "empty, once its arguments are filled in");
            self.problems.push(problem);
        }
        // What is known in part names something else.
        let base = written.filter(|_| !told && !image.is_empty());
        let base = base.map(|written| Taken {
            image,
            at: self.at(written),
        });
        let from = base.into_iter().collect();
        Stage {
            at: *at,
            name,
            from,
            instead,
        }
    }

    fn tell(&mut self, incident: Incident, place: &Place) {
        let place = place.clone();
        self.problems.push(match incident {
            Incident::Unset { name, .. } if PLATFORM.contains(&name.as_str()) => {
                let message =
                    format!("what `FROM` names depends on `{name}`, which only the build knows");
                let problem = Problem::warning("platform-base", message);
                problem.place(place, "a change of it is not noticed")
            }
            Incident::Unset { name, .. } | Incident::Required { name, .. } => {
                let message = format!("build argument `{name}` has no value");
                let problem = Problem::error("build-argument", message).place(place, "used here");
                let default = format!("give it a default (`ARG {name}=…` before the first `FROM`)");
                problem.help(format!("{default}, or set it in `build.args`"))
            }
            Incident::TooLong { .. } => {
                let problem = Problem::error("too-large", "build arguments blow the file up");
                problem.place(place, "this one is too much")
            }
        });
    }

    fn filled(&mut self, text: &str) -> (String, Vec<Incident>) {
        let text = text.trim_matches(['"', '\'']);
        let Ok(template) = Template::parse(text) else {
            return (text.to_owned(), Vec::new());
        };
        let (known, mut incidents) = (&self.known, Vec::new());
        let lookup = &mut |name: &str| known.get(name).cloned();
        let filled = template.fill(lookup, &mut incidents, &mut self.budget);
        (filled, incidents)
    }
}

/// Returns what `--from=X` or `--mount=type=bind,from=X` takes from.
fn taken(flag: &str) -> Option<&str> {
    flag.strip_prefix("--from=").or_else(|| {
        let options = flag.strip_prefix("--mount=")?;
        options
            .split(',')
            .find_map(|option| option.strip_prefix("from="))
    })
}

#[cfg(test)]
mod tests;
