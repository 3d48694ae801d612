//! Volumes that services mount from each other, by names of their own.

use std::collections::{BTreeMap, BTreeSet};

use super::super::super::path;
use super::super::super::place::{At, How};
use super::super::super::problem::Problem;
use super::super::super::yaml::{Entry, Node, Value};
use super::super::tree;
use super::runs;

/// Who mounts whose volumes, and the volumes that are found on the way.
pub(super) struct Sharing<'n> {
    /// The services by name.
    pub(super) services: BTreeMap<&'n str, &'n Node>,
    /// Services whose volumes need names: others mount them too, or a driver keeps them.
    named: BTreeSet<&'n str>,
    /// What services mount, as far as that was asked already.
    mounts: BTreeMap<&'n str, Vec<Node>>,
    /// Volumes by name, with where they are first used and who keeps them.
    pub(super) volumes: Vec<Entry>,
}

/// What `volumes_from` names.
struct Source<'n> {
    name: &'n str,
    read_only: bool,
    at: &'n At,
}

impl<'n> Sharing<'n> {
    pub(super) fn of(services: &'n Node) -> Self {
        let entries = tree::entries(services).iter();
        let services: BTreeMap<&str, &Node> = entries
            .map(|entry| (entry.key.text.as_str(), &entry.value))
            .collect();
        let sources = services.values().flat_map(|service| sources(service));
        let mut named: BTreeSet<&str> = sources.map(|source| source.name).collect();
        let kept = services
            .iter()
            .filter(|(_, service)| service.get("volume_driver").is_some());
        named.extend(kept.map(|(name, _)| *name));
        Self {
            services,
            named,
            mounts: BTreeMap::new(),
            volumes: Vec::new(),
        }
    }

    /// Gives a service the volumes of those that it names, and has it wait for them.
    pub(super) fn mount(&mut self, entry: &mut Entry, problems: &mut Vec<Problem>) {
        let Some((name, service)) = self.services.get_key_value(entry.key.text.as_str()) else {
            return;
        };
        let (name, service) = (*name, *service);
        let mounts = self.mounts(name, &mut Vec::new(), problems);
        let Value::Map(keys) = &mut entry.value.value else {
            return;
        };
        if !mounts.is_empty() {
            let at = &mounts[0].at.clone();
            tree::put(keys, tree::entry("volumes", tree::list(at, mounts)));
        }
        let (known, strange): (Vec<_>, Vec<_>) =
            sources(service).partition(|source| self.services.contains_key(source.name));
        keys.retain(|entry| entry.key.text != "volumes_from" || !strange.is_empty());
        for source in known {
            if self
                .services
                .get(source.name)
                .is_some_and(|node| runs(node))
            {
                wait(keys, source.name, source.at);
            }
        }
    }

    /// Returns what a service mounts: what others do that it names, and over it what it says itself.
    fn mounts(
        &mut self,
        name: &'n str,
        way: &mut Vec<&'n str>,
        problems: &mut Vec<Problem>,
    ) -> Vec<Node> {
        if let Some(mounts) = self.mounts.get(name) {
            return mounts.clone();
        }
        let Some(service) = self.services.get(name).copied() else {
            return Vec::new();
        };
        way.push(name);
        let mut mounts = Vec::new();
        for source in sources(service) {
            if let Some(start) = way.iter().position(|passed| *passed == source.name) {
                self.circle(&way[start..], source.at, problems);
                continue;
            }
            for mut mount in self.mounts(source.name, way, problems) {
                mount.reached_by(How::VolumesFrom, &source.at.place);
                add(
                    &mut mounts,
                    if source.read_only {
                        read_only(mount)
                    } else {
                        mount
                    },
                );
            }
        }
        let own = service.get("volumes").map(tree::items).unwrap_or_default();
        for mount in own {
            let mount = self.named(name, service, mount.clone());
            add(&mut mounts, mount);
        }
        way.pop();
        self.mounts.insert(name, mounts.clone());
        mounts
    }

    /// Tells a circle, unless its services wait for each other by it: that is told where everything that waits is known.
    fn circle(&self, way: &[&str], at: &At, problems: &mut Vec<Problem>) {
        if way
            .iter()
            .all(|name| self.services.get(name).is_some_and(|node| runs(node)))
        {
            return;
        }
        let circle: Vec<_> = way.iter().chain(way.first()).copied().collect();
        let message = format!("volumes are mounted in a circle: {}", circle.join(" → "));
        let problem = Problem::error("circle", message).at(at, "back to the start");
        problems.push(problem.help("remove one of these, so that there is a first one"));
    }

    /// Returns a mount whose volume has a name if it needs one, and keeps the name to be declared.
    fn named(&mut self, service: &str, node: &Node, mount: Node) -> Node {
        let Some(text) = tree::said(&mount).map(str::to_owned) else {
            return mount;
        };
        let driver = node.get("volume_driver").cloned();
        let (name, mount) = match text.split_once(':') {
            None if text.starts_with('/') && self.named.contains(service) => {
                let name = volume_of(service, &text);
                let named = tree::text(&mount.at, format!("{name}:{text}"));
                (
                    name,
                    Node {
                        at: mount.at,
                        ..named
                    },
                )
            }
            Some((source, _)) if is_name(source) => (source.to_owned(), mount),
            None | Some(_) => return mount,
        };
        if !self.volumes.iter().any(|volume| volume.key.text == name) {
            let volume = match driver {
                Some(driver) => {
                    let at = driver.at.clone();
                    tree::map(&at, vec![tree::entry("driver", driver)])
                }
                None => tree::plain(&mount.at, ""),
            };
            let mut volume = tree::entry(&name, volume);
            volume.key.at = mount.at.clone();
            self.volumes.push(volume);
        }
        mount
    }
}

/// Returns what a service mounts the volumes of; containers of others are left to whoever reads the key.
fn sources(service: &Node) -> impl Iterator<Item = Source<'_>> {
    let written = service.get("volumes_from").map(tree::items);
    written.unwrap_or_default().iter().filter_map(|node| {
        let text = tree::said(node)?;
        let (name, mode) = text.split_once(':').unwrap_or((text, ""));
        (name != "container").then_some(Source {
            name,
            read_only: mode == "ro",
            at: &node.at,
        })
    })
}

/// Adds a mount, in place of one at the same path.
fn add(mounts: &mut Vec<Node>, mount: Node) {
    let target = target(&mount);
    mounts.retain(|own| target.is_none() || self::target(own) != target);
    mounts.push(mount);
}

fn target(mount: &Node) -> Option<String> {
    let text = match mount.get("target") {
        Some(target) => tree::said(target)?,
        None => {
            let text = tree::said(mount)?;
            text.split(':').nth(1).unwrap_or(text)
        }
    };
    Some(path::join("/", text))
}

fn read_only(mount: Node) -> Node {
    let Some(text) = tree::said(&mount) else {
        return mount;
    };
    let text = match text.splitn(3, ':').nth(2) {
        Some(options) if options.split(',').any(|option| option == "ro") => text.to_owned(),
        Some(_) => format!("{text},ro"),
        None => format!("{text}:ro"),
    };
    Node {
        at: mount.at.clone(),
        ..tree::text(&mount.at, text)
    }
}

/// Makes the name of a volume that had none.
fn volume_of(service: &str, target: &str) -> String {
    let target: String = target
        .trim_matches('/')
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "._".contains(c) {
                c
            } else {
                '-'
            }
        })
        .collect();
    format!("{service}-{target}")
}

/// Tells whether the source of a mount is a volume's name, and neither a path nor something yet unknown.
fn is_name(source: &str) -> bool {
    !source.is_empty() && !source.starts_with(['.', '/', '~']) && !source.contains('$')
}

fn wait(keys: &mut Vec<Entry>, name: &str, at: &At) {
    let waits = keys.iter_mut().find(|entry| entry.key.text == "depends_on");
    let Some(waits) = waits else {
        let first = tree::list(at, vec![tree::text(at, name)]);
        keys.push(tree::entry("depends_on", first));
        return;
    };
    match &mut waits.value.value {
        Value::List(names) if !names.iter().any(|node| tree::said(node) == Some(name)) => {
            names.push(tree::text(at, name));
        }
        Value::Map(entries) if !entries.iter().any(|entry| entry.key.text == name) => {
            let condition = tree::entry("condition", tree::text(at, "service_started"));
            entries.push(tree::entry(name, tree::map(at, vec![condition])));
        }
        Value::List(_) | Value::Map(_) | Value::Scalar(_) => {}
    }
}

/// Declares volumes that are not declared.
pub(super) fn declare(sections: &mut Vec<Entry>, volumes: Vec<Entry>) {
    let Some(first) = volumes.first() else {
        return;
    };
    let section = sections
        .iter_mut()
        .find(|entry| entry.key.text == "volumes");
    let Some(section) = section else {
        let all = tree::map(&first.key.at.clone(), volumes);
        sections.push(tree::entry("volumes", all));
        return;
    };
    if section.value.is_null() {
        section.value = tree::map(&section.key.at, Vec::new());
    }
    let Value::Map(own) = &mut section.value.value else {
        return;
    };
    for volume in volumes {
        if !own.iter().any(|entry| entry.key.text == volume.key.text) {
            own.push(volume);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::Format;
    use super::super::super::tests::imported;

    #[test]
    fn volumes_of_others_are_named_and_shared() {
        let text = "web: {image: a, volumes_from: [data, conf:ro], volumes: [\"/own\"]}\ndata: {image: a, volumes: [/data, \"./x:/x\"]}\nconf: {image: a, volumes_from: [data], volumes: [\"other:/data\"]}";
        let (compose, problems) = imported(Format::Fig, text);
        assert_eq!(problems, Vec::<String>::new());
        let services = &compose["services"];
        assert_eq!(
            services["web"],
            json!({
                "image": "a",
                "volumes": ["./x:/x:ro", "other:/data:ro", "/own"],
                "depends_on": ["data", "conf"],
            })
        );
        assert_eq!(
            services["data"]["volumes"],
            json!(["data-data:/data", "./x:/x"])
        );
        assert_eq!(
            compose["volumes"],
            json!({"data-data": null, "other": null})
        );
    }

    #[test]
    fn a_driver_keeps_the_volumes_of_its_service() {
        let text = "db: {image: a, volume_driver: flocker, volumes: [/data, \"logs:/logs\"]}";
        let (compose, _) = imported(Format::Fig, text);
        assert_eq!(
            compose["services"]["db"]["volumes"],
            json!(["db-data:/data", "logs:/logs"])
        );
        assert_eq!(compose["volumes"]["db-data"], json!({"driver": "flocker"}));
        assert_eq!(compose["volumes"]["logs"], json!({"driver": "flocker"}));
    }

    #[test]
    fn circles_of_what_never_runs_and_strangers_are_told() {
        let text = r#"{"containers": {
            "a": {"image": "a", "data": true, "mount-from": ["b"]}, "b": {"image": "b", "data": true, "mount-from": ["a"]},
            "web": {"image": "a", "mount-from": ["a"]}}, "clusters": {"all": ["web"]}}"#;
        let (_, problems) = imported(Format::Decking, text);
        assert_eq!(
            problems,
            ["\"a\": volumes are mounted in a circle: a → b → a"]
        );
        let text = "a: {image: a, volumes_from: [b]}\nb: {image: a, volumes_from: [a, c]}";
        let (compose, problems) = imported(Format::Fig, text);
        assert_eq!(problems, Vec::<String>::new());
        assert_eq!(compose["services"]["b"]["volumes_from"], json!(["a", "c"]));
        assert_eq!(compose["services"]["a"]["depends_on"], json!(["b"]));
    }
}
