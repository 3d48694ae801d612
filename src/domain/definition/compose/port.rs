//! `ports` and `expose`.

use std::net::IpAddr;

use serde_json::{Map, Value as Json, json};

use super::super::place::{At, Spanned};
use super::super::problem::Problem;
use super::super::reader::{Read, Reader, record};
use super::super::values::once;
use super::super::write::Write;
use super::super::yaml::{Node, Value};

/// What a port is read as.
const PORT: &str = "a port from 1 to 65535";

/// The most ports of a service: enough for the ranges that voice and video use.
const MOST: usize = 20_000;
/// What a port of a range weighs in bytes, beside what else there is of a definition: it is read, checked and written as
/// a value of five keys.
const PORT_WEIGHT: usize = 512;
/// What the ports of all services may come to, in bytes: 50,000 of them.
const MOST_EXPANDED: usize = 50_000 * PORT_WEIGHT;

/// A transport protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

impl Transport {
    fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        }
    }
}

/// A published port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// The host's address.
    pub address: Option<IpAddr>,
    /// The host's port, or the range from which the engine chooses one.
    pub published: Option<(u16, u16)>,
    /// The container's port.
    pub target: u16,
    /// The protocol.
    pub protocol: Transport,
    /// What a person calls it.
    pub name: Option<String>,
    /// What is spoken there.
    pub app_protocol: Option<String>,
    /// How a swarm publishes it.
    pub mode: PortMode,
}

/// How a swarm publishes a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortMode {
    /// On every node, whichever runs the container.
    Ingress,
    /// On the node that runs the container.
    Host,
}

/// Published ports, ranges one by one; of those that say the same, one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ports(pub Vec<Spanned<Port>>);

/// A port that linked services use, or a range of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expose {
    /// The first and last one.
    pub ports: (u16, u16),
    /// The protocol.
    pub protocol: Transport,
    /// As it was written.
    pub text: String,
}

/// Ports that linked services use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exposed(pub Vec<Spanned<Expose>>);

record! {
    /// A port in its long form.
    plain struct Long {
        target: u16,
        published: LooseText,
        protocol: String,
        host_ip: String,
        mode: String,
        name: String,
        app_protocol: String,
    }
}

/// A text or a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LooseText(String);

impl Read for LooseText {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let text = reader.loose(node, "a port, or a range of them")?;
        Some(Self(text.to_owned()))
    }
}

impl Write for LooseText {
    fn write(&self) -> Option<Json> {
        Some(json!(self.0))
    }
}

impl Read for Ports {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let items = reader.list(node, "a list of ports")?;
        if reader.expanded > MOST_EXPANDED {
            let most = MOST_EXPANDED / PORT_WEIGHT;
            let message = format!("the services have more than {most} ports together");
            return reader.too_many(&node.at, message);
        }
        let mut ports = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let read = reader.within(format!("[{index}]"), |reader| each(item, reader));
            ports.extend(read.into_iter().flatten());
            if ports.len() > MOST {
                let message = format!("the service has more than {MOST} ports");
                return reader.too_many(&item.at, message);
            }
        }
        reader.expanded += ports.len().saturating_sub(items.len()) * PORT_WEIGHT;
        Some(Self(once(ports, Port::key)))
    }
}

impl Reader {
    fn too_many<T>(&mut self, at: &At, message: String) -> Option<T> {
        if !self.has_told_enough() {
            let problem = Problem::error("too-large", message).at(at, "too many");
            let help = "publish only those that something outside reaches";
            self.problems.push(problem.help(help));
        }
        None
    }
}

/// Reads one entry: as many ports as it says.
fn each(node: &Node, reader: &mut Reader) -> Option<Vec<Spanned<Port>>> {
    let ports = match &node.value {
        Value::Map(_) => vec![long(node, reader)?],
        Value::Scalar(_) | Value::List(_) => {
            let text = reader.loose(node, "a port such as `8080:80`, or a mapping")?;
            match short(text) {
                Ok(ports) => ports,
                Err((why, expected)) => return reader.invalid(&node.at, &why, expected),
            }
        }
    };
    let at = |port| Spanned::new(port, node.at.clone());
    Some(ports.into_iter().map(at).collect())
}

type Wrong = (String, &'static str);

/// Parses `[[ADDRESS:][HOST[-HOST]]:]CONTAINER[-CONTAINER][/PROTOCOL]`.
fn short(text: &str) -> Result<Vec<Port>, Wrong> {
    let (rest, protocol) = with_protocol(text)?;
    let (host, target) = match rest.rsplit_once(':') {
        Some((host, target)) => (Some(host), target),
        None => (None, rest),
    };
    let target = range(target)?;
    let (ip, published) = match host.map(|host| host.rsplit_once(':').unwrap_or(("", host))) {
        None | Some(("", "")) => (None, None),
        Some(("", published)) => (None, Some(published)),
        // An address without a host port lets the engine choose one.
        Some((ip, "")) => (Some(ip), None),
        Some((ip, published)) => (Some(ip), Some(published)),
    };
    let address = ip.map(address).transpose()?;
    let published = published.map(range).transpose()?;
    let (first, last) = target;
    let one_of = published.filter(|_| first == last);
    if let (Some((from, to)), None) = (published, one_of)
        && to - from != last - first
    {
        let why = "the ranges differ in length".to_owned();
        return Err((why, "as many host ports as container ports"));
    }
    let port = |offset: u16| {
        let same = |port: u16| (port, port);
        Port {
            address,
            published: one_of.or(published.map(|(from, _)| same(from + offset))),
            target: first + offset,
            protocol,
            name: None,
            app_protocol: None,
            mode: PortMode::Ingress,
        }
    };
    Ok((0..=last - first).map(port).collect())
}

fn long(node: &Node, reader: &mut Reader) -> Option<Port> {
    let long = Long::read(node, reader)?;
    let Some(target) = long.target else {
        return reader.invalid(
            &node.at,
            "`target` is missing",
            "the container's port as `target`",
        );
    };
    if target.value == 0 {
        return reader.invalid(&target.at, "0 is no port", PORT);
    }
    let published = long
        .published
        .map(|text| Spanned::new(text.value.0, text.at));
    let published = checked(reader, published.as_ref(), range)?;
    let protocol = checked(reader, long.protocol.as_ref(), protocol)?;
    let address = checked(reader, long.host_ip.as_ref(), address)?;
    let mode = checked(reader, long.mode.as_ref(), |mode| match mode {
        "host" => Ok(PortMode::Host),
        "ingress" => Ok(PortMode::Ingress),
        _ => Err((format!("`{mode}` is no mode"), "`host` or `ingress`")),
    })?;
    Some(Port {
        address,
        published,
        target: target.value,
        protocol: protocol.unwrap_or(Transport::Tcp),
        name: long.name.map(|name| name.value),
        app_protocol: long.app_protocol.map(|name| name.value),
        mode: mode.unwrap_or(PortMode::Ingress),
    })
}

fn checked<T>(
    reader: &mut Reader,
    text: Option<&Spanned<String>>,
    parse: impl FnOnce(&str) -> Result<T, Wrong>,
) -> Option<Option<T>> {
    let Some(text) = text.filter(|text| !text.value.is_empty()) else {
        return Some(None);
    };
    match parse(&text.value) {
        Ok(value) => Some(Some(value)),
        Err((why, expected)) => reader.invalid(&text.at, &why, expected),
    }
}

impl Write for Port {
    fn write(&self) -> Option<Json> {
        let mode = match self.mode {
            PortMode::Ingress => "ingress",
            PortMode::Host => "host",
        };
        let mut fields = Map::from_iter([
            ("mode".to_owned(), json!(mode)),
            ("target".to_owned(), json!(self.target)),
            ("protocol".to_owned(), json!(self.protocol.as_str())),
        ]);
        let published = self.published.map(|(first, last)| match first == last {
            true => first.to_string(),
            false => format!("{first}-{last}"),
        });
        let said = [
            ("host_ip", self.address.map(|address| address.to_string())),
            ("published", published),
            ("name", self.name.clone()),
            ("app_protocol", self.app_protocol.clone()),
        ];
        for (name, value) in said {
            fields.extend(value.map(|value| (name.to_owned(), json!(value))));
        }
        Some(Json::Object(fields))
    }
}

impl Write for Ports {
    fn write(&self) -> Option<Json> {
        self.0.write()
    }
}

impl Port {
    /// Returns what two entries have in common that mean the same port.
    fn key(&self) -> String {
        let Self {
            address,
            published,
            target,
            protocol,
            ..
        } = self;
        let any = IpAddr::from([0, 0, 0, 0]);
        let address = address.unwrap_or(any);
        format!("{address} {published:?} {target} {protocol:?}")
    }
}

impl Read for Expose {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let text = reader.loose(node, PORT)?;
        let parsed = with_protocol(text).and_then(|(ports, protocol)| {
            Ok(Self {
                ports: range(ports)?,
                protocol,
                text: text.to_owned(),
            })
        });
        match parsed {
            Ok(expose) => Some(expose),
            Err((why, expected)) => reader.invalid(&node.at, &why, expected),
        }
    }
}

impl Read for Exposed {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let items = reader.list(node, "a list of ports")?;
        let ports: Vec<Spanned<Expose>> = reader.items(items);
        let length = |(first, last): (u16, u16)| usize::from(last - first) + 1;
        let count: usize = ports.iter().map(|port| length(port.value.ports)).sum();
        if count > MOST {
            let message = format!("the service has more than {MOST} ports");
            let problem = Problem::error("too-large", message).at(&node.at, "too many");
            reader.problems.push(problem);
            return None;
        }
        Some(Self(once(ports, |port| port.text.clone())))
    }
}

impl Write for Exposed {
    fn write(&self) -> Option<Json> {
        let texts: Vec<_> = self.0.iter().map(|port| &port.value.text).collect();
        (!texts.is_empty()).then(|| json!(texts))
    }
}

fn with_protocol(text: &str) -> Result<(&str, Transport), Wrong> {
    match text.split_once('/') {
        Some((rest, name)) => Ok((rest, protocol(name)?)),
        None => Ok((text, Transport::Tcp)),
    }
}

fn protocol(text: &str) -> Result<Transport, Wrong> {
    match text.to_ascii_lowercase().as_str() {
        "tcp" => Ok(Transport::Tcp),
        "udp" => Ok(Transport::Udp),
        "sctp" => Ok(Transport::Sctp),
        _ => Err((format!("`{text}` is no protocol"), "`tcp`, `udp` or `sctp`")),
    }
}

fn address(text: &str) -> Result<IpAddr, Wrong> {
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    bare.unwrap_or(text).parse().map_err(|_| {
        (
            format!("`{text}` is no IP address"),
            "an IPv4 address, or an IPv6 address in brackets",
        )
    })
}

fn range(text: &str) -> Result<(u16, u16), Wrong> {
    let one = |text: &str| {
        text.parse()
            .ok()
            .filter(|port| *port != 0 && text.bytes().all(|byte| byte.is_ascii_digit()))
            .ok_or_else(|| (format!("`{text}` is no port"), PORT))
    };
    let (first, last) = match text.split_once('-') {
        Some((first, last)) => (one(first)?, one(last)?),
        None => (one(text)?, one(text)?),
    };
    if first > last {
        return Err((
            format!("`{text}` ends before it begins"),
            "the lower port first",
        ));
    }
    Ok((first, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(address: Option<&str>, published: Option<(u16, u16)>, target: u16) -> Port {
        Port {
            address: address.map(|address| address.parse().unwrap()),
            published,
            target,
            protocol: Transport::Tcp,
            name: None,
            app_protocol: None,
            mode: PortMode::Ingress,
        }
    }

    #[test]
    fn reads_the_short_forms() {
        let udp = |port| Port {
            protocol: Transport::Udp,
            ..port
        };
        let same = |port| Some((port, port));
        for (text, expected) in [
            ("80", vec![port(None, None, 80)]),
            (":80", vec![port(None, None, 80)]),
            ("8080:80", vec![port(None, same(8080), 80)]),
            ("53:53/udp", vec![udp(port(None, same(53), 53))]),
            ("80/UDP", vec![udp(port(None, None, 80))]),
            ("127.0.0.1:1:2", vec![port(Some("127.0.0.1"), same(1), 2)]),
            ("127.0.0.1::2", vec![port(Some("127.0.0.1"), None, 2)]),
            ("[::1]:1:2", vec![port(Some("::1"), same(1), 2)]),
            ("::1:1:2", vec![port(Some("::1"), same(1), 2)]),
            (
                "1-2:5-6",
                vec![port(None, same(1), 5), port(None, same(2), 6)],
            ),
            ("5-6", vec![port(None, None, 5), port(None, None, 6)]),
            ("8000-9000:80", vec![port(None, Some((8000, 9000)), 80)]),
        ] {
            assert_eq!(short(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_port() {
        for bad in [
            "", "0", "65536", "http", "80:", "80:0", "3-1", "a:1:2", "1:2:3:4", "80/xyz", "+80",
            "1-2-3", "1-3:5-6",
        ] {
            assert!(short(bad).is_err(), "{bad}");
        }
    }
}
