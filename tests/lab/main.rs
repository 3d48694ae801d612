//! The lab on the real engine: that its hosts are what a deployment expects of a host, and that it leaves nothing behind.
//!
//! Without an engine these tests fail.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test may panic, and runs programs and reads files"
)]

#[path = "../common/lab.rs"]
#[expect(dead_code, reason = "tests of other programs use the rest")]
mod lab;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{Command, Output};
use std::thread;

use serde_json::Value;

#[test]
fn hosts_are_what_coreos_is_and_no_more() {
    let host = lab::one();
    assert_eq!(host.sh("systemctl is-system-running").trim(), "running");
    assert_eq!(host.sh("stat -f -c %T /sys/fs/cgroup").trim(), "cgroup2fs");
    host.sh("docker version && podman version && test -x /usr/libexec/podman/quadlet");
    assert!(!host.try_sh("command -v python3").status.success());
}

#[test]
fn no_two_hosts_share_a_key_or_an_id() {
    let hosts = lab::all();
    let ids = "cat /etc/machine-id; ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key | cut -d' ' -f2";
    let said: Vec<_> = hosts.iter().map(|host| host.sh(ids)).collect();
    for (first, second) in said[0].lines().zip(said[1].lines()) {
        assert!(first.len() >= 32, "{first:?}");
        assert_ne!(first, second);
    }
    assert_eq!(said[0].lines().count(), 2);
}

#[test]
fn a_host_keeps_its_address_and_key_over_a_power_cut_and_a_pulled_plug() {
    let host = lab::one();
    let address = format!(" {}/24 ", host.address());
    host.kill();
    host.start();
    assert!(host.sh("ip -4 -brief address").contains(&address));
    host.cut();
    assert!(!host.try_sh("true").status.success());
    host.restore();
    assert!(host.sh("ip -4 -brief address").contains(&address));
}

#[test]
fn a_cleaned_host_has_no_trace_of_a_deployment() {
    let host = lab::one();
    host.sh("mkdir -p /var/lib/longshore/x /run/longshore/x /etc/systemd/system/multi-user.target.wants");
    host.sh(
        "printf '[Service]\\nExecStart=/bin/sleep 600\\n[X-Longshore]\\nScope=x\\n' >/etc/systemd/system/x-web-1.service",
    );
    host.sh("ln -s ../x-web-1.service /etc/systemd/system/multi-user.target.wants/");
    host.sh("systemctl daemon-reload && systemctl start x-web-1 && docker volume create x_data");
    host.bare();
    let left = host.sh(
        "ls -d /var/lib/longshore /run/longshore 2>/dev/null; find /etc/systemd/system -name 'x-*'; \
         systemctl list-units --all --plain --no-legend 'x-*'; docker volume ls -q; docker images -q; true",
    );
    assert_eq!(left, "");
}

/// A lab of one host beside the shared one, removed whatever comes.
struct OwnLab {
    home: tempfile::TempDir,
    name: String,
}

impl OwnLab {
    fn new(purpose: &str) -> Self {
        let name = format!("{}-{purpose}", lab::name());
        let home = tempfile::tempdir().unwrap();
        Self { home, name }
    }

    fn run(&self, arguments: &[&str]) -> Output {
        lab::longshore()
            .arg("lab")
            .args(arguments)
            .env("LONGSHORE_LAB", &self.name)
            .env("HOME", self.home.path())
            .env("XDG_STATE_HOME", self.home.path().join("state"))
            .output()
            .unwrap()
    }

    fn state(&self) -> String {
        let output = self.run(&["status", "--format", "json"]);
        let status: Value = serde_json::from_slice(&output.stdout).unwrap();
        status["hosts"][0]["state"]
            .as_str()
            .unwrap_or("absent")
            .to_owned()
    }

    fn container(&self) -> String {
        format!("longshore-{}-1", self.name)
    }

    fn left(&self) -> String {
        let label = format!("label=dev.longshore.lab={}", self.name);
        let containers = lab::docker(&["ps", "-aq", "--filter", &label]);
        let volumes = lab::docker(&["volume", "ls", "-q", "--filter", &label]);
        let networks = lab::docker(&["network", "ls", "-q", "--filter", &label]);
        containers + &volumes + &networks
    }
}

impl Drop for OwnLab {
    fn drop(&mut self) {
        self.run(&["down"]);
    }
}

#[test]
fn a_lab_is_mended_from_whatever_state_and_leaves_nothing() {
    let own = OwnLab::new("own");
    assert_eq!(own.state(), "absent");
    assert!(own.run(&["up", "1"]).status.success());
    assert_eq!(own.state(), "running");

    lab::docker(&["kill", &own.container()]);
    assert_eq!(own.state(), "stopped");
    assert!(own.run(&["up", "1"]).status.success());

    let network = format!("longshore-{}", own.name);
    lab::docker(&["network", "disconnect", &network, &own.container()]);
    assert_eq!(own.state(), "cut");
    assert!(own.run(&["up", "1"]).status.success());
    assert_eq!(own.state(), "running");

    let before = lab::docker(&[
        "inspect",
        "--format",
        "{{.State.StartedAt}}",
        &own.container(),
    ]);
    assert!(own.run(&["up", "1"]).status.success());
    let after = lab::docker(&[
        "inspect",
        "--format",
        "{{.State.StartedAt}}",
        &own.container(),
    ]);
    assert_eq!(before, after, "a host that runs was restarted");

    let said = own.run(&["ssh", "lab-1", "--", "hostname; exit 7"]);
    assert_eq!(said.status.code(), Some(7));
    assert_eq!(said.stdout, b"lab-1\n");

    assert!(own.run(&["down"]).status.success());
    assert_eq!(own.left(), "");
    assert!(!own.home.path().join(".ssh").exists());
    let folder = own.home.path().join("state/longshore/labs");
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 0);
}

#[test]
fn a_lab_whose_keys_are_elsewhere_is_refused() {
    let own = OwnLab::new("keys");
    let other = OwnLab::new("keys");
    assert!(own.run(&["up", "1"]).status.success());
    for refused in [other.run(&["up", "1"]), other.run(&["status"])] {
        let told = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(3), "{told}");
        assert!(told.contains("longshore lab down"), "{told}");
    }
    assert_eq!(own.state(), "running");
}

#[test]
fn an_engine_that_does_not_answer_is_said_with_the_way_out() {
    let output = Command::new(env!("CARGO_BIN_EXE_longshore"))
        .args(["lab", "up"])
        .env("DOCKER_HOST", "unix:///nonexistent/docker.sock")
        .output()
        .unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(4));
    assert!(
        told.contains("hint: start one: `sudo systemctl start docker`"),
        "{told}"
    );
}

#[test]
fn a_base_image_that_cannot_be_pulled_is_said_with_the_way_out() {
    let home = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_longshore"))
        .args(["lab", "up"])
        .env("DOCKER_HOST", format!("tcp://{}", engine_without_images()))
        .env("XDG_STATE_HOME", home.path())
        .output()
        .unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("no such registry"), "{told}");
    assert!(told.contains("`make base-image`"), "{told}");
}

/// Serves an engine's API that has no image and can get none.
fn engine_without_images() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let mut lines = BufReader::new(connection.try_clone().unwrap()).lines();
            let request = lines.next().unwrap().unwrap();
            lines.find(|line| line.as_ref().unwrap().is_empty());
            let (status, body) = if request.contains("/version") {
                ("200 OK", r#"{"ApiVersion":"1.41","MinAPIVersion":"1.12"}"#)
            } else if request.contains("/images/create") {
                ("500 Error", r#"{"message":"no such registry"}"#)
            } else {
                ("404 Not Found", r#"{"message":"no such image"}"#)
            };
            let length = body.len();
            write!(
                connection,
                "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            )
            .unwrap();
        }
    });
    address
}
