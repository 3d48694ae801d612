//! A lab for tests: real hosts, up once, used by one test at a time each.
//!
//! Bring it into a test program by `#[path = "../common/lab.rs"] mod lab;`. The lab is this checkout's own, so that two
//! checkouts on one machine do not disturb each other. It stays up after the tests, which makes the next run quick;
//! `LONGSHORE_LAB=<name> longshore lab down` removes it.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::{Duration, Instant};

use longshore::domain::name::Digest;

/// How many hosts the lab has.
pub const HOSTS: u16 = 2;

/// How long a host may take to be usable again.
const PATIENCE: Duration = Duration::from_secs(60);

/// A host of the lab, for one test alone until it is dropped.
#[derive(Debug)]
pub struct Host {
    number: u16,
    _turn: File,
}

/// Takes whichever host is free first.
pub fn one() -> Host {
    up();
    loop {
        for number in 1..=HOSTS {
            let turn = turn(number);
            if turn.try_lock().is_ok() {
                return Host::ready(number, turn);
            }
        }
        sleep(Duration::from_millis(50));
    }
}

/// Takes all hosts, in order.
pub fn all() -> Vec<Host> {
    up();
    (1..=HOSTS)
        .map(|number| {
            let turn = turn(number);
            turn.lock().unwrap();
            Host::ready(number, turn)
        })
        .collect()
}

/// Returns the lab's name, for `LONGSHORE_LAB`.
pub fn name() -> String {
    let checkout = Digest::of(env!("CARGO_MANIFEST_DIR")).short();
    format!("test-{}", &checkout[..6])
}

/// Returns the folder for `XDG_STATE_HOME` in which the lab's keys are.
pub fn state_home() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("lab")
}

/// Returns what `ssh -F` takes for the lab's hosts.
pub fn ssh_config() -> PathBuf {
    let lab = state_home().join("longshore/labs").join(name());
    lab.join("ssh_config")
}

/// Returns the program under test, with the lab at hand.
pub fn longshore() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_longshore"));
    command
        .env("XDG_STATE_HOME", state_home())
        .env("LONGSHORE_LAB", name());
    command
}

/// Runs docker on this machine and returns what it prints.
pub fn docker(arguments: &[&str]) -> String {
    succeeded(Command::new("docker").args(arguments), &arguments.join(" "))
}

impl Host {
    /// Returns what a definition calls the host.
    pub fn name(&self) -> String {
        format!("lab-{}", self.number)
    }

    /// Returns the container that it is.
    pub fn container(&self) -> String {
        format!("longshore-{}-{}", name(), self.number)
    }

    /// Returns its address, the same before and after a restart.
    pub fn address(&self) -> String {
        let config = fs::read_to_string(ssh_config()).unwrap();
        let host = format!("Host {}\n  HostName ", self.name());
        let (_, rest) = config.split_once(&host).unwrap();
        rest.lines().next().unwrap().to_owned()
    }

    /// Runs a script there as root and returns what it prints.
    pub fn sh(&self, script: &str) -> String {
        succeeded(&mut self.ssh(script), script)
    }

    /// Runs a script there as root, whatever comes of it.
    pub fn try_sh(&self, script: &str) -> Output {
        self.ssh(script).output().unwrap()
    }

    /// Takes away all that a deployment puts there, except images.
    pub fn clean(&self) {
        self.sh(CLEAN);
    }

    /// Takes away all that a deployment puts there, and images: the host is as it was made.
    pub fn bare(&self) {
        self.clean();
        self.sh("docker image prune --all --force");
    }

    /// Pulls the network plug.
    pub fn cut(&self) {
        docker(&["network", "disconnect", &network(), &self.container()]);
    }

    /// Puts the network plug back in.
    pub fn restore(&self) {
        let (network, alias) = (network(), self.name());
        let address = self.address();
        let container = self.container();
        docker(&[
            "network", "connect", "--ip", &address, "--alias", &alias, &network, &container,
        ]);
        self.wait_ready();
    }

    /// Reboots it in order, and waits until it is up.
    pub fn reboot(&self) {
        docker(&["restart", "--time", "30", &self.container()]);
        self.wait_ready();
    }

    /// Switches its power off.
    pub fn kill(&self) {
        docker(&["kill", &self.container()]);
    }

    /// Switches its power on, and waits until it is up.
    pub fn start(&self) {
        docker(&["start", &self.container()]);
        self.wait_ready();
    }

    /// Waits until systemd there has started what it starts at boot.
    pub fn wait_ready(&self) {
        let since = Instant::now();
        loop {
            let output = self.try_sh("systemctl is-system-running || systemctl --failed");
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            if said.starts_with("running") || said.starts_with("degraded") {
                return;
            }
            let told = String::from_utf8_lossy(&output.stderr);
            assert!(
                since.elapsed() < PATIENCE,
                "{} is not up: {said}{told}",
                self.name()
            );
            sleep(Duration::from_millis(100));
        }
    }

    /// Mends what the test before may have left: a host that is off, or cut off.
    fn ready(number: u16, turn: File) -> Self {
        let host = Self {
            number,
            _turn: turn,
        };
        let container = host.container();
        let running = docker(&["inspect", "--format", "{{.State.Running}}", &container]);
        if running.trim() != "true" {
            docker(&["start", &container]);
        }
        let networks = docker(&[
            "inspect",
            "--format",
            "{{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}",
            &container,
        ]);
        if networks
            .split_whitespace()
            .any(|joined| joined == network())
        {
            host.wait_ready();
        } else {
            host.restore();
        }
        host
    }

    fn ssh(&self, script: &str) -> Command {
        let quoted = script.replace('\'', r"'\''");
        let mut command = Command::new("ssh");
        command
            .arg("-F")
            .arg(ssh_config())
            .args(["-o", "BatchMode=yes", "-o", "ConnectTimeout=5"])
            .args(["-o", "ServerAliveInterval=5"])
            .arg(self.name())
            .arg(format!("sudo -n /bin/sh -c '{quoted}'"));
        command
    }
}

/// What makes a host as good as new, but for images. Units are known by the section that each of ours has.
const CLEAN: &str = r#"
set -u
units=$(grep -lsxF '[X-Longshore]' /etc/systemd/system/* | sed 's|.*/||')
guards=$(systemctl list-units --all --plain --no-legend '*-guard.*' | cut -d ' ' -f 1)
[ -z "$units$guards" ] || systemctl stop $units $guards 2>/dev/null
for unit in $units; do
    find /etc/systemd/system -name "$unit" -delete
done
systemctl daemon-reload
systemctl reset-failed
containers=$(docker ps --all --quiet)
[ -z "$containers" ] || docker rm --force --volumes $containers
docker network prune --force
docker volume prune --all --force
umount --lazy /var/lib/longshore/* 2>/dev/null
rm -rf /var/lib/longshore /run/longshore
"#;

/// Brings the lab up, once in a process, while nobody uses a host of it.
fn up() {
    static UP: OnceLock<()> = OnceLock::new();
    UP.get_or_init(|| {
        fs::create_dir_all(state_home()).unwrap();
        let turns: Vec<_> = (1..=HOSTS).map(turn).collect();
        for turn in &turns {
            turn.lock().unwrap();
        }
        let count = HOSTS.to_string();
        succeeded(longshore().args(["lab", "up", &count]), "lab up");
    });
}

fn turn(number: u16) -> File {
    File::create(state_home().join(format!("{}-{number}.turn", name()))).unwrap()
}

fn network() -> String {
    format!("longshore-{}", name())
}

fn succeeded(command: &mut Command, what: &str) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{what}: {}\n{said}{told}",
        output.status
    );
    said
}
