//! What builds take from elsewhere, and what only some engines can do.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::stack::{Ended, Stack, on_engine};

/// Runs docker on this machine and returns what it prints.
fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "docker {arguments:?}: {text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

/// A stack whose service `a` takes from an image of the cluster, a folder and a stage that a context replaces.
fn named(name: &str) -> Stack {
    let stack = Stack::new(
        name,
        "  a:\n    build:\n      context: ./a\n      additional_contexts: {tools: service:base, files: ./files, made: service:b, never: ./gone}\n  b: {build: ./b}\n",
    );
    stack.write("b/Dockerfile", "FROM NAME-base\nRUN echo b > /made\n");
    stack.write("files/.dockerignore", "out\n");
    stack.write("files/in", "1");
    stack.write("files/out", "1");
    stack.write(
        "a/Dockerfile",
        "FROM nowhere.test/nothing AS made\nRUN false\nFROM tools\nCOPY --from=files . /files\nCOPY --from=made /made /\nRUN test $(cat /files/in) = 1 && test ! -e /files/out && test $(cat /made) = b\n",
    );
    stack
}

#[test]
fn named_contexts_work_where_the_engine_knows_none() {
    let stack = named("contexts");
    let explained = stack.run(&["build", "a", "--explain"]).expect(0);
    explained.says("a     build  not built here before");
    stack.run(&["build", "a"]).expect(0);
    stack.run(&["build"]).expect(0);
    stack
        .run(&["build", "a", "--explain"])
        .expect(0)
        .says("a     keep");
    stack.write("files/in", "2");
    stack
        .run(&["build", "a", "--explain"])
        .expect(0)
        .says("a     build  changed: context files");
    let failed = stack.run(&["build", "a"]).expect(1);
    let said = format!("{}{}", failed.stdout, failed.stderr);
    assert!(!said.contains("longshore.local"), "{said}");
    // Other runs have theirs for a moment.
    until("an image of a folder is left", || {
        docker(&["images", "longshore.local/context", "--quiet"]).is_empty()
    });
}

#[test]
fn the_classic_builder_takes_them_too() {
    let stack = named("contexts-classic");
    let build = |stack: &Stack| {
        let mut command = stack.command(&["build", "a"]);
        Ended::of(command.env("DOCKER_BUILDKIT", "0").output().unwrap())
    };
    build(&stack).expect(0);
    stack.write(
        "a/Dockerfile",
        "FROM tools\nRUN --mount=type=cache,target=/c true\n",
    );
    build(&stack)
        .expect(1)
        .says("it is the classic builder of Docker Engine")
        .says("a: RUN --mount (line 2 of its Dockerfile) needs BuildKit")
        .says("unset DOCKER_BUILDKIT");
}

#[test]
fn a_dockerfile_in_the_definition_is_built() {
    let stack = Stack::new(
        "inline",
        "  a:\n    build:\n      context: ./a\n      dockerfile_inline: |\n        FROM NAME-base\n        COPY x /\n        RUN test -e /x\n",
    );
    stack.write("a/x", "1");
    stack.run(&["build"]).expect(0);
}

#[test]
fn what_the_engine_cannot_do_is_told_before_anything_is_built() {
    let stack = Stack::new("unfit", "  a: {build: ./a}\n  b: {build: ./b}\n");
    stack.write("b/Dockerfile", "FROM NAME-base\n");
    stack.write("a/Dockerfile", "FROM NAME-base\nCOPY --parents x /\n");
    let events = stack.events(&["build"]);
    let last = events.last().unwrap();
    let message = last["message"].as_str().unwrap_or_default();
    let version = on_engine(async |engine| engine.builder().version);
    assert!(
        message.contains(&format!("Docker Engine {version}")),
        "{last}"
    );
    assert!(
        message.contains(
            "a: COPY --parents (line 2 of its Dockerfile) needs BuildKit of Docker Engine 29.1"
        ),
        "{last}"
    );
    assert!(
        events.iter().all(|event| event["event"] != "started"),
        "{events:#?}"
    );
    // What is not built is not asked about.
    stack.run(&["build", "b"]).expect(0);
}

/// Makes a folder for `DOCKER_CONFIG` with the plugin that `scripts/docker-plugins` fetched, or without any.
fn config(stack: &Stack, plugin: bool) -> PathBuf {
    let folder = stack.path("docker");
    fs::create_dir_all(folder.join("cli-plugins")).unwrap();
    let link = folder.join("cli-plugins/docker-buildx");
    let _ = fs::remove_file(&link);
    if plugin {
        let fetched =
            Path::new(env!("CARGO_MANIFEST_DIR")).join(".cache/docker-plugins/docker-buildx");
        assert!(fetched.exists(), "run scripts/docker-plugins");
        std::os::unix::fs::symlink(fetched, link).unwrap();
    }
    folder
}

#[test]
fn a_build_secret_is_seen_by_the_build_and_by_nobody_else() {
    let stack = Stack::new(
        "secret",
        "  a:\n    build: {context: ./a, secrets: [token, file]}\nsecrets: {token: {environment: TOKEN}, file: {file: ./file}}\n",
    );
    let (token, file) = ("t0k3n-of-the-environment", "s3cret-of-the-file");
    stack.write("file", file);
    stack.write(
        "a/Dockerfile",
        "FROM NAME-base\nRUN --mount=type=secret,id=token --mount=type=secret,id=file : NAME && cat /run/secrets/token /run/secrets/file && cat /run/secrets/token | wc -c > /length\n",
    );
    let build = |plugin: bool, token: Option<&str>| {
        let mut command = stack.command(&["build", "-v"]);
        command.env("DOCKER_CONFIG", config(&stack, plugin));
        match token {
            Some(token) => command.env("TOKEN", token),
            None => command.env_remove("TOKEN"),
        };
        Ended::of(command.output().unwrap())
    };
    if !Path::new("/usr/libexec/docker/cli-plugins/docker-buildx").exists() {
        build(false, Some(token))
            .expect(1)
            .says("a: `build.secrets` needs BuildKit and Docker's buildx plugin")
            .says("apt install docker-buildx");
    }
    build(true, None)
        .expect(2)
        .says("failed to read the build secret token: variable TOKEN is not set");
    let built = build(true, Some(token)).expect(0);
    let built = built.says("[secret token][secret file]");
    let image = format!("{}-a", stack.name);
    let history = docker(&["history", "--no-trunc", &image]);
    let config = docker(&["image", "inspect", &image]);
    let ledger = fs::read(stack.path("state/ledger.db")).unwrap();
    let ledger = String::from_utf8_lossy(&ledger).into_owned();
    let saved = String::from_utf8_lossy(
        &Command::new("docker")
            .args(["save", &image])
            .output()
            .unwrap()
            .stdout,
    )
    .into_owned();
    for (place, text) in [
        ("output", &format!("{}{}", built.stdout, built.stderr)),
        ("history", &history),
        ("config", &config),
        ("ledger", &ledger),
        ("image", &saved),
    ] {
        assert!(!text.contains(token) && !text.contains(file), "{place}");
    }
    assert!(saved.contains("24\n"), "the build did not see it");
    // Another value is not another image: what counts is where it comes from.
    build(true, Some("another")).expect(0).says("up to date");
}

/// Returns whether a program runs that was started by this path.
fn runs(program: &Path) -> bool {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    processes.into_iter().any(|process| {
        let line = fs::read(process.path().join("cmdline")).unwrap_or_default();
        line.starts_with(program.as_os_str().as_encoded_bytes())
    })
}

fn until(what: &str, is: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !is() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn the_plugin_does_not_outlive_us() {
    let stack = Stack::new(
        "plugin",
        "  a:\n    build: {context: ./a, secrets: [token]}\nsecrets: {token: {file: ./token}}\n",
    );
    stack.write("token", "token");
    stack.write(
        "a/Dockerfile",
        "FROM NAME-base\nRUN --mount=type=secret,id=token sleep 300\n",
    );
    let config = config(&stack, true);
    let plugin = config.join("cli-plugins/docker-buildx");
    for signal in [Signal::KILL, Signal::INT] {
        let mut command = stack.command(&["build"]);
        command
            .env("DOCKER_CONFIG", &config)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        until("it never started", || runs(&plugin));
        kill_process(Pid::from_child(&child), signal).unwrap();
        child.wait().unwrap();
        until("it goes on", || !runs(&plugin));
    }
}
