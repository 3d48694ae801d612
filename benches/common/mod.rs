//! What benches have in common: the Compose plugin, and processes that are watched for their memory.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Finds the Compose plugin: the one that `LONGSHORE_COMPOSE` names, the one that `docker compose` runs, or the one that
/// `scripts/docker-plugins` fetched.
pub fn compose() -> PathBuf {
    if let Some(named) = std::env::var_os("LONGSHORE_COMPOSE") {
        return named.into();
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let fetched = root.join(".cache/docker-plugins/docker-compose");
    let home = std::env::var_os("HOME")
        .map(PathBuf::from)
        .unwrap_or_default();
    let folders = [
        home.join(".docker/cli-plugins"),
        "/usr/local/lib/docker/cli-plugins".into(),
        "/usr/local/libexec/docker/cli-plugins".into(),
        "/usr/lib/docker/cli-plugins".into(),
        "/usr/libexec/docker/cli-plugins".into(),
    ];
    let mut known = folders.map(|folder| folder.join("docker-compose")).to_vec();
    known.push(fetched);
    known.into_iter().find(|plugin| plugin.is_file()).expect(
        "there is no Compose plugin: run scripts/docker-plugins, or name one by LONGSHORE_COMPOSE",
    )
}

/// Says which Compose it is.
pub fn version(compose: &Path) -> String {
    let output = Command::new(compose).arg("version").output().unwrap();
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// What one run took.
#[derive(Debug, Clone, Copy, Default)]
pub struct Run {
    /// Wall-clock time.
    pub seconds: f64,
    /// The high-water mark of its memory (proc_pid_status(5)).
    pub megabytes: f64,
}

/// Runs a program to its end, watched for its memory, and tells whether it succeeded.
pub fn watch(command: &mut Command) -> (bool, Run) {
    let begun = Instant::now();
    let mut child = command.spawn().unwrap();
    let (process, ended) = (child.id(), AtomicBool::new(false));
    let (status, seconds, peak) = thread::scope(|scope| {
        let watcher = scope.spawn(|| watched(process, &ended));
        let status = child.wait().unwrap();
        let seconds = begun.elapsed().as_secs_f64();
        ended.store(true, Ordering::Relaxed);
        (status, seconds, watcher.join().unwrap())
    });
    let megabytes = peak as f64 / 1024.0;
    (status.success(), Run { seconds, megabytes })
}

/// Returns the most memory that a process had until it ended, in kilobytes.
fn watched(process: u32, ended: &AtomicBool) -> u64 {
    let mut peak = 0;
    while !ended.load(Ordering::Relaxed) {
        peak = peak.max(resident(process));
        thread::sleep(Duration::from_millis(1));
    }
    peak
}

fn resident(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let mark = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
    mark.and_then(|mark| mark.trim().parse().ok()).unwrap_or(0)
}

/// Returns the run in the middle, of time and of memory each.
pub fn median(runs: &[Run]) -> Run {
    let middle = |value: fn(&Run) -> f64| {
        let mut values: Vec<_> = runs.iter().map(value).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    Run {
        seconds: middle(|run| run.seconds),
        megabytes: middle(|run| run.megabytes),
    }
}
