//! Networks and volumes, and how services join networks.

use serde_json::Value as Json;

use super::super::place::Spanned;
use super::super::reader::{Mapping, Read, Reader, record};
use super::super::values::{Labels, Options, Said, Texts, Whole};
use super::super::write::Write;
use super::super::yaml::{Node, Value};
use super::wait::named;

record! {
    /// A network.
    nullable struct Network {
        /// Its name on the engine.
        name: String,
        /// Who provides it.
        driver: String,
        /// Options of the driver.
        driver_opts: Options,
        /// Made by somebody else.
        external: External,
        /// No route out of it.
        internal: bool,
        /// Single containers may join a swarm's.
        attachable: bool,
        /// Whether it has IPv4.
        enable_ipv4: Said<bool>,
        /// Whether it has IPv6.
        enable_ipv6: Said<bool>,
        /// Its addresses.
        ipam: Ipam,
        /// Labels of it.
        labels: Labels,
    }
}

record! {
    /// A network's addresses.
    plain struct Ipam {
        /// Who gives them.
        driver: String,
        /// From which ranges.
        config: Vec<Spanned<Pool>>,
        /// Options of the driver.
        options: Options,
    }
}

record! {
    /// A range of addresses.
    plain struct Pool {
        /// The network's.
        subnet: String,
        /// The router's address.
        gateway: String,
        /// The part that containers get theirs from.
        ip_range: String,
        /// Addresses that are taken.
        aux_addresses: Options,
    }
}

record! {
    /// A volume.
    nullable struct Volume {
        /// Its name on the engine.
        name: String,
        /// Who provides it.
        driver: String,
        /// Options of the driver.
        driver_opts: Options,
        /// Made by somebody else.
        external: External,
        /// Labels of it.
        labels: Labels,
    }
}

/// Whether something was made by somebody else, and by which name; the latter is the old way of saying it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct External {
    /// Whether it was.
    pub is: bool,
    /// The name.
    pub name: Option<Spanned<String>>,
}

record! {
    /// The old way.
    plain struct LongExternal { name: String, }
}

impl Read for External {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        if let Value::Map(_) = &node.value {
            let name = LongExternal::read(node, reader)?.name;
            return Some(Self { is: true, name });
        }
        let is = bool::read(node, reader)?;
        Some(Self { is, name: None })
    }
}

impl Write for External {
    fn write(&self) -> Option<Json> {
        self.is.then_some(Json::Bool(true))
    }
}

/// Networks joined: a list of names, or a mapping from them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Networks(pub Mapping<Attachment>);

record! {
    /// How a network is joined.
    nullable struct Attachment {
        /// Names there besides the service's own.
        aliases: Texts,
        /// The address there.
        ipv4_address: String,
        /// The IPv6 address there.
        ipv6_address: String,
        /// Addresses of the link.
        link_local_ips: Texts,
        /// The hardware address there.
        mac_address: String,
        /// Options of the driver.
        driver_opts: Options,
        /// Which of several is joined first.
        priority: Whole,
        /// Which of several has the route out.
        gw_priority: Whole,
        /// What the interface is called.
        interface_name: String,
    }
}

impl Read for Networks {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        named(node, reader, Attachment::default).map(Self)
    }
}

impl Write for Networks {
    fn write(&self) -> Option<Json> {
        self.0.write()
    }
}
