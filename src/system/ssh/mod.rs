//! SSH to hosts, over libssh2.
//!
//! One thread owns one session and everything of it; what the rest of longshore holds is a [`Connection`] that asks
//! the thread. `ssh -G` decides how a host is reached, so the user's configuration means here what it means to `ssh`.
//! A host key is always verified against `known_hosts`; there is no way to skip that.
//!
//! Nothing here knows what the commands mean that it runs.

mod auth;
mod config;
mod connection;
mod error;
mod exec;
mod known_hosts;
mod link;
mod relay;
mod remote;
mod session;
mod wire;

pub use connection::{Connection, Forward, Options, SocketForward, Tunnel};
pub use error::{Endpoint, HostKeyProblem, SshError};
pub use remote::{Completed, Exit, LineOf, OnLine, Remote, Request};
