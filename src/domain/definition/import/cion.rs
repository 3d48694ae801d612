//! cion: a build container beside its services, and a release container after it. The first versions had lists of both.

use super::super::place::At;
use super::super::problem::Problem;
use super::super::reader::Reader;
use super::super::yaml::{Entry, Node, Value};
use super::{Imported, ignored, tree};

/// Where the tree is mounted in containers, and where what they make is kept.
const BUILD: &str = "/cion/build";
const ARTIFACTS: &str = "/cion/artifacts";
/// The volume that what they make is kept in.
const VOLUME: &str = "artifacts";
/// The keys at the top.
const KEYS: &[&str] = &["build", "release", "services"];
/// The keys of a container.
const CONTAINER: &[&str] = &["image", "cmd", "env", "ports", "privileged"];
/// The label by which a service that only helps tests is none itself.
const TEST: &str = "dev.longshore.test";

/// What a container is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// The test.
    Build,
    /// What comes after it.
    Release,
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Self::Build => "build",
            Self::Release => "release",
        }
    }
}

/// Brings a file to the form that Compose has.
pub(super) fn import(tree: &Node) -> Imported {
    let mut reader = Reader::default();
    for entry in tree::entries(tree) {
        if !KEYS.contains(&entry.key.text.as_str()) {
            ignored("cion", entry, KEYS, &mut reader);
        }
    }
    let mut services = services(tree, &mut reader);
    let linked: Vec<_> = services.iter().map(|entry| entry.key.clone()).collect();
    let links: Vec<_> = linked
        .iter()
        .map(|key| tree::text(&key.at, key.text.as_str()))
        .collect();
    let builds = steps(tree, Part::Build, &links, &mut reader);
    let releases = steps(tree, Part::Release, &links, &mut reader);
    let settings = settings(&tree.at, &builds, &releases);
    services.extend(builds);
    services.extend(releases);
    let compose = tree::project(&tree.at, services);
    Imported::new(compose, settings, reader.problems)
}

/// Says that the last build container is the test, whose artifacts are kept, and that the release containers are steps
/// of the release.
fn settings(at: &At, builds: &[Entry], releases: &[Entry]) -> Option<Node> {
    let mut keys = Vec::new();
    if let Some(Entry { key, .. }) = builds.last() {
        let service = tree::entry("service", tree::text(&key.at, key.text.as_str()));
        let artifacts = tree::list(&key.at, vec![tree::text(&key.at, ARTIFACTS)]);
        let artifacts = tree::entry("artifacts", artifacts);
        let test = tree::entry("build", tree::map(&key.at, vec![service, artifacts]));
        keys.push(tree::entry("tests", tree::map(&key.at, vec![test])));
    }
    let steps = releases.iter().map(|Entry { key, .. }| {
        let pairs = ["name", "service"]
            .map(|word| tree::entry(word, tree::text(&key.at, key.text.as_str())));
        tree::map(&key.at, Vec::from(pairs))
    });
    let steps: Vec<_> = steps.collect();
    if !steps.is_empty() {
        keys.push(tree::entry("release", tree::list(at, steps)));
    }
    (!keys.is_empty()).then(|| tree::map(at, keys))
}

fn services(tree: &Node, reader: &mut Reader) -> Vec<Entry> {
    let Some(node) = tree.get("services").filter(|node| !node.is_null()) else {
        return Vec::new();
    };
    reader.within("services", |reader| {
        let entries = reader.map(node, "a mapping from names to containers");
        let services = entries.unwrap_or_default().iter().filter_map(|entry| {
            let (key, name) = (entry.key.clone(), entry.key.text.as_str());
            let value = reader.within(name, |reader| container(&entry.value, &key.at, reader));
            Some(Entry { key, value: value? })
        });
        services.collect()
    })
}

/// Returns the containers of a part; of the build, each waits for the one before.
fn steps(tree: &Node, part: Part, links: &[Node], reader: &mut Reader) -> Vec<Entry> {
    let written = tree::entries(tree);
    let Some(written) = written.iter().find(|entry| entry.key.text == part.name()) else {
        if part == Part::Build {
            let problem = Problem::error("missing-key", "no build image is specified");
            let at = At::from(tree.at.place.part(0..1));
            let problem = problem.at(&at, "`build` is missing");
            let help = "add a line such as `build: {image: golang, cmd: [make, test]}`";
            reader.problems.push(problem.help(help));
        }
        return Vec::new();
    };
    let list = match &written.value.value {
        Value::List(items) => items.as_slice(),
        Value::Map(_) | Value::Scalar(_) => std::slice::from_ref(&written.value),
    };
    let mut steps: Vec<Entry> = Vec::with_capacity(list.len());
    for (index, node) in list.iter().enumerate() {
        let last = index + 1 == list.len();
        let name = if last {
            part.name().to_owned()
        } else {
            format!("{}-{}", part.name(), index + 1)
        };
        let step = reader.within(part.name(), |reader| {
            step(node, &written.key.at, part, links, reader)
        });
        let Some(mut step) = step else { continue };
        if let Value::Map(keys) = &mut step.value {
            match part {
                Part::Build => {
                    keys.extend((!last).then(|| helper(&node.at)));
                    keys.extend(steps.last().map(|before| after(&before.key.text, &node.at)));
                }
                // The release carries them out one after the other.
                Part::Release => keys.push(helper(&node.at)),
            }
        }
        let mut entry = tree::entry(&name, step);
        entry.key.at = written.key.at.clone();
        steps.push(entry);
    }
    steps
}

/// Makes a service of a build or release container: with the tree, what was made, and links to all services.
fn step(node: &Node, key: &At, part: Part, links: &[Node], reader: &mut Reader) -> Option<Node> {
    let at = node.at.clone();
    let mut service = container(node, key, reader)?;
    if service.get("image").is_none() {
        return match part {
            Part::Build => {
                let expected = "`image`, what the build runs in";
                reader.invalid(key, "no build image is specified", expected)
            }
            Part::Release => None,
        };
    }
    let Value::Map(keys) = &mut service.value else {
        return None;
    };
    let environment = keys
        .iter()
        .position(|entry| entry.key.text == "environment");
    let written = environment.map(|place| keys.remove(place).value);
    let mut pairs = written
        .as_ref()
        .map(tree::entries)
        .unwrap_or_default()
        .to_vec();
    for (name, value) in [("BUILD_DIR", BUILD), ("ARTIFACTS_DIR", ARTIFACTS)] {
        if !pairs.iter().any(|pair| pair.key.text == name) {
            pairs.push(tree::entry(name, tree::text(&at, value)));
        }
    }
    let mounts = [format!(".:{BUILD}"), format!("{VOLUME}:{ARTIFACTS}")];
    let mounts = mounts.map(|mount| tree::text(&at, mount));
    let profile = tree::text(&at, "test");
    keys.push(tree::entry("environment", tree::map(&at, pairs)));
    keys.push(tree::entry("working_dir", tree::text(&at, BUILD)));
    keys.push(tree::entry("volumes", tree::list(&at, Vec::from(mounts))));
    keys.push(tree::entry("profiles", tree::list(&at, vec![profile])));
    if !links.is_empty() {
        keys.push(tree::entry("links", tree::list(&at, links.to_vec())));
    }
    Some(service)
}

/// Says that a service with the profile of tests is none.
fn helper(at: &At) -> Entry {
    let label = tree::entry(TEST, tree::text(at, "false"));
    tree::entry("labels", tree::map(at, vec![label]))
}

/// Has a container wait until the one before it ended well.
fn after(before: &str, at: &At) -> Entry {
    let condition = tree::text(at, "service_completed_successfully");
    let wait = tree::map(at, vec![tree::entry("condition", condition)]);
    tree::entry("depends_on", tree::map(at, vec![tree::entry(before, wait)]))
}

/// Makes a service of a container. cion filled no variables in.
fn container(node: &Node, key: &At, reader: &mut Reader) -> Option<Node> {
    let at = if node.is_null() { key } else { &node.at };
    let shown = Node {
        at: at.clone(),
        ..node.clone()
    };
    let mut keys = Vec::new();
    for entry in reader.map(&shown, "a container, which is a mapping")? {
        let renamed = |key: &str| tree::renamed(entry.clone(), key);
        match entry.key.text.as_str() {
            "image" | "privileged" => keys.push(entry.clone()),
            "cmd" => keys.push(renamed("command")),
            "ports" => keys.push(renamed("expose")),
            "env" => {
                let value = reader.within("env", |reader| environment(&entry.value, reader));
                keys.extend(value.map(|value| Entry {
                    value,
                    ..renamed("environment")
                }));
            }
            _ => ignored("cion", entry, CONTAINER, reader),
        }
    }
    Some(tree::escaped(tree::map(at, keys)))
}

fn environment(node: &Node, reader: &mut Reader) -> Option<Node> {
    match &node.value {
        Value::Map(_) => Some(node.clone()),
        Value::List(items) => {
            let mut pairs = Vec::with_capacity(items.len());
            for item in items {
                let text = reader.loose(item, "`NAME=value`")?;
                let (name, value) = text.split_once('=').unwrap_or((text, ""));
                tree::put(&mut pairs, tree::entry(name, tree::text(&item.at, value)));
            }
            Some(tree::map(&node.at, pairs))
        }
        Value::Scalar(_) => reader.wrong(node, "a list of `NAME=value`, or a mapping"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::tests::{imported, read};
    use super::super::{Format, import};

    fn cion(text: &str) -> (Value, Vec<String>) {
        imported(Format::Cion, text)
    }

    #[test]
    fn a_build_is_a_test_beside_its_services() {
        let text = "build: {image: golang, cmd: [make, $test], env: [A=b=c, BUILD_DIR=/x]}\nservices:\n  db: {image: postgres, ports: [5432/tcp], env: [A=1], privileged: true}";
        let (compose, problems) = cion(text);
        assert_eq!(problems, Vec::<String>::new());
        assert_eq!(
            compose["services"],
            json!({
                "db": {"image": "postgres", "expose": ["5432/tcp"], "environment": {"A": "1"}, "privileged": true},
                "build": {
                    "image": "golang",
                    "command": ["make", "$$test"],
                    "environment": {"A": "b=c", "BUILD_DIR": "/x", "ARTIFACTS_DIR": "/cion/artifacts"},
                    "working_dir": "/cion/build",
                    "volumes": [".:/cion/build", "artifacts:/cion/artifacts"],
                    "profiles": ["test"],
                    "links": ["db"],
                },
            })
        );
        assert_eq!(compose["volumes"], json!({"artifacts": null}));
        let settings = import(Format::Cion, read(text)).settings.unwrap();
        assert_eq!(
            settings.json(),
            json!({"tests": {"build": {"service": "build", "artifacts": ["/cion/artifacts"]}}})
        );
    }

    #[test]
    fn lists_run_one_after_the_other() {
        let text = "build:\n- {image: a, env: {K: v}}\n- {image: b, cmd: make test}\nrelease:\n- {image: c}\n- {image: d}";
        let (compose, problems) = cion(text);
        assert_eq!(problems, Vec::<String>::new());
        let services = &compose["services"];
        assert_eq!(
            services["build-1"]["labels"],
            json!({"dev.longshore.test": "false"})
        );
        assert_eq!(services["build-1"]["environment"]["K"], "v");
        assert_eq!(
            services["build"]["depends_on"],
            json!({"build-1": {"condition": "service_completed_successfully"}})
        );
        assert_eq!(services["build"]["command"], "make test");
        for release in ["release-1", "release"] {
            assert_eq!(services[release]["profiles"], json!(["test"]));
            assert_eq!(
                services[release]["labels"],
                json!({"dev.longshore.test": "false"})
            );
            assert_eq!(services[release]["depends_on"], Value::Null);
        }
        let settings = import(Format::Cion, read(text)).settings.unwrap();
        assert_eq!(
            settings.json()["release"],
            json!([
                {"name": "release-1", "service": "release-1"},
                {"name": "release", "service": "release"},
            ])
        );
    }

    #[test]
    fn a_build_needs_an_image_and_a_release_may_have_none() {
        for (text, told) in [
            ("services: {}", "s: no build image is specified"),
            (
                "build: {cmd: [a]}\nrelease: {}",
                "build: build: no build image is specified",
            ),
            (
                "build: {image: a, imge: b}",
                "imge: `imge` in build has no effect",
            ),
        ] {
            assert_eq!(cion(text).1, [told], "{text}");
        }
    }
}
