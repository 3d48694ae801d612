//! Cleaning up after an end that was not planned.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};

use longshore::domain::cluster::{Options, Restart};
use longshore::system::clock;
use longshore::system::engine::{ContainerSpec, Endpoint, Leftover, LeftoverKind, Owner, Run};
use rustix::process::Signal;

use crate::stack::{Stack, docker, on_engine, unswept};

const LONG: &str = r#"
  db: {image: NAME-base, command: [sleep, "60"], volumes: ["data:/data"]}
  test: {image: NAME-base, command: [sh, -c, "echo begun; sleep 60"], depends_on: [db]}
volumes: {data: {}}
"#;

#[test]
fn an_interrupted_test_leaves_nothing_but_its_log() {
    let stack = Stack::new("interrupted", LONG);
    let child = stack.start_test(&[]);
    std::thread::sleep(Duration::from_millis(500));
    child.signal(Signal::INT);
    child.wait().expect(130).says("interrupted");
    assert_eq!(stack.left(), []);
    assert!(stack.log("test", "test").ends_with("begun\n"));
}

#[test]
fn a_second_signal_ends_it_at_once_and_the_next_run_cleans_up() {
    let stack = Stack::new("twice", LONG);
    let child = stack.start_test(&[]);
    std::thread::sleep(Duration::from_millis(500));
    child.signal(Signal::INT);
    // Two of a kind may arrive as one.
    std::thread::sleep(Duration::from_millis(20));
    child.signal(Signal::TERM);
    child
        .wait()
        .expect(130)
        .says("interrupted twice")
        .says("`longshore gc`");
    stack.gc().expect(0);
    assert_eq!(stack.left(), []);
}

#[test]
fn an_interrupted_build_ends_at_once() {
    let stack = Stack::new("interrupted-build", "  a: {build: ./a}\n");
    let sleep = format!("sleep 50; echo {}", std::process::id());
    stack.write("a/Dockerfile", &format!("FROM NAME-base\nRUN {sleep}\n"));
    let child = stack.start(&["build", "-v"]);
    let sleeps = || Command::new("pgrep").args(["-f", &sleep]).output().unwrap();
    let begun = Instant::now();
    while sleeps().stdout.is_empty() && begun.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(100));
    }
    let since = Instant::now();
    child.signal(Signal::TERM);
    child.wait().expect(130).says("RUN sleep 50");
    assert!(since.elapsed() < Duration::from_secs(10));
}

#[test]
fn what_a_killed_run_left_is_removed_and_nothing_foreign() {
    let stack = Stack::new("killed", LONG);
    let child = stack.start_test(&[]);
    let foreign = foreign(&stack);
    let kinds: Vec<_> = stack.left().iter().map(|left| left.kind).collect();
    assert_eq!(
        kinds.len(),
        4,
        "two containers, a network and a volume: {kinds:?}"
    );
    child.signal(Signal::KILL);
    child.wait().expect(-1);
    let _alone = unswept();
    let kept = Stack::new("kept", "  test: {image: NAME-base, command: ['false']}\n");
    kept.run(&["test", "--keep"])
        .expect(1)
        .says("look with `docker logs")
        .says("`longshore gc`");
    assert_eq!(kept.left().len(), 2);
    // The next run cleans up what the dead one left, and what is meant to stay stays.
    assert_eq!(stack.left(), []);
    stack
        .run(&["gc", "--dry-run"])
        .expect(0)
        .says(&format!("would remove container {}", kept.left()[0].name));
    assert_eq!(kept.left().len(), 2);

    let name = kept.left()[0].name.clone();
    stack
        .run(&["gc"])
        .expect(0)
        .says(&format!("removed container {name}"));
    assert_eq!(kept.left(), []);
    on_engine(async |engine| {
        for name in &foreign.0 {
            engine
                .container(name)
                .await
                .expect("what is not ours stays");
        }
    });
}

#[test]
fn images_of_earlier_builds_go_unless_a_release_has_them_or_somebody_named_them() {
    let stack = Stack::new(
        "earlier",
        "  a: {build: ./a}\n  test: {build: ./a, command: ['true']}\n",
    );
    let build = |number: u32, arguments: &[&str]| {
        let text = format!("FROM NAME-base\nLABEL build={number} case=NAME\n");
        stack.write("a/Dockerfile", &text);
        stack.run(arguments).expect(0);
        let id = docker(&[
            "image",
            "inspect",
            "--format",
            "{{.Id}}",
            &format!("{}-a", stack.name),
        ]);
        id.trim().to_owned()
    };
    let is_there = |id: &str| on_engine(async |engine| engine.image(id).await.unwrap().is_some());
    let released = build(1, &["run"]);
    let earlier = build(2, &["build"]);
    let named = build(3, &["build"]);
    let name = format!("{}-mine", stack.name);
    docker(&["tag", &named, &name]);
    let used = build(4, &["build"]);
    docker(&["create", "--name", &name, &used, "true"]);
    let latest = build(5, &["build"]);

    let words = format!("image {} of", &earlier["sha256:".len()..][..12]);
    let dry = stack.run(&["gc", "--dry-run"]).expect(0);
    dry.says(&format!("would remove {words}"));
    assert!(is_there(&earlier));
    stack.gc().expect(0).says(&format!("removed {words}"));
    assert!(!is_there(&earlier));
    for id in [&released, &named, &used, &latest] {
        assert!(is_there(id), "{id}");
    }
    docker(&["rm", &name]);
    docker(&["rmi", &name]);
    stack.gc().expect(0);
    assert!(!is_there(&named) && !is_there(&used));
    docker(&["rmi", "--force", &released, &latest]);
}

/// Containers that are not ours, removed at the end.
struct Foreign(Vec<String>);

impl Drop for Foreign {
    fn drop(&mut self) {
        on_engine(async |engine| {
            for name in &self.0 {
                let container = Leftover {
                    kind: LeftoverKind::Container,
                    name: name.clone(),
                    run: String::new(),
                    owner: Owner::this_process(),
                    kept: false,
                    until: None,
                };
                let _ = engine.remove(&container).await;
            }
        });
    }
}

/// Makes containers that look like ours and are not: of nobody, of a run whose owner says nothing, of a living run.
fn foreign(stack: &Stack) -> Foreign {
    let ours = Run::begin(&stack.name.parse().unwrap(), clock::now()).labels();
    let mut unowned = ours.clone();
    unowned.insert(Run::OWNER.to_owned(), "somebody".to_owned());
    let cases = [
        ("none", BTreeMap::new()),
        ("unowned", unowned),
        ("living", ours),
    ];
    let names = cases.map(|(case, mut labels)| {
        // Not the stack's, so that what is left of it can be counted.
        labels.remove(Run::CLUSTER);
        let name = format!("{}-foreign-{case}", stack.name);
        let image = format!("{}-base", stack.name);
        on_engine(async |engine| {
            let image = engine.image(&image).await.unwrap().unwrap();
            let spec = ContainerSpec {
                name: name.clone(),
                image: image.id,
                command: Some(vec!["true".to_owned()]),
                entrypoint: None,
                environment: BTreeMap::new(),
                user: None,
                working_dir: None,
                options: Options::default(),
                labels: labels.clone(),
                healthcheck: None,
                restart: Restart::No,
                mounts: Vec::new(),
                endpoint: Endpoint {
                    network: "none".to_owned(),
                    aliases: [].into(),
                    links: [].into(),
                },
            };
            engine.create_container(spec).await.unwrap();
        });
        name
    });
    Foreign(names.into())
}
