//! Values of single keys: words, shares, namespaces, periods.

use serde_json::{Value as Json, json};

use super::super::problem::Problem;
use super::super::reader::{Read, Reader, words};
use super::super::values::{Period, Real, Whole};
use super::super::write::Write;
use super::super::yaml::Node;

/// The format's version: obsolete, whatever it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version(pub String);

impl Read for Version {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        Some(Self(
            reader.text(node, "a text such as `\"3.8\"`")?.to_owned(),
        ))
    }
}

impl Write for Version {
    fn write(&self) -> Option<Json> {
        None
    }
}

words! {
    /// Whose control groups a container sees.
    Cgroup, "`host` or `private`" {
        /// Those of the host.
        "host" => Host,
        /// Its own.
        "private" => Private,
    }
}

/// When an image is pulled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullPolicy(pub String);

impl Read for PullPolicy {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        const FORM: &str = "`always`, `never`, `missing`, `build`, `refresh`, `daily`, `weekly` or `every_` and a period";
        const WORDS: &[&str] = &[
            "always",
            "never",
            "if_not_present",
            "missing",
            "build",
            "refresh",
            "daily",
            "weekly",
        ];
        let text = reader.text(node, FORM)?;
        let every = text
            .strip_prefix("every_")
            .is_some_and(|rest| !rest.is_empty());
        if !every && !WORDS.contains(&text) {
            let message = format!("{}: `{text}` is not known", reader.trail());
            let problem = Problem::error("invalid-value", message)
                .at(&node.at, format!("expected {FORM}"))
                .did_you_mean(text, WORDS.iter().copied());
            reader.problems.push(problem);
            return None;
        }
        Some(Self(text.to_owned()))
    }
}

impl Write for PullPolicy {
    fn write(&self) -> Option<Json> {
        self.0.write()
    }
}

/// A share of a hundred.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Percent(pub Real);

impl Read for Percent {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let number = Real::read(node, reader)?;
        if number.0 > 100.0 {
            return reader.invalid(
                &node.at,
                "the number does not fit",
                "a number from 0 to 100",
            );
        }
        Some(Self(number))
    }
}

impl Write for Percent {
    fn write(&self) -> Option<Json> {
        self.0.write()
    }
}

/// How soon a process is killed where memory ends (proc_pid_oom_score_adj(5)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Score(pub i64);

impl Read for Score {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let number = Whole::read(node, reader)?;
        if !(-1000..=1000).contains(&number.0) {
            let expected = "a number from -1000 to 1000";
            return reader.invalid(&node.at, "the number does not fit", expected);
        }
        Some(Self(number.0))
    }
}

impl Write for Score {
    fn write(&self) -> Option<Json> {
        (self.0 != 0).then(|| json!(self.0))
    }
}

/// Whose view of something a container has: its own, the host's, another container's or service's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namespace(pub String);

impl Namespace {
    /// Returns the service that it names, if it is a service's.
    #[must_use]
    pub fn service(&self) -> Option<&str> {
        self.0.strip_prefix("service:")
    }
}

impl Read for Namespace {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let text = reader.text(node, "`host`, `service:name` or the like")?;
        Some(Self(text.to_owned()))
    }
}

impl Write for Namespace {
    fn write(&self) -> Option<Json> {
        self.0.write()
    }
}

/// Microseconds: a number of them, or a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Micro(pub i64);

impl Read for Micro {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let text = reader.loose(node, "microseconds, or a period such as `400ms`")?;
        if let Ok(number) = text.parse() {
            return Some(Self(number));
        }
        let period = Period::read(node, reader)?;
        Some(Self(
            i64::try_from(period.0.as_micros()).unwrap_or(i64::MAX),
        ))
    }
}

impl Write for Micro {
    fn write(&self) -> Option<Json> {
        (self.0 != 0).then(|| json!(self.0))
    }
}
