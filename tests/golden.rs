//! What a person is told: each folder of `tests/golden` is a definition, and what `longshore check` says of it.
//!
//! `<case>/input/` is worked in; `<case>/arguments`, if there, stands in place of `check`; `<case>/expected.txt` is
//! standard output, standard error and the exit code. `LONGSHORE_UPDATE=1 cargo test --test golden` writes it anew.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test may panic, read files and run the program"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

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
