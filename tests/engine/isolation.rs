//! What a test sees of others, and what becomes of it when they fail.

use std::process::Command;
use std::time::{Duration, Instant};

use longshore::system::engine::{LeftoverKind, Run};

use crate::stack::Stack;

#[test]
fn what_a_test_can_do_without_is_a_warning() {
    let stack = Stack::new(
        "optional",
        r#"
  broken: {image: NAME-base, command: [sh, -c, "echo no luck; exit 7"]}
  sick: {image: NAME-base, command: [sleep, "60"], healthcheck: {test: "false", interval: 200ms, retries: 1}}
  absent: {image: NAME-base, command: [nothing]}
  behind: {image: NAME-base, command: [sleep, "60"], depends_on: {broken: {condition: service_completed_successfully}}}
  dying: {image: NAME-base, command: [sh, -c, "sleep 2; exit 9"]}
  good: {image: NAME-base, command: [sleep, "60"]}
  test:
    image: NAME-base
    command: [sleep, "4"]
    depends_on:
      broken: {condition: service_completed_successfully, required: false}
      sick: {condition: service_healthy, required: false, restart: true}
      absent: {condition: service_started, required: false}
      behind: {condition: service_started, required: false}
      dying: {condition: service_started, required: false}
      good: {condition: service_started, restart: true}
"#,
    );
    let ended = stack.run(&["test"]).expect(0).says("1 green, 0 red");
    let without = |service: &str, why: &str| {
        format!("test test goes on without {service}, which is not required: it {why}")
    };
    ended
        .says(&without("broken", "ended with exit code 7"))
        .says(&without("sick", "became unhealthy"))
        .says(&without("absent", "failed to start container"))
        .says(&without("behind", "needs broken, which is not there"))
        .says(&without("dying", "ended with exit code 9"));
    assert_eq!(stack.left(), []);
}

#[test]
fn a_health_check_that_never_ends_has_failed() {
    let stack = Stack::new(
        "endless-check",
        r#"
  db: {image: NAME-base, command: [sleep, "60"], healthcheck: {test: [CMD, sleep, "60"], interval: 200ms, timeout: 1s, retries: 1}}
  test: {image: NAME-base, command: [sleep, "20"], depends_on: {db: {condition: service_healthy}}}
"#,
    );
    stack
        .run(&["test"])
        .expect(1)
        .says("db became unhealthy: Health check exceeded timeout");
}

#[test]
fn a_health_check_that_is_switched_off_cannot_be_waited_for() {
    let stack = Stack::new(
        "no-check",
        r#"
  db: {image: NAME-base, command: [sleep, "60"], healthcheck: {test: [NONE]}}
  test: {image: NAME-base, command: [sleep, "20"], depends_on: {db: {condition: service_healthy}}}
"#,
    );
    stack
        .run(&["test"])
        .expect(1)
        .says("db has no health check, neither its own nor its image's");
}

#[test]
fn only_what_a_test_needs_is_started() {
    let stack = Stack::new(
        "closure",
        r#"
  other: {image: NAME-base, command: [sleep, "60"]}
  db: {image: NAME-base, command: [sleep, "60"]}
  api: {image: NAME-base, command: [sleep, "60"], links: [db]}
  test: {image: NAME-base, command: [sleep, "2"], depends_on: [api]}
"#,
    );
    let child = stack.start_test(&[]);
    let left = stack.left();
    let containers = left
        .iter()
        .filter(|left| left.kind == LeftoverKind::Container);
    let names: Vec<_> = containers.map(|left| left.name.as_str()).collect();
    assert_eq!(names.len(), 3, "{names:?}");
    assert!(
        !names.iter().any(|name| name.ends_with("-other")),
        "{names:?}"
    );
    child.wait().expect(0);
}

#[test]
fn limits_hold_for_every_container_and_loosen_nothing() {
    let memory = "cat /sys/fs/cgroup/memory.max 2>/dev/null || cat /sys/fs/cgroup/memory/memory.limit_in_bytes";
    let stack = Stack::new(
        "limits",
        &format!(
            r#"
  tight: {{image: NAME-base, mem_limit: 16m, command: [sh, -c, "test $$({memory}) = 16777216"]}}
  loose: {{image: NAME-base, mem_limit: 128m, command: [sh, -c, "test $$({memory}) = 33554432"]}}
  t:
    image: NAME-base
    depends_on:
      tight: {{condition: service_completed_successfully}}
      loose: {{condition: service_completed_successfully}}
    command: [sh, -c, "test $$({memory}) = 33554432"]
"#
        ),
    );
    stack.write(
        "longshore.yaml",
        "cluster: compose.yaml\ntests: {limited: {service: t, limits: {cpus: 0.5, memory: 32m, pids: 20}}}\n",
    );
    stack.run(&["test"]).expect(0).says("1 green, 0 red");
    // What is said of the test is part of what it was green for.
    stack.write(
        "longshore.yaml",
        "cluster: compose.yaml\ntests: {limited: {service: t, limits: {cpus: 0.5, memory: 31m, pids: 20}}}\n",
    );
    stack
        .run(&["test"])
        .expect(1)
        .says("test limited is red: loose ended with exit code 1");
}

#[test]
fn an_internal_test_has_no_way_out() {
    let stack = Stack::new(
        "internal",
        r#"
  db: {image: NAME-base, command: [nc, -ll, -p, "80", -e, "true"]}
  t: {image: NAME-base, links: [db], command: [sh, -ec, "sleep 3; nc db 80 </dev/null"]}
"#,
    );
    stack.write(
        "longshore.yaml",
        "cluster: compose.yaml\ntests: {test: {service: t, internal: true}, open: {service: t}}\n",
    );
    let child = stack.start(&["test", "--jobs", "2"]);
    let networks = || {
        let filter = format!("label={}={}", Run::CLUSTER, stack.name);
        let arguments = ["network", "ls", "--filter", &filter, "--format"];
        let listed = Command::new("docker")
            .args(arguments)
            .arg("{{.Internal}} {{.Name}}")
            .output()
            .unwrap();
        String::from_utf8(listed.stdout).unwrap()
    };
    let until = Instant::now() + Duration::from_secs(60);
    while networks().lines().count() < 2 {
        assert!(Instant::now() < until, "no two networks after a minute");
    }
    let networks = networks();
    let is = |internal: &str, test: &str| {
        let mut lines = networks.lines();
        lines.any(|line| line.starts_with(internal) && line.ends_with(test))
    };
    assert!(is("true ", "-test") && is("false ", "-open"), "{networks}");
    child.wait().expect(0).says("2 green, 0 red");
}
