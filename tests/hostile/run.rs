//! Running the program under a ceiling.

use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use assert_cmd::cargo::cargo_bin;

use super::project::Project;

/// What the program may use, in kilobytes: as resident memory, and as what it may allocate at all.
const CEILING: u64 = 200 * 1024;
/// Who takes longer hangs.
const HANGS: Duration = Duration::from_secs(30);

/// How the program ended.
pub struct Ending {
    /// Its exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to standard error.
    pub told: String,
}

/// Runs the program in a project.
pub fn run(project: &Project, arguments: &[&str]) -> Ending {
    let (said, told) = (project.aside("stdout"), project.aside("stderr"));
    let limited = format!("ulimit -c 0 && ulimit -d {CEILING} && exec \"$0\" \"$@\"");
    let begun = Instant::now();
    let mut child = Command::new("sh")
        .args(["-c", &limited])
        .arg(cargo_bin!("longshore"))
        .args(arguments)
        .current_dir(project.folder())
        .env_clear()
        .env("HOME", project.folder())
        // As many threads on every machine: their stacks count.
        .env("TOKIO_WORKER_THREADS", "2")
        .stdin(Stdio::null())
        .stdout(File::create(&said).unwrap())
        .stderr(File::create(&told).unwrap())
        .spawn()
        .unwrap();
    let (status, peak) = watched(&mut child);
    let told = String::from_utf8_lossy(&fs::read(&told).unwrap()).into_owned();
    let name = std::thread::current().name().unwrap_or_default().to_owned();
    println!(
        "{name:60} {:8} {:4} MB {:5.2} s",
        arguments.join(" "),
        peak / 1024,
        begun.elapsed().as_secs_f64()
    );
    assert_eq!(
        status.signal(),
        None,
        "{arguments:?} was ended by a signal: {told}"
    );
    assert!(
        peak <= CEILING,
        "{arguments:?} used {} MB at its peak",
        peak / 1024
    );
    Ending {
        code: status.code(),
        told,
    }
}

/// Waits until a program ends, and returns the most memory that it had, in kilobytes.
fn watched(child: &mut Child) -> (std::process::ExitStatus, u64) {
    let (begun, mut peak) = (Instant::now(), 0);
    loop {
        peak = peak.max(resident(child.id()));
        if let Some(status) = child.try_wait().unwrap() {
            return (status, peak);
        }
        let hangs = begun.elapsed() > HANGS;
        if hangs {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        assert!(!hangs, "it hangs, with {} MB", peak / 1024);
        sleep(Duration::from_millis(2));
    }
}

/// Returns the high-water mark of a process (proc_pid_status(5)); nothing once it has ended.
fn resident(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let mark = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
    mark.and_then(|mark| mark.trim().parse().ok()).unwrap_or(0)
}
