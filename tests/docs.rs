//! Keeps what the documentation says of the command line true. `LONGSHORE_UPDATE=1 cargo test --test docs` writes it anew.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test may panic and read files"
)]

use std::fmt::Write;
use std::fs;

use clap::CommandFactory;
use longshore::cli::Cli;

#[test]
fn the_command_line_reference_is_what_help_says() {
    let mut text = String::from(
        "# The command line\n\n\
         Generated from `longshore --help` by `LONGSHORE_UPDATE=1 cargo test --test docs`.\n\n\
         Standard output is the result, standard error is the telling. With `--format json` a query prints one object, and a\n\
         long command one event a line, the last of kind `finished`. What changes hosts asks on a terminal, and needs `--yes`\n\
         without one. No secret value is ever printed.\n\n\
         | exit code | meaning |\n|---|---|\n\
         | 0 | done |\n\
         | 1 | the work failed: a test is red, a rollout was rolled back |\n\
         | 2 | wrong use, or an invalid definition |\n\
         | 3 | refused: not green, plan outdated, lock held |\n\
         | 4 | a host, engine or registry could not be reached, and nothing was changed |\n\
         | 5 | a bug in longshore |\n\
         | 130 | interrupted: what ran here is cleaned up, hosts are left as the message says |\n",
    );
    let mut command = Cli::command().term_width(100);
    command.build();
    describe(&mut text, &mut command, "longshore");
    let path = "docs/cli.md";
    if std::env::var_os("LONGSHORE_UPDATE").is_some() {
        fs::write(path, &text).unwrap();
    }
    let written = fs::read_to_string(path).unwrap();
    assert!(
        written == text,
        "{path} is not what --help says: run LONGSHORE_UPDATE=1 cargo test --test docs"
    );
}

fn describe(text: &mut String, command: &mut clap::Command, path: &str) {
    write!(
        text,
        "\n## {path}\n\n```text\n{}\n```\n",
        trimmed(&command.render_help().to_string())
    )
    .unwrap();
    let names: Vec<_> = command
        .get_subcommands()
        .filter(|sub| !sub.is_hide_set() && sub.get_name() != "help")
        .map(|sub| sub.get_name().to_owned())
        .collect();
    for name in names {
        let sub = command.find_subcommand_mut(&name).unwrap();
        describe(text, sub, &format!("{path} {name}"));
    }
}

/// Drops the blanks at line ends that clap leaves.
fn trimmed(help: &str) -> String {
    help.lines()
        .map(str::trim_end)
        .collect::<Vec<_>>()
        .join("\n")
        .trim_end()
        .to_owned()
}

#[test]
fn the_schema_is_what_the_types_say() {
    let schema = serde_json::to_string_pretty(&longshore::domain::definition::schema()).unwrap();
    let path = "docs/longshore.schema.json";
    if std::env::var_os("LONGSHORE_UPDATE").is_some() {
        fs::write(path, format!("{schema}\n")).unwrap();
    }
    let written = fs::read_to_string(path).unwrap();
    assert!(
        written.trim_end() == schema,
        "{path} is not what the types say: run LONGSHORE_UPDATE=1 cargo test --test docs"
    );
}

#[test]
fn the_reference_names_every_key() {
    use longshore::domain::definition::{compose, settings};
    let text = fs::read_to_string("docs/definition.md").unwrap();
    let keys = [
        compose::File::KEYS,
        compose::Service::KEYS,
        compose::Build::KEYS,
        compose::Healthcheck::KEYS,
        compose::Dependency::KEYS,
        compose::Network::KEYS,
        compose::Volume::KEYS,
        settings::Settings::KEYS,
        settings::TestEntry::KEYS,
        settings::EnvironmentEntry::KEYS,
        settings::PlaceEntry::KEYS,
        settings::RolloutEntry::KEYS,
        settings::ProbeEntry::KEYS,
    ];
    let missing: Vec<_> = keys
        .concat()
        .into_iter()
        .filter(|key| !text.contains(&format!("`{key}")))
        .collect();
    assert!(
        missing.is_empty(),
        "docs/definition.md says nothing of {missing:?}"
    );
}
