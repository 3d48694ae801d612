//! What a rollout works with.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, OnceCell};

use super::error::RolloutError;
use super::link::Link;
use crate::domain::cluster::Environment;
use crate::domain::inventory::Fleet;
use crate::domain::name::HostName;
use crate::domain::plan::rollout::Plan;
use crate::domain::unit::{Instance, Scope, Tree};
use crate::pipeline::Events;
use crate::system::blobs::{Blobs, Registry};
use crate::system::ssh::Tunnel;

/// How long the lock is held unless renewed: long enough for a bad link, short enough to wait for after a death.
pub(super) const LEASE: Duration = Duration::from_secs(60);

/// How many deployments a host keeps to go back to.
pub(super) const KEEP: usize = 5;

/// What a rollout works with.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) scope: Scope,
    pub(super) plan: Plan,
    pub(super) environment: Environment,
    /// What each host is to run; absent where it has the deployment already and only goes back to it.
    pub(super) trees: BTreeMap<HostName, Tree>,
    /// Which instances each host is to run, as far as that is known here.
    pub(super) instances: BTreeMap<HostName, Vec<Instance>>,
    pub(super) fleet: Fleet,
    pub(super) links: BTreeMap<HostName, Link>,
    /// The host that keeps the environment's lock: the first that sorts.
    pub(super) home: HostName,
    pub(super) blobs: Blobs,
    pub(super) registry: OnceCell<Registry>,
    pub(super) tunnels: Mutex<BTreeMap<HostName, Tunnel>>,
    pub(super) actor: String,
    /// The lock's fencing token, 0 before it is taken.
    pub(super) token: AtomicU64,
    pub(super) events: Events,
}

impl Job {
    /// Returns the lock's fencing token.
    pub(super) fn token(&self) -> u64 {
        self.token.load(Ordering::Relaxed)
    }

    pub(super) fn link(&self, host: &HostName) -> Result<&Link, RolloutError> {
        self.links.get(host).ok_or_else(|| RolloutError::NoHosts {
            environment: self.scope.environment.clone(),
            pattern: host.to_string(),
        })
    }

    /// Returns the port on the host behind which the images lie. The endpoint here and the tunnel there are opened for
    /// the first image.
    pub(super) async fn registry_port(
        &self,
        host: &HostName,
    ) -> Result<(&Registry, u16), RolloutError> {
        let images = || {
            self.trees
                .values()
                .flat_map(|tree| tree.images.clone())
                .collect()
        };
        let registry = self
            .registry
            .get_or_try_init(|| async { Registry::open(&self.blobs, &images()).await })
            .await?;
        let mut tunnels = self.tunnels.lock().await;
        if let Some(tunnel) = tunnels.get(host) {
            return Ok((registry, tunnel.remote_port));
        }
        let tunnel = self
            .link(host)?
            .tunnel(registry.address())
            .await
            .map_err(RolloutError::reach(host))?;
        let port = tunnel.remote_port;
        tunnels.insert(host.clone(), tunnel);
        Ok((registry, port))
    }
}
