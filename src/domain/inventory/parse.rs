//! Reading what `switch inventory` and `switch status` print: lines of words with tabs between.
//!
//! A first word that is not known is passed over, so that a newer script still answers; a known line that is malformed,
//! or an end that is missing, is an error, so that half an answer never counts.

use std::collections::BTreeMap;
use std::str::FromStr;

use super::{Health, Inventory, Lock, Pending, UnitState};
use crate::domain::name::{DeploymentId, Digest};
use crate::domain::unit::{Kind, UnitName};

/// Why an answer cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// It does not begin as this version's answers do.
    #[error("the answer begins with {found:?} instead of `longshore 1`")]
    Version {
        /// What it begins with.
        found: String,
    },
    /// A line is malformed.
    #[error("line {number} of the answer, {line:?}, has no {missing}")]
    Malformed {
        /// Counted from 1.
        number: usize,
        /// The line.
        line: String,
        /// What is not there or not as it should be.
        missing: &'static str,
    },
    /// It stops before its end.
    #[error("the answer is cut off after {lines} lines")]
    CutOff {
        /// How many lines came.
        lines: usize,
    },
}

/// Image stores in which an image's id is the digest of its configuration. In others it is that of a manifest.
const CLASSIC_STORES: [&str; 6] = [
    "overlay2",
    "vfs",
    "btrfs",
    "zfs",
    "fuse-overlayfs",
    "devicemapper",
];

/// Reads an answer. What a status answer leaves out is empty.
///
/// # Errors
///
/// If it is of another version, malformed or cut off.
pub fn parse(text: &str) -> Result<Inventory, ParseError> {
    let lines: Vec<&str> = text.lines().collect();
    match lines.first() {
        Some(&"longshore\t1") => {}
        first => {
            return Err(ParseError::Version {
                found: first.copied().unwrap_or_default().to_owned(),
            });
        }
    }
    if lines.last() != Some(&"end\tok") {
        return Err(ParseError::CutOff { lines: lines.len() });
    }
    let mut reading = Reading::default();
    for (index, line) in lines.iter().enumerate() {
        reading
            .take(line)
            .map_err(|missing| ParseError::Malformed {
                number: index + 1,
                line: (*line).to_owned(),
                missing,
            })?;
    }
    Ok(reading.join())
}

/// Lines that only make sense together.
#[derive(Default)]
struct Reading {
    inventory: Inventory,
    /// Container, network or volume to the unit that makes it.
    subjects: BTreeMap<String, UnitName>,
    /// The units of the deployments that count here.
    listed: BTreeMap<UnitName, Option<Kind>>,
    files: BTreeMap<UnitName, File>,
    containers: Vec<Container>,
    /// Networks and volumes, with the identity that they were made with.
    things: Vec<(String, Option<Digest>)>,
    /// Reference to id.
    images: BTreeMap<String, String>,
    listening: Vec<(String, String)>,
    driver: String,
}

#[derive(Clone, Copy)]
struct File {
    ours: bool,
    intact: bool,
}

struct Container {
    name: String,
    running: bool,
    health: Option<Health>,
    image: String,
    identity: Option<Digest>,
    ports: String,
}

type Missing = &'static str;

impl Reading {
    fn take(&mut self, line: &str) -> Result<(), Missing> {
        let mut words = line.split('\t');
        let first = words.next().unwrap_or_default();
        let words: Vec<&str> = words.collect();
        let word = |at: usize, what: Missing| words.get(at).copied().ok_or(what);
        match first {
            "current" => self.inventory.current = deployment(word(0, "deployment")?)?,
            "previous" => self.inventory.previous = deployment(word(0, "deployment")?)?,
            "kept" => self
                .inventory
                .kept
                .extend(deployment(word(0, "deployment")?)?),
            "pending" => {
                self.inventory.pending = Some(Pending {
                    to: read(word(0, "deployment")?, "deployment")?,
                    back: deployment(word(1, "deployment to go back to")?)?,
                    seconds_left: read(word(3, "seconds")?, "seconds")?,
                    guarded: word(4, "guard")? == "yes",
                });
            }
            "manifest" => {
                let (key, value) = (word(0, "key")?, word(1, "value")?);
                self.inventory
                    .manifest
                    .insert(key.to_owned(), value.to_owned());
            }
            "healthy" => {
                let release = read(word(1, "release")?, "release")?;
                self.inventory
                    .healthy
                    .push((read(word(0, "deployment")?, "deployment")?, release));
            }
            "fence" => self.inventory.fence = read(word(0, "token")?, "token")?,
            "lock" => {
                self.inventory.lock = Some(Lock {
                    owner: word(0, "owner")?.to_owned(),
                    token: read(word(1, "token")?, "token")?,
                    seconds_left: read(word(2, "seconds")?, "seconds")?,
                });
            }
            "asset" => {
                self.inventory
                    .assets
                    .insert(identity(word(0, "digest")?)?.ok_or("digest")?);
            }
            "listed" => {
                let unit: UnitName = read(word(1, "unit")?, "unit")?;
                let subject = word(3, "subject")?;
                if subject != "-" {
                    self.subjects.insert(subject.to_owned(), unit.clone());
                }
                let kind = Kind::of(word(0, "kind")?);
                self.listed.insert(unit, kind);
            }
            "file" => {
                let file = File {
                    ours: word(1, "owner")? == "ours",
                    intact: word(2, "state")? == "intact",
                };
                if word(1, "owner")? != "other" {
                    self.files.insert(read(word(0, "unit")?, "unit")?, file);
                }
            }
            "unit" => {
                let state = UnitState {
                    load: word(1, "load state")?.to_owned(),
                    active: word(2, "active state")?.to_owned(),
                    sub: word(3, "sub state")?.to_owned(),
                    restarts: read(word(4, "restarts")?, "restarts")?,
                    ..UnitState::default()
                };
                self.inventory
                    .units
                    .insert(read(word(0, "unit")?, "unit")?, state);
            }
            "container" => self.containers.push(Container {
                name: word(0, "name")?.to_owned(),
                running: word(1, "state")? == "running",
                health: health(word(2, "status")?),
                image: word(3, "image")?.to_owned(),
                identity: label(word(4, "identity")?),
                ports: word(5, "ports")?.to_owned(),
            }),
            "network" | "volume" => {
                self.things
                    .push((word(0, "name")?.to_owned(), label(word(1, "identity")?)));
            }
            "image" => {
                self.images
                    .insert(word(0, "reference")?.to_owned(), word(1, "id")?.to_owned());
            }
            "listen" => {
                let port = word(1, "address")?.rsplit(':').next().unwrap_or_default();
                let port: u16 = read(port, "port")?;
                let program = word(2, "process")?.split('"').nth(1).unwrap_or_default();
                self.listening.push((
                    format!("{}/{port}", word(0, "protocol")?),
                    program.to_owned(),
                ));
            }
            "fact" => self.fact(word(0, "name")?, word(1, "value")?)?,
            _ => {}
        }
        Ok(())
    }

    fn fact(&mut self, name: &str, value: &str) -> Result<(), Missing> {
        let facts = &mut self.inventory.facts;
        match name {
            "os" => facts.os = value.to_owned(),
            "architecture" => facts.architecture = value.to_owned(),
            "engine" => facts.engine = value.to_owned(),
            "systemd" => facts.systemd = value.to_owned(),
            "driver" => self.driver = value.to_owned(),
            "engine_free_kb" => facts.engine_free_kb = read(value, "kilobytes")?,
            "state_free_kb" => facts.state_free_kb = read(value, "kilobytes")?,
            "clock" => facts.clock = read(value, "seconds")?,
            _ => {}
        }
        Ok(())
    }

    fn join(mut self) -> Inventory {
        self.join_files();
        for (name, identity) in &self.things {
            if let Some(state) = self
                .subjects
                .get(name)
                .and_then(|unit| self.inventory.units.get_mut(unit))
            {
                state.running = *identity;
            }
        }
        for container in &self.containers {
            let unit = match self.subjects.get(&container.name) {
                Some(unit) => unit.clone(),
                None => match format!("{}.service", container.name).parse() {
                    Ok(unit) => unit,
                    Err(_) => continue,
                },
            };
            let image = self.image(&container.image);
            if let Some(state) = self.inventory.units.get_mut(&unit) {
                state.running = container.identity.filter(|_| container.running);
                state.health = container.health;
                state.image = image;
            }
        }
        let ours = self.images.keys().filter_map(|reference| {
            let tag = tag(reference)?;
            (self.image(reference) == Some(tag)).then_some(tag)
        });
        self.inventory.images = ours.collect();
        self.inventory.facts.ports = self.ports();
        self.inventory
    }

    fn join_files(&mut self) {
        for (unit, file) in &self.files {
            if !file.ours {
                self.inventory.foreign.insert(unit.clone());
            }
            if let Some(state) = self.inventory.units.get_mut(unit) {
                state.intact = file.ours && file.intact;
            }
        }
        for (unit, kind) in &self.listed {
            if let Some(state) = self.inventory.units.get_mut(unit) {
                state.kind = *kind;
            }
        }
        let (files, listed) = (&self.files, &self.listed);
        self.inventory.units.retain(|unit, _| {
            listed.contains_key(unit) || files.get(unit).is_some_and(|file| file.ours)
        });
    }

    /// Finds which image a reference stands for. The tag says it; where the store's ids are config digests too, they
    /// have to agree, since a tag can be moved by hand.
    fn image(&self, reference: &str) -> Option<Digest> {
        let id = self
            .images
            .get(reference)
            .filter(|_| CLASSIC_STORES.contains(&self.driver.as_str()));
        match id {
            Some(id) => id.parse().ok(),
            None => tag(reference).or_else(|| reference.parse().ok()),
        }
    }

    /// Joins what listens with the containers that publish: the process is only ever the engine's proxy there.
    fn ports(&self) -> BTreeMap<String, String> {
        let mut ports: BTreeMap<_, _> = self.listening.iter().cloned().collect();
        for container in &self.containers {
            for published in container.ports.split(", ") {
                let Some((here, there)) = published.split_once("->") else {
                    continue;
                };
                let (Some((_, port)), Some((_, protocol))) =
                    (here.rsplit_once(':'), there.rsplit_once('/'))
                else {
                    continue;
                };
                let (first, last) = port.split_once('-').unwrap_or((port, port));
                let (Ok(first), Ok(last)) = (first.parse::<u16>(), last.parse::<u16>()) else {
                    continue;
                };
                ports.extend(
                    (first..=last)
                        .map(|port| (format!("{protocol}/{port}"), container.name.clone())),
                );
            }
        }
        ports
    }
}

fn read<T: FromStr>(word: &str, what: Missing) -> Result<T, Missing> {
    word.parse().map_err(|_| what)
}

fn deployment(word: &str) -> Result<Option<DeploymentId>, Missing> {
    if word == "none" {
        Ok(None)
    } else {
        read(word, "deployment").map(Some)
    }
}

fn identity(hex: &str) -> Result<Option<Digest>, Missing> {
    if hex.is_empty() {
        Ok(None)
    } else {
        read(&format!("sha256:{hex}"), "identity").map(Some)
    }
}

/// Reads the label of a container, network or volume. Anybody may have written it.
fn label(hex: &str) -> Option<Digest> {
    identity(hex).ok().flatten()
}

fn tag(reference: &str) -> Option<Digest> {
    let (name, tag) = reference.rsplit_once(':')?;
    name.starts_with("longshore.local/")
        .then(|| format!("sha256:{tag}").parse().ok())?
}

/// Reads the health out of what `docker ps` shows as status, such as `Up 5 seconds (healthy)`.
fn health(status: &str) -> Option<Health> {
    match status.rsplit_once('(')?.1 {
        "healthy)" => Some(Health::Healthy),
        "unhealthy)" => Some(Health::Unhealthy),
        "health: starting)" => Some(Health::Starting),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(digit: char) -> String {
        digit.to_string().repeat(64)
    }

    fn answer() -> String {
        let (a, b, c) = (hex('a'), hex('b'), hex('c'));
        format!(
            "longshore\t1\nprevious\tnone\ncurrent\t0123456789ab\npending\t0123456789ab\tnone\t7\t-3\tyes\nkept\t0123456789ab\n\
             manifest\tformat\t1\nmanifest\torigin\t/srv/my repo\nfence\t7\nlock\tann@laptop:12\t7\t55\nasset\t{c}\nnew\tthing\n\
             listed\tnetwork\tshop-prod-network.service\t{c}\tshop-prod\nlisted\tservice\tshop-prod-web-1.service\t{a}\tshop-prod-web-1\n\
             listed\ttarget\tshop-prod.target\t{c}\t-\n\
             file\tshop-prod-network.service\tours\tdiffers\nfile\tshop-prod-web-1.service\tours\tintact\n\
             file\tshop-prod-mine-1.service\tforeign\tdiffers\nfile\tshop-prod-eu-web-1.service\tother\tdiffers\n\
             unit\tshop-prod-network.service\tloaded\tactive\texited\t0\tsuccess\n\
             unit\tshop-prod-web-1.service\tloaded\tactive\trunning\t2\tsuccess\n\
             unit\tshop-prod.target\tnot-found\tinactive\tdead\t0\tsuccess\n\
             unit\tshop-prod-mine-1.service\tloaded\tinactive\tdead\t0\tsuccess\n\
             unit\tshop-prod-eu-web-1.service\tloaded\tactive\trunning\t0\tsuccess\n\
             fact\tclock\t1700000000\nfact\tos\tFlatcar\nfact\tdriver\toverlay2\nfact\tengine\t26.1.5\nfact\tengine_free_kb\t5\nfact\tstate_free_kb\t6\n\
             container\tshop-prod-web-1\trunning\tUp 2 minutes (healthy)\tlongshore.local/web:{b}\t{a}\t0.0.0.0:8080->80/tcp, [::]:8080->80/tcp, 53/udp\n\
             container\tcaddy\trunning\tUp 2 hours\tcaddy:2\t\t0.0.0.0:443-444->443-444/tcp\n\
             image\tlongshore.local/web:{b}\tsha256:{b}\nimage\tlongshore.local/moved:{a}\tsha256:{b}\n\
             network\tshop-prod\t{c}\nlisten\ttcp\t0.0.0.0:8080\tusers:((\"docker-proxy\",pid=5,fd=4))\n\
             listen\ttcp\t[::]:22\tusers:((\"sshd\",pid=1,fd=3))\nlisten\tudp\t127.0.0.53%lo:53\t\nend\tok\n"
        )
    }

    fn digest(digit: char) -> Digest {
        format!("sha256:{}", hex(digit)).parse().unwrap()
    }

    fn unit(name: &str) -> UnitName {
        name.parse().unwrap()
    }

    #[test]
    fn joins_what_belongs_together() {
        let inventory = parse(&answer()).unwrap();
        let web = &inventory.units[&unit("shop-prod-web-1.service")];
        assert_eq!(
            (
                web.active.as_str(),
                web.restarts,
                web.running,
                web.image,
                web.health,
                web.intact
            ),
            (
                "active",
                2,
                Some(digest('a')),
                Some(digest('b')),
                Some(Health::Healthy),
                true
            )
        );
        let network = &inventory.units[&unit("shop-prod-network.service")];
        assert_eq!(
            (network.running, network.intact),
            (Some(digest('c')), false)
        );
        assert_eq!(inventory.units[&unit("shop-prod.target")].load, "not-found");
        assert_eq!(inventory.units.len(), 3);
        assert_eq!(inventory.foreign, [unit("shop-prod-mine-1.service")].into());
    }

    #[test]
    fn a_container_that_does_not_run_counts_for_nothing() {
        let created = answer().replace(
            "shop-prod-web-1\trunning\tUp 2 minutes (healthy)",
            "shop-prod-web-1\tcreated\tCreated",
        );
        let inventory = parse(&created).unwrap();
        assert_eq!(
            inventory.units[&unit("shop-prod-web-1.service")].running,
            None
        );
    }

    #[test]
    fn what_others_wrote_on_their_containers_is_no_error() {
        let text =
            "longshore\t1\ncontainer\tx\trunning\tUp\tweb\t00\t\nnetwork\tn\tours\nend\tok\n";
        assert_eq!(parse(text), Ok(Inventory::default()));
    }

    #[test]
    fn reads_pointers_lock_and_manifest() {
        let inventory = parse(&answer()).unwrap();
        let id: DeploymentId = "0123456789ab".parse().unwrap();
        assert_eq!(
            (inventory.current.as_ref(), inventory.previous),
            (Some(&id), None)
        );
        assert_eq!(
            inventory.pending,
            Some(Pending {
                to: id.clone(),
                back: None,
                seconds_left: -3,
                guarded: true
            })
        );
        assert_eq!(inventory.kept, [id]);
        assert_eq!(inventory.manifest["origin"], "/srv/my repo");
        assert_eq!(
            inventory.lock,
            Some(Lock {
                owner: "ann@laptop:12".to_owned(),
                token: 7,
                seconds_left: 55
            })
        );
        assert_eq!(
            (
                inventory.fence,
                inventory.facts.clock,
                inventory.facts.engine_free_kb
            ),
            (7, 1_700_000_000, 5)
        );
        assert_eq!(inventory.assets, [digest('c')].into());
    }

    #[test]
    fn an_image_whose_tag_was_moved_is_not_ours() {
        assert_eq!(parse(&answer()).unwrap().images, [digest('b')].into());
        // There ids are of manifests, so the tag has to do.
        let containerd = answer().replace("driver\toverlay2", "driver\toverlayfs");
        assert_eq!(
            parse(&containerd).unwrap().images,
            [digest('a'), digest('b')].into()
        );
    }

    #[test]
    fn tells_who_holds_a_port() {
        let ports = parse(&answer()).unwrap().facts.ports;
        let expected = [
            ("tcp/22", "sshd"),
            ("tcp/443", "caddy"),
            ("tcp/444", "caddy"),
            ("tcp/8080", "shop-prod-web-1"),
            ("udp/53", ""),
        ];
        assert_eq!(
            ports,
            expected
                .map(|(port, owner)| (port.to_owned(), owner.to_owned()))
                .into()
        );
    }

    #[test]
    fn half_an_answer_does_not_count() {
        let whole = answer();
        for (at, _) in whole.match_indices('\n').take(20) {
            assert!(parse(&whole[..at]).is_err(), "{at}");
        }
        assert_eq!(
            parse(""),
            Err(ParseError::Version {
                found: String::new()
            })
        );
        assert!(matches!(
            parse("sudo: a password is required\n"),
            Err(ParseError::Version { .. })
        ));
        for bad in [
            "current\tlatest",
            "fence\t-1",
            "unit\tx",
            "unit\ta/b.service\tl\ta\ts\t0\tsuccess",
            "container\tx\trunning",
            "listen\ttcp\tx:y\t",
        ] {
            let text = format!("longshore\t1\n{bad}\nend\tok\n");
            assert!(
                matches!(parse(&text), Err(ParseError::Malformed { number: 2, .. })),
                "{bad}"
            );
        }
    }
}
