//! Why a host could not be reached or a command not be run there, by kind.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::domain::failure::{Explain, Kind};
use crate::domain::name::HostName;

/// A host and the address it was, or would be, reached at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The host as the definition names it.
    pub host: HostName,
    /// `address:port`.
    pub address: String,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.host, self.address)
    }
}

/// What is wrong with a host's key.
#[derive(Debug)]
pub struct HostKeyProblem {
    /// The host.
    pub endpoint: Endpoint,
    /// The name that `known_hosts` was searched for, `[name]:port` unless the port is 22.
    pub lookup: String,
    /// The offered key's type, for example `ssh-ed25519`.
    pub algorithm: String,
    /// The offered key's fingerprint, `SHA256:…`.
    pub offered: String,
    /// Keys known for the name, each as `TYPE SHA256:… (FILE:LINE)`.
    pub known: Vec<String>,
    /// The files that were searched; the first is where a person adds keys.
    pub files: Vec<PathBuf>,
}

/// Why a host could not be reached or a command not be run there.
#[derive(Debug, thiserror::Error)]
pub enum SshError {
    /// `ssh -G` could not be run.
    #[error("ask `ssh -G` how to reach {host}")]
    Configuration {
        /// The host.
        host: HostName,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// `ssh -G` found the configuration wrong.
    #[error("ask `ssh -G` how to reach {host}: {stderr}")]
    ConfigurationRefused {
        /// The host.
        host: HostName,
        /// What `ssh` says.
        stderr: String,
    },
    /// The configuration wants something that is not there yet.
    #[error("reach {host}: its ssh configuration sets {option}, which longshore does not support")]
    Unsupported {
        /// The host.
        host: HostName,
        /// The option of ssh_config(5).
        option: &'static str,
    },
    /// The name has no address.
    #[error("find the address of {host} ({name})")]
    Resolve {
        /// The host.
        host: HostName,
        /// The name asked for.
        name: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Nothing listens there, or there is no way to it.
    #[error("connect to {endpoint}")]
    Connect {
        /// The host.
        endpoint: Endpoint,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It did not answer in time.
    #[error("{doing} {endpoint}: no answer within {} s", .after.as_secs_f32())]
    Timeout {
        /// The host.
        endpoint: Endpoint,
        /// What was tried, for example `connect to`.
        doing: &'static str,
        /// How long was waited.
        after: Duration,
    },
    /// What answers does not speak SSH as it should.
    #[error("agree with {endpoint} on how to speak SSH")]
    Handshake {
        /// The host.
        endpoint: Endpoint,
        /// Why.
        #[source]
        source: ssh2::Error,
    },
    /// A `known_hosts` file is there and cannot be read.
    #[error("read {}", .path.display())]
    KnownHosts {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// No key is known for the host.
    #[error("verify {}: its host key is unknown ({} {})", .0.endpoint, .0.algorithm, .0.offered)]
    UnknownHostKey(Box<HostKeyProblem>),
    /// Another key is known for the host.
    #[error(
        "verify {}: ITS HOST KEY IS NOT THE ONE KNOWN, somebody may be answering in its place\noffered: {} {}\nknown:   {}",
        .0.endpoint, .0.algorithm, .0.offered, .0.known.join("\n         ")
    )]
    WrongHostKey(Box<HostKeyProblem>),
    /// The host's key is marked `@revoked`.
    #[error("verify {}: ITS HOST KEY IS REVOKED ({} {})", .0.endpoint, .0.algorithm, .0.offered)]
    RevokedHostKey(Box<HostKeyProblem>),
    /// It took none of the keys.
    #[error("log in to {endpoint} as {user}: {}", list(.tried))]
    Refused {
        /// The host.
        endpoint: Endpoint,
        /// The user.
        user: String,
        /// What was tried and what was left out, one reason each.
        tried: Vec<String>,
    },
    /// The connection broke.
    #[error("{doing} {endpoint}: the connection was lost")]
    Lost {
        /// The host.
        endpoint: Endpoint,
        /// What was under way, for example `run a command on`.
        doing: &'static str,
        /// Why, where it is known.
        #[source]
        source: Option<io::Error>,
    },
    /// The command did not end in time, and was left alone.
    #[error("run a command on {endpoint}: not done within {} s", .after.as_secs())]
    Deadline {
        /// The host.
        endpoint: Endpoint,
        /// How long was waited.
        after: Duration,
    },
    /// The host did not open what was asked for.
    #[error("{doing} {endpoint}: the host refused")]
    Denied {
        /// The host.
        endpoint: Endpoint,
        /// What was asked for.
        doing: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The command printed more than is taken.
    #[error("run a command on {endpoint}: it printed more than {limit} bytes")]
    TooMuch {
        /// The host.
        endpoint: Endpoint,
        /// How much is taken.
        limit: usize,
    },
    /// This machine has no thread or socket left.
    #[error("prepare a connection to {host}")]
    Local {
        /// The host.
        host: HostName,
        /// Why.
        #[source]
        source: io::Error,
    },
}

fn list(tried: &[String]) -> String {
    if tried.is_empty() {
        "there is no key to try".to_owned()
    } else {
        format!(
            "it takes none of the keys\ntried: {}",
            tried.join("\n       ")
        )
    }
}

impl Explain for SshError {
    fn kind(&self) -> Kind {
        match self {
            Self::ConfigurationRefused { .. } | Self::Unsupported { .. } => Kind::Invalid,
            Self::Configuration { .. }
            | Self::Resolve { .. }
            | Self::Connect { .. }
            | Self::Timeout { .. }
            | Self::Handshake { .. }
            | Self::KnownHosts { .. }
            | Self::UnknownHostKey(_)
            | Self::WrongHostKey(_)
            | Self::RevokedHostKey(_)
            | Self::Refused { .. }
            | Self::Lost { .. }
            | Self::Denied { .. }
            | Self::Local { .. } => Kind::Unreachable,
            Self::Deadline { .. } | Self::TooMuch { .. } => Kind::Failed,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Configuration { .. } => {
                vec!["install the OpenSSH client, so that `ssh` is on the PATH".to_owned()]
            }
            Self::ConfigurationRefused { host, .. } => {
                vec![format!(
                    "run `ssh -G {host}` and correct what it complains about"
                )]
            }
            Self::Unsupported { host, option } => vec![format!(
                "give {host} an entry in ~/.ssh/config with `{option} none` and an address that this machine reaches directly"
            )],
            Self::Resolve { host, .. } => vec![format!(
                "check the spelling of {host}, or give it a HostName in ~/.ssh/config"
            )],
            Self::Connect { endpoint, .. } | Self::Timeout { endpoint, .. } => vec![format!(
                "check that {} is up and that `ssh {}` works from here",
                endpoint.address, endpoint.host
            )],
            Self::Handshake { endpoint, .. } => vec![format!(
                "check with `ssh -v {}` that an SSH server answers at {}",
                endpoint.host, endpoint.address
            )],
            Self::KnownHosts { path, .. } => {
                vec![format!("make {} readable, or remove it", path.display())]
            }
            Self::UnknownHostKey(problem) => problem.how_to_add(),
            Self::WrongHostKey(problem) => problem.how_to_replace(),
            Self::RevokedHostKey(problem) => vec![format!(
                "find out why the key of {} was revoked, and give the host a new one",
                problem.endpoint.host
            )],
            Self::Refused { endpoint, user, .. } => vec![
                format!(
                    "load the right key with `ssh-add`, or name it as IdentityFile for {} in ~/.ssh/config",
                    endpoint.host
                ),
                format!(
                    "check that `ssh {user}@{}` logs in without a password",
                    endpoint.host
                ),
            ],
            Self::Lost { endpoint, .. } => vec![format!(
                "check that {} is up, then run the same command again",
                endpoint.host
            )],
            Self::Deadline { endpoint, .. } | Self::TooMuch { endpoint, .. } => {
                vec![format!(
                    "look at what keeps {} with `ssh {0}`",
                    endpoint.host
                )]
            }
            Self::Denied { endpoint, .. } => vec![format!(
                "check MaxSessions and AllowTcpForwarding in the sshd_config of {}",
                endpoint.host
            )],
            Self::Local { .. } => vec!["check `ulimit -a` on this machine".to_owned()],
        }
    }
}

impl HostKeyProblem {
    fn how_to_add(&self) -> Vec<String> {
        let file = self.first_file();
        let mut hints = vec![
            format!(
                "ask whoever runs {} whether its key is {}; on the host, `ssh-keygen -lf /etc/ssh/ssh_host_{}_key.pub` tells",
                self.endpoint.host,
                self.offered,
                self.short_algorithm()
            ),
            format!("if it is, run `{} >> {file}`", self.keyscan()),
        ];
        if !self.known.is_empty() {
            hints.push(format!(
                "what is known there does not count: {}",
                self.known.join(", ")
            ));
        }
        hints
    }

    fn how_to_replace(&self) -> Vec<String> {
        vec![
            format!(
                "do not go on before whoever runs {} says that its key changed",
                self.endpoint.host
            ),
            format!(
                "if it did, run `ssh-keygen -R '{}' -f {}` and add the new key with `{} >> {1}`",
                self.lookup,
                self.first_file(),
                self.keyscan()
            ),
        ]
    }

    fn first_file(&self) -> String {
        self.files.first().map_or_else(
            || "~/.ssh/known_hosts".to_owned(),
            |file| file.display().to_string(),
        )
    }

    fn keyscan(&self) -> String {
        let (host, port) = self
            .endpoint
            .address
            .rsplit_once(':')
            .unwrap_or((self.endpoint.address.as_str(), "22"));
        let host = host.trim_matches(['[', ']']);
        let port = if port == "22" {
            String::new()
        } else {
            format!(" -p {port}")
        };
        let scan = format!("ssh-keyscan -t {}{port} {host}", self.short_algorithm());
        if self.lookup == host || self.lookup.starts_with('[') {
            scan
        } else {
            // Under a HostKeyAlias, or in another spelling, the name has to be the one that is looked up.
            format!("{scan} | sed 's/^[^ ]*/{}/'", self.lookup)
        }
    }

    fn short_algorithm(&self) -> &str {
        match self.algorithm.as_str() {
            "ssh-ed25519" => "ed25519",
            "ssh-rsa" => "rsa",
            ecdsa if ecdsa.starts_with("ecdsa-") => "ecdsa",
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(address: &str, lookup: &str) -> HostKeyProblem {
        HostKeyProblem {
            endpoint: Endpoint {
                host: "web".parse().unwrap(),
                address: address.to_owned(),
            },
            lookup: lookup.to_owned(),
            algorithm: "ssh-ed25519".to_owned(),
            offered: "SHA256:new".to_owned(),
            known: vec!["ssh-ed25519 SHA256:old (kh:1)".to_owned()],
            files: vec!["/home/a/.ssh/known_hosts".into()],
        }
    }

    #[test]
    fn hints_can_be_typed() {
        let keyscan = |address, lookup| problem(address, lookup).keyscan();
        assert_eq!(
            keyscan("10.0.0.1:22", "10.0.0.1"),
            "ssh-keyscan -t ed25519 10.0.0.1"
        );
        assert_eq!(
            keyscan("10.0.0.1:2222", "[10.0.0.1]:2222"),
            "ssh-keyscan -t ed25519 -p 2222 10.0.0.1"
        );
        assert_eq!(
            keyscan("[fe80::1]:22", "fe80::1"),
            "ssh-keyscan -t ed25519 fe80::1"
        );
        assert_eq!(
            keyscan("10.0.0.1:22", "web"),
            "ssh-keyscan -t ed25519 10.0.0.1 | sed 's/^[^ ]*/web/'"
        );
    }

    #[test]
    fn a_wrong_key_is_told_loudly_with_both_fingerprints() {
        let error = SshError::WrongHostKey(Box::new(problem("10.0.0.1:22", "10.0.0.1")));
        let text = error.to_string();
        assert!(
            text.contains("NOT THE ONE KNOWN")
                && text.contains("SHA256:new")
                && text.contains("SHA256:old"),
            "{text}"
        );
        let hints = error.hints();
        assert!(
            hints[1].contains("ssh-keygen -R '10.0.0.1' -f /home/a/.ssh/known_hosts"),
            "{hints:?}"
        );
        assert_eq!(error.kind(), Kind::Unreachable);
    }
}
