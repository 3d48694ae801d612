//! What a tree holds, by values. What systemd says of the texts is in `tests/units.rs`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::*;
use crate::domain::cluster::{Condition, Link, Mount, MountSource, Network, Service};
use crate::domain::ledger::Release;
use crate::domain::name::Digest;
use crate::domain::sample;

fn rendered(release: &Release, instances: &[(&str, u16)]) -> Result<Tree, RenderError> {
    let instance = |(service, number): &(&str, u16)| Instance {
        service: service.parse().unwrap(),
        number: *number,
    };
    let instances: BTreeSet<_> = instances.iter().map(instance).collect();
    render(&RenderInput {
        release,
        environment: &sample::staging(),
        host: &sample::host("lab-1"),
        instances: &instances,
        origin: "https://git.example/shop.git",
    })
}

fn guestbook() -> Tree {
    let instances = [("cache", 1), ("db", 1), ("migrate", 1), ("web", 1)];
    rendered(&sample::guestbook(), &instances).unwrap()
}

fn unit<'t>(tree: &'t Tree, name: &str) -> &'t Listed {
    let found = tree.units.iter().find(|unit| unit.name.as_str() == name);
    found.unwrap_or_else(|| panic!("no {name}"))
}

fn alone(service: Service) -> Result<Tree, RenderError> {
    rendered(
        &sample::release(&[("web", service)], &["lab-1"]),
        &[("web", 1)],
    )
}

fn text(service: Service) -> String {
    let tree = alone(service).unwrap();
    unit(&tree, "shop-staging-web-1.service").text.clone()
}

fn mounting(source: MountSource, target: &str, read_only: bool) -> Service {
    let target = target.to_owned();
    Service {
        mounts: vec![Mount {
            source,
            target,
            read_only,
        }],
        ..sample::service()
    }
}

#[test]
fn an_identity_is_the_hash_of_the_text_without_it() {
    for unit in &guestbook().units {
        let hex = unit.identity.hex();
        assert!(unit.text.contains(&format!("Identity={hex}\n")));
        assert_eq!(
            Digest::of(unit.text.replace(&hex, &"0".repeat(64))),
            unit.identity,
            "{}",
            unit.name
        );
    }
}

#[test]
fn what_runs_carries_the_identity_as_its_label() {
    let labelled = [Kind::Service, Kind::OneShot, Kind::Network, Kind::Volume];
    for unit in guestbook()
        .units
        .iter()
        .filter(|unit| labelled.contains(&unit.kind))
    {
        let label = format!("--label dev.longshore.unit={}", unit.identity.hex());
        assert!(unit.text.contains(&label), "{}", unit.name);
    }
}

#[test]
fn another_commit_changes_nothing_that_runs() {
    let (before, mut release) = (guestbook(), sample::guestbook());
    release.provenance.commit = "0000000".to_owned();
    release.id = release.content_id();
    let instances = [("cache", 1), ("db", 1), ("migrate", 1), ("web", 1)];
    let after = rendered(&release, &instances).unwrap();
    assert_ne!(before.release, after.release);
    assert_eq!(before.units, after.units);
    assert_eq!(before.id(), after.id());
    assert_ne!(before.manifest(), after.manifest());
}

#[test]
fn a_new_image_changes_its_own_unit_only() {
    let (before, mut release) = (guestbook(), sample::guestbook());
    release
        .images
        .insert("web".parse().unwrap(), sample::image("web 2"));
    let instances = [("cache", 1), ("db", 1), ("migrate", 1), ("web", 1)];
    let after = rendered(&release, &instances).unwrap();
    let changed = before
        .units
        .iter()
        .zip(&after.units)
        .filter(|(old, new)| old != new);
    let changed: Vec<_> = changed.map(|(_, new)| new.name.as_str()).collect();
    assert_eq!(changed, ["shop-staging-web-1.service"]);
    assert_ne!(before.id(), after.id());
}

#[test]
fn units_come_after_what_they_need() {
    let tree = guestbook();
    let at = |name: &str| {
        let name = format!("shop-staging{name}");
        tree.units
            .iter()
            .position(|unit| unit.name.as_str() == name)
            .unwrap()
    };
    assert!(at("-network-back.service") < at("-db-1.service"));
    assert!(at("-volume-data.service") < at("-db-1.service"));
    assert!(at("-db-1.service") < at("-migrate-1.service"));
    assert!(at("-migrate-1.service") < at("-web-1.service"));
    assert!(at("-web-1.service") < at(".target"));
}

#[test]
fn only_the_boot_unit_is_ever_enabled_and_the_target_wants_no_one_shot() {
    let tree = guestbook();
    let installed = |unit: &&Listed| unit.text.contains("[Install]");
    let installed: Vec<_> = tree
        .units
        .iter()
        .filter(installed)
        .map(|unit| unit.kind)
        .collect();
    assert_eq!(installed, [Kind::Boot]);
    let target = &unit(&tree, "shop-staging.target").text;
    assert!(target.contains("Wants=shop-staging-web-1.service\n"));
    assert!(!target.contains("migrate"));
}

#[test]
fn nothing_waits_at_boot_for_a_one_shot() {
    let tree = guestbook();
    let web = &unit(&tree, "shop-staging-web-1.service").text;
    assert!(web.contains("Wants=shop-staging-db-1.service\nAfter=shop-staging-db-1.service\n"));
    assert!(!web.contains("migrate"), "{web}");
}

#[test]
fn a_start_waits_for_health_where_it_is_checked_or_awaited() {
    let tree = guestbook();
    assert!(
        unit(&tree, "shop-staging-db-1.service")
            .text
            .contains("ExecStartPost=")
    );
    assert!(
        !unit(&tree, "shop-staging-cache-1.service")
            .text
            .contains("ExecStartPost=")
    );
    let waiting = sample::after(sample::service(), &[("db", Condition::Healthy)]);
    let services = [("db", sample::service()), ("web", waiting)];
    let release = sample::release(&services, &["lab-1"]);
    let tree = rendered(&release, &[("db", 1), ("web", 1)]).unwrap();
    assert!(
        unit(&tree, "shop-staging-db-1.service")
            .text
            .contains("ExecStartPost=")
    );
}

#[test]
fn restart_of_a_dependency_restarts_who_asks_for_it() {
    let mut web = sample::after(sample::service(), &[("db", Condition::Started)]);
    web.depends_on.get_mut("db").unwrap().restart = true;
    let release = sample::release(&[("db", sample::service()), ("web", web)], &["lab-1"]);
    let tree = rendered(&release, &[("db", 1), ("web", 1)]).unwrap();
    let web = unit(&tree, "shop-staging-web-1.service");
    assert!(web.text.contains("PartOf=shop-staging-db-1.service\n"));
    let db = "shop-staging-db-1.service".parse().unwrap();
    assert!(tree.parts[&web.name].follows.contains(&db));
}

#[test]
fn a_link_names_the_other_side_on_the_shared_network() {
    let link = Link {
        service: "db".parse().unwrap(),
        alias: "database".parse().unwrap(),
    };
    let web = Service {
        links: vec![link],
        ..sample::service()
    };
    let release = sample::release(&[("db", sample::service()), ("web", web)], &["lab-1"]);
    let tree = rendered(&release, &[("db", 1), ("web", 1)]).unwrap();
    let db = &unit(&tree, "shop-staging-db-1.service").text;
    assert!(
        db.contains("--network-alias database \\\n    --network-alias db"),
        "{db}"
    );
    let web = &unit(&tree, "shop-staging-web-1.service").text;
    assert!(web.contains("After=shop-staging-db-1.service\n"), "{web}");
}

#[test]
fn mounts_are_written_as_docker_reads_them() {
    let volume = MountSource::HostPath("/srv/data".into());
    assert!(text(mounting(volume.clone(), "/d", false)).contains("--volume /srv/data:/d \\"));
    assert!(text(mounting(volume, "/d", true)).contains("--volume /srv/data:/d:ro \\"));
    assert!(text(mounting(MountSource::Anonymous, "/d", false)).contains("--volume /d \\"));
}

#[test]
fn the_entrypoints_other_words_come_before_the_command() {
    let words = |text: &str| Some(text.split(' ').map(str::to_owned).collect());
    let service = Service {
        entrypoint: words("/bin/run --fast"),
        command: words("serve -v"),
        ..sample::service()
    };
    let unit = text(service);
    assert!(unit.contains("--entrypoint /bin/run \\"), "{unit}");
    assert!(unit.contains(" --fast serve -v\n"), "{unit}");
    let cleared = Service {
        entrypoint: Some(Vec::new()),
        ..sample::service()
    };
    assert!(text(cleared).contains("--entrypoint \"\" \\"));
}

#[test]
fn our_labels_win_over_the_definitions() {
    let forged = "dev.longshore.unit".to_owned();
    let mut service = sample::service();
    service.labels.insert(forged, "mine".to_owned());
    let unit = text(service);
    let (mine, ours) = (
        unit.find("unit=mine").unwrap(),
        unit.rfind("dev.longshore.unit=").unwrap(),
    );
    assert!(mine < ours, "the engine takes the last one");
}

#[test]
fn a_host_without_instances_has_an_empty_target() {
    let tree = rendered(&sample::guestbook(), &[]).unwrap();
    let kinds: Vec<_> = tree.units.iter().map(|unit| unit.kind).collect();
    assert_eq!(kinds, [Kind::Target, Kind::Boot]);
    assert!(tree.images.is_empty() && tree.assets.is_empty());
}

#[test]
fn what_cannot_run_as_units_is_refused_by_name() {
    let message = |service| alone(service).unwrap_err().to_string();
    let file = || MountSource::Repository(PathBuf::from("web/x"));
    assert_eq!(
        message(mounting(file(), "/x", false)),
        "web mounts web/x from the repository to write to it"
    );
    assert_eq!(
        message(mounting(file(), "/x", true)),
        "the release holds no file of web/x, which web mounts"
    );
    assert_eq!(
        message(mounting(MountSource::HostPath("/a".into()), "/x:y", true)),
        "web mounts \"/x:y\", which contains a colon"
    );
    let volume = MountSource::Volume("data".parse().unwrap());
    assert_eq!(
        message(mounting(volume, "/x", false)),
        "web mounts volume data, which the cluster does not have"
    );
    let mut named = sample::service();
    named.environment.insert("A=B".to_owned(), String::new());
    assert_eq!(
        message(named),
        "web has an environment variable named \"A=B\", which is empty or contains '='"
    );
}

#[test]
fn a_value_that_no_unit_carries_names_its_instance_and_not_itself() {
    let mut service = sample::service();
    let value = "hunter2\0".to_owned();
    service.environment.insert("PASSWORD".to_owned(), value);
    let error = alone(service).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a value of shop-staging-web-1 cannot be written into its unit"
    );
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(source, "it contains a NUL character");
}

#[test]
fn two_things_of_one_name_are_refused() {
    let network = "x-1".parse().unwrap();
    let mut service = sample::service();
    service.networks.insert(network, BTreeSet::new());
    let mut release = sample::release(&[("network-x", service)], &["lab-1"]);
    let networks = &mut release.cluster.networks;
    networks.insert("x-1".parse().unwrap(), Network::default());
    let error = rendered(&release, &[("network-x", 1)]).unwrap_err();
    assert!(matches!(error, RenderError::NameTaken { .. }), "{error}");
}

#[test]
fn instances_that_wait_for_each_other_are_refused() {
    let started = |name| sample::after(sample::service(), &[(name, Condition::Started)]);
    let release = sample::release(&[("a", started("b")), ("b", started("a"))], &["lab-1"]);
    let error = rendered(&release, &[("a", 1), ("b", 1)]).unwrap_err();
    assert!(matches!(error, RenderError::Circle { .. }), "{error}");
}
