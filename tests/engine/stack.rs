//! A throw-away stack in a folder of its own, and longshore run on it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use longshore::domain::name::ServiceName;
use longshore::system::engine::{Engine, Leftover, LeftoverKind, Run};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::lab;

/// A stack: a definition and what it is built from, with a ledger of its own.
pub struct Stack {
    folder: tempfile::TempDir,
    pub name: String,
    /// Variables that say which engine is meant, and more.
    variables: Vec<(String, String)>,
}

/// How longshore ended.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Stack {
    /// Makes a stack whose service `base` is busybox; `NAME` in the definition stands for the cluster's name.
    pub fn new(name: &str, compose: &str) -> Self {
        // The label makes it an image of this stack alone, so that no other one's end removes it.
        let stack = Self {
            folder: tempfile::tempdir().unwrap(),
            name: format!("engine-test-{name}-{}", std::process::id()),
            variables: Vec::new(),
        };
        let busybox = Path::new("/bin/busybox");
        assert!(busybox.exists(), "needs busybox-static");
        stack.write(
            "base/Dockerfile",
            "FROM scratch\nCOPY busybox /bin/busybox\nRUN [\"/bin/busybox\", \"--install\", \"-s\", \"/bin\"]\nLABEL stack=NAME\n",
        );
        fs::copy(busybox, stack.path("base/busybox")).unwrap();
        stack.write(
            "compose.yaml",
            &format!(
                "name: NAME\nservices:\n  base: {{build: ./base, image: NAME-base}}\n{compose}"
            ),
        );
        stack
    }

    /// Has longshore run with these variables, hosts of the lab at hand.
    pub fn at(mut self, variables: &[(&str, &str)]) -> Self {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        self.variables.extend(variables.iter().map(own));
        self
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// Writes a file.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text.replace("NAME", &self.name)).unwrap();
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_longshore"));
        command
            .arg("-C")
            .arg(self.folder.path())
            .args(arguments)
            .env("LONGSHORE_LEDGER", self.path("state/ledger.db"))
            .env_remove("GITHUB_ACTIONS")
            .env_remove("GITLAB_CI")
            .env("XDG_STATE_HOME", lab::state_home())
            .env("LONGSHORE_LAB", lab::name())
            .envs(self.variables.clone())
            .stdin(Stdio::null());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ended {
        Ended::of(self.command(arguments).output().unwrap())
    }

    /// Runs `gc`, while no test needs that what it left on purpose stays.
    pub fn gc(&self) -> Ended {
        let _sweeping = sweeping();
        self.run(&["gc"])
    }

    /// Runs it and returns its events, the closing one last.
    pub fn events(&self, arguments: &[&str]) -> Vec<Value> {
        let ended = self.run(&[&["--format", "json"], arguments].concat());
        let lines = ended.stdout.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Starts it and waits until the container of the test `test` is there.
    pub fn start_test(&self, arguments: &[&str]) -> Started {
        let child = self.start(&[&["test"], arguments].concat());
        self.until_there("-test-test");
        child
    }

    /// Waits until a container whose name ends so is there.
    pub fn until_there(&self, end: &str) {
        let until = Instant::now() + Duration::from_secs(60);
        while !self.is_there(end) {
            assert!(Instant::now() < until, "no {end} runs after a minute");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub fn is_there(&self, end: &str) -> bool {
        let left = self.left();
        let mut containers = left
            .iter()
            .filter(|left| left.kind == LeftoverKind::Container);
        containers.any(|left| left.name.ends_with(end))
    }

    /// Starts it.
    pub fn start(&self, arguments: &[&str]) -> Started {
        self.started(self.command(arguments))
    }

    /// Starts what a command says.
    pub fn started(&self, mut command: Command) -> Started {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Started(Some(command.spawn().unwrap()))
    }

    /// Returns what the stack's runs have on the engine.
    pub fn left(&self) -> Vec<Leftover> {
        let label = (Run::CLUSTER, self.name.as_str());
        on_engine(async |engine| engine.leftovers(&[label]).await.unwrap())
    }

    /// Reads the only log of a service that was kept.
    pub fn log(&self, test: &str, service: &str) -> String {
        fs::read_to_string(self.log_path(test, service)).unwrap()
    }

    /// Returns where the only log of a service was kept.
    pub fn log_path(&self, test: &str, service: &str) -> PathBuf {
        let runs = fs::read_dir(self.path("state/logs")).unwrap();
        let paths = runs.map(|run| {
            run.unwrap()
                .path()
                .join(test)
                .join(format!("{service}.log"))
        });
        let paths: Vec<_> = paths.filter(|path| path.exists()).collect();
        assert_eq!(paths.len(), 1, "{paths:?}");
        paths[0].clone()
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        let Ok(text) = fs::read_to_string(self.path("compose.yaml")) else {
            return;
        };
        let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || "-_".contains(c)));
        let services = [
            "a",
            "b",
            "test",
            "external",
            "api",
            "lint",
            "api[distro=bookworm]",
        ]
        .map(|service| {
            let service: ServiceName = service.parse().unwrap();
            format!("{}-{}", self.name, service.file())
        });
        let tags: std::collections::BTreeSet<String> = words
            .filter(|word| word.starts_with(&self.name))
            .map(str::to_owned)
            .chain(services)
            .collect();
        on_engine(async |engine| {
            for tag in &tags {
                let found = engine.image(tag).await.ok().flatten();
                let names = found.map(|image| image.tags).unwrap_or_default();
                for name in names
                    .iter()
                    .filter(|name| name.starts_with("longshore.local/"))
                {
                    let _ = engine.untag(name).await;
                }
                let _ = engine.untag(tag).await;
            }
        });
    }
}

/// Held exclusively by a test that keeps something which any `gc` on the engine would take.
static UNSWEPT: RwLock<()> = RwLock::new(());

/// Keeps every other test from sweeping until dropped.
pub fn unswept() -> RwLockWriteGuard<'static, ()> {
    UNSWEPT.write().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until sweeping harms nobody.
pub fn sweeping() -> RwLockReadGuard<'static, ()> {
    UNSWEPT.read().unwrap_or_else(PoisonError::into_inner)
}

/// Runs docker, as somebody else would, and returns what it prints.
#[track_caller]
pub fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {told}");
    String::from_utf8(output.stdout).unwrap()
}

/// A longshore that runs; killed if its test ends before.
pub struct Started(Option<Child>);

impl Started {
    pub fn id(&self) -> u32 {
        self.0.as_ref().unwrap().id()
    }

    /// Takes what it prints, which `wait` then does not have.
    pub fn stdout(&mut self) -> ChildStdout {
        self.0.as_mut().unwrap().stdout.take().unwrap()
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(self.0.as_ref().unwrap()), signal).unwrap();
    }

    pub fn wait(mut self) -> Ended {
        Ended::of(self.0.take().unwrap().wait_with_output().unwrap())
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Ended {
    pub fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Asserts how it ended, and shows what it said otherwise.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(
            self.code, code,
            "stdout:\n{}\nstderr:\n{}",
            self.stdout, self.stderr
        );
        self
    }

    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        let whole = format!("{}\n{}", self.stdout, self.stderr);
        assert!(whole.contains(text), "{text:?} is not in:\n{whole}");
        self
    }
}

/// Asks the engine something, on a thread of its own so that it works while a test panics.
pub fn on_engine<T: Send>(ask: impl AsyncFn(&Engine) -> T + Send) -> T {
    let asked = move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async { ask(&Engine::connect().await.unwrap()).await })
    };
    std::thread::scope(|scope| scope.spawn(asked).join().unwrap())
}
