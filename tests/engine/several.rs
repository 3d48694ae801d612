//! Several engines at once: the one here, and one inside a host of the lab that is reached behind SSH.

use std::time::{Duration, Instant};

use crate::lab::{self, Host};
use crate::stack::{Stack, on_engine};

/// Makes a stack with these tests, each `sleep`ing for so long, that is worked on with two engines.
fn stack(name: &str, host: &Host, sleep: u32) -> Stack {
    let tests = ["one", "two"].map(|test| {
        format!("  {test}: {{build: ./top, image: NAME-top, profiles: [test], command: [sleep, \"{sleep}\"]}}\n")
    });
    let stack = Stack::new(name, &tests.concat()).at(&[]);
    let content: String = (0..400_000_u32)
        .map(|n| format!("{:x}", n.wrapping_mul(2_654_435_761)))
        .collect();
    stack.write("base/large", &content);
    stack.write(
        "base/Dockerfile",
        "FROM scratch\nCOPY busybox /bin/busybox\nRUN [\"/bin/busybox\", \"--install\", \"-s\", \"/bin\"]\nCOPY large /\nLABEL stack=NAME\n",
    );
    stack.write("top/Dockerfile", "FROM NAME-base\nCOPY file /file\n");
    stack.write("top/file", "1");
    let far = host.name();
    stack.write(
        "longshore.yaml",
        &format!("engines:\n  here: {{address: \"unix:///var/run/docker.sock\", jobs: 1}}\n  far: {{address: \"ssh://core@{far}\", jobs: 1}}\n"),
    );
    stack
}

fn received(host: &Host) -> u64 {
    let bytes = host.sh("cat /sys/class/net/eth0/statistics/rx_bytes");
    bytes.trim().parse().unwrap()
}

#[test]
fn tests_spread_over_engines_and_only_missing_layers_travel() {
    let host = lab::one();
    host.bare();
    let stack = stack("several", &host, 1);
    let events = stack.events(&["test"]);
    let tests = &events.last().unwrap()["tests"];
    assert_eq!(tests.as_array().map(Vec::len), Some(2), "{events:#?}");
    let image = tests[0]["images"]["one"]["config"].as_str().unwrap();
    let there = host.sh("docker images --no-trunc --quiet");
    assert!(there.contains(image), "{image} is not among {there}");
    assert!(host.sh("docker ps --all --quiet").is_empty());

    stack.write("top/file", "2");
    let before = received(&host);
    let again = stack.events(&["test"]);
    assert_eq!(again.last().unwrap()["outcome"], "done", "{again:#?}");
    let other = again.last().unwrap()["tests"][0]["images"]["one"]["config"].clone();
    assert_ne!(other, image);
    assert!(
        host.sh("docker images --no-trunc --quiet")
            .contains(other.as_str().unwrap())
    );
    let travelled = received(&host) - before;
    assert!(travelled < 1_000_000, "{travelled} bytes travelled");
    stack.run(&["release"]).expect(0);
    host.bare();
}

#[test]
fn an_engine_that_is_lost_makes_no_test_red() {
    let host = lab::one();
    host.bare();
    let stack = stack("lost", &host, 20);
    let started = stack.start(&["test"]);
    let until = Instant::now() + Duration::from_secs(120);
    while host.sh("docker ps --quiet").is_empty() {
        assert!(Instant::now() < until, "no test runs there");
        std::thread::sleep(Duration::from_millis(200));
    }
    host.sh("systemctl stop docker.socket docker");
    let ended = started.wait();
    host.sh("systemctl start docker.socket docker");
    ended.expect(1).says(&format!(
        "the engine at ssh://core@{} went away",
        host.name()
    ));
    let history = stack.run(&["--format", "json", "history"]).expect(0);
    let history: serde_json::Value = serde_json::from_str(&history.stdout).unwrap();
    let tests = history["tests"].as_array().unwrap();
    assert!(
        tests.iter().all(|test| test["verdict"] != "red"),
        "{history:#?}"
    );
    assert!(stack.left().is_empty());
    host.bare();
}

#[test]
fn an_engine_that_is_not_there_is_named() {
    let stack = Stack::new("absent", "");
    stack.write(
        "longshore.yaml",
        "engines:\n  here: unix:///var/run/docker.sock\n  gone: unix:///run/none.sock\n",
    );
    stack
        .run(&["build"])
        .expect(4)
        .says("failed to connect to engine gone")
        .says("unix:///run/none.sock");
    stack.write(
        "longshore.yaml",
        "engines:\n  - {address: \"unix:///var/run/docker.sock\", platform: linux/riscv64}\n",
    );
    stack
        .run(&["build"])
        .expect(2)
        .says("linux/riscv64 is needed");
    assert!(
        on_engine(async |engine| engine.image(&format!("{}-base", stack.name)).await.unwrap())
            .is_none()
    );
}
