//! `ports` and `expose`.

use std::net::IpAddr;

use super::super::place::Spanned;
use super::super::reader::{Read, Reader, record};
use super::super::yaml::{Node, Value};

/// What a port is read as.
const PORT: &str = "a port from 1 to 65535";

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

/// A published port, or a range of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// The host's address.
    pub address: Option<IpAddr>,
    /// The host's ports, first and last.
    pub published: Option<(u16, u16)>,
    /// The container's ports, first and last.
    pub target: (u16, u16),
    /// The protocol.
    pub protocol: Transport,
}

/// A port that linked services use, or a range of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expose {
    /// The first and last one.
    pub ports: (u16, u16),
    /// The protocol.
    pub protocol: Transport,
}

record! {
    /// A port in its long form.
    plain struct Long {
        target: u16,
        published: String,
        protocol: String,
        host_ip: String,
        mode: String,
    }
    foreign &["name", "app_protocol"]
}

impl Read for Port {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let port = match &node.value {
            Value::Map(_) => long(node, reader)?,
            Value::Scalar(_) | Value::List(_) => {
                let text = reader.text(node, "a port such as `8080:80`, or a mapping")?;
                match short(text) {
                    Ok(port) => port,
                    Err((why, expected)) => return reader.invalid(&node.at, &why, expected),
                }
            }
        };
        if let Some((first, last)) = port.published
            && last - first != port.target.1 - port.target.0
        {
            let why = "the ranges differ in length";
            return reader.invalid(&node.at, why, "as many host ports as container ports");
        }
        Some(port)
    }
}

type Wrong = (String, &'static str);

/// Parses `[[ADDRESS:][HOST[-HOST]]:]CONTAINER[-CONTAINER][/PROTOCOL]`.
fn short(text: &str) -> Result<Port, Wrong> {
    let (rest, protocol) = with_protocol(text)?;
    let (host, target) = match rest.rsplit_once(':') {
        Some((host, target)) => (Some(host), target),
        None => (None, rest),
    };
    let target = range(target)?;
    let (ip, published) = match host.map(|host| host.rsplit_once(':').unwrap_or(("", host))) {
        None => (None, None),
        Some(("", published)) => (None, Some(published)),
        // An address without a host port lets the engine choose one.
        Some((ip, "")) => (Some(ip), None),
        Some((ip, published)) => (Some(ip), Some(published)),
    };
    let address = ip.map(address).transpose()?;
    let published = published.map(range).transpose()?;
    Ok(Port {
        address,
        published,
        target,
        protocol,
    })
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
    let published = checked(reader, long.published.as_ref(), range)?;
    let protocol = checked(reader, long.protocol.as_ref(), protocol)?;
    let address = checked(reader, long.host_ip.as_ref(), address)?;
    checked(reader, long.mode.as_ref(), |mode| match mode {
        // The same thing on one engine.
        "host" | "ingress" => Ok(()),
        _ => Err((format!("`{mode}` is no mode"), "`host` or `ingress`")),
    })?;
    Some(Port {
        address,
        published,
        target: (target.value, target.value),
        protocol: protocol.unwrap_or(Transport::Tcp),
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

impl Read for Expose {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let text = reader.text(node, PORT)?;
        let parsed = with_protocol(text).and_then(|(ports, protocol)| {
            Ok(Self {
                ports: range(ports)?,
                protocol,
            })
        });
        match parsed {
            Ok(expose) => Some(expose),
            Err((why, expected)) => reader.invalid(&node.at, &why, expected),
        }
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

impl Port {
    /// Returns the ports of a range one by one.
    pub fn each(&self) -> impl Iterator<Item = (Option<u16>, u16)> + '_ {
        let published = self.published.map(|(first, _)| first);
        (self.target.0..=self.target.1)
            .enumerate()
            .map(move |(index, target)| {
                let offset = u16::try_from(index).unwrap_or_default();
                (published.map(|first| first.saturating_add(offset)), target)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_short_forms() {
        let ip = |text: &str| Some(text.parse().unwrap());
        let same = |port| (port, port);
        for (text, address, published, target, protocol) in [
            ("80", None, None, same(80), Transport::Tcp),
            ("8080:80", None, Some(same(8080)), same(80), Transport::Tcp),
            ("53:53/udp", None, Some(same(53)), same(53), Transport::Udp),
            ("80/UDP", None, None, same(80), Transport::Udp),
            (
                "127.0.0.1:1:2",
                ip("127.0.0.1"),
                Some(same(1)),
                same(2),
                Transport::Tcp,
            ),
            (
                "127.0.0.1::2",
                ip("127.0.0.1"),
                None,
                same(2),
                Transport::Tcp,
            ),
            (
                "[::1]:1:2",
                ip("::1"),
                Some(same(1)),
                same(2),
                Transport::Tcp,
            ),
            ("::1:1:2", ip("::1"), Some(same(1)), same(2), Transport::Tcp),
            ("1-3:5-7", None, Some((1, 3)), (5, 7), Transport::Tcp),
            ("5-7", None, None, (5, 7), Transport::Tcp),
        ] {
            assert_eq!(
                short(text),
                Ok(Port {
                    address,
                    published,
                    target,
                    protocol
                }),
                "{text}"
            );
        }
    }

    #[test]
    fn refuses_what_is_no_port() {
        for bad in [
            "", "0", "65536", "http", "80:", ":80", "80:0", "3-1", "a:1:2", "1:2:3:4", "80/xyz",
            "+80", "1-2-3",
        ] {
            assert!(short(bad).is_err(), "{bad}");
        }
    }
}
