//! Reading, checking and writing a definition of many services, against `docker compose config`.
//!
//! `make bench` runs it. Both sides read the same file in the same run and in turn, so that ratios mean something where
//! absolute times do not. The Compose plugin is the one that `LONGSHORE_COMPOSE` names, the one that `docker compose`
//! runs, or the one that `scripts/docker-plugins` fetched. Memory is the high-water mark of the process (proc_pid_status(5)).
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a bench runs programs, reads the clock and the environment, and prints its result"
)]

mod common;

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::{Run, compose, median, version, watch};

const SIZES: [usize; 5] = [250, 500, 1000, 2000, 4000];
/// The size that is compared.
const COMPARED: usize = 1000;
const ROUNDS: usize = 5;

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let folders = SIZES.map(|size| project(folder.path(), size));
    let compose = compose();
    println!("\n{}", version(&compose));
    let sides = [
        Side::longshore("config"),
        Side::longshore("check"),
        Side {
            name: "docker compose config".to_owned(),
            program: compose,
            arguments: vec!["config".to_owned()],
        },
    ];
    let mut all: Vec<Vec<Vec<Run>>> = vec![vec![Vec::new(); SIZES.len()]; sides.len()];
    for _ in 0..ROUNDS {
        for (size, folder) in folders.iter().enumerate() {
            for (side, runs) in sides.iter().zip(&mut all) {
                runs[size].push(side.run(folder));
            }
        }
    }
    let medians: Vec<Vec<Run>> = all
        .iter()
        .map(|sizes| sizes.iter().map(|runs| median(runs)).collect())
        .collect();
    compared(&sides, &medians);
    growth(&sides, &medians);
}

/// Prints the sides at one size, with their ratios to the last one.
fn compared(sides: &[Side], medians: &[Vec<Run>]) {
    let at = SIZES.iter().position(|size| *size == COMPARED).unwrap();
    let theirs = medians.last().unwrap()[at];
    println!("\n{COMPARED} services in one file, median of {ROUNDS} rounds in turn");
    println!("| | time | times as fast | peak memory | of Compose's |\n|---|---|---|---|---|");
    for (side, runs) in sides.iter().zip(medians) {
        let run = runs[at];
        println!(
            "| `{}` | {:.3} s | {:.1} | {:.0} MB | {:.2} |",
            side.name,
            run.seconds,
            theirs.seconds / run.seconds,
            run.megabytes,
            run.megabytes / theirs.megabytes
        );
    }
}

/// Prints how time and memory grow with the number of services.
fn growth(sides: &[Side], medians: &[Vec<Run>]) {
    println!("\nGrowth, median of {ROUNDS} rounds in turn");
    let sizes = SIZES.map(|size| format!(" {size} |")).concat();
    println!("| services |{sizes}\n|---|{}", "---|".repeat(SIZES.len()));
    for (side, runs) in sides.iter().zip(medians) {
        let cells = runs
            .iter()
            .map(|run| format!(" {:.3} s, {:.0} MB |", run.seconds, run.megabytes));
        println!("| `{}` |{}", side.name, cells.collect::<String>());
    }
    for (side, runs) in sides.iter().zip(medians) {
        let each = runs
            .iter()
            .zip(SIZES)
            .map(|(run, size)| format!(" {:.0} µs |", run.seconds * 1e6 / size as f64));
        println!("| `{}`, a service |{}", side.name, each.collect::<String>());
    }
}

/// A program that reads definitions.
struct Side {
    name: String,
    program: PathBuf,
    arguments: Vec<String>,
}

impl Side {
    fn longshore(command: &str) -> Self {
        Self {
            name: format!("longshore {command}"),
            program: PathBuf::from(env!("CARGO_BIN_EXE_longshore")),
            arguments: vec![command.to_owned()],
        }
    }

    /// Runs it, watched for its memory.
    fn run(&self, folder: &Path) -> Run {
        let (succeeded, run) = watch(&mut self.command(folder));
        assert!(succeeded, "{} failed in {}", self.name, folder.display());
        run
    }

    fn command(&self, folder: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .current_dir(folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }
}

/// Makes a repository with a definition of so many services, such as a large one has.
fn project(around: &Path, services: usize) -> PathBuf {
    let folder = around.join(services.to_string());
    fs::create_dir_all(folder.join(".git")).unwrap();
    fs::create_dir(folder.join("conf")).unwrap();
    let mut text = "name: shop\nservices:\n".to_owned();
    for number in 0..services {
        write!(
            text,
            "  s{number}:
    image: registry.example.com/shop/s{number}:1.{number}
    command: [serve, --port, '8080']
    environment:
      LOG_LEVEL: ${{LOG_LEVEL:-info}}
      DATABASE_URL: postgres://db/s{number}
      WORKERS: '4'
    ports: ['{port}:8080']
    volumes: ['data{number}:/var/lib/data', './conf:/etc/shop:ro']
    networks: [back]
    labels: {{team: shop}}
    restart: unless-stopped
    depends_on: [{before}]
    healthcheck: {{test: [CMD, curl, -f, 'http://localhost:8080/'], interval: 10s, retries: 3}}
",
            port = 10_000 + number,
            before = before(number),
        )
        .unwrap();
    }
    text.push_str("networks: {back: }\nvolumes:\n");
    for number in 0..services {
        writeln!(text, "  data{number}:").unwrap();
    }
    fs::write(folder.join("compose.yaml"), text).unwrap();
    folder
}

/// Every tenth service waits for none, each other one for the one before.
fn before(number: usize) -> String {
    match number % 10 {
        0 => String::new(),
        _ => format!("s{}", number - 1),
    }
}
