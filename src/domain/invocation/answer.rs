//! What the verbs of `switch` answer: progress while they run, and how they ended.

use std::fmt;

use crate::domain::failure::{Explain, Kind};

/// Something that a verb tells while it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// A step began or ended.
    Step {
        /// `oneshot`, `stop`, `restart` or `back`.
        what: String,
        /// The unit, units or deployment.
        subject: String,
        /// How it stands.
        state: StepState,
    },
    /// A line that a failing unit wrote to the journal.
    Log {
        /// The unit.
        unit: String,
        /// The line.
        line: String,
    },
}

/// How a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepState {
    /// It began.
    Started,
    /// It was done.
    Done,
    /// It failed.
    Failed,
}

/// Reads a line of a running verb; none if it is not about progress.
#[must_use]
pub fn progress(line: &str) -> Option<Progress> {
    let mut words = line.splitn(4, '\t');
    match words.next()? {
        "step" => {
            let (what, subject) = (words.next()?.to_owned(), words.next()?.to_owned());
            let state = match words.next()? {
                "started" => StepState::Started,
                "done" => StepState::Done,
                "failed" => StepState::Failed,
                _ => return None,
            };
            Some(Progress::Step {
                what,
                subject,
                state,
            })
        }
        "log" => {
            let (unit, line) = line.strip_prefix("log\t")?.split_once('\t')?;
            Some(Progress::Log {
                unit: unit.to_owned(),
                line: line.to_owned(),
            })
        }
        _ => None,
    }
}

/// How a verb ended that did what it should.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// The token of an acquired lock.
    pub token: Option<u64>,
}

/// How a verb ended that did not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unanswered {
    /// It was refused, and nothing was changed.
    #[error("{0}")]
    Refused(Refusal),
    /// It failed and went back to the deployment before.
    #[error("the host could not run the deployment, and went back to the one before{}", at_fault(.units, .stderr))]
    WentBack {
        /// The units at fault, where it is known.
        units: Vec<String>,
        /// What was said last beside the answer.
        stderr: String,
    },
    /// Staging failed, and left nothing.
    #[error("the host could not keep the deployment: {}", in_words(.reason))]
    NotStaged {
        /// Why, in a word or two: `disk`, `format`, `asset …`.
        reason: String,
    },
    /// It could neither go on nor back. The guard or the boot unit tries again.
    #[error("the host script broke off: {}", in_words(.reason))]
    Broken {
        /// What it could not do.
        reason: String,
    },
    /// It was killed, or its answer is cut off.
    #[error("the host script ended without an answer{}", said(.stderr))]
    Nothing {
        /// What was said instead.
        stderr: String,
    },
}

fn at_fault(units: &[String], stderr: &str) -> String {
    if units.is_empty() {
        said(stderr)
    } else {
        format!(": {} failed", units.join(", "))
    }
}

/// Says the script's word for what went wrong as people do.
fn in_words(reason: &str) -> &str {
    match reason {
        "disk" => "its disk is full or cannot be written",
        "busy" => "something else has been at work there for too long",
        "guard" => "its guard could not be armed",
        "back" => "it could not go back to the deployment before",
        other => other,
    }
}

fn said(stderr: &str) -> String {
    if stderr.is_empty() {
        String::new()
    } else {
        format!(": {stderr}")
    }
}

/// Why a host refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// A later rollout has been here, with a higher fencing token.
    Overtaken {
        /// Its token.
        fence: u64,
    },
    /// The guard began to go back, or somebody else switched.
    Late {
        /// The deployment that the host is on, `none` for nothing.
        current: String,
    },
    /// Somebody holds the lock.
    Held {
        /// Who.
        owner: String,
        /// For how many seconds.
        age: u64,
        /// For how many seconds the lease still lasts, unless renewed.
        left: i64,
    },
    /// The deployment's folder is not there.
    NotStaged {
        /// Its id.
        deployment: String,
    },
    /// A file or folder that units mount is not there.
    AssetMissing {
        /// Its digest.
        asset: String,
    },
    /// An image is not there, of the deployment or of the way back.
    ImageMissing {
        /// Its reference.
        reference: String,
    },
    /// The container engine does not answer.
    NoEngine,
    /// The host runs another repository's cluster of the same name.
    OtherOrigin {
        /// Its repository.
        origin: String,
    },
    /// A unit's name belongs to another cluster or environment on this host.
    NameTaken {
        /// The unit.
        unit: String,
    },
    /// Unit files were written or changed by somebody else.
    ForeignUnits {
        /// The units.
        units: Vec<String>,
    },
    /// Containers of these names were made by somebody else.
    ForeignContainers {
        /// The containers.
        containers: Vec<String>,
    },
    /// Units are masked.
    Masked {
        /// The units.
        units: Vec<String>,
    },
    /// There is no room left for the host's own notes.
    NoRoom,
    /// Something that this version has no word for.
    Other {
        /// The script's words.
        words: Vec<String>,
    },
}

impl Refusal {
    fn read(words: &[&str]) -> Self {
        let word = |at: usize| words.get(at).copied().unwrap_or_default().to_owned();
        let list = || word(1).split_whitespace().map(str::to_owned).collect();
        match words.first().copied().unwrap_or_default() {
            "token" => Self::Overtaken {
                fence: word(1).parse().unwrap_or_default(),
            },
            "late" => Self::Late { current: word(1) },
            "held" => Self::Held {
                owner: word(1),
                age: word(2).parse().unwrap_or_default(),
                left: word(3).parse().unwrap_or_default(),
            },
            "staged" => Self::NotStaged {
                deployment: word(1),
            },
            "asset" => Self::AssetMissing { asset: word(1) },
            "image" => Self::ImageMissing { reference: word(1) },
            "engine" => Self::NoEngine,
            "origin" => Self::OtherOrigin { origin: word(1) },
            "scope" => Self::NameTaken { unit: word(1) },
            "unit" => Self::ForeignUnits { units: list() },
            "container" => Self::ForeignContainers { containers: list() },
            "masked" => Self::Masked { units: list() },
            "disk" => Self::NoRoom,
            _ => Self::Other {
                words: words.iter().map(|word| (*word).to_owned()).collect(),
            },
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Overtaken { fence } => write!(
                f,
                "a later rollout (token {fence}) has taken over this host"
            ),
            Self::Late { current } if current == "none" => {
                f.write_str("too late: the host went back to nothing")
            }
            Self::Late { current } => write!(f, "too late: the host is on deployment {current}"),
            Self::Held { owner, age, left } => {
                // What follows the name tells processes apart, which is nothing to read.
                let owner = owner.split(' ').next().unwrap_or_default();
                write!(
                    f,
                    "{owner} has held the lock for {age} s, and for {left} s more unless it renews"
                )
            }
            Self::NotStaged { deployment } => {
                write!(f, "deployment {deployment} is not on the host")
            }
            Self::AssetMissing { asset } => write!(f, "asset {asset} is not on the host"),
            Self::ImageMissing { reference } => write!(f, "image {reference} is not on the host"),
            Self::NoEngine => f.write_str("the container engine does not answer"),
            Self::OtherOrigin { origin } => {
                write!(
                    f,
                    "the host runs a cluster of this name from another repository, {origin}"
                )
            }
            Self::NameTaken { unit } => write!(
                f,
                "{unit} belongs to another cluster or environment on this host"
            ),
            Self::ForeignUnits { units } => {
                write!(
                    f,
                    "longshore did not write, or somebody has changed: {}",
                    units.join(", ")
                )
            }
            Self::ForeignContainers { containers } => {
                write!(
                    f,
                    "longshore did not make the containers {}",
                    containers.join(", ")
                )
            }
            Self::Masked { units } => write!(f, "units are masked: {}", units.join(", ")),
            Self::NoRoom => f.write_str("no room is left under /var/lib/longshore"),
            Self::Other { words } => write!(f, "the host refuses: {}", words.join(" ")),
        }
    }
}

impl Explain for Unanswered {
    fn kind(&self) -> Kind {
        match self {
            Self::Refused(_) => Kind::Refused,
            Self::WentBack { .. }
            | Self::NotStaged { .. }
            | Self::Broken { .. }
            | Self::Nothing { .. } => Kind::Failed,
        }
    }

    fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::Refused(refusal) => return refusal.hints(),
            Self::WentBack { units, .. } => match units.first() {
                Some(unit) => format!("read `journalctl -u {unit}` on the host"),
                None => return Vec::new(),
            },
            Self::NotStaged { reason } if reason == "disk" => {
                "make room under /var/lib/longshore on the host, then run the same command again".to_owned()
            }
            Self::NotStaged { .. } => "run the same command again".to_owned(),
            Self::Broken { .. } => {
                "look at `systemctl --failed` and `df` on the host, then run the same command again".to_owned()
            }
            Self::Nothing { stderr } if stderr.contains("sudo") => {
                "let the user run `sudo -n /bin/sh` on the host without a password, or log in as root".to_owned()
            }
            Self::Nothing { .. } => "run the same command again: it goes on from what the host is".to_owned(),
        };
        vec![hint]
    }
}

impl Refusal {
    fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::Overtaken { .. } | Self::Late { .. } => "run `longshore status` to see what runs now".to_owned(),
            Self::Held { .. } => "wait until that rollout is over".to_owned(),
            Self::NotStaged { .. } | Self::AssetMissing { .. } | Self::ImageMissing { .. } => {
                "run the same command again: it brings what is missing".to_owned()
            }
            Self::NoEngine => "look at `systemctl status docker` on the host".to_owned(),
            Self::OtherOrigin { .. } => {
                "give the cluster another `name:`, or deploy with `--adopt` if the repository has moved".to_owned()
            }
            Self::NameTaken { .. } => "give the cluster or the environment another name".to_owned(),
            Self::ForeignUnits { .. } | Self::ForeignContainers { .. } => {
                "remove or rename them on the host, or deploy with `--adopt` to replace them".to_owned()
            }
            Self::Masked { units } => format!("run `systemctl unmask {}` on the host", units.join(" ")),
            Self::NoRoom => "make room there, then run the same command again".to_owned(),
            Self::Other { .. } => return Vec::new(),
        };
        vec![hint]
    }
}

/// Reads what a verb printed when it is over. The exit code says nothing more: the last line does.
///
/// # Errors
///
/// If the verb did not do what it should, with why.
pub fn answer(stdout: &str, stderr: &str) -> Result<Answer, Unanswered> {
    let mut told = Told::default();
    for line in stdout.lines() {
        let words: Vec<&str> = line.split('\t').collect();
        match words.as_slice() {
            ["end", end] => return told.end(end, stderr),
            ["token", token] => told.answer.token = token.parse().ok(),
            ["refused", why @ ..] => told.refused = Some(Refusal::read(why)),
            ["broken", why @ ..] => told.broken = why.join(" "),
            ["failed", "stage", reason] => told.staging = Some((*reason).to_owned()),
            ["failed", units, ..] => told
                .failed
                .extend(units.split_whitespace().map(str::to_owned)),
            ["step", "restart" | "oneshot", unit, "failed"] => told.failed.push((*unit).to_owned()),
            _ => {}
        }
    }
    Err(Unanswered::Nothing {
        stderr: stderr.trim().to_owned(),
    })
}

fn last_line(text: &str) -> String {
    let line = text.lines().rfind(|line| !line.trim().is_empty());
    line.unwrap_or_default().trim().to_owned()
}

#[derive(Default)]
struct Told {
    answer: Answer,
    refused: Option<Refusal>,
    staging: Option<String>,
    broken: String,
    failed: Vec<String>,
}

impl Told {
    fn end(self, end: &str, stderr: &str) -> Result<Answer, Unanswered> {
        match (end, self.refused, self.staging) {
            ("ok", _, _) => Ok(self.answer),
            ("refused", Some(refusal), _) => Err(Unanswered::Refused(refusal)),
            ("failed", _, Some(reason)) => Err(Unanswered::NotStaged { reason }),
            ("failed", _, None) => Err(Unanswered::WentBack {
                units: self.failed,
                stderr: last_line(stderr),
            }),
            ("broken", _, _) => Err(Unanswered::Broken {
                reason: self.broken,
            }),
            _ => Err(Unanswered::Nothing {
                stderr: stderr.trim().to_owned(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_progress() {
        assert_eq!(
            progress("step\toneshot\tshop-prod-migrate-1.service\tfailed"),
            Some(Progress::Step {
                what: "oneshot".to_owned(),
                subject: "shop-prod-migrate-1.service".to_owned(),
                state: StepState::Failed
            })
        );
        assert_eq!(
            progress("log\tshop-prod-web-1.service\ta\tb"),
            Some(Progress::Log {
                unit: "shop-prod-web-1.service".to_owned(),
                line: "a\tb".to_owned()
            })
        );
        for other in ["end\tok", "", "step\tx", "step\ta\tb\tmaybe"] {
            assert_eq!(progress(other), None, "{other}");
        }
    }

    #[test]
    fn only_the_last_line_says_how_it_ended() {
        assert_eq!(
            answer("token\t8\nend\tok\n", ""),
            Ok(Answer { token: Some(8) })
        );
        assert!(matches!(
            answer("token\t8\n", "sudo: a password is required\n"),
            Err(Unanswered::Nothing { .. })
        ));
        assert_eq!(
            answer(
                "step\trestart\ta.service\tfailed\nlog\ta.service\tend\tok\nend\tfailed\n",
                ""
            ),
            Err(Unanswered::WentBack {
                units: vec!["a.service".to_owned()],
                stderr: String::new(),
            })
        );
        let stderr = "mv: no\nmv: cannot move: Read-only file system\n";
        assert_eq!(
            answer("end\tfailed\n", stderr).unwrap_err().to_string(),
            "the host could not run the deployment, and went back to the one before: \
             mv: cannot move: Read-only file system"
        );
        assert_eq!(
            answer("failed\tstage\tdisk\nend\tfailed\n", ""),
            Err(Unanswered::NotStaged {
                reason: "disk".to_owned()
            })
        );
        assert_eq!(
            answer("broken\tback\nend\tbroken\n", ""),
            Err(Unanswered::Broken {
                reason: "back".to_owned()
            })
        );
    }

    #[test]
    fn every_refusal_has_words_and_a_way_out() {
        for line in [
            "token\t9",
            "late\tnone",
            "late\t0123456789ab",
            "held\tann@laptop\t3\t57",
            "staged\t0123456789ab",
            "asset\tff",
            "image\tlongshore.local/web:ff",
            "engine",
            "origin\t/srv/a",
            "scope\ta.service",
            "unit\ta.service b.service",
            "container\ta",
            "masked\ta.service",
            "disk",
        ] {
            let error = answer(&format!("refused\t{line}\nend\trefused\n"), "").unwrap_err();
            assert!(
                matches!(&error, Unanswered::Refused(refusal) if !matches!(refusal, Refusal::Other { .. })),
                "{line}"
            );
            assert_eq!(error.kind(), Kind::Refused);
            assert_eq!(error.hints().len(), 1, "{line}");
            assert!(error.to_string().len() > 20, "{error}");
        }
        let error = answer("refused\tunit\ta.service b.service\nend\trefused\n", "").unwrap_err();
        assert!(
            error.to_string().ends_with("a.service, b.service"),
            "{error}"
        );
    }
}
