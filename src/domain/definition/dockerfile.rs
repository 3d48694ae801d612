//! What a Dockerfile is built on: the images that its stages come from.
//!
//! Reads just enough of the [Dockerfile reference](https://docs.docker.com/reference/dockerfile/): `ARG` before the first
//! stage, `FROM`, `COPY --from` and `RUN --mount=…,from=`, line continuations, comments and here-documents.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

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

/// Returns the images that the stages needed for `target` (else the last one) name, in order, each once.
pub fn bases(
    source: &Arc<Source>,
    args: &BTreeMap<String, String>,
    target: Option<&Spanned<String>>,
    problems: &mut Vec<Problem>,
) -> Vec<String> {
    let stages = stages(source, args, problems);
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
    let mut images = Vec::new();
    for index in (0..=wanted).rev() {
        if !needed[index] {
            continue;
        }
        for Taken { image, .. } in stages[index].from.iter().rev() {
            // A stage is known by its name only below it.
            match find_before(&stages, image, index) {
                Some(stage) => needed[stage] = true,
                None if image == "scratch" => {}
                None => images.push(image.clone()),
            }
        }
    }
    images.reverse();
    let mut seen = BTreeSet::new();
    images.retain(|image| seen.insert(image.clone()));
    images
}

/// Returns the Dockerfile with other references in place of the images that its stages come from, where `pin` gives one.
#[must_use]
pub fn pinned(
    text: &str,
    args: &BTreeMap<String, String>,
    pin: impl Fn(&str) -> Option<String>,
) -> String {
    let source = Arc::new(Source {
        path: String::new(),
        text: text.to_owned(),
    });
    // What is wrong with it was told when it was read.
    let stages = stages(&source, args, &mut Vec::new());
    let mut result = String::with_capacity(text.len());
    let mut done = 0;
    for (index, stage) in stages.iter().enumerate() {
        for Taken { image, at } in &stage.from {
            let other = match find_before(&stages, image, index) {
                Some(_) => None,
                None => pin(image),
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

fn find_before(stages: &[Stage], name: &str, index: usize) -> Option<usize> {
    let lower = name.to_lowercase();
    let named = |stage: &Stage| stage.name.as_deref() == Some(lower.as_str());
    let number = || name.parse::<usize>().ok().filter(|number| *number < index);
    stages[..index].iter().rposition(named).or_else(number)
}

/// A stage: its name, and what it takes from elsewhere, the base first.
struct Stage {
    name: Option<String>,
    from: Vec<Taken>,
}

/// An image or stage that something is taken from, and where the text says so.
struct Taken {
    image: String,
    at: Range<usize>,
}

/// Reads the stages of a Dockerfile.
struct Reader<'a> {
    source: &'a Arc<Source>,
    args: &'a BTreeMap<String, String>,
    known: BTreeMap<String, String>,
    budget: Budget,
    problems: &'a mut Vec<Problem>,
}

fn stages(
    source: &Arc<Source>,
    args: &BTreeMap<String, String>,
    problems: &mut Vec<Problem>,
) -> Vec<Stage> {
    let mut reader = Reader {
        source,
        args,
        known: BTreeMap::new(),
        budget: Budget::default(),
        problems,
    };
    let mut stages: Vec<Stage> = Vec::new();
    for instruction in instructions(&source.text) {
        let mut words = instruction.words.iter().copied();
        let keyword = words.next().unwrap_or_default().to_ascii_uppercase();
        match keyword.as_str() {
            "ARG" if stages.is_empty() => words.for_each(|word| reader.argument(word)),
            "FROM" => stages.push(reader.stage(&instruction)),
            "COPY" | "ADD" | "RUN" => {
                if let Some(stage) = stages.last_mut() {
                    // What is left open is an argument of the stage itself, which only the build knows.
                    let froms = words.filter_map(taken).filter(|from| !from.contains('$'));
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
        let value = self.args.get(name).cloned().or(default);
        self.known
            .extend(value.map(|value| (name.to_owned(), value)));
    }

    fn stage(&mut self, instruction: &Instruction<'_>) -> Stage {
        let Instruction { at, length, words } = instruction;
        let place = Place::new(self.source, *at..at + length);
        let words = words.iter().copied().skip(1);
        let mut words = words.filter(|word| !word.starts_with("--"));
        let written = words.next();
        let name = words
            .skip_while(|word| !word.eq_ignore_ascii_case("as"))
            .nth(1);
        let name = name.map(str::to_lowercase);
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
        Stage { name, from }
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

struct Instruction<'t> {
    at: usize,
    length: usize,
    /// Slices of the whole text.
    words: Vec<&'t str>,
}

/// Splits a Dockerfile into instructions.
fn instructions(text: &str) -> Vec<Instruction<'_>> {
    let escape = escape(text);
    let mut result: Vec<Instruction<'_>> = Vec::new();
    let mut open = false;
    let mut here: Vec<String> = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        let line = line.trim_end();
        if let Some(end) = here.first() {
            if line.trim_start_matches('\t') == end {
                here.remove(0);
            }
            continue;
        }
        let trimmed = line.trim_start();
        if trimmed.starts_with('#') || trimmed.is_empty() {
            continue;
        }
        let (content, continued) = match trimmed.strip_suffix(escape) {
            Some(content) => (content, true),
            None => (trimmed, false),
        };
        if !open {
            let at = start + (line.len() - trimmed.len());
            result.push(Instruction {
                at,
                length: trimmed.len(),
                words: Vec::new(),
            });
        }
        if let Some(instruction) = result.last_mut() {
            instruction.words.extend(content.split_whitespace());
            if !continued {
                here = instruction
                    .words
                    .iter()
                    .filter_map(|word| heredoc(word))
                    .collect();
            }
        }
        open = continued;
    }
    result
}

/// Returns the escape character that a directive in the first lines chooses.
fn escape(text: &str) -> char {
    let directives = text.lines().take_while(|line| line.starts_with('#'));
    let mut escapes = directives.filter_map(|line| {
        let (name, value) = line.trim_start_matches('#').split_once('=')?;
        (name.trim().eq_ignore_ascii_case("escape") && value.trim() == "`").then_some('`')
    });
    escapes.next().unwrap_or('\\')
}

/// Returns the word that ends a here-document which another word begins.
fn heredoc(word: &str) -> Option<String> {
    let (before, end) = word.split_once("<<")?;
    let end = end.trim_start_matches('-').trim_matches(['"', '\'']);
    let fits = before.chars().all(|c| c.is_ascii_digit())
        && !end.is_empty()
        && end.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    fits.then(|| end.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::place::At;
    use super::*;

    fn of(text: &str, args: &[(&str, &str)], target: Option<&str>) -> (Vec<String>, Vec<Problem>) {
        let (path, text) = ("Dockerfile".to_owned(), text.to_owned());
        let args = args
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let at = At::from(Place::file("compose.yaml"));
        let target = target.map(|target| Spanned::new(target.to_owned(), at));
        let mut problems = Vec::new();
        let found = bases(
            &Arc::new(Source { path, text }),
            &args.collect(),
            target.as_ref(),
            &mut problems,
        );
        (found, problems)
    }

    #[test]
    fn finds_what_the_stages_come_from() {
        let text = "# comment\nARG TAG=17\nARG BASE=debian:${TAG}\n\
            FROM --platform=$BUILDPLATFORM golang:1 AS Build\nRUN <<EOF\nFROM nothing\nEOF\n\
            FROM never AS unused\nFROM $BASE\nCOPY --from=build /a /a\nCOPY --from=tools:2 \\\n  /b /b\n\
            RUN --mount=type=bind,from=cache:1,target=/c true\n";
        let (found, problems) = of(text, &[("TAG", "18")], None);
        assert_eq!(found, ["golang:1", "debian:18", "tools:2", "cache:1"]);
        assert_eq!(problems, Vec::new());
        assert_eq!(of(text, &[], Some("build")).0, ["golang:1"]);
        assert_eq!(of(text, &[], Some("unused")).0, ["never"]);
        assert_eq!(of("FROM scratch\n", &[], None).0, Vec::<String>::new());
        assert_eq!(
            of("ARG A=$NONE\nARG B=b\nFROM $B\n", &[], None),
            (vec!["b".to_owned()], Vec::new())
        );
        assert_eq!(of("from a as b\nfrom b\n", &[], None).0, ["a"]);
    }

    #[test]
    fn says_what_cannot_be_known() {
        for (text, target, code) in [
            ("", None, "dockerfile"),
            ("FROM ${BASE}\n", None, "build-argument"),
            ("ARG BASE=\nFROM ${BASE}\n", None, "dockerfile"),
            ("FROM base-${TARGETARCH}\n", None, "platform-base"),
            ("FROM a AS build\n", Some("biuld"), "unknown-stage"),
        ] {
            let (_, problems) = of(text, &[], target);
            assert_eq!(
                problems
                    .iter()
                    .map(|problem| problem.code)
                    .collect::<Vec<_>>(),
                [code],
                "{text}"
            );
        }
    }

    #[test]
    fn pins_what_comes_from_elsewhere_and_nothing_else() {
        let text = "ARG V=17\nFROM --platform=x debian AS debian\nRUN echo debian\nFROM \"postgres:${V}\"\nCOPY --from=debian / /\nCOPY --from=acme/a:1 a \\\n  b\nRUN --mount=type=bind,from=base,target=/x debian base\nFROM scratch\n";
        let pins = ["debian", "postgres:17", "acme/a:1", "base"];
        let pin = |image: &str| pins.contains(&image).then(|| format!("<{image}>"));
        let expected = "ARG V=17\nFROM --platform=x <debian> AS debian\nRUN echo debian\nFROM <postgres:17>\nCOPY --from=debian / /\nCOPY --from=<acme/a:1> a \\\n  b\nRUN --mount=type=bind,from=<base>,target=/x debian base\nFROM scratch\n";
        assert_eq!(pinned(text, &BTreeMap::new(), pin), expected);
        let args = BTreeMap::from([("V".to_owned(), "16".to_owned())]);
        let none = pinned(text, &args, |image| {
            (image == "postgres:16").then(String::new)
        });
        assert!(none.contains("FROM \nCOPY"), "{none}");
    }
}
