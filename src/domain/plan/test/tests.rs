use std::time::Duration;

use super::*;
use crate::domain::cluster::{Condition, Dependency, Link, Mount, MountSource, Restart, Source};
use crate::domain::ledger::{Provenance, Timestamp};
use crate::domain::results::Results;

fn name(text: &str) -> ServiceName {
    text.parse().unwrap()
}

fn service(needs: &[&str], links: &[&str]) -> Service {
    let dependency = Dependency {
        condition: Condition::Started,
        restart: false,
        required: true,
    };
    let link = |service: &&str| Link {
        service: name(service),
        alias: "other".parse().unwrap(),
    };
    Service {
        source: Source::Image("x".to_owned()),
        command: None,
        entrypoint: None,
        environment: BTreeMap::new(),
        ports: Vec::new(),
        expose: BTreeSet::new(),
        mounts: Vec::new(),
        files: Vec::new(),
        networks: BTreeMap::new(),
        links: links.iter().map(link).collect(),
        depends_on: needs.iter().map(|need| (name(need), dependency)).collect(),
        healthcheck: None,
        restart: Restart::No,
        profiles: BTreeSet::new(),
        labels: BTreeMap::new(),
        user: None,
        working_dir: None,
        stop_grace_period: None,
        options: crate::domain::cluster::Options::default(),
        one_shot: false,
        test_only: false,
    }
}

fn cluster() -> Cluster {
    let test = Test::of(Subject::Service(name("test")));
    Cluster {
        name: "shop".parse().unwrap(),
        services: BTreeMap::from([
            (name("test"), service(&["api"], &["web"])),
            (name("api"), service(&["db", "migrate"], &[])),
            (name("migrate"), service(&["db"], &[])),
            (name("web"), service(&["gone"], &["api"])),
            (name("db"), service(&[], &[])),
            (name("unrelated"), service(&["test"], &[])),
        ]),
        networks: BTreeMap::new(),
        volumes: BTreeMap::new(),
        tests: BTreeMap::from([("unit".parse().unwrap(), test)]),
        release: Vec::new(),
        environments: BTreeMap::new(),
    }
}

fn identity(text: &str) -> ImageIdentity {
    ImageIdentity {
        config: Digest::of(text),
        layers: Vec::new(),
    }
}

fn images(cluster: &Cluster) -> BTreeMap<ServiceName, ImageIdentity> {
    cluster
        .services
        .keys()
        .map(|name| (name.clone(), identity("x")))
        .collect()
}

fn unit() -> TestName {
    "unit".parse().unwrap()
}

fn of(
    cluster: &Cluster,
    images: &BTreeMap<ServiceName, ImageIdentity>,
    assets: &BTreeMap<PathBuf, Asset>,
) -> Wanted {
    wanted(cluster, &unit(), images, assets).unwrap()
}

#[test]
fn runs_beside_all_that_it_needs_in_order() {
    let names: Vec<_> = beside(&cluster(), &name("test"))
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(names, ["db", "migrate", "api", "web"]);
}

#[test]
fn a_circle_of_links_ends() {
    let mut cluster = cluster();
    cluster
        .services
        .insert(name("db"), service(&[], &["web", "test"]));
    let names = beside(&cluster, &name("test"));
    assert_eq!(names.len(), 4);
    assert!(!names.contains(&name("test")));
}

#[test]
fn what_is_come_to_only_by_way_of_an_optional_dependency_is_optional() {
    let mut cluster = cluster();
    let all = ["api", "db", "migrate", "web"].map(name);
    assert_eq!(required(&cluster, &name("test")), all.clone().into());
    let test = cluster.services.get_mut("test").unwrap();
    test.depends_on.get_mut("api").unwrap().required = false;
    // `web`, which is linked to, links to `api` in its turn.
    assert_eq!(required(&cluster, &name("test")), all.into());
    cluster.services.get_mut("web").unwrap().links.clear();
    assert_eq!(required(&cluster, &name("test")), [name("web")].into());
}

#[test]
fn a_service_without_an_image_is_named() {
    let cluster = cluster();
    let mut images = images(&cluster);
    images.remove("db");
    let missing = wanted(&cluster, &unit(), &images, &BTreeMap::new()).unwrap_err();
    assert_eq!(missing, name("db"));
}

#[test]
fn only_what_the_test_can_see_decides() {
    let cluster = cluster();
    let images = images(&cluster);
    let none = BTreeMap::new();
    let reference = of(&cluster, &images, &none).fingerprint;
    let changed = |change: &dyn Fn(&mut Cluster)| {
        let mut other = cluster.clone();
        change(&mut other);
        of(&other, &images, &none).fingerprint != reference
    };
    let set = |cluster: &mut Cluster, name: &str| {
        let service = cluster.services.get_mut(name).unwrap();
        service.environment.insert("A".to_owned(), "1".to_owned());
    };
    assert!(changed(&|cluster| set(cluster, "db")));
    assert!(changed(&|cluster| set(cluster, "test")));
    assert!(!changed(&|cluster| set(cluster, "unrelated")));
    assert!(changed(&|cluster| {
        cluster.tests.get_mut("unit").unwrap().command = Some(vec!["x".to_owned()]);
    }));
    assert!(changed(&|cluster| {
        cluster.tests.get_mut("unit").unwrap().timeout = Duration::from_secs(61);
    }));
    assert!(changed(&|cluster| {
        cluster.tests.get_mut("unit").unwrap().limits.pids = Some(1);
    }));
    assert!(changed(&|cluster| {
        cluster.tests.get_mut("unit").unwrap().internal = true;
    }));
    assert!(!changed(&|cluster| {
        let test = cluster.services.get_mut("test").unwrap();
        test.profiles.insert("test".to_owned());
    }));
    let mut other = images.clone();
    other.insert(name("db"), identity("y"));
    assert_ne!(of(&cluster, &other, &none).fingerprint, reference);
    other.insert(name("db"), identity("x"));
    other.insert(name("unrelated"), identity("y"));
    assert_eq!(of(&cluster, &other, &none).fingerprint, reference);
}

#[test]
fn what_a_test_needs_comes_before_it_and_is_part_of_its_fingerprint() {
    let mut cluster = cluster();
    let images = images(&cluster);
    let none = BTreeMap::new();
    let alone = of(&cluster, &images, &none).fingerprint;
    let test = |text: &str| text.parse::<TestName>().unwrap();
    let needs = |names: &[&str]| {
        let service = Test::of(Subject::Service(name("db")));
        let needs = names.iter().map(|name| (test(name), "/in".to_owned()));
        Test {
            needs: needs.collect(),
            ..service
        }
    };
    cluster.tests.insert(test("z-base"), needs(&[]));
    cluster.tests.insert(test("left"), needs(&["z-base"]));
    cluster.tests.insert(test("right"), needs(&["z-base"]));
    let unit = cluster.tests.get_mut("unit").unwrap();
    unit.needs = needs(&["left", "right"]).needs;
    let order = |from: &str| {
        let from = test(from);
        let names = in_order(&cluster, [&from]).into_iter();
        names.map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(order("unit"), ["z-base", "left", "right", "unit"]);
    assert_eq!(order("left"), ["z-base", "left"]);
    let with = of(&cluster, &images, &none).fingerprint;
    assert_ne!(with, alone);
    let base = cluster.tests.get_mut("z-base").unwrap();
    base.command = Some(vec!["x".to_owned()]);
    assert_ne!(of(&cluster, &images, &none).fingerprint, with);
}

#[test]
fn a_mounted_file_decides_and_another_one_does_not() {
    let mut cluster = cluster();
    let mount = Mount {
        source: MountSource::Repository("conf".into()),
        target: "/etc/conf".to_owned(),
        read_only: true,
    };
    cluster.services.get_mut("db").unwrap().mounts.push(mount);
    let images = images(&cluster);
    let asset = |text| Asset {
        digest: Digest::of(text),
        mode: 0o644,
    };
    let files = |a, b| BTreeMap::from([("conf/a".into(), asset(a)), ("config".into(), asset(b))]);
    let reference = of(&cluster, &images, &files("1", "1")).fingerprint;
    assert_eq!(
        of(&cluster, &images, &files("1", "2")).fingerprint,
        reference
    );
    assert_ne!(
        of(&cluster, &images, &files("2", "1")).fingerprint,
        reference
    );
}

#[test]
fn every_decision_has_its_reason() {
    let cluster = cluster();
    let now = of(&cluster, &images(&cluster), &BTreeMap::new());
    let record = |verdict, images: &BTreeMap<_, _>| TestRecord {
        test: unit(),
        fingerprint: now.fingerprint,
        verdict,
        reason: None,
        exit_code: Some(0),
        images: images.clone(),
        log: "log".into(),
        provenance: Provenance {
            commit: "c".to_owned(),
            dirty: false,
            actor: "a".to_owned(),
        },
        at: Timestamp(0),
        elapsed_ms: 1,
        results: Results::default(),
        earlier: Vec::new(),
    };
    let decided = |same: Option<TestRecord>, last: Option<TestRecord>, forced| {
        let past = BTreeMap::from([(unit(), Past { same, last })]);
        plan(vec![now.clone()], &past, forced)
            .steps
            .remove(0)
            .decision
    };
    let green = record(Verdict::Green, &now.images);
    let mut other = green.clone();
    other.images.insert(name("db"), identity("y"));
    assert_eq!(
        decided(Some(green.clone()), None, false),
        Decision::Keep(Box::new(green.clone()))
    );
    assert_eq!(
        decided(Some(green.clone()), None, true),
        Decision::Run(Reason::Forced)
    );
    assert_eq!(
        decided(
            Some(record(Verdict::Red, &now.images)),
            Some(green.clone()),
            false
        ),
        Decision::Run(Reason::RedBefore)
    );
    assert_eq!(decided(None, None, false), Decision::Run(Reason::NoRecord));
    assert_eq!(
        decided(None, Some(green), false),
        Decision::Run(Reason::SpecificationChanged)
    );
    assert_eq!(
        decided(None, Some(other), false),
        Decision::Run(Reason::ImagesChanged([name("db")].into()))
    );
}
