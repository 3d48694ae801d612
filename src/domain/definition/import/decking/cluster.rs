//! Which containers run together, how many of each, and what a group changes about them.

use super::super::super::place::At;
use super::super::super::problem::Problem;
use super::super::super::reader::Reader;
use super::super::super::yaml::{Entry, Node, Value};
use super::super::tree;

/// A container as a cluster has it.
pub(super) struct Wanted {
    /// Its name under `containers`.
    pub(super) base: String,
    /// The name of its service.
    pub(super) name: String,
    /// Where its name was written.
    pub(super) at: At,
    /// Where it was written.
    pub(super) whole: At,
    /// Its keys, those of its group in place of its own.
    pub(super) keys: Vec<Entry>,
    /// The group, if one applies.
    group: Option<String>,
    /// How many there are, and where that is said.
    pub(super) count: (u32, At),
    /// The clusters that it is in, where there are several.
    pub(super) profiles: Vec<(String, At)>,
}

impl Wanted {
    /// Returns what a key says, unless that is nothing.
    pub(super) fn key(&self, key: &str) -> Option<&Node> {
        let entry = self.keys.iter().find(|entry| entry.key.text == key);
        entry.map(|entry| &entry.value).filter(|node| !falsy(node))
    }

    /// Finds the service that a container of its cluster is.
    pub(super) fn beside<'w>(&self, base: &str, all: &'w [Wanted]) -> Option<&'w Wanted> {
        all.iter()
            .find(|other| other.base == base && other.group == self.group)
    }
}

/// Tells whether decking took a value for nothing.
pub(super) fn falsy(node: &Node) -> bool {
    match &node.value {
        Value::Scalar(scalar) if scalar.plain => {
            scalar.is_null() || scalar.as_bool() == Some(false) || scalar.text == "0"
        }
        Value::Scalar(scalar) => scalar.text.is_empty(),
        Value::List(_) | Value::Map(_) => false,
    }
}

/// The clusters of a file.
pub(super) struct Clusters<'n> {
    containers: &'n [Entry],
    groups: Vec<&'n Entry>,
    clusters: Vec<&'n Entry>,
}

/// A cluster, what it lists, and the group that applies.
struct Chosen<'n> {
    cluster: &'n Entry,
    list: &'n [Node],
    group: Option<&'n Entry>,
}

/// A container that a cluster names.
struct Listed {
    name: String,
    at: At,
    count: (u32, At),
}

impl<'n> Clusters<'n> {
    pub(super) fn of(tree: &'n Node, containers: &'n [Entry], reader: &mut Reader) -> Self {
        let named = |entry: &&Entry| !entry.key.text.starts_with("//");
        let clusters = super::section(tree, "clusters", reader);
        let groups = tree.get("groups").filter(|node| !node.is_null());
        let groups = groups.and_then(|node| {
            reader.within("groups", |reader| reader.map(node, "a mapping from groups"))
        });
        Self {
            containers,
            groups: groups.unwrap_or_default().iter().filter(named).collect(),
            clusters: clusters.iter().filter(named).collect(),
        }
    }

    /// Returns every container that a cluster has, with those that it needs.
    pub(super) fn wanted(&self, reader: &mut Reader) -> Vec<Wanted> {
        self.strangers(reader);
        let mut all = Vec::new();
        for cluster in &self.clusters {
            let name = cluster.key.text.as_str();
            reader.within("clusters", |reader| {
                reader.within(name, |reader| self.cluster(cluster, &mut all, reader));
            });
        }
        self.left_out(&all, reader);
        all
    }

    fn cluster(&self, cluster: &'n Entry, all: &mut Vec<Wanted>, reader: &mut Reader) {
        let Some(chosen) = self.chosen(cluster, reader) else {
            return;
        };
        let mut next: Vec<Listed> = Vec::new();
        for item in chosen.list {
            next.extend(listed(item, reader));
        }
        let mut index = 0;
        // What is needed is added behind, however deep that goes: each container once.
        while index < next.len() {
            let needed = self.add(&next[index], &chosen, all, reader);
            for (name, at) in needed {
                if !next.iter().any(|listed| listed.name == name) {
                    let count = (1, at.clone());
                    next.push(Listed { name, at, count });
                }
            }
            index += 1;
        }
    }

    /// Returns what a cluster lists, and the group that applies to it.
    fn chosen(&self, cluster: &'n Entry, reader: &mut Reader) -> Option<Chosen<'n>> {
        let mut list = &cluster.value;
        let mut named = None;
        if let Value::Map(entries) = &cluster.value.value {
            let found = cluster.value.get("containers");
            let Some(found) = found else {
                let expected = "the containers of the cluster, a list";
                return reader.invalid(&cluster.key.at, "`containers` is missing", expected);
            };
            list = found;
            named = cluster.value.get("group").filter(|node| !falsy(node));
            for entry in entries {
                if !["containers", "group"].contains(&entry.key.text.as_str()) {
                    super::ignored(entry, &["containers", "group"], reader);
                }
            }
        }
        let list = reader.list(list, "a list of containers")?;
        if list.is_empty() {
            let expected = "at least one container";
            return reader.invalid(&cluster.key.at, "there is nothing in it", expected);
        }
        let group = match named {
            Some(node) => {
                let name = reader.text(node, "a group")?;
                let group = self.group(name);
                if group.is_none() {
                    let message = format!("there is no group `{name}`");
                    let problem =
                        Problem::error("unknown-group", message).at(&node.at, "not defined");
                    let known = self.groups.iter().map(|entry| entry.key.text.as_str());
                    reader.problems.push(problem.did_you_mean(name, known));
                }
                group
            }
            // A group of the cluster's own name applies without being named.
            None => self.group(&cluster.key.text),
        };
        Some(Chosen {
            cluster,
            list,
            group,
        })
    }

    fn group(&self, name: &str) -> Option<&'n Entry> {
        let mut groups = self.groups.iter();
        groups.find(|entry| entry.key.text == name).copied()
    }

    /// Adds a container to those that are wanted, and returns what it needs.
    fn add(
        &self,
        listed: &Listed,
        chosen: &Chosen<'_>,
        all: &mut Vec<Wanted>,
        reader: &mut Reader,
    ) -> Vec<(String, At)> {
        let Listed { name, at, count } = listed;
        let Chosen { cluster, group, .. } = chosen;
        let mut containers = self.containers.iter();
        let Some(written) = containers.find(|entry| entry.key.text == *name) else {
            self.unknown(name, at, reader);
            return Vec::new();
        };
        let several = self.clusters.len() > 1;
        let profile = several.then(|| (cluster.key.text.clone(), cluster.key.at.clone()));
        let group_name = group.map(|entry| entry.key.text.clone());
        let service = match &group_name {
            Some(group) if several => format!("{name}-{group}"),
            Some(_) | None => name.clone(),
        };
        let keys = keys(written, *group, reader);
        let wanted = Wanted {
            base: name.clone(),
            name: service,
            at: written.key.at.clone(),
            whole: written.value.at.clone(),
            keys,
            group: group_name,
            count: count.clone(),
            profiles: profile.into_iter().collect(),
        };
        let needed = needed(&wanted);
        match all.iter_mut().find(|other| other.name == wanted.name) {
            Some(own) => join(own, wanted, reader),
            None => all.push(wanted),
        }
        needed
    }

    fn unknown(&self, name: &str, at: &At, reader: &mut Reader) {
        let message = format!("there is no container `{name}`");
        let problem = Problem::error("unknown-service", message).at(at, "not defined");
        let known = self.containers.iter().map(|entry| entry.key.text.as_str());
        reader.problems.push(problem.did_you_mean(name, known));
    }

    /// Tells what groups say of containers that are not there.
    fn strangers(&self, reader: &mut Reader) {
        for group in &self.groups {
            let overrides = group.value.get("containers").map(tree::entries);
            for entry in overrides.unwrap_or_default() {
                let name = entry.key.text.as_str();
                let is = |known: &Entry| known.key.text == name;
                if name.starts_with("//") || self.containers.iter().any(is) {
                    continue;
                }
                let message = format!("there is no container `{name}` to change");
                let problem = Problem::warning("unknown-service", message);
                let problem = problem.at(&entry.key.at, "has no effect");
                let known = self.containers.iter().map(|entry| entry.key.text.as_str());
                reader.problems.push(problem.did_you_mean(name, known));
            }
        }
    }

    /// Tells which containers no cluster has.
    fn left_out(&self, all: &[Wanted], reader: &mut Reader) {
        for entry in self.containers {
            let name = &entry.key.text;
            if name.starts_with("//") || all.iter().any(|wanted| wanted.base == *name) {
                continue;
            }
            let message = format!("container `{name}` is in no cluster");
            let problem = Problem::warning("without-effect", message);
            let problem = problem.at(&entry.key.at, "left out");
            reader
                .problems
                .push(problem.help("name it in a cluster, or remove it"));
        }
    }
}

/// Reads one entry of a cluster: `name`, `name(3)`, or a mapping. One without `count` is one container: decking made
/// none of it, which nobody who lists it can want.
fn listed(node: &Node, reader: &mut Reader) -> Option<Listed> {
    if let Value::Map(_) = &node.value {
        let Some(name) = node.get("name") else {
            return reader.invalid(&node.at, "`name` is missing", "the container");
        };
        let text = reader.text(name, "a container")?.to_owned();
        let count = node.get("count").filter(|count| !count.is_null());
        let count = match count {
            Some(count) => {
                let text = tree::said(count).unwrap_or_default();
                (number(text, count, reader), count.at.clone())
            }
            None => (1, name.at.clone()),
        };
        let at = name.at.clone();
        return Some(Listed {
            name: text,
            at,
            count,
        });
    }
    let text = reader.text(
        node,
        "`name`, `name(2)`, or a mapping with `name` and `count`",
    )?;
    let (name, count) = match text.strip_suffix(')').and_then(|text| text.split_once('(')) {
        Some((name, count)) => (name.trim_end(), number(count, node, reader)),
        None => (text, 1),
    };
    let at = node.at.clone();
    Some(Listed {
        name: name.to_owned(),
        count: (count, at.clone()),
        at,
    })
}

/// Reads how many there are. One is as good as any after a problem was told.
fn number(text: &str, node: &Node, reader: &mut Reader) -> u32 {
    match text.trim().parse() {
        Ok(0) | Err(_) => {
            let expected = "a whole number from 1, as in `api(2)`";
            reader.invalid::<()>(&node.at, &format!("`{text}` is no count"), expected);
            1
        }
        Ok(count) => count,
    }
}

/// Returns a container's keys: its own, those of its group's options, those of the group for it, each in place of the
/// one before.
fn keys(written: &Entry, group: Option<&Entry>, reader: &mut Reader) -> Vec<Entry> {
    let mut keys = Vec::new();
    match &written.value.value {
        Value::Map(entries) => keys.extend(entries.iter().cloned()),
        Value::Scalar(_) if tree::said(&written.value).is_some() => {
            keys.push(tree::entry("image", written.value.clone()));
        }
        Value::Scalar(_) | Value::List(_) => {
            let name = written.key.text.clone();
            let at = written.key.at.clone();
            let node = Node {
                at,
                ..written.value.clone()
            };
            reader.within(name, |reader| {
                reader.wrong::<()>(&node, "an image, or a mapping with `image`");
            });
        }
    }
    let Some(group) = group.map(|group| &group.value) else {
        return keys;
    };
    let name = &written.key.text;
    let own = group.get("containers").and_then(|all| all.get(name));
    for over in [group.get("options"), own].into_iter().flatten() {
        for entry in tree::entries(over) {
            tree::put(&mut keys, entry.clone());
        }
    }
    keys
}

/// Returns the containers that one is linked to or mounts the volumes of.
fn needed(wanted: &Wanted) -> Vec<(String, At)> {
    let lists = [wanted.key("dependencies"), wanted.key("mount-from")];
    let items = lists.into_iter().flatten().flat_map(tree::items);
    let names = items.filter_map(|item| {
        let text = tree::said(item)?;
        let name = text.split_once(':').map_or(text, |(name, _)| name);
        Some((name.to_owned(), item.at.clone()))
    });
    names.collect()
}

/// Joins what two clusters say of a container that they share.
fn join(own: &mut Wanted, other: Wanted, reader: &mut Reader) {
    for profile in other.profiles {
        if !own.profiles.iter().any(|(name, _)| *name == profile.0) {
            own.profiles.push(profile);
        }
    }
    let (count, at) = &other.count;
    if own.count.0 != *count && own.count.1 != *at {
        let most = own.count.0.max(*count);
        let message = format!(
            "`{}` is one service for all clusters: there are {most} of it",
            own.name
        );
        let problem = Problem::warning("conflict", message)
            .at(at, format!("{count} here"))
            .at(&own.count.1, format!("{} here", own.count.0));
        let help = "give the clusters groups, so that each has a service of its own";
        reader.problems.push(problem.help(help));
        own.count.0 = most;
    }
}
