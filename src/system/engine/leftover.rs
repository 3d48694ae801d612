//! What runs made on the engine and is still there.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use bollard::errors::Error;
use bollard::query_parameters::{
    ListContainersOptionsBuilder, ListNetworksOptionsBuilder, ListVolumesOptionsBuilder,
    RemoveContainerOptionsBuilder, RemoveVolumeOptions,
};

use super::error::{missing, passing};
use super::{Engine, EngineError, Owner, Run};
use crate::domain::ledger::Timestamp;

/// How long is waited before each further attempt at removing what somebody else holds for now.
const PAUSES: [Duration; 6] = [
    Duration::from_millis(100),
    Duration::from_millis(200),
    Duration::from_millis(400),
    Duration::from_millis(800),
    Duration::from_millis(1600),
    Duration::from_millis(3200),
];

/// Something that a run made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// What it is.
    pub kind: LeftoverKind,
    /// Its name.
    pub name: String,
    /// The run's id.
    pub run: String,
    /// Who made it.
    pub owner: Owner,
    /// Whether it is meant to stay until `gc`.
    pub kept: bool,
    /// Until when its run lives for whoever cannot see its process, by the engine's clock.
    pub until: Option<Timestamp>,
}

/// What a leftover is, in the order in which they can be removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LeftoverKind {
    /// A container.
    Container,
    /// A network.
    Network,
    /// A volume.
    Volume,
}

impl fmt::Display for Leftover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            LeftoverKind::Container => "container",
            LeftoverKind::Network => "network",
            LeftoverKind::Volume => "volume",
        };
        write!(f, "{kind} {}", self.name)
    }
}

impl Engine {
    /// Lists what runs made, of every run or with these labels too, in the order in which it can be removed. What does
    /// not carry a run's labels whole is nobody's and not listed.
    ///
    /// # Errors
    ///
    /// If the engine cannot be asked.
    pub async fn leftovers(&self, labels: &[(&str, &str)]) -> Result<Vec<Leftover>, EngineError> {
        let of_runs = [Run::RUN.to_owned(), Run::OWNER.to_owned()];
        let labels = labels.iter().map(|(name, value)| format!("{name}={value}"));
        let labels: Vec<String> = of_runs.into_iter().chain(labels).collect();
        let filters = [("label".to_owned(), labels)].into();
        let containers = ListContainersOptionsBuilder::new()
            .all(true)
            .filters(&filters)
            .build();
        let networks = ListNetworksOptionsBuilder::new().filters(&filters).build();
        let volumes = ListVolumesOptionsBuilder::new().filters(&filters).build();
        let list = || self.docker.list_containers(Some(containers.clone()));
        let containers = self.settled(list).await;
        let containers = containers.map_err(EngineError::request("list containers"))?;
        let networks = self.docker.list_networks(Some(networks)).await;
        let networks = networks.map_err(EngineError::request("list networks"))?;
        let volumes = self.docker.list_volumes(Some(volumes)).await;
        let volumes = volumes.map_err(EngineError::request("list volumes"))?;

        let containers = containers.into_iter().map(|found| {
            let name = found
                .names
                .and_then(|names| names.into_iter().next())
                .unwrap_or_default();
            let name = name.trim_start_matches('/').to_owned();
            (
                LeftoverKind::Container,
                name,
                found.labels.unwrap_or_default().into_iter().collect(),
            )
        });
        let networks = networks.into_iter().map(|found| {
            let labels = found.labels.unwrap_or_default().into_iter().collect();
            (
                LeftoverKind::Network,
                found.name.unwrap_or_default(),
                labels,
            )
        });
        let volumes = volumes.volumes.unwrap_or_default().into_iter();
        let volumes = volumes.map(|found| {
            (
                LeftoverKind::Volume,
                found.name,
                found.labels.into_iter().collect(),
            )
        });
        let all = containers.chain(networks).chain(volumes);
        Ok(all
            .filter_map(|(kind, name, labels)| leftover(kind, name, &labels))
            .collect())
    }

    /// Removes it. One that is gone already is no error, and one that somebody else removes at this moment is waited for.
    ///
    /// # Errors
    ///
    /// If the engine refuses.
    pub async fn remove(&self, leftover: &Leftover) -> Result<(), EngineError> {
        let mut pauses = PAUSES.iter();
        loop {
            match self.try_remove(leftover).await {
                Ok(()) => return Ok(()),
                Err(error) if missing(&error) => return Ok(()),
                Err(error) => match pauses.next().filter(|_| passing(&error)) {
                    Some(pause) => tokio::time::sleep(*pause).await,
                    None => return Err(EngineError::request(format!("remove {leftover}"))(error)),
                },
            }
        }
    }

    async fn try_remove(&self, leftover: &Leftover) -> Result<(), Error> {
        let name = &leftover.name;
        match leftover.kind {
            LeftoverKind::Container => {
                let options = RemoveContainerOptionsBuilder::new()
                    .force(true)
                    .v(true)
                    .build();
                self.docker.remove_container(name, Some(options)).await
            }
            LeftoverKind::Network => self.docker.remove_network(name).await,
            LeftoverKind::Volume => {
                let options = None::<RemoveVolumeOptions>;
                self.docker.remove_volume(name, options).await
            }
        }
    }
}

fn leftover(
    kind: LeftoverKind,
    name: String,
    labels: &BTreeMap<String, String>,
) -> Option<Leftover> {
    Some(Leftover {
        kind,
        name,
        run: labels.get(Run::RUN)?.clone(),
        owner: labels.get(Run::OWNER)?.parse().ok()?,
        kept: labels.contains_key(Run::KEPT),
        until: labels
            .get(Run::UNTIL)
            .and_then(|until| until.parse().ok())
            .map(Timestamp),
    })
}
