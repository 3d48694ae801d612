//! One container of decking as a service.

use std::collections::BTreeSet;

use super::super::super::problem::Problem;
use super::super::super::reader::Reader;
use super::super::super::yaml::{Entry, Node};
use super::super::image::Built;
use super::super::tree;
use super::cluster::{Wanted, falsy};

/// The keys of a container.
const KEYS: &[&str] = &[
    "cpu",
    "data",
    "dependencies",
    "env",
    "extra",
    "host",
    "image",
    "memory",
    "mount",
    "mount-from",
    "persistent",
    "port",
    "privileged",
    "ready",
    "restart",
];

/// What else is in the file.
pub(super) struct File<'a> {
    /// The containers of all clusters.
    pub(super) wanted: &'a [Wanted],
    /// The images that are built.
    pub(super) images: &'a [Built],
    /// Variables that decking asked for on the terminal where the shell had no value.
    pub(super) asks: BTreeSet<String>,
}

/// Makes a service of a container.
pub(super) fn service(wanted: &Wanted, file: &mut File<'_>, reader: &mut Reader) -> Entry {
    let mut keys = Vec::from_iter(profiles(wanted));
    reader.within("containers", |reader| {
        reader.within(&wanted.base, |reader| {
            for entry in &wanted.keys {
                if !KEYS.contains(&entry.key.text.as_str()) {
                    super::ignored(entry, KEYS, reader);
                } else if !falsy(&entry.value) {
                    reader.within(&entry.key.text, |reader| {
                        keys.extend(translated(entry, wanted, file, reader));
                    });
                }
            }
        });
    });
    let (count, at) = &wanted.count;
    if *count > 1 {
        let replicas = tree::entry("replicas", tree::plain(at, count.to_string()));
        keys.push(tree::entry("deploy", tree::map(at, vec![replicas])));
    }
    let mut service = tree::entry(&wanted.name, tree::map(&wanted.whole, keys));
    service.key.at = wanted.at.clone();
    service
}

/// Says in which clusters a service is, where there are several.
fn profiles(wanted: &Wanted) -> Option<Entry> {
    let (_, at) = wanted.profiles.first()?;
    let names = wanted.profiles.iter();
    let names = names.map(|(name, at)| tree::text(at, name.as_str()));
    Some(tree::entry("profiles", tree::list(at, names.collect())))
}

/// Says one key as Compose does.
fn translated(
    entry: &Entry,
    wanted: &Wanted,
    file: &mut File<'_>,
    reader: &mut Reader,
) -> Vec<Entry> {
    let all = file.wanted;
    let renamed = |key: &str| vec![tree::renamed(entry.clone(), key)];
    let as_text = |key: &str| {
        let value = tree::as_text(entry.value.clone());
        vec![tree::renamed(
            Entry {
                value,
                ..entry.clone()
            },
            key,
        )]
    };
    let listed = |key: &str, items: Option<Vec<Node>>| {
        let list = items.map(|items| tree::list(&entry.value.at, items));
        let list = list.map(|value| {
            tree::renamed(
                Entry {
                    value,
                    ..entry.clone()
                },
                key,
            )
        });
        Vec::from_iter(list)
    };
    match entry.key.text.as_str() {
        "image" => image(entry, file.images),
        "env" => Vec::from_iter(environment(entry, &mut file.asks, reader)),
        "dependencies" => listed("links", links(&entry.value, wanted, all, reader)),
        "mount-from" => listed("volumes_from", sources(&entry.value, wanted, all, reader)),
        "mount" => renamed("volumes"),
        "port" => renamed("ports"),
        "extra" => renamed("command"),
        "host" => as_text("hostname"),
        "restart" => as_text("restart"),
        "privileged" => renamed("privileged"),
        "cpu" => renamed("cpu_shares"),
        "memory" => renamed("mem_limit"),
        "data" => renamed("data"),
        // Said where volumes and containers were removed by hand: longshore never deletes volumes.
        "persistent" => Vec::new(),
        "ready" => {
            ready(entry, wanted, reader);
            Vec::new()
        }
        _ => Vec::new(),
    }
}

fn image(entry: &Entry, images: &[Built]) -> Vec<Entry> {
    let reference = tree::said(&entry.value).unwrap_or_default();
    let built = images.iter().find(|image| image.is(reference));
    match built {
        Some(built) => Vec::from(built.keys(&entry.value)),
        None => vec![entry.clone()],
    }
}

/// Says variables as a mapping. The value is all behind the first `=`. What decking asked for on the terminal has to have
/// a value, from outside or from whoever sits there.
fn environment(entry: &Entry, asks: &mut BTreeSet<String>, reader: &mut Reader) -> Option<Entry> {
    let items = reader.list(&entry.value, "a list of `NAME=value`")?;
    let mut pairs = Vec::with_capacity(items.len());
    for item in items {
        let text = reader.loose(item, "`NAME=value`")?;
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        if name.is_empty() {
            reader.invalid::<()>(&item.at, "the name is empty", "`NAME=value`");
            continue;
        }
        let value = match value {
            "" | "-" => {
                asks.insert(name.to_owned());
                format!("${{{name}:?decking asked for it}}")
            }
            value => unquoted(value),
        };
        tree::put(&mut pairs, tree::entry(name, tree::text(&item.at, value)));
    }
    let value = tree::map(&entry.value.at, pairs);
    Some(tree::renamed(
        Entry {
            value,
            ..entry.clone()
        },
        "environment",
    ))
}

/// Takes the quotes off that the shell took off.
fn unquoted(value: &str) -> String {
    if !value.contains(['\'', '"', '\\']) {
        return value.to_owned();
    }
    let words = shlex::split(value).filter(|words| words.len() == 1);
    let word = words.and_then(|words| words.into_iter().next());
    word.unwrap_or_else(|| value.to_owned())
}

fn links(node: &Node, wanted: &Wanted, all: &[Wanted], reader: &mut Reader) -> Option<Vec<Node>> {
    let mut links = Vec::new();
    for item in reader.list(node, "a list of `container` or `container:alias`")? {
        let text = reader.text(item, "`container` or `container:alias`")?;
        let (name, alias) = text.split_once(':').unwrap_or((text, text));
        // One that is not there was told where the cluster was put together.
        let Some(other) = wanted.beside(name, all) else {
            continue;
        };
        if other.key("data").is_some() {
            let message =
                format!("`{name}` only holds volumes: nothing runs that could be reached");
            let problem = Problem::warning("without-effect", message).at(&item.at, "left out");
            reader
                .problems
                .push(problem.help("`mount-from` is how its volumes are mounted"));
            continue;
        }
        let link = if other.name == alias {
            alias.to_owned()
        } else {
            format!("{}:{alias}", other.name)
        };
        links.push(tree::text(&item.at, link));
    }
    Some(links)
}

fn sources(node: &Node, wanted: &Wanted, all: &[Wanted], reader: &mut Reader) -> Option<Vec<Node>> {
    let mut sources = Vec::new();
    for item in reader.list(node, "a list of containers")? {
        let text = reader.text(item, "a container")?;
        let (name, mode) = text.split_at(text.find(':').unwrap_or(text.len()));
        let other = wanted.beside(name, all);
        sources.extend(other.map(|other| tree::text(&item.at, format!("{}{mode}", other.name))));
    }
    Some(sources)
}

fn ready(entry: &Entry, wanted: &Wanted, reader: &mut Reader) {
    let port = tree::said(&entry.value).unwrap_or_default();
    let (name, base) = (&wanted.name, &wanted.base);
    let message = format!("nothing waits for port {port} of `{base}`");
    let problem = Problem::warning("without-effect", message);
    let problem = problem.at(
        &entry.key.at,
        "what needs it starts as soon as it is started",
    );
    let help = format!(
        "for tests, give it a health check and wait for `service_healthy`; on hosts, add `probes: {{{name}: {{tcp: {port}}}}}` to the environment"
    );
    reader.problems.push(problem.help(help));
}
