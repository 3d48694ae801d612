//! What is kept of a test: cases, coverage, artifacts, attempts, and what is shown of it again.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::stack::Stack;

/// A test that writes a report, coverage as `./covered` says, and artifacts, and then does as it is told.
fn stack(name: &str, then: &str, settings: &str) -> Stack {
    let compose = r#"
  t:
    image: NAME-base
    profiles: [build]
    stop_grace_period: 1s
    volumes: ["./covered:/covered:ro", "./report.xml:/report.xml:ro"]
    command:
      - sh
      - -ec
      - |
        mkdir -p /out/deep
        cp /report.xml /out/junit.xml
        cp /covered /out/lcov.info
        echo binary > /out/deep/app
        ln -s app /out/deep/latest
        ln -s /etc /out/deep/elsewhere
        THEN
"#;
    let stack = Stack::new(name, &compose.replace("THEN", then));
    stack.write(
        "longshore.yaml",
        &format!(
            "cluster: compose.yaml\ntests:\n  unit:\n    service: t\n    {settings}\n    \
             reports: {{junit: /out/junit.xml, coverage: /out/lcov.info}}\n    artifacts: [/out/deep]\n"
        ),
    );
    stack.write("covered", "SF:a\nLF:4\nLH:2\nend_of_record\n");
    stack.write("report.xml", GOOD);
    stack
}

const GOOD: &str = r#"<testsuite name="s"><testcase classname="shop" name="sells" time="0.5"/><testcase classname="shop" name="buys"/></testsuite>"#;
const BAD: &str = r#"<testsuite name="s"><testcase classname="shop" name="sells"><failure message="sold out">trace</failure></testcase><testcase classname="shop" name="buys"><skipped/></testcase></testsuite>"#;

/// Returns the verdicts that the ledger has, newest first.
fn records(stack: &Stack) -> Vec<Value> {
    let ended = stack.run(&["--format", "json", "history"]).expect(0);
    let history: Value = serde_json::from_str(&ended.stdout).unwrap();
    history["tests"].as_array().unwrap().clone()
}

fn artifacts_of(record: &Value) -> Vec<String> {
    let folder = Path::new(record["results"]["artifacts"].as_str().unwrap()).join("out/deep");
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn what_a_red_test_left_is_kept_and_shown() {
    let stack = stack("left", "exit 3", "timeout: 1m");
    stack.write("report.xml", BAD);
    let merged = stack.path("merged.xml");
    stack
        .run(&["test", "--junit", merged.to_str().unwrap()])
        .expect(1)
        .says("test unit is red: exit code 3, 1 of 2 cases failed: shop.sells: sold out")
        .says("  x shop.sells: sold out")
        .says("elsewhere\" is a link that leads out of it and is not kept");
    let record = &records(&stack)[0];
    assert_eq!(
        record["results"]["cases"],
        json!({"passed": 0, "failed": 1, "skipped": 1, "failures": [{"name": "shop.sells", "message": "sold out"}]})
    );
    assert_eq!(record["results"]["coverage"], json!({"lines": 50.0}));
    assert_eq!(artifacts_of(record), ["app", "latest"]);
    let merged = fs::read_to_string(merged).unwrap();
    for part in [
        r#"<testsuite name="unit" tests="2" skipped="1" errors="0" failures="1""#,
        r#"<testcase name="sells" classname="shop""#,
        r#"<failure message="sold out">trace</failure>"#,
    ] {
        assert!(merged.contains(part), "{part} is not in {merged}");
    }
    assert_eq!(stack.left(), []);
}

#[test]
fn what_a_test_out_of_time_left_is_kept() {
    let ends = stack(
        "ends",
        r#"trap 'echo asked > /out/deep/asked; exit 0' TERM; sleep 60 & wait"#,
        "timeout: 2s",
    );
    let deaf = stack("deaf", "sleep 60", "timeout: 2s");
    for (stack, expected) in [
        (&ends, &["app", "asked", "latest"][..]),
        (&deaf, &["app", "latest"]),
    ] {
        stack
            .run(&["test"])
            .expect(1)
            .says("test unit is red: did not end within its timeout of 2 s");
        let record = &records(stack)[0];
        assert_eq!(record["results"]["cases"]["passed"], json!(2));
        assert_eq!(artifacts_of(record), expected);
        assert_eq!(stack.left(), []);
    }
}

#[test]
fn a_failed_case_is_red_whatever_the_exit_code_and_a_report_that_is_not_there_is_told() {
    let stack = stack("exit-0", "exit 0", "timeout: 1m");
    stack.write("report.xml", BAD);
    stack
        .run(&["test"])
        .expect(1)
        .says("test unit is red: 1 of 2 cases failed: shop.sells: sold out");
    stack.write("report.xml", "<testsuite");
    stack
        .run(&["test"])
        .expect(0)
        .says("report /out/junit.xml cannot be read");
    let settings = fs::read_to_string(stack.path("longshore.yaml")).unwrap();
    stack.write(
        "longshore.yaml",
        &settings.replace("/out/junit", "/out/other"),
    );
    stack
        .run(&["test"])
        .expect(0)
        .says("/out/other.xml is not there, though the test passed");
    let record = &records(&stack)[0];
    assert_eq!(record["verdict"], json!("green"));
    assert_eq!(record["results"]["warnings"].as_array().unwrap().len(), 2);
}

#[test]
fn a_test_that_passes_when_it_is_tried_again_is_flaky() {
    let state = tempfile::tempdir().unwrap();
    let stack = Stack::new(
        "flaky",
        &format!(
            r#"
  t:
    image: NAME-base
    profiles: [build]
    volumes: ["{}:/state"]
    command: [sh, -c, "echo tried; test -e /state/x || {{ touch /state/x; exit 7; }}"]
"#,
            state.path().display()
        ),
    );
    stack.write(
        "longshore.yaml",
        "cluster: compose.yaml\ntests: {unit: {service: t, retries: 2}}\n",
    );
    stack
        .run(&["test"])
        .expect(0)
        .says("test unit is flaky: it passed on attempt 2")
        .says("attempt 1 was red: exit code 7")
        .says("1 green (1 flaky), 0 red");
    let record = &records(&stack)[0];
    assert_eq!(record["flaky"], json!(true));
    let attempts = record["earlier"].as_array().unwrap();
    assert_eq!(attempts.len(), 1);
    assert_eq!(attempts[0]["exit_code"], json!(7));
    for log in [&record["log"], &attempts[0]["log"]] {
        let log = fs::read_to_string(log.as_str().unwrap()).unwrap();
        assert!(log.ends_with("Z tried\n"), "{log}");
    }
    assert_ne!(record["log"], attempts[0]["log"]);
    stack.run(&["history"]).expect(0).says("green, flaky");
    fs::remove_file(state.path().join("x")).unwrap();
    stack.write(
        "longshore.yaml",
        "cluster: compose.yaml\ntests: {unit: {service: t}}\n",
    );
    stack.run(&["test"]).expect(1);
    stack.run(&["test"]).expect(0);
    let verdicts: Vec<_> = records(&stack)
        .iter()
        .map(|record| (record["verdict"].clone(), record["flaky"].clone()))
        .collect();
    let flaky = |verdict: &str| (json!(verdict), json!(true));
    assert_eq!(verdicts, [flaky("green"), flaky("red"), flaky("green")]);
}

#[test]
fn what_is_green_already_shows_what_it_left() {
    let stack = stack("reuse", "exit 0", "timeout: 1m");
    stack
        .run(&["test"])
        .expect(0)
        .says("2 cases, coverage 50.0 %");
    let merged = stack.path("merged.xml");
    stack
        .run(&["test", "--junit", merged.to_str().unwrap()])
        .expect(0)
        .says("test unit is green: 2 cases, coverage 50.0 %, saved ")
        .says("artifacts ")
        .says("1 green (1 unchanged), 0 red");
    let merged = fs::read_to_string(merged).unwrap();
    assert!(
        merged.contains(r#"name="sells" classname="shop" time="0.500""#),
        "{merged}"
    );
    assert_eq!(records(&stack).len(), 1);
    stack.run(&["test", "--force"]).expect(0);
    assert_eq!(records(&stack).len(), 2);
    stack.write("covered", "SF:a\nLF:4\nLH:3\nend_of_record\n");
    stack
        .run(&["test"])
        .expect(0)
        .says("coverage 75.0 % (+25.0 %)");
    stack.run(&["history"]).expect(0).says("75.0 % (+25.0 %)");
}
