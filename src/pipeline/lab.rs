//! The lab's stages: bring it up, look at it, take it down.
//!
//! Whatever state a lab is found in, `up` continues from there: hosts that run are kept, stopped ones are started,
//! missing ones are made.

use std::net::Ipv4Addr;

use futures_util::future::{join_all, try_join_all};
use serde::Serialize;

use super::Events;
use crate::domain::event::{Outcome, Work};
use crate::system::lab::{Finding, HostFacts, Image, Lab, LabError, Readiness, Subnet, host_name};

/// A host of the lab as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LabHost {
    /// What a definition calls it.
    pub host: String,
    /// The container that it is.
    pub container: String,
    /// Its address on the lab's network.
    pub address: Option<Ipv4Addr>,
    /// Whether it can be used.
    pub state: LabHostState,
    /// Why it cannot be used, or which of its units failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Whether a host of the lab can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LabHostState {
    /// It is up, and every unit of it is.
    Running,
    /// It is up, and some of its units failed.
    Degraded,
    /// It runs but does not answer, or still starts.
    NotReady,
    /// It runs without a connection to the lab's network.
    Cut,
    /// It is stopped.
    Stopped,
}

impl LabHostState {
    /// Returns the word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Degraded => "degraded",
            Self::NotReady => "not ready",
            Self::Cut => "cut off",
            Self::Stopped => "stopped",
        }
    }
}

/// Brings up the hosts 1 to `count`. Others that are there already are left as they are.
///
/// # Errors
///
/// If the image cannot be built, the engine refuses, or a host does not come up. What was made until then stays, and
/// the next call continues.
pub async fn up(lab: &Lab, count: u16, events: &Events) -> Result<Vec<LabHost>, LabError> {
    let _lock = lab.lock().await?;
    let image = ensure_image(lab, events).await?;
    lab.ensure_key()?;
    let subnet = lab.ensure_network().await?;
    let made = Made { image, subnet };
    let found = try_join_all((1..=count).map(|number| lab.find(number))).await?;
    let hosts = (1..=count).zip(found);
    let hosts = hosts.map(|(number, facts)| bring_up(lab, number, facts, &made, events));
    // Each host gets its chance, also where another one fails.
    join_all(hosts).await.into_iter().collect()
}

/// Returns the hosts of the lab as they are.
///
/// # Errors
///
/// If the engine refuses.
pub async fn status(lab: &Lab) -> Result<Vec<LabHost>, LabError> {
    let numbers = lab.numbers().await?;
    if numbers.is_empty() {
        return Ok(Vec::new());
    }
    let subnet = lab.subnet().await?;
    let hosts = numbers.into_iter().map(async |number| {
        let facts = lab.find(number).await?;
        let finding = facts.map_or(Finding::Stopped, |facts| facts.finding);
        let (state, reason) = match finding {
            Finding::Created | Finding::Stopped => (LabHostState::Stopped, None),
            Finding::Cut => (LabHostState::Cut, None),
            Finding::Running => match lab.ask(number).await? {
                Ok(ready) => judged(ready),
                Err(reason) => (LabHostState::NotReady, Some(reason)),
            },
        };
        Ok(described(lab, number, subnet, (state, reason)))
    });
    try_join_all(hosts).await
}

/// Removes hosts, volumes, network, keys, and with `image` the images of lab hosts that no other lab uses. Returns how
/// many hosts there were.
///
/// # Errors
///
/// If the engine refuses. The next call continues.
pub async fn down(lab: &Lab, image: bool) -> Result<usize, LabError> {
    let _lock = lab.lock().await?;
    let numbers = lab.numbers().await?;
    try_join_all(numbers.iter().map(|number| lab.remove(*number))).await?;
    lab.remove_volumes().await?;
    lab.remove_network().await?;
    lab.forget()?;
    if image {
        lab.remove_images().await?;
    }
    Ok(numbers.len())
}

/// What the hosts are made with.
struct Made {
    image: Image,
    subnet: Subnet,
}

async fn ensure_image(lab: &Lab, events: &Events) -> Result<Image, LabError> {
    let image = Image::current();
    if lab.has_image(&image).await? {
        return Ok(image);
    }
    let running = events.start(Work::LabImage);
    match lab.build_image(&image, |line| running.log(line)).await {
        Ok(()) => {
            running.end(Outcome::done(image.reference()));
            Ok(image)
        }
        Err(error) => {
            running.end(Outcome::Failed {
                reason: error.to_string(),
            });
            Err(error)
        }
    }
}

async fn bring_up(
    lab: &Lab,
    number: u16,
    facts: Option<HostFacts>,
    made: &Made,
    events: &Events,
) -> Result<LabHost, LabError> {
    let host = host_name(number);
    if let Some(facts) = facts
        .as_ref()
        .filter(|facts| facts.image != made.image.reference())
    {
        events.warn(format!(
            "{host} was made from {}, which is not the image of this version: `longshore lab down` and `up` renew it",
            facts.image
        ));
    }
    let finding = facts.map(|facts| facts.finding);
    let running = events.start(Work::LabHost { host });
    let came_up = async {
        set_going(lab, number, finding, made).await?;
        running.phase("waiting for sshd and systemd");
        lab.wait_ready(number).await
    };
    match came_up.await {
        Ok(ready) => {
            let address = made.subnet.host(number);
            running.end(match finding {
                None | Some(Finding::Created) => Outcome::done(format!("made at {address}")),
                Some(Finding::Stopped) => Outcome::done(format!("started at {address}")),
                Some(Finding::Cut) => Outcome::done(format!("connected at {address}")),
                Some(Finding::Running) => Outcome::Unchanged {
                    reason: format!("runs at {address}"),
                },
            });
            Ok(described(lab, number, Some(made.subnet), judged(ready)))
        }
        Err(error) => {
            running.end(Outcome::Failed {
                reason: error.to_string(),
            });
            Err(error)
        }
    }
}

/// Does what is missing from a host as it was found to one that starts.
async fn set_going(
    lab: &Lab,
    number: u16,
    finding: Option<Finding>,
    made: &Made,
) -> Result<(), LabError> {
    match finding {
        Some(Finding::Running) => {}
        Some(Finding::Cut) => lab.plug_in(number, made.subnet).await?,
        Some(Finding::Stopped) => lab.start(number).await?,
        Some(Finding::Created) => {
            lab.furnish(number).await?;
            lab.start(number).await?;
        }
        None => {
            lab.create(number, &made.image, made.subnet).await?;
            lab.furnish(number).await?;
            lab.start(number).await?;
        }
    }
    lab.write_access(made.subnet)
}

fn judged(ready: Readiness) -> (LabHostState, Option<String>) {
    if ready.failed.is_empty() {
        (LabHostState::Running, None)
    } else {
        let reason = format!("failed units: {}", ready.failed.join(", "));
        (LabHostState::Degraded, Some(reason))
    }
}

fn described(
    lab: &Lab,
    number: u16,
    subnet: Option<Subnet>,
    (state, reason): (LabHostState, Option<String>),
) -> LabHost {
    LabHost {
        host: host_name(number).to_string(),
        container: lab.name().container(number),
        address: subnet.map(|subnet| subnet.host(number)),
        state,
        reason,
    }
}
