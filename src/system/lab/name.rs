//! What a lab, its hosts and what belongs to them are called.

use std::fmt;
use std::str::FromStr;

use super::LabError;
use crate::domain::name::HostName;
use crate::system::environment;

/// The most hosts that one lab has: its addresses end there.
pub const MOST_HOSTS: u16 = 99;

/// A lab's name, by which several stand side by side: `lab` unless `LONGSHORE_LAB` says otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabName(String);

impl LabName {
    /// Reads `LONGSHORE_LAB`.
    ///
    /// # Errors
    ///
    /// If its value cannot be part of a container's name.
    pub fn from_environment() -> Result<Self, LabError> {
        environment::variable("LONGSHORE_LAB")
            .filter(|name| !name.is_empty())
            .map_or_else(|| Ok(Self("lab".to_owned())), |name| name.parse())
    }

    /// Returns the name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the name of the network that the hosts share.
    #[must_use]
    pub fn network(&self) -> String {
        format!("longshore-{self}")
    }

    /// Returns the name of a host's container.
    #[must_use]
    pub fn container(&self, number: u16) -> String {
        format!("longshore-{self}-{number}")
    }

    /// Returns the name of the volume in which a host's engine keeps its things.
    #[must_use]
    pub fn volume(&self, number: u16, engine: &str) -> String {
        format!("longshore-{self}-{number}-{engine}")
    }
}

impl FromStr for LabName {
    type Err = LabError;

    fn from_str(text: &str) -> Result<Self, LabError> {
        let fits = (1..=32).contains(&text.len())
            && !text.starts_with('-')
            && text
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(LabError::Name {
                text: text.to_owned(),
            })
        }
    }
}

impl fmt::Display for LabName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Returns what a definition calls a host: `lab-1` for the first, in every lab.
#[must_use]
pub fn host_name(number: u16) -> HostName {
    format!("lab-{number}")
        .parse()
        .expect("letters, a dash and digits are a host name")
}

/// Returns the number in a name of the form `lab-1`.
pub(super) fn host_number(name: &str) -> Option<u16> {
    let digits = name.strip_prefix("lab-")?;
    let number = digits.parse().ok()?;
    ((1..=MOST_HOSTS).contains(&number) && !digits.starts_with(['0', '+'])).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_an_engine_takes_are_lab_names() {
        assert_eq!("test-2".parse::<LabName>().unwrap().as_str(), "test-2");
        for bad in ["", "-x", "a b", "a/b", "Lab", &"x".repeat(33)] {
            assert!(bad.parse::<LabName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_host_name_gives_its_number_back() {
        assert_eq!(host_number(host_name(12).as_str()), Some(12));
        for other in [
            "lab-0", "lab-01", "lab-+1", "lab-100", "lab-", "lab", "web-1",
        ] {
            assert_eq!(host_number(other), None, "{other}");
        }
    }
}
