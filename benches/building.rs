//! Building and testing a stack of six images, against Docker Compose doing the same, and longshore's own share of the
//! time as the stack grows.
//!
//! `make bench` runs it. Both sides work on the same files in folders of their own, in the same run and in turn, so that
//! ratios mean something where absolute times do not. A salt that no build has seen makes a round cold, which leaves the
//! engine's cache to whoever else uses it. Needs an engine and `busybox-static`; no registry is asked.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a bench runs programs, reads the clock and prints its result"
)]

mod common;

use std::fs;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use common::{Run, compose, median, version, watch};

const ROUNDS: usize = 5;
/// Services beside the base and the test.
const SERVICES: usize = 4;
const GROWTH: [usize; 3] = [5, 20, 50];
const GROWTH_ROUNDS: usize = 3;
/// Files that each image copies.
const FILES: usize = 20;

fn main() {
    let around = tempfile::tempdir().unwrap();
    let compose = compose();
    println!("\n{}", version(&compose));
    side_by_side(around.path(), &compose);
    growth(around.path());
}

/// What is done in each round: its name, what is changed before, and whether longshore is told to test again what is green.
const CASES: [(&str, Change, bool); 4] = [
    ("everything new", Change::Salt, false),
    ("nothing changed", Change::Nothing, false),
    ("nothing changed, tested again", Change::Nothing, true),
    ("one file changed", Change::File, false),
];

#[derive(Clone, Copy)]
enum Change {
    Salt,
    Nothing,
    File,
}

fn side_by_side(around: &Path, compose: &Path) {
    let (ours, theirs) = (
        Stack::make(around, "ours", SERVICES),
        Stack::make(around, "theirs", SERVICES),
    );
    let mut runs: Vec<(Vec<Run>, Vec<Run>)> = vec![Default::default(); CASES.len()];
    for round in 0..ROUNDS {
        for ((_, change, again), (our_runs, their_runs)) in CASES.iter().zip(&mut runs) {
            for stack in [&ours, &theirs] {
                stack.change(*change, round);
            }
            our_runs.push(ours.by_longshore(*again, None));
            their_runs.push(theirs.by_compose(compose));
        }
    }
    println!("\nSix images built and tested, median of {ROUNDS} rounds in turn");
    println!(
        "| | longshore | Docker Compose | ratio | peak memory | of Compose's |\n|---|---|---|---|---|---|"
    );
    for ((name, ..), (ours, theirs)) in CASES.iter().zip(&runs) {
        let (ours, theirs) = (median(ours), median(theirs));
        println!(
            "| {name} | {:.2} s | {:.2} s | {:.2} | {:.0} MB | {:.2} |",
            ours.seconds,
            theirs.seconds,
            ours.seconds / theirs.seconds,
            ours.megabytes,
            ours.megabytes / theirs.megabytes
        );
    }
}

fn growth(around: &Path) {
    println!(
        "\nlongshore's own share: the time in which nothing is asked of the engine, median of {GROWTH_ROUNDS} rounds"
    );
    println!(
        "| services | everything new | its own | share | nothing changed | its own | peak memory |\n|---|---|---|---|---|---|---|"
    );
    for services in GROWTH {
        let stack = Stack::make(around, &format!("growth{services}"), services);
        let (mut cold, mut warm) = (Vec::new(), Vec::new());
        for round in 0..GROWTH_ROUNDS {
            stack.change(Change::Salt, round);
            cold.push(stack.with_its_own());
            warm.push(stack.with_its_own());
        }
        let own = |runs: &[(Run, f64)]| {
            let mut own: Vec<_> = runs.iter().map(|(_, own)| *own).collect();
            own.sort_by(f64::total_cmp);
            own[own.len() / 2]
        };
        let middle =
            |runs: &[(Run, f64)]| median(&runs.iter().map(|(run, _)| *run).collect::<Vec<_>>());
        let (first, again) = (middle(&cold), middle(&warm));
        println!(
            "| {services} | {:.2} s | {:.3} s | {:.1} % | {:.2} s | {:.3} s | {:.0} MB |",
            first.seconds,
            own(&cold),
            100.0 * own(&cold) / first.seconds,
            again.seconds,
            own(&warm),
            first.megabytes
        );
    }
}

/// A stack: a base of which all images are made, services, and a test that waits for them.
struct Stack {
    folder: PathBuf,
    /// What is no part of the repository: ledger, socket, what was said.
    beside: PathBuf,
    name: String,
}

impl Stack {
    fn make(around: &Path, name: &str, services: usize) -> Self {
        let stack = Self {
            folder: around.join(name),
            beside: around.join(format!("{name}.beside")),
            name: format!("bench-{}-{name}", std::process::id()),
        };
        let name = &stack.name;
        fs::create_dir_all(stack.folder.join("base")).unwrap();
        fs::create_dir_all(&stack.beside).unwrap();
        fs::copy("/bin/busybox", stack.folder.join("base/busybox")).expect("needs busybox-static");
        stack.write("base/salt", "");
        stack.write(
            "base/Dockerfile",
            &format!("FROM scratch\nCOPY busybox /bin/busybox\nRUN [\"/bin/busybox\", \"--install\", \"-s\", \"/bin\"]\nLABEL longshore.bench={name}\nCOPY salt /\n"),
        );
        let mut compose = format!(
            "name: {name}\nservices:\n  base:\n    build: ./base\n    image: {name}-base\n    profiles: [base]\n"
        );
        let mut waits = String::new();
        for number in 0..services {
            stack.image(&format!("s{number}"));
            compose.push_str(&format!("  s{number}:\n    build: ./s{number}\n    command: [httpd, -f, -p, '80', -h, /src]\n    stop_signal: SIGKILL\n"));
            waits.push_str(&format!("s{number}, "));
        }
        stack.image("test");
        compose.push_str(&format!("  test:\n    build: ./test\n    profiles: [test]\n    depends_on: [{waits}]\n    command: [wget, -q, -O, /dev/null, 'http://s0/0']\n"));
        stack.write("compose.yaml", &compose);
        stack.git(&["init", "--quiet"]);
        stack.git(&["add", "."]);
        stack.git(&["commit", "--quiet", "-m", "all"]);
        stack
    }

    fn git(&self, arguments: &[&str]) {
        let identity = [
            "-c",
            "user.name=bench",
            "-c",
            "user.email=bench@example.com",
        ];
        let mut command = Command::new("git");
        command.arg("-C").arg(&self.folder).args(identity);
        assert!(command.args(arguments).status().unwrap().success());
    }

    fn image(&self, service: &str) {
        for file in 0..FILES {
            self.write(
                &format!("{service}/src/{file}"),
                &format!("{file}\n").repeat(1000),
            );
        }
        self.write(
            &format!("{service}/Dockerfile"),
            &format!(
                "FROM {}-base\nCOPY src /src\nRUN cat /src/* | sha256sum > /sum\n",
                self.name
            ),
        );
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn change(&self, change: Change, round: usize) {
        let text = format!("{} {round}\n", self.name);
        match change {
            Change::Salt => self.write("base/salt", &text),
            Change::Nothing => {}
            Change::File => self.write("s0/src/0", &text),
        }
    }

    fn by_longshore(&self, again: bool, engine: Option<&Path>) -> Run {
        let mut command = Command::new(env!("CARGO_BIN_EXE_longshore"));
        command
            .arg("-C")
            .arg(&self.folder)
            .arg("test")
            .args(again.then_some("--force"))
            .env("LONGSHORE_LEDGER", self.beside.join("ledger.db"));
        if let Some(engine) = engine {
            command.env("DOCKER_HOST", format!("unix://{}", engine.display()));
        }
        self.quietly(&mut command)
    }

    /// What a person would script: Compose builds in no order that `FROM` lines would give, so the base goes first.
    fn by_compose(&self, compose: &Path) -> Run {
        let mut whole = Run::default();
        let steps: [&[&str]; 5] = [
            &["build", "base"],
            &["--profile", "test", "build"],
            &["up", "--wait"],
            &["run", "--rm", "-T", "test"],
            &["--profile", "*", "down", "-v"],
        ];
        for step in steps {
            let mut command = Command::new(compose);
            command.current_dir(&self.folder).args(step);
            let run = self.quietly(&mut command);
            whole.seconds += run.seconds;
            whole.megabytes = whole.megabytes.max(run.megabytes);
        }
        whole
    }

    fn quietly(&self, command: &mut Command) -> Run {
        let told = self.beside.join("told");
        let file = fs::File::create(&told).unwrap();
        command
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file);
        let (succeeded, run) = watch(command);
        let said = || fs::read_to_string(&told).unwrap_or_default();
        assert!(succeeded, "{command:?} failed:\n{}", said());
        run
    }

    /// Runs longshore behind a proxy that notes when something is asked of the engine, and returns for how long nothing is.
    fn with_its_own(&self) -> (Run, f64) {
        let socket = self.beside.join("engine.sock");
        let _ = fs::remove_file(&socket);
        let begun = Instant::now();
        let busy = Busy::default();
        let listener = UnixListener::bind(&socket).unwrap();
        let noted = busy.clone();
        // Ends with the bench; each run has one of its own.
        thread::spawn(move || {
            for client in listener.incoming() {
                let noted = noted.clone();
                thread::spawn(move || pass_on(client.unwrap(), begun, &noted));
            }
        });
        let run = self.by_longshore(false, Some(&socket));
        (run, run.seconds - busy.seconds())
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        let label = format!("label=longshore.bench={}", self.name);
        let list = Command::new("docker")
            .args(["images", "--quiet", "--no-trunc", "--filter", &label])
            .output()
            .unwrap();
        let images = String::from_utf8_lossy(&list.stdout).into_owned();
        let mut images: Vec<_> = images.split_whitespace().collect();
        images.sort_unstable();
        images.dedup();
        let _ = Command::new("docker")
            .args(["rmi", "--force"])
            .args(&images)
            .output();
    }
}

/// When something was asked of the engine: from a request's first byte to the last one of its answer, in seconds.
#[derive(Clone, Default)]
struct Busy(Arc<Mutex<Vec<(f64, f64)>>>);

impl Busy {
    /// Returns for how long at least one thing was asked.
    fn seconds(&self) -> f64 {
        let mut spans = self.0.lock().unwrap().clone();
        spans.sort_by(|one, other| one.0.total_cmp(&other.0));
        let (mut whole, mut until) = (0.0, 0.0_f64);
        for (from, to) in spans {
            let from = from.max(until);
            if to > from {
                whole += to - from;
                until = to;
            }
        }
        whole
    }
}

/// Passes one connection on to the engine and notes when it waits for it.
fn pass_on(client: UnixStream, begun: Instant, busy: &Busy) {
    let engine = UnixStream::connect("/var/run/docker.sock").unwrap();
    // When what is asked was asked, until the next question.
    let asked: Mutex<Option<f64>> = Mutex::new(None);
    let answered: Mutex<f64> = Mutex::new(0.0);
    let now = || begun.elapsed().as_secs_f64();
    let note = || {
        let from = asked.lock().unwrap().take();
        let to = *answered.lock().unwrap();
        if let Some(from) = from {
            busy.0.lock().unwrap().push((from, to));
        }
    };
    thread::scope(|scope| {
        scope.spawn(|| {
            copy(&client, &engine, || {
                // What follows an answer is another question; what follows a question is more of it.
                let from = *asked.lock().unwrap();
                if from.is_some_and(|from| *answered.lock().unwrap() > from) {
                    note();
                }
                asked.lock().unwrap().get_or_insert_with(now);
            });
        });
        copy(&engine, &client, || *answered.lock().unwrap() = now());
    });
    note();
}

fn copy(mut from: &UnixStream, mut to: &UnixStream, mut seen: impl FnMut()) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(length) = from.read(&mut buffer) {
        if length == 0 {
            break;
        }
        seen();
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
