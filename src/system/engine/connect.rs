//! Reaching an engine, and whether it will do.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bollard::models::{SystemInfo, SystemVersion};
use bollard::{API_DEFAULT_VERSION, Docker};

use super::behind_ssh::Way;
use super::{Engine, EngineError, Place, tls};
use crate::domain::cluster::EngineAddress;
use crate::domain::ledger::Timestamp;
use crate::domain::plan::build::BuilderKind;
use crate::system::{clock, environment};

/// The oldest API taken: Docker Engine 20.10, the first whose BuildKit needs no experimental flag.
const FLOOR: &str = "1.41";
/// How long an engine may take to say its version.
const GREETING: Duration = Duration::from_secs(10);
/// bollard's timeout counts until the response begins, so it would cut a slow upload off. Our own limits rule.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Which program an engine is. What differs between them is decided by it, and nowhere by what fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineKind {
    /// Docker Engine.
    Docker,
    /// Podman's service.
    Podman,
}

impl fmt::Display for EngineKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Docker => "Docker Engine",
            Self::Podman => "Podman",
        })
    }
}

/// What an engine says of itself.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    pub(super) kind: EngineKind,
    pub(super) version: String,
    /// `linux/amd64`, as the engine runs it.
    pub(super) platform: String,
    /// Whether images lie in containerd's store, where an image's id is its manifest's digest.
    pub(super) containerd: bool,
    /// How many seconds its clock is before ours.
    pub(super) ahead: i64,
}

impl Engine {
    /// Connects to the engine that `DOCKER_HOST` or a Docker context names, else to the one on this machine.
    ///
    /// # Errors
    ///
    /// If none answers, or it is too old.
    pub async fn connect() -> Result<Self, EngineError> {
        Self::connect_to(&Place::of_environment()?).await
    }

    /// Connects to an engine.
    ///
    /// # Errors
    ///
    /// If none answers, or it is too old.
    pub async fn connect_to(place: &Place) -> Result<Self, EngineError> {
        let address = place.address.to_string();
        let (docker, way) = client(place).await?;
        let greeted = tokio::time::timeout(GREETING, greet(docker.with_timeout(LONGEST))).await;
        let greeted = greeted.map_err(|_| EngineError::Silent {
            address: address.clone(),
            seconds: GREETING.as_secs(),
        })?;
        let (docker, version, info) = greeted.map_err(|error| unreachable(place, error))?;
        let api = version.api_version.clone().unwrap_or_default();
        if number(&api) < number(FLOOR) {
            return Err(EngineError::TooOld {
                address,
                api,
                floor: FLOOR,
            });
        }
        let facts = facts(version, info);
        let classic = environment::variable("DOCKER_BUILDKIT").is_some_and(|value| value == "0");
        Ok(Self {
            docker,
            address,
            builder: match (facts.kind, classic) {
                (EngineKind::Podman, _) => BuilderKind::Podman,
                (EngineKind::Docker, true) => BuilderKind::Classic,
                (EngineKind::Docker, false) => BuilderKind::BuildKit,
            },
            facts: Arc::new(facts),
            place: Arc::new(place.clone()),
            way: way.map(Arc::new),
            configs: Arc::default(),
        })
    }

    /// Returns the time by the engine's clock, which is the same for all who share it.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp(clock::now().0 + self.facts.ahead)
    }

    /// Returns where the engine is, as `DOCKER_HOST` would say it.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Returns what `DOCKER_HOST` has to be for a program that this process starts: for an engine behind SSH the socket
    /// here that leads to it, as long as this engine is held.
    #[must_use]
    pub fn docker_host(&self) -> String {
        match &self.way {
            Some(way) => format!("unix://{}", way.socket().display()),
            None => self.address.clone(),
        }
    }

    /// Returns which program it is.
    #[must_use]
    pub fn kind(&self) -> EngineKind {
        self.facts.kind
    }

    /// Returns its version.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.facts.version
    }

    /// Returns what it runs: `linux/amd64`.
    #[must_use]
    pub fn platform(&self) -> &str {
        &self.facts.platform
    }

    /// Tells whether the engine still answers.
    pub async fn answers(&self) -> bool {
        let asked = tokio::time::timeout(GREETING, self.docker.ping()).await;
        matches!(asked, Ok(Ok(_)))
    }
}

/// Says how many seconds an engine's time is before ours (RFC 3339). One that tells none has ours.
fn ahead(time: &str) -> i64 {
    let engine = time.parse::<jiff::Timestamp>();
    engine.map_or(0, |engine| engine.as_second() - clock::now().0)
}

async fn greet(
    docker: Docker,
) -> Result<(Docker, SystemVersion, SystemInfo), bollard::errors::Error> {
    let docker = docker.negotiate_version().await?;
    let (version, info) = (docker.version().await?, docker.info().await?);
    Ok((docker, version, info))
}

fn facts(version: SystemVersion, info: SystemInfo) -> Facts {
    let components = version.components.unwrap_or_default();
    let podman = components
        .iter()
        .find(|component| component.name.starts_with("Podman"));
    let status = info.driver_status.unwrap_or_default();
    let snapshotter = |line: &Vec<String>| {
        line.iter()
            .any(|word| word.contains("io.containerd.snapshotter"))
    };
    let architecture = version.arch.unwrap_or_default();
    Facts {
        kind: match podman {
            Some(_) => EngineKind::Podman,
            None => EngineKind::Docker,
        },
        version: match podman {
            Some(component) => component.version.clone(),
            None => version.version.unwrap_or_default(),
        },
        platform: format!("{}/{architecture}", version.os.unwrap_or_default()),
        containerd: status.iter().any(snapshotter),
        ahead: info.system_time.as_deref().map_or(0, ahead),
    }
}

async fn client(place: &Place) -> Result<(Docker, Option<Way>), EngineError> {
    let seconds = LONGEST.as_secs();
    let connected = |result: Result<Docker, bollard::errors::Error>| {
        result.map_err(|error| unreachable(place, error))
    };
    match &place.address {
        EngineAddress::Unix { socket } => Ok((unix(Path::new(socket), place)?, None)),
        EngineAddress::Tcp { host, port, .. } => {
            let authority = |usual: u16| format!("{host}:{}", port.unwrap_or(usual));
            let docker = match &place.certificates {
                Some(folder) => tls::client(&authority(2376), folder, seconds)?,
                None => {
                    let address = format!("tcp://{}", authority(2375));
                    connected(Docker::connect_with_http(
                        &address,
                        seconds,
                        API_DEFAULT_VERSION,
                    ))?
                }
            };
            Ok((docker, None))
        }
        EngineAddress::Ssh { target, socket } => {
            let way = Way::open(target, socket.as_deref()).await?;
            let docker = unix(&way.socket(), place)?;
            Ok((docker, Some(way)))
        }
    }
}

fn unix(socket: &Path, place: &Place) -> Result<Docker, EngineError> {
    let address = format!("unix://{}", socket.display());
    let docker = Docker::connect_with_unix(&address, LONGEST.as_secs(), API_DEFAULT_VERSION);
    docker.map_err(|error| unreachable(place, error))
}

fn unreachable(place: &Place, error: bollard::errors::Error) -> EngineError {
    let address = place.address.to_string();
    if let Some(why) = tls::distrust(&error) {
        return EngineError::Distrust {
            address,
            folder: place.certificates.clone().unwrap_or_default(),
            why,
        };
    }
    match &place.address {
        EngineAddress::Ssh { target, .. } => EngineError::NoForward {
            address,
            host: target.host.clone(),
            source: Box::new(error),
        },
        EngineAddress::Unix { .. } | EngineAddress::Tcp { .. } => EngineError::Unreachable {
            address,
            said: place.said.clone(),
            source: Box::new(error),
        },
    }
}

fn number(api: &str) -> (u32, u32) {
    let (major, minor) = api.split_once('.').unwrap_or((api, "0"));
    (
        major.parse().unwrap_or_default(),
        minor.parse().unwrap_or_default(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_number() {
        assert!(number("1.9") < number(FLOOR));
        assert!(number("1.41") >= number(FLOOR));
        assert!(number("1.100") > number(FLOOR));
        assert!(number("2.0") > number(FLOOR));
        assert!(number("") < number(FLOOR));
    }
}
