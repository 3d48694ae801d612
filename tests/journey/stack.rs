//! A small stack in a repository of its own, and the binary run on it as a person would.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use crate::lab::{self, Host};

/// How long anything is waited for.
const PATIENCE: Duration = Duration::from_secs(90);

/// The port that the stack publishes on its hosts.
const PORT: u16 = 18080;

/// A repository with one service, one test, and an environment on both hosts of the lab.
pub struct Stack {
    name: String,
    folder: tempfile::TempDir,
    rollout: Mutex<String>,
    hosts: Mutex<String>,
    lab: Vec<Host>,
    asked: Mutex<usize>,
}

/// What a command printed, and how it ended.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Stack {
    /// Makes the stack at a version. `broken` fails its test, `slow` takes a minute for it, and what ends in `sick` is
    /// well in its test and fails the environment's probe.
    pub fn new(name: &str, version: &str) -> Self {
        let stack = Self {
            name: name.to_owned(),
            folder: tempfile::tempdir().unwrap(),
            rollout: Mutex::new("{healthy_after: 1s, within: 30s}".to_owned()),
            hosts: Mutex::new("[core@lab-1, core@lab-2]".to_owned()),
            lab: lab::all(),
            asked: Mutex::new(0),
        };
        stack.clean();
        fs::create_dir_all(stack.path("")).unwrap();
        fs::copy("/bin/busybox", stack.path("busybox"))
            .expect("busybox-static is installed by `make deps`");
        stack.write("Dockerfile", "FROM scratch\nCOPY busybox /bin/busybox\nCOPY busybox /bin/sh\nCOPY www /www\nCMD [\"/bin/busybox\", \"httpd\", \"-f\", \"-p\", \"8080\", \"-h\", \"/www\"]\n");
        stack.write(".dockerignore", "*\n!busybox\n!www\n");
        stack.write(
            "compose.yaml",
            &COMPOSE
                .replace("NAME", name)
                .replace("PORT", &PORT.to_string()),
        );
        stack.git(&["init", "-q"]);
        stack.write_environment();
        stack.version(version);
        stack
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("repository").join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Commits another version.
    pub fn version(&self, version: &str) {
        self.write("www/version", version);
        if version.ends_with("sick") {
            let _ = fs::remove_file(self.path("www/well"));
        } else {
            self.write("www/well", "");
        }
        self.commit(version);
    }

    pub fn commit(&self, message: &str) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", message]);
    }

    pub fn guard(&self, guard: &str) {
        *self.rollout.lock().unwrap() =
            format!("{{healthy_after: 8s, within: 10s, guard: {guard}}}");
        self.write_environment();
        self.commit("guard");
    }

    pub fn hosts(&self, hosts: &str) {
        hosts.clone_into(&mut self.hosts.lock().unwrap());
        self.write_environment();
        self.commit("hosts");
    }

    fn write_environment(&self) {
        let (rollout, hosts) = (self.rollout.lock().unwrap(), self.hosts.lock().unwrap());
        let text = format!(
            "name: {}\ncluster: compose.yaml\nenvironments:\n  lab:\n    driver: systemd\n    hosts: {hosts}\n    \
             place: {{web: {{mode: global}}}}\n    rollout: {rollout}\n    probes: {{web: {{http: /well, port: 8080}}}}\n",
            self.name
        );
        self.write("longshore.yaml", &text);
    }

    fn git(&self, arguments: &[&str]) {
        let identity = [
            "-c",
            "user.name=test",
            "-c",
            "user.email=test@localhost",
            "-c",
            "commit.gpgsign=false",
        ];
        let done = Command::new("git")
            .arg("-C")
            .arg(self.path(""))
            .args(identity)
            .args(arguments)
            .output()
            .unwrap();
        assert!(done.status.success(), "git {arguments:?}: {done:?}");
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = lab::longshore();
        command
            .args(arguments)
            .current_dir(self.path(""))
            .env(
                "LONGSHORE_LEDGER",
                self.folder.path().join("kept/ledger.db"),
            )
            .stdin(Stdio::null());
        command
    }

    /// Runs longshore to its end.
    pub fn longshore(&self, arguments: &[&str]) -> Ran {
        ran(self.command(arguments).output().unwrap())
    }

    /// Runs longshore, which has to succeed, and returns what it printed.
    pub fn ok(&self, arguments: &[&str]) -> String {
        let ran = self.longshore(arguments);
        assert_eq!(
            ran.code, 0,
            "longshore {arguments:?}:\n{}\n{}",
            ran.stdout, ran.stderr
        );
        ran.stdout
    }

    /// Asks longshore for an object.
    pub fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let ran = self.longshore(&[arguments, &["--format", "json"]].concat());
        serde_json::from_str(&ran.stdout)
            .unwrap_or_else(|_| panic!("longshore {arguments:?}: {ran:?}"))
    }

    /// Starts longshore in the background.
    pub fn spawn(&self, arguments: &[&str]) -> Child {
        self.command(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    /// Reads events until a host's step of this kind has started.
    pub fn wait_for_step(&self, child: &mut Child, step: &str) {
        wait_for(child, |work| {
            work["step"]["step"] == step || work["step"] == step
        });
    }

    /// Reads events until work of this kind has started.
    pub fn wait_for_work(&self, child: &mut Child, kind: &str) {
        wait_for(child, |work| work["work"] == kind);
    }

    /// Returns the config digests of the images that the latest run of a test saw, by service.
    pub fn ledger_images(&self, test: &str) -> BTreeMap<String, String> {
        let history = self.json(&["history"]);
        let record = history["tests"]
            .as_array()
            .unwrap()
            .iter()
            .find(|record| record["test"] == test)
            .unwrap();
        let images = record["images"].as_object().unwrap();
        images
            .iter()
            .map(|(name, image)| (name.clone(), image["config"].as_str().unwrap().to_owned()))
            .collect()
    }

    /// Returns the host of that name.
    pub fn host(&self, name: &str) -> &Host {
        self.lab.iter().find(|host| host.name() == name).unwrap()
    }

    /// Runs a command on a host, and returns what it printed, whatever came of it.
    pub fn on(&self, host: &str, command: &str) -> String {
        let done = self.host(host).try_sh(command);
        String::from_utf8_lossy(&done.stdout).trim().to_owned()
    }

    pub fn running_image(&self, host: &str) -> String {
        self.on(
            host,
            &format!(
                "docker inspect -f '{{{{.Image}}}}' {}",
                self.container_name(host)
            ),
        )
    }

    /// Runs a shell line in the container on a host.
    pub fn inside(&self, host: &str, line: &str) -> String {
        let name = self.container_name(host);
        self.on(
            host,
            &format!("docker exec {name} /bin/busybox sh -c '{line}'"),
        )
    }

    /// Returns the id and start time of the container on a host.
    fn container(&self, host: &str) -> String {
        self.on(
            host,
            &format!(
                "docker inspect -f '{{{{.Id}}}} {{{{.State.StartedAt}}}}' {}",
                self.container_name(host)
            ),
        )
    }

    /// Returns the same of both hosts.
    pub fn containers(&self) -> [String; 2] {
        ["lab-1", "lab-2"].map(|host| self.container(host))
    }

    fn container_name(&self, host: &str) -> String {
        format!("{}-lab-web-{}", self.name, host.trim_start_matches("lab-"))
    }

    /// Returns what the stack answers on a host.
    pub fn answer(&self, host: &str) -> String {
        let mut answer = String::new();
        until(&format!("{host} answers"), || {
            answer = self.try_answer(host);
            !answer.is_empty()
        });
        answer
    }

    /// Returns what the stack answers on a host now; nothing if it does not.
    pub fn try_answer(&self, host: &str) -> String {
        self.on(
            host,
            &format!("curl -s -m 2 http://127.0.0.1:{PORT}/version"),
        )
    }

    /// Returns how many logins each host's SSH server has accepted, but for those that ask this.
    pub fn logins(&self) -> [usize; 2] {
        let mut asked = self.asked.lock().unwrap();
        *asked += 1;
        ["lab-1", "lab-2"].map(|host| {
            let accepted = self.on(
                host,
                "journalctl --unit=ssh --output=cat | grep -c '^Accepted publickey'",
            );
            accepted.parse::<usize>().unwrap() - *asked
        })
    }

    /// Returns containers and networks on the local engine that were made for this stack's tests.
    pub fn made_here(&self) -> Vec<String> {
        let filter = format!("label=dev.longshore.cluster={}", self.name);
        let list = |arguments: &[&str]| {
            let output = Command::new("docker")
                .args(arguments)
                .args(["-q", "--filter", &filter])
                .output()
                .unwrap();
            String::from_utf8(output.stdout)
                .unwrap()
                .lines()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        [
            list(&["ps", "-a"]),
            list(&["network", "ls"]),
            list(&["volume", "ls"]),
        ]
        .concat()
    }

    fn clean(&self) {
        self.lab.iter().for_each(Host::clean);
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // What a failed test left is for a person to look at; the next test cleans it.
        if !thread::panicking() {
            self.clean();
            let images = ["journey-NAME", "NAME-test"].map(|tag| tag.replace("NAME", &self.name));
            lab::docker(&["image", "rm", "--force", &images[0], &images[1]]);
        }
    }
}

/// Reads events until some work has started. Nobody listens afterwards, which must not stop longshore.
fn wait_for(child: &mut Child, meant: impl Fn(&serde_json::Value) -> bool) {
    let mut seen = String::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        let event: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
        if event["event"] == "started" && meant(&event["work"]) {
            return;
        }
        seen.push_str(&line);
        seen.push('\n');
    }
    panic!("nothing of the kind in:\n{seen}");
}

/// Waits until something is so.
pub fn until(what: &str, mut so: impl FnMut() -> bool) {
    let since = Instant::now();
    while !so() {
        assert!(
            since.elapsed() < PATIENCE,
            "waited {}s in vain until {what}",
            PATIENCE.as_secs()
        );
        thread::sleep(Duration::from_millis(300));
    }
}

fn ran(output: Output) -> Ran {
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

const COMPOSE: &str = r#"
services:
  web:
    build: .
    image: journey-NAME
    ports: ["PORT:8080"]
    restart: always
    stop_grace_period: 1s
    hostname: journey
    init: true
    cap_drop: [NET_RAW]
    ulimits: {nofile: {soft: 512, hard: 1024}}
    shm_size: 32m
    mem_limit: 128m
    tmpfs: [/scratch]
    extra_hosts: ["elsewhere=10.1.2.3"]
    sysctls: {net.ipv4.ip_default_ttl: 33}
    healthcheck:
      test: [CMD, /bin/busybox, wget, -q, -O, /dev/null, "http://127.0.0.1:8080/version"]
      interval: 1s
  test:
    build: .
    depends_on:
      web: {condition: service_healthy}
    command:
      - /bin/busybox
      - sh
      - -c
      - |
        version=$$(/bin/busybox wget -q -O - http://web:8080/version) || exit 1
        case $$version in
          broken) echo "the version is broken"; exit 1 ;;
          slow) /bin/busybox sleep 60 ;;
        esac
"#;
