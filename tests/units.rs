//! What the templates make of releases: accepted by systemd itself, and the same every time.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test may panic, write files and run programs"
)]

#[expect(dead_code, reason = "unit tests use more of it")]
mod sample;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use longshore::domain::cluster::{
    Healthcheck, HealthcheckCommand, Link, Mount, MountSource, Restart, Service,
};
use longshore::domain::ledger::Release;
use longshore::domain::unit::{Instance, RenderInput, Tree, render};

fn tree(release: &Release, instances: &[(&str, u16)]) -> Tree {
    let instance = |(service, number): &(&str, u16)| Instance {
        service: service.parse().unwrap(),
        number: *number,
    };
    let instances: BTreeSet<_> = instances.iter().map(instance).collect();
    let input = RenderInput {
        release,
        environment: &sample::staging(),
        host: &sample::host("lab-1"),
        instances: &instances,
        origin: "https://git.example/shop.git",
    };
    render(&input).unwrap()
}

const GUESTBOOK: &[(&str, u16)] = &[("cache", 1), ("db", 1), ("migrate", 1), ("web", 1)];

/// Fails with what systemd says if it does not take every unit of a tree as it is.
fn verify(tree: &Tree) {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new("systemd-analyze");
    command.args(["verify", "--recursive-errors=yes"]);
    // The empty last entry adds the system's own units, among them docker's.
    let path = format!("{}:", folder.path().display());
    command.env("SYSTEMD_UNIT_PATH", path);
    for unit in &tree.units {
        let file = folder.path().join(unit.name.as_str());
        fs::write(&file, &unit.text).unwrap();
        command.arg(file);
    }
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
}

#[test]
fn systemd_accepts_the_guestbook() {
    verify(&tree(&sample::guestbook(), GUESTBOOK));
}

#[test]
fn systemd_accepts_values_that_try_to_break_out() {
    let nasty = [
        "",
        " ",
        ";",
        "#",
        "\\",
        "\"",
        "'",
        "%",
        "%i",
        "%%",
        "$",
        "$$",
        "${HOME}",
        "$HOME",
        "\n",
        "a\n[Install]\nWantedBy=x",
        "\r",
        "\t",
        "\u{1}\u{7f}\u{85}\u{2028}",
        "-",
        "@/bin/x",
        "+!:-@",
        "a\\\nb",
        "grüße 世界 🚢",
        "/* */",
        "{{ x }}",
        "{% if %}",
    ];
    let words: Vec<String> = nasty.map(str::to_owned).to_vec();
    let variables = nasty.iter().enumerate();
    let service = Service {
        command: Some(words.clone()),
        entrypoint: Some(words.clone()),
        environment: variables
            .map(|(number, value)| {
                (
                    format!("V{number} {value}").replace('=', "-"),
                    (*value).to_owned(),
                )
            })
            .collect(),
        labels: words
            .iter()
            .map(|word| (format!("l{word}"), word.clone()))
            .collect(),
        healthcheck: Some(Healthcheck::Check {
            command: Some(HealthcheckCommand::Exec(words.clone())),
            interval: None,
            timeout: None,
            start_period: None,
            retries: None,
        }),
        user: Some("%u $USER".to_owned()),
        working_dir: Some("/a b/\"%h\"".to_owned()),
        mounts: vec![Mount {
            source: MountSource::HostPath("/srv/a b/%m".into()),
            target: "/a\nb".to_owned(),
            read_only: true,
        }],
        ..sample::service()
    };
    verify(&tree(
        &sample::release(&[("web", service)], &["lab-1"]),
        &[("web", 1)],
    ));
}

#[test]
fn systemd_accepts_every_way_to_restart_and_to_wait() {
    let restarts = [
        Restart::No,
        Restart::Always,
        Restart::UnlessStopped,
        Restart::OnFailure { retries: None },
        Restart::OnFailure { retries: Some(3) },
    ];
    for restart in restarts {
        for one_shot in [false, true] {
            let job = Service {
                restart,
                one_shot,
                ..sample::service()
            };
            let link = Link {
                service: "job".parse().unwrap(),
                alias: "other_name".parse().unwrap(),
            };
            let linked = Service {
                links: vec![link],
                healthcheck: Some(Healthcheck::Disabled),
                ..sample::service()
            };
            let release = sample::release(&[("job", job), ("linked", linked)], &["lab-1"]);
            verify(&tree(&release, &[("job", 1), ("linked", 1), ("linked", 2)]));
        }
    }
}

#[test]
fn the_verifier_used_here_sees_a_bad_unit() {
    let mut tree = tree(&sample::guestbook(), GUESTBOOK);
    let unit = tree
        .units
        .iter_mut()
        .find(|unit| unit.text.contains("Type=exec"))
        .unwrap();
    unit.text = unit.text.replace("Type=exec", "Type=exec\nNoSuchKey=1");
    assert!(std::panic::catch_unwind(|| verify(&tree)).is_err());
}

/// Compares the rendered files with those kept under `units/examples/`. `UPDATE_UNITS=1` writes them.
fn assert_kept(tree: &Tree, folder: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("units/examples")
        .join(folder);
    let list = [
        ("manifest", tree.manifest()),
        ("units", tree.unit_list()),
        ("images", tree.image_list()),
        ("assets", tree.asset_list()),
    ];
    let units = tree
        .units
        .iter()
        .map(|unit| (format!("systemd/{}", unit.name), unit.text.clone()));
    let files = list
        .map(|(name, text)| (name.to_owned(), text))
        .into_iter()
        .chain(units);
    let files: Vec<_> = files.collect();
    if std::env::var("UPDATE_UNITS").is_ok() {
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("systemd")).unwrap();
        for (name, text) in &files {
            fs::write(folder.join(name), text).unwrap();
        }
    }
    for (name, text) in &files {
        let kept = fs::read_to_string(folder.join(name)).unwrap_or_default();
        assert_eq!(
            *text, kept,
            "{name}: run `UPDATE_UNITS=1 cargo test --test units` and look at the diff"
        );
    }
    let kept = fs::read_dir(folder.join("systemd")).unwrap().count();
    assert_eq!(
        kept,
        tree.units.len(),
        "a kept unit that is rendered no more"
    );
}

#[test]
fn the_guestbook_renders_to_what_is_kept() {
    assert_kept(
        &tree(&sample::guestbook(), GUESTBOOK),
        "guestbook/systemd/lab-1",
    );
}
