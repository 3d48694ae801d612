//! Logging in with a key: the agent's, then identity files. A key that was refused is not offered again.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ssh_key::{HashAlg, PrivateKey, PublicKey};

use super::config::{Agent, Settings};

/// How often a key may be offered. sshd ends the connection after `MaxAuthTries`, 6 unless set.
const MOST_OFFERS: usize = 5;

/// Logs in.
///
/// # Errors
///
/// What was tried and what was left out, one reason each; `Err(Ok(_))` if the connection broke.
pub(super) fn log_in(
    session: &ssh2::Session,
    settings: &Settings,
) -> Result<(), Result<ssh2::Error, Vec<String>>> {
    let mut attempt = Attempt {
        session,
        settings,
        offered: BTreeSet::new(),
        tried: Vec::new(),
    };
    if attempt.with_agent().map_err(Ok)? || attempt.with_files().map_err(Ok)? {
        Ok(())
    } else {
        Err(Err(attempt.tried))
    }
}

struct Attempt<'a> {
    session: &'a ssh2::Session,
    settings: &'a Settings,
    /// Public keys that were offered, in the wire format.
    offered: BTreeSet<Vec<u8>>,
    tried: Vec<String>,
}

impl Attempt<'_> {
    fn with_agent(&mut self) -> Result<bool, ssh2::Error> {
        let Ok(mut agent) = self.session.agent() else {
            return Ok(false);
        };
        match &self.settings.agent {
            Agent::None => return Ok(false),
            Agent::Environment if std::env::var_os("SSH_AUTH_SOCK").is_none() => return Ok(false),
            Agent::Environment => {}
            Agent::Socket(path) => agent.set_identity_path(path)?,
        }
        if let Err(error) = agent.connect().and_then(|()| agent.list_identities()) {
            self.tried
                .push(format!("the agent does not answer: {error}"));
            return Ok(false);
        }
        let configured: Vec<Vec<u8>> = self
            .settings
            .identities
            .iter()
            .filter_map(|file| public_of(file))
            .collect();
        let mut identities = agent.identities()?;
        identities.sort_by_key(|identity| {
            configured
                .iter()
                .position(|key| key == identity.blob())
                .unwrap_or(usize::MAX)
        });
        for identity in identities {
            if self.settings.identities_only && !configured.iter().any(|key| key == identity.blob())
            {
                continue;
            }
            let name = format!("{} (agent)", describe(identity.blob(), identity.comment()));
            if !self.may_offer(identity.blob(), &name) {
                continue;
            }
            let result = agent.userauth(&self.settings.user, &identity);
            if self.took(result, name)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn with_files(&mut self) -> Result<bool, ssh2::Error> {
        let settings = self.settings;
        for file in &settings.identities {
            let text = match fs::read_to_string(file) {
                Ok(text) => text,
                // ssh -G lists every default name, whether it is there or not.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => {
                    self.tried
                        .push(format!("{} cannot be read: {error}", file.display()));
                    continue;
                }
            };
            let public = public_of(file).unwrap_or_default();
            if !public.is_empty() && self.offered.contains(&public) {
                continue;
            }
            if is_encrypted(&text) {
                self.tried.push(format!(
                    "{} is encrypted: load it into the agent with `ssh-add {0}`",
                    file.display()
                ));
                continue;
            }
            let name = file.display().to_string();
            if !self.may_offer(&public, &name) {
                continue;
            }
            let result = self
                .session
                .userauth_pubkey_memory(&settings.user, None, &text, None);
            if self.took(result, name)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn may_offer(&mut self, public: &[u8], name: &str) -> bool {
        if self.offered.len() >= MOST_OFFERS {
            self.tried.push(format!("{name} was not offered: a host takes only so many; set IdentityFile and `IdentitiesOnly yes`"));
            return false;
        }
        let mut known = public.to_vec();
        if known.is_empty() {
            known = name.as_bytes().to_vec();
        }
        self.offered.insert(known)
    }

    fn took(&mut self, result: Result<(), ssh2::Error>, name: String) -> Result<bool, ssh2::Error> {
        match result {
            Ok(()) => Ok(self.session.authenticated()),
            Err(error) if breaks(&error) => Err(error),
            Err(error) => {
                self.tried.push(format!("{name}: {}", error.message()));
                Ok(false)
            }
        }
    }
}

/// Tells whether an error ends the session, not only this attempt.
fn breaks(error: &ssh2::Error) -> bool {
    use libssh2_sys as raw;
    let ssh2::ErrorCode::Session(code) = error.code() else {
        return false;
    };
    [
        raw::LIBSSH2_ERROR_SOCKET_SEND,
        raw::LIBSSH2_ERROR_SOCKET_RECV,
        raw::LIBSSH2_ERROR_SOCKET_DISCONNECT,
        raw::LIBSSH2_ERROR_TIMEOUT,
        raw::LIBSSH2_ERROR_SOCKET_TIMEOUT,
    ]
    .contains(&code)
}

/// Reads the public half of an identity file: from `FILE.pub`, else from the key itself where its format shows it.
fn public_of(file: &Path) -> Option<Vec<u8>> {
    let mut beside = file.as_os_str().to_owned();
    beside.push(".pub");
    let public = fs::read_to_string(PathBuf::from(beside))
        .ok()
        .and_then(|text| text.parse::<PublicKey>().ok())
        .or_else(|| {
            let text = fs::read_to_string(file).ok()?;
            Some(PrivateKey::from_openssh(&text).ok()?.public_key().clone())
        })?;
    public.to_bytes().ok()
}

fn is_encrypted(text: &str) -> bool {
    match PrivateKey::from_openssh(text) {
        Ok(key) => key.is_encrypted(),
        Err(_) => {
            text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED")
        }
    }
}

fn describe(blob: &[u8], comment: &str) -> String {
    match PublicKey::from_bytes(blob) {
        Ok(key) => format!(
            "{} {} {comment}",
            key.algorithm(),
            key.fingerprint(HashAlg::Sha256)
        ),
        Err(_) => comment.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_an_encrypted_key_in_each_format() {
        assert!(is_encrypted("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"));
        assert!(is_encrypted(
            "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n"
        ));
        assert!(!is_encrypted("-----BEGIN RSA PRIVATE KEY-----\nMII\n"));
        let plain = PrivateKey::random(&mut ssh_key::rand_core::OsRng, ssh_key::Algorithm::Ed25519)
            .unwrap();
        assert!(!is_encrypted(
            &plain.to_openssh(ssh_key::LineEnding::LF).unwrap()
        ));
    }
}
