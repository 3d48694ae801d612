//! The way into a lab host for others: the configuration for `ssh -F`, and a login.

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use super::name::{host_name, host_number};
use super::{LabError, LabName, access, folder};
use crate::domain::name::HostName;

/// Returns the configuration that `ssh -F` takes for a host, if it is a host of the lab. For every other host, and
/// where no lab is up, there is none, and the user's own configuration counts.
#[must_use]
pub fn ssh_config_for(host: &HostName) -> Option<PathBuf> {
    let folder = folder(&LabName::from_environment().ok()?);
    let number = host_number(host.as_str())?;
    let known = folder.join(format!("{}.pub", host_name(number))).exists();
    let config = folder.join(access::CONFIG);
    (known && config.exists()).then_some(config)
}

/// Becomes `ssh` on a host of the lab; returns only if that fails. The words of the command are joined there as
/// ssh(1) does.
///
/// # Errors
///
/// If there is no such host, or no `ssh` here.
pub fn login(host: &HostName, command: &[String]) -> Result<std::convert::Infallible, LabError> {
    let name = LabName::from_environment()?;
    let config = ssh_config_for(host).ok_or_else(|| LabError::NoHost {
        host: host.to_string(),
        name: name.to_string(),
    })?;
    let source = Command::new("ssh")
        .arg("-F")
        .arg(config)
        // Without it, ssh would read a command that begins with a dash as options of its own.
        .arg("--")
        .arg(host.as_str())
        .args(command)
        .exec();
    Err(LabError::Program {
        program: "ssh",
        source,
    })
}
