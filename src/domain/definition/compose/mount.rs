//! `volumes` of a service.

use super::super::reader::{Read, Reader, record};
use super::super::yaml::{Node, Value};

/// Something mounted, as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Whether the source is a path or a name.
    pub kind: MountKind,
    /// The path or name.
    pub source: Option<String>,
    /// Where in the container.
    pub target: String,
    /// Whether the container may not write to it.
    pub read_only: bool,
    /// Options that are read and have no effect, such as `z`.
    pub without_effect: Vec<String>,
}

/// What a mount's source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MountKind {
    /// A named volume, or one without a name.
    Volume,
    /// A file or folder.
    Bind,
}

record! {
    /// A mount in its long form.
    plain struct Long {
        r#type: String,
        source: String,
        target: String,
        read_only: bool,
        bind: Bind,
        volume: VolumeOptions,
    }
    foreign &["tmpfs", "image", "consistency"]
}

record! {
    /// What a bind says besides: what Compose writes into its own output.
    plain struct Bind { create_host_path: bool, }
    foreign &["propagation", "recursive", "selinux"]
}

/// What a volume says besides: nothing that is read, but Compose writes the empty mapping into its own output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VolumeOptions;

impl Read for VolumeOptions {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        for entry in reader.map(node, "a mapping")? {
            reader.unknown(entry, &[], &["nocopy", "subpath"]);
        }
        Some(Self)
    }
}

impl Read for Mount {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        if let Value::Map(_) = &node.value {
            return long(node, reader);
        }
        let text = reader.text(node, "a mount such as `data:/var/lib/data`, or a mapping")?;
        match short(text) {
            Ok(mount) => Some(mount),
            Err((why, expected)) => reader.invalid(&node.at, &why, expected),
        }
    }
}

/// Parses `[SOURCE:]TARGET[:OPTIONS]`.
fn short(text: &str) -> Result<Mount, (String, &'static str)> {
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
    let mut mount = Mount {
        kind: source.map_or(MountKind::Volume, kind),
        source: source.map(str::to_owned),
        target: absolute(target)?,
        read_only: false,
        without_effect: Vec::new(),
    };
    for option in options.split(',').filter(|option| !option.is_empty()) {
        match option {
            "ro" => mount.read_only = true,
            "rw" => mount.read_only = false,
            "z" | "Z" | "cached" | "delegated" | "consistent" => {
                mount.without_effect.push(option.to_owned());
            }
            _ => {
                return Err((
                    format!("`{option}` is no option of a mount"),
                    "`ro` or `rw`",
                ));
            }
        }
    }
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

fn absolute(target: &str) -> Result<String, (String, &'static str)> {
    if target.starts_with('/') {
        return Ok(target.to_owned());
    }
    let why = format!("`{target}` is no path in the container");
    Err((why, "an absolute path such as `/data`"))
}

fn long(node: &Node, reader: &mut Reader) -> Option<Mount> {
    let long = Long::read(node, reader)?;
    let kind = match long.r#type.as_ref().map(|kind| (kind.value.as_str(), kind)) {
        Some(("volume", _)) => MountKind::Volume,
        Some(("bind", _)) => MountKind::Bind,
        Some((other, kind)) => {
            let why = format!("mounts of type `{other}` are not read");
            return reader.invalid(&kind.at, &why, "`volume` or `bind`");
        }
        None => {
            return reader.invalid(
                &node.at,
                "`type` is missing",
                "`type: volume` or `type: bind`",
            );
        }
    };
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
    let create = long.bind.and_then(|bind| bind.value.create_host_path);
    if let Some(create) = create.filter(|create| !create.value) {
        let why = "a bind's source is always created when it is missing";
        return reader.invalid(&create.at, why, "`true`, or no such key");
    }
    let target = match absolute(&target.value) {
        Ok(path) => path,
        Err((why, expected)) => return reader.invalid(&target.at, &why, expected),
    };
    Some(Mount {
        kind,
        source: long.source.map(|source| source.value),
        target,
        read_only: long.read_only.is_some_and(|flag| flag.value),
        without_effect: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
            let mount = short(text).unwrap();
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
        for bad in [
            "",
            "data",
            "a:b",
            ":/a",
            "a:/b:c",
            "a:/b:ro:x",
            "a:/b:nocopy",
        ] {
            assert!(short(bad).is_err(), "{bad}");
        }
    }
}
