//! fig, and Compose before it had `services:` ("version 1"): services at the top of the file.

use super::super::place::At;
use super::super::problem::Problem;
use super::super::reader::Reader;
use super::super::yaml::{Entry, Node, Tag, Value};
use super::{Imported, tree};

/// Keys that mean in Compose what they meant here.
const SAME: &[&str] = &[
    "cap_add",
    "cap_drop",
    "cgroup_parent",
    "command",
    "container_name",
    "cpu_quota",
    "cpu_shares",
    "devices",
    "dns",
    "dns_search",
    "domainname",
    "entrypoint",
    "environment",
    "expose",
    "extends",
    "external_links",
    "extra_hosts",
    "image",
    "ipc",
    "labels",
    "links",
    "mac_address",
    "mem_limit",
    "mem_swappiness",
    "memswap_limit",
    "pid",
    "ports",
    "privileged",
    "read_only",
    "restart",
    "security_opt",
    "shm_size",
    "stdin_open",
    "stop_signal",
    "tty",
    "ulimits",
    "volume_driver",
    "volumes",
    "volumes_from",
    "working_dir",
];
/// Keys that took numbers here, and take texts there.
const TEXTS: &[&str] = &["cpuset", "hostname", "user"];
/// Keys that are said differently there.
const OTHER: &[&str] = &[
    "build",
    "dockerfile",
    "env_file",
    "log_driver",
    "log_opt",
    "net",
];
/// What is written in place of a key that is near in meaning, not in letters.
const MEANT: &[(&str, &str)] = &[
    ("add_host", "extra_hosts"),
    ("hosts", "extra_hosts"),
    ("extra_host", "extra_hosts"),
    ("device", "devices"),
    ("link", "links"),
    ("memory", "mem_limit"),
    ("memory_swap", "memswap_limit"),
    ("network_mode", "net"),
    ("port", "ports"),
    ("privilege", "privileged"),
    ("priviliged", "privileged"),
    ("volume", "volumes"),
    ("workdir", "working_dir"),
];
/// Keys at the top by which later forms are known.
const LATER: &[&str] = &["include", "networks", "services", "volumes"];

/// Tells whether a file has services at its top. `known` says that it belongs to a file that does, so that its services
/// may leave their images out.
pub(super) fn is_old(tree: &Node, known: bool) -> bool {
    let Value::Map(entries) = &tree.value else {
        return false;
    };
    let is_map = |entry: &Entry| matches!(entry.value.value, Value::Map(_));
    let later = entries.iter().any(|entry| match entry.key.text.as_str() {
        // There were services of these names.
        "name" | "version" => !is_map(entry),
        key => LATER.contains(&key) || key.starts_with("x-"),
    });
    let service = |entry: &Entry| {
        let sources = ["image", "build", "extends"];
        is_map(entry) && sources.iter().any(|key| entry.value.get(key).is_some())
    };
    !later && !entries.is_empty() && (known || entries.iter().any(service))
}

/// Brings a file to the form that Compose has.
pub(super) fn import(tree: Node) -> Imported {
    let mut reader = Reader::default();
    let at = tree.at.clone();
    let services = services(tree, &mut reader);
    Imported::new(tree::project(&at, services), None, reader.problems)
}

/// Returns the services of a file.
pub(super) fn services(tree: Node, reader: &mut Reader) -> Vec<Entry> {
    let Value::Map(entries) = tree.value else {
        return Vec::new();
    };
    let mut services = Vec::with_capacity(entries.len());
    for Entry { key, value } in entries {
        let name = key.text.clone();
        let service = reader.within(name, |reader| {
            plain_variables(&value, reader);
            service(value, &key.at, reader)
        });
        services.extend(service.map(|value| Entry { key, value }));
    }
    services
}

/// What of a service is put together from several keys.
#[derive(Default)]
struct Parts {
    build: Option<Entry>,
    dockerfile: Option<Entry>,
    log_driver: Option<Entry>,
    log_opt: Option<Entry>,
}

fn service(node: Node, key: &At, reader: &mut Reader) -> Option<Node> {
    let at = if node.is_null() { key } else { &node.at }.clone();
    let Value::Map(written) = node.value else {
        let node = Node { at, ..node };
        return reader.wrong(&node, "a service, which is a mapping");
    };
    let mut parts = Parts::default();
    let mut keys = Vec::with_capacity(written.len());
    for entry in written {
        match entry.key.text.as_str() {
            name if SAME.contains(&name) => keys.push(entry),
            name if TEXTS.contains(&name) => keys.push(Entry {
                value: tree::as_text(entry.value),
                ..entry
            }),
            "build" => parts.build = Some(entry),
            "dockerfile" => parts.dockerfile = Some(entry),
            "log_driver" => parts.log_driver = Some(entry),
            "log_opt" => parts.log_opt = Some(entry),
            "net" => keys.push(tree::renamed(entry, "network_mode")),
            "env_file" => keys.push(raw(entry)),
            _ => unknown(&entry, reader),
        }
    }
    keys.extend(logging(parts.log_driver, parts.log_opt));
    source(&mut keys, parts.build, parts.dockerfile, reader);
    Some(tree::map(&at, keys))
}

/// Adds how the image is built. Who says one of `image` and `build` takes back the other of what it extends or is laid
/// over.
fn source(
    keys: &mut Vec<Entry>,
    build: Option<Entry>,
    dockerfile: Option<Entry>,
    reader: &mut Reader,
) {
    let has = |name: &str| keys.iter().find(|entry| entry.key.text == name);
    let (image, extends) = (has("image"), has("extends").is_some());
    match (&build, image) {
        (Some(build), Some(image)) => {
            let message = format!("{}: `image` and `build` exclude each other", reader.trail());
            let problem = Problem::error("conflict", message)
                .at(&build.key.at, "built")
                .at(&image.key.at, "or taken as it is");
            let help = "remove one of them; in Compose, where services stand under `services:`, `image` beside `build` names what is built";
            reader.problems.push(problem.help(help));
        }
        (None, Some(image)) => keys.push(taken_back("build", &image.key.at)),
        (Some(build), None) => keys.push(taken_back("image", &build.key.at)),
        (None, None) => {}
    }
    match (build, dockerfile) {
        (Some(build), None) => keys.push(build),
        (None, Some(file)) if !extends => {
            let why = "there is nothing to build with it";
            reader.invalid::<()>(&file.key.at, why, "`build` beside it, the folder to build");
        }
        (build, Some(file)) => {
            keys.retain(|entry| entry.key.text != "build");
            let at = build
                .as_ref()
                .map_or(&file.value.at, |build| &build.value.at)
                .clone();
            let context = build.map(|build| tree::renamed(build, "context"));
            let parts = context.into_iter().chain([file]).collect();
            keys.push(tree::entry("build", tree::map(&at, parts)));
        }
        (None, None) => {}
    }
}

/// A key that takes back what an earlier file, or the service that is extended, says under it.
fn taken_back(key: &str, at: &At) -> Entry {
    let mut nothing = tree::plain(at, "");
    nothing.tag = Some(Tag::Reset);
    tree::entry(key, nothing)
}

fn logging(driver: Option<Entry>, options: Option<Entry>) -> Option<Entry> {
    let driver = driver.map(|entry| tree::renamed(entry, "driver"));
    let options = options.map(|entry| tree::renamed(entry, "options"));
    let at = driver.as_ref().or(options.as_ref())?.value.at.clone();
    let both = driver.into_iter().chain(options).collect();
    Some(tree::entry("logging", tree::map(&at, both)))
}

/// Files with variables were taken line by line, quotes and all.
fn raw(written: Entry) -> Entry {
    let long = |file: &Node| {
        let format = tree::entry("format", tree::text(&file.at, "raw"));
        let path = tree::entry("path", file.clone());
        tree::map(&file.at, vec![path, format])
    };
    let value = match &written.value.value {
        Value::Scalar(_) if written.value.is_null() => written.value.clone(),
        Value::Scalar(_) => tree::list(&written.value.at, vec![long(&written.value)]),
        Value::List(files) => tree::list(&written.value.at, files.iter().map(long).collect()),
        Value::Map(_) => written.value.clone(),
    };
    Entry { value, ..written }
}

fn unknown(entry: &Entry, reader: &mut Reader) {
    use super::super::compose::Service;
    let key = entry.key.text.as_str();
    let message = format!("unknown key `{key}` in {}", reader.trail());
    let problem = Problem::error("unknown-key", message);
    let meant = MEANT.iter().find(|(wrong, _)| *wrong == key);
    reader.problems.push(match meant {
        Some((_, right)) => problem
            .at(&entry.key.at, "no such key")
            .help(format!("did you mean `{right}`?")),
        None if Service::KEYS.contains(&key) => problem
            .at(
                &entry.key.at,
                "services without `services:` have no such key",
            )
            .help("to use it, put all services under `services:`"),
        None => problem
            .at(&entry.key.at, "no such key")
            .did_you_mean(key, [SAME, TEXTS, OTHER].concat()),
    });
}

/// Tells variables of a form that came later: here they were no variables, and nobody knows what was meant.
fn plain_variables(node: &Node, reader: &mut Reader) {
    match &node.value {
        Value::Scalar(scalar) => {
            if let Some(form) = later_form(&scalar.text) {
                let message = format!("`{form}` is no variable here");
                let problem = Problem::error("interpolation", message)
                    .at(&node.at, "expected `$NAME` or `${NAME}`");
                let help = "write `$$` for a `$` that the container is meant to see";
                reader.problems.push(problem.help(help));
            }
        }
        Value::List(items) => items.iter().for_each(|item| plain_variables(item, reader)),
        Value::Map(entries) => entries
            .iter()
            .for_each(|entry| plain_variables(&entry.value, reader)),
    }
}

fn later_form(text: &str) -> Option<&str> {
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let after = &rest[at + 1..];
        if let Some(inner) = after.strip_prefix('{') {
            let name = inner.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')?;
            let end = inner.find('}')?;
            if name != end {
                return Some(&rest[at..at + 2 + end + 1]);
            }
        }
        rest = after.strip_prefix('$').unwrap_or(after);
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Format;
    use super::super::tests::imported;
    use super::later_form;

    fn fig(text: &str) -> (serde_json::Value, Vec<String>) {
        imported(Format::Fig, text)
    }

    #[test]
    fn keys_are_said_as_compose_says_them() {
        let (compose, problems) = fig(
            "web:\n  build: .\n  dockerfile: Dev\n  net: host\n  log_driver: syslog\n  log_opt: {tag: web}\n  env_file: a.env\n  cpuset: 0\n  hostname: web.example.com\n  links: [db:store]\ndb: {image: postgres:9.4, net: container:web}\n",
        );
        assert_eq!(problems, Vec::<String>::new());
        assert_eq!(
            compose["services"]["web"],
            json!({
                "build": {"context": ".", "dockerfile": "Dev"},
                "network_mode": "host",
                "logging": {"driver": "syslog", "options": {"tag": "web"}},
                "env_file": [{"path": "a.env", "format": "raw"}],
                "cpuset": "0",
                "hostname": "web",
                "domainname": "example.com",
                "links": ["db:store"],
            })
        );
        assert_eq!(compose["services"]["db"]["network_mode"], "service:web");
    }

    #[test]
    fn the_container_of_another_is_one_of_nobody_here() {
        let (compose, _) = fig("web: {image: a, net: \"container:other\"}");
        assert_eq!(
            compose["services"]["web"]["network_mode"],
            "container:other"
        );
    }

    #[test]
    fn what_is_no_key_is_told_with_what_was_meant() {
        let (_, problems) = fig("web: {image: a, port: [80]}\ndb: {image: a, depends_on: [web]}");
        assert_eq!(
            problems,
            [
                "port: unknown key `port` in web",
                "depends_on: unknown key `depends_on` in db"
            ]
        );
        let (_, problems) = fig("web: {image: a, build: .}\ndb:\nx: {image: a, dockerfile: D}");
        assert_eq!(
            problems,
            [
                "build: web: `image` and `build` exclude each other",
                "db: db has the wrong type",
                "dockerfile: x: there is nothing to build with it"
            ]
        );
    }

    #[test]
    fn later_forms_of_variables_are_none() {
        for (text, form) in [
            ("$A ${A} $$ $${A:-b}", None),
            ("x ${A:-b} y", Some("${A:-b}")),
            ("${A?b}", Some("${A?b}")),
            ("${A", None),
        ] {
            assert_eq!(later_form(text), form, "{text}");
        }
    }
}
