//! The container engine, through bollard: images, builds, containers, networks, volumes.
//!
//! All that is made here carries the labels of the run that made it, so that [`Engine::leftovers`] finds what a killed
//! run left, and nothing else.

mod archive;
mod behind_ssh;
mod build;
mod buildx;
mod connect;
mod container;
mod error;
mod identity;
mod image;
mod leftover;
mod logs;
mod network;
mod options;
mod owner;
mod place;
mod podman;
mod presence;
mod progress;
mod push;
mod rawjson;
mod tls;

pub use archive::{Allowance, CopiedOut};
pub use build::BuildSpec;
pub use connect::EngineKind;
pub use container::{
    ContainerSpec, ContainerState, Endpoint, Health, Mounted, MountedFrom, PutFile,
};
pub use error::EngineError;
pub use image::Image;
pub use leftover::{Leftover, LeftoverKind};
pub use logs::{KeptLog, Tail};
pub use network::NetworkSpec;
pub use owner::{Alive, Owner, Run};
pub use place::{Place, Said};
pub use progress::Told;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bollard::Docker;

use crate::domain::name::Digest;
use crate::domain::plan::build::BuilderKind;

/// A connection to an engine. Clones share it.
#[derive(Debug, Clone)]
pub struct Engine {
    docker: Docker,
    address: String,
    /// Which builder it has; Podman has its own, and `DOCKER_BUILDKIT=0` asks for Docker's classic one.
    builder: BuilderKind,
    /// What it said of itself.
    facts: Arc<connect::Facts>,
    /// Where it is, and who says so.
    place: Arc<Place>,
    /// What leads to it, if it is behind SSH.
    way: Option<Arc<behind_ssh::Way>>,
    /// Config digests by image id, where finding one out means reading the image.
    configs: Arc<Mutex<BTreeMap<String, Digest>>>,
}
