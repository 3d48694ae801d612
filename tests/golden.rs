//! What a person is told: each folder of `tests/golden` is a definition, and what `longshore check` says of it.
//!
//! `<case>/input/` is worked in; `<case>/arguments`, if there, stands in place of `check`; `<case>/expected.txt` is
//! standard output, standard error and the exit code. `LONGSHORE_UPDATE=1 cargo test --test golden` writes it anew.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test may panic, read files and run the program"
)]

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use assert_cmd::cargo::cargo_bin;

#[test]
fn every_definition_is_told_as_expected() {
    let mut wrong = Vec::new();
    let cases = cases();
    assert!(cases.len() >= 30, "only {} cases", cases.len());
    for case in cases {
        let arguments = fs::read_to_string(case.join("arguments"));
        let arguments = arguments.unwrap_or_else(|_| "check".to_owned());
        let arguments: Vec<_> = arguments.split_whitespace().collect();
        let said = run(&case.join("input"), &arguments);
        let expected = case.join("expected.txt");
        if std::env::var_os("LONGSHORE_UPDATE").is_some() {
            fs::write(&expected, &said).unwrap();
        }
        let expected = fs::read_to_string(&expected).unwrap_or_default();
        if said != expected {
            wrong.push(format!(
                "--- {}: expected\n{expected}\n--- but it said\n{said}",
                case.display()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_case_is_an_orphan() {
    for case in cases() {
        assert!(
            case.join("input").is_dir(),
            "{} has no input",
            case.display()
        );
        let expected = fs::read_to_string(case.join("expected.txt"));
        let expected = expected.unwrap_or_else(|_| panic!("{} expects nothing", case.display()));
        assert!(
            expected.contains("exit code "),
            "{} expects no exit code",
            case.display()
        );
        for entry in fs::read_dir(&case).unwrap() {
            let name = entry.unwrap().file_name();
            let known = ["input", "expected.txt", "arguments"];
            assert!(
                known.contains(&name.to_str().unwrap()),
                "{}: what is {name:?}?",
                case.display()
            );
        }
    }
}

#[test]
fn a_file_of_100_megabytes_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = File::create(folder.path().join("compose.yaml")).unwrap();
    file.set_len(100 * 1024 * 1024).unwrap();
    let begun = Instant::now();
    let said = run(folder.path(), &["check"]);
    assert!(
        said.contains("compose.yaml has 100 MB; files of at most 10 MB are read"),
        "{said}"
    );
    assert!(said.ends_with("exit code 2\n"), "{said}");
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[test]
fn values_100000_deep_are_refused() {
    for (text, what) in [
        ("[".repeat(100_000), "flow"),
        ("- ".repeat(100_000), "block"),
        (format!("services: {}", "{a: ".repeat(100_000)), "mappings"),
    ] {
        let said = of_text(&text);
        assert!(
            said.contains("error: values lie more than 64 levels deep"),
            "{what}: {said}"
        );
        assert!(said.ends_with("exit code 2\n"), "{what}: {said}");
    }
}

#[test]
fn a_bomb_is_refused_in_bounded_memory() {
    let mut text = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
    for level in 1..30 {
        let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
        text.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
    }
    let said = of_text(&text);
    assert!(said.contains("aliases blow the file up"), "{said}");
}

#[test]
fn a_file_that_may_not_be_read_is_told_as_such() {
    let folder = tempfile::tempdir().unwrap();
    // Root may read everything; a circle of links cannot be read by anybody.
    symlink("compose.yaml", folder.path().join("compose.yaml")).unwrap();
    let said = run(folder.path(), &["check"]);
    assert!(
        said.contains("compose.yaml could not be read: too many levels of symbolic links"),
        "{said}"
    );
}

#[test]
fn a_pipe_is_refused_instead_of_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let said = run(folder.path(), &["-f", "/dev/zero", "check"]);
    assert!(
        said.contains("/dev/zero is a pipe, device or socket"),
        "{said}"
    );
}

fn of_text(text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("compose.yaml"), text).unwrap();
    run(folder.path(), &["check"])
}

fn run(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new(cargo_bin!("longshore"))
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("HOME", "/home/somebody")
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    format!(
        "{}{}exit code {}\n",
        text(&output.stdout),
        text(&output.stderr),
        output.status.code().unwrap()
    )
}

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut cases: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    cases.sort();
    cases
}
