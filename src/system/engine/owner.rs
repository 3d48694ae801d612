//! Who made something on an engine, and whether that process still lives.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::str::FromStr;

use rustix::process::{Pid, test_kill_process};

use crate::domain::ledger::Timestamp;
use crate::domain::name::{ClusterName, Digest, RunId};

/// One run of longshore: the labels of all that it makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    cluster: ClusterName,
    owner: Owner,
    until: Timestamp,
}

impl Run {
    /// The label that holds the run's id.
    pub const RUN: &str = "dev.longshore.run";
    /// The label that holds who made it.
    pub const OWNER: &str = "dev.longshore.owner";
    /// The label that holds the cluster's name.
    pub const CLUSTER: &str = "dev.longshore.cluster";
    /// The label that holds the test's name.
    pub const TEST: &str = "dev.longshore.test";
    /// The label that holds until when the run lives for whoever cannot see its process: seconds since 1970 by the engine's
    /// clock.
    pub const UNTIL: &str = "dev.longshore.until";
    /// The label of what is meant to stay for a person to look at, until `gc`.
    pub const KEPT: &str = "dev.longshore.kept";

    /// How many seconds a run lives on without a sign of life, for whoever cannot see its process.
    pub const LEASE: i64 = 15 * 60;

    /// Begins a run of this process; `now` is the engine's time.
    #[must_use]
    pub fn begin(cluster: &ClusterName, now: Timestamp) -> Self {
        Self {
            id: RunId::of(&Digest::from_bytes(rand::random())),
            cluster: cluster.clone(),
            owner: Owner::this_process(),
            until: Self::deadline(now),
        }
    }

    /// Returns until when the run lives after a sign of life.
    #[must_use]
    pub fn deadline(now: Timestamp) -> Timestamp {
        Timestamp(now.0 + Self::LEASE)
    }

    /// Returns the process that it is of.
    #[must_use]
    pub fn owner(&self) -> &Owner {
        &self.owner
    }

    /// Returns the labels of what the run makes.
    #[must_use]
    pub fn labels(&self) -> BTreeMap<String, String> {
        self.labels_until(self.until)
    }

    /// Returns the labels of what moves its deadline.
    #[must_use]
    pub fn labels_until(&self, until: Timestamp) -> BTreeMap<String, String> {
        BTreeMap::from([
            (Self::UNTIL.to_owned(), until.0.to_string()),
            (Self::RUN.to_owned(), self.id.to_string()),
            (Self::OWNER.to_owned(), self.owner.to_string()),
            (Self::CLUSTER.to_owned(), self.cluster.to_string()),
        ])
    }
}

/// A process, told apart from every other one of any machine and time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    host: String,
    /// Changes with every boot, so that a pid of before is no pid of now. Empty where the system does not tell.
    boot: String,
    /// The pid namespace: in a container, pid 7 is another process.
    space: String,
    pid: i32,
    /// When it started, in the kernel's ticks since boot: a pid may be given again. Empty where unknown.
    start: String,
}

/// Whether a process lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alive {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// It belongs to another machine or container and cannot be seen from here.
    Unknown,
}

impl Owner {
    /// Describes this process.
    #[must_use]
    pub fn this_process() -> Self {
        let (host, boot, space) = here();
        let pid = std::process::id().cast_signed();
        Self {
            host,
            boot,
            space,
            pid,
            start: start(pid).unwrap_or_default(),
        }
    }

    /// Tells whether the process lives, as far as it can be seen from here.
    #[must_use]
    pub fn alive(&self) -> Alive {
        let (host, boot, space) = here();
        if self.host != host {
            return Alive::Unknown;
        }
        if self.boot != boot {
            return Alive::No;
        }
        if self.space != space {
            return Alive::Unknown;
        }
        let exists = Pid::from_raw(self.pid)
            .is_some_and(|pid| !matches!(test_kill_process(pid), Err(rustix::io::Errno::SRCH)));
        let same =
            self.start.is_empty() || start(self.pid).is_some_and(|start| start == self.start);
        if exists && same {
            Alive::Yes
        } else {
            Alive::No
        }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            host,
            boot,
            space,
            pid,
            start,
        } = self;
        write!(f, "{host}/{boot}/{space}/{pid}/{start}")
    }
}

impl FromStr for Owner {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let parts: Vec<&str> = text.split('/').collect();
        let [host, boot, space, pid, start] = parts[..] else {
            return Err(());
        };
        Ok(Self {
            host: host.to_owned(),
            boot: boot.to_owned(),
            space: space.to_owned(),
            pid: pid.parse().map_err(|_| ())?,
            start: start.to_owned(),
        })
    }
}

/// Returns host name, boot id and pid namespace.
fn here() -> (String, String, String) {
    let host = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .replace('/', "_");
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let space = fs::read_link("/proc/self/ns/pid").map(|link| link.to_string_lossy().into_owned());
    (host, boot.trim().to_owned(), space.unwrap_or_default())
}

/// Reads a process's start time: field 22 of `/proc/PID/stat` (proc_pid_stat(5)). A zombie lives no more.
fn start(pid: i32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold spaces and parentheses; after its last one come the fields from the third.
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ');
    if fields.next()? == "Z" {
        return None;
    }
    fields.nth(18).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_lives_and_survives_its_text() {
        let owner = Owner::this_process();
        assert_eq!(owner.alive(), Alive::Yes);
        assert_eq!(owner.to_string().parse(), Ok(owner));
    }

    #[test]
    fn a_process_that_ended_or_whose_pid_was_given_again_does_not_live() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = child.id().cast_signed();
        child.wait().unwrap();
        let this = Owner::this_process();
        assert_eq!(
            Owner {
                pid,
                ..this.clone()
            }
            .alive(),
            Alive::No
        );
        assert_eq!(
            Owner {
                start: "1".to_owned(),
                ..this.clone()
            }
            .alive(),
            Alive::No
        );
        assert_eq!(
            Owner {
                boot: "before".to_owned(),
                ..this
            }
            .alive(),
            Alive::No
        );
    }

    #[test]
    fn what_cannot_be_seen_is_not_taken_for_dead() {
        let this = Owner::this_process();
        assert_eq!(
            Owner {
                host: "elsewhere".to_owned(),
                ..this.clone()
            }
            .alive(),
            Alive::Unknown
        );
        assert_eq!(
            Owner {
                space: "pid:[1]".to_owned(),
                ..this
            }
            .alive(),
            Alive::Unknown
        );
    }

    #[test]
    fn a_label_that_is_not_ours_is_no_owner() {
        for text in ["", "a/b/c/d/e", "a/b/c/1", "a/b/c/1/2/3"] {
            assert_eq!(text.parse::<Owner>(), Err(()), "{text}");
        }
    }
}
