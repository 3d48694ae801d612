//! Rollout and no-op rollout of five units on two lab hosts, against one hand-written `ssh` per host.
//!
//! `make bench` runs it. Both sides restart the same five containers from images that the hosts already have, in the
//! same run and in turn, so that ratios mean something where absolute times do not. The hand-written side is what a
//! person would script: copy the units, reload, restart, ask whether they run; it has no plan, lock, guard, gate or way
//! back. longshore's own stability window is set to zero here, because it is a wait that the user asks for.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a bench runs programs, reads the clock and prints its result"
)]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const HOSTS: [&str; 2] = ["lab-1", "lab-2"];
const SERVICES: usize = 5;
const ROUNDS: usize = 5;

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench {
        folder: folder.path().to_owned(),
    };
    bench.longshore(&["lab", "up", "2"], "1");
    let stack = Stack::make(&bench);
    let releases = ["1", "2"].map(|version| bench.release(version));
    for (release, version) in releases.iter().zip(["1", "2"]) {
        bench.deploy(release, version);
    }
    stack.install_by_hand(&bench);

    let mut times = Times::default();
    for round in 0..ROUNDS {
        let next = round % 2;
        let version = ["1", "2"][next];
        times
            .longshore
            .push(timed(|| bench.deploy(&releases[next], version)));
        times
            .longshore_idle
            .push(timed(|| bench.deploy(&releases[next], version)));
        times
            .hand
            .push(timed(|| stack.roll_by_hand(&bench, version)));
        times
            .hand_idle
            .push(timed(|| stack.check_by_hand(&bench, version)));
    }
    times.print();
    stack.remove_by_hand(&bench);
    bench.longshore(&["lab", "down"], "1");
}

#[derive(Default)]
struct Times {
    longshore: Vec<Duration>,
    hand: Vec<Duration>,
    longshore_idle: Vec<Duration>,
    hand_idle: Vec<Duration>,
}

impl Times {
    fn print(&self) {
        println!(
            "\n{SERVICES} units on {} hosts, median of {ROUNDS} rounds in turn",
            HOSTS.len()
        );
        println!("| | longshore | one ssh per host | ratio |\n|---|---|---|---|");
        let rows = [
            ("rollout", &self.longshore, &self.hand),
            ("nothing changed", &self.longshore_idle, &self.hand_idle),
        ];
        for (name, ours, theirs) in rows {
            let (ours, theirs) = (median(ours), median(theirs));
            println!(
                "| {name} | {ours:.2} s | {theirs:.2} s | {:.2} |",
                ours / theirs
            );
        }
    }
}

struct Bench {
    folder: PathBuf,
}

impl Bench {
    fn command(&self, program: &str, version: &str) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(&self.folder)
            .env("LONGSHORE_LAB", "bench")
            .env("XDG_STATE_HOME", self.folder.join(".state"))
            .env("VERSION", version);
        command
    }

    /// Runs longshore and returns what it printed.
    fn longshore(&self, arguments: &[&str], version: &str) -> String {
        let mut command = self.command(env!("CARGO_BIN_EXE_longshore"), version);
        let output = command
            .args(arguments)
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "longshore {arguments:?} failed:\n{told}"
        );
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn release(&self, version: &str) -> String {
        self.git(&["commit", "-q", "--allow-empty", "-m", version]);
        self.longshore(&["build"], version);
        self.longshore(&["release"], version)
    }

    fn deploy(&self, release: &str, version: &str) {
        self.longshore(
            &["deploy", "-e", "bench", "--release", release, "--yes"],
            version,
        );
    }

    fn git(&self, arguments: &[&str]) {
        let identity = ["-c", "user.name=bench", "-c", "user.email=bench@localhost"];
        assert!(
            self.command("git", "1")
                .args(identity)
                .args(arguments)
                .status()
                .unwrap()
                .success()
        );
    }

    /// Runs a script on every host at once, one ssh each, with this on its standard input.
    fn ssh(&self, script: &str, input: &[u8]) {
        let config = self.folder.join(".state/longshore/labs/bench/ssh_config");
        let mut running = Vec::new();
        for host in HOSTS {
            let mut command = self.command("ssh", "1");
            command
                .arg("-F")
                .arg(&config)
                .arg(format!("core@{host}"))
                .arg(script);
            let mut child = command
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .spawn()
                .unwrap();
            child.stdin.take().unwrap().write_all(input).unwrap();
            running.push(child);
        }
        for mut child in running {
            assert!(child.wait().unwrap().success(), "ssh failed: {script}");
        }
    }
}

/// The same five services, as a definition and as units written by hand.
struct Stack;

impl Stack {
    fn make(bench: &Bench) -> Self {
        let write = |path: &str, text: &str| fs::write(bench.folder.join(path), text).unwrap();
        fs::copy("/bin/busybox", bench.folder.join("busybox"))
            .expect("busybox-static is installed by `make deps`");
        write("Dockerfile", "FROM scratch\nCOPY busybox /bin/busybox\n");
        write(".dockerignore", "*\n!busybox\n");
        write(".gitignore", ".state\n");
        let services: String = (1..=SERVICES)
            .map(|n| {
                format!(
                    "  s{n}:\n    image: bench\n    build: .\n    command: [/bin/busybox, sleep, '1000000']\n    \
                     environment: {{VERSION: \"${{VERSION}}\"}}\n    stop_grace_period: 1s\n    restart: always\n"
                )
            })
            .collect();
        write("compose.yaml", &format!("services:\n{services}"));
        write(
            "longshore.yaml",
            "name: bench\ncluster: compose.yaml\nenvironments:\n  bench:\n    driver: systemd\n    hosts: [core@lab-1, core@lab-2]\n    \
             place: {s1: {mode: global}, s2: {mode: global}, s3: {mode: global}, s4: {mode: global}, s5: {mode: global}}\n    \
             rollout: {max_in_flight: 2, healthy_after: 0s}\n",
        );
        bench.git(&["init", "-q"]);
        bench.git(&["add", "-A"]);
        Self
    }

    fn units(version: &str, folder: &Path) -> Vec<u8> {
        let mut archive = tar::Builder::new(Vec::new());
        for n in 1..=SERVICES {
            let unit = format!(
                "[Unit]\nAfter=docker.service\n[Service]\nExecStartPre=-/usr/bin/docker rm -f hand-{n}\n\
                 ExecStart=/usr/bin/docker run --rm --name hand-{n} --env VERSION={version} --log-driver local hand \
                 /bin/busybox sleep 1000000\nExecStop=/usr/bin/docker stop -t 1 hand-{n}\nRestart=always\n"
            );
            let path = folder.join(format!("hand-{n}.service"));
            fs::write(&path, unit).unwrap();
            archive
                .append_path_with_name(&path, format!("hand-{n}.service"))
                .unwrap();
        }
        archive.into_inner().unwrap()
    }

    /// Gives the hosts the image under another name, and starts the units for the first time.
    fn install_by_hand(&self, bench: &Bench) {
        bench.ssh("docker tag $(docker inspect -f {{.Image}} bench-bench-s1-1 2>/dev/null || docker ps -q --no-trunc | head -n 1 | xargs docker inspect -f {{.Image}}) hand", b"");
        self.roll_by_hand(bench, "1");
    }

    fn roll_by_hand(&self, bench: &Bench, version: &str) {
        let units = names();
        let script = format!(
            "sudo tar -x -C /etc/systemd/system && sudo systemctl daemon-reload && sudo systemctl restart {units} && \
             systemctl is-active {units}"
        );
        bench.ssh(&script, &Self::units(version, &bench.folder));
    }

    /// What a careful person's script does to find that nothing is to be done.
    fn check_by_hand(&self, bench: &Bench, version: &str) {
        let units = names();
        let script = format!(
            "sudo tar -d -f - -C /etc/systemd/system --ignore-failed-read; systemctl is-active {units}"
        );
        bench.ssh(&script, &Self::units(version, &bench.folder));
    }

    fn remove_by_hand(&self, bench: &Bench) {
        let units = names();
        bench.ssh(&format!("sudo systemctl stop {units}; sudo rm -f /etc/systemd/system/hand-*; sudo systemctl daemon-reload"), b"");
    }
}

fn names() -> String {
    (1..=SERVICES)
        .map(|n| format!("hand-{n}.service"))
        .collect::<Vec<_>>()
        .join(" ")
}

fn timed(work: impl FnOnce()) -> Duration {
    let since = Instant::now();
    work();
    since.elapsed()
}

fn median(times: &[Duration]) -> f64 {
    let mut seconds: Vec<_> = times.iter().map(Duration::as_secs_f64).collect();
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}
