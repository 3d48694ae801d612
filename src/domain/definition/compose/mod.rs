//! Compose files as written: the keys that are read, their short and long forms, and how several files merge.
//!
//! Each key is one line in a [`record!`](super::reader) with a type that knows how it is read and merged. What a value
//! means, and whether what it names exists, is not decided here.

mod mount;
mod port;
mod service;

pub use mount::{Mount, MountKind};
pub use port::{Expose, Port, Transport};
pub use service::{
    Attachment, Build, Dependencies, Dependency, EnvFile, EnvFiles, Healthcheck, Link, Mounts,
    Networks, Restart, Service, Test, Wait,
};

use super::reader::{Mapping, record};
use super::values::Pairs;

record! {
    /// A Compose file.
    plain struct File {
        /// The project's name.
        name: String,
        /// Obsolete, and without meaning since Compose 2.
        version: String,
        /// The services.
        services: Mapping<Service>,
        /// Networks that services name.
        networks: Mapping<Network>,
        /// Volumes that services name.
        volumes: Mapping<Volume>,
    }
    foreign &["secrets", "configs", "include", "models"]
}

record! {
    /// A network.
    nullable struct Network {
        /// Only `bridge` is known.
        driver: String,
        /// No route out of it.
        internal: bool,
        /// Labels of it.
        labels: Pairs,
    }
    foreign &["attachable", "driver_opts", "enable_ipv4", "enable_ipv6", "external", "ipam", "name"]
}

record! {
    /// A volume.
    nullable struct Volume {
        /// Only `local` is known.
        driver: String,
        /// Labels of it.
        labels: Pairs,
    }
    foreign &["driver_opts", "external", "name"]
}
