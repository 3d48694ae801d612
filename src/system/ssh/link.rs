//! From a name to a session that is verified and logged in. Blocks; runs on the thread that will own the session.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use ssh_key::{HashAlg, PublicKey};

use super::config::{self, Settings};
use super::error::{Endpoint, HostKeyProblem, SshError};
use super::known_hosts::{KnownHosts, Verdict, lookup_name};
use super::{auth, connection::Options};
use crate::domain::cluster::SshTarget;

/// A session that is verified and logged in, in nonblocking mode.
pub(super) struct Link {
    pub(super) session: ssh2::Session,
    /// Its socket, to wait on.
    pub(super) socket: TcpStream,
    pub(super) endpoint: Endpoint,
    /// Who is logged in.
    pub(super) user: String,
}

/// Reaches a host.
pub(super) fn connect(target: &SshTarget, options: &Options) -> Result<Link, SshError> {
    let settings = config::ask(target, options.config.as_deref())?;
    let patience = settings.connect_timeout.unwrap_or(options.patience);
    let mut approach = Approach {
        endpoint: Endpoint {
            host: target.host.clone(),
            address: address(&settings.name, settings.port),
        },
        settings,
        patience,
        until: Instant::now() + patience,
    };
    let socket = approach.socket()?;
    approach.tune(&socket, options.silence)?;
    let known = approach.known_hosts()?;
    let session = approach.session(&socket, &known)?;
    approach.verify(&session, &known)?;
    approach.log_in(&session)?;
    session.set_timeout(0);
    session.set_blocking(false);
    Ok(Link {
        session,
        socket,
        endpoint: approach.endpoint,
        user: approach.settings.user,
    })
}

fn address(name: &str, port: u16) -> String {
    if name.contains(':') {
        format!("[{name}]:{port}")
    } else {
        format!("{name}:{port}")
    }
}

struct Approach {
    endpoint: Endpoint,
    settings: Settings,
    patience: Duration,
    until: Instant,
}

impl Approach {
    fn left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }

    fn late(&self, doing: &'static str) -> SshError {
        SshError::Timeout {
            endpoint: self.endpoint.clone(),
            doing,
            after: self.patience,
        }
    }

    fn socket(&self) -> Result<TcpStream, SshError> {
        let Settings { name, port, .. } = &self.settings;
        let resolve = |source| SshError::Resolve {
            host: self.endpoint.host.clone(),
            name: name.clone(),
            source,
        };
        let addresses: Vec<SocketAddr> = (name.as_str(), *port)
            .to_socket_addrs()
            .map_err(resolve)?
            .collect();
        let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for address in addresses {
            // A zero timeout is an error by itself.
            match TcpStream::connect_timeout(&address, self.left().max(Duration::from_millis(1))) {
                Ok(socket) => return Ok(socket),
                Err(error) => last = error,
            }
        }
        if last.kind() == io::ErrorKind::TimedOut {
            return Err(self.late("connect to"));
        }
        Err(SshError::Connect {
            endpoint: self.endpoint.clone(),
            source: last,
        })
    }

    /// Makes the kernel give up on a peer that acknowledges nothing (tcp(7), TCP_USER_TIMEOUT).
    fn tune(&self, socket: &TcpStream, silence: Duration) -> Result<(), SshError> {
        use rustix::net::sockopt;
        let milliseconds = u32::try_from(silence.as_millis()).unwrap_or(u32::MAX);
        socket
            .set_nodelay(true)
            .and_then(|()| Ok(sockopt::set_socket_keepalive(socket, true)?))
            .and_then(|()| Ok(sockopt::set_tcp_user_timeout(socket, milliseconds)?))
            .map_err(|source| SshError::Connect {
                endpoint: self.endpoint.clone(),
                source,
            })
    }

    fn known_hosts(&self) -> Result<KnownHosts, SshError> {
        let mut known = KnownHosts::default();
        for path in &self.settings.known_hosts {
            match fs::read(path) {
                Ok(bytes) => known.read(path, &String::from_utf8_lossy(&bytes)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => {
                    return Err(SshError::KnownHosts {
                        path: path.clone(),
                        source,
                    });
                }
            }
        }
        Ok(known)
    }

    fn lookup(&self) -> String {
        match &self.settings.alias {
            Some(alias) => alias.to_ascii_lowercase(),
            None => lookup_name(&self.settings.name, self.settings.port),
        }
    }

    fn session(&self, socket: &TcpStream, known: &KnownHosts) -> Result<ssh2::Session, SshError> {
        let wrong = |source| self.handshake_failed(source);
        let clone = socket.try_clone().map_err(|source| SshError::Local {
            host: self.endpoint.host.clone(),
            source,
        })?;
        let mut session = ssh2::Session::new().map_err(wrong)?;
        session.set_tcp_stream(clone);
        session.set_timeout(milliseconds(self.left()));
        let supported = session
            .supported_algs(ssh2::MethodType::HostKey)
            .map_err(wrong)?;
        let wanted = host_key_methods(&supported, &known.types(&self.lookup()));
        session
            .method_pref(ssh2::MethodType::HostKey, &wanted.join(","))
            .map_err(wrong)?;
        session.handshake().map_err(wrong)?;
        Ok(session)
    }

    fn handshake_failed(&self, source: ssh2::Error) -> SshError {
        if io::Error::from(ssh2::Error::from_errno(source.code())).kind() == io::ErrorKind::TimedOut
            || self.left().is_zero()
        {
            self.late("speak SSH with")
        } else {
            SshError::Handshake {
                endpoint: self.endpoint.clone(),
                source,
            }
        }
    }

    fn verify(&self, session: &ssh2::Session, known: &KnownHosts) -> Result<(), SshError> {
        let unreadable = || {
            self.handshake_failed(ssh2::Error::new(
                ssh2::ErrorCode::Session(libssh2_sys::LIBSSH2_ERROR_HOSTKEY_INIT),
                "the host key cannot be read",
            ))
        };
        let (blob, _) = session.host_key().ok_or_else(unreadable)?;
        let key = PublicKey::from_bytes(blob).map_err(|_| unreadable())?;
        let problem = |known| {
            Box::new(HostKeyProblem {
                endpoint: self.endpoint.clone(),
                lookup: self.lookup(),
                algorithm: key.algorithm().as_str().to_owned(),
                offered: key.fingerprint(HashAlg::Sha256).to_string(),
                known,
                files: self.settings.known_hosts.clone(),
            })
        };
        match known.judge(&self.lookup(), &key) {
            Verdict::Known => Ok(()),
            Verdict::Unknown { authorities } => Err(SshError::UnknownHostKey(problem(authorities))),
            Verdict::Other { known } => Err(SshError::WrongHostKey(problem(known))),
            Verdict::Revoked => Err(SshError::RevokedHostKey(problem(Vec::new()))),
        }
    }

    fn log_in(&mut self, session: &ssh2::Session) -> Result<(), SshError> {
        session.set_timeout(milliseconds(self.left().max(Duration::from_secs(1))));
        auth::log_in(session, &self.settings).map_err(|failure| match failure {
            Ok(broken) => SshError::Lost {
                endpoint: self.endpoint.clone(),
                doing: "log in to",
                source: Some(io::Error::other(broken)),
            },
            Err(tried) => SshError::Refused {
                endpoint: self.endpoint.clone(),
                user: self.settings.user.clone(),
                tried,
            },
        })
    }
}

/// libssh2 counts in milliseconds, and takes 0 for no limit.
fn milliseconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis())
        .unwrap_or(u32::MAX)
        .max(1)
}

/// Orders the host key methods: those that the known keys are of, then the others, so that a host is asked for the key
/// that can be verified. Certificates are left out, since libssh2 cannot verify them, and so is SHA-1.
fn host_key_methods<'m>(supported: &[&'m str], known: &[String]) -> Vec<&'m str> {
    let usable =
        |method: &&&str| !method.contains("-cert-") && !["ssh-rsa", "ssh-dss"].contains(*method);
    let is_known = |method: &str| {
        known
            .iter()
            .any(|known| known == method || (known == "ssh-rsa" && method.starts_with("rsa-sha2-")))
    };
    let (mut first, rest): (Vec<&str>, Vec<&str>) = supported
        .iter()
        .filter(usable)
        .partition(|method| is_known(method));
    first.extend(rest);
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asks_for_a_key_that_can_be_verified() {
        let supported = [
            "ssh-ed25519",
            "ssh-ed25519-cert-v01@openssh.com",
            "ecdsa-sha2-nistp256",
            "rsa-sha2-512",
            "rsa-sha2-256",
            "ssh-rsa",
        ];
        let plain = [
            "ssh-ed25519",
            "ecdsa-sha2-nistp256",
            "rsa-sha2-512",
            "rsa-sha2-256",
        ];
        assert_eq!(host_key_methods(&supported, &[]), plain);
        assert_eq!(
            host_key_methods(&supported, &["ssh-rsa".to_owned()]),
            [
                "rsa-sha2-512",
                "rsa-sha2-256",
                "ssh-ed25519",
                "ecdsa-sha2-nistp256"
            ]
        );
    }

    #[test]
    fn writes_an_address_as_a_person_would() {
        assert_eq!(address("10.0.0.1", 22), "10.0.0.1:22");
        assert_eq!(address("fe80::1", 22), "[fe80::1]:22");
    }
}
