//! What an engine does to us: it goes away, its disk is full, its addresses run out. Each on an engine of its own, inside a
//! host of the lab.

use std::process::Command;
use std::time::{Duration, Instant};

use longshore::system::engine::{Engine, Leftover, Place, Run, Said};

use crate::lab::{self, Host};
use crate::stack::{Ended, Stack, Started};

/// An engine of its own. The host's is back once it is dropped.
struct OwnEngine {
    host: Host,
    address: String,
}

impl OwnEngine {
    /// Starts one whose disk has so much room, and whose networks come from this range in pieces of 16 addresses.
    fn start(disk: &str, range: &str) -> Self {
        let host = lab::one();
        host.sh(&format!(
            "systemctl stop docker.socket docker.service\n\
             for bridge in /sys/class/net/br-*; do ip link delete ${{bridge##*/}} 2>/dev/null || true; done\n\
             mkdir -p /tmp/own && mount -t tmpfs -o size={disk} tmpfs /tmp/own\n\
             systemd-run --quiet --unit own-engine --property Delegate=yes --property KillMode=process --property Restart=always \
             --property RestartSec=500ms dockerd --tls=false --data-root /tmp/own --host unix:///run/docker.sock --host tcp://0.0.0.0:2375 \
             --default-address-pool base={range},size=28"
        ));
        let address = format!("tcp://{}:2375", host.address());
        let engine = Self { host, address };
        engine.wait();
        engine
    }

    fn wait(&self) {
        let until = Instant::now() + Duration::from_secs(60);
        while self.ask(async |_| ()).is_none() {
            assert!(Instant::now() < until, "no engine at {}", self.address);
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    fn ask<T: Send>(&self, ask: impl AsyncFn(&Engine) -> T + Send) -> Option<T> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let place = Place::at(self.address.parse().unwrap(), Said::Variable);
            let engine = Engine::connect_to(&place).await.ok()?;
            Some(ask(&engine).await)
        })
    }

    fn command(&self, stack: &Stack, arguments: &[&str]) -> Command {
        let mut command = stack.command(arguments);
        command.env("DOCKER_HOST", &self.address);
        command
    }

    fn run(&self, stack: &Stack, arguments: &[&str]) -> Ended {
        Ended::of(self.command(stack, arguments).output().unwrap())
    }

    fn left(&self, stack: &Stack) -> Vec<Leftover> {
        let label = (Run::CLUSTER, stack.name.as_str());
        let left = self.ask(async |engine| engine.leftovers(&[label]).await.unwrap());
        left.unwrap()
    }

    /// Starts a test and waits until its container runs.
    fn start_test(&self, stack: &Stack) -> Started {
        let child = stack.started(self.command(stack, &["test"]));
        let until = Instant::now() + Duration::from_secs(60);
        while !self
            .host
            .sh("docker ps --format '{{.Names}}'")
            .contains("-test-test")
        {
            assert!(Instant::now() < until, "no test runs after a minute");
            std::thread::sleep(Duration::from_millis(100));
        }
        child
    }
}

impl Drop for OwnEngine {
    fn drop(&mut self) {
        self.host.try_sh(
            "docker ps -aq | xargs -r docker rm -f; docker network ls -q --filter type=custom | xargs -r docker network rm; \
             systemctl stop own-engine; umount -l /tmp/own; \
             systemctl reset-failed; systemctl start docker.socket docker.service",
        );
    }
}

#[test]
fn a_test_whose_engine_went_away_has_no_verdict() {
    let engine = OwnEngine::start("200m", "10.77.0.0/20");
    for (case, restart) in [
        ("restarted", "systemctl restart own-engine"),
        ("killed", "systemctl kill --signal KILL own-engine"),
    ] {
        let stack = Stack::new(
            &format!("engine-{case}"),
            r#"
  db: {image: NAME-base, command: [sh, -c, "trap 'exit 0' TERM; sleep 60 & wait"], volumes: ["data:/data"]}
  test: {image: NAME-base, command: [sleep, "10"], depends_on: [db], volumes: ["data:/data"]}
volumes: {data: {}}
"#,
        );
        let child = engine.start_test(&stack);
        engine.host.sh(restart);
        child
            .wait()
            .expect(1)
            .says("went away while test test ran, so there is no verdict");
        engine.wait();
        // Not `red before`: there is no verdict.
        engine
            .run(&stack, &["--format", "json", "test"])
            .expect(0)
            .says("running: not run before");
        assert_eq!(engine.left(&stack), [], "{case}");
    }
}

#[test]
fn a_full_disk_is_told_and_leaves_nothing() {
    let engine = OwnEngine::start("60m", "10.78.0.0/20");
    let stack = Stack::new("full-build", "  test: {build: ./a}\n");
    stack.write(
        "a/Dockerfile",
        "FROM NAME-base\nRUN dd if=/dev/zero of=/big bs=1M count=100\n",
    );
    let build = engine.run(&stack, &["test"]).expect(1);
    assert!(
        build
            .stderr
            .to_lowercase()
            .contains("no space left on device"),
        "{}",
        build.stderr
    );

    let stack = Stack::new(
        "full-test",
        "  test: {image: NAME-base, command: [sh, -c, 'dd if=/dev/zero of=/big bs=1M count=100; echo ended; exit 9']}\n",
    );
    // What it printed is lost: the engine had no room for it either.
    let ended = engine.run(&stack, &["test"]).expect(1);
    ended.says("test test is red: exit code 9");
    assert_eq!(engine.left(&stack), []);
}

#[test]
fn networks_that_take_all_addresses_stop_no_test() {
    // Room for the engine's own network and two more.
    let engine = OwnEngine::start("200m", "10.79.0.0/26");
    let stack = Stack::new(
        "addresses",
        r#"
  db: {image: NAME-base, command: [nc, -ll, -p, "80", -e, "true"]}
  t: {image: NAME-base, command: [sh, -ec, "sleep 1; nc db 80 </dev/null; sleep 2"], links: [db]}
"#,
    );
    // What a dead run left.
    let taken = engine.host.sh(
        "for n in 1 2 3 4 5 6; do docker network create --label dev.longshore.run=0123456789ab \
         --label dev.longshore.owner=elsewhere/boot/pid/7/7 --label dev.longshore.until=1 dead-$n || exit 0; done",
    );
    assert!(!taken.is_empty());
    let tests: String = (0..6)
        .map(|number| format!("  t{number}: {{service: t}}\n"))
        .collect();
    stack.write(
        "longshore.yaml",
        &format!("cluster: compose.yaml\ntests:\n{tests}"),
    );
    engine
        .run(&stack, &["test", "--jobs", "6"])
        .expect(0)
        .says("6 green, 0 red");
    // What belongs to somebody else takes all there is: a range of our own choosing is left.
    engine
        .host
        .sh("for n in 1 2 3 4 5 6; do docker network create other-$n || exit 0; done");
    engine
        .run(&stack, &["test", "--force", "--jobs", "2"])
        .expect(0)
        .says("6 green, 0 red");
    let networks = engine.host.sh("docker network ls --format '{{.Name}}'");
    assert!(
        networks.contains("other-1") && !networks.contains("dead-1"),
        "{networks}"
    );
    assert_eq!(engine.left(&stack), []);
}
