//! Paths that lead out of the repository.

use std::fs;

use super::project::Project;
use super::{accepted, refused, refused_by};

const SAYS: &str = "lies outside the repository";
const SECRET: &str = "services: {b: {image: secret}}\nSECRET=1\n";

/// A project beside which something lies that is not its own.
fn beside(compose: &str) -> Project {
    let project = Project::of(compose);
    fs::write(project.aside("secret.yaml"), SECRET).unwrap();
    project
}

fn stays_secret(project: &Project, says: &[&str]) {
    refused(project, says);
    let told = super::run::run(project, &["check"]).told;
    assert!(!told.contains("SECRET"), "{told}");
}

#[test]
fn an_include_by_dots() {
    let project = beside("include: [../secret.yaml]\nservices: {a: {image: a}}\n");
    stays_secret(&project, &["compose.yaml:1:", SAYS]);
    let project = beside("include: [x/../../secret.yaml]\nservices: {a: {image: a}}\n");
    stays_secret(&project, &["compose.yaml:1:", SAYS]);
}

#[test]
fn an_include_by_a_link() {
    let compose = "include: [link.yaml]\nservices: {a: {image: a}}\n";
    let project = beside(compose).linked("link.yaml", "../secret.yaml");
    stays_secret(&project, &["compose.yaml:1:", SAYS]);
    let compose = "include: [link/secret.yaml]\nservices: {a: {image: a}}\n";
    let project = beside(compose).linked("link", "..");
    stays_secret(&project, &["compose.yaml:1:", SAYS]);
}

#[test]
fn the_variables_of_an_include() {
    let compose =
        "include: [{path: b.yaml, env_file: ../secret.yaml}]\nservices: {a: {image: a}}\n";
    let project = beside(compose).with("b.yaml", "services: {b: {image: b}}\n");
    stays_secret(&project, &["compose.yaml:1:", SAYS]);
}

#[test]
fn a_service_extended() {
    let compose = "services: {a: {extends: {file: ../secret.yaml, service: b}}}\n";
    stays_secret(&beside(compose), &["compose.yaml:1:", SAYS]);
    let compose = "services: {a: {extends: {file: link.yaml, service: b}}}\n";
    let project = beside(compose).linked("link.yaml", "../secret.yaml");
    stays_secret(&project, &["compose.yaml:1:", SAYS]);
}

#[test]
fn files_of_variables_and_labels() {
    for key in ["env_file", "label_file"] {
        let compose = format!("services:\n  a:\n    image: a\n    {key}: ../secret.yaml\n");
        stays_secret(&beside(&compose), &["compose.yaml:4:", SAYS]);
        let compose = format!("services:\n  a:\n    image: a\n    {key}: [link.env]\n");
        let project = beside(&compose).linked("link.env", "../secret.yaml");
        stays_secret(&project, &["compose.yaml:4:", SAYS]);
    }
}

#[test]
fn the_definition_that_the_settings_name() {
    let project = beside("services: {a: {image: a}}\n")
        .with("longshore.yaml", "name: shop\ncluster: ../secret.yaml\n");
    stays_secret(&project, &["longshore.yaml:2:", SAYS]);
}

#[test]
fn a_file_of_the_same_repository_is_its_own() {
    let project = Project::empty()
        .with("common/web.yaml", "services: {b: {image: b}}\n")
        .with("common/a.env", "A=b\n")
        .with(
            "app/compose.yaml",
            "include: [../common/web.yaml]\nservices: {a: {image: a, env_file: ../common/a.env}}\n",
        )
        .linked("app/link.yaml", "../common/web.yaml");
    for arguments in [["-C", "app", "check"], ["-C", "app", "config"]] {
        let ending = super::run::run(&project, &arguments);
        assert_eq!(ending.code, Some(0), "{}", ending.told);
    }
}

#[test]
fn what_is_named_on_the_command_line_may_lie_anywhere() {
    let project = Project::empty();
    fs::create_dir(project.aside("other")).unwrap();
    let compose = "include: [b.yaml]\nservices: {a: {image: a, env_file: a.env}}\n";
    fs::write(project.aside("other/compose.yaml"), compose).unwrap();
    fs::write(project.aside("other/b.yaml"), "services: {b: {image: b}}\n").unwrap();
    fs::write(project.aside("other/a.env"), "A=b\n").unwrap();
    let absolute = project.aside("other/compose.yaml");
    for file in ["../other/compose.yaml", absolute.to_str().unwrap()] {
        let ending = super::run::run(&project, &["-f", file, "check"]);
        assert_eq!(ending.code, Some(0), "{}", ending.told);
    }
    let compose = "services: {a: {image: a, env_file: ../stderr}}\n";
    fs::write(project.aside("other/compose.yaml"), compose).unwrap();
    refused_by(&project, &["-f", "../other/compose.yaml", "check"], &[SAYS]);
}

#[test]
fn an_absolute_path_says_where_it_leads() {
    let outside = tempfile::tempdir().unwrap();
    let path = outside.path().join("a.env");
    fs::write(&path, "A=b\n").unwrap();
    let compose = format!(
        "services: {{a: {{image: a, env_file: {}}}}}\n",
        path.display()
    );
    accepted(&Project::of(compose));
}
