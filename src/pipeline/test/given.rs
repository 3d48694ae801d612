//! What tests left that other containers are given.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::domain::cluster::{Cluster, Test};
use crate::domain::definition::steps::{ARTIFACTS, ARTIFACTS_DIR};
use crate::domain::name::{ServiceName, TestName};
use crate::system::checkout::{CheckoutError, TarStream, stream_kept};

/// The artifacts of a test, and where a container gets them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Given {
    /// The test that left them.
    pub(super) test: TestName,
    /// Where they are kept.
    folder: PathBuf,
    /// Where its container had a folder for them.
    own: Option<PathBuf>,
    /// Where they are put.
    target: PathBuf,
}

impl Given {
    /// Sends them.
    pub(super) fn stream(&self) -> Result<TarStream, CheckoutError> {
        stream_kept(&self.folder, self.own.as_deref(), &self.target)
    }
}

/// Returns what a step of a release, a container of this service, is given: the artifacts of all tests, a folder each.
pub(super) fn to_step(
    cluster: &Cluster,
    service: &ServiceName,
    artifacts: &BTreeMap<TestName, PathBuf>,
) -> Vec<Given> {
    let target = folder_of(cluster, service).unwrap_or(Path::new(ARTIFACTS));
    let given = artifacts.iter().map(|(test, folder)| Given {
        test: test.clone(),
        folder: folder.clone(),
        own: own(cluster, test),
        target: target.join(test.file()),
    });
    given.collect()
}

/// Returns what a test is given: the artifacts of those that it needs, as far as they left any.
pub(super) fn to_test(
    cluster: &Cluster,
    test: &Test,
    artifacts: &BTreeMap<TestName, PathBuf>,
) -> Vec<Given> {
    let given = test.needs.iter().filter_map(|(need, path)| {
        Some(Given {
            test: need.clone(),
            folder: artifacts.get(need)?.clone(),
            own: own(cluster, need),
            target: PathBuf::from(path),
        })
    });
    given.collect()
}

/// Returns the folder for artifacts that a test's own container has.
fn own(cluster: &Cluster, test: &TestName) -> Option<PathBuf> {
    let service = cluster.tests.get(test)?.service()?;
    folder_of(cluster, service).map(Path::to_owned)
}

fn folder_of<'c>(cluster: &'c Cluster, service: &ServiceName) -> Option<&'c Path> {
    let environment = &cluster.services.get(service)?.environment;
    environment.get(ARTIFACTS_DIR).map(Path::new)
}
