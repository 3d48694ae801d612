//! Which tests are run, beside which containers, and why.
//!
//! A test's fingerprint hashes its specification, the definitions and the images of all that it runs beside, and the
//! repository files that these mount. A green fingerprint is not run again.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::domain::cluster::{Cluster, Service, Subject, Test};
use crate::domain::ledger::{Asset, ImageIdentity, TestRecord, Verdict};
use crate::domain::name::{Digest, NetworkName, ServiceName, TestName};

/// Goes up when a fingerprint comes to mean something else, so that no older record is taken for it.
const FORMAT: u32 = 1;

/// A test, and all that decides its result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Which.
    pub test: TestName,
    /// The services that it runs beside, each after those that it depends on. The test's own is not among them.
    pub beside: Vec<ServiceName>,
    /// The image of each of them, and of the test's own service.
    pub images: BTreeMap<ServiceName, ImageIdentity>,
    /// Hash of all that decides the result.
    pub fingerprint: Digest,
}

/// What is done about each test, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// One step a test.
    pub steps: Vec<Step>,
}

/// One test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Which.
    pub wanted: Wanted,
    /// What is done about it.
    pub decision: Decision,
}

/// What is done about a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Its fingerprint is green.
    Keep(Box<TestRecord>),
    /// It is run.
    Run(Reason),
}

/// Why a test is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// The ledger has no verdict on it.
    NoRecord,
    /// The same was red before.
    RedBefore,
    /// The images of these services are others than at the last run.
    ImagesChanged(BTreeSet<ServiceName>),
    /// The definition or a mounted file changed.
    SpecificationChanged,
    /// `--force`.
    Forced,
}

/// What the ledger says of a test.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Past {
    /// The latest verdict on the same fingerprint.
    pub same: Option<TestRecord>,
    /// The latest verdict at all.
    pub last: Option<TestRecord>,
}

/// Returns tests with all that they need, each after those that it needs itself. The definition has no circles here.
#[must_use]
pub fn in_order<'c>(
    cluster: &'c Cluster,
    tests: impl IntoIterator<Item = &'c TestName>,
) -> Vec<&'c TestName> {
    let (mut found, mut seen) = (Vec::new(), BTreeSet::new());
    for name in tests {
        let mut open = vec![(name, false)];
        while let Some((name, done)) = open.pop() {
            if done {
                found.push(name);
            } else if seen.insert(name) {
                open.push((name, true));
                let needs = cluster.tests.get(name).into_iter();
                let needs = needs.flat_map(|test| test.needs.keys().rev());
                open.extend(needs.map(|need| (need, false)));
            }
        }
    }
    found
}

/// Returns what a test needs beside it, each after those that it depends on itself.
#[must_use]
pub fn beside_test(cluster: &Cluster, test: &Test) -> Vec<ServiceName> {
    match &test.subject {
        Subject::Service(service) => beside(cluster, service),
    }
}

/// Returns what a service needs beside it, each after those that it depends on itself. The definition has no circles
/// here; were there one, it would be cut.
#[must_use]
pub fn beside(cluster: &Cluster, service: &ServiceName) -> Vec<ServiceName> {
    let mut found = Vec::new();
    let mut path = BTreeSet::from([service.clone()]);
    collect(cluster, service, &mut path, &mut found);
    found
}

fn collect(
    cluster: &Cluster,
    service: &ServiceName,
    path: &mut BTreeSet<ServiceName>,
    found: &mut Vec<ServiceName>,
) {
    for name in needs(cluster, service) {
        if !found.contains(&name) && path.insert(name.clone()) {
            collect(cluster, &name, path, found);
            path.remove(&name);
            found.push(name);
        }
    }
}

/// Returns the services that one needs directly: what it depends on and links to, as far as they are there.
#[must_use]
pub fn needs(cluster: &Cluster, service: &ServiceName) -> BTreeSet<ServiceName> {
    let Some(service) = cluster.services.get(service) else {
        return BTreeSet::new();
    };
    let linked = service.links.iter().map(|link| &link.service);
    let names = service.depends_on.keys().chain(linked);
    names
        .filter(|name| cluster.services.contains_key(*name))
        .cloned()
        .collect()
}

/// Returns the services that one cannot do without: those that it comes to by dependencies that are all required. A
/// link is required.
#[must_use]
pub fn required(cluster: &Cluster, service: &ServiceName) -> BTreeSet<ServiceName> {
    let mut found = BTreeSet::new();
    let mut open = vec![service.clone()];
    while let Some(dependent) = open.pop() {
        for need in needs(cluster, &dependent) {
            if is_required(cluster, &dependent, &need) && found.insert(need.clone()) {
                open.push(need);
            }
        }
    }
    found
}

/// Tells whether a service that needs another cannot do without it.
#[must_use]
pub fn is_required(cluster: &Cluster, dependent: &ServiceName, need: &ServiceName) -> bool {
    let declared = &cluster.services[dependent].depends_on;
    declared.get(need).is_none_or(|need| need.required)
}

/// Returns what decides a test's result, or the service of which no image is known.
///
/// # Errors
///
/// The service without an image.
pub fn wanted(
    cluster: &Cluster,
    name: &TestName,
    images: &BTreeMap<ServiceName, ImageIdentity>,
    assets: &BTreeMap<PathBuf, Asset>,
) -> Result<Wanted, ServiceName> {
    of_test(cluster, (name, &cluster.tests[name]), images, assets)
}

/// Returns what decides the result of a test, or of a step that is run like one.
///
/// # Errors
///
/// The service without an image.
pub fn of_test(
    cluster: &Cluster,
    (name, test): (&TestName, &Test),
    images: &BTreeMap<ServiceName, ImageIdentity>,
    assets: &BTreeMap<PathBuf, Asset>,
) -> Result<Wanted, ServiceName> {
    let seen = Seen {
        cluster,
        images,
        assets,
    };
    let mut before = BTreeMap::new();
    for need in in_order(cluster, test.needs.keys()) {
        let wanted = seen.by((need, &cluster.tests[need]), &before)?;
        before.insert(need, wanted.fingerprint);
    }
    seen.by((name, test), &before)
}

/// All that tests see.
struct Seen<'s> {
    cluster: &'s Cluster,
    images: &'s BTreeMap<ServiceName, ImageIdentity>,
    assets: &'s BTreeMap<PathBuf, Asset>,
}

impl Seen<'_> {
    /// Returns what decides the result of a test, with the fingerprints of those that it needs.
    fn by(
        &self,
        (name, test): (&TestName, &Test),
        before: &BTreeMap<&TestName, Digest>,
    ) -> Result<Wanted, ServiceName> {
        let Self {
            cluster,
            images,
            assets,
        } = *self;
        let beside = beside_test(cluster, test);
        let all: BTreeSet<_> = beside.iter().chain(test.service()).collect();
        let mut held = BTreeMap::new();
        let mut services = BTreeMap::new();
        for service in all {
            let identity = images.get(service).ok_or_else(|| service.clone())?;
            held.insert(service.clone(), identity.clone());
            services.insert(service, spec(cluster, &cluster.services[service], assets));
        }
        let Test {
            subject,
            command,
            timeout,
            limits,
            internal,
            start_timeout,
            retries,
            reports,
            artifacts,
            needs,
            fail_fast: _, // says what becomes of others
        } = test;
        let given = needs
            .iter()
            .map(|(need, path)| (need, json!({"path": path, "fingerprint": before.get(need)})));
        let given: BTreeMap<_, _> = given.collect();
        let mut content = json!({
            "format": FORMAT, "kind": "test", "service": subject_of(subject), "command": command, "timeout": timeout,
            "limits": limits, "internal": internal, "start_timeout": start_timeout, "retries": retries, "reports": reports,
            "artifacts": artifacts,
            "services": services, "images": held,
        });
        // Of those that need nothing the fingerprint stays what it was.
        if !given.is_empty() {
            content["needs"] = json!(given);
        }
        Ok(Wanted {
            test: name.clone(),
            beside,
            images: held,
            fingerprint: Digest::of(content.to_string()),
        })
    }
}

fn subject_of(subject: &Subject) -> Value {
    match subject {
        Subject::Service(service) => json!(service),
    }
}

/// Says what of a service a test can see. Every field is named, so that a new one cannot be forgotten.
fn spec(cluster: &Cluster, service: &Service, assets: &BTreeMap<PathBuf, Asset>) -> Value {
    let Service {
        source: _, // its image says more
        command,
        entrypoint,
        environment,
        ports: _,  // nothing is published in a test
        expose: _, // containers of one network reach every port
        mounts,
        files: handed, // of a secret where it comes from, not its value
        networks,
        links,
        depends_on,
        healthcheck,
        restart,
        profiles: _, // what a test needs runs whatever its profile
        labels,
        user,
        working_dir,
        stop_grace_period: _, // how long it has to end when it is out of time anyway
        options,
        one_shot,
        test_only: _, // says where it runs otherwise
    } = service;
    let files: BTreeMap<_, _> = service
        .assets()
        .flat_map(|path| {
            assets
                .iter()
                .filter(move |(file, _)| file.starts_with(path))
        })
        .collect();
    json!({
        "command": command, "entrypoint": entrypoint, "environment": environment, "mounts": mounts, "handed": handed,
        "networks": networks, "internal": internal(cluster, networks.keys()), "links": links,
        "depends_on": depends_on, "healthcheck": healthcheck, "restart": restart, "labels": labels, "user": user,
        "working_dir": working_dir, "options": options, "one_shot": one_shot, "files": files,
    })
}

fn internal<'n>(
    cluster: &Cluster,
    networks: impl Iterator<Item = &'n NetworkName>,
) -> Vec<Option<bool>> {
    let of = |name| cluster.networks.get(name).map(|network| network.internal);
    networks.map(of).collect()
}

/// Decides which tests are run.
#[must_use]
pub fn plan(wanted: Vec<Wanted>, past: &BTreeMap<TestName, Past>, forced: bool) -> Plan {
    let none = Past::default();
    let steps = wanted.into_iter().map(|wanted| {
        let past = past.get(&wanted.test).unwrap_or(&none);
        let decision = decide(&wanted, past, forced);
        Step { wanted, decision }
    });
    Plan {
        steps: steps.collect(),
    }
}

fn decide(wanted: &Wanted, past: &Past, forced: bool) -> Decision {
    let reason = match (&past.same, &past.last) {
        _ if forced => Reason::Forced,
        (Some(same), _) if same.verdict == Verdict::Green => {
            return Decision::Keep(Box::new(same.clone()));
        }
        (Some(_), _) => Reason::RedBefore,
        (None, None) => Reason::NoRecord,
        (None, Some(last)) => {
            let names = last.images.keys().chain(wanted.images.keys());
            let changed: BTreeSet<_> = names
                .filter(|name| last.images.get(*name) != wanted.images.get(*name))
                .cloned()
                .collect();
            if changed.is_empty() {
                Reason::SpecificationChanged
            } else {
                Reason::ImagesChanged(changed)
            }
        }
    };
    Decision::Run(reason)
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRecord => f.write_str("not run before"),
            Self::RedBefore => f.write_str("red before"),
            Self::ImagesChanged(services) => {
                let names: Vec<_> = services.iter().map(ServiceName::as_str).collect();
                write!(f, "other images: {}", names.join(", "))
            }
            Self::SpecificationChanged => f.write_str("definition or mounted files changed"),
            Self::Forced => f.write_str("asked for with --force"),
        }
    }
}

#[cfg(test)]
mod tests;
