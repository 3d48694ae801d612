//! Ended in every phase, in order and at once: nothing of ours is left, and nothing of a neighbour's is touched.

use std::io::{BufRead, BufReader, Read};
use std::time::Duration;

use rustix::process::Signal;

use crate::stack::{Stack, docker};

/// A phase, the definition that comes to it, and what an event of it has.
const PHASES: &[(&str, &str, &str)] = &[
    ("building", "  test: {build: ./a}\n", r#""phase":"building"#),
    (
        "starting",
        "  db: {image: NAME-base, command: [sleep, '60'], volumes: ['data:/data']}\n  test: {image: NAME-base, command: [sleep, '60'], depends_on: [db]}\nvolumes: {data: {}}\n",
        r#""phase":"starting"}"#,
    ),
    (
        "waiting",
        "  db: {image: NAME-base, command: [sleep, '60'], volumes: ['data:/data'], healthcheck: {test: 'false', interval: 1s, start_period: 1h}}\n  test: {image: NAME-base, command: ['true'], depends_on: {db: {condition: service_healthy}}}\nvolumes: {data: {}}\n",
        r#""phase":"waiting to be healthy""#,
    ),
    (
        "running",
        "  db: {image: NAME-base, command: [sleep, '60'], volumes: ['data:/data']}\n  test: {image: NAME-base, command: [sh, -c, 'echo begun; sleep 60'], depends_on: [db]}\nvolumes: {data: {}}\n",
        r#""line":"begun""#,
    ),
    (
        "keeping",
        "  db: {image: NAME-base, command: [sh, -c, 'yes 0123456789 | head -c 6000000'], volumes: ['data:/data']}\n  test: {image: NAME-base, command: ['true'], depends_on: {db: {condition: service_completed_successfully}}}\nvolumes: {data: {}}\n",
        r#""phase":"keeping logs""#,
    ),
];

/// Brings a stack to a phase, sends a signal, and returns the exit code with the stack.
fn ended_in(phase: (&str, &str, &str), signal: Signal) -> (Stack, i32) {
    let (name, definition, sign) = phase;
    let case = if signal == Signal::KILL {
        "killed"
    } else {
        "cancelled"
    };
    let stack = Stack::new(&format!("{case}-{name}"), definition);
    stack.write(
        "a/Dockerfile",
        "FROM NAME-base\nRUN sleep 30\nLABEL case=NAME\n",
    );
    let mut child = stack.start(&["--format", "json", "test", "-v"]);
    let mut out = BufReader::new(child.stdout());
    let mut said = String::new();
    let mut line = String::new();
    while !line.contains(sign) {
        said.push_str(&line);
        line.clear();
        let read = out.read_line(&mut line).unwrap();
        assert!(read > 0, "{name} was not come to:\n{said}");
    }
    child.signal(signal);
    // Whoever writes to a pipe that nobody reads would wait.
    out.read_to_string(&mut said).unwrap();
    let code = child.wait().code;
    (stack, code)
}

/// Objects of somebody else, with names and labels that look like ours.
struct Neighbour(String);

impl Neighbour {
    fn new(name: &str) -> Self {
        let name = format!("longshore-neighbour-{name}-{}", std::process::id());
        let labels = [
            "--label",
            "dev.longshore.test=unit",
            "--label",
            "dev.longshore.run=0123456789ab",
        ];
        docker(&[&["volume", "create"], &labels[..], &[&name]].concat());
        let subnet = [
            "--subnet",
            if name.contains("killed") {
                "198.19.254.0/28"
            } else {
                "198.19.254.16/28"
            },
        ];
        docker(&[&["network", "create"], &subnet[..], &labels[..], &[&name]].concat());
        let image = ["--network", &name, "debian:trixie", "sleep", "300"];
        docker(
            &[
                &["run", "--detach", "--name", &name],
                &labels[..],
                &image[..],
            ]
            .concat(),
        );
        Self(name)
    }

    #[track_caller]
    fn is_intact(&self) {
        let state = docker(&["inspect", "--format", "{{.State.Running}}", &self.0]);
        assert_eq!(state.trim(), "true");
        docker(&["network", "inspect", &self.0]);
        docker(&["volume", "inspect", &self.0]);
    }
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        for arguments in [["rm", "--force"], ["network", "rm"], ["volume", "rm"]] {
            let _ = std::process::Command::new("docker")
                .args(arguments)
                .arg(&self.0)
                .output();
        }
    }
}

#[test]
fn an_interruption_in_any_phase_leaves_nothing() {
    let neighbour = Neighbour::new("cancelled");
    for phase in PHASES {
        let (stack, code) = ended_in(*phase, Signal::INT);
        assert_eq!(code, 130, "{}", phase.0);
        assert_eq!(stack.left(), [], "{}", phase.0);
    }
    neighbour.is_intact();
}

#[test]
fn a_kill_in_any_phase_leaves_nothing_that_gc_does_not_remove() {
    let neighbour = Neighbour::new("killed");
    for phase in PHASES {
        let (stack, code) = ended_in(*phase, Signal::KILL);
        assert_eq!(code, -1, "{}", phase.0);
        // The engine may still be about to do what it was asked for last.
        std::thread::sleep(Duration::from_secs(1));
        stack.gc().expect(0);
        assert_eq!(stack.left(), [], "{}", phase.0);
    }
    neighbour.is_intact();
}
