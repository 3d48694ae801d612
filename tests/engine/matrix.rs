//! The cells of a matrix.

use crate::stack::Stack;

const SERVICES: &str = r#"
  api:
    build: {context: api, args: {DISTRO: "${matrix.distro}"}}
    command: [sh, -c, "nc -ll -p 80 -e cat /etc/distro"]
    healthcheck: {test: "nc 127.0.0.1 80 </dev/null", interval: 300ms}
  same: {image: NAME-base, command: [sleep, "60"]}
  test:
    image: NAME-base
    environment: {ON: "${matrix.distro}"}
    depends_on: {api: {condition: service_healthy}, same: {condition: service_started}}
"#;

fn stack(name: &str, test: &str) -> Stack {
    let stack = Stack::new(name, SERVICES);
    stack.write(
        "api/Dockerfile",
        "ARG DISTRO\nFROM NAME-base\nARG DISTRO\nRUN echo built on $DISTRO > /etc/distro\n",
    );
    stack.write("longshore.yaml", test);
    stack
}

#[test]
fn each_cell_is_a_test_of_its_own_beside_its_own_services() {
    let stack = stack(
        "matrix",
        r#"
tests:
  integration:
    service: test
    command: [sh, -ec, "nc api 80 </dev/null | grep \"built on $$ON\"; test $$ON = ${matrix.distro}"]
    matrix: {distro: [trixie, bookworm]}
"#
        .replace("$$ON", "$ON")
        .as_str(),
    );
    stack
        .run(&["test", "distro=bookworm"])
        .expect(0)
        .says("1 green, 0 red");
    let events = stack.events(&["test"]);
    let tests = events.last().unwrap()["tests"].as_array().unwrap();
    let names: Vec<_> = tests
        .iter()
        .map(|test| test["test"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        ["integration[distro=bookworm]", "integration[distro=trixie]"]
    );
    let images = |test: &serde_json::Value| -> Vec<String> {
        test["images"]
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect()
    };
    assert_eq!(
        images(&tests[0]),
        ["api[distro=bookworm]", "same", "test[distro=bookworm]"]
    );
    assert_eq!(images(&tests[1]), ["api", "same", "test"]);
    assert_eq!(stack.left(), []);
    stack
        .run(&["test", "integration[distro=trixie]"])
        .expect(0)
        .says("1 green (1 unchanged), 0 red");
    stack
        .run(&["test", "distro=trixy"])
        .expect(2)
        .says("axis distro has no value trixy")
        .says("did you mean `trixie`?");
    stack
        .run(&["history"])
        .expect(0)
        .says("integration[distro=bookworm]");

    // What is released is what the plain names stand for.
    let release = stack.events(&["release"]).pop().unwrap();
    assert_eq!(release["untested"], serde_json::json!([]), "{release}");
}

#[test]
fn a_red_cell_ends_the_others_where_it_is_asked_to() {
    let stack = stack(
        "fail-fast",
        r#"
tests:
  other: {service: same, command: [sleep, "3"]}
  cells:
    service: same
    command: [sh, -c, "test ${matrix.distro} = trixie && sleep 60"]
    matrix: {distro: [trixie, bookworm], fail_fast: true}
"#,
    );
    stack
        .run(&["test", "--jobs", "3"])
        .expect(1)
        .says("test cells[distro=bookworm] is red")
        .says("test cells[distro=trixie] is skipped: another cell is red")
        .says("1 green, 1 red, 1 skipped");
    assert_eq!(stack.left(), []);
}
