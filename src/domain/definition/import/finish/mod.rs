//! What of a foreign definition can only be said once its files are merged: whose volumes a service mounts, and whose
//! network it is in.
//!
//! Importers leave two keys in services that Compose does not have, and that are gone afterwards: `volume_driver`, and
//! `data` for what only holds volumes and never runs.

mod volumes;

use std::collections::BTreeMap;

use self::volumes::{Sharing, declare};
use super::super::problem::Problem;
use super::super::yaml::{Node, Value};
use super::tree;

/// Keys that importers leave for here.
const OWN: &[&str] = &["data", "volume_driver"];

/// Finishes a merged tree of which at least a part was imported.
#[must_use]
pub fn finish(mut model: Node, problems: &mut Vec<Problem>) -> Node {
    let Some(services) = model.get("services") else {
        return model;
    };
    let mut sharing = Sharing::of(services);
    let at = services.at.clone();
    let mut finished = Vec::new();
    for entry in tree::entries(services) {
        if !runs(&entry.value) {
            continue;
        }
        let mut entry = entry.clone();
        sharing.mount(&mut entry, problems);
        network(&mut entry.value, &sharing.services);
        domain(&mut entry.value);
        for key in OWN {
            entry.value.remove(key);
        }
        finished.push(entry);
    }
    let volumes = std::mem::take(&mut sharing.volumes);
    if let Value::Map(entries) = &mut model.value {
        tree::put(entries, tree::entry("services", tree::map(&at, finished)));
        declare(entries, volumes);
    }
    model
}

/// Tells whether there are containers of a service, and not only volumes.
fn runs(service: &Node) -> bool {
    service.get("data").is_none()
}

/// A container's network is a service's where the container is one of it.
fn network(service: &mut Node, services: &BTreeMap<&str, &Node>) {
    let Some(mode) = service.get("network_mode") else {
        return;
    };
    let name = tree::said(mode).and_then(|mode| mode.strip_prefix("container:"));
    let Some(name) = name.filter(|name| services.contains_key(name)) else {
        return;
    };
    let shared = tree::text(&mode.at, format!("service:{name}"));
    if let Value::Map(keys) = &mut service.value {
        tree::put(keys, tree::entry("network_mode", shared));
    }
}

/// A host name with a dot was a host's name and its domain.
fn domain(service: &mut Node) {
    if service.get("domainname").is_some() {
        return;
    }
    let Some(hostname) = service.get("hostname").cloned() else {
        return;
    };
    let Some((host, domain)) = tree::said(&hostname)
        .filter(|text| !text.contains('$'))
        .and_then(|text| text.split_once('.'))
    else {
        return;
    };
    if let Value::Map(keys) = &mut service.value {
        tree::put(
            keys,
            tree::entry("hostname", tree::text(&hostname.at, host)),
        );
        keys.push(tree::entry("domainname", tree::text(&hostname.at, domain)));
    }
}
