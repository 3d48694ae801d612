//! Building.

use serde_json::Value;

use crate::stack::{Stack, on_engine};

fn outcome<'e>(events: &'e [Value], service: &str) -> &'e str {
    let ended = events.iter().find(|event| {
        event["event"] == "ended"
            && event["work"]["work"] == "build"
            && event["work"]["service"] == service
    });
    ended.expect(service)["outcome"]["outcome"]
        .as_str()
        .unwrap()
}

fn at(events: &[Value], kind: &str, service: &str) -> usize {
    let found = events
        .iter()
        .position(|event| event["event"] == kind && event["work"]["service"] == service);
    found.expect(service)
}

#[test]
fn images_are_built_in_parallel_after_their_bases_and_not_again() {
    let stack = Stack::new("parallel", "  a: {build: ./a}\n  b: {build: ./b}\n");
    for service in ["a", "b"] {
        let salt = std::process::id();
        stack.write(
            &format!("{service}/Dockerfile"),
            &format!("FROM NAME-base\nCOPY file /\nRUN sleep 2; echo {service}{salt}\n"),
        );
        stack.write(&format!("{service}/file"), "1");
    }
    let events = stack.events(&["build", "--jobs", "2"]);
    assert_eq!(events.last().unwrap()["outcome"], "done", "{events:#?}");
    assert!(at(&events, "ended", "base") < at(&events, "started", "a"));
    assert!(at(&events, "started", "a") < at(&events, "ended", "b"));
    assert!(at(&events, "started", "b") < at(&events, "ended", "a"));
    let images = &events.last().unwrap()["images"];
    assert_eq!(images["a"]["layers"][0], images["base"]["layers"][0]);

    let again = stack.events(&["build"]);
    for service in ["base", "a", "b"] {
        assert_eq!(outcome(&again, service), "unchanged");
    }
    assert_eq!(again.last().unwrap()["images"], *images);

    stack.write("a/file", "2");
    stack
        .run(&["build", "--explain"])
        .expect(0)
        .says("a     build  changed: context");
    let changed = stack.events(&["build"]);
    assert_eq!(
        (outcome(&changed, "a"), outcome(&changed, "b")),
        ("done", "unchanged")
    );

    let id = changed.last().unwrap()["images"]["b"]["config"]
        .as_str()
        .unwrap();
    on_engine(async |engine| engine.untag(&format!("{}-b", stack.name)).await.unwrap());
    stack
        .run(&["build", "--explain"])
        .expect(0)
        .says(&format!("b     build  image {}", &id[7..19]));
    stack
        .run(&["build", "b", "--no-cache", "--explain"])
        .expect(0)
        .says("--no-cache");
}

#[test]
fn a_name_that_went_to_another_image_comes_back() {
    let stack = Stack::new("renamed", "  a: {build: ./a}\n");
    stack.write("a/Dockerfile", "FROM NAME-base\nRUN echo a > /a\n");
    stack.run(&["build"]).expect(0);
    on_engine(async |engine| {
        let other = engine
            .image(&format!("{}-a", stack.name))
            .await
            .unwrap()
            .unwrap();
        engine
            .tag(&other.id, &format!("{}-base", stack.name))
            .await
            .unwrap();
    });
    // Were it built on what has the name now, the line before would have run in it.
    stack.write("a/Dockerfile", "FROM NAME-base\nRUN test ! -e /a\n");
    stack.run(&["build"]).expect(0);
}

#[test]
fn an_external_base_moves_only_when_asked() {
    let stack = Stack::new("external", "  a: {build: ./a}\n");
    stack.write("a/Dockerfile", "FROM NAME-external\nRUN test ! -e /new\n");
    let maker = Stack::new("maker", "  a: {build: ./a}\n");
    maker.write("a/Dockerfile", "FROM NAME-base\nRUN echo new > /new\n");
    maker.run(&["build"]).expect(0);
    let external = format!("{}-external", stack.name);
    let name = |image: &str| {
        let image = format!("{}-{image}", maker.name);
        on_engine(async |engine| {
            let image = engine.image(&image).await.unwrap().unwrap();
            engine.tag(&image.id, &external).await.unwrap();
        });
    };
    name("base");
    stack.run(&["build"]).expect(0);
    name("a");
    stack.run(&["build"]).expect(0).says("up to date");
    stack.run(&["build", "--no-cache"]).expect(0);
}

#[test]
fn what_is_left_out_of_the_context_does_not_reach_the_build() {
    let stack = Stack::new(
        "context",
        "  a: {build: {context: ./a, dockerfile: ../docker/A}}\n",
    );
    stack.write("docker/A", "FROM NAME-base\nCOPY . /c\nRUN test -e /c/kept/x && test ! -e /c/kept/y && test ! -e /c/dropped && test -x /c/run && test $(stat -c %Y /c/kept/x) = 0\n");
    stack.write("a/.dockerignore", "*\n!kept/x\n!run\n");
    for file in ["a/kept/x", "a/kept/y", "a/dropped", "a/run"] {
        stack.write(file, "x");
    }
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(stack.path("a/run"), mode).unwrap();
    stack.run(&["build"]).expect(0);
}

#[test]
fn a_failing_build_shows_what_it_said_last() {
    let stack = Stack::new("failing", "  a: {build: ./a}\n");
    stack.write(
        "a/Dockerfile",
        "FROM NAME-base\nRUN echo the reason; exit 7\n",
    );
    stack
        .run(&["build"])
        .expect(1)
        .says("failed to build a")
        .says("| the reason")
        .says("exit code: 7");
    let events = stack.events(&["build"]);
    assert_eq!(outcome(&events, "a"), "failed");
    assert_eq!(events.last().unwrap()["exit_code"], 1);
}

#[test]
fn arguments_and_targets_are_passed_on() {
    let stack = Stack::new(
        "target",
        "  a: {build: {context: ./a, target: one, args: {WORD: hello}}}\n",
    );
    stack.write(
        "a/Dockerfile",
        "FROM NAME-base AS one\nARG WORD\nRUN test \"$WORD\" = hello\nFROM one\nRUN false\n",
    );
    stack.run(&["build"]).expect(0);
}

#[test]
fn an_image_that_does_not_exist_is_named_with_who_needs_it() {
    let stack = Stack::new("missing", "  test: {image: \"127.0.0.1:9/nothing:1\"}\n");
    stack
        .run(&["test"])
        .expect(1)
        .says("image 127.0.0.1:9/nothing:1, which test needs")
        .says("hint: ");
    stack.write("compose.yaml", "services: {a: {build: ./a}}\n");
    stack.write("a/Dockerfile", "FROM 127.0.0.1:9/nothing:1\n");
    stack
        .run(&["build"])
        .expect(1)
        .says("image 127.0.0.1:9/nothing:1, which a needs");
}

#[test]
fn without_an_engine_it_says_how_to_start_one() {
    let stack = Stack::new("no-engine", "");
    for address in ["unix:///nonexistent.sock", "tcp://127.0.0.1:9"] {
        let output = stack
            .command(&["build"])
            .env("DOCKER_HOST", address)
            .output()
            .unwrap();
        let ended = crate::stack::Ended::of(output).expect(4);
        ended
            .says(&format!("no container engine answers at {address}"))
            .says("hint: start one");
    }
}

#[test]
fn an_unknown_service_is_named_with_those_there_are() {
    let stack = Stack::new("unknown", "");
    stack
        .run(&["build", "nothing"])
        .expect(2)
        .says("there is no service nothing")
        .says("services are: base");
}
