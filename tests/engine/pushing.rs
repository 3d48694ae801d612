//! Registries: logins for pulls and pushes, and what a release leaves there. The registry is Debian's
//! `docker-registry` on loopback, which lets nobody in without a password.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::stack::{Stack, on_engine};

const PASSWORD: &str = "geheim-7c1f";

struct Registry {
    folder: tempfile::TempDir,
    address: SocketAddr,
    process: Option<Child>,
}

impl Registry {
    /// Chooses a port and writes the configuration. Nothing listens yet.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        let output = Command::new("htpasswd")
            .args(["-Bbn", "ada", PASSWORD])
            .output();
        fs::write(folder.path().join("htpasswd"), output.unwrap().stdout).unwrap();
        let path = folder.path().display();
        let config = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage:\n  filesystem: {{rootdirectory: {path}/data}}\n  delete: {{enabled: true}}\n\
            http: {{addr: \"{address}\"}}\nauth:\n  htpasswd: {{realm: test, path: {path}/htpasswd}}\n"
        );
        fs::write(folder.path().join("config.yml"), config).unwrap();
        Self {
            folder,
            address,
            process: None,
        }
    }

    fn start(&mut self) {
        let mut command = Command::new("docker-registry");
        command
            .arg("serve")
            .arg(self.folder.path().join("config.yml"))
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        self.process = Some(command.spawn().expect("needs docker-registry"));
        let until = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(self.address).is_err() {
            assert!(Instant::now() < until, "the registry does not come up");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Writes Docker's configuration with this password, and returns its folder.
    fn login(&self, password: &str) -> String {
        let config = self.folder.path().join(password);
        fs::create_dir_all(&config).unwrap();
        let auth = STANDARD.encode(format!("ada:{password}"));
        fs::write(
            config.join("config.json"),
            format!(
                r#"{{"auths": {{"{}": {{"auth": "{auth}"}}}}}}"#,
                self.address
            ),
        )
        .unwrap();
        config.to_str().unwrap().to_owned()
    }

    /// Makes a credential helper and Docker's configuration that names it; returns its folder and the helper's log.
    fn helper(&self) -> (String, PathBuf) {
        let config = self.folder.path().join("helper");
        fs::create_dir_all(&config).unwrap();
        let program = config.join("docker-credential-test");
        let log = config.join("asked");
        let script = format!(
            "#!/bin/sh\nserver=$(cat)\necho \"$1 $server\" >>{}\n[ \"$server\" = {} ] || {{ echo credentials not found in native keychain; exit 1; }}\n\
            printf '{{\"ServerURL\": \"%s\", \"Username\": \"ada\", \"Secret\": \"{PASSWORD}\"}}' \"$server\"\n",
            log.display(),
            self.address
        );
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(config.join("config.json"), r#"{"credsStore": "test"}"#).unwrap();
        (config.to_str().unwrap().to_owned(), log)
    }

    /// Returns how many manifests the registry has.
    fn manifests(&self) -> usize {
        let found = Command::new("find")
            .arg(self.folder.path().join("data"))
            .args(["-path", "*_manifests/revisions*", "-name", "link"])
            .output()
            .unwrap();
        String::from_utf8(found.stdout).unwrap().lines().count()
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.stop();
    }
}

fn stack(name: &str, registry: &Registry) -> Stack {
    let stack = Stack::new(
        name,
        "  test: {image: NAME-base, profiles: [test], command: [\"true\"]}\n",
    );
    stack.write(
        "longshore.yaml",
        &format!("registry: {}/team\n", registry.address),
    );
    stack.run(&["test"]).expect(0);
    stack
}

#[test]
fn a_release_is_pushed_once_verified_and_found_again() {
    let mut registry = Registry::new();
    registry.start();
    let stack = stack("push", &registry).at(&[("DOCKER_CONFIG", &registry.login(PASSWORD))]);
    let events = stack.events(&["release", "--push"]);
    let last = events.last().unwrap();
    assert_eq!(last["outcome"], "done", "{events:#?}");
    let pushed = last["pushed"]["base"].as_str().unwrap().to_owned();
    let expected = format!("{}/team/{}/base@sha256:", registry.address, stack.name);
    assert!(pushed.starts_with(&expected), "{pushed}");
    let count = registry.manifests();
    assert!(count > 0);

    let again = stack.events(&["release", "--push"]);
    let outcome = |events: &[serde_json::Value]| {
        let ended = events.iter().find(|event| {
            event["event"] == "ended"
                && event["work"]["work"] == "push"
                && event["work"]["service"] == "base"
        });
        ended.unwrap()["outcome"]["outcome"].clone()
    };
    assert_eq!(
        (outcome(&events).as_str(), outcome(&again).as_str()),
        (Some("done"), Some("unchanged"))
    );
    assert_eq!(registry.manifests(), count);

    // What the registry lost is pushed again, also where the engine has lost the image.
    registry.stop();
    fs::remove_dir_all(registry.folder.path().join("data")).unwrap();
    registry.start();
    let anew = stack.events(&["release", "--push"]);
    assert_eq!(outcome(&anew), "done", "{anew:#?}");
    let names =
        on_engine(async |engine| engine.image(&format!("{}-base", stack.name)).await.unwrap());
    let names = names.unwrap().tags;
    assert!(
        !names.iter().any(|name| name.contains("/team/")),
        "{names:?}"
    );
}

#[test]
fn a_helper_is_asked_for_the_login_and_nobody_is_told() {
    let mut registry = Registry::new();
    registry.start();
    let (config, log) = registry.helper();
    let path = format!("{config}:{}", std::env::var("PATH").unwrap());
    let stack = stack("helper", &registry).at(&[("DOCKER_CONFIG", &config), ("PATH", &path)]);
    let ended = stack.run(&["-v", "release", "--push"]).expect(0);
    assert!(!format!("{}{}", ended.stdout, ended.stderr).contains(PASSWORD));
    let asked = fs::read_to_string(log).unwrap();
    assert!(
        asked
            .lines()
            .all(|line| line == format!("get {}", registry.address)),
        "{asked}"
    );
    let ledger = fs::read(stack.path("state/ledger.db")).unwrap();
    assert!(!String::from_utf8_lossy(&ledger).contains(PASSWORD));
}

#[test]
fn a_wrong_password_is_told_at_once_and_a_registry_that_restarts_is_waited_for() {
    let mut registry = Registry::new();
    registry.start();
    let stack = stack("refused", &registry).at(&[("DOCKER_CONFIG", &registry.login("wrong"))]);
    let since = Instant::now();
    stack
        .run(&["release", "--push"])
        .expect(1)
        .says(&format!("docker login {}", registry.address));
    assert!(since.elapsed() < Duration::from_secs(30));

    registry.stop();
    let stack = stack.at(&[("DOCKER_CONFIG", &registry.login(PASSWORD))]);
    let started = stack.start(&["release", "--push"]);
    std::thread::sleep(Duration::from_secs(3));
    registry.start();
    started.wait().expect(0);
}
