//! Secrets: given to containers, and found nowhere else.

use std::process::Command;

use longshore::system::engine::Run;

use crate::stack::{Ended, Stack};

const TOKEN: &str = "s3cret/t0ken+&";
const KEY: &str = "-----BEGIN KEY-----\nMIIfirstline0123\nsecondline4567\n-----END KEY-----\n";

fn stack(name: &str, end: &str) -> Stack {
    let stack = Stack::new(
        name,
        &format!(
            r#"
  test:
    image: NAME-base
    OPTIONS
    secrets:
      - token
      - {{source: key, target: /etc/app/key.pem, uid: "1000", gid: "1001", mode: 0400}}
    configs:
      - {{source: file, target: /etc/app/file}}
      - {{source: text, target: /etc/app/text, mode: 0640}}
    command:
      - sh
      - -ec
      - |
        echo "token $$(cat /run/secrets/token)"
        base64 /run/secrets/token
        echo "key $$(cat /etc/app/key.pem)"
        stat -c '%u %g %a' /etc/app/key.pem /run/secrets/token /etc/app/text
        test "$$(stat -c '%u %g %a' /etc/app/key.pem)" = "1000 1001 400"
        test "$$(stat -c '%u %g %a' /run/secrets/token)" = "0 0 444"
        test "$$(stat -c %a /etc/app/text)" = 640
        grep filed /etc/app/file
        grep texted /etc/app/text
        {end}
secrets: {{token: {{environment: TOKEN}}, key: {{file: ./key.pem}}}}
configs: {{file: {{file: ./app.conf}}, text: {{content: texted}}}}
"#
        ),
    );
    stack.write("key.pem", KEY);
    stack.write("app.conf", "filed");
    stack
}

fn run(stack: &Stack, arguments: &[&str], token: &str) -> Ended {
    let mut command = stack.command(arguments);
    Ended::of(command.env("TOKEN", token).output().unwrap())
}

#[track_caller]
fn no_secret_in(what: &str, text: &str) {
    // The last but one is the token in base64.
    for secret in [
        TOKEN,
        "MIIfirstline0123",
        "secondline4567",
        "czNjcmV0L3Qwa2VuKyY",
        "BEGIN KEY",
    ] {
        assert!(!text.contains(secret), "{secret} is in {what}:\n{text}");
    }
}

#[test]
fn a_secret_reaches_its_container_and_nothing_that_is_kept_or_shown() {
    let stack = stack("secrets", "sleep 2; exit 3");
    stack.write(
        "compose.yaml",
        &read(&stack).replace("OPTIONS", "hostname: told"),
    );
    let mut command = stack.command(&["--format", "json", "test", "-v", "--junit", "junit.xml"]);
    command.env("TOKEN", TOKEN).current_dir(stack.path(""));
    let child = stack.started(command);
    let filter = format!("label={}={}", Run::CLUSTER, stack.name);
    let inspect = format!(
        "docker ps -aq --filter {filter} | xargs -r docker inspect; docker volume ls --filter {filter}"
    );
    let mut inspected = String::new();
    while !inspected.contains("Running\": true") {
        let output = Command::new("sh").args(["-c", &inspect]).output().unwrap();
        inspected = String::from_utf8_lossy(&output.stdout).into_owned();
    }
    no_secret_in("what the engine knows", &inspected);
    let ended = child.wait().expect(1).says("exit code 3");
    no_secret_in("standard output", &ended.stdout);
    no_secret_in("standard error", &ended.stderr);
    let log = stack.log("test", "test");
    no_secret_in("the log", &log);
    assert!(
        log.contains("token ***\n") && log.contains("texted"),
        "{log}"
    );
    no_secret_in(
        "the report",
        &std::fs::read_to_string(stack.path("junit.xml")).unwrap(),
    );
    for file in std::fs::read_dir(stack.path("state")).unwrap() {
        let path = file.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            no_secret_in("the ledger", &String::from_utf8_lossy(&bytes));
        }
    }
    let told = run(&stack, &["test"], TOKEN).expect(1).says("| token ***");
    no_secret_in(
        "what people are told",
        &format!("{}{}", told.stdout, told.stderr),
    );
    assert_eq!(stack.left(), []);
}

#[test]
fn a_secret_reaches_a_container_that_cannot_write_and_counts_by_its_identity() {
    let stack = stack("secrets-read-only", "! touch /x");
    let written = read(&stack).replace("OPTIONS", "read_only: true\n    tmpfs: /run");
    stack.write("compose.yaml", &written);
    run(&stack, &["test"], TOKEN)
        .expect(0)
        .says("1 green, 0 red");
    // Another value of the same secret is not another test.
    let again = run(&stack, &["test"], "another-value").expect(0);
    again.says("1 green (1 unchanged)");
    stack.write("app.conf", "filed otherwise");
    run(&stack, &["test"], TOKEN)
        .expect(0)
        .says("1 green, 0 red");
    stack
        .run(&["test", "--force"])
        .expect(2)
        .says("secret token, which service test gets in test test, has no value")
        .says("variable TOKEN is not set");
    assert_eq!(stack.left(), []);
}

fn read(stack: &Stack) -> String {
    std::fs::read_to_string(stack.path("compose.yaml")).unwrap()
}
