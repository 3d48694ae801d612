//! Where a container engine is, as `DOCKER_HOST` and `engines:` say it.

use std::fmt;
use std::str::FromStr;

use super::SshTarget;

/// Where a container engine is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EngineAddress {
    /// At a unix socket of this machine: `unix:///var/run/docker.sock`.
    Unix {
        /// The socket's path.
        socket: String,
    },
    /// At a TCP port: `tcp://host:port`.
    Tcp {
        /// Its name or address; an IPv6 address is in brackets.
        host: String,
        /// The port, if it is not the usual one: 2375, or 2376 with TLS.
        port: Option<u16>,
        /// Whether TLS is asked for by the address itself: `https://host:port`.
        secured: bool,
    },
    /// Behind SSH: `ssh://[user@]host[:port][/path/to/socket]`.
    Ssh {
        /// The host, as ssh knows it.
        target: SshTarget,
        /// The socket there, if it is not the usual one.
        socket: Option<String>,
    },
}

/// An engine that builds and tests, as `engines:` names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineEntry {
    /// What it is called: its key, or its address in a list.
    pub name: String,
    /// Where it is.
    pub address: EngineAddress,
    /// How much runs on it at a time; as much as `--jobs` says unless said.
    pub jobs: Option<u16>,
    /// What it has to run, `linux/amd64`; whatever it does unless said.
    pub platform: Option<String>,
}

/// What stands in place of a login.
const HIDDEN: &str = "…@";

/// A text that names no engine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no engine address that can be used: {why}")]
pub struct EngineAddressError {
    /// As written, without a password.
    pub text: String,
    /// Why not.
    pub why: String,
}

impl EngineAddressError {
    /// Says what an address looks like.
    pub const FORMS: &str = "use unix:///path/to/socket, tcp://host:port or ssh://user@host";
}

impl FromStr for EngineAddress {
    type Err = EngineAddressError;

    fn from_str(text: &str) -> Result<Self, EngineAddressError> {
        let wrong = |why: &str| EngineAddressError {
            text: without_password(text),
            why: why.to_owned(),
        };
        let (scheme, rest) = text
            .split_once("://")
            .ok_or_else(|| wrong("it has no scheme"))?;
        match scheme {
            "unix" if rest.starts_with('/') => Ok(Self::Unix {
                socket: rest.to_owned(),
            }),
            "unix" => Err(wrong("the socket's path has to begin with `/`")),
            "tcp" | "http" => tcp(rest, false).map_err(|why| wrong(&why)),
            "https" => tcp(rest, true).map_err(|why| wrong(&why)),
            "ssh" => ssh(rest).map_err(|why| wrong(&why)),
            "npipe" => Err(wrong("named pipes are Windows' own")),
            "fd" => Err(wrong("that is how an engine is started, not reached")),
            _ => Err(wrong("only unix, tcp and ssh are supported")),
        }
    }
}

fn tcp(rest: &str, secured: bool) -> Result<EngineAddress, String> {
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    if rest.contains(['/', '?', '#', '@']) {
        return Err("it has more than a host and a port".to_owned());
    }
    let bracketed = rest.rfind(']').map_or(0, |end| end + 1);
    let (host, port) = match rest[bracketed..].split_once(':') {
        Some((before, port)) => (&rest[..bracketed + before.len()], Some(port)),
        None => (rest, None),
    };
    if host.is_empty() || host.contains(char::is_whitespace) {
        return Err("it names no host".to_owned());
    }
    let port = port
        .map(|port| port.parse().ok().filter(|port| *port != 0))
        .map_or(Ok(None), |port: Option<u16>| port.map(Some).ok_or(()))
        .map_err(|()| "its port is none".to_owned())?;
    Ok(EngineAddress::Tcp {
        host: host.to_owned(),
        port,
        secured,
    })
}

fn ssh(rest: &str) -> Result<EngineAddress, String> {
    let (target, socket) = match rest.split_once('/') {
        Some((target, "")) => (target, None),
        Some((target, path)) => (target, Some(format!("/{path}"))),
        None => (rest, None),
    };
    if target
        .rsplit_once('@')
        .is_some_and(|(user, _)| user.contains(':'))
    {
        return Err("a password has no place in it: use a key".to_owned());
    }
    let target = target
        .parse()
        .map_err(|_| "it is not ssh://[user@]host[:port][/path/to/socket]".to_owned())?;
    Ok(EngineAddress::Ssh { target, socket })
}

/// Leaves out what stands before an `@`, where a password or a token may be.
fn without_password(text: &str) -> String {
    let Some((before, after)) = text.rsplit_once('@') else {
        return text.to_owned();
    };
    match before.split_once("://") {
        Some(("ssh", user)) if !user.contains(':') => text.to_owned(),
        Some((scheme, _)) => format!("{scheme}://{HIDDEN}{after}"),
        None => format!("{HIDDEN}{after}"),
    }
}

impl fmt::Display for EngineAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix { socket } => write!(f, "unix://{socket}"),
            Self::Tcp {
                host,
                port,
                secured,
            } => {
                let scheme = if *secured { "https" } else { "tcp" };
                write!(f, "{scheme}://{host}")?;
                port.map_or(Ok(()), |port| write!(f, ":{port}"))
            }
            Self::Ssh { target, socket } => {
                write!(f, "ssh://{target}{}", socket.as_deref().unwrap_or_default())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written() {
        for text in [
            "unix:///var/run/docker.sock",
            "tcp://10.0.0.1:2375",
            "tcp://builder",
            "tcp://[::1]:2376",
            "https://builder:2376",
            "ssh://core@lab-1",
            "ssh://lab-1:2222",
            "ssh://core@lab-1/run/podman/podman.sock",
        ] {
            let address: EngineAddress = text.parse().unwrap();
            assert_eq!(address.to_string(), text);
        }
        let slash: EngineAddress = "tcp://10.0.0.1:2375/".parse().unwrap();
        assert_eq!(slash.to_string(), "tcp://10.0.0.1:2375");
        let ipv6: EngineAddress = "tcp://[::1]".parse().unwrap();
        assert_eq!(
            ipv6,
            EngineAddress::Tcp {
                host: "[::1]".to_owned(),
                port: None,
                secured: false
            }
        );
    }

    #[test]
    fn an_address_that_cannot_be_used_says_why() {
        for (address, why) in [
            ("docker.sock", "it has no scheme"),
            (
                "unix://docker.sock",
                "the socket's path has to begin with `/`",
            ),
            (
                "npipe:////./pipe/docker_engine",
                "named pipes are Windows' own",
            ),
            ("fd://", "that is how an engine is started, not reached"),
            ("quic://a", "only unix, tcp and ssh are supported"),
            ("tcp://", "it names no host"),
            ("tcp://:2375", "it names no host"),
            ("tcp://a:0", "its port is none"),
            ("tcp://a:http", "its port is none"),
            ("tcp://a:1/base", "it has more than a host and a port"),
            (
                "ssh://-oProxyCommand=x",
                "it is not ssh://[user@]host[:port][/path/to/socket]",
            ),
            (
                "ssh://core:geheim@a",
                "a password has no place in it: use a key",
            ),
            ("tcp://geheim@a", "it has more than a host and a port"),
            ("tcp://a:ge/heim@b", "it has more than a host and a port"),
            ("core:geheim@a", "it has no scheme"),
        ] {
            let error = address.parse::<EngineAddress>().unwrap_err();
            assert_eq!(error.why, why, "{address}");
            assert!(!error.to_string().contains("heim"), "{error}");
        }
    }
}
