//! Whether a host can take a deployment, from what it said of itself.

use std::time::Duration;

use crate::domain::cluster::{Port, Protocol};
use crate::domain::inventory::Inventory;
use crate::domain::ledger::Timestamp;
use crate::domain::unit::Scope;

/// What a host is asked to take.
#[derive(Debug, Clone)]
pub struct Demand<'a> {
    /// Whose deployment it is.
    pub scope: &'a Scope,
    /// Ports that its services publish.
    pub ports: Vec<Port>,
    /// Bytes of image layers that may have to come, uncompressed.
    pub bytes: u64,
    /// The clock here.
    pub now: Timestamp,
}

/// Why a host cannot take a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfit {
    /// Why, as a sentence fragment.
    pub reason: String,
    /// What to do.
    pub hint: String,
}

/// The oldest engine that units are written for.
const OLDEST_ENGINE: (u32, u32) = (20, 10);

/// A clock that is wrong by more makes certificates and logs lie.
const CLOCK_SLACK: Duration = Duration::from_secs(5 * 60);

/// What staging a deployment needs under `/var/lib/longshore`, in kilobytes.
const STATE_KB: u64 = 4 * 1024;

/// Names everything that keeps the host from taking it.
#[must_use]
pub fn unfit(demand: &Demand<'_>, inventory: &Inventory) -> Vec<Unfit> {
    let facts = &inventory.facts;
    let mut found = Vec::new();
    let mut add = |reason: String, hint: &str| {
        found.push(Unfit {
            reason,
            hint: hint.to_owned(),
        })
    };
    match version(&facts.engine) {
        None => add(
            "no Docker engine answers there".to_owned(),
            "look at `systemctl status docker` on the host",
        ),
        Some(found) if found < OLDEST_ENGINE => add(
            format!(
                "its Docker is {}, and units need {}.{}",
                facts.engine, OLDEST_ENGINE.0, OLDEST_ENGINE.1
            ),
            "update the host",
        ),
        Some(_) => {}
    }
    let needed = demand.bytes / 1024;
    if facts.engine_free_kb < needed {
        let (needed, free) = (needed / 1024, facts.engine_free_kb / 1024);
        add(
            format!(
                "its disk has {free} MB free where images are kept, and {needed} MB may be needed"
            ),
            "make room on the host: `docker system df`, `docker image prune`",
        );
    }
    if facts.state_free_kb < STATE_KB {
        add(
            "its disk is full under /var/lib".to_owned(),
            "make room on the host",
        );
    }
    let skew = facts.clock.abs_diff(demand.now.0);
    if skew > CLOCK_SLACK.as_secs() {
        add(
            format!("its clock differs by {skew} s from the one here"),
            "look at `timedatectl` on both machines",
        );
    }
    for port in &demand.ports {
        if let Some((published, owner)) = taken(demand, port, inventory) {
            add(
                format!("port {published} is taken by {owner}"),
                "stop what listens there, or publish another port",
            );
        }
    }
    found
}

fn taken<'i>(
    demand: &Demand<'_>,
    port: &Port,
    inventory: &'i Inventory,
) -> Option<(String, &'i str)> {
    let protocol = match port.protocol {
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
        Protocol::Sctp => "sctp",
    };
    let key = format!("{protocol}/{}", port.published?);
    let owner = inventory.facts.ports.get(&key)?;
    let ours = format!("{}-", demand.scope);
    (!owner.starts_with(&ours)).then_some((key, owner))
}

fn version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.split(['.', '+', '-', '~']);
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::inventory::Facts;

    fn scope() -> Scope {
        Scope {
            cluster: "shop".parse().unwrap(),
            environment: "prod".parse().unwrap(),
        }
    }

    fn host() -> Inventory {
        let facts = Facts {
            engine: "26.1.5+dfsg1".to_owned(),
            engine_free_kb: 1_000_000,
            state_free_kb: 1_000_000,
            clock: 1_000_000,
            ..Facts::default()
        };
        Inventory {
            facts,
            ..Inventory::default()
        }
    }

    fn reasons(change: impl FnOnce(&mut Inventory)) -> Vec<String> {
        let (scope, mut host) = (scope(), host());
        change(&mut host);
        let port = Port {
            address: None,
            published: Some(80),
            target: 8080,
            protocol: Protocol::Tcp,
        };
        let demand = Demand {
            scope: &scope,
            ports: vec![port],
            bytes: 300 << 20,
            now: Timestamp(1_000_010),
        };
        unfit(&demand, &host)
            .into_iter()
            .map(|unfit| unfit.reason)
            .collect()
    }

    #[test]
    fn a_fit_host_is_not_complained_about() {
        assert_eq!(reasons(|_| {}), Vec::<String>::new());
        let own = |host: &mut Inventory| {
            host.facts
                .ports
                .insert("tcp/80".to_owned(), "shop-prod-web-1".to_owned());
        };
        assert_eq!(reasons(own), Vec::<String>::new());
    }

    #[test]
    fn everything_that_is_wrong_is_named() {
        assert_eq!(
            reasons(|host| host.facts.engine.clear()),
            ["no Docker engine answers there"]
        );
        assert_eq!(
            reasons(|host| host.facts.engine = "19.03.8".to_owned()),
            ["its Docker is 19.03.8, and units need 20.10"]
        );
        assert_eq!(
            reasons(|host| host.facts.engine_free_kb = 20 * 1024),
            ["its disk has 20 MB free where images are kept, and 300 MB may be needed"]
        );
        assert_eq!(
            reasons(|host| host.facts.state_free_kb = 0),
            ["its disk is full under /var/lib"]
        );
        assert_eq!(
            reasons(|host| host.facts.clock = 1),
            ["its clock differs by 1000009 s from the one here"]
        );
        let foreign = |host: &mut Inventory| {
            host.facts
                .ports
                .insert("tcp/80".to_owned(), "nginx".to_owned());
        };
        assert_eq!(reasons(foreign), ["port tcp/80 is taken by nginx"]);
    }
}
