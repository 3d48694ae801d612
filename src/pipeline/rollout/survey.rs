//! Asking every host what it runs: one login and one round trip each.

use std::collections::BTreeMap;
use std::time::Duration;

use super::error::{RolloutError, why};
use super::link::{Link, everywhere};
use super::verbs;
use crate::domain::cluster::Host;
use crate::domain::event::{HostStep, Outcome, Work};
use crate::domain::inventory::{Fleet, Inventory};
use crate::domain::name::HostName;
use crate::domain::unit::Scope;
use crate::pipeline::Events;

/// How long a host may take to say what it runs.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// What the hosts run, and the connections on which they said so.
#[derive(Debug)]
pub struct Survey {
    /// What each runs, or why that is not known.
    pub fleet: Fleet,
    /// The hosts that answered.
    pub links: BTreeMap<HostName, Link>,
    /// Why the others did not.
    pub failures: BTreeMap<HostName, RolloutError>,
}

/// Asks every host at once.
pub async fn survey(hosts: &[Host], scope: &Scope, events: &Events) -> Survey {
    let asked = everywhere(hosts, |target| async move {
        let host = target.host.clone();
        let running = events.start(Work::Host {
            host: host.clone(),
            step: HostStep::Inventory,
        });
        let answer = async {
            let link = Link::connect(&target)
                .await
                .map_err(RolloutError::reach(&host))?;
            let inventory = verbs::inventory(&link, scope).await?;
            Ok::<_, RolloutError>((link, inventory))
        };
        let answer = answer.await;
        running.end(match &answer {
            Ok((_, inventory)) => Outcome::done(summary(inventory)),
            Err(error) => Outcome::Failed { reason: why(error) },
        });
        answer
    })
    .await;
    let mut survey = Survey {
        fleet: Fleet::default(),
        links: BTreeMap::new(),
        failures: BTreeMap::new(),
    };
    for (host, answer) in asked {
        match answer {
            Ok((link, inventory)) => {
                survey.fleet.hosts.insert(host.clone(), inventory);
                survey.links.insert(host, link);
            }
            Err(error) => {
                survey.fleet.unreachable.insert(host.clone(), why(&error));
                survey.failures.insert(host, error);
            }
        }
    }
    survey
}

fn summary(inventory: &Inventory) -> String {
    match &inventory.current {
        Some(current) => format!("runs {current}"),
        None => "runs nothing of ours".to_owned(),
    }
}
