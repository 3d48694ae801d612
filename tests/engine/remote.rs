//! Builds of other repositories, served by git on this machine.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::stack::Stack;

fn git(folder: &Path, arguments: &[&str]) -> String {
    let identity = ["-c", "user.name=t", "-c", "user.email=t@example.com"];
    let mut command = Command::new("git");
    let output = command.args(identity).args(arguments).current_dir(folder);
    let output = output.output().unwrap();
    assert!(output.status.success(), "git {arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// git's own server, ended when dropped.
struct Served(Child, u16);

impl Served {
    fn start(folder: &Path) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = port.local_addr().unwrap().port();
        let child = Command::new("git")
            .args([
                "daemon",
                "--export-all",
                "--listen=127.0.0.1",
                "--reuseaddr",
            ])
            .arg(format!("--port={port}"))
            .arg(format!("--base-path={}", folder.display()))
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let until = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < until, "git does not serve");
            std::thread::sleep(Duration::from_millis(50));
        }
        Self(child, port)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // git starts the server as a child of its own, which ends with it.
        let _ = Command::new("pkill")
            .args(["-P", &self.0.id().to_string()])
            .status();
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn an_image_is_built_from_a_commit_of_another_repository() {
    let stack = Stack::new("remote", "");
    let lib = stack.path("srv/lib");
    stack.write("srv/lib/sub/Dockerfile", "FROM NAME-base\nCOPY one /one\n");
    stack.write("srv/lib/sub/one", "1");
    git(&lib, &["init", "--quiet"]);
    git(&lib, &["add", "."]);
    git(&lib, &["commit", "--quiet", "-m", "one"]);
    let commit = git(&lib, &["rev-parse", "HEAD"]);
    // What comes later is not what was named.
    stack.write("srv/lib/sub/one", "2");
    git(&lib, &["commit", "--quiet", "-am", "two"]);
    let served = Served::start(&stack.path("srv"));
    let compose = format!(
        "name: NAME\nservices:\n  base: {{image: NAME-base, build: ./base}}\n  lib: {{image: NAME-lib, build: \"git://127.0.0.1:{}/lib#{commit}:sub\"}}\n  test: {{build: ./t, command: [sh, -c, 'test $$(cat /one) = 1']}}\n",
        served.1
    );
    stack.write("compose.yaml", &compose);
    stack.write("t/Dockerfile", "FROM NAME-lib\n");
    let cache = stack.path("cache");
    let run = |arguments: &[&str]| {
        let mut command = stack.command(arguments);
        command.env("XDG_CACHE_HOME", &cache);
        crate::stack::Ended::of(command.output().unwrap())
    };
    run(&["test"])
        .expect(0)
        .says("1 green, 0 red")
        .says("fetch git://127.0.0.1");
    // Fetched once: then nobody is asked, and nothing is built.
    drop(served);
    run(&["test"]).expect(0).says("images: 3 up to date");
    fs::remove_dir_all(&cache).unwrap();
    run(&["test"])
        .expect(4)
        .says(&format!("failed to fetch {commit}"));
}
