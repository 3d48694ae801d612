//! Steps that are an image or a Dockerfile of their own, and what is run before a release.

use std::process::Command;

use rustix::process::Signal;

use crate::stack::Stack;

const DB: &str = "  db: {image: NAME-base, command: [sh, -c, 'nc -ll -p 80 -e echo row'], healthcheck: {test: 'nc 127.0.0.1 80 </dev/null', interval: 300ms}}\n";

fn stack(name: &str, settings: &str) -> Stack {
    let stack = Stack::new(name, DB);
    stack.write("longshore.yaml", settings);
    stack.write("source/main", "the source");
    stack.write(".gitignore", "/state\n");
    stack.write(
        "Dockerfile.lint",
        "FROM NAME-base\nCMD [\"sh\", \"-c\", \"test $TEST = 1 && grep source source/main\"]\n",
    );
    stack.write(".dockerignore", "*\n");
    let git = |arguments: &[&str]| {
        let identity = ["-c", "user.name=x", "-c", "user.email=x@example.test"];
        let git = Command::new("git")
            .args(identity)
            .args(arguments)
            .current_dir(stack.path(""))
            .status();
        assert!(git.unwrap().success());
    };
    git(&["init", "--quiet"]);
    git(&["add", "."]);
    git(&["commit", "--quiet", "-m", "x"]);
    stack
}

#[test]
fn a_test_may_be_an_image_or_a_dockerfile_with_the_tree_and_services() {
    let stack = stack(
        "steps",
        r#"
tests:
  unit:
    image: NAME-base
    env: {MODE: fast}
    services: [db]
    command: [sh, -ec, "test $MODE = fast; grep source $BUILD_DIR/source/main; sleep 1; nc db 80 </dev/null | grep row; touch $BUILD_DIR/new $ARTIFACTS_DIR/made"]
  lint: {dockerfile: Dockerfile.lint}
"#,
    );
    stack.run(&["test"]).expect(0).says("2 green, 0 red");
    assert!(!stack.path("new").exists(), "the tree is a copy");
    stack.run(&["test"]).expect(0).says("2 green (2 unchanged)");
    stack.write("source/main", "another source");
    stack.run(&["test"]).expect(0).says("2 green, 0 red");
    assert_eq!(stack.left(), []);
}

#[test]
fn a_release_is_made_once_its_steps_are_done_and_not_if_one_fails() {
    let settings = |second: &str| {
        format!(
            r#"
tests: {{t: {{service: db, command: ["true"]}}}}
release:
  - {{name: notes, image: NAME-base, command: [sh, -c, "test -z \"$TEST\" && grep source source/main"]}}
  - {{image: NAME-base, services: [db], command: [sh, -c, "{second}"]}}
"#
        )
    };
    let stack = stack("release-steps", &settings("echo cannot publish; exit 7"));
    stack
        .run(&["release"])
        .expect(3)
        .says("test t has not been run");
    stack
        .run(&["run"])
        .expect(1)
        .says("step release-2 failed, so there is no release: exit code 7")
        .says("| cannot publish");
    assert_eq!(stack.left(), []);
    let none = stack.run(&["history"]).expect(0);
    assert!(!none.stdout.contains("release "), "{}", none.stdout);

    stack
        .run(&["release", "--skip", "release-2"])
        .expect(0)
        .says("release-2 was skipped: the release is not green for it");
    stack.write("longshore.yaml", &settings("echo published"));
    let events = stack.events(&["run"]);
    let ended = |name: &str| {
        events
            .iter()
            .filter(|event| event["event"] == "ended" && event["work"]["step"] == name)
            .count()
    };
    assert_eq!((ended("notes"), ended("release-2")), (1, 1));
    let again = stack.events(&["release"]);
    assert!(
        again.iter().all(|event| event["work"]["work"] != "step"),
        "it was released before"
    );
    assert_eq!(stack.left(), []);
}

#[test]
fn a_step_finds_the_artifacts_of_green_tests_a_folder_each() {
    let stack = stack(
        "artifacts",
        r#"
tests:
  unit: {image: NAME-base, command: [sh, -ec, "mkdir $ARTIFACTS_DIR/bin; echo built > $ARTIFACTS_DIR/bin/app"]}
  web:
    service: db
    command: [sh, -ec, "mkdir /site; echo page > /site/index.html"]
    artifacts: [/site]
release:
  - {image: NAME-base, command: [sh, -ec, "cd $ARTIFACTS_DIR; test $PWD = /artifacts; grep built unit/bin/app; grep page web/site/index.html; test $(find . -type f | wc -l) = 2"]}
  - {service: db, command: [sh, -ec, "grep built $ARTIFACTS_DIR/unit/bin/app"]}
"#,
    );
    stack.run(&["test"]).expect(0);
    stack.run(&["release"]).expect(0);
    assert_eq!(stack.left(), []);

    stack.write("source/main", "another source");
    stack.run(&["test"]).expect(0);
    std::fs::remove_dir_all(stack.path("state/logs")).unwrap();
    stack
        .run(&["release"])
        .expect(1)
        .says("failed to give release-1 the artifacts of test")
        .says("--force` makes them again");
    assert_eq!(stack.left(), []);
}

#[test]
fn killed_in_a_step_there_is_no_release_and_gc_removes_its_containers() {
    let stack = stack(
        "release-killed",
        r#"
tests: {t: {service: db, command: ["true"]}}
release: [{name: publish, image: NAME-base, services: [db], command: [sleep, "600"]}]
"#,
    );
    stack.run(&["test"]).expect(0);
    let release = stack.start(&["release"]);
    stack.until_there("-publish-publish");
    release.signal(Signal::KILL);
    assert_eq!(release.wait().code, -1);
    assert!(stack.is_there("-publish-publish") && stack.is_there("-publish-db"));

    let none = stack.run(&["history"]).expect(0);
    assert!(!none.stdout.contains("release "), "{}", none.stdout);
    stack.gc().expect(0);
    assert_eq!(stack.left(), []);
}

#[test]
fn what_is_skipped_is_not_run_and_means_something() {
    let stack = stack(
        "skip",
        "tests: {a: {service: db, command: ['false']}, b: {service: db, command: ['true']}}\n",
    );
    stack
        .run(&["test", "--skip", "a"])
        .expect(0)
        .says("test a is skipped: asked for with --skip")
        .says("1 green, 0 red, 1 skipped");
    stack.run(&["run", "--skip", "a"]).expect(0);
    stack
        .run(&["release"])
        .expect(3)
        .says("test a has not been run");
    stack
        .run(&["test", "--skip", "c"])
        .expect(2)
        .says("there is no test c");
}

#[test]
fn a_test_on_two_cells_finds_what_the_one_that_it_needs_left() {
    let settings = |built: &str| {
        format!(
            r#"
tests:
  z-build: {{image: NAME-base, command: [sh, -ec, "{built}"]}}
  unit:
    service: db
    needs: {{z-build: /built}}
    matrix: {{mode: [fast, slow]}}
    command: [sh, -ec, "test $(cat /built/bin/app) = built; echo ${{matrix.mode}}"]
"#
        )
    };
    let stack = stack(
        "needs",
        &settings("mkdir $ARTIFACTS_DIR/bin; echo built > $ARTIFACTS_DIR/bin/app"),
    );
    stack
        .run(&["test", "unit"])
        .expect(0)
        .says("3 green, 0 red");
    stack
        .run(&["test", "--jobs", "1"])
        .expect(0)
        .says("3 green (3 unchanged)");
    stack.write("longshore.yaml", &settings("exit 4"));
    stack
        .run(&["test", "--jobs", "1"])
        .expect(1)
        .says("0 green, 1 red, 2 skipped")
        .says("it needs z-build, which is red");
    stack
        .run(&["test", "--skip", "z-build"])
        .expect(0)
        .says("it needs z-build, which is skipped");
    assert_eq!(stack.left(), []);
}
