//! Whether a host has come up: sshd answers, and systemd has started what it starts at boot.

use std::time::Duration;

use bollard::query_parameters::LogsOptionsBuilder;
use futures_util::StreamExt;
use tokio::process::Command;
use tokio::time::{sleep, timeout};

use super::name::host_name;
use super::{Lab, LabError};
use crate::system::clock;

/// How long a host may take to come up. It takes five seconds where nothing else runs.
const BOOT: Duration = Duration::from_secs(120);
/// How long is waited between two questions.
const PAUSE: Duration = Duration::from_millis(250);
/// How long a single question may take.
const QUESTION: Duration = Duration::from_secs(10);

/// What a host that has come up says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readiness {
    /// Units that failed at boot; none on a host that is `running` (systemctl(1), is-system-running).
    pub failed: Vec<String>,
}

impl Lab {
    /// Waits until a host has come up.
    ///
    /// # Errors
    ///
    /// If it ends before, has not come up within two minutes, or there is no `ssh` here.
    pub async fn wait_ready(&self, number: u16) -> Result<Readiness, LabError> {
        let since = clock::instant();
        loop {
            let reason = match self.ask(number).await? {
                Ok(ready) => return Ok(ready),
                Err(reason) => reason,
            };
            self.still_runs(number).await?;
            if since.elapsed() > BOOT {
                return Err(LabError::NotReady {
                    host: host_name(number).to_string(),
                    container: self.name.container(number),
                    seconds: BOOT.as_secs(),
                    reason,
                });
            }
            sleep(PAUSE).await;
        }
    }

    /// Makes sure that a host has not ended while it was starting.
    async fn still_runs(&self, number: u16) -> Result<(), LabError> {
        let container = self.name.container(number);
        if self.runs(number).await? {
            return Ok(());
        }
        let options = LogsOptionsBuilder::default()
            .stdout(true)
            .stderr(true)
            .tail("3")
            .build();
        let lines = self.engine.logs(&container, Some(options));
        let lines: Vec<_> = lines
            .filter_map(async |line| Some(line.ok()?.to_string().trim().to_owned()))
            .collect()
            .await;
        Err(LabError::Ended {
            container,
            lines: lines.join(", "),
        })
    }

    /// Asks a host how it is, or says why it is not up.
    ///
    /// # Errors
    ///
    /// If there is no `ssh` here.
    pub async fn ask(&self, number: u16) -> Result<Result<Readiness, String>, LabError> {
        // Not `--wait`: asked before the bus is up, it never answers.
        let question =
            "systemctl is-system-running; systemctl list-units --failed --plain --no-legend";
        let mut command = Command::new("ssh");
        command
            .arg("-F")
            .arg(self.ssh_config())
            .args(["-o", "BatchMode=yes", "-o", "ConnectTimeout=3"])
            .arg(host_name(number).as_str())
            .arg(question)
            .kill_on_drop(true);
        let Ok(output) = timeout(QUESTION, command.output()).await else {
            return Ok(Err("no answer over SSH".to_owned()));
        };
        let output = output.map_err(|source| LabError::Program {
            program: "ssh",
            source,
        })?;
        let told = String::from_utf8_lossy(&output.stderr);
        let said = String::from_utf8_lossy(&output.stdout);
        Ok(answer(&said).ok_or_else(|| {
            let line = if said.trim().is_empty() { told } else { said };
            line.trim().replace('\n', ", ")
        }))
    }
}

/// Reads what systemd says: its state, then a line for each failed unit.
fn answer(said: &str) -> Option<Readiness> {
    let mut lines = said.lines();
    if !matches!(lines.next()?.trim(), "running" | "degraded") {
        return None;
    }
    let failed = lines.filter_map(|line| line.split_whitespace().next());
    Some(Readiness {
        failed: failed.map(str::to_owned).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_degraded_host_is_up_and_says_why_it_is_degraded() {
        let said =
            "degraded\nfoo.service loaded failed failed Foo\nbar.mount loaded failed failed /bar\n";
        let failed = answer(said).unwrap().failed;
        assert_eq!(failed, ["foo.service", "bar.mount"]);
        assert_eq!(answer("running\n").unwrap().failed, [""; 0]);
    }

    #[test]
    fn a_host_that_still_starts_or_is_silent_is_not_up() {
        for said in ["starting\n", "", "offline\n", "maintenance\n"] {
            assert_eq!(answer(said), None, "{said:?}");
        }
    }
}
