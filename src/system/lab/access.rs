//! How this machine reaches the hosts of a lab: keys, `known_hosts` and `ssh_config` of the lab's own.
//!
//! The private key of a host is made here, put into its container and kept nowhere else.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use ssh_key::rand_core::OsRng;
use ssh_key::{Algorithm, HashAlg, LineEnding, PrivateKey, PublicKey};

use super::name::{MOST_HOSTS, host_name};
use super::{Lab, LabError, Subnet};

/// The file by which `ssh -F` knows the hosts.
pub(super) const CONFIG: &str = "ssh_config";
const CLIENT_KEY: &str = "id_ed25519";
const KNOWN_HOSTS: &str = "known_hosts";

/// What a new host is given so that it can be reached and recognised.
#[derive(Debug)]
pub(super) struct Identity {
    /// The host's private key in OpenSSH form.
    pub(super) host_key: String,
    /// The line for `authorized_keys`.
    pub(super) authorized: String,
}

impl Lab {
    /// Makes the client's key unless there is one.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn ensure_key(&self) -> Result<(), LabError> {
        make_folder(&self.folder)?;
        let path = self.folder.join(CLIENT_KEY);
        if !path.exists() {
            let (private, _) = new_key(&path, "longshore-lab")?;
            write(&path, 0o600, private.as_bytes())?;
        }
        Ok(())
    }

    /// Returns the fingerprint of the client's key, by which hosts of this lab are told from hosts whose keys are
    /// elsewhere. None if there is no key.
    ///
    /// # Errors
    ///
    /// If the key cannot be read.
    pub fn fingerprint(&self) -> Result<Option<String>, LabError> {
        if !self.folder.join(CLIENT_KEY).exists() {
            return Ok(None);
        }
        let key = self.client_key()?;
        Ok(Some(key.fingerprint(HashAlg::Sha256).to_string()))
    }

    /// Makes a host's key pair. The public half is kept here, for `known_hosts`.
    pub(super) fn new_identity(&self, number: u16) -> Result<Identity, LabError> {
        let path = self.host_key_path(number);
        let (host_key, public) = new_key(&path, host_name(number).as_str())?;
        write(&path, 0o600, public.as_bytes())?;
        let client = self.folder.join(CLIENT_KEY);
        let authorized = self
            .client_key()?
            .to_openssh()
            .map_err(LabError::key(&client))?;
        Ok(Identity {
            host_key,
            authorized: format!("{authorized}\n"),
        })
    }

    /// Tells whether the public key of a host is known here.
    pub(super) fn knows(&self, number: u16) -> bool {
        self.host_key_path(number).exists()
    }

    /// Writes `ssh_config` and `known_hosts` for all hosts whose keys are known here.
    ///
    /// # Errors
    ///
    /// If a file cannot be read or written.
    pub fn write_access(&self, subnet: Subnet) -> Result<(), LabError> {
        let mut hosts = Vec::new();
        for number in (1..=MOST_HOSTS).filter(|number| self.knows(*number)) {
            let path = self.host_key_path(number);
            let key = fs::read_to_string(&path).map_err(LabError::file(&path))?;
            hosts.push((number, key));
        }
        let known = known_hosts(&hosts, subnet);
        write(&self.folder.join(KNOWN_HOSTS), 0o600, known.as_bytes())?;
        let config = ssh_config(&hosts, subnet, &self.folder);
        write(&self.ssh_config(), 0o600, config.as_bytes())
    }

    fn client_key(&self) -> Result<PublicKey, LabError> {
        let path = self.folder.join(CLIENT_KEY);
        let text = fs::read_to_string(&path).map_err(LabError::file(&path))?;
        let key = PrivateKey::from_openssh(text).map_err(LabError::key(&path))?;
        Ok(key.public_key().clone())
    }

    fn host_key_path(&self, number: u16) -> PathBuf {
        self.folder.join(format!("{}.pub", host_name(number)))
    }
}

impl LabError {
    fn key(path: &Path) -> impl FnOnce(ssh_key::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Key { path, source }
    }
}

/// Makes a folder that only its owner may enter, and those above it.
pub(super) fn make_folder(path: &Path) -> Result<(), LabError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(LabError::file(path))
}

/// Writes a file so that a reader sees the old text or the new, never half of it.
fn write(path: &Path, mode: u32, content: &[u8]) -> Result<(), LabError> {
    let temporary = path.with_extension("new");
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(LabError::file(&temporary)(error));
        }
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(mode);
    options
        .open(&temporary)
        .and_then(|mut file| file.write_all(content))
        .and_then(|()| fs::rename(&temporary, path))
        .map_err(LabError::file(path))
}

/// Returns a new key pair in OpenSSH form, private and public.
fn new_key(path: &Path, comment: &str) -> Result<(String, String), LabError> {
    let make = || {
        let mut key = PrivateKey::random(&mut OsRng, Algorithm::Ed25519)?;
        key.set_comment(comment);
        let private = key.to_openssh(LineEnding::LF)?;
        Ok((private.to_string(), key.public_key().to_openssh()?))
    };
    make().map_err(LabError::key(path))
}

/// Returns the text of `known_hosts` (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT): each host by name and by address.
fn known_hosts(hosts: &[(u16, String)], subnet: Subnet) -> String {
    let line = |(number, key): &(u16, String)| {
        let (name, address) = (host_name(*number), subnet.host(*number));
        format!("{name},{address} {}\n", key.trim_end())
    };
    hosts.iter().map(line).collect()
}

/// Returns the text of `ssh_config` (ssh_config(5)).
fn ssh_config(hosts: &[(u16, String)], subnet: Subnet, folder: &Path) -> String {
    // A percent sign starts a token there, and a space ends an unquoted word.
    let file = |name: &str| {
        let path = folder.join(name).display().to_string().replace('%', "%%");
        format!("\"{path}\"")
    };
    let mut text = "# Written by `longshore lab up`, removed by `longshore lab down`.\n".to_owned();
    for (number, _) in hosts {
        let (name, address) = (host_name(*number), subnet.host(*number));
        text.push_str(&format!("Host {name}\n  HostName {address}\n"));
    }
    text.push_str(&format!(
        "Host *\n  User core\n  IdentityFile {}\n  IdentitiesOnly yes\n  IdentityAgent none\n  \
         UserKnownHostsFile {}\n  GlobalKnownHostsFile none\n  StrictHostKeyChecking yes\n  \
         PreferredAuthentications publickey\n  ConnectTimeout 10\n",
        file(CLIENT_KEY),
        file(KNOWN_HOSTS),
    ));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_known_by_name_and_address() {
        let hosts = [(1, "ssh-ed25519 AAAA lab-1\n".to_owned())];
        let subnet = Subnet::new(10, 213, 0);
        assert_eq!(
            known_hosts(&hosts, subnet),
            "lab-1,10.213.0.11 ssh-ed25519 AAAA lab-1\n"
        );
    }

    #[test]
    fn paths_in_the_configuration_are_words_without_tokens() {
        let hosts = [(2, String::new())];
        let text = ssh_config(&hosts, Subnet::new(10, 213, 0), Path::new("/a b/50%"));
        assert!(
            text.contains("Host lab-2\n  HostName 10.213.0.12\n"),
            "{text}"
        );
        assert!(
            text.contains("IdentityFile \"/a b/50%%/id_ed25519\"\n"),
            "{text}"
        );
    }
}
