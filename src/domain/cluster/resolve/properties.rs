//! What holds for every input: nothing panics, order of keys never matters, and what is written reads back.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;

use super::tests::{normal, of};
use crate::domain::cluster::{Cluster, escaped};
use crate::domain::failure::Explain;

const COMPOSE: &str = "name: shop
x-base: &base {restart: on-failure:3, environment: {A: \"${A:-a}\", B: }}
services:
  web:
    <<: *base
    build: {context: web, args: [X=1], target: run}
    image: acme/web
    command: sh -c 'echo hi'
    ports: ['80:80', {target: 81, published: 8081, host_ip: 127.0.0.1}]
    expose: [90-91/udp]
    volumes: ['./a:/a:ro', 'data:/data', {type: bind, source: ../x, target: /x, read_only: true}]
    networks: {back: {aliases: [www]}}
    depends_on: {db: {condition: service_healthy}, migrate: {condition: service_completed_successfully}}
    env_file: [{path: web.env, required: false}]
    stop_grace_period: 1m30s
  migrate: {build: web, links: ['db:store']}
  db: {image: 'postgres:17', healthcheck: {test: [CMD, pg_isready], interval: 1s}}
  sut: {image: debian, profiles: [test], depends_on: [web]}
networks: {back: {internal: true}}
volumes: {data: }
";
const SETTINGS: &str = "tests: {smoke: {service: web, command: [true], timeout: 5m}}
environments:
  staging:
    hosts: [core@lab-1, lab-2]
    place: {web: {mode: global}}
    variables: {A: b}
    rollout: {max_in_flight: 2, within: 2m}
    probes: {web: {http: /, port: 80}, db: {tcp: 5432}}
";
const DOCKERFILE: &str =
    "ARG B=debian:trixie\nFROM $B AS base\nFROM base AS run\nCOPY --from=tools /a /a\n";
const ENV: &str = "X=1\nexport Y=\"a $X\" # c\nZ='q'\n";

/// A change of a text: at a place, so many bytes go, and others come.
type Change = (prop::sample::Index, usize, String);

fn changed(text: &str, changes: &[Change]) -> String {
    let mut text = text.to_owned();
    for (place, length, new) in changes {
        let start = text.floor_char_boundary(place.index(text.len() + 1));
        let end = text.floor_char_boundary((start + length).min(text.len()));
        text.replace_range(start..end.max(start), new);
    }
    text
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let piece = prop_oneof![
        "[ -~\n]{0,6}",
        prop::sample::select(vec![
            "*base",
            "&base ",
            "<<: ",
            "${",
            "}",
            "$",
            ":",
            "\n",
            "  ",
            "- ",
            "{",
            "[",
            "\"",
            "'",
            "\u{0}",
            "ü",
            "\t",
            "!x ",
            "|\n",
            "? ",
            "#",
            "---\n",
            ": [",
            "FROM ",
            "\\\n",
            "<<EOF\n",
            "99999999999",
            "~",
            "../../..",
        ])
        .prop_map(str::to_owned),
    ];
    vec((any::<prop::sample::Index>(), 0..12usize, piece), 1..6)
}

/// Writes a value as YAML in one line, the keys of each mapping turned round by what `turns` gives.
fn turned(value: &Value, turns: &mut impl Iterator<Item = usize>) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| turned(item, turns)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields
                .iter()
                .map(|(key, value)| format!("{key:?}: {}", turned(value, turns)))
                .collect();
            let turn = turns.next().unwrap_or_default() % fields.len().max(1);
            fields.rotate_left(turn);
            format!("{{{}}}", fields.join(", "))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    }
}

fn files<'a>(
    compose: &'a str,
    settings: &'a str,
    dockerfile: &'a str,
    env: &'a str,
) -> [(&'a str, &'a str); 5] {
    [
        ("compose.yaml", compose),
        ("longshore.yaml", settings),
        ("web/Dockerfile", dockerfile),
        ("web.env", env),
        (".env", env),
    ]
}

fn good(compose: &str) -> Cluster {
    of(&files(compose, SETTINGS, DOCKERFILE, ENV), &[])
        .unwrap()
        .cluster
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_panics_and_every_error_can_be_shown(which in 0..4usize, changes in changes()) {
        let mut texts = [COMPOSE, SETTINGS, DOCKERFILE, ENV].map(str::to_owned);
        texts[which] = changed(&texts[which], &changes);
        let [compose, settings, dockerfile, env] = &texts;
        match of(&files(compose, settings, dockerfile, env), &[]) {
            Ok(resolved) => {
                let written = escaped(normal(&files(compose, settings, dockerfile, env)));
                let again = serde_yaml::to_string(&written).unwrap();
                let again = of(&files(&again, settings, dockerfile, env), &[]);
                prop_assert_eq!(again.unwrap().cluster.services, resolved.cluster.services);
            }
            Err(problems) => {
                let report = problems.report(false).unwrap();
                prop_assert!(!report.contains('\x1b'), "a terminal would obey");
                prop_assert!(report.starts_with("error: ") || report.starts_with("warning: "));
            }
        }
    }

    #[test]
    fn the_order_of_keys_never_matters(turns in vec(0..8usize, 40)) {
        let written = escaped(normal(&files(COMPOSE, SETTINGS, DOCKERFILE, ENV)));
        let text = turned(&written, &mut turns.into_iter());
        prop_assert_eq!(good(&text), good(&written.to_string()));
        prop_assert_eq!(good(&text).services, good(COMPOSE).services);
    }
}
