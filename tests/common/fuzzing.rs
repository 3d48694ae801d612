//! What is fuzzed: the way from bytes to a checked definition, with everything that has to hold for any bytes.
//!
//! `tests/fuzz.rs` runs these on the seeds and on changed seeds; `fuzz/` runs them under libFuzzer (`make fuzz`). Bring it
//! in by `#[path = "common/fuzzing.rs"] mod fuzzing;`. Each panics if what has to hold does not.

use std::collections::BTreeMap;
use std::sync::Arc;

use longshore::domain::cluster::{Surroundings, consistent, escaped, resolve};
use longshore::domain::definition::{
    Content, Definition, Loader, Problem, Problems, Request, Source, Step, dockerfile, dotenv,
    for_programs,
};
use longshore::domain::failure::Explain;
use longshore::domain::results::{Cases, coverage, junit};
use serde_json::Value;

/// What lies beside the file that is fuzzed, for it to name.
const BESIDE: &[(&str, &str)] = &[
    (
        "base.yaml",
        "services: {base: {image: base, environment: {A: a, B: $B}}}\nnetworks: {shared: }\n",
    ),
    ("a.env", "A=1\nB=${A}2\nC='$A'\n"),
    ("labels.txt", "a=1\nb=2\n"),
    ("web/Dockerfile", "FROM debian:trixie AS run\nRUN true\n"),
    (".env", "TAG=1.2\nEMPTY=\nPORT=8080\n"),
];

/// A target: its name, which is that of the folder of its seeds, and what is run.
pub type Target = (&'static str, fn(&[u8]));

/// The formats that have a target of their own.
pub const TARGETS: &[Target] = &[
    ("compose", compose),
    ("settings", settings),
    ("dotenv", dotenv_file),
    ("dockerfile", dockerfile_of_a_build),
    ("template", template),
    ("fig", fig),
    ("decking", decking),
    ("cion", cion),
    ("baleen", baleen),
    ("results", results),
];

/// A Compose file.
pub fn compose(bytes: &[u8]) {
    definition("compose.yaml", bytes);
}

/// `longshore.yaml` beside a Compose file.
pub fn settings(bytes: &[u8]) {
    let compose =
        b"services: {web: {image: 'a:$TAG', ports: ['80:80']}, db: {image: b}, sut: {image: c}}\n";
    let files = [
        ("compose.yaml", compose.as_slice()),
        ("longshore.yaml", bytes),
    ];
    checked(&[], &files);
}

/// `.env` beside a Compose file, and the same bytes as a service's file of variables.
pub fn dotenv_file(bytes: &[u8]) {
    let compose = b"services: {web: {image: 'a:${A:-1}', env_file: [b.env, {path: b.env, format: raw}], environment: [A]}}\n";
    let files = [
        ("compose.yaml", compose.as_slice()),
        (".env", bytes),
        ("b.env", bytes),
    ];
    checked(&[], &files);
    if let Some(source) = text(bytes) {
        dotenv::read(&source, &|_| None, &mut Vec::new());
        dotenv::raw(&source);
    }
}

/// The Dockerfile of a build. One in which nothing is pinned stays what it is.
pub fn dockerfile_of_a_build(bytes: &[u8]) {
    let compose = b"services: {web: {build: {context: web, args: {A: a}, target: run}}, b: {build: web, image: base}}\n";
    let files = [
        ("compose.yaml", compose.as_slice()),
        ("web/Dockerfile", bytes),
    ];
    checked(&[], &files);
    if let Some(source) = text(bytes) {
        let outside = dockerfile::Outside {
            args: &BTreeMap::new(),
            contexts: &["run".to_owned(), "debian".to_owned()].into(),
        };
        let bases = dockerfile::bases(&source, outside, None, &mut Vec::new());
        let same = dockerfile::pinned(&source.text, outside, |_| None);
        assert_eq!(same, source.text, "nothing was pinned");
        let _ = dockerfile::pinned(&source.text, outside, |base| {
            bases.contains(base).then(|| "pinned".to_owned())
        });
        let lines = source.text.matches('\n').count() + 1;
        for used in dockerfile::features(&source.text) {
            assert!((1..=lines).contains(&used.line), "{used:?}");
        }
    }
}

/// A text with variables, as a value of a Compose file.
pub fn template(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes).replace('\0', "");
    let compose =
        serde_json::json!({"services": {"web": {"image": "a", "environment": {"A": text}}}});
    definition("compose.yaml", compose.to_string().as_bytes());
}

/// A file of fig, or of Compose v1.
pub fn fig(bytes: &[u8]) {
    definition("fig.yml", bytes);
}

/// A file of decking.
pub fn decking(bytes: &[u8]) {
    definition("decking.json", bytes);
}

/// A file of cion.
pub fn cion(bytes: &[u8]) {
    definition(".cion.yml", bytes);
}

/// A file of Baleen.
pub fn baleen(bytes: &[u8]) {
    definition("baleen.yml", bytes);
}

/// A report of a test, taken for each of the kinds.
///
/// What is counted is what was read, and a share is one.
pub fn results(bytes: &[u8]) {
    let junit::Report { cases, .. } = junit::read(bytes);
    assert!(cases.len() <= junit::MOST);
    let counted = Cases::of(&cases);
    assert_eq!(counted.total(), cases.len() as u64);
    assert!(counted.failures.len() <= Cases::REMEMBERED);
    if let Ok(share) = coverage::read(bytes) {
        let json = serde_json::to_value(share).expect("a share is a number");
        assert!((0.0..=100.0).contains(&json.as_f64().expect("a number")));
        assert_eq!(share.change_since(share), "±0 %");
    }
}

/// A definition in the format that a file of this name has.
///
/// What is accepted is, in its normal form, accepted again and the same, in whatever order its keys are.
pub fn definition(name: &str, bytes: &[u8]) {
    let Some(normal) = checked(&[name], &[(name, bytes)]) else {
        return;
    };
    let text = serde_yaml::to_string(&escaped(normal.clone())).expect("a value is YAML");
    same(&normal, &text, "its own normal form");
    let turned = backwards(&escaped(normal.clone()));
    same(
        &normal,
        &turned,
        "its normal form with keys the other way round",
    );
}

fn same(normal: &Value, text: &str, what: &str) {
    let again = normal_of(&[("compose.yaml", text.as_bytes())], &["compose.yaml"]);
    match again {
        Ok(again) => assert_eq!(&again, normal, "{what} says something else:\n{text}"),
        Err(problems) => panic!("{what} is refused: {problems}\n{text}"),
    }
}

/// Loads and checks files, shows what is wrong with them, and returns the normal form of what is accepted.
fn checked(names: &[&str], files: &[(&str, &[u8])]) -> Option<Value> {
    match normal_of(files, names) {
        Ok(normal) => Some(normal),
        Err(problems) => {
            shown(problems.as_slice());
            let report = problems.report(false).expect("problems have a report");
            assert!(!report.contains('\x1b'), "a terminal would obey");
            None
        }
    }
}

fn normal_of(files: &[(&str, &[u8])], names: &[&str]) -> Result<Value, Problems> {
    let definition = loaded(files, names)?;
    let surroundings = Surroundings {
        root: "/repo".to_owned(),
        directory: "/repo/app".to_owned(),
    };
    match resolve(&definition, &surroundings) {
        Ok(resolved) => {
            shown(&resolved.warnings);
            if let Some(own) = resolved.cluster.written() {
                serde_yaml::to_string(&own).expect("a value is YAML");
            }
        }
        Err(problems) => shown(problems.as_slice()),
    }
    let (name, warnings) = consistent(&definition, &surroundings)?;
    shown(&warnings);
    Ok(definition.normal(name.as_str()))
}

fn loaded(files: &[(&str, &[u8])], names: &[&str]) -> Result<Definition, Problems> {
    let mut loader = Loader::new(Request {
        files: names.iter().map(|name| (*name).to_owned()).collect(),
        variables: BTreeMap::from([("HOME".to_owned(), "/home/me".to_owned())]),
        directory: "/repo/app".to_owned(),
        root: "/repo".to_owned(),
        ask: true,
        ..Request::default()
    });
    loop {
        match loader.step() {
            Step::Need(paths) => {
                for path in paths {
                    let content = content(files, &path);
                    loader.answer(path, content);
                }
            }
            Step::Ask(variables) => {
                for (index, variable) in variables.into_iter().enumerate() {
                    let value = if index == 0 { "" } else { "said" };
                    loader.say(variable, value.to_owned());
                }
            }
            Step::Done(definition) => return Ok(*definition),
            Step::Failed(problems) => return Err(problems),
        }
    }
}

fn content(files: &[(&str, &[u8])], path: &str) -> Content {
    if let Some((_, bytes)) = files.iter().find(|(name, _)| *name == path) {
        return Content::Bytes((*bytes).into());
    }
    match BESIDE.iter().find(|(name, _)| *name == path) {
        Some((_, text)) => Content::Bytes(text.as_bytes().into()),
        None => Content::Missing,
    }
}

fn shown(problems: &[Problem]) {
    for problem in problems {
        let _ = problem.line();
    }
    let _ = for_programs(problems);
}

fn text(bytes: &[u8]) -> Option<Arc<Source>> {
    let text = std::str::from_utf8(bytes).ok()?.to_owned();
    let path = "file".to_owned();
    Some(Arc::new(Source { path, text }))
}

/// Writes a value as YAML in one line, the keys of each mapping from the last to the first.
fn backwards(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(backwards).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(fields) => {
            let fields: Vec<_> = fields
                .iter()
                .rev()
                .map(|(key, value)| format!("{}: {}", Value::from(key.as_str()), backwards(value)))
                .collect();
            format!("{{{}}}", fields.join(", "))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    }
}
