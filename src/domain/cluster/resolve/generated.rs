//! What holds for every definition: its normal form is its own normal form, an empty file over it changes nothing, nor
//! does the order of its keys, and checking it comes to an end with a cluster or with problems.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;

use super::tests::{normal, of};
use crate::domain::cluster::escaped;
use crate::domain::definition::Severity;

/// Keys of services, each in some of its forms.
const KEYS: &[(&str, &[&str])] = &[
    (
        "build",
        &[
            "web",
            "{context: web, args: [A=1, B], target: run}",
            "{dockerfile: D, labels: {a: b}}",
        ],
    ),
    ("command", &["run it 'now'", "[run, '$$A']", "[]"]),
    ("entrypoint", &["/bin/sh -c", "['']"]),
    (
        "environment",
        &["[A=b=c, B, 'C=']", "{A: 1.10, B: yes, C: , D: '$X'}", "{}"],
    ),
    (
        "env_file",
        &[
            "web.env",
            "[{path: web.env, format: raw}, {path: none.env, required: false}]",
        ],
    ),
    (
        "ports",
        &[
            "['80:80', 90]",
            "['3000-3002:4000-4002/udp']",
            "[{target: 80, published: '8080-8090', mode: host}]",
        ],
    ),
    ("expose", &["[80, 90-91/udp]"]),
    (
        "volumes",
        &[
            "['data:/data:ro', ./a:/a, /tmp]",
            "[{type: tmpfs, target: /t, tmpfs: {size: 16m}}]",
            "[]",
        ],
    ),
    (
        "networks",
        &[
            "[back]",
            "{back: {aliases: [b, a]}, default: }",
            "{back: {priority: 3, ipv4_address: 10.1.0.9}}",
        ],
    ),
    ("links", &["['s0:db']"]),
    (
        "depends_on",
        &[
            "[s0]",
            "{s0: {condition: service_healthy, restart: true, required: false}}",
        ],
    ),
    (
        "healthcheck",
        &[
            "{test: 'true', interval: 1m30s}",
            "{test: [CMD, a], retries: 3}",
            "{disable: true}",
        ],
    ),
    ("restart", &["always", "on-failure:3", "'no'"]),
    ("profiles", &["[test, debug]"]),
    ("labels", &["[a=b, c]", "{a: 1.10, b: }"]),
    ("stop_grace_period", &["1h2m", "1500ms"]),
    (
        "deploy",
        &[
            "{replicas: 2, resources: {limits: {cpus: 0.5, memory: 1g}}}",
            "{mode: global, labels: [a=b]}",
        ],
    ),
    ("mem_reservation", &["1.5g", "1073741824", "64kb"]),
    ("ulimits", &["{nofile: 1024, nproc: {soft: 1, hard: 2}}"]),
    ("extra_hosts", &["['a:1.2.3.4', 'b=::1']", "{a: 1.2.3.4}"]),
    ("tmpfs", &["/run", "[/run, '/tmp:size=1m']"]),
    ("dns", &["1.1.1.1", "[1.1.1.1, 8.8.8.8]"]),
    ("logging", &["{driver: local, options: {max-size: 1m}}"]),
    ("secrets", &["[one, {source: one, target: /x, mode: 0440}]"]),
    ("devices", &["['/dev/a:/dev/b:r']", "[/dev/a]"]),
    ("user", &["'1000'", "a:b"]),
    ("gpus", &["all", "[{driver: nvidia, count: 2}]"]),
    ("x-note", &["{a: [1, 1.5, '$$'], b: null}"]),
    ("extends", &["s0", "{service: s0}"]),
];
const SHARED: &str = "networks: {back: {internal: true, ipam: {config: [{subnet: 10.1.0.0/16}]}}}
volumes: {data: {labels: [a=b]}}
secrets: {one: {file: web.env}}
";
const DOCKERFILE: &str = "FROM a AS run\n";

/// A service: its keys, each with one of its forms.
type Keys = Vec<(usize, usize)>;

fn services() -> impl Strategy<Value = Vec<Keys>> {
    let key = (0..KEYS.len(), 0..3usize);
    vec(vec(key, 0..6), 1..5)
}

/// Writes a definition, the keys of each service turned round by so many.
fn written(services: &[Keys], turn: usize) -> String {
    let mut text = "name: shop\nservices:\n  s0: {image: base, environment: {S: '0'}}\n".to_owned();
    for (number, keys) in services.iter().enumerate() {
        let mut lines = vec![format!("image: image{number}")];
        let mut seen = Vec::new();
        for (key, form) in keys {
            let (name, forms) = KEYS[*key];
            if !seen.contains(&name) {
                seen.push(name);
                lines.push(format!("{name}: {}", forms[form % forms.len()]));
            }
        }
        let turn = turn % lines.len();
        lines.rotate_left(turn);
        text.push_str(&format!(
            "  s{}:\n    {}\n",
            number + 1,
            lines.join("\n    ")
        ));
    }
    text + SHARED
}

fn files<'a>(compose: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let beside = [
        ("compose.yaml", compose),
        ("web/Dockerfile", DOCKERFILE),
        ("web.env", "E=1\nF=$E\n"),
        (".env", "X=x$$y\n"),
    ];
    beside.into_iter().chain(more.iter().copied()).collect()
}

fn config(compose: &str, more: &[(&str, &str)]) -> Value {
    normal(&files(compose, more))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn config_of_config_is_the_same(services in services()) {
        let once = config(&written(&services, 0), &[]);
        let text = serde_yaml::to_string(&escaped(once.clone())).unwrap();
        prop_assert_eq!(config(&text, &[]), once, "{}", text);
    }

    #[test]
    fn an_empty_file_laid_over_changes_nothing(services in services()) {
        let text = written(&services, 0);
        let alone = config(&text, &[]);
        for empty in ["{}", "services:\n", "services: {}\nnetworks:\n", "services: {s1: }\n", "services: {s1: {}}\n"] {
            let merged = config(&text, &[("compose.override.yaml", empty)]);
            prop_assert_eq!(&merged, &alone, "{}", empty);
        }
    }

    #[test]
    fn laid_over_an_empty_file_it_says_the_same(services in services()) {
        let text = written(&services, 0);
        let merged = config("services: {}\n", &[("compose.override.yaml", &text)]);
        prop_assert_eq!(merged, config(&text, &[]));
    }

    #[test]
    fn the_order_of_a_services_keys_never_matters(services in services(), turn in 1..7usize) {
        prop_assert_eq!(config(&written(&services, turn), &[]), config(&written(&services, 0), &[]));
    }

    #[test]
    fn resolving_ends_with_a_cluster_or_with_errors(services in services()) {
        let text = written(&services, 0);
        match of(&files(&text, &[]), &[]) {
            Ok(resolved) => {
                prop_assert_eq!(resolved.cluster.services.len(), services.len() + 1);
                let errors = resolved.warnings.iter().filter(|problem| problem.severity == Severity::Error);
                prop_assert_eq!(errors.count(), 0);
            }
            Err(problems) => {
                let mut all = problems.as_slice().iter();
                prop_assert!(all.any(|problem| problem.severity == Severity::Error));
            }
        }
    }
}
