//! What is no definition, or never ends.

use super::project::Project;
use super::{accepted, refused};

#[test]
fn a_bomb_of_aliases() {
    let mut text = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
    for level in 1..30 {
        let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
        text.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
    }
    let says = ["compose.yaml:", "aliases blow the file up"];
    refused(&Project::of(text), &says);
}

#[test]
fn a_bomb_of_merge_keys() {
    let keys: String = (0..200).map(|key| format!("k{key}: v, ")).collect();
    let mut text = format!("x-a: &a {{{keys}}}\nservices:\n");
    for service in 0..100_000 {
        text.push_str(&format!("  s{service}: {{<<: *a}}\n"));
    }
    let says = ["compose.yaml:", "aliases blow the file up"];
    refused(&Project::of(text), &says);
}

#[test]
fn a_bomb_in_the_settings() {
    let text = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b, *c]\n";
    let project = Project::of("services: {a: {image: a}}").with("longshore.yaml", text);
    refused(&project, &["longshore.yaml:3:"]);
}

#[test]
fn an_anchor_within_itself() {
    let says = ["compose.yaml:1:", "alias `*a` stands inside what it names"];
    refused(&Project::of("services: &a {web: *a}\n"), &says);
}

#[test]
fn values_100000_deep() {
    let says = [
        "compose.yaml:",
        "values lie more than 64 levels deep within each other",
    ];
    for text in [
        "[".repeat(100_000),
        "- ".repeat(100_000),
        format!("services: {}", "{a: ".repeat(100_000)),
        (0..1000)
            .map(|level| format!("{}a:\n", " ".repeat(level)))
            .collect(),
        "? ".repeat(100_000),
    ] {
        refused(&Project::of(text), &says);
    }
}

#[test]
fn defaults_10000_deep() {
    let text = format!(
        "services: {{a: {{image: '{}x{}'}}}}\n",
        "${A:-".repeat(10_000),
        "}".repeat(10_000)
    );
    refused(
        &Project::of(text),
        &["compose.yaml:1:", "defaults nest too deep"],
    );
}

#[test]
fn a_service_that_extends_itself() {
    let text = "services: {a: {image: a, extends: a}}\n";
    let says = [
        "compose.yaml:1:",
        "services extend each other in a circle: a → a",
    ];
    refused(&Project::of(text), &says);
}

#[test]
fn two_files_that_extend_each_other() {
    let text = |other: &str| {
        format!("services: {{a: {{image: a, extends: {{file: {other}, service: a}}}}}}\n")
    };
    let project = Project::of(text("b.yaml")).with("b.yaml", text("compose.yaml"));
    refused(
        &project,
        &["compose.yaml:1:", "services extend each other in a circle"],
    );
}

#[test]
fn ten_thousand_services_in_a_row_that_extend_each_other() {
    let mut text = "services:\n  s0: {image: a}\n".to_owned();
    for service in 1..10_000 {
        text.push_str(&format!("  s{service}: {{extends: s{}}}\n", service - 1));
    }
    let says = ["compose.yaml:", "more than 64 services extend each other"];
    refused(&Project::of(text), &says);
}

#[test]
fn a_file_that_includes_itself() {
    let text = "include: [compose.yaml]\nservices: {a: {image: a}}\n";
    refused(
        &Project::of(text),
        &["compose.yaml:1:", "files include each other in a circle"],
    );
}

#[test]
fn three_files_that_include_each_other() {
    let project = Project::of("include: [b.yaml]\nservices: {a: {image: a}}\n")
        .with("b.yaml", "include: [c.yaml]\n")
        .with("c.yaml", "include: [compose.yaml]\n");
    let says = [
        "c.yaml:1:",
        "files include each other in a circle: compose.yaml → b.yaml → c.yaml → compose.yaml",
    ];
    refused(&project, &says);
}

#[test]
fn a_thousand_files_in_a_row_that_include_each_other() {
    let mut project = Project::of("include: [f0.yaml]\nservices: {a: {image: a}}\n");
    for file in 0..1000 {
        let text = format!("include: [f{}.yaml]\n", file + 1);
        project = project.with(&format!("f{file}.yaml"), text);
    }
    refused(&project, &["more than 32 files include each other"]);
}

#[test]
fn files_that_include_the_next_one_twice() {
    let mut project = Project::of("include: [f0.yaml]\nservices: {a: {image: a}}\n");
    for file in 0..30 {
        let text = format!("include: [f{next}.yaml, f{next}.yaml]\n", next = file + 1);
        project = project.with(&format!("f{file}.yaml"), text);
    }
    let project = project.with("f30.yaml", "services: {b: {image: b}}\n");
    refused(&project, &["what is included blows the definition up"]);
}

#[test]
fn tabs() {
    let says = ["compose.yaml:2:", "indent with spaces"];
    refused(&Project::of("services:\n\ta: {image: a}\n"), &says);
}

#[test]
fn a_nul_character() {
    let says = ["compose.yaml:1:", "the file contains a NUL character"];
    refused(&Project::of(b"services: {a: {image: \0}}\n"), &says);
}

#[test]
fn bytes_that_are_no_text() {
    let says = ["compose.yaml:1:", "invalid UTF-8"];
    refused(&Project::of(b"services: {a: {image: \xff\xff}}\n"), &says);
    let mut noise: u32 = 1;
    let bytes: Vec<u8> = (0..1_000_000)
        .map(|_| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            noise.to_be_bytes()[0]
        })
        .collect();
    refused(&Project::of(bytes), &["compose.yaml:1:", "invalid UTF-8"]);
    let utf16: Vec<u8> = "\u{feff}services: {}\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    refused(&Project::of(utf16), &["compose.yaml", "the file is UTF-16"]);
}

#[test]
fn a_byte_order_mark_and_lines_that_end_as_on_windows() {
    let text = "\u{feff}services:\r\n  a:\r\n    image: a\r\n    environment:\r\n      - A=b\r\n";
    accepted(&Project::of(text).with(".env", "\u{feff}A=b\r\nB=c\r\n"));
}
