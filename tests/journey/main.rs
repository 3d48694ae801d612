//! One commit's journey, end to end: the binary as a person runs it, a real engine, real hosts.
//!
//! Every test takes the two hosts of the test lab for itself and leaves them clean. Without an engine they fail.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test may panic, run programs and read files"
)]
#![expect(
    dead_code,
    reason = "the lab's harness serves other test programs, too"
)]

#[path = "../common/lab.rs"]
mod lab;
mod stack;

use std::time::Duration;

use stack::{Stack, until};

/// The promise itself: what the tests ran is what the hosts run.
#[test]
fn what_runs_is_what_was_tested() {
    let stack = Stack::new("tested", "one");
    let release = stack.ok(&["run"]).trim().to_owned();
    let tested = stack.ledger_images("test");
    stack.ok(&["deploy", "-e", "lab", "--yes"]);
    for host in ["lab-1", "lab-2"] {
        assert_eq!(
            stack.running_image(host),
            tested["web"],
            "{host} runs another image than the tests did"
        );
        assert_eq!(stack.answer(host), "one");
        let told = stack.inside(
            host,
            "hostname; ulimit -Sn; ulimit -Hn; cat /proc/sys/net/ipv4/ip_default_ttl; \
             grep -c elsewhere /etc/hosts; df -k | grep -cE \" 32768 .*/dev/shm\"; grep -c scratch /proc/mounts; \
             grep -c init /proc/1/cmdline",
        );
        let told: Vec<_> = told.split_whitespace().collect();
        assert_eq!(
            told,
            ["journey", "512", "1024", "33", "1", "1", "1", "1"],
            "{host}"
        );
    }
    let status = stack.json(&["status", "-e", "lab"]);
    assert_eq!(status["hosts"]["lab-1"]["state"], "healthy", "{status}");
    assert_eq!(status["release"], release.as_str(), "{status}");
}

#[test]
fn a_red_test_stops_everything() {
    let stack = Stack::new("red", "broken");
    let run = stack.longshore(&["run"]);
    assert_eq!(run.code, 1, "{run:?}");
    let history = stack.json(&["history"]);
    assert_eq!(history["releases"], serde_json::json!([]), "{history}");
    let deploy = stack.longshore(&["deploy", "-e", "lab", "--yes"]);
    assert_eq!(deploy.code, 3, "{deploy:?}");
    assert!(
        deploy.stderr.contains("test test is red"),
        "{}",
        deploy.stderr
    );
    assert_eq!(stack.longshore(&["release"]).code, 3);
}

#[test]
fn a_deploy_that_changes_nothing_restarts_nothing() {
    let stack = Stack::new("same", "one");
    stack.ok(&["run", "-e", "lab", "--yes"]);
    let before = stack.containers();
    let logins = stack.logins();
    let again = stack.longshore(&["deploy", "-e", "lab", "--yes", "--format", "json"]);
    assert_eq!(again.code, 0, "{again:?}");
    assert_eq!(
        stack.logins(),
        logins.map(|count| count + 1),
        "one login per host"
    );
    assert_eq!(stack.containers(), before);
    // A commit that changes no image, file or setting changes nothing on a host either.
    stack.write("README", "nothing that is deployed");
    stack.commit("words");
    stack.ok(&["run", "-e", "lab", "--yes"]);
    assert_eq!(stack.containers(), before);
}

#[test]
fn an_update_and_the_way_back() {
    let stack = Stack::new("back", "one");
    stack.ok(&["run", "-e", "lab", "--yes"]);
    stack.version("two");
    stack.ok(&["run", "-e", "lab", "--yes"]);
    assert_eq!(stack.answer("lab-1"), "two");
    stack.ok(&["rollback", "-e", "lab", "--yes"]);
    assert_eq!(
        ["lab-1", "lab-2"].map(|host| stack.answer(host)),
        ["one", "one"]
    );
    assert_eq!(
        stack.json(&["status", "-e", "lab"])["hosts"]["lab-2"]["state"],
        "healthy"
    );
}

#[test]
fn an_instance_that_does_not_get_healthy_takes_the_rollout_back() {
    let stack = Stack::new("sick", "one");
    stack.ok(&["run", "-e", "lab", "--yes"]);
    // Well enough for its test, not for the probe that the environment asks for.
    stack.version("two-sick");
    let run = stack.longshore(&["run", "-e", "lab", "--yes"]);
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.stderr.contains("lab-1"), "{}", run.stderr);
    assert_eq!(
        ["lab-1", "lab-2"].map(|host| stack.answer(host)),
        ["one", "one"]
    );
    assert_eq!(
        stack.json(&["status", "-e", "lab"])["hosts"]["lab-1"]["state"],
        "healthy"
    );
}

#[test]
fn killed_in_a_build_nothing_is_recorded_and_the_next_one_goes_through() {
    let stack = Stack::new("unbuilt", "one");
    let dockerfile = std::fs::read_to_string(stack.path("Dockerfile")).unwrap();
    let slow = "RUN [\"/bin/busybox\", \"sleep\", \"60\"]\n";
    stack.write("Dockerfile", &format!("{dockerfile}{slow}"));
    let mut child = stack.spawn(&["build", "--format", "json"]);
    stack.wait_for_work(&mut child, "build");
    std::thread::sleep(Duration::from_secs(3));
    assert!(
        child.try_wait().unwrap().is_none(),
        "the build is over, so this test proves nothing"
    );
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(stack.json(&["history"])["builds"], serde_json::json!([]));
    stack.write("Dockerfile", &dockerfile);
    stack.ok(&["test"]);
    assert_eq!(stack.made_here(), Vec::<String>::new());
}

#[test]
fn killed_in_a_test_the_next_command_cleans_up() {
    let stack = Stack::new("killed", "slow");
    let mut child = stack.spawn(&["test", "--format", "json"]);
    until("the test container runs", || !stack.made_here().is_empty());
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(
        !stack.made_here().is_empty(),
        "nothing was left behind, so this test proves nothing"
    );
    stack.version("one");
    stack.ok(&["test"]);
    assert_eq!(stack.made_here(), Vec::<String>::new());
}

/// SIGKILL at moments spread over the whole rollout: afterwards each host serves the old or the new version, and the
/// next deploy goes through.
#[test]
fn killed_in_a_rollout_each_host_is_old_or_new() {
    let stack = Stack::new("torn", "one");
    stack.ok(&["run", "-e", "lab", "--yes"]);
    stack.version("two");
    let two = stack.ok(&["run"]).trim().to_owned();
    let steps = [
        "inventory",
        "preflight",
        "ship",
        "stage",
        "switch",
        "gate",
        "confirm",
    ];
    for step in steps {
        // What does not run is not there, so that it has to come each time.
        for host in ["lab-1", "lab-2"] {
            stack.on(host, "docker image prune --all --force");
        }
        let mut child = stack.spawn(&[
            "deploy",
            "-e",
            "lab",
            "--release",
            &two,
            "--yes",
            "--format",
            "json",
        ]);
        stack.wait_for_step(&mut child, step);
        child.kill().unwrap();
        child.wait().unwrap();
        until("each host serves the old or the new version", || {
            ["lab-1", "lab-2"]
                .iter()
                .all(|host| ["one", "two"].contains(&stack.try_answer(host).as_str()))
        });
        let next = stack.longshore(&["deploy", "-e", "lab", "--release", &two, "--yes"]);
        assert_eq!(next.code, 0, "after a kill in {step}: {next:?}");
        assert_eq!(
            ["lab-1", "lab-2"].map(|host| stack.answer(host)),
            ["two", "two"],
            "after a kill in {step}"
        );
        stack.ok(&["rollback", "-e", "lab", "--yes"]);
        assert_eq!(
            ["lab-1", "lab-2"].map(|host| stack.answer(host)),
            ["one", "one"],
            "after a kill in {step}"
        );
    }
}

/// Nobody comes back after the kill: the guard of the host that was switched does what is left to do.
#[test]
fn killed_and_left_alone_the_guard_goes_back() {
    let stack = Stack::new("alone", "one");
    stack.guard("15s");
    stack.ok(&["run", "-e", "lab", "--yes"]);
    stack.version("two");
    let two = stack.ok(&["run"]).trim().to_owned();
    let mut child = stack.spawn(&[
        "deploy",
        "-e",
        "lab",
        "--release",
        &two,
        "--yes",
        "--format",
        "json",
    ]);
    stack.wait_for_step(&mut child, "gate");
    child.kill().unwrap();
    child.wait().unwrap();
    std::thread::sleep(Duration::from_secs(5));
    until("the guard went back", || stack.try_answer("lab-1") == "one");
    assert_eq!(stack.answer("lab-2"), "one");
}

#[test]
fn an_unreachable_host_changes_nothing_and_is_4() {
    let stack = Stack::new("far", "one");
    stack.hosts("[core@lab-1, core@127.0.0.1:1]");
    stack.ok(&["run"]);
    let deploy = stack.longshore(&["deploy", "-e", "lab", "--yes"]);
    assert_eq!(deploy.code, 4, "{deploy:?}");
    assert!(deploy.stderr.contains("127.0.0.1"), "{}", deploy.stderr);
    assert_eq!(stack.try_answer("lab-1"), "");
}
