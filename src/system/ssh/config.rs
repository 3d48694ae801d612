//! How a host is reached, as `ssh -G` resolves the user's configuration (ssh(1), ssh_config(5)).
//!
//! `ssh` itself is asked, because Include, Match, tokens and first-value-wins are its own; no file is parsed here.

use std::env;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::error::SshError;
use crate::domain::cluster::SshTarget;

/// What `ssh` would use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Settings {
    /// Name or address to connect to.
    pub(super) name: String,
    pub(super) port: u16,
    pub(super) user: String,
    /// Private keys in the order to try them; defaults that do not exist are among them.
    pub(super) identities: Vec<PathBuf>,
    /// Whether the agent may offer these keys only.
    pub(super) identities_only: bool,
    pub(super) agent: Agent,
    /// Files of known keys, the user's first.
    pub(super) known_hosts: Vec<PathBuf>,
    /// The name to look the host's key up by, if not its own.
    pub(super) alias: Option<String>,
    pub(super) connect_timeout: Option<Duration>,
}

/// Where the agent listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Agent {
    /// Where `SSH_AUTH_SOCK` says.
    Environment,
    /// At this socket.
    Socket(PathBuf),
    /// Nowhere: the configuration wants none.
    None,
}

/// Asks `ssh -G`. `file` is read in place of the user's and the system's configuration.
pub(super) fn ask(target: &SshTarget, file: Option<&Path>) -> Result<Settings, SshError> {
    let mut command = Command::new("ssh");
    command.arg("-G");
    if let Some(file) = file {
        command.arg("-F").arg(file);
    }
    if let Some(user) = &target.user {
        command.arg("-l").arg(user);
    }
    if let Some(port) = target.port {
        command.arg("-p").arg(port.to_string());
    }
    let output = command
        .arg("--")
        .arg(target.host.as_str())
        .output()
        .map_err(|source| SshError::Configuration {
            host: target.host.clone(),
            source,
        })?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(SshError::ConfigurationRefused {
            host: target.host.clone(),
            stderr,
        });
    }
    let home = env::home_dir().unwrap_or_default();
    read(&String::from_utf8_lossy(&output.stdout), target, &home)
}

/// Reads what `ssh -G` printed: a keyword in lower case and its value a line.
fn read(text: &str, target: &SshTarget, home: &Path) -> Result<Settings, SshError> {
    let values = |keyword: &str| {
        text.lines()
            .filter_map(|line| line.split_once(' '))
            .filter(|(name, value)| *name == keyword && *value != "none")
            .map(|(_, value)| value.to_owned())
            .collect::<Vec<_>>()
    };
    let value = |keyword: &str| values(keyword).into_iter().next();
    for (keyword, option) in [("proxyjump", "ProxyJump"), ("proxycommand", "ProxyCommand")] {
        if value(keyword).is_some() {
            return Err(SshError::Unsupported {
                host: target.host.clone(),
                option,
            });
        }
    }
    let missing = |what: &str| SshError::Configuration {
        host: target.host.clone(),
        source: io::Error::other(format!("its answer has no {what}")),
    };
    let name = value("hostname").ok_or_else(|| missing("hostname"))?;
    let user = value("user").ok_or_else(|| missing("user"))?;
    let port = value("port")
        .and_then(|port| port.parse().ok())
        .ok_or_else(|| missing("port"))?;
    let tokens = Tokens {
        home,
        target,
        name: &name,
        port,
        user: &user,
    };
    let known_hosts = ["userknownhostsfile", "globalknownhostsfile"]
        .into_iter()
        .filter_map(&value)
        .flat_map(|files| files.split(' ').map(str::to_owned).collect::<Vec<_>>())
        .filter(|file| file != "none")
        .map(|file| tokens.expand(&file))
        .collect();
    let agent_says_none = text.lines().any(|line| line == "identityagent none");
    let agent = match value("identityagent") {
        None if agent_says_none => Agent::None,
        None => Agent::Environment,
        Some(text) if text == "SSH_AUTH_SOCK" => Agent::Environment,
        Some(text) => Agent::Socket(match text.strip_prefix('$') {
            Some(variable) => env::var_os(variable.trim_matches(['{', '}']))
                .unwrap_or_default()
                .into(),
            None => tokens.expand(&text),
        }),
    };
    Ok(Settings {
        identities: values("identityfile")
            .iter()
            .map(|file| tokens.expand(file))
            .collect(),
        identities_only: value("identitiesonly").is_some_and(|value| value == "yes"),
        agent,
        known_hosts,
        alias: value("hostkeyalias"),
        connect_timeout: value("connecttimeout")
            .and_then(|seconds| seconds.parse().ok())
            .map(Duration::from_secs),
        name,
        port,
        user,
    })
}

/// What `~` and `%` stand for in file names (ssh_config(5), TOKENS).
struct Tokens<'a> {
    home: &'a Path,
    target: &'a SshTarget,
    name: &'a str,
    port: u16,
    user: &'a str,
}

impl Tokens<'_> {
    fn expand(&self, text: &str) -> PathBuf {
        let text = text.trim_matches('"');
        let mut expanded = String::new();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            if c != '%' {
                expanded.push(c);
                continue;
            }
            match chars.next() {
                Some('%') => expanded.push('%'),
                Some('d') => expanded.push_str(&self.home.to_string_lossy()),
                Some('h') => expanded.push_str(self.name),
                Some('n') => expanded.push_str(self.target.host.as_str()),
                Some('p') => expanded.push_str(&self.port.to_string()),
                Some('r') => expanded.push_str(self.user),
                Some(other) => expanded.extend(['%', other]),
                None => expanded.push('%'),
            }
        }
        match expanded.strip_prefix("~/") {
            Some(rest) => self.home.join(rest),
            None => PathBuf::from(expanded),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &str = "\
host web
user core
hostname 10.0.0.11
port 2222
identitiesonly no
stricthostkeychecking ask
identityfile ~/.ssh/id_ed25519
identityfile %d/keys/%r@%h:%p
userknownhostsfile /home/a/.ssh/known_hosts /home/a/.ssh/known_hosts2
globalknownhostsfile /etc/ssh/ssh_known_hosts none
connecttimeout none
";

    fn settings(text: &str) -> Result<Settings, SshError> {
        read(text, &"core@web".parse().unwrap(), Path::new("/home/a"))
    }

    #[test]
    fn reads_what_ssh_would_use() {
        let read = settings(PLAIN).unwrap();
        assert_eq!(
            (read.name.as_str(), read.port, read.user.as_str()),
            ("10.0.0.11", 2222, "core")
        );
        assert_eq!(
            read.identities,
            [
                PathBuf::from("/home/a/.ssh/id_ed25519"),
                PathBuf::from("/home/a/keys/core@10.0.0.11:2222")
            ]
        );
        assert_eq!(
            read.known_hosts,
            [
                "/home/a/.ssh/known_hosts",
                "/home/a/.ssh/known_hosts2",
                "/etc/ssh/ssh_known_hosts"
            ]
            .map(PathBuf::from)
        );
        assert_eq!(
            (
                read.identities_only,
                read.agent,
                read.alias,
                read.connect_timeout
            ),
            (false, Agent::Environment, None, None)
        );
    }

    #[test]
    fn reads_what_a_person_set() {
        let text = format!(
            "{}hostkeyalias web\nidentityagent ~/agent\nidentitiesonly yes\nconnecttimeout 7\n",
            PLAIN
                .replace("identitiesonly no\n", "")
                .replace("connecttimeout none\n", "")
        );
        let read = settings(&text).unwrap();
        assert_eq!(read.alias.as_deref(), Some("web"));
        assert_eq!(read.agent, Agent::Socket("/home/a/agent".into()));
        assert!(read.identities_only);
        assert_eq!(read.connect_timeout, Some(Duration::from_secs(7)));
        assert_eq!(
            settings(&format!("{PLAIN}identityagent none\n"))
                .unwrap()
                .agent,
            Agent::None
        );
    }

    #[test]
    fn refuses_to_go_directly_where_a_proxy_is_set() {
        for (line, option) in [
            ("proxyjump bastion", "ProxyJump"),
            ("proxycommand nc %h %p", "ProxyCommand"),
        ] {
            let error = settings(&format!("{PLAIN}{line}\n")).unwrap_err();
            assert!(error.to_string().contains(option), "{error}");
        }
        settings(&format!("{PLAIN}proxyjump none\nproxycommand none\n")).unwrap();
    }

    #[test]
    fn an_answer_without_an_address_is_an_error() {
        assert!(settings("user core\nport 22\n").is_err());
        assert!(settings(&PLAIN.replace("port 2222", "port many")).is_err());
    }
}
