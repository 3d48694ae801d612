//! Devices, limits of processes, and limits of disks.

use serde_json::{Value as Json, json};

use super::super::place::Spanned;
use super::super::reader::{Read, Reader, record};
use super::super::values::{Options, Pairs, Size, Texts, Whole, once};
use super::super::write::Write;
use super::super::yaml::{Node, Value};

record! {
    /// A device of the host, with what the container may do with it.
    manual struct Device {
        /// Its path on the host.
        source: String,
        /// Its path in the container.
        target: String,
        /// Any of `r`, `w`, `m`.
        permissions: String,
    }
}

impl Read for Device {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        const FORM: &str = "a device such as `/dev/fuse:/dev/fuse:rwm`";
        if let Value::Map(_) = &node.value {
            let mut own = Self::read_keys(node, reader)?;
            if own.source.is_none() {
                return reader.invalid(&node.at, "`source` is missing", FORM);
            }
            own.target = own.target.or_else(|| own.source.clone());
            return Some(own);
        }
        let text = reader.text(node, FORM)?;
        let parts: Vec<_> = text.split(':').collect();
        let (source, target, permissions) = match parts.as_slice() {
            [source] => (*source, *source, "rwm"),
            [source, target] => (*source, *target, "rwm"),
            [source, target, permissions] => (*source, *target, *permissions),
            _ => return reader.invalid(&node.at, "there are too many `:`", FORM),
        };
        let target = if target.is_empty() { source } else { target };
        let part = |text: &str| Some(Spanned::new(text.to_owned(), node.at.clone()));
        Some(Self {
            source: part(source),
            target: part(target),
            permissions: part(permissions),
        })
    }
}

record! {
    /// Devices asked for by what they can do: graphics cards and the like.
    manual struct DeviceRequest {
        /// What they have to be able to do.
        capabilities: Texts,
        /// Which driver provides them.
        driver: String,
        /// How many.
        count: DeviceCount,
        /// Which.
        device_ids: Texts,
        /// Options of the driver.
        options: Pairs,
    }
}

impl Read for DeviceRequest {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let own = Self::read_keys(node, reader)?;
        if let (Some(count), Some(_)) = (&own.count, &own.device_ids) {
            let why = "`count` and `device_ids` exclude each other";
            return reader.invalid(&count.at, why, "one of the two");
        }
        // `gpus` says by itself what they have to be able to do.
        if own.capabilities.is_none() && reader.trail().contains("reservations") {
            let why = "`capabilities` is missing";
            return reader.invalid(&node.at, why, "what they have to be able to do");
        }
        Some(own)
    }
}

/// How many devices: a number, or all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceCount(pub i64);

impl DeviceCount {
    /// All that there are, as the engine's API has it.
    pub const ALL: Self = Self(-1);
}

impl Read for DeviceCount {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let text = reader.loose(node, "a number, or `all`")?;
        if text.eq_ignore_ascii_case("all") {
            return Some(Self::ALL);
        }
        Whole::read(node, reader).map(|count| Self(count.0))
    }
}

impl Write for DeviceCount {
    fn write(&self) -> Option<Json> {
        (self.0 != 0).then(|| json!(self.0))
    }
}

/// Graphics cards: `all`, or requests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gpus(pub Vec<Spanned<DeviceRequest>>);

impl Read for Gpus {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        if let Value::List(items) = &node.value {
            return Some(Self(reader.items(items)));
        }
        let text = reader.text(node, "`all`, or a list of requests")?;
        if text != "all" {
            return reader.invalid(
                &node.at,
                "these are no cards",
                "`all`, or a list of requests",
            );
        }
        let count = Some(Spanned::new(DeviceCount::ALL, node.at.clone()));
        let request = DeviceRequest {
            count,
            ..DeviceRequest::default()
        };
        Some(Self(vec![Spanned::new(request, node.at.clone())]))
    }
}

impl Write for Gpus {
    fn write(&self) -> Option<Json> {
        self.0.write()
    }
}

/// A limit of processes: one number, or a soft and a hard one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ulimit {
    /// What a process may raise up to `hard`.
    pub soft: i64,
    /// What none may exceed.
    pub hard: i64,
    /// Whether one number was written for both.
    pub one: bool,
}

record! {
    /// A limit in its long form.
    plain struct LongUlimit { soft: Whole, hard: Whole, }
}

impl Read for Ulimit {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        if let Value::Map(_) = &node.value {
            let long = LongUlimit::read(node, reader)?;
            let (Some(soft), Some(hard)) = (long.soft, long.hard) else {
                return reader.invalid(&node.at, "a limit is missing", "both `soft` and `hard`");
            };
            let (soft, hard) = (soft.value.0, hard.value.0);
            let one = false;
            return Some(Self { soft, hard, one });
        }
        let both = Whole::read(node, reader)?.0;
        Some(Self {
            soft: both,
            hard: both,
            one: true,
        })
    }
}

impl Write for Ulimit {
    fn write(&self) -> Option<Json> {
        Some(if self.one {
            json!(self.soft)
        } else {
            json!({"soft": self.soft, "hard": self.hard})
        })
    }
}

record! {
    /// Limits of disks.
    plain struct Blkio {
        /// Share of the disks' time, 10 to 1000.
        weight: Whole,
        /// The share by device.
        weight_device: Vec<Spanned<DeviceWeight>>,
        /// Bytes read a second, by device.
        device_read_bps: Vec<Spanned<DeviceRate>>,
        /// Reads a second, by device.
        device_read_iops: Vec<Spanned<DeviceRate>>,
        /// Bytes written a second, by device.
        device_write_bps: Vec<Spanned<DeviceRate>>,
        /// Writes a second, by device.
        device_write_iops: Vec<Spanned<DeviceRate>>,
    }
}

record! {
    /// A device's share.
    plain struct DeviceWeight {
        /// Its path.
        path: String,
        /// The share.
        weight: Whole,
    }
}

record! {
    /// A device's rate.
    plain struct DeviceRate {
        /// Its path.
        path: String,
        /// The rate.
        rate: Size,
    }
}

record! {
    /// Where a container's output goes.
    plain struct Logging {
        /// The driver.
        driver: String,
        /// Its options.
        options: Options,
    }
}

/// Devices of the host; of those with the same path in the container the last one counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Devices(pub Vec<Spanned<Device>>);

impl Read for Devices {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let items = reader.list(node, "a list of devices")?;
        let devices: Vec<Spanned<Device>> = reader.items(items);
        let key = |device: &Device| {
            let target = device.target.as_ref();
            target
                .map(|target| target.value.clone())
                .unwrap_or_default()
        };
        Some(Self(once(devices, key)))
    }
}

impl Write for Devices {
    fn write(&self) -> Option<Json> {
        self.0.write()
    }
}
