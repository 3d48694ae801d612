//! The lab's bridge network. Its addresses are fixed, so that a host keeps its own across restarts.

use std::fmt;
use std::fs;
use std::net::Ipv4Addr;

use bollard::errors::Error;
use bollard::models::{Ipam, IpamConfig, NetworkCreateRequest};

use super::{LABEL, Lab, LabError};

/// Where labs may live: private ranges that neither engine nor Podman hands out inside a host.
const CANDIDATES: &[Subnet] = &[
    Subnet::new(10, 213, 0),
    Subnet::new(10, 213, 16),
    Subnet::new(10, 213, 32),
    Subnet::new(10, 213, 48),
    Subnet::new(10, 213, 64),
    Subnet::new(10, 213, 80),
    Subnet::new(10, 213, 96),
    Subnet::new(10, 213, 112),
    Subnet::new(10, 61, 0),
    Subnet::new(10, 61, 16),
    Subnet::new(10, 61, 32),
    Subnet::new(10, 61, 48),
    Subnet::new(192, 168, 213),
    Subnet::new(192, 168, 229),
    Subnet::new(192, 168, 245),
];

/// The last byte of a host's address is this and its number.
const FIRST: u16 = 10;

/// A private range of 256 addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subnet([u8; 3]);

impl Subnet {
    /// The range `a.b.c.0/24`.
    #[must_use]
    pub const fn new(a: u8, b: u8, c: u8) -> Self {
        Self([a, b, c])
    }

    /// Returns the address of a host by its number.
    #[must_use]
    pub fn host(self, number: u16) -> Ipv4Addr {
        let last = u8::try_from(FIRST + number).unwrap_or(u8::MAX);
        self.address(last)
    }

    fn address(self, last: u8) -> Ipv4Addr {
        let [a, b, c] = self.0;
        Ipv4Addr::new(a, b, c, last)
    }

    fn parse(text: &str) -> Option<Self> {
        let address: Ipv4Addr = text.strip_suffix("/24")?.parse().ok()?;
        let [a, b, c, _] = address.octets();
        Some(Self([a, b, c]))
    }

    /// Tells whether a routing table in the form of `/proc/net/route` (proc(5)) leads somewhere in this range.
    fn routed(self, table: &str) -> bool {
        table.lines().skip(1).any(|line| {
            let field = |index| {
                let word = line.split_whitespace().nth(index)?;
                Some(u32::from_str_radix(word, 16).ok()?.swap_bytes())
            };
            let (Some(destination), Some(mask)) = (field(1), field(7)) else {
                return false;
            };
            let common = mask & 0xffff_ff00;
            mask != 0 && u32::from(self.address(0)) & common == destination & common
        })
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/24", self.address(0))
    }
}

impl Lab {
    /// Returns the range of the lab's network, if there is one.
    ///
    /// # Errors
    ///
    /// If the engine refuses.
    pub async fn subnet(&self) -> Result<Option<Subnet>, LabError> {
        let name = self.name.network();
        match self.engine.inspect_network(&name, None).await {
            Ok(network) => {
                let ranges = network.ipam.and_then(|ipam| ipam.config);
                let first = ranges.and_then(|ranges| ranges.into_iter().next());
                let subnet = first.and_then(|range| Subnet::parse(&range.subnet?));
                subnet.map(Some).ok_or_else(|| LabError::Addresses {
                    name: self.name.to_string(),
                })
            }
            Err(error) if not_found(&error) => Ok(None),
            Err(error) => Err(LabError::effect(format!("inspect network {name}"))(error)),
        }
    }

    /// Makes the lab's network unless there is one, in the first range that is free.
    ///
    /// # Errors
    ///
    /// If every range is taken, or the engine refuses.
    pub async fn ensure_network(&self) -> Result<Subnet, LabError> {
        if let Some(subnet) = self.subnet().await? {
            return Ok(subnet);
        }
        // Not readable elsewhere than on Linux; the engine then refuses what is taken.
        let routes = fs::read_to_string("/proc/net/route").unwrap_or_default();
        for subnet in CANDIDATES.iter().filter(|subnet| !subnet.routed(&routes)) {
            match self.engine.create_network(self.network(*subnet)).await {
                Ok(_) => return Ok(*subnet),
                // Another network took the range in the meantime (403), or an address of it is in use (500).
                Err(Error::DockerResponseServerError {
                    status_code: 403 | 500,
                    ..
                }) => {}
                Err(error) => {
                    let what = format!("make network {}", self.name.network());
                    return Err(LabError::effect(what)(error));
                }
            }
        }
        Err(LabError::Addresses {
            name: self.name.to_string(),
        })
    }

    /// Removes the lab's network.
    ///
    /// # Errors
    ///
    /// If the engine refuses. One that is gone already is no error.
    pub async fn remove_network(&self) -> Result<(), LabError> {
        let name = self.name.network();
        match self.engine.remove_network(&name).await {
            Err(error) if !not_found(&error) => {
                Err(LabError::effect(format!("remove network {name}"))(error))
            }
            _ => Ok(()),
        }
    }

    fn network(&self, subnet: Subnet) -> NetworkCreateRequest {
        let range = IpamConfig {
            subnet: Some(subnet.to_string()),
            gateway: Some(subnet.address(1).to_string()),
            ..IpamConfig::default()
        };
        NetworkCreateRequest {
            name: self.name.network(),
            driver: Some("bridge".to_owned()),
            ipam: Some(Ipam {
                config: Some(vec![range]),
                ..Ipam::default()
            }),
            labels: Some([(LABEL.to_owned(), self.name.to_string())].into()),
            ..NetworkCreateRequest::default()
        }
    }
}

/// Tells whether the engine says that there is no such thing.
pub(super) fn not_found(error: &Error) -> bool {
    matches!(
        error,
        Error::DockerResponseServerError {
            status_code: 404,
            ..
        }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n";

    #[test]
    fn a_range_that_a_route_covers_or_lies_in_is_taken() {
        let subnet = Subnet::new(10, 213, 0);
        // 10.0.0.0/8, 10.213.0.128/25
        for (destination, mask) in [("0000000A", "000000FF"), ("8000D50A", "80FFFFFF")] {
            let table = format!("{HEADER}vpn0\t{destination}\t00000000\t0001\t0\t0\t0\t{mask}\n");
            assert!(subnet.routed(&table), "{table}");
        }
    }

    #[test]
    fn the_default_route_and_other_networks_leave_a_range_free() {
        let table = format!(
            "{HEADER}eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\neth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\n"
        );
        assert!(!Subnet::new(10, 213, 0).routed(&table));
        assert!(Subnet::new(192, 0, 2).routed(&table));
    }

    #[test]
    fn a_range_survives_its_text() {
        let subnet = Subnet::new(192, 168, 213);
        assert_eq!(Subnet::parse(&subnet.to_string()), Some(subnet));
        assert_eq!(Subnet::parse("10.0.0.0/16"), None);
    }
}
