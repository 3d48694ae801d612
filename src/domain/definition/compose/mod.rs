//! Compose files as written: every key of the Compose Specification, in its short and long forms.
//!
//! Each key is one line in a [`record!`](super::reader) with a type that knows how it is read and written. What a value
//! means, and whether what it names exists, is not decided here.

mod build;
mod deploy;
mod develop;
mod device;
mod env_file;
mod file;
mod health;
mod link;
mod model;
mod mount;
mod network;
mod port;
mod scalar;
mod service;
mod wait;

pub use build::{Build, Contexts, Ssh};
pub use deploy::{
    Deploy, DeployMode, Limits, Placement, Reservations, Resources, RestartPolicy, Update,
};
pub use develop::{Develop, Hook, Watch};
pub use device::{
    Blkio, Device, DeviceCount, DeviceRate, DeviceRequest, Devices, Gpus, Logging, Ulimit,
};
pub use env_file::{EnvFile, EnvFiles, LabelFiles};
pub use file::{Config, Grant, Grants, Secret};
pub use health::{Healthcheck, Test};
pub use link::{Link, Links, Restart};
pub use model::{Model, ModelUse, ModelUses, Provider};
pub use mount::{Bind, Mount, MountKind, Mounts, TmpfsOptions, VolumeOptions};
pub use network::{Attachment, External, Ipam, Network, Networks, Pool, Volume};
pub use port::{Expose, Exposed, Port, Ports, Transport};
pub use scalar::{Cgroup, Micro, Namespace, Percent, PullPolicy, Score, Version};
pub use service::Service;
pub use wait::{Dependencies, Dependency, Wait};

use super::reader::{Mapping, record};

record! {
    /// A Compose file.
    plain struct File {
        /// The project's name.
        name: String,
        /// Obsolete, and without meaning since Compose 2.
        version: Version,
        /// The services.
        services: Mapping<Service>,
        /// Networks that services name.
        networks: Mapping<Network>,
        /// Volumes that services name.
        volumes: Mapping<Volume>,
        /// Secrets that services and builds name.
        secrets: Mapping<Secret>,
        /// Files that services name.
        configs: Mapping<Config>,
        /// Models that services use.
        models: Mapping<Model>,
    }
}

/// Whether Compose takes a text for the name of what it declares: a service, a network, a secret.
#[must_use]
pub fn is_key(text: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    !text.is_empty() && text.chars().all(letter)
}

/// Every mapping with keys of its own, by the way to it: `*` stands for names that a definition chooses, `[]` for items
/// of a list.
pub const RECORDS: &[(&str, &[&str])] = &[
    ("", File::KEYS),
    // Carried out before the rest is read.
    ("", &["include"]),
    ("include[].", super::loader::INCLUDE_KEYS),
    ("services.*.", &["extends"]),
    ("services.*.", Service::KEYS),
    ("services.*.blkio_config.", Blkio::KEYS),
    (
        "services.*.blkio_config.device_read_bps[].",
        DeviceRate::KEYS,
    ),
    (
        "services.*.blkio_config.device_read_iops[].",
        DeviceRate::KEYS,
    ),
    (
        "services.*.blkio_config.device_write_bps[].",
        DeviceRate::KEYS,
    ),
    (
        "services.*.blkio_config.device_write_iops[].",
        DeviceRate::KEYS,
    ),
    (
        "services.*.blkio_config.weight_device[].",
        device::DeviceWeight::KEYS,
    ),
    ("services.*.build.", Build::KEYS),
    ("services.*.build.secrets[].", file::Grant::KEYS),
    ("services.*.build.ulimits.*.", device::LongUlimit::KEYS),
    ("services.*.configs[].", file::Grant::KEYS),
    ("services.*.credential_spec.", service::CredentialSpec::KEYS),
    ("services.*.depends_on.*.", Dependency::KEYS),
    ("services.*.deploy.", Deploy::KEYS),
    ("services.*.deploy.placement.", Placement::KEYS),
    (
        "services.*.deploy.placement.preferences[].",
        deploy::Preference::KEYS,
    ),
    ("services.*.deploy.resources.", Resources::KEYS),
    ("services.*.deploy.resources.limits.", Limits::KEYS),
    (
        "services.*.deploy.resources.reservations.",
        Reservations::KEYS,
    ),
    (
        "services.*.deploy.resources.reservations.devices[].",
        DeviceRequest::KEYS,
    ),
    (
        "services.*.deploy.resources.reservations.generic_resources[].",
        deploy::GenericResource::KEYS,
    ),
    (
        "services.*.deploy.resources.reservations.generic_resources[].discrete_resource_spec.",
        deploy::Discrete::KEYS,
    ),
    ("services.*.deploy.restart_policy.", RestartPolicy::KEYS),
    ("services.*.deploy.rollback_config.", Update::KEYS),
    ("services.*.deploy.update_config.", Update::KEYS),
    ("services.*.develop.", Develop::KEYS),
    ("services.*.develop.watch[].", Watch::KEYS),
    ("services.*.develop.watch[].exec.", Hook::KEYS),
    ("services.*.devices[].", Device::KEYS),
    ("services.*.env_file[].", env_file::LongEnvFile::KEYS),
    ("services.*.extends.", super::loader::EXTENDS_KEYS),
    ("services.*.gpus[].", DeviceRequest::KEYS),
    ("services.*.healthcheck.", Healthcheck::KEYS),
    ("services.*.logging.", Logging::KEYS),
    ("services.*.models.*.", ModelUse::KEYS),
    ("services.*.networks.*.", Attachment::KEYS),
    ("services.*.ports[].", port::Long::KEYS),
    ("services.*.post_start[].", Hook::KEYS),
    ("services.*.pre_start[].", Hook::KEYS),
    ("services.*.pre_stop[].", Hook::KEYS),
    ("services.*.provider.", Provider::KEYS),
    ("services.*.secrets[].", file::Grant::KEYS),
    ("services.*.ulimits.*.", device::LongUlimit::KEYS),
    ("services.*.volumes[].", mount::Long::KEYS),
    ("services.*.volumes[].bind.", Bind::KEYS),
    ("services.*.volumes[].image.", mount::ImageOptions::KEYS),
    ("services.*.volumes[].tmpfs.", TmpfsOptions::KEYS),
    ("services.*.volumes[].volume.", VolumeOptions::KEYS),
    ("networks.*.", Network::KEYS),
    ("networks.*.ipam.", Ipam::KEYS),
    ("networks.*.ipam.config[].", Pool::KEYS),
    ("volumes.*.", Volume::KEYS),
    ("secrets.*.", Secret::KEYS),
    ("configs.*.", Config::KEYS),
    ("models.*.", Model::KEYS),
];
