//! Baleen: images to build, and a test written as a Compose file of the old form inside the file.

mod artifacts;
mod depends;

use super::super::place::{At, Place};
use super::super::problem::Problem;
use super::super::reader::Reader;
use super::super::yaml::{self, Entry, Node, Value};
use super::image::Built;
use super::{Imported, fig, ignored, tree};
use artifacts::Artifacts;

/// The service that is the test.
const SUBJECT: &str = "subject";
/// The keys that Baleen read.
const KEYS: &[&str] = &["build", "test", "credentials", "artifacts", "depends"];

/// Brings a file to the form that Compose has.
pub(super) fn import(tree: &Node) -> Imported {
    let mut reader = Reader::default();
    for entry in tree::entries(tree) {
        if !KEYS.contains(&entry.key.text.as_str()) {
            ignored("Baleen", entry, KEYS, &mut reader);
        }
    }
    let own = images(tree, &mut reader);
    let just_built = own.len().checked_sub(1);
    let images: Vec<_> = own
        .into_iter()
        .chain(depends::depends(tree, &mut reader))
        .collect();
    let just_built = just_built.map(|last| &images[last]);
    let passed = credentials(tree, &mut reader);
    let mut services = stack(tree, &mut reader);
    for entry in &mut services {
        if let Value::Map(keys) = &mut entry.value.value {
            image(keys, &images, just_built);
            pass(keys, &passed);
            if entry.key.text == SUBJECT {
                let profile = tree::text(&entry.key.at, "test");
                keys.push(tree::entry(
                    "profiles",
                    tree::list(&entry.key.at, vec![profile]),
                ));
            }
        }
    }
    let subject = services.iter().find(|entry| entry.key.text == SUBJECT);
    let artifacts = Artifacts::of(tree, &mut reader);
    let written = tree::entries(tree).iter();
    let mut written = written.filter(|entry| entry.key.text == "artifacts");
    if let (None, Some(entry)) = (subject, written.find(|_| !artifacts.is_empty())) {
        later(
            entry,
            "artifacts are taken out of the test, and there is none",
            "call the service that is the test `subject`",
            &mut reader,
        );
    }
    let settings = subject.map(|entry| settings(&entry.key.at, artifacts));
    for image in &images {
        let runs = |entry: &Entry| {
            let reference = entry.value.get("image").and_then(tree::said);
            reference.is_some_and(|reference| image.is(reference))
        };
        if !services.iter().any(runs) {
            let taken = |name: &str| services.iter().any(|entry| entry.key.text == name);
            let alone = image.alone(taken);
            services.push(alone);
        }
    }
    let compose = tree::project(&tree.at, services);
    Imported::new(compose, settings, reader.problems)
}

fn settings(at: &At, artifacts: Artifacts) -> Node {
    let mut keys = vec![tree::entry("service", tree::text(at, SUBJECT))];
    keys.extend(artifacts.keys());
    let test = tree::entry(SUBJECT, tree::map(at, keys));
    let tests = tree::entry("tests", tree::map(at, vec![test]));
    tree::map(at, vec![tests])
}

fn later(entry: &Entry, message: &str, help: &str, reader: &mut Reader) {
    let problem = Problem::warning("without-effect", message);
    let problem = problem.at(&entry.key.at, "has no effect").help(help);
    reader.problems.push(problem);
}

fn images(tree: &Node, reader: &mut Reader) -> Vec<Built> {
    let Some(node) = tree.get("build").filter(|node| !node.is_null()) else {
        return Vec::new();
    };
    reader.within("build", |reader| {
        let entries = reader.map(node, "a mapping from images to folders");
        let built = entries.unwrap_or_default().iter().filter_map(|entry| {
            let read = |reader: &mut Reader| reader.text(&entry.value, "a folder").map(drop);
            reader.within(&entry.key.text, read)?;
            Some(Built {
                name: entry.key.text.clone(),
                at: entry.key.at.clone(),
                build: tree::escaped(entry.value.clone()),
            })
        });
        built.collect()
    })
}

/// Returns the names of the variables that the project keeps values of.
fn credentials(tree: &Node, reader: &mut Reader) -> Vec<Entry> {
    let Some(node) = tree.get("credentials").filter(|node| !node.is_null()) else {
        return Vec::new();
    };
    let mut passed = Vec::new();
    reader.within("credentials", |reader| {
        let expected = "a mapping from variables to `VALUE`";
        for entry in reader.map(node, expected).unwrap_or_default() {
            match tree::said(&entry.value) {
                Some("VALUE") => {
                    passed.push(tree::entry(&entry.key.text, tree::plain(&entry.key.at, "")));
                }
                Some("FILE") => later(
                    entry,
                    "credentials that are files are not brought",
                    "mount the file: `./key:/run/key:ro`",
                    reader,
                ),
                kind => strange(entry, kind.unwrap_or_default(), reader),
            }
        }
    });
    passed
}

fn strange(entry: &Entry, kind: &str, reader: &mut Reader) {
    let name = &entry.key.text;
    let message = format!("credentials.{name}: `{kind}` is no kind of credential");
    let problem = Problem::error("invalid-value", message).at(&entry.value.at, "expected `VALUE`");
    reader.problems.push(problem.did_you_mean(kind, ["VALUE"]));
}

/// Returns the services of the test.
fn stack(tree: &Node, reader: &mut Reader) -> Vec<Entry> {
    let written = tree::entries(tree);
    let Some(written) = written.iter().find(|entry| entry.key.text == "test") else {
        return Vec::new();
    };
    let Some(inner) = inner(&written.value, reader) else {
        return Vec::new();
    };
    let services = reader.within("test", |reader| fig::services(inner, reader));
    if !services.iter().any(|entry| entry.key.text == SUBJECT) {
        let message = "no service of the test is called `subject`";
        let problem = Problem::error("unknown-service", message);
        let problem = problem.at(&written.key.at, "its exit code decides");
        let names = services.iter().map(|entry| entry.key.text.as_str());
        let problem = match names.clone().next() {
            Some(_) => {
                let names: Vec<_> = names.collect();
                problem.help(format!("services defined: {}", names.join(", ")))
            }
            None => problem,
        };
        reader.problems.push(problem);
    }
    services
}

/// Reads the file inside the file. In a block of lines every place is kept; elsewhere everything stands where the text
/// does.
fn inner(node: &Node, reader: &mut Reader) -> Option<Node> {
    let text = match &node.value {
        // What it was meant to be, without the `|` that makes a text of it.
        Value::Map(_) => return Some(node.clone()),
        Value::Scalar(_) | Value::List(_) => {
            reader.text(node, "a text: a Compose file, after `test: |`")?
        }
    };
    let (mut trees, problems) = match block(&node.at.place) {
        Some(lines) => yaml::parse_part(lines),
        None => yaml::parse_text(text, &node.at.place),
    };
    let clean = problems.is_empty();
    reader.problems.extend(problems);
    if trees.is_empty() {
        return match clean {
            true => reader.invalid(&node.at, "there is nothing in it", "services"),
            false => None,
        };
    }
    let first = trees.remove(0);
    match first.value {
        Value::Map(_) => Some(first),
        Value::Scalar(_) | Value::List(_) => reader.wrong(&first, "services, a mapping"),
    }
}

/// Returns the lines of a block scalar that keeps them as they are: one that follows a `|`.
fn block(place: &Place) -> Option<&Place> {
    let before = &place.text()[..place.range()?.start];
    let header = before.trim_end().rsplit(char::is_whitespace).next()?;
    header.starts_with('|').then_some(place)
}

/// Has a service run an image that is built: the one that it names, or the one just built if it names none.
fn image(keys: &mut Vec<Entry>, images: &[Built], just_built: Option<&Built>) {
    // Left by the importer of the old form, to take back what it is laid over.
    let written = |key: &str, entry: &Entry| entry.key.text == key && entry.value.tag.is_none();
    if keys.iter().any(|entry| written("build", entry)) {
        return;
    }
    let reference = keys.iter().find(|entry| written("image", entry));
    let reference = reference.map(|entry| entry.value.clone());
    let built = match &reference {
        Some(reference) => {
            let name = tree::said(reference).unwrap_or_default();
            images.iter().find(|image| image.is(name))
        }
        None => just_built,
    };
    let Some(built) = built else { return };
    let reference = reference.unwrap_or_else(|| tree::text(&built.at, built.name.as_str()));
    keys.retain(|entry| !["build", "image"].contains(&entry.key.text.as_str()));
    keys.extend(built.keys(&reference));
}

/// Passes variables through to a service that does not set them itself.
fn pass(keys: &mut Vec<Entry>, passed: &[Entry]) {
    let Some(first) = passed.first() else { return };
    let place = keys
        .iter()
        .position(|entry| entry.key.text == "environment");
    let Some(place) = place else {
        let all = tree::map(&first.key.at, passed.to_vec());
        keys.push(tree::entry("environment", all));
        return;
    };
    match &mut keys[place].value.value {
        Value::Map(pairs) => {
            for pair in passed {
                if !pairs.iter().any(|own| own.key.text == pair.key.text) {
                    pairs.push(pair.clone());
                }
            }
        }
        Value::List(items) => {
            for pair in passed {
                let name = pair.key.text.as_str();
                let is = |item: &Node| {
                    tree::said(item).is_some_and(|own| own.split('=').next() == Some(name))
                };
                if !items.iter().any(is) {
                    items.push(tree::text(&pair.key.at, name));
                }
            }
        }
        Value::Scalar(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::tests::{imported, read};
    use super::super::{Format, import};

    fn baleen(text: &str) -> (Value, Vec<String>) {
        imported(Format::Baleen, text)
    }

    const SHOP: &str = "build:\n  acme/base: base\n  acme/shop: .\ncredentials:\n  TOKEN: VALUE\ntest: |\n  # the stack\n  db:\n    image: postgres\n    environment: [A=1]\n  subject:\n    command: ./test\n    links: [db]\n";

    #[test]
    fn the_subject_is_the_test() {
        let (compose, problems) = baleen(SHOP);
        assert_eq!(problems, Vec::<String>::new());
        assert_eq!(
            compose["services"],
            json!({
                "db": {"image": "postgres", "environment": ["A=1", "TOKEN"]},
                "subject": {
                    "command": "./test", "links": ["db"],
                    "build": ".", "image": "acme/shop",
                    "environment": {"TOKEN": null}, "profiles": ["test"],
                },
                "base": {"build": "base", "image": "acme/base", "profiles": ["build"]},
            })
        );
        let settings = import(Format::Baleen, read(SHOP)).settings.unwrap();
        assert_eq!(
            settings.json(),
            json!({"tests": {"subject": {"service": "subject"}}})
        );
    }

    #[test]
    fn artifacts_are_reports_and_artifacts_of_the_test() {
        let text = "test: 'subject: {image: a}'\nartifacts:\n  xunit: {path: out/j.xml}\n  coverage: {paths: [/c.xml]}\n  coverage_html: {paths: [/html, docs/]}\n";
        assert_eq!(baleen(text).1, Vec::<String>::new());
        let settings = import(Format::Baleen, read(text)).settings.unwrap();
        let subject = json!({
            "service": "subject",
            "reports": {"junit": "/out/j.xml", "coverage": "/c.xml"},
            "artifacts": ["/html", "/docs"],
        });
        assert_eq!(settings.json(), json!({"tests": {"subject": subject}}));
    }

    #[test]
    fn places_inside_the_text_are_those_of_the_file() {
        let text = "test: |\n  subject:\n    imge: x\n";
        let problems = import(Format::Baleen, read(text)).problems;
        let at = problems[0].places[0].0.start().unwrap();
        assert_eq!((at.line, at.column), (3, 5), "{problems:?}");
        let text = "test: \"subject: {imge: x}\"\n";
        let problems = import(Format::Baleen, read(text)).problems;
        assert_eq!(problems[0].places[0].0.slice(), "\"subject: {imge: x}\"");
    }

    #[test]
    fn what_is_lost_is_told() {
        for (text, told) in [
            (
                "build: {a: .}\nartifacts: {xunit: {path: /a}}",
                "artifacts: artifacts are taken out of the test, and there is none",
            ),
            (
                "test: 'subject: {image: a}'\nartifacts: {xunit: {paths: [/a, /b]}}",
                "xunit: a test has one report of a kind; further ones are kept and not read",
            ),
            (
                "test: 'subject: {image: a}'\nartifacts: {xunits: {path: /a}}",
                "xunits: `xunits` is no type of artifact",
            ),
            (
                "build: {a: .}\ndepends: {b: {src: c}}",
                "b: `b` is not built first: it has no `minhash`",
            ),
            (
                "build: {a: .}\ncredentials: {K: FILE}",
                "K: credentials that are files are not brought",
            ),
            (
                "build: {a: .}\ncredentials: {K: x}",
                "x: credentials.K: `x` is no kind of credential",
            ),
            (
                "build: {a: .}\ndeploy: []",
                "deploy: `deploy` in the file has no effect",
            ),
            (
                "test: |\n  web: {image: a}\n",
                "test: no service of the test is called `subject`",
            ),
        ] {
            assert_eq!(baleen(text).1, [told], "{text}");
        }
    }
}
