//! A lab host's container: made, found, started, removed.

use std::collections::BTreeMap;

use bollard::body_full;
use bollard::models::{
    ContainerCreateBody, ContainerInspectResponse, ContainerStateStatusEnum, EndpointIpamConfig,
    EndpointSettings, HostConfig, HostConfigCgroupnsModeEnum, NetworkConnectRequest,
    NetworkingConfig, VolumeCreateRequest,
};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, InspectContainerOptions, ListContainersOptionsBuilder,
    ListVolumesOptionsBuilder, RemoveContainerOptionsBuilder, RemoveVolumeOptions,
    StartContainerOptions, UploadToContainerOptionsBuilder,
};

use super::access::Identity;
use super::name::host_name;
use super::network::not_found;
use super::{Image, LABEL, Lab, LabError, Subnet};

/// The label by which a host tells which client key it lets in.
const KEY_LABEL: &str = "dev.longshore.lab.key";
/// The label that holds a host's number.
const NUMBER_LABEL: &str = "dev.longshore.lab.host";

/// What systemd, Docker and Podman need beyond an ordinary container's capabilities.
const CAPABILITIES: &[&str] = &[
    "SYS_ADMIN",
    "NET_ADMIN",
    "NET_RAW",
    "SYS_PTRACE",
    "SYS_CHROOT",
    "MKNOD",
    "AUDIT_WRITE",
    "SETFCAP",
    "DAC_READ_SEARCH",
    "SYS_NICE",
    "SYSLOG",
    "AUDIT_CONTROL",
    "IPC_LOCK",
    "LINUX_IMMUTABLE",
    "SYS_TIME",
    "SYS_BOOT",
];

/// The folders that engines inside keep their things in. On the container's own layered file system they could not
/// make layers of their own.
const ENGINES: &[(&str, &str)] = &[
    ("docker", "/var/lib/docker"),
    ("podman", "/var/lib/containers"),
];

/// The user that the image makes.
const CORE: u64 = 1000;

/// What the engine knows of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostFacts {
    /// Its state.
    pub finding: Finding,
    /// The image it was made from.
    pub image: String,
}

/// How a host was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// It was made but never started.
    Created,
    /// It is stopped.
    Stopped,
    /// It runs, without a connection to the lab's network.
    Cut,
    /// It runs.
    Running,
}

impl Lab {
    /// Returns what is known of a host, if it is there.
    ///
    /// # Errors
    ///
    /// If its keys are not in this lab's folder, or the engine refuses.
    pub async fn find(&self, number: u16) -> Result<Option<HostFacts>, LabError> {
        let Some(found) = self.inspect(number).await? else {
            return Ok(None);
        };
        let finding = self.finding(&found);
        let config = found.config.unwrap_or_default();
        let labels = config.labels.unwrap_or_default();
        let ours = self
            .fingerprint()?
            .is_some_and(|key| labels.get(KEY_LABEL) == Some(&key));
        if !ours || (finding != Finding::Created && !self.knows(number)) {
            return Err(LabError::Foreign {
                container: self.name.container(number),
                folder: self.folder.clone(),
            });
        }
        Ok(Some(HostFacts {
            finding,
            image: config.image.unwrap_or_default(),
        }))
    }

    /// Tells whether a host's container runs.
    pub(super) async fn runs(&self, number: u16) -> Result<bool, LabError> {
        let found = self.inspect(number).await?;
        let finding = found.map(|found| self.finding(&found));
        Ok(matches!(finding, Some(Finding::Running | Finding::Cut)))
    }

    async fn inspect(&self, number: u16) -> Result<Option<ContainerInspectResponse>, LabError> {
        let container = self.name.container(number);
        let found = self
            .engine
            .inspect_container(&container, None::<InspectContainerOptions>)
            .await;
        match found {
            Ok(found) => Ok(Some(found)),
            Err(error) if not_found(&error) => Ok(None),
            Err(error) => Err(LabError::effect(format!("inspect {container}"))(error)),
        }
    }

    fn finding(&self, found: &ContainerInspectResponse) -> Finding {
        let networks = found.network_settings.as_ref();
        let networks = networks.and_then(|settings| settings.networks.as_ref());
        let connected = networks.is_some_and(|all| all.contains_key(&self.name.network()));
        let status = found.state.as_ref().and_then(|state| state.status);
        if status == Some(ContainerStateStatusEnum::CREATED) {
            Finding::Created
        } else if status != Some(ContainerStateStatusEnum::RUNNING) {
            Finding::Stopped
        } else if connected {
            Finding::Running
        } else {
            Finding::Cut
        }
    }

    /// Returns the numbers of the hosts that there are, in order.
    ///
    /// # Errors
    ///
    /// If the engine refuses.
    pub async fn numbers(&self) -> Result<Vec<u16>, LabError> {
        Ok(self.containers().await?.into_keys().collect())
    }

    /// Makes a host. It is not started yet, and knows no keys.
    ///
    /// # Errors
    ///
    /// If the lab's key cannot be read, or the engine refuses.
    pub async fn create(&self, number: u16, image: &Image, subnet: Subnet) -> Result<(), LabError> {
        for (engine, _) in ENGINES {
            let name = self.name.volume(number, engine);
            let volume = VolumeCreateRequest {
                name: Some(name.clone()),
                labels: Some([(LABEL.to_owned(), self.name.to_string())].into()),
                ..VolumeCreateRequest::default()
            };
            let made = self.engine.create_volume(volume).await;
            made.map_err(LabError::effect(format!("make volume {name}")))?;
        }
        let container = self.name.container(number);
        let options = CreateContainerOptionsBuilder::default()
            .name(&container)
            .build();
        let labels = [
            (LABEL.to_owned(), self.name.to_string()),
            (NUMBER_LABEL.to_owned(), number.to_string()),
            (
                KEY_LABEL.to_owned(),
                self.fingerprint()?.unwrap_or_default(),
            ),
        ];
        let body = ContainerCreateBody {
            hostname: Some(host_name(number).to_string()),
            image: Some(image.reference().to_owned()),
            labels: Some(labels.into()),
            host_config: Some(self.host_config(number)),
            networking_config: Some(NetworkingConfig {
                endpoints_config: Some([(self.name.network(), endpoint(number, subnet))].into()),
            }),
            ..ContainerCreateBody::default()
        };
        let made = self.engine.create_container(Some(options), body).await;
        made.map(drop)
            .map_err(LabError::effect(format!("make container {container}")))
    }

    /// Gives a host that was never started a key of its own, and lets the lab's key in.
    ///
    /// # Errors
    ///
    /// If the keys cannot be made, or the engine refuses.
    pub async fn furnish(&self, number: u16) -> Result<(), LabError> {
        let identity = self.new_identity(number)?;
        let container = self.name.container(number);
        let options = UploadToContainerOptionsBuilder::default().path("/").build();
        let archive = body_full(furniture(&identity).into());
        self.engine
            .upload_to_container(&container, Some(options), archive)
            .await
            .map_err(LabError::effect(format!("write keys into {container}")))
    }

    /// Starts a host.
    ///
    /// # Errors
    ///
    /// If the engine refuses.
    pub async fn start(&self, number: u16) -> Result<(), LabError> {
        let container = self.name.container(number);
        self.engine
            .start_container(&container, None::<StartContainerOptions>)
            .await
            .map_err(LabError::effect(format!("start {container}")))
    }

    /// Connects a host to the lab's network at its own address.
    ///
    /// # Errors
    ///
    /// If the engine refuses.
    pub async fn plug_in(&self, number: u16, subnet: Subnet) -> Result<(), LabError> {
        let container = self.name.container(number);
        let request = NetworkConnectRequest {
            container: container.clone(),
            endpoint_config: Some(endpoint(number, subnet)),
        };
        self.engine
            .connect_network(&self.name.network(), request)
            .await
            .map_err(LabError::effect(format!("connect {container}")))
    }

    /// Removes a host with everything in it.
    ///
    /// # Errors
    ///
    /// If the engine refuses. One that is gone already is no error.
    pub async fn remove(&self, number: u16) -> Result<(), LabError> {
        let container = self.name.container(number);
        let options = RemoveContainerOptionsBuilder::default()
            .force(true)
            .v(true)
            .build();
        match self
            .engine
            .remove_container(&container, Some(options))
            .await
        {
            Err(error) if !not_found(&error) => {
                Err(LabError::effect(format!("remove {container}"))(error))
            }
            _ => Ok(()),
        }
    }

    /// Removes the volumes of all hosts, which have to be gone.
    ///
    /// # Errors
    ///
    /// If the engine refuses.
    pub async fn remove_volumes(&self) -> Result<(), LabError> {
        let filters = [("label".to_owned(), vec![format!("{LABEL}={}", self.name)])].into();
        let options = ListVolumesOptionsBuilder::default()
            .filters(&filters)
            .build();
        let found = self.engine.list_volumes(Some(options)).await;
        let found = found.map_err(LabError::effect("list the lab's volumes"))?;
        for volume in found.volumes.unwrap_or_default() {
            self.engine
                .remove_volume(&volume.name, None::<RemoveVolumeOptions>)
                .await
                .map_err(LabError::effect(format!("remove volume {}", volume.name)))?;
        }
        Ok(())
    }

    async fn containers(&self) -> Result<BTreeMap<u16, String>, LabError> {
        let filters = [("label".to_owned(), vec![format!("{LABEL}={}", self.name)])].into();
        let options = ListContainersOptionsBuilder::default()
            .all(true)
            .filters(&filters)
            .build();
        let found = self.engine.list_containers(Some(options)).await;
        let found = found.map_err(LabError::effect("list the lab's containers"))?;
        let hosts = found.into_iter().filter_map(|container| {
            let number = container.labels?.get(NUMBER_LABEL)?.parse().ok()?;
            Some((number, container.id?))
        });
        Ok(hosts.collect())
    }

    fn host_config(&self, number: u16) -> HostConfig {
        let unconfined = ["seccomp=unconfined", "apparmor=unconfined"];
        let volumes = ENGINES
            .iter()
            .map(|(engine, path)| format!("{}:{path}", self.name.volume(number, engine)));
        let tmpfs = [
            ("/run", "rw,exec,nosuid,nodev,mode=755"),
            ("/run/lock", "rw,noexec,nosuid,nodev"),
            ("/tmp", "rw,exec,nosuid,nodev,mode=1777"),
        ];
        HostConfig {
            binds: Some(volumes.collect()),
            cap_add: Some(CAPABILITIES.iter().map(|&name| name.to_owned()).collect()),
            cgroupns_mode: Some(HostConfigCgroupnsModeEnum::PRIVATE),
            // What `--security-opt systempaths=unconfined` stands for.
            masked_paths: Some(Vec::new()),
            readonly_paths: Some(Vec::new()),
            network_mode: Some(self.name.network()),
            security_opt: Some(unconfined.map(str::to_owned).to_vec()),
            tmpfs: Some(
                tmpfs
                    .map(|(path, options)| (path.to_owned(), options.to_owned()))
                    .into(),
            ),
            ..HostConfig::default()
        }
    }
}

fn endpoint(number: u16, subnet: Subnet) -> EndpointSettings {
    EndpointSettings {
        aliases: Some(vec![host_name(number).to_string()]),
        ipam_config: Some(EndpointIpamConfig {
            ipv4_address: Some(subnet.host(number).to_string()),
            ..EndpointIpamConfig::default()
        }),
        ..EndpointSettings::default()
    }
}

/// Returns the archive of the files that make a host one of a kind.
fn furniture(identity: &Identity) -> Vec<u8> {
    let files = [
        ("etc/ssh/ssh_host_ed25519_key", &identity.host_key, 0),
        ("home/core/.ssh/authorized_keys", &identity.authorized, CORE),
    ];
    let mut archive = tar::Builder::new(Vec::new());
    for (path, content, owner) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o600);
        header.set_uid(owner);
        header.set_gid(owner);
        archive
            .append_data(&mut header, path, content.as_bytes())
            .expect("a short name goes into an archive in memory");
    }
    archive
        .into_inner()
        .expect("an archive in memory can be ended")
}
