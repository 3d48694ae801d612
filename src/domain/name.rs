//! Names, digests and ids as types that bad values cannot enter.
//!
//! Every name that ends up in a unit file, a path, a container name or a shell word is one of these, so no code
//! further down has to ask whether it is safe. Parsing is the only way in, by [`FromStr`] or serde.

mod cell;

pub use cell::{Cell, is_axis, is_value};

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a text is not the name it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {} {what}: {rule}", article(.what))]
pub struct NameError {
    /// The text as given.
    pub text: String,
    /// What it should have been, for example `service name`.
    pub what: &'static str,
    /// The rule it breaks, in words.
    pub rule: &'static str,
}

fn article(noun: &str) -> &'static str {
    if noun.starts_with(['a', 'e', 'i', 'o', 'u']) {
        "an"
    } else {
        "a"
    }
}

/// The longest name taken. Three of them and an instance number stay below systemd's 255 bytes for a unit name.
const LONGEST: usize = 63;

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:literal, $first:expr, $rest:expr, $longest:expr) => {
        name!(@ $(#[$doc])* $name, $what, $rule, $first, $rest, $longest, |text| Some(text));
    };
    // A name that may carry the cell of a matrix.
    (celled $(#[$doc:meta])* $name:ident, $what:literal, $rule:literal, $first:expr, $rest:expr, $longest:expr) => {
        name!(@ $(#[$doc])* $name, $what, $rule, $first, $rest, $longest, |text| {
            cell::divided(text).map(|(base, _)| base)
        });

        impl $name {
            /// Returns it without its cell.
            #[must_use]
            pub fn base(&self) -> &str {
                cell::divided(&self.0).map_or(&self.0, |(base, _)| base)
            }

            /// Returns the cell that it is of; an empty one if it is of none.
            #[must_use]
            pub fn cell(&self) -> Cell {
                cell::divided(&self.0).map(|(_, cell)| cell).unwrap_or_default()
            }

            /// Returns it in the form that containers, volumes, images and paths have: itself, unless it has a cell.
            #[must_use]
            pub fn file(&self) -> String {
                cell::file(&self.0)
            }
        }
    };
    (
        @ $(#[$doc:meta])* $name:ident, $what:literal, $rule:literal, $first:expr, $rest:expr, $longest:expr,
        $divided:expr
    ) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Returns the name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                let first: fn(char) -> bool = $first;
                let rest: fn(char) -> bool = $rest;
                let divided: fn(&str) -> Option<&str> = $divided;
                let fits = divided(text).is_some_and(|base| {
                    let mut chars = base.chars();
                    chars.next().is_some_and(first) && chars.all(rest) && base.len() <= $longest
                });
                if fits {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(NameError { text: text.to_owned(), what: $what, rule: $rule })
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    };
}

fn lower(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit()
}

fn lower_dashed(c: char) -> bool {
    lower(c) || matches!(c, '-' | '_')
}

fn word(c: char) -> bool {
    c.is_ascii_alphanumeric()
}

fn word_dotted(c: char) -> bool {
    word(c) || matches!(c, '-' | '_' | '.')
}

name!(
    /// A cluster's name: the Compose project name, which prefixes everything on a host.
    ClusterName, "cluster name", "lower-case letters, digits, '-' and '_', starting with a letter or digit, at most 63 characters",
    lower, lower_dashed, LONGEST
);
name!(
    /// A named target such as `staging` or `production`.
    EnvironmentName, "environment name", "lower-case letters, digits, '-' and '_', starting with a letter or digit, at most 63 characters",
    lower, lower_dashed, LONGEST
);
name!(celled
    /// A service of a cluster.
    ServiceName, "service name", "letters, digits, '.', '-' and '_', starting with a letter or digit, at most 63 characters",
    word, word_dotted, LONGEST
);
name!(
    /// A network of a cluster.
    NetworkName, "network name", "letters, digits, '.', '-' and '_', starting with a letter or digit, at most 63 characters",
    word, word_dotted, LONGEST
);
name!(
    /// A named volume of a cluster.
    VolumeName, "volume name", "letters, digits, '.', '-' and '_', starting with a letter or digit, at most 63 characters",
    word, word_dotted, LONGEST
);
name!(celled
    /// A test of a cluster: an entry under `tests:` or a test service.
    TestName, "test name", "letters, digits, '.', '-' and '_', starting with a letter or digit, at most 63 characters",
    word, word_dotted, LONGEST
);
name!(
    /// A host as the definition names it: what follows `user@`, and what `ssh -G` is asked about.
    HostName, "host name", "letters, digits, '.', '-', '_' and ':', starting with a letter, digit or ':', at most 253 characters",
    |c| word(c) || c == ':', |c| word_dotted(c) || c == ':', 253
);
name!(
    /// A name by which a container is reached on its network.
    Alias, "network alias", "letters, digits, '.', '-' and '_', starting with a letter, digit or '_', at most 253 characters",
    |c| word(c) || c == '_', word_dotted, 253
);

/// A SHA-256 digest in the `sha256:<64 hex digits>` form of the OCI image specification.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

impl Digest {
    /// Wraps the 32 bytes that a SHA-256 hasher gave.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Hashes a text or bytes at once.
    #[must_use]
    pub fn of(content: impl AsRef<[u8]>) -> Self {
        use sha2::Digest as _;
        Self(sha2::Sha256::digest(content.as_ref()).into())
    }

    /// Returns the 64 hex digits without the `sha256:` prefix.
    #[must_use]
    pub fn hex(&self) -> String {
        hex::encode(self.0)
    }

    /// Returns the first 12 hex digits, which is how ids are shown to people.
    #[must_use]
    pub fn short(&self) -> String {
        hex::encode(&self.0[..6])
    }
}

impl FromStr for Digest {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let mut bytes = [0; 32];
        text.strip_prefix("sha256:")
            .filter(|digits| !digits.bytes().any(|b| b.is_ascii_uppercase()))
            .and_then(|digits| hex::decode_to_slice(digits, &mut bytes).ok())
            .map(|()| Self(bytes))
            .ok_or_else(|| NameError {
                text: text.to_owned(),
                what: "digest",
                rule: "'sha256:' and 64 lower-case hex digits",
            })
    }
}

impl TryFrom<String> for Digest {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Shortens the digest of a content to its id: the first 12 hex digits.
            #[must_use]
            pub fn of(digest: &Digest) -> Self {
                Self(digest.short())
            }

            /// Returns the id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                let fits = text.len() == 12 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
                fits.then(|| Self(text.to_owned())).ok_or_else(|| NameError {
                    text: text.to_owned(),
                    what: $what,
                    rule: "12 lower-case hex digits",
                })
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    };
}

id!(
    /// A release: the start of its content's digest.
    ReleaseId, "release id"
);
id!(
    /// A deployment: the start of the digest of the rendered tree for one host.
    DeploymentId, "deployment id"
);
id!(
    /// One run of longshore, which labels all that the run makes on an engine.
    RunId, "run id"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_names_that_fit_everywhere() {
        for good in ["web", "web-1", "a", "0", "my_app"] {
            assert_eq!(good.parse::<ClusterName>().unwrap().as_str(), good);
        }
        assert_eq!(
            "Web.API_2".parse::<ServiceName>().unwrap().as_str(),
            "Web.API_2"
        );
    }

    #[test]
    fn refuses_what_could_leave_its_field() {
        for bad in [
            "", "-a", ".a", "a b", "a/b", "a\n", "a%i", "$a", "é", "a;b", "../x",
        ] {
            assert!(bad.parse::<ServiceName>().is_err(), "{bad:?}");
            assert!(bad.parse::<ClusterName>().is_err(), "{bad:?}");
            assert!(bad.parse::<HostName>().is_err(), "{bad:?}");
        }
        assert!("a".repeat(64).parse::<ServiceName>().is_err());
    }

    #[test]
    fn a_digest_survives_its_text_and_refuses_other_forms() {
        let digest = Digest::of("x");
        assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
        assert_eq!(digest.short().len(), 12);
        let upper = digest.to_string().to_uppercase().replace("SHA", "sha");
        for bad in ["", "sha256:", "sha256:00", upper.as_str()] {
            assert!(bad.parse::<Digest>().is_err(), "{bad}");
        }
    }

    #[test]
    fn serde_goes_through_the_same_door() {
        assert!(serde_json::from_str::<ServiceName>("\"a b\"").is_err());
        assert_eq!(
            serde_json::to_string(&"a".parse::<ServiceName>().unwrap()).unwrap(),
            "\"a\""
        );
    }
}
