//! Definitions of decking, from texts to values.

use serde_json::{Value, json};

use super::super::Format;
use super::super::tests::imported;
use super::relative;

fn decking(text: &str) -> (Value, Vec<String>) {
    imported(Format::Decking, text)
}

fn services(text: &str) -> Value {
    let (compose, problems) = decking(text);
    assert_eq!(problems, Vec::<String>::new());
    compose["services"].clone()
}

#[test]
fn containers_of_the_only_cluster_are_services() {
    let services = services(
        r#"{"//": "the shop", "images": {"acme/api": "./api"},
            "containers": {
              "pg": {"image": "postgres", "persistent": true},
              "api": {"image": "acme/api", "dependencies": ["pg:db"], "port": ["80:8080"], "env": ["URL=x?a=b=c", "KEY=-", "OTHER"],
                      "cpu": 512, "memory": "1g", "host": "api", "restart": "always", "privileged": true,
                      "extra": "--name 'a b'", "mount": ["../conf:/conf:ro", "/logs"]}},
            "clusters": {"prod": ["api(2)"]}}"#,
    );
    assert_eq!(
        services,
        json!({
            "api": {
                "build": {"context": ".", "dockerfile": "api/Dockerfile"},
                "image": "acme/api",
                "links": ["pg:db"],
                "ports": ["80:8080"],
                "environment": {
                    "URL": "x?a=b=c",
                    "KEY": "${KEY:?decking asked for it}",
                    "OTHER": "${OTHER:?decking asked for it}",
                },
                "cpu_shares": 512,
                "mem_limit": "1g",
                "hostname": "api",
                "restart": "always",
                "privileged": true,
                "command": "--name 'a b'",
                "volumes": ["../conf:/conf:ro", "/logs"],
                "deploy": {"replicas": 2},
            },
            "pg": {"image": "postgres"},
        })
    );
}

#[test]
fn several_clusters_are_profiles_and_groups_make_services_of_their_own() {
    let services = services(
        r#"{"containers": {"pg": "postgres", "api": {"image": "a", "dependencies": ["pg:db"], "env": ["A=1", "B=1"]}},
            "clusters": {"dev": ["api"], "prod": [{"name": "api"}], "bare": {"containers": ["pg"]}},
            "groups": {"prod": {"options": {"env": ["A=2"]}, "containers": {"api": {"restart": "always"}}}}}"#,
    );
    assert_eq!(
        services,
        json!({
            "api": {"profiles": ["dev"], "image": "a", "links": ["pg:db"], "environment": {"A": "1", "B": "1"}},
            "pg": {"profiles": ["dev", "bare"], "image": "postgres"},
            "api-prod": {
                "profiles": ["prod"], "image": "a", "links": ["pg-prod:db"],
                "environment": {"A": "2"}, "restart": "always",
            },
            "pg-prod": {"profiles": ["prod"], "image": "postgres", "environment": {"A": "2"}},
        })
    );
}

#[test]
fn what_only_holds_volumes_is_volumes() {
    let (compose, problems) = decking(
        r#"{"containers": {
              "data": {"image": "busybox", "data": true, "mount": ["/var/lib/pg", "./conf:/conf"]},
              "pg": {"image": "postgres", "mount-from": ["data"]},
              "backup": {"image": "backup", "mount-from": ["data:ro", "pg"], "dependencies": ["pg"]}},
            "clusters": {"all": ["backup"]}}"#,
    );
    assert_eq!(problems, Vec::<String>::new());
    assert_eq!(
        compose,
        json!({
            "services": {
                "backup": {
                    "image": "backup", "links": ["pg"], "depends_on": ["pg"],
                    "volumes": ["data-var-lib-pg:/var/lib/pg", "./conf:/conf"],
                },
                "pg": {"image": "postgres", "volumes": ["data-var-lib-pg:/var/lib/pg", "./conf:/conf"]},
            },
            "volumes": {"data-var-lib-pg": null},
        })
    );
}

#[test]
fn what_is_needed_comes_along_however_deep() {
    let services = services(
        r#"{"containers": {"a": {"image": "a", "dependencies": ["b"]}, "b": {"image": "b", "dependencies": ["c"]}, "c": "c"},
            "clusters": {"all": ["a"]}}"#,
    );
    assert_eq!(services["b"]["links"], json!(["c"]));
    assert_eq!(services["c"], json!({"image": "c"}));
}

#[test]
fn images_that_nobody_runs_are_built_for_others() {
    let services = services(
        r#"{"images": {"acme/base": {"path": "base", "context": "."}, "acme/a": {"path": "docker/a", "context": "src"}},
            "containers": {"a": "acme/a:latest"}, "clusters": {"all": ["a"]}}"#,
    );
    assert_eq!(
        services,
        json!({
            "a": {"build": {"context": "src", "dockerfile": "../docker/a/Dockerfile"}, "image": "acme/a:latest"},
            "base": {"build": {"context": "base"}, "image": "acme/base", "profiles": ["build"]},
        })
    );
}

#[test]
fn what_is_wrong_or_lost_is_told_at_its_place() {
    let (_, problems) = decking(
        r#"{"containers": {"api": {"image": "a", "dependencies": ["bd"], "ready": 80, "prot": ["1:1"]}, "db": "x", "spare": "y"},
            "clusters": {"all": ["api(0)", "api", "db"]}, "groups": {"all": {"containers": {"bd": {}}}}, "extra": 1}"#,
    );
    let expected = [
        "extra: `extra` in the file has no effect",
        "bd: there is no container `bd` to change",
        "api(0): clusters.all: `0` is no count",
        "bd: there is no container `bd`",
        "spare: container `spare` is in no cluster",
        "ready: nothing waits for port 80 of `api`",
        "prot: `prot` in containers.api has no effect",
    ];
    let bare: Vec<_> = problems.iter().map(|told| told.replace('"', "")).collect();
    assert_eq!(bare, expected);
}

#[test]
fn there_have_to_be_containers_and_clusters() {
    let (_, problems) = decking("{\"images\": {}, \"containers\": {}}");
    assert_eq!(
        problems,
        ["{: no containers are defined", "{: no clusters are defined"]
    );
}

#[test]
fn paths_are_seen_from_other_folders() {
    for (from, to, seen) in [
        (".", "a/b", "a/b"),
        ("a", "a/b", "b"),
        ("a", "b", "../b"),
        ("a", "a", "."),
    ] {
        assert_eq!(relative(from, to), seen, "{from} {to}");
    }
}
