//! Side by side with `docker compose config`: what it accepts says the same here, and what it refuses is refused.
//!
//! Each folder of `cases/` aims at one rule of the Compose Specification:
//!
//! - `input/`: the project;
//! - `arguments`, `environment`: options before `config`, and variables of the shell, if there are any;
//! - `expected.json` or `rejected.txt`: what Compose 2.26 says, the project's folder written as `/project`;
//! - `difference.txt`, `ours.json`: why we say something else on purpose, and what.
//!
//! Where the Compose plugin is at hand (`scripts/docker-plugins` fetches it), it is asked again, so that what is kept
//! cannot be wrong. `docs/definition.md` tells the normal form, and the differences.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test may panic, read files and run programs"
)]

mod normal;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use longshore::pipeline::read::{ReadError, ReadRequest, config};
use serde_json::Value;

use self::normal::{normal, with_paths_from};

const PLUGIN: &str = ".cache/docker-plugins/docker-compose";

/// One rule.
struct Case {
    name: String,
    folder: PathBuf,
}

impl Case {
    fn all() -> Vec<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compose/cases");
        let mut cases: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| {
                let folder = entry.unwrap().path();
                let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
                Self { name, folder }
            })
            .collect();
        cases.sort_by(|a, b| a.name.cmp(&b.name));
        cases
    }

    fn text(&self, file: &str) -> Option<String> {
        fs::read_to_string(self.folder.join(file)).ok()
    }

    fn arguments(&self) -> Vec<String> {
        let text = self.text("arguments").unwrap_or_default();
        text.split_whitespace().map(str::to_owned).collect()
    }

    /// The variables of the shell, besides those that every case has.
    fn variables(&self) -> BTreeMap<String, String> {
        let text = self.text("environment").unwrap_or_default();
        let own = text.lines().filter_map(|line| line.split_once('='));
        [("HOME", "/home/user"), ("PATH", "/usr/bin:/bin")]
            .into_iter()
            .chain(own)
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }

    /// Copies the project to where both have the same folder name to go by.
    fn project(&self, into: &Path) -> PathBuf {
        let project = into.join("project");
        copy(&self.folder.join("input"), &project);
        project
    }

    fn request(&self, directory: PathBuf) -> ReadRequest {
        let (mut files, mut env_files) = (Vec::new(), Vec::new());
        let mut arguments = self.arguments().into_iter();
        while let Some(option) = arguments.next() {
            let value = PathBuf::from(arguments.next().unwrap());
            match option.as_str() {
                "-f" | "--file" => files.push(value),
                "--env-file" => env_files.push(value),
                _ => panic!("{}: what is {option}?", self.name),
            }
        }
        ReadRequest {
            directory,
            files,
            env_files,
            variables: self.variables(),
            ask: None,
        }
    }

    /// Says what we say, and how that differs from what is expected.
    fn verdict(&self) -> Result<(), String> {
        let folder = tempfile::tempdir().unwrap();
        let said = config(&self.request(self.project(folder.path())));
        match (said, self.text("rejected.txt")) {
            (Ok(_), Some(theirs)) => Err(format!("is accepted, but Compose says: {theirs}")),
            (Err(ReadError::Invalid(_)), Some(_)) => Ok(()),
            (Err(error), None) => Err(format!("is refused: {error}")),
            (Err(error), Some(_)) => Err(format!("is refused for another reason: {error}")),
            (Ok((ours, _)), None) => {
                let expected = self
                    .text("ours.json")
                    .or_else(|| self.text("expected.json"))
                    .expect("a case without an expectation proves nothing");
                let theirs = with_paths_from(serde_json::from_str(&expected).unwrap(), "/project");
                let (ours, theirs) = (normal(ours), normal(theirs));
                let differences = differences("", &theirs, &ours);
                if differences.is_empty() {
                    return Ok(());
                }
                Err(differences.join("\n    "))
            }
        }
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type().unwrap().is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

/// Tells where two values differ, each as `path: theirs … ours …`.
fn differences(path: &str, theirs: &Value, ours: &Value) -> Vec<String> {
    if let (Value::Object(theirs), Value::Object(ours)) = (theirs, ours) {
        let mut keys: Vec<_> = theirs.keys().chain(ours.keys()).collect();
        keys.sort();
        keys.dedup();
        let none = Value::Null;
        let each = keys.into_iter().flat_map(|key| {
            let (theirs, ours) = (theirs.get(key), ours.get(key));
            differences(
                &format!("{path}.{key}"),
                theirs.unwrap_or(&none),
                ours.unwrap_or(&none),
            )
        });
        return each.collect();
    }
    if theirs == ours || above(theirs, ours) || each_above(theirs, ours) {
        return Vec::new();
    }
    vec![format!("{path}: theirs {theirs} ours {ours}")]
}

/// Tells whether ours is theirs as the project's folder sees it, which lies at the root.
fn above(theirs: &Value, ours: &Value) -> bool {
    let ours = ours.as_str().and_then(|ours| ours.strip_prefix(".."));
    ours.is_some() && theirs.as_str() == ours
}

fn each_above(theirs: &Value, ours: &Value) -> bool {
    let (Some(theirs), Some(ours)) = (theirs.as_array(), ours.as_array()) else {
        return false;
    };
    let same = |(theirs, ours)| differences("", theirs, ours).is_empty();
    theirs.len() == ours.len() && theirs.iter().zip(ours).all(same)
}

fn report(wrong: &[String]) {
    assert!(
        wrong.is_empty(),
        "{} cases:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn what_compose_accepts_says_the_same_and_what_it_refuses_is_refused() {
    let cases = Case::all();
    assert!(cases.len() >= 150, "only {} cases", cases.len());
    let wrong: Vec<_> = cases
        .iter()
        .filter_map(|case| Some(format!("{}:\n    {}", case.name, case.verdict().err()?)))
        .collect();
    report(&wrong);
}

#[test]
fn every_difference_has_its_reason_in_the_reference() {
    let reference = fs::read_to_string("docs/definition.md").unwrap();
    for case in Case::all() {
        let (reason, ours) = (case.text("difference.txt"), case.text("ours.json"));
        assert_eq!(reason.is_some(), ours.is_some(), "{}", case.name);
        if let Some(reason) = reason {
            let told = reference.contains(reason.trim());
            assert!(told, "docs/definition.md does not say: {reason}");
        }
    }
}

/// Asks the plugin itself, where it is at hand. Without it, what is kept is all there is.
#[test]
fn what_is_kept_is_what_compose_says() {
    let plugin = Path::new(env!("CARGO_MANIFEST_DIR")).join(PLUGIN);
    if !plugin.exists() {
        println!("the Compose plugin is not at {PLUGIN}: what is kept of it was not asked again");
        return;
    }
    let wrong: Vec<_> = Case::all()
        .iter()
        .filter_map(|case| Some(format!("{}: {}", case.name, ask(&plugin, case).err()?)))
        .collect();
    report(&wrong);
}

fn ask(plugin: &Path, case: &Case) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let project = case.project(folder.path());
    let output = Command::new(plugin)
        .args(case.arguments())
        .args(["--profile", "*", "config", "--format", "json"])
        .current_dir(&project)
        .env_clear()
        .envs(case.variables())
        .output()
        .unwrap();
    let Some(expected) = case.text("expected.json") else {
        return if output.status.success() {
            Err("Compose accepts it".to_owned())
        } else {
            Ok(())
        };
    };
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let said = String::from_utf8(output.stdout).unwrap();
    let parent = folder.path().to_str().unwrap();
    let said = said.replace(project.to_str().unwrap(), "/project");
    let said: Value = serde_json::from_str(&said.replace(parent, "")).unwrap();
    let expected: Value = serde_json::from_str(&expected).unwrap();
    let differences = differences("", &expected, &said);
    if differences.is_empty() {
        return Ok(());
    }
    Err(differences.join("\n    "))
}
