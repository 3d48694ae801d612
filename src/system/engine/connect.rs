//! Finding an engine, and whether it will do.

use std::path::Path;
use std::time::Duration;

use bollard::{API_DEFAULT_VERSION, Docker};

use super::{Engine, EngineError};
use crate::domain::ledger::Timestamp;
use crate::domain::plan::build::BuilderKind;
use crate::system::{clock, environment};

/// The oldest API taken: Docker Engine 20.10, the first whose BuildKit needs no experimental flag.
const FLOOR: &str = "1.41";
/// How long an engine may take to say its version.
const GREETING: Duration = Duration::from_secs(10);
/// bollard's timeout counts until the response begins, so it would cut a slow upload off. Our own limits rule.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Where Docker listens unless told otherwise.
const SOCKET: &str = "/var/run/docker.sock";

impl Engine {
    /// Connects to the engine that `DOCKER_HOST` names, else to the one on this machine.
    ///
    /// # Errors
    ///
    /// If none answers, or it is too old.
    pub async fn connect() -> Result<Self, EngineError> {
        let address = environment::variable("DOCKER_HOST").filter(|address| !address.is_empty());
        Self::connect_to(&address.unwrap_or_else(default_address)).await
    }

    /// Connects to the engine at `unix://…` or `tcp://…`.
    ///
    /// # Errors
    ///
    /// If none answers, or it is too old.
    pub async fn connect_to(address: &str) -> Result<Self, EngineError> {
        let unreachable = |source| EngineError::Unreachable {
            address: address.to_owned(),
            source: Box::new(source),
        };
        let docker = client(address)?.map_err(unreachable)?.with_timeout(LONGEST);
        let greeting = async {
            let docker = docker.negotiate_version().await?;
            let (version, info) = (docker.version().await?, docker.info().await?);
            Ok((docker, version, info))
        };
        let answered = tokio::time::timeout(GREETING, greeting).await;
        let (docker, version, info) = answered
            .map_err(|_| EngineError::Silent {
                address: address.to_owned(),
                seconds: GREETING.as_secs(),
            })?
            .map_err(unreachable)?;
        let api = version.api_version.unwrap_or_default();
        if number(&api) < number(FLOOR) {
            return Err(EngineError::TooOld {
                address: address.to_owned(),
                api,
                floor: FLOOR,
            });
        }
        let components = version.components.unwrap_or_default();
        let podman = components
            .iter()
            .any(|component| component.name.starts_with("Podman"));
        let classic = environment::variable("DOCKER_BUILDKIT").is_some_and(|value| value == "0");
        let status = info.driver_status.unwrap_or_default();
        let snapshotter = |line: &Vec<String>| {
            line.iter()
                .any(|word| word.contains("io.containerd.snapshotter"))
        };
        Ok(Self {
            docker,
            address: address.to_owned(),
            builder: match (podman, classic) {
                (true, _) => BuilderKind::Podman,
                (false, true) => BuilderKind::Classic,
                (false, false) => BuilderKind::BuildKit,
            },
            version: version.version.unwrap_or_default(),
            containerd: status.iter().any(snapshotter),
            ahead: info.system_time.as_deref().map_or(0, ahead),
            configs: std::sync::Arc::default(),
        })
    }

    /// Returns the time by the engine's clock, which is the same for all who share it.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp(clock::now().0 + self.ahead)
    }

    /// Returns where the engine is, as `DOCKER_HOST` would say it.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }
}

fn client(address: &str) -> Result<Result<Docker, bollard::errors::Error>, EngineError> {
    let wrong = |why| EngineError::Address {
        address: address.to_owned(),
        why,
    };
    let (scheme, _) = address
        .split_once("://")
        .ok_or_else(|| wrong("it has no scheme"))?;
    let seconds = LONGEST.as_secs();
    match scheme {
        "unix" => Ok(Docker::connect_with_unix(
            address,
            seconds,
            API_DEFAULT_VERSION,
        )),
        // Speaking plainly to where encryption is asked for would give everything away.
        "tcp"
            if environment::variable("DOCKER_TLS_VERIFY")
                .is_some_and(|value| !value.is_empty()) =>
        {
            Err(wrong(
                "DOCKER_TLS_VERIFY asks for TLS, which is not supported",
            ))
        }
        "tcp" | "http" => Ok(Docker::connect_with_http(
            address,
            seconds,
            API_DEFAULT_VERSION,
        )),
        _ => Err(wrong("only unix and tcp are supported")),
    }
}

/// Says how many seconds an engine's time is before ours (RFC 3339). One that tells none has ours.
fn ahead(time: &str) -> i64 {
    let engine = time.parse::<jiff::Timestamp>();
    engine.map_or(0, |engine| engine.as_second() - clock::now().0)
}

fn default_address() -> String {
    let rootless =
        environment::variable("XDG_RUNTIME_DIR").map(|folder| format!("{folder}/docker.sock"));
    let socket = match rootless {
        Some(socket) if !Path::new(SOCKET).exists() && Path::new(&socket).exists() => socket,
        Some(_) | None => SOCKET.to_owned(),
    };
    format!("unix://{socket}")
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

    #[test]
    fn an_address_that_cannot_be_used_says_why() {
        for (address, why) in [
            ("docker.sock", "it has no scheme"),
            ("ssh://core@web", "only unix and tcp are supported"),
        ] {
            let error = client(address).unwrap_err();
            assert!(error.to_string().ends_with(why), "{error}");
        }
    }
}
