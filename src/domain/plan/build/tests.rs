use super::*;
use crate::domain::cluster::{Restart, Service};
use crate::domain::ledger::{Provenance, Timestamp};

fn name(text: &str) -> ServiceName {
    text.parse().unwrap()
}

fn service(source: Source) -> Service {
    Service {
        source,
        command: None,
        entrypoint: None,
        environment: BTreeMap::new(),
        ports: Vec::new(),
        expose: BTreeSet::new(),
        mounts: Vec::new(),
        files: Vec::new(),
        networks: BTreeMap::new(),
        links: Vec::new(),
        depends_on: BTreeMap::new(),
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

fn build(context: &str, bases: &[&str]) -> Build {
    Build {
        context: context.into(),
        dockerfile: format!("{context}/Dockerfile").into(),
        bases: bases.iter().map(ToString::to_string).collect(),
        ..Build::default()
    }
}

fn cluster(services: &[(&str, Build)]) -> Cluster {
    let services = services.iter().map(|(name, build)| {
        (
            self::name(name),
            service(Source::Build(Box::new(build.clone()))),
        )
    });
    Cluster {
        name: "shop".parse().unwrap(),
        services: services.collect(),
        networks: BTreeMap::new(),
        volumes: BTreeMap::new(),
        tests: BTreeMap::new(),
        release: Vec::new(),
        environments: BTreeMap::new(),
    }
}

fn identity(text: &str) -> ImageIdentity {
    ImageIdentity {
        config: Digest::of(text),
        layers: vec![Digest::of("layer")],
    }
}

fn found(contents: &[(&str, &str)]) -> Found {
    let content = |text: &str| Content {
        context: Digest::of(text),
        dockerfile: Digest::of("FROM x"),
        folders: BTreeMap::new(),
    };
    Found {
        contents: contents
            .iter()
            .map(|(service, text)| (name(service), content(text)))
            .collect(),
        externals: BTreeMap::from([("debian:trixie".to_owned(), identity("debian"))]),
    }
}

fn record(image: &Wanted, identity: &ImageIdentity) -> BuildRecord {
    BuildRecord {
        service: image.services[0].clone(),
        fingerprint: image.fingerprint,
        ingredients: image.ingredients.clone(),
        identity: identity.clone(),
        provenance: Provenance {
            commit: "c".to_owned(),
            dirty: false,
            actor: "a".to_owned(),
        },
        at: Timestamp(0),
        elapsed_ms: 0,
    }
}

fn stack() -> Cluster {
    cluster(&[
        ("api", build("api", &["base"])),
        (
            "base",
            Build {
                tag: Some("base".to_owned()),
                ..build("base", &["debian:trixie"])
            },
        ),
        (
            "worker",
            build("worker", &["docker.io/library/shop-api:latest"]),
        ),
    ])
}

fn all(found: &Found, cluster: &Cluster) -> Vec<Wanted> {
    wanted(cluster, &BTreeSet::new(), found).unwrap()
}

const CONTENTS: [(&str, &str); 3] = [("api", "1"), ("base", "2"), ("worker", "3")];

#[test]
fn what_is_built_from_another_comes_after_it() {
    let images = all(&found(&CONTENTS), &stack());
    let order: Vec<_> = images
        .iter()
        .map(|image| image.services[0].as_str())
        .collect();
    assert_eq!(order, ["base", "api", "worker"]);
    let parents: Vec<_> = images
        .iter()
        .map(|image| image.parents.values().cloned().collect::<Vec<_>>())
        .collect();
    assert_eq!(parents, [vec![], vec![name("base")], vec![name("api")]]);
    assert_eq!(images[0].bases.len(), 1);
}

#[test]
fn asking_for_one_takes_only_what_it_is_built_from() {
    let images = wanted(&stack(), &[name("api")].into(), &found(&CONTENTS)).unwrap();
    let order: Vec<_> = images
        .iter()
        .map(|image| image.services[0].as_str())
        .collect();
    assert_eq!(order, ["base", "api"]);
}

#[test]
fn a_change_reaches_what_is_built_from_it_and_nothing_else() {
    let before = all(&found(&CONTENTS), &stack());
    let after = all(
        &found(&[("api", "other"), ("base", "2"), ("worker", "3")]),
        &stack(),
    );
    let same: Vec<_> = before
        .iter()
        .zip(&after)
        .map(|(before, after)| before.fingerprint == after.fingerprint)
        .collect();
    assert_eq!(same, [true, false, false]);
    assert_eq!(
        difference(&before[2].ingredients, &after[2].ingredients),
        ["base docker.io/library/shop-api:latest".to_owned()].into()
    );
}

#[test]
fn each_ingredient_decides_and_paths_and_tags_do_not() {
    let plain = build("a", &["debian:trixie"]);
    let of = |build: Build, found: &Found| all(found, &cluster(&[("a", build)]))[0].fingerprint;
    let here = found(&[("a", "1")]);
    let reference = of(plain.clone(), &here);
    let moved = Build {
        context: "b".into(),
        dockerfile: "c".into(),
        tag: Some("t".into()),
        ..plain.clone()
    };
    assert_eq!(of(moved, &here), reference);

    let mut other = here.clone();
    other
        .externals
        .insert("debian:trixie".to_owned(), identity("newer"));
    let mut dockerfile = here.clone();
    dockerfile.contents.get_mut("a").unwrap().dockerfile = Digest::of("FROM y");
    let different = [
        of(
            Build {
                args: [("A".into(), "1".into())].into(),
                ..plain.clone()
            },
            &here,
        ),
        of(
            Build {
                args: [("A".into(), "2".into())].into(),
                ..plain.clone()
            },
            &here,
        ),
        of(
            Build {
                target: Some("t".into()),
                ..plain.clone()
            },
            &here,
        ),
        of(plain.clone(), &found(&[("a", "2")])),
        of(plain.clone(), &other),
        of(plain, &dockerfile),
        reference,
    ];
    assert_eq!(BTreeSet::from(different).len(), different.len());
}

#[test]
fn one_image_is_built_once_under_every_name() {
    let twice = cluster(&[
        ("one", build("x", &["scratch"])),
        ("two", build("x", &["scratch"])),
    ]);
    let images = all(&found(&[("one", "1"), ("two", "1")]), &twice);
    assert_eq!(images.len(), 1);
    assert_eq!(images[0].services, [name("one"), name("two")]);
    assert_eq!(images[0].tags, ["shop-one", "shop-two"]);
}

#[test]
fn a_circle_is_shown_as_one() {
    let circle = cluster(&[
        ("a", build("a", &["shop-b"])),
        ("b", build("b", &["shop-a"])),
    ]);
    let error = wanted(&circle, &BTreeSet::new(), &Found::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "images are built from each other in a circle: a from b from a"
    );
}

#[test]
fn a_reference_leads_to_its_service_however_it_is_written() {
    let stack = stack();
    let base = name("base");
    for reference in ["base", "base:latest", "docker.io/library/base"] {
        assert_eq!(
            origin(&stack, reference),
            Origin::Service(&base),
            "{reference}"
        );
    }
    for reference in [
        "base:1",
        "localhost/base",
        "registry.test:5000/base",
        "acme/base",
    ] {
        assert_eq!(origin(&stack, reference), Origin::External(reference));
    }
    assert_eq!(origin(&stack, "scratch"), Origin::Scratch);
}

#[test]
fn every_decision_has_its_reason() {
    let stack = cluster(&[("a", build("a", &["debian:trixie"]))]);
    let here = found(&[("a", "1")]);
    let image = all(&here, &stack).remove(0);
    let built = identity("built");
    let same = record(&image, &built);
    let older = record(&all(&found(&[("a", "0")]), &stack)[0], &built);
    let decided =
        |same: Option<&BuildRecord>, last: Option<&BuildRecord>, present: &[Digest], forced| {
            let past = Past {
                same: same.cloned(),
                last: last.cloned(),
            };
            let past = BTreeMap::from([(name("a"), past)]);
            let present = present.iter().copied().collect();
            plan(vec![image.clone()], &past, &present, forced)
                .steps
                .remove(0)
                .decision
        };
    let there = [built.config];
    assert_eq!(
        decided(Some(&same), Some(&same), &there, false),
        Decision::Keep(built.clone())
    );
    assert_eq!(
        decided(Some(&same), Some(&older), &there, false),
        Decision::Keep(built.clone())
    );
    assert_eq!(
        decided(Some(&same), Some(&same), &[], false),
        Decision::Build(Reason::ImageGone(built.clone()))
    );
    assert_eq!(
        decided(Some(&same), None, &there, true),
        Decision::Build(Reason::Forced)
    );
    assert_eq!(
        decided(None, None, &there, false),
        Decision::Build(Reason::NoRecord)
    );
    assert_eq!(
        decided(None, Some(&older), &there, false),
        Decision::Build(Reason::Changed(["context".to_owned()].into()))
    );
}

#[test]
fn what_is_not_known_of_a_base_is_never_taken_for_unchanged() {
    let stack = cluster(&[("a", build("a", &["debian:trixie"]))]);
    let nothing = Found {
        externals: BTreeMap::new(),
        ..found(&[("a", "1")])
    };
    let image = all(&nothing, &stack).remove(0);
    let built = identity("built");
    let past = Past {
        same: Some(record(&image, &built)),
        last: None,
    };
    let plan = plan(
        vec![image],
        &[(name("a"), past)].into(),
        &[built.config].into(),
        false,
    );
    assert_eq!(
        plan.explain(),
        "a  build  not on the engine yet: debian:trixie\n"
    );
}

#[test]
fn what_a_name_stands_for_decides_and_the_name_of_the_cluster_does_not() {
    let image = |reference: &str| NamedContext::Image(reference.to_owned());
    let with = |one: &str, other: &str| {
        let contexts = [
            ("one".to_owned(), image(one)),
            ("two".to_owned(), image(other)),
        ];
        Build {
            used_contexts: contexts.iter().map(|(name, _)| name.clone()).collect(),
            contexts: contexts.into(),
            ..build("a", &[])
        }
    };
    let base = || ("base", build("base", &["debian:trixie"]));
    let other = || ("other", build("other", &["scratch"]));
    let here = found(&[("a", "1"), ("base", "2"), ("other", "3")]);
    let of = |name: &str, build: Build| {
        let mut cluster = cluster(&[("a", build), base(), other()]);
        cluster.name = name.parse().unwrap();
        let images = all(&here, &cluster);
        images
            .into_iter()
            .find(|image| image.services[0].as_str() == "a")
            .unwrap()
    };
    let reference = of("shop", with("shop-base", "shop-other"));
    assert_eq!(
        reference.parents.values().collect::<Vec<_>>(),
        [&name("base"), &name("other")]
    );
    let renamed = of("mall", with("mall-base", "mall-other"));
    assert_eq!(renamed.fingerprint, reference.fingerprint);
    let exchanged = of("shop", with("shop-other", "shop-base"));
    assert_eq!(
        difference(&reference.ingredients, &exchanged.ingredients),
        ["context one".to_owned(), "context two".to_owned()].into()
    );
    let external = of("shop", with("debian:trixie", "scratch"));
    assert_eq!(external.bases.len(), 1);
    assert!(external.parents.is_empty() && external.unknown.is_empty());
    assert!(!of("shop", with("gone:1", "scratch")).unknown.is_empty());
}

#[test]
fn what_the_builder_is_asked_for_decides_where_it_changes_the_image() {
    use crate::domain::cluster::SecretSource;
    let here = found(&[("a", "1")]);
    let of = |options: BuildOptions| {
        let build = Build {
            options,
            ..build("a", &["scratch"])
        };
        all(&here, &cluster(&[("a", build)]))[0].fingerprint
    };
    let secret = |variable: &str| {
        BTreeMap::from([("t".to_owned(), SecretSource::Variable(variable.to_owned()))])
    };
    let reference = of(BuildOptions::default());
    let same = [
        BuildOptions {
            no_cache: true,
            pull: true,
            tags: vec!["other".to_owned()],
            ..BuildOptions::default()
        },
        BuildOptions {
            cache_from: vec!["a".to_owned()],
            cache_to: vec!["b".to_owned()],
            no_cache_filter: vec!["c".to_owned()],
            ..BuildOptions::default()
        },
    ];
    for options in same {
        assert_eq!(of(options), reference);
    }
    let different = [
        reference,
        of(BuildOptions {
            secrets: secret("A"),
            ..BuildOptions::default()
        }),
        of(BuildOptions {
            secrets: secret("B"),
            ..BuildOptions::default()
        }),
        of(BuildOptions {
            platform: Some("linux/arm64".to_owned()),
            ..BuildOptions::default()
        }),
        of(BuildOptions {
            network: Some("none".to_owned()),
            ..BuildOptions::default()
        }),
        of(BuildOptions {
            extra_hosts: vec![("a".to_owned(), "::1".to_owned())],
            ..BuildOptions::default()
        }),
    ];
    assert_eq!(BTreeSet::from(different).len(), different.len());
}

#[test]
fn files_of_a_named_context_decide() {
    let with = |files: &str| {
        let mut here = found(&[("a", "1")]);
        let content = here.contents.get_mut("a").unwrap();
        content.folders = [("files".to_owned(), Digest::of(files))].into();
        here
    };
    let build = Build {
        contexts: [("files".to_owned(), NamedContext::Folder("files".into()))].into(),
        used_contexts: ["files".to_owned()].into(),
        ..build("a", &["scratch"])
    };
    let stack = cluster(&[("a", build)]);
    let (one, other) = (all(&with("1"), &stack), all(&with("2"), &stack));
    assert_eq!(
        difference(&one[0].ingredients, &other[0].ingredients),
        ["context files".to_owned()].into()
    );
}
