//! Files that are none, or too large.

use std::fs::{self, File};
use std::process::Command;

use super::project::Project;
use super::{ends, refused};

const MEGABYTE: usize = 1024 * 1024;
/// The largest file that is read.
const LARGEST: usize = longshore::domain::definition::yaml::LARGEST as usize;

fn with_env_file(path: &str) -> Project {
    Project::of(format!(
        "services:\n  a:\n    image: a\n    env_file: {path}\n"
    ))
}

#[test]
fn a_device_as_a_file_of_variables() {
    let says = ["compose.yaml:4:", "/dev/zero is a pipe, device or socket"];
    refused(&with_env_file("/dev/zero"), &says);
}

#[test]
fn a_device_as_the_definition() {
    let says = ["/dev/zero is a pipe, device or socket"];
    for command in ["check", "config"] {
        super::refused_by(&Project::empty(), &["-f", "/dev/zero", command], &says);
    }
}

#[test]
fn a_pipe_as_a_file_of_variables() {
    let project = with_env_file("pipe.env");
    let made = Command::new("mkfifo")
        .arg(project.folder().join("pipe.env"))
        .status();
    assert!(made.unwrap().success());
    let says = ["compose.yaml:4:", "pipe.env is a pipe, device or socket"];
    refused(&project, &says);
}

#[test]
fn a_folder_as_a_file_of_variables() {
    let project = with_env_file("folder");
    fs::create_dir(project.folder().join("folder")).unwrap();
    refused(&project, &["compose.yaml:4:", "folder is a folder"]);
}

#[test]
fn a_device_as_a_dockerfile() {
    let project = Project::of("services: {a: {build: .}}\n").linked("Dockerfile", "/dev/zero");
    super::refused_by(
        &project,
        &["check"],
        &["Dockerfile lies outside the repository"],
    );
    ends(&project);
}

#[test]
fn links_in_a_circle() {
    let project = Project::empty().linked("compose.yaml", "compose.yaml");
    refused(
        &project,
        &[
            "compose.yaml could not be read",
            "too many levels of symbolic links",
        ],
    );
}

#[test]
fn fifty_megabytes_of_valid_yaml() {
    let service = "  s: {image: a, environment: {A: b, C: d}}\n";
    let text = format!(
        "services:\n{}",
        service.repeat(50 * MEGABYTE / service.len())
    );
    refused(
        &Project::of(text),
        &["compose.yaml has ", " MB; files of at most"],
    );
}

#[test]
fn a_hundred_megabytes_of_nothing() {
    let project = Project::empty();
    let file = File::create(project.folder().join("compose.yaml")).unwrap();
    file.set_len(100 * MEGABYTE as u64).unwrap();
    refused(&project, &["compose.yaml has 100 MB; files of at most"]);
}

#[test]
fn one_value_of_fifty_megabytes() {
    let text = format!(
        "services: {{a: {{image: '{}'}}}}\n",
        "a".repeat(50 * MEGABYTE)
    );
    refused(
        &Project::of(text),
        &["compose.yaml has ", " MB; files of at most"],
    );
}

#[test]
fn one_value_as_large_as_a_file_may_be() {
    let value = "a".repeat(LARGEST - 100);
    ends(&Project::of(format!(
        "services: {{a: {{image: '{value}'}}}}\n"
    )));
    ends(&Project::of(format!(
        "services: {{a: {{image: a, environment: {{A: '{value}'}}}}}}\n"
    )));
}

#[test]
fn lines_as_large_as_a_file_may_be() {
    let text = format!(
        "services:\n  a:\n    image: a\n    command: |\n{}",
        "      x\n".repeat(LARGEST / 8 - 100)
    );
    ends(&Project::of(text));
    ends(&Project::of("\n".repeat(LARGEST - 1)));
    ends(&Project::of("# c\n".repeat(LARGEST / 4 - 1)));
}

#[test]
fn fifty_megabytes_of_doubling_variables() {
    let mut text = "A0=xxxxxxxxxxxxxxxx\n".to_owned();
    let mut line = 1;
    while text.len() < 50 * MEGABYTE {
        text.push_str(&format!(
            "A{line}=$A{before}$A{before}\n",
            before = line - 1
        ));
        line += 1;
    }
    let project = Project::of("services: {a: {image: a}}\n").with(".env", &text);
    refused(&project, &[".env has 50 MB; files of at most"]);
    text.truncate(LARGEST - MEGABYTE);
    let project = Project::of("services: {a: {image: a}}\n").with(".env", &text);
    refused(&project, &[".env:", "variables blow the file up"]);
    let project = with_env_file("a.env").with("a.env", &text);
    refused(&project, &["a.env:", "variables blow the file up"]);
}

#[test]
fn doubling_variables_in_a_definition() {
    let value = "x".repeat(MEGABYTE);
    let uses = "$A".repeat(1000);
    let text = format!("services: {{a: {{image: a, environment: {{B: '{uses}'}}}}}}\n");
    let project = Project::of(text).with(".env", format!("A={value}\n"));
    refused(&project, &["compose.yaml:1:", "variables blow the file up"]);
}

#[test]
fn a_file_of_variables_that_a_thousand_services_read() {
    let variables: String = (0..100_000)
        .map(|line| format!("VARIABLE_{line}=value\n"))
        .collect();
    let services: String = (0..1000)
        .map(|service| format!("  s{service}: {{image: a, env_file: a.env}}\n"))
        .collect();
    let project = Project::of(format!("services:\n{services}")).with("a.env", variables);
    refused(&project, &["a.env", "compose.yaml:"]);
}

#[test]
fn a_dockerfile_as_large_as_a_file_may_be() {
    for line in [
        "FROM a AS b\n",
        "FROM $A\n",
        "ARG A=$A$A\n",
        "RUN <<E\n",
        "\\\n",
    ] {
        let text = line.repeat((LARGEST - 100) / line.len());
        let project = Project::of("services: {a: {build: .}}\n").with("Dockerfile", text);
        ends(&project);
    }
}
