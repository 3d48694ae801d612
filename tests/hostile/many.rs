//! More of something than anybody has.

use super::project::Project;
use super::{ends, refused};

fn services(count: usize, service: impl Fn(usize) -> String) -> String {
    let lines: String = (0..count)
        .map(|number| format!("  s{number}: {}\n", service(number)))
        .collect();
    format!("services:\n{lines}")
}

#[test]
fn a_million_keys() {
    let keys: String = (0..1_000_000).map(|key| format!("{key:x}k:\n")).collect();
    refused(&Project::of(&keys), &["compose.yaml", "MB are read"]);
    let keys: String = (0..600_000).map(|key| format!("{key:x}:\n")).collect();
    refused(&Project::of(&keys), &["compose.yaml:"]);
    let keys: String = (0..400_000).map(|key| format!("{key:x}k:\n")).collect();
    let says = ["compose.yaml:", "the file holds more than"];
    refused(&Project::of(&keys), &says);
    let keys: String = (0..90_000).map(|key| format!(" {key:x}k: 1\n")).collect();
    refused(
        &Project::of(format!("services:\n{keys}")),
        &["compose.yaml"],
    );
    ends(&Project::of(format!(
        "x-a:\n{keys}services: {{a: {{image: a}}}}\n"
    )));
}

#[test]
fn as_many_values_as_a_file_may_hold() {
    let pairs: String = (0..149_000)
        .map(|key| format!("      A{key:x}: {key:x}\n"))
        .collect();
    ends(&Project::of(format!(
        "services:\n  a:\n    image: a\n    environment:\n{pairs}"
    )));
    let list: String = (0..299_000)
        .map(|key| format!("      - A{key:x}\n"))
        .collect();
    ends(&Project::of(format!(
        "services:\n  a:\n    image: a\n    command:\n{list}"
    )));
    ends(&Project::of(services(49_000, |_| "{image: a}".to_owned())));
}

#[test]
fn problems_without_end() {
    refused(
        &Project::of(services(40_000, |_| "{imge: a}".to_owned())),
        &["compose.yaml:"],
    );
    refused(
        &Project::of(services(40_000, |_| "{image: $}".to_owned())),
        &["compose.yaml:"],
    );
    let waits = |number| format!("{{image: a, depends_on: [t{number}]}}");
    refused(&Project::of(services(10_000, waits)), &["compose.yaml:"]);
    let waits = |number| format!("{{image: a, networks: [n{number}], volumes: ['v{number}:/a']}}");
    refused(&Project::of(services(25_000, waits)), &["compose.yaml:"]);
    let unset = |number| format!("{{image: a, environment: {{A: $V{number}}}}}");
    ends(&Project::of(services(40_000, unset)));
}

#[test]
fn ranges_of_ports() {
    let of = |key: &str, count: usize, range: &str| {
        let ports = format!("      - {range}\n").repeat(count);
        format!("services:\n  a:\n    image: a\n    {key}:\n{ports}")
    };
    let says = ["compose.yaml:", "the service has more than 20000 ports"];
    refused(&Project::of(of("ports", 200_000, "1-9:1-9")), &says);
    refused(&Project::of(of("ports", 100_000, "1-65535:1-65535")), &says);
    ends(&Project::of(of("expose", 190_000, "1-65535")));
    let each = |_| "{image: a, ports: ['1-20000:1-20000']}".to_owned();
    let says = ["compose.yaml:", "more than 50000 ports together"];
    refused(&Project::of(services(1000, each)), &says);
}

#[test]
fn a_list_that_is_merged() {
    let file = |key: &str, count: usize| {
        let items: String = (0..count)
            .map(|item| format!("      - A{item:x}\n"))
            .collect();
        format!("services:\n  a:\n    image: a\n    {key}:\n{items}")
    };
    for key in [
        "environment",
        "labels",
        "depends_on",
        "networks",
        "volumes",
        "env_file",
        "dns",
    ] {
        let project = Project::of(file(key, 100_000));
        ends(&project.with("compose.override.yaml", file(key, 100_000)));
    }
}

#[test]
fn ten_thousand_services_that_extend_a_large_one() {
    let variables: String = (0..1000).map(|number| format!("V{number}: x, ")).collect();
    let text = services(10_000, |_| "{extends: base}".to_owned());
    let text = format!("{text}  base: {{image: a, environment: {{{variables}}}}}\n");
    refused(
        &Project::of(text),
        &["compose.yaml:", "`extends` blows the definition up"],
    );
}

#[test]
fn a_hundred_thousand_services_that_extend_a_small_one() {
    let text = services(45_000, |_| "{extends: base}".to_owned());
    ends(&Project::of(format!("{text}  base: {{image: a}}\n")));
}

#[test]
fn a_file_that_is_extended_by_many_files() {
    let variables: String = (0..1000).map(|number| format!("V{number}: x, ")).collect();
    let base = format!("services: {{base: {{image: a, environment: {{{variables}}}}}}}\n");
    let extends = |_| "{extends: {file: base.yaml, service: base}}".to_owned();
    let project = Project::of(services(10_000, extends)).with("base.yaml", base);
    refused(
        &project,
        &["compose.yaml:", "`extends` blows the definition up"],
    );
}

#[test]
fn ten_thousand_files_that_are_included() {
    let files: String = (0..10_000)
        .map(|file| format!("  - f{file}.yaml\n"))
        .collect();
    let project = Project::of(format!("include:\n{files}services: {{a: {{image: a}}}}\n"));
    refused(&project, &["compose.yaml:"]);
}

#[test]
fn a_large_file_that_is_included_often() {
    let large = services(20_000, |_| "{image: a}".to_owned());
    let includes: String = (0..1000).map(|_| "  - large.yaml\n").collect();
    let project = Project::of(format!(
        "include:\n{includes}services: {{a: {{image: a}}}}\n"
    ));
    refused(&project.with("large.yaml", large), &["compose.yaml:"]);
}

#[test]
fn environments_of_a_large_definition() {
    let own: String = (0..1000)
        .map(|number| format!("  e{number}: {{hosts: [h], variables: {{A: '{number}'}}}}\n"))
        .collect();
    let project = Project::of(services(2000, |_| {
        "{image: a, environment: {A: $A}}".to_owned()
    }));
    refused(
        &project.with("longshore.yaml", format!("environments:\n{own}")),
        &[
            "longshore.yaml:",
            "this environment blows the definition up",
        ],
    );
}

#[test]
fn services_in_a_long_row() {
    let waits = |number: usize| match number.checked_sub(1) {
        Some(before) => format!("{{image: a, depends_on: [s{before}]}}"),
        None => "{image: a}".to_owned(),
    };
    ends(&Project::of(services(10_000, waits)));
    let circle = format!(
        "{}  t: {{image: a, depends_on: [s9999]}}\n",
        services(10_000, |number| {
            let next = if number == 0 {
                "t".to_owned()
            } else {
                format!("s{}", number - 1)
            };
            format!("{{image: a, depends_on: [{next}]}}")
        })
    );
    refused(
        &Project::of(circle),
        &["compose.yaml:", "services wait for each other"],
    );
}

#[test]
fn services_that_all_wait_for_each_other() {
    let all: Vec<_> = (0..400).map(|number| format!("s{number}")).collect();
    let all = all.join(", ");
    refused(
        &Project::of(services(400, |_| {
            format!("{{image: a, depends_on: [{all}]}}")
        })),
        &["compose.yaml:", "waits for itself"],
    );
}
