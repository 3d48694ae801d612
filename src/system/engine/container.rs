//! Containers: made, started, looked at, killed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::time::Duration;

use bollard::errors::Error;
use bollard::models::{
    ContainerCreateBody, EndpointSettings, HealthConfig, HealthStatusEnum, HostConfig, Mount,
    MountTmpfsOptions, MountType, NetworkingConfig, RestartPolicy, RestartPolicyNameEnum,
};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, InspectContainerOptions, KillContainerOptions,
    StartContainerOptions, StopContainerOptionsBuilder, UploadToContainerOptionsBuilder,
    WaitContainerOptions,
};
use bollard::{body_full, body_try_stream};
use futures_util::TryStreamExt;

use super::{Engine, EngineError, options};
use crate::domain::cluster::{Healthcheck, HealthcheckCommand, Options, Restart};
use crate::system::checkout::TarStream;

/// A container that is to be made.
#[derive(Debug, Clone)]
pub struct ContainerSpec {
    /// Its name.
    pub name: String,
    /// The engine's id of its image.
    pub image: String,
    /// In place of the image's command.
    pub command: Option<Vec<String>>,
    /// In place of the image's entrypoint; empty for none.
    pub entrypoint: Option<Vec<String>>,
    /// Variables.
    pub environment: BTreeMap<String, String>,
    /// In place of the image's user.
    pub user: Option<String>,
    /// In place of the image's working directory.
    pub working_dir: Option<String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// What goes to the engine as it is.
    pub options: Options,
    /// In place of the image's health check.
    pub healthcheck: Option<Healthcheck>,
    /// When the engine starts it again.
    pub restart: Restart,
    /// What is mounted.
    pub mounts: Vec<Mounted>,
    /// Where it can be reached.
    pub endpoint: Endpoint,
}

/// A container's place on a network.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// The network.
    pub network: String,
    /// The names by which others reach it.
    pub aliases: BTreeSet<String>,
    /// Names that only this container knows: name to container.
    pub links: BTreeMap<String, String>,
}

/// Something mounted.
#[derive(Debug, Clone)]
pub struct Mounted {
    /// What.
    pub from: MountedFrom,
    /// Where, in the container.
    pub target: String,
    /// Whether it may not be written to.
    pub read_only: bool,
}

/// What is mounted.
#[derive(Debug, Clone)]
pub enum MountedFrom {
    /// A volume by name.
    Volume(String),
    /// A new volume that goes with the container.
    Anonymous,
    /// A path of the engine's host.
    Host(String),
    /// Memory.
    Memory {
        /// Its size in bytes.
        size: Option<i64>,
        /// Its permission bits.
        mode: Option<u32>,
    },
}

/// A file that is put into a container.
#[derive(Clone)]
pub struct PutFile {
    /// Where, below the folder that it is put into.
    pub path: String,
    /// Who owns it.
    pub uid: u32,
    /// Which group owns it.
    pub gid: u32,
    /// Its permission bits.
    pub mode: u32,
    /// What it holds.
    pub content: Vec<u8>,
}

impl fmt::Debug for PutFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What it holds may be secret.
        f.debug_struct("PutFile")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// How a container is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerState {
    /// Whether it runs, or is about to be started again.
    pub running: bool,
    /// The exit code of its last end; 0 before.
    pub exit_code: i64,
    /// Whether the kernel ended it for want of memory.
    pub out_of_memory: bool,
    /// What its health check says.
    pub health: Health,
}

impl ContainerState {
    /// Tells whether it was ended by SIGTERM or SIGKILL (signal(7)), and not for want of memory.
    #[must_use]
    pub fn killed(&self) -> bool {
        !self.running && [128 + 15, 128 + 9].contains(&self.exit_code) && !self.out_of_memory
    }
}

/// What a health check says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// There is none.
    Unchecked,
    /// It has not passed yet.
    Starting,
    /// It passes.
    Healthy,
    /// It failed too often in a row.
    Unhealthy {
        /// What the last check printed.
        output: String,
    },
}

impl Engine {
    /// Makes a container, which does not run yet. Nothing of it is published.
    ///
    /// # Errors
    ///
    /// If the engine refuses.
    pub async fn create_container(&self, spec: ContainerSpec) -> Result<(), EngineError> {
        let options = CreateContainerOptionsBuilder::new()
            .name(&spec.name)
            .build();
        let failed = EngineError::request(format!("create container {}", spec.name));
        let made = self
            .docker
            .create_container(Some(options), body(spec))
            .await;
        made.map(|_| ()).map_err(failed)
    }

    /// Starts a container.
    ///
    /// # Errors
    ///
    /// If the engine refuses: its program is not there, for example.
    pub async fn start_container(&self, name: &str) -> Result<(), EngineError> {
        let started = self
            .docker
            .start_container(name, None::<StartContainerOptions>)
            .await;
        started.map_err(EngineError::request(format!("start container {name}")))
    }

    /// Copies files into a container, below its root.
    ///
    /// # Errors
    ///
    /// If a file cannot be read, or the engine refuses.
    pub async fn copy_in(&self, name: &str, files: TarStream) -> Result<(), EngineError> {
        let options = UploadToContainerOptionsBuilder::new().path("/").build();
        let body = body_try_stream(files);
        let copied = self
            .docker
            .upload_to_container(name, Some(options), body)
            .await;
        copied.map_err(EngineError::request(format!(
            "copy files into container {name}"
        )))
    }

    /// Puts files into a container that does not run yet, by their content, below a folder that is there.
    ///
    /// # Errors
    ///
    /// If the engine refuses: a path leads through a file, for example.
    pub async fn put(
        &self,
        name: &str,
        folder: &str,
        files: &[PutFile],
    ) -> Result<(), EngineError> {
        let what = format!("put files into container {name}");
        let archive = archive(files).map_err(|err| Error::IOError { err });
        let archive = archive.map_err(EngineError::request(what.clone()))?;
        let options = UploadToContainerOptionsBuilder::new().path(folder).build();
        let put = self
            .docker
            .upload_to_container(name, Some(options), body_full(archive.into()))
            .await;
        put.map_err(EngineError::request(what))
    }

    /// Asks how a container is.
    ///
    /// # Errors
    ///
    /// If it is not there, or the engine cannot be asked.
    pub async fn container(&self, name: &str) -> Result<ContainerState, EngineError> {
        let ask = || {
            self.docker
                .inspect_container(name, None::<InspectContainerOptions>)
        };
        let found = self.settled(ask).await;
        let found = found.map_err(EngineError::request(format!("inspect container {name}")))?;
        let state = found.state.unwrap_or_default();
        let health = state.health.unwrap_or_default();
        let output = || {
            let last = health.log.as_ref().and_then(|log| log.last());
            let output = last.and_then(|result| result.output.clone());
            output.unwrap_or_default().trim().to_owned()
        };
        Ok(ContainerState {
            running: state.running == Some(true) || state.restarting == Some(true),
            exit_code: state.exit_code.unwrap_or_default(),
            out_of_memory: state.oom_killed == Some(true),
            health: match health.status {
                Some(HealthStatusEnum::STARTING) => Health::Starting,
                Some(HealthStatusEnum::HEALTHY) => Health::Healthy,
                Some(HealthStatusEnum::UNHEALTHY) => Health::Unhealthy { output: output() },
                Some(HealthStatusEnum::EMPTY | HealthStatusEnum::NONE) | None => Health::Unchecked,
            },
        })
    }

    /// Waits until a container does not run, and returns how it is.
    ///
    /// # Errors
    ///
    /// If it is not there, or the engine cannot be asked.
    pub async fn wait_container(&self, name: &str) -> Result<ContainerState, EngineError> {
        let mut waited = self
            .docker
            .wait_container(name, None::<WaitContainerOptions>);
        match waited.try_next().await {
            // bollard makes an error of every other exit code than 0.
            Ok(_) | Err(Error::DockerContainerWaitError { .. }) => {}
            Err(error) => {
                return Err(EngineError::request(format!("wait for container {name}"))(
                    error,
                ));
            }
        }
        self.container(name).await
    }

    /// Asks a container to end by its stop signal, and kills it once `grace` has passed. One that does not run is no
    /// error.
    ///
    /// # Errors
    ///
    /// If the engine cannot be asked.
    pub async fn stop_container(&self, name: &str, grace: Duration) -> Result<(), EngineError> {
        let seconds = grace.as_millis().div_ceil(1000);
        let options = StopContainerOptionsBuilder::new()
            .t(i32::try_from(seconds).unwrap_or(i32::MAX))
            .build();
        let stopped = self.docker.stop_container(name, Some(options)).await;
        match stopped.map_err(EngineError::request(format!("stop container {name}"))) {
            Err(error) if !error.refused() => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Kills a container at once. One that does not run is no error.
    ///
    /// # Errors
    ///
    /// If the engine cannot be asked.
    pub async fn kill_container(&self, name: &str) -> Result<(), EngineError> {
        let killed = self
            .docker
            .kill_container(name, None::<KillContainerOptions>)
            .await;
        match killed.map_err(EngineError::request(format!("kill container {name}"))) {
            Err(error) if !error.refused() => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

fn archive(files: &[PutFile]) -> io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    for file in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(file.content.len() as u64);
        header.set_uid(file.uid.into());
        header.set_gid(file.gid.into());
        header.set_mode(file.mode);
        archive.append_data(&mut header, &file.path, file.content.as_slice())?;
    }
    archive.into_inner()
}

fn body(spec: ContainerSpec) -> ContainerCreateBody {
    let pair = |(name, value): (String, String)| format!("{name}={value}");
    let links = spec
        .endpoint
        .links
        .into_iter()
        .map(|(alias, container)| format!("{container}:{alias}"));
    let endpoint = EndpointSettings {
        aliases: Some(spec.endpoint.aliases.into_iter().collect()),
        links: Some(links.collect()),
        ..EndpointSettings::default()
    };
    let host = HostConfig {
        network_mode: Some(spec.endpoint.network.clone()),
        restart_policy: Some(restart(spec.restart)),
        mounts: Some(spec.mounts.into_iter().map(mount).collect()),
        ..HostConfig::default()
    };
    let body = ContainerCreateBody {
        image: Some(spec.image),
        cmd: spec.command,
        // An empty list would keep the image's; one empty word clears it.
        entrypoint: spec.entrypoint.map(|words| {
            if words.is_empty() {
                vec![String::new()]
            } else {
                words
            }
        }),
        env: Some(spec.environment.into_iter().map(pair).collect()),
        user: spec.user,
        working_dir: spec.working_dir,
        labels: Some(spec.labels.into_iter().collect()),
        healthcheck: spec.healthcheck.map(health),
        networking_config: Some(NetworkingConfig {
            endpoints_config: Some([(spec.endpoint.network, endpoint)].into()),
        }),
        ..ContainerCreateBody::default()
    };
    options::applied(spec.options, body, host)
}

fn mount(mounted: Mounted) -> Mount {
    let (typ, source, tmpfs_options) = match mounted.from {
        MountedFrom::Volume(name) => (MountType::VOLUME, Some(name), None),
        MountedFrom::Anonymous => (MountType::VOLUME, None, None),
        MountedFrom::Host(path) => (MountType::BIND, Some(path), None),
        MountedFrom::Memory { size, mode } => {
            let options = MountTmpfsOptions {
                size_bytes: size,
                mode: mode.map(i64::from),
                ..MountTmpfsOptions::default()
            };
            (MountType::TMPFS, None, Some(options))
        }
    };
    Mount {
        typ: Some(typ),
        source,
        target: Some(mounted.target),
        read_only: Some(mounted.read_only),
        tmpfs_options,
        ..Mount::default()
    }
}

fn restart(restart: Restart) -> RestartPolicy {
    let (name, retries) = match restart {
        Restart::No => (RestartPolicyNameEnum::NO, None),
        Restart::Always => (RestartPolicyNameEnum::ALWAYS, None),
        Restart::UnlessStopped => (RestartPolicyNameEnum::UNLESS_STOPPED, None),
        Restart::OnFailure { retries } => {
            (RestartPolicyNameEnum::ON_FAILURE, retries.map(i64::from))
        }
    };
    RestartPolicy {
        name: Some(name),
        maximum_retry_count: retries,
    }
}

fn health(check: Healthcheck) -> HealthConfig {
    let nanoseconds =
        |time: std::time::Duration| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX);
    let words =
        |first: &str, rest: Vec<String>| [first.to_owned()].into_iter().chain(rest).collect();
    match check {
        Healthcheck::Disabled => HealthConfig {
            test: Some(words("NONE", Vec::new())),
            ..HealthConfig::default()
        },
        Healthcheck::Check {
            command,
            interval,
            timeout,
            start_period,
            retries,
        } => HealthConfig {
            test: command.map(|command| match command {
                HealthcheckCommand::Exec(argv) => words("CMD", argv),
                HealthcheckCommand::Shell(text) => words("CMD-SHELL", vec![text]),
            }),
            interval: interval.map(nanoseconds),
            timeout: timeout.map(nanoseconds),
            start_period: start_period.map(nanoseconds),
            retries: retries.map(i64::from),
            start_interval: None,
        },
    }
}
