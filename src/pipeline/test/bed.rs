//! What a test runs in: its network, volumes and containers, and their end.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use futures_util::future::join_all;
use tokio_util::task::TaskTracker;

use super::TestError;
use super::follow::Following;
use super::given::Given;
use super::run::TestRun;
use super::spec::{Names, Part, container, internal, landings, volumes};
use crate::domain::cluster::{Cluster, FileSource, MountSource, Test};
use crate::domain::ledger::ImageIdentity;
use crate::domain::mask::Masker;
use crate::domain::name::{ServiceName, TestName};
use crate::domain::plan::build::{Origin, image_of, tags};
use crate::domain::plan::test::Wanted;
use crate::pipeline::Tools;
use crate::pipeline::secrets::SecretError;
use crate::system::engine::{ContainerState, EngineError, LeftoverKind, PutFile, Run};

/// How often removal is tried: a container that was being made when the test ended appears late.
const REMOVALS: usize = 3;

/// What a test runs in.
pub(super) struct Bed<'b> {
    pub(super) tools: &'b Tools,
    pub(super) cluster: &'b Cluster,
    pub(super) wanted: &'b Wanted,
    test: &'b Test,
    /// Whether it is a step of a release.
    release: bool,
    /// The service of the test's own container.
    pub(super) service: &'b ServiceName,
    /// What other tests left that its own container gets.
    given: &'b [Given],
    /// How often the test is tried, this time included.
    attempt: usize,
    pub(super) names: Names,
    /// Requests that make something. They are never given up half-way, so that removal finds all that was made.
    making: TaskTracker,
    pub(super) following: Following,
}

impl<'b> Bed<'b> {
    pub(super) fn new(run: &TestRun<'b>, attempt: usize) -> Self {
        let TestRun {
            tools,
            cluster,
            wanted,
            test,
            service,
            given,
            keep,
            release,
        } = *run;
        let mut labels = tools.run.labels();
        labels.insert(Run::TEST.to_owned(), wanted.test.to_string());
        if keep {
            labels.insert(Run::KEPT.to_owned(), "true".to_owned());
        }
        let prefix = format!("longshore-{}-{}", tools.run.id, wanted.test.file());
        let names = Names { prefix, labels };
        Self {
            tools,
            cluster,
            wanted,
            test,
            release,
            service,
            given,
            attempt,
            names,
            making: TaskTracker::new(),
            following: Following::default(),
        }
    }

    pub(super) fn test(&self) -> &'b Test {
        self.test
    }

    /// Returns all services of which there is a container, the test's own last.
    pub(super) fn services(&self) -> impl Iterator<Item = &'b ServiceName> + use<'b> {
        self.wanted.beside.iter().chain([self.service])
    }

    /// Returns where all is kept that comes of this attempt.
    pub(super) fn folder(&self) -> PathBuf {
        let folder = self.tools.logs.join(self.tools.run.id.as_str());
        let folder = folder.join(self.wanted.test.file());
        match self.attempt {
            1 => folder,
            attempt => folder.join(format!("attempt-{attempt}")),
        }
    }

    pub(super) fn log(&self, service: &ServiceName) -> PathBuf {
        self.folder().join(format!("{}.log", service.file()))
    }

    /// Makes the network and the volumes, empty.
    pub(super) async fn prepare(&self) -> Result<(), TestError> {
        let internal = self.test().internal || internal(self.cluster, self.services());
        self.network(internal).await?;
        for volume in volumes(self.cluster, self.services()) {
            let (engine, volume, labels) = (
                self.tools.engine.clone(),
                self.names.volume(volume),
                self.names.labels.clone(),
            );
            self.make(async move { engine.create_volume(&volume, &labels).await })
                .await?;
        }
        Ok(())
    }

    /// Makes a service's container and copies in what it mounts from the repository.
    pub(super) async fn create(&self, name: &ServiceName) -> Result<(), TestError> {
        let service = &self.cluster.services[name];
        let spec = container(Part {
            names: &self.names,
            name,
            service,
            image: self.image(name).await?,
            test: self.test(),
            own: name == self.service,
            release: self.release,
        });
        let engine = self.tools.engine.clone();
        self.make(async move { engine.create_container(spec).await })
            .await?;
        for mount in &service.mounts {
            let MountSource::Repository(path) = &mount.source else {
                continue;
            };
            let files = self
                .tools
                .checkout
                .stream_asset(path, Path::new(&mount.target));
            let files = files.map_err(|source| TestError::Asset {
                test: self.wanted.test.clone(),
                service: name.clone(),
                source,
            })?;
            let copied = self
                .tools
                .engine
                .copy_in(&self.names.container(name), files)
                .await;
            copied.map_err(self.failed())?;
        }
        let container = self.names.container(name);
        for (folder, files) in self.handed(name)? {
            let put = self.tools.engine.put(&container, folder, &files).await;
            put.map_err(self.failed())?;
        }
        if name == self.service {
            self.give().await?;
        }
        Ok(())
    }

    /// Copies what other tests left into the test's own container.
    async fn give(&self) -> Result<(), TestError> {
        for given in self.given {
            let files = given.stream();
            let files = files.map_err(|source| TestError::Artifacts {
                test: self.wanted.test.clone(),
                of: given.test.clone(),
                source,
            })?;
            let container = self.names.container(self.service);
            let copied = self.tools.engine.copy_in(&container, files).await;
            copied.map_err(self.failed())?;
        }
        Ok(())
    }

    /// Reads the files that a service is handed, by the folder that they are put into: the root, which makes what is
    /// missing on the way, or a volume.
    fn handed(&self, name: &ServiceName) -> Result<BTreeMap<&'b str, Vec<PutFile>>, TestError> {
        let service = &self.cluster.services[name];
        let volumes = landings(service);
        let mut folders: BTreeMap<&str, Vec<PutFile>> = BTreeMap::new();
        for file in &service.files {
            let split = file.target.rsplit_once('/');
            let split = split.filter(|(folder, _)| volumes.contains(folder));
            let (folder, path) = split.unwrap_or(("/", file.target.trim_start_matches('/')));
            folders.entry(folder).or_default().push(PutFile {
                path: path.to_owned(),
                uid: file.uid,
                gid: file.gid,
                mode: file.mode,
                content: self.content(name, &file.source)?,
            });
        }
        Ok(folders)
    }

    fn content(&self, service: &ServiceName, source: &FileSource) -> Result<Vec<u8>, TestError> {
        let failed = |secret: &str, source| TestError::Secret {
            test: self.wanted.test.clone(),
            service: service.clone(),
            secret: secret.to_owned(),
            source,
        };
        match source {
            FileSource::Secret { name, from } => {
                let value = self.tools.secrets.value(from);
                let value = value.map_err(|source| failed(name, source))?;
                if !value.can_be_masked() {
                    let shortest = Masker::SHORTEST;
                    self.tools.events.warn(format!(
                        "secret {name} has less than {shortest} characters and is not masked in logs"
                    ));
                }
                Ok(value.expose().to_vec())
            }
            FileSource::Repository(path) => {
                let bytes = self.tools.checkout.asset_bytes(path);
                bytes.map_err(|source| TestError::Asset {
                    test: self.wanted.test.clone(),
                    service: service.clone(),
                    source,
                })
            }
            FileSource::Text(text) => Ok(text.clone().into_bytes()),
            FileSource::Elsewhere(name) => {
                let why = "it is kept elsewhere".to_owned();
                Err(failed(name, SecretError::File(why)))
            }
        }
    }

    /// Finds the engine's id of exactly the image that the plan means.
    async fn image(&self, name: &ServiceName) -> Result<String, TestError> {
        let identity: &ImageIdentity = &self.wanted.images[name];
        let tag = match image_of(self.cluster, name) {
            Origin::Service(builder) => tags(self.cluster, builder).swap_remove(0),
            Origin::External(reference) => reference.to_owned(),
            Origin::Scratch => "scratch".to_owned(),
        };
        let tools = self.tools;
        let found = tools.fleet.bring(identity, &tag, &tools.engine).await;
        let found = found.map_err(|source| TestError::Fleet {
            test: self.wanted.test.clone(),
            source,
        })?;
        found
            .map(|image| image.id)
            .ok_or_else(|| TestError::NoImage {
                test: self.wanted.test.clone(),
                service: name.clone(),
            })
    }

    pub(super) async fn state(&self, name: &ServiceName) -> Result<ContainerState, TestError> {
        let state = self
            .tools
            .engine
            .container(&self.names.container(name))
            .await;
        state.map_err(self.failed())
    }

    pub(super) fn failed(&self) -> impl FnOnce(EngineError) -> TestError + use<> {
        let test: TestName = self.wanted.test.clone();
        move |source| TestError::Engine { test, source }
    }

    async fn make(
        &self,
        request: impl Future<Output = Result<(), EngineError>> + Send + 'static,
    ) -> Result<(), TestError> {
        self.making(request).await.map_err(self.failed())
    }

    pub(super) async fn making(
        &self,
        request: impl Future<Output = Result<(), EngineError>> + Send + 'static,
    ) -> Result<(), EngineError> {
        let made = self.making.spawn(request).await;
        made.expect("a request neither panics nor is cancelled")
    }

    /// Waits for what is still being made.
    pub(super) async fn made(&self) {
        self.making.close();
        self.making.wait().await;
    }

    /// Removes all that was made. What cannot be removed is told, and left to the reaper.
    pub(super) async fn remove(&self) {
        for _ in 0..REMOVALS {
            let labels = [
                (Run::RUN, self.tools.run.id.as_str()),
                (Run::TEST, self.wanted.test.as_str()),
            ];
            let left = match self.tools.engine.leftovers(&labels).await {
                Ok(left) if left.is_empty() => return,
                Ok(left) => left,
                Err(error) => {
                    return self
                        .tools
                        .events
                        .warn(crate::pipeline::build::chain(&error));
                }
            };
            for kind in [
                LeftoverKind::Container,
                LeftoverKind::Network,
                LeftoverKind::Volume,
            ] {
                let of_kind = left.iter().filter(|left| left.kind == kind);
                let removed = join_all(of_kind.map(|left| self.tools.engine.remove(left))).await;
                for error in removed.into_iter().filter_map(Result::err) {
                    self.tools
                        .events
                        .warn(crate::pipeline::build::chain(&error));
                }
            }
        }
    }
}
