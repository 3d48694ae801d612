//! Connections to the hosts of an environment.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream;

use crate::domain::cluster::{Host, SshTarget};
use crate::domain::invocation::Invocation;
use crate::domain::name::HostName;
use crate::system::lab;
use crate::system::ssh::{
    Completed, Connection, LineOf, Options, Remote, Request, SshError, Tunnel,
};

/// How many hosts are connected to at once: enough to hide the round trips, too few to look like an attack.
const AT_ONCE: usize = 32;

/// A host that answered.
#[derive(Debug, Clone)]
pub struct Link {
    /// How it is reached.
    pub target: SshTarget,
    pub(super) options: Options,
    pub(super) connection: Arc<Connection>,
}

impl Link {
    /// Connects to a host, by the lab's configuration if it is one of the lab's.
    pub(super) async fn connect(target: &SshTarget) -> Result<Self, SshError> {
        let options = Options {
            config: lab::ssh_config_for(&target.host),
            ..Options::default()
        };
        let connection = Arc::new(Connection::connect(target, &options).await?);
        Ok(Self {
            target: target.clone(),
            options,
            connection,
        })
    }

    /// Connects anew, so that what comes over it proves that the host still takes logins.
    pub(super) async fn again(&self) -> Result<Self, SshError> {
        Self::connect(&self.target).await
    }

    /// Opens a port on the host that leads to `to` here.
    pub(super) async fn tunnel(&self, to: SocketAddr) -> Result<Tunnel, SshError> {
        Connection::reverse_tunnel(&self.target, &self.options, to).await
    }

    /// Returns the host's name.
    pub(super) fn name(&self) -> &HostName {
        &self.target.host
    }

    /// Runs a command as root and tells each line of its standard output.
    pub(super) async fn run(
        &self,
        invocation: Invocation,
        patience: std::time::Duration,
        on_line: &mut (dyn FnMut(&str) + Send),
    ) -> Result<Completed, SshError> {
        let request = Request::new(invocation).as_root().within(patience);
        let mut tell = |of: LineOf, line: &str| match of {
            LineOf::Stdout => on_line(line),
            LineOf::Stderr => {}
        };
        self.connection.run(request, &mut tell).await
    }
}

/// Does something with every host at once, a bounded number at a time.
pub(super) async fn everywhere<T, F>(
    hosts: &[Host],
    work: impl Fn(SshTarget) -> F,
) -> BTreeMap<HostName, T>
where
    F: Future<Output = T>,
{
    let all = stream::iter(hosts).map(|host| {
        let work = work(host.ssh.clone());
        async move { (host.name().clone(), work.await) }
    });
    all.buffer_unordered(AT_ONCE).collect().await
}
