//! `volumes` of a service.

use serde_json::{Map, Value as Json, json};

use super::super::path;
use super::super::place::{At, Spanned};
use super::super::problem::Problem;
use super::super::reader::{Read, Reader, record, words};
use super::super::values::{FilePath, Labels, Mode, Size, once};
use super::super::write::Write;
use super::super::yaml::{Node, Value};

/// Something mounted, as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// What the source is.
    pub kind: MountKind,
    /// The path or name.
    pub source: Option<String>,
    /// Whether the path is one of somebody's home (`~`).
    pub home: bool,
    /// Where in the container.
    pub target: String,
    /// Whether the container may not write to it.
    pub read_only: bool,
    /// How Docker Desktop keeps both sides the same.
    pub consistency: Option<String>,
    /// What a bind says besides.
    pub bind: Option<Bind>,
    /// What a volume says besides.
    pub volume: Option<VolumeOptions>,
    /// What a file system in memory says besides.
    pub tmpfs: Option<TmpfsOptions>,
}

words! {
    /// What a mount's source is.
    MountKind, "`volume`, `bind`, `tmpfs`, `image`, `npipe` or `cluster`" {
        /// A named volume, or one without a name.
        "volume" => Volume,
        /// A file or folder.
        "bind" => Bind,
        /// Memory.
        "tmpfs" => Tmpfs,
        /// An image's files.
        "image" => Image,
        /// A named pipe of Windows.
        "npipe" => Pipe,
        /// A volume of a swarm.
        "cluster" => Cluster,
    }
}

record! {
    /// A mount in its long form.
    plain struct Long {
        r#type: MountKind,
        source: String,
        target: String,
        read_only: bool,
        consistency: String,
        bind: Bind,
        volume: VolumeOptions,
        tmpfs: TmpfsOptions,
        image: ImageOptions,
    }
}

record! {
    /// What a bind says besides.
    plain struct Bind {
        /// What mounts below it do.
        propagation: String,
        /// Whether the source is made where it is missing.
        create_host_path: bool,
        /// Whether mounts below it come along.
        recursive: String,
        /// How it is labelled: `z` for containers, `Z` for this one alone.
        selinux: Selinux,
    }
}

words! {
    /// How a bind is labelled.
    Selinux, "`z` or `Z`" {
        /// For containers.
        "z" => Shared,
        /// For this container alone.
        "Z" => Private,
    }
}

record! {
    /// What a volume says besides.
    plain struct VolumeOptions {
        /// Nothing of the image is copied into it.
        nocopy: bool,
        /// A folder of it.
        subpath: String,
        /// Labels that it gets.
        labels: Labels,
    }
}

record! {
    /// What a file system in memory says besides.
    plain struct TmpfsOptions {
        /// Its size.
        size: Size,
        /// Its permission bits.
        mode: Mode,
    }
}

record! {
    /// What an image's files say besides.
    plain struct ImageOptions {
        /// A folder of them.
        subpath: String,
    }
}

/// Mounts; of those with the same target the last one counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mounts(pub Vec<Spanned<Mount>>);

impl Read for Mounts {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let items = reader.list(node, "a list of mounts")?;
        let mounts: Vec<Spanned<Mount>> = reader.items(items);
        for (index, mount) in mounts.iter().enumerate() {
            let place = &mount.at.place;
            let same = |other: &&Spanned<Mount>| {
                other.value.target == mount.value.target && other.at.place.path() == place.path()
            };
            if let Some(first) = mounts[..index].iter().find(same) {
                let message = format!("two mounts at {}: the last one counts", mount.value.target);
                let problem = Problem::warning("duplicate-mount", message)
                    .at(&first.at, "without effect")
                    .at(&mount.at, "in place of it");
                reader.problems.push(problem.help("remove one of them"));
            }
        }
        Some(Self(once(mounts, |mount: &Mount| mount.target.clone())))
    }
}

impl Write for Mounts {
    fn write(&self) -> Option<Json> {
        self.0.write()
    }
}

impl Read for Mount {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let mut mount = if let Value::Map(_) = &node.value {
            long(node, reader)?
        } else {
            let text = reader.text(node, "a mount such as `data:/var/lib/data`, or a mapping")?;
            match short(text, &node.at) {
                Ok(mount) => mount,
                Err((why, expected)) => return reader.invalid(&node.at, &why, expected),
            }
        };
        if mount.kind == MountKind::Bind
            && let Some(source) = &mount.source
        {
            mount.home = source.starts_with('~');
            mount.source = Some(FilePath::of(source, node, reader)?.0);
        }
        Some(mount)
    }
}

impl Write for Mount {
    fn write(&self) -> Option<Json> {
        let Self {
            kind,
            source,
            home: _,
            target,
            read_only,
            consistency,
            bind,
            volume,
            tmpfs,
        } = self;
        let shown = |source: &String| match kind {
            MountKind::Bind => path::shown(source),
            MountKind::Volume
            | MountKind::Tmpfs
            | MountKind::Image
            | MountKind::Pipe
            | MountKind::Cluster => source.clone(),
        };
        let fields = [
            ("type", kind.write()),
            ("source", source.as_ref().map(|source| json!(shown(source)))),
            ("target", target.write()),
            ("read_only", read_only.write()),
            ("consistency", consistency.as_ref().and_then(Write::write)),
            ("bind", bind.as_ref().and_then(Write::write)),
            ("volume", volume.as_ref().and_then(Write::write)),
            ("tmpfs", tmpfs.as_ref().and_then(Write::write)),
        ];
        let said = fields
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)));
        Some(Json::Object(Map::from_iter(said)))
    }
}

type Wrong = (String, &'static str);

/// Parses `[SOURCE:]TARGET[:OPTIONS]`.
fn short(text: &str, at: &At) -> Result<Mount, Wrong> {
    let parts: Vec<_> = text.split(':').collect();
    let (source, target, options) = match parts.as_slice() {
        [target] => (None, *target, ""),
        [source, target] => (Some(*source), *target, ""),
        [source, target, options] => (Some(*source), *target, *options),
        _ => return Err(("there are too many `:`".to_owned(), "`source:target:ro`")),
    };
    if source == Some("") {
        let why = "the source is empty".to_owned();
        return Err((why, "a path or a volume's name before the `:`"));
    }
    let kind = source.map_or(MountKind::Volume, kind);
    let mut mount = Mount {
        kind,
        source: source.map(str::to_owned),
        home: false,
        target: absolute(target)?,
        read_only: false,
        consistency: None,
        bind: None,
        volume: None,
        tmpfs: None,
    };
    let flag = |is| Some(Spanned::new(is, at.clone()));
    let word = |word: &str| Spanned::new(word.to_owned(), at.clone());
    let mut bind = Bind {
        create_host_path: flag(true),
        ..Bind::default()
    };
    for option in options.split(',').filter(|option| !option.is_empty()) {
        match option {
            "ro" => mount.read_only = true,
            "rw" => mount.read_only = false,
            "nocopy" => {
                let nocopy = flag(true);
                mount.volume = Some(VolumeOptions {
                    nocopy,
                    ..VolumeOptions::default()
                });
            }
            "z" => bind.selinux = Some(Spanned::new(Selinux::Shared, at.clone())),
            "Z" => bind.selinux = Some(Spanned::new(Selinux::Private, at.clone())),
            "private" | "rprivate" | "shared" | "rshared" | "slave" | "rslave" => {
                bind.propagation = Some(word(option));
            }
            "cached" | "delegated" | "consistent" | "default" => {}
            _ => {
                return Err((
                    format!("`{option}` is no option of a mount"),
                    "`ro` or `rw`",
                ));
            }
        }
    }
    // The relabelling of a volume has no effect, but may be said.
    let labelled = bind.selinux.is_some() || bind.propagation.is_some();
    if kind == MountKind::Volume {
        bind.create_host_path = None;
    }
    mount.bind = (kind == MountKind::Bind || labelled).then_some(bind);
    Ok(mount)
}

/// A source is a path if it looks like one, else a volume's name (Compose Specification, volumes, short syntax).
fn kind(source: &str) -> MountKind {
    if source.starts_with(['.', '/', '~']) {
        MountKind::Bind
    } else {
        MountKind::Volume
    }
}

fn absolute(target: &str) -> Result<String, Wrong> {
    if target.starts_with('/') {
        return Ok(path::join("/", target));
    }
    let why = format!("`{target}` is no path in the container");
    Err((why, "an absolute path such as `/data`"))
}

fn long(node: &Node, reader: &mut Reader) -> Option<Mount> {
    let long = Long::read(node, reader)?;
    let Some(kind) = long.r#type else {
        return reader.invalid(
            &node.at,
            "`type` is missing",
            "`type: volume` or `type: bind`",
        );
    };
    let kind = kind.value;
    let Some(target) = long.target else {
        return reader.invalid(
            &node.at,
            "`target` is missing",
            "a path in the container as `target`",
        );
    };
    if kind == MountKind::Bind && long.source.is_none() {
        return reader.invalid(&node.at, "`source` is missing", "a path as `source`");
    }
    let target = match absolute(&target.value) {
        Ok(path) => path,
        Err(_) if kind == MountKind::Pipe => target.value,
        Err((why, expected)) => return reader.invalid(&target.at, &why, expected),
    };
    Some(Mount {
        kind,
        source: long.source.map(|source| source.value),
        home: false,
        target,
        read_only: long.read_only.is_some_and(|flag| flag.value),
        consistency: long.consistency.map(|text| text.value),
        bind: long.bind.map(|bind| bind.value),
        volume: long.volume.map(|volume| volume.value),
        tmpfs: long.tmpfs.map(|tmpfs| tmpfs.value),
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::place::Place;
    use super::*;

    fn nowhere() -> At {
        Place::file("a.yaml").into()
    }

    #[test]
    fn reads_the_short_forms() {
        for (text, kind, source, target, read_only) in [
            ("/data", MountKind::Volume, None, "/data", false),
            (
                "data:/data",
                MountKind::Volume,
                Some("data"),
                "/data",
                false,
            ),
            (
                "./a.conf:/etc/a.conf:ro",
                MountKind::Bind,
                Some("./a.conf"),
                "/etc/a.conf",
                true,
            ),
            ("../a:/a", MountKind::Bind, Some("../a"), "/a", false),
            ("~/a:/a:rw,z", MountKind::Bind, Some("~/a"), "/a", false),
            (
                "/var/run/x:/x:z,ro",
                MountKind::Bind,
                Some("/var/run/x"),
                "/x",
                true,
            ),
        ] {
            let mount = short(text, &nowhere()).unwrap();
            assert_eq!(
                (
                    mount.kind,
                    mount.source.as_deref(),
                    mount.target.as_str(),
                    mount.read_only
                ),
                (kind, source, target, read_only),
                "{text}"
            );
        }
    }

    #[test]
    fn refuses_what_is_no_mount() {
        for bad in ["", "data", "a:b", ":/a", "a:/b:c", "a:/b:ro:x"] {
            assert!(short(bad, &nowhere()).is_err(), "{bad}");
        }
    }
}
