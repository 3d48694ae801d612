//! What the templates make of releases: accepted by systemd itself, and the same every time.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test may panic, write files and run programs"
)]

#[expect(dead_code, reason = "unit tests use more of it")]
mod sample;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use longshore::domain::cluster::{
    Healthcheck, HealthcheckCommand, Link, Mount, MountSource, Restart, Service,
};
use longshore::domain::ledger::Release;
use longshore::domain::name::HostName;
use longshore::domain::plan::placement::placement;
use longshore::domain::unit::{Instance, RenderInput, Tree, render};
use longshore::pipeline::read::{ReadRequest, read};
use longshore::system::checkout::Checkout;

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

/// Reads an example as a user does, from a folder of its own, and gives every service an image of fixed content.
fn example(name: &str) -> Release {
    let folder = tempfile::tempdir().unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    copy(&source.join(name), folder.path());
    let read = read(&ReadRequest {
        directory: folder.path().to_owned(),
        ..ReadRequest::default()
    })
    .unwrap();
    let cluster = read.resolved.cluster;
    let assets = Checkout::open(&read.root)
        .unwrap()
        .assets(&cluster)
        .unwrap();
    let services = cluster.services.keys();
    let images = services.map(|name| (name.clone(), sample::image(name.as_str())));
    let mut release = Release {
        images: images.collect(),
        cluster,
        assets,
        ..sample::release(&[], &[])
    };
    release.id = release.content_id();
    release
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Renders an example's environment, for the hosts that run something.
fn trees(release: &Release) -> BTreeMap<HostName, Tree> {
    let (name, environment) = release.cluster.environments.first_key_value().unwrap();
    let placed = placement(name, environment).unwrap();
    let tree = |(host, instances): (&HostName, &BTreeSet<Instance>)| {
        let input = RenderInput {
            release,
            environment: name,
            host,
            instances,
            origin: "https://git.example/longshore.git",
        };
        (host.clone(), render(&input).unwrap())
    };
    let used = placed.iter().filter(|(_, instances)| !instances.is_empty());
    used.map(tree).collect()
}

/// Compares what an example renders to with what is kept under `units/examples/`. `LONGSHORE_UPDATE=1` writes it.
fn assert_kept(name: &str) {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("units/examples")
        .join(name)
        .join("systemd");
    let update = std::env::var_os("LONGSHORE_UPDATE").is_some();
    if update {
        let _ = fs::remove_dir_all(&kept);
    }
    let trees = trees(&example(name));
    for (host, tree) in &trees {
        verify(tree);
        let folder = kept.join(host.as_str());
        let files = files(tree);
        for (file, text) in &files {
            let path = folder.join(file);
            if update {
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(&path, text).unwrap();
            }
            let kept = fs::read_to_string(&path).unwrap_or_default();
            assert_eq!(
                *text, kept,
                "{file}: run `LONGSHORE_UPDATE=1 cargo test --test units`, and look at the diff"
            );
        }
        let units = fs::read_dir(folder.join("systemd")).unwrap().count();
        assert_eq!(
            units,
            tree.units.len(),
            "a unit is kept that is rendered no more"
        );
    }
    let hosts = fs::read_dir(&kept).unwrap().count();
    assert_eq!(
        hosts,
        trees.len(),
        "a host is kept that is rendered no more"
    );
}

/// The files of a deployment folder, without its provenance.
fn files(tree: &Tree) -> BTreeMap<String, String> {
    let lists = [
        ("units", tree.unit_list()),
        ("images", tree.image_list()),
        ("assets", tree.asset_list()),
    ];
    let lists = lists
        .into_iter()
        .map(|(name, text)| (name.to_owned(), text));
    let units = tree.units.iter();
    let units = units.map(|unit| (format!("systemd/{}", unit.name), unit.text.clone()));
    lists.chain(units).collect()
}

#[test]
fn hello_renders_to_what_is_kept() {
    assert_kept("hello");
}

#[test]
fn the_guestbook_renders_to_what_is_kept() {
    assert_kept("guestbook");
}
