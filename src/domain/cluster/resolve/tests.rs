//! Resolving, from texts to values.

use std::collections::BTreeMap;

use super::{Resolved, Surroundings, resolve};
use crate::domain::cluster::{
    Build, BuildOptions, Cluster, Condition, Healthcheck, HealthcheckCommand, MountSource,
    NamedContext, Placement, Probe, Restart, SecretSource, Service, Source,
};
use crate::domain::definition::{Content, Definition, Loader, Problems, Request, Step};

/// Where tests lie: in the folder `app` of the repository `/repo`.
fn surroundings() -> Surroundings {
    Surroundings {
        root: "/repo".to_owned(),
        directory: "/repo/app".to_owned(),
    }
}

/// Resolves files.
pub fn of(files: &[(&str, &str)], variables: &[(&str, &str)]) -> Result<Resolved, Problems> {
    resolve(&*load(files, variables)?, &surroundings())
}

/// Writes files in their normal form.
pub fn normal(files: &[(&str, &str)]) -> serde_json::Value {
    let definition = load(files, &[]).unwrap();
    let (name, _) = super::consistent(&definition, &surroundings()).unwrap();
    definition.normal(name.as_str())
}

fn load(files: &[(&str, &str)], variables: &[(&str, &str)]) -> Result<Box<Definition>, Problems> {
    let own = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    };
    let files = own(files);
    let variables = own(variables);
    let mut loader = Loader::new(Request {
        variables,
        directory: "/repo/app".to_owned(),
        ..Request::default()
    });
    loop {
        match loader.step() {
            Step::Need(paths) => {
                for path in paths {
                    let text = files
                        .get(&path)
                        .map(|text| Content::Bytes(text.as_bytes().into()));
                    loader.answer(path, text.unwrap_or(Content::Missing));
                }
            }
            Step::Ask(variables) => unreachable!("nobody is there to be asked for {variables:?}"),
            Step::Done(definition) => return Ok(definition),
            Step::Failed(problems) => return Err(problems),
        }
    }
}

fn cluster(text: &str) -> Cluster {
    of(
        &[("compose.yaml", text)],
        &[("PASSED", "through"), ("HOME", "/home/me")],
    )
    .unwrap()
    .cluster
}

fn service(text: &str) -> Service {
    let mut cluster = cluster(&format!(
        "services: {{web: {{{text}}}, db: {{image: db}}}}\nvolumes: {{data: }}"
    ));
    cluster.services.remove("web").unwrap()
}

fn codes(files: &[(&str, &str)]) -> Vec<&'static str> {
    let problems = of(files, &[]).unwrap_err();
    problems
        .as_slice()
        .iter()
        .map(|problem| problem.code)
        .collect()
}

#[test]
fn commands_are_split_as_a_shell_would() {
    let web = service("image: a, command: sh -c 'echo $$A', entrypoint: []");
    assert_eq!(web.command.unwrap(), ["sh", "-c", "echo $A"]);
    assert_eq!(web.entrypoint, Some(Vec::new()));
    let web = service("image: a, command: [a b, '1.10', yes]");
    assert_eq!(web.command.unwrap(), ["a b", "1.10", "yes"]);
}

#[test]
fn environment_knows_all_forms() {
    let web = service("image: a, environment: {A: 1.10, B: yes, C: , PASSED: , E: ''}");
    let pairs = |service: Service| service.environment.into_iter().collect::<Vec<_>>();
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(
        pairs(web),
        [
            pair("A", "1.1"),
            pair("B", "yes"),
            pair("E", ""),
            pair("PASSED", "through")
        ]
    );
    let web = service("image: a, environment: ['A=b=c', PASSED, NONE, 'E=']");
    assert_eq!(
        pairs(web),
        [pair("A", "b=c"), pair("E", ""), pair("PASSED", "through")]
    );
}

#[test]
fn env_files_come_before_the_environment() {
    let text = "services: {web: {image: a, env_file: [one.env, two.env], environment: [C=own]}}";
    let files = [
        ("compose.yaml", text),
        ("one.env", "A=1\nB=1\nC=1\n"),
        ("two.env", "B=${A}2\n"),
    ];
    let cluster = of(&files, &[]).unwrap().cluster;
    let values: Vec<_> = cluster
        .services
        .values()
        .next()
        .unwrap()
        .environment
        .values()
        .collect();
    assert_eq!(values, ["1", "12", "own"]);
}

#[test]
fn mounts_are_told_apart() {
    let web = service(
        "image: a, volumes: ['./a:/a:ro', '../b:/b', 'data:/c', '/d', '/x/../e:/e', '~/f:/f']",
    );
    let sources: Vec<_> = web.mounts.into_iter().map(|mount| mount.source).collect();
    assert_eq!(
        sources,
        [
            MountSource::Repository("app/a".into()),
            MountSource::Repository("b".into()),
            MountSource::Volume("data".parse().unwrap()),
            MountSource::Anonymous,
            MountSource::HostPath("/e".into()),
            MountSource::HostPath("/home/me/f".into()),
        ]
    );
}

#[test]
fn links_are_dependencies_too() {
    let web =
        service("image: a, links: ['db:store'], depends_on: {db: {condition: service_healthy}}");
    assert_eq!(web.links[0].alias.as_str(), "store");
    assert_eq!(web.depends_on["db"].condition, Condition::Healthy);
    let web = service("image: a, links: [db]");
    assert_eq!(web.depends_on["db"].condition, Condition::Started);
}

#[test]
fn health_checks_know_all_forms() {
    let command =
        |text: &str| match service(&format!("image: a, healthcheck: {{{text}}}")).healthcheck {
            Some(Healthcheck::Check { command, .. }) => command,
            Some(Healthcheck::Disabled) | None => None,
        };
    let shell = |text: &str| Some(HealthcheckCommand::Shell(text.to_owned()));
    assert_eq!(command("test: curl x"), shell("curl x"));
    assert_eq!(command("test: [CMD-SHELL, curl x]"), shell("curl x"));
    let exec = vec!["curl".to_owned(), "x".to_owned()];
    assert_eq!(
        command("test: [CMD, curl, x]"),
        Some(HealthcheckCommand::Exec(exec))
    );
    for off in ["disable: true", "test: [NONE]"] {
        let web = service(&format!("image: a, healthcheck: {{{off}}}"));
        assert_eq!(web.healthcheck, Some(Healthcheck::Disabled));
    }
}

#[test]
fn a_dockerfile_tells_what_it_is_built_on() {
    let text = "services: {web: {build: {context: web, args: {TAG: '2'}}, image: acme/web}}";
    let files = [
        ("compose.yaml", text),
        ("web/Dockerfile", "ARG TAG=1\nFROM base:$TAG\n"),
    ];
    let cluster = of(&files, &[]).unwrap().cluster;
    let Source::Build(build) = &cluster.services.values().next().unwrap().source else {
        panic!("{cluster:?}");
    };
    assert_eq!(build.bases, ["base:2"]);
    assert_eq!(build.context.to_str(), Some("app/web"));
    assert_eq!(build.dockerfile.to_str(), Some("app/web/Dockerfile"));
    assert_eq!(build.tag.as_deref(), Some("acme/web"));
}

fn built(services: &str, files: &[(&str, &str)]) -> BTreeMap<String, Build> {
    let text = format!("name: shop\nservices:\n{services}");
    let files: Vec<_> = [("compose.yaml", text.as_str())]
        .into_iter()
        .chain(files.iter().copied())
        .collect();
    let cluster = of(&files, &[]).unwrap().cluster;
    let services = cluster.services.into_iter();
    services
        .filter_map(|(name, service)| match service.source {
            Source::Build(build) => Some((name.to_string(), *build)),
            Source::Image(_) => None,
        })
        .collect()
}

#[test]
fn named_contexts_lead_to_images_and_folders() {
    let services = "  web:\n    build:\n      context: web\n      additional_contexts: [base=service:base, 'lib=service:lib', tools=docker-image://tools:1, files=../files, unused=docker-image://x]\n  \
        base: {build: base}\n  lib: {build: base, image: acme/lib}\n";
    let dockerfile = "FROM base\nCOPY --from=lib / /\nCOPY --from=tools / /\nCOPY --from=files / /\nCOPY --from=other / /\n";
    let files = [
        ("web/Dockerfile", dockerfile),
        ("base/Dockerfile", "FROM scratch"),
    ];
    let web = built(services, &files).remove("web").unwrap();
    assert_eq!(web.bases, ["other"]);
    let image = |reference: &str| NamedContext::Image(reference.to_owned());
    assert_eq!(web.contexts["base"], image("shop-base"));
    assert_eq!(web.contexts["lib"], image("acme/lib"));
    assert_eq!(web.contexts["files"], NamedContext::Folder("files".into()));
    assert!(web.contexts.contains_key("unused") && !web.used_contexts.contains("unused"));
    let images: Vec<_> = web.images().map(String::as_str).collect();
    assert_eq!(images, ["other", "shop-base", "acme/lib", "tools:1"]);
}

#[test]
fn a_dockerfile_may_stand_in_the_definition() {
    let services =
        "  web:\n    build:\n      context: web\n      dockerfile_inline: |\n        FROM inline\n";
    let web = built(services, &[]).remove("web").unwrap();
    assert_eq!(web.inline.as_deref(), Some("FROM inline\n"));
    assert_eq!(web.bases, ["inline"]);
}

#[test]
fn what_a_builder_is_asked_for_is_taken_whole() {
    let services = "  web:\n    build:\n      context: web\n      secrets: [file, {source: variable, target: token}]\n      ssh: [default, key=./id]\n      \
        platforms: [linux/amd64]\n      network: none\n      shm_size: 1m\n      ulimits: {nofile: 5}\n      extra_hosts: ['a=::1']\n      \
        privileged: true\n      tags: [acme/web:2]\n      no_cache: true\n      pull: true\n      cache_from: [x]\n      cache_to: [y]\n\
        secrets: {file: {file: ./s}, variable: {environment: TOKEN}}\n";
    let web = built(services, &[("web/Dockerfile", "FROM a")]).remove("web");
    assert_eq!(
        web.unwrap().options,
        BuildOptions {
            secrets: [
                ("file".to_owned(), SecretSource::File("app/s".into())),
                ("token".to_owned(), SecretSource::Variable("TOKEN".into())),
            ]
            .into(),
            ssh: [
                ("default".to_owned(), None),
                ("key".to_owned(), Some("app/id".into()))
            ]
            .into(),
            cache_from: vec!["x".to_owned()],
            cache_to: vec!["y".to_owned()],
            platform: Some("linux/amd64".to_owned()),
            network: Some("none".to_owned()),
            shm_size: Some(1024 * 1024),
            ulimits: [("nofile".to_owned(), (5, 5))].into(),
            extra_hosts: vec![("a".to_owned(), "::1".to_owned())],
            no_cache: true,
            no_cache_filter: Vec::new(),
            pull: true,
            entitlements: ["security.insecure".to_owned()].into(),
            tags: vec!["acme/web:2".to_owned()],
        }
    );
}

#[test]
fn a_circle_through_names_that_nobody_wrote_is_seen() {
    let text = "name: shop\nservices: {a: {build: a}, b: {build: {context: b, additional_contexts: {x: service:a}}}}";
    let files = [
        ("compose.yaml", text),
        ("a/Dockerfile", "FROM shop-b"),
        ("b/Dockerfile", "FROM x"),
    ];
    assert_eq!(codes(&files), ["circle"]);
}

#[test]
fn what_lies_outside_the_repository_is_refused() {
    let build = "services: {web: {build: ../../elsewhere}}";
    assert_eq!(codes(&[("compose.yaml", build)]), ["outside"]);
    let mount = "services: {web: {image: a, volumes: ['../../x:/x:ro']}}";
    assert_eq!(codes(&[("compose.yaml", mount)]), ["outside"]);
}

#[test]
fn two_builds_cannot_share_a_tag() {
    let text = "services: {a: {build: a, image: x}, b: {build: b, image: 'x:latest'}, c: {build: a, image: x}}";
    let files = [
        ("compose.yaml", text),
        ("a/Dockerfile", "FROM scratch"),
        ("b/Dockerfile", "FROM scratch"),
    ];
    assert_eq!(codes(&files), ["duplicate-tag"]);
}

#[test]
fn tests_are_found_by_name_profile_and_label() {
    let tests = |text: &str, settings: &str| {
        let files = [("compose.yaml", text), ("longshore.yaml", settings)];
        let cluster = of(&files, &[]).unwrap().cluster;
        let names = cluster
            .tests
            .iter()
            .map(|(test, what)| format!("{test}={}", what.service().unwrap()));
        names.collect::<Vec<_>>().join(" ")
    };
    let text = "services: {sut: {image: a}, web: {image: a}, p: {image: a, profiles: [test]}, \
        l: {image: a, labels: {dev.longshore.test: 'true'}}, h: {image: a, profiles: [test], labels: {dev.longshore.test: 'false'}}}";
    assert_eq!(tests(text, "name: x"), "l=l p=p sut=sut");
    assert_eq!(
        tests(text, "tests: {smoke: {service: web}, unit: {service: p}}"),
        "l=l smoke=web unit=p"
    );
}

#[test]
fn an_environment_runs_what_is_placed_with_its_variables() {
    let text = "services:\n  web: {image: a, environment: {LOG: '$LOG'}, ports: ['80:80'], restart: always}\n  \
        db: {image: b, profiles: [debug]}\n  sut: {image: c}\n  m: {image: m}\n  n: {image: n, depends_on: {m: {condition: service_completed_successfully}}}\n";
    let settings = "environments: {prod: {hosts: [core@lab-1], variables: {LOG: warn}, place: {web: {mode: global}}, \
        rollout: {within: 2m}, probes: {web: {http: /up, port: 80}, n: {exec: [true]}}}}";
    let files = [
        ("compose.yaml", text),
        ("longshore.yaml", settings),
        (".env", "LOG=info"),
    ];
    let cluster = of(&files, &[]).unwrap().cluster;
    let environment = cluster.environments.values().next().unwrap();
    let names: Vec<_> = environment
        .services
        .keys()
        .map(|name| name.as_str())
        .collect();
    assert_eq!(names, ["m", "n", "web"]);
    let web = "web";
    assert_eq!(cluster.services[web].environment["LOG"], "info");
    assert_eq!(environment.services[web].environment["LOG"], "warn");
    assert_eq!(environment.services[web].restart, Restart::Always);
    assert!(environment.services["m"].one_shot);
    assert_eq!(environment.place[web].placement, Placement::Global);
    assert_eq!(
        environment.probes[web],
        Probe::Http {
            port: 80,
            path: "/up".to_owned()
        }
    );
    assert_eq!(environment.rollout.guard.as_secs(), 180);
}

#[test]
fn services_that_name_no_network_share_one() {
    let plain = cluster("services: {a: {image: a}}");
    assert_eq!(plain.networks.len(), 1);
    let named = cluster(
        "services: {a: {image: a}, b: {image: b, networks: [default, back]}}\nnetworks: {back: }",
    );
    assert_eq!(named.networks.len(), 2);
    assert_eq!(named.services["a"].networks.len(), 1);
}

#[test]
fn a_container_is_known_by_its_name_on_every_network_that_it_joins() {
    let known = |written: &str| {
        let text = format!("services: {{a: {{image: a, {written}}}}}\nnetworks: {{back: }}");
        let networks = cluster(&text).services["a"].networks.clone();
        serde_json::to_value(networks).unwrap()
    };
    assert_eq!(
        known("container_name: shop-a"),
        serde_json::json!({"default": ["shop-a"]})
    );
    assert_eq!(
        known("container_name: shop-a, networks: {default: , back: {aliases: [www]}}"),
        serde_json::json!({"back": ["shop-a", "www"], "default": ["shop-a"]})
    );
    assert_eq!(
        known("container_name: ''"),
        serde_json::json!({"default": []})
    );
    let text = "services: {a: {image: a, container_name: '-a'}}";
    assert_eq!(codes(&[("compose.yaml", text)]), ["bad-name"]);
}

#[test]
fn a_folder_names_the_cluster_as_compose_does() {
    assert_eq!(cluster("services: {a: {image: a}}").name.as_str(), "app");
    assert_eq!(
        cluster("name: shop\nservices: {a: {image: a}}")
            .name
            .as_str(),
        "shop"
    );
}

#[test]
fn a_written_cluster_reads_back_as_the_same() {
    let text = "name: shop\nservices:\n  web:\n    build: {context: ., args: {A: '1'}, target: run}\n    image: acme/web\n    \
        command: [sh, -c, 'echo $$A']\n    entrypoint: []\n    environment: {A: '$$5', B: \"x\\ny\", C: 'yes', D: '0123'}\n    \
        ports: ['80:80', '127.0.0.1::53/udp', '[::1]:1-2:1-2']\n    expose: [90, 91/udp]\n    \
        volumes: ['./a:/a:ro', '../b:/b', 'data:/c', '/d', '/e:/e']\n    networks: {back: {aliases: [www]}, default: }\n    \
        links: ['db:store']\n    depends_on: {db: {condition: service_healthy, restart: true}}\n    \
        healthcheck: {test: 'curl $$HOST', interval: 1.5s, retries: 3}\n    restart: on-failure:3\n    labels: [a=b]\n    \
        user: '1000:1000'\n    working_dir: /x\n    stop_grace_period: 1m30s\n  db: {image: 'postgres:17', healthcheck: {disable: true}}\n  \
        sut: {image: t, profiles: [test], depends_on: {web: {condition: service_completed_successfully, required: false}}}\n\
        networks: {back: {internal: true, labels: {a: b}}}\nvolumes: {data: {labels: [x]}}\n";
    let files = |text: &str| {
        of(
            &[("compose.yaml", text), ("Dockerfile", "FROM a AS run")],
            &[],
        )
        .unwrap()
        .cluster
    };
    let first = files(text);
    let normal = normal(&[("compose.yaml", text)]);
    let written = super::super::escaped(normal.clone());
    let yaml = serde_yaml::to_string(&written).unwrap();
    for again in [yaml, written.to_string()] {
        assert_eq!(files(&again), first);
        assert_eq!(super::tests::normal(&[("compose.yaml", &again)]), normal);
    }
}
