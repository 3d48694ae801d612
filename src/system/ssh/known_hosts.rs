//! Whether a host's key is the one known for it (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT).
//!
//! The lines are parsed by the `ssh-key` crate; which of them speak of a host is decided here, since libssh2's own
//! check accepts revoked keys and knows no wildcards. A line that cannot be read is skipped, as OpenSSH does.

use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use ssh_key::known_hosts::{Entry, HostPatterns, Marker};
use ssh_key::{HashAlg, PublicKey};

/// The lines that were read, with where each stands.
#[derive(Debug, Default)]
pub(super) struct KnownHosts {
    lines: Vec<Line>,
}

#[derive(Debug)]
struct Line {
    file: PathBuf,
    number: usize,
    entry: Entry,
}

/// What the files say of a key.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is known for the host.
    Known,
    /// No key is known for the host. Authorities that vouch for it are listed, since they do not count here.
    Unknown {
        /// Each as `TYPE SHA256:… (FILE:LINE)`.
        authorities: Vec<String>,
    },
    /// Other keys are known for the host.
    Other {
        /// Each as `TYPE SHA256:… (FILE:LINE)`.
        known: Vec<String>,
    },
    /// It is marked as revoked.
    Revoked,
}

/// The name by which a host stands in the files: `[name]:port` unless the port is 22.
pub(super) fn lookup_name(name: &str, port: u16) -> String {
    let name = name.to_ascii_lowercase();
    if port == 22 {
        name
    } else {
        format!("[{name}]:{port}")
    }
}

impl KnownHosts {
    /// Adds the lines of a file.
    pub(super) fn read(&mut self, file: &Path, text: &str) {
        for (index, line) in text.lines().enumerate() {
            // The parser wants single spaces and no comment; OpenSSH takes tabs and runs of both.
            let words = line
                .split('#')
                .next()
                .unwrap_or("")
                .split_ascii_whitespace();
            let line = words.collect::<Vec<_>>().join(" ");
            if let Ok(entry) = line.parse() {
                self.lines.push(Line {
                    file: file.to_owned(),
                    number: index + 1,
                    entry,
                });
            }
        }
    }

    /// Returns the types of the keys known for a host, so that it can be asked for one of them.
    pub(super) fn types(&self, name: &str) -> Vec<String> {
        self.of(name)
            .filter(|line| line.entry.marker().is_none())
            .map(|line| line.entry.public_key().algorithm().as_str().to_owned())
            .collect()
    }

    /// Judges the key that a host offered. Without a line for `[name]:port`, a line for the bare name may vouch for
    /// the key, as with OpenSSH. A revocation under either name counts before everything else.
    pub(super) fn judge(&self, name: &str, key: &PublicKey) -> Verdict {
        let bare = bare_name(name);
        let speaks = |line: &&Line| line.entry.public_key().key_data() == key.key_data();
        let marked =
            |marker: Option<Marker>| move |line: &&Line| line.entry.marker() == marker.as_ref();
        let both = || {
            self.of(name)
                .chain(bare.iter().flat_map(|bare| self.of(bare)))
        };
        if both()
            .filter(marked(Some(Marker::Revoked)))
            .any(|line| speaks(&line))
        {
            return Verdict::Revoked;
        }
        if both().filter(marked(None)).any(|line| speaks(&line)) {
            return Verdict::Known;
        }
        let known: Vec<_> = self
            .of(name)
            .filter(marked(None))
            .map(Line::describe)
            .collect();
        if known.is_empty() {
            let authorities = self.of(name).filter(marked(Some(Marker::CertAuthority)));
            Verdict::Unknown {
                authorities: authorities.map(Line::describe).collect(),
            }
        } else {
            Verdict::Other { known }
        }
    }

    fn of(&self, name: &str) -> impl Iterator<Item = &Line> {
        self.lines
            .iter()
            .filter(move |line| speaks_of(line.entry.host_patterns(), name))
    }
}

impl Line {
    fn describe(&self) -> String {
        let key = self.entry.public_key();
        format!(
            "{} {} ({}:{})",
            key.algorithm(),
            key.fingerprint(HashAlg::Sha256),
            self.file.display(),
            self.number
        )
    }
}

/// Takes the name out of `[name]:port`.
fn bare_name(name: &str) -> Option<String> {
    let (bare, _port) = name.strip_prefix('[')?.rsplit_once("]:")?;
    Some(bare.to_owned())
}

fn speaks_of(patterns: &HostPatterns, name: &str) -> bool {
    match patterns {
        HostPatterns::HashedName { salt, hash } => Hmac::<Sha1>::new_from_slice(salt)
            .is_ok_and(|hmac| hmac.chain_update(name).finalize().into_bytes()[..] == hash[..]),
        HostPatterns::Patterns(patterns) => {
            let matches = |pattern: &str| fits(&pattern.to_ascii_lowercase(), name);
            let denied = patterns
                .iter()
                .filter_map(|pattern| pattern.strip_prefix('!'))
                .any(matches);
            let named = |pattern: &&String| !pattern.starts_with('!') && matches(pattern);
            !denied && patterns.iter().any(|pattern| named(&pattern))
        }
    }
}

/// Matches a pattern of `*` and `?` (ssh_config(5), PATTERNS), in time linear in the product of the lengths.
fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut at, mut read) = (0, 0);
    let mut star = None;
    while read < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, read));
                at += 1;
            }
            Some(c) if *c == b'?' || *c == name[read] => {
                at += 1;
                read += 1;
            }
            Some(_) | None => {
                let Some((after, from)) = star else {
                    return false;
                };
                star = Some((after, from + 1));
                at = after + 1;
                read = from + 1;
            }
        }
    }
    pattern[at..].iter().all(|c| *c == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAr35zinKyR15xxMXXuWx8Prif9pEHNw6hrED7J4l1bq";
    const B: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFt/smRTBdOjtWuiWckk1Jqoh6Ikj5MZpxBlUy1Wf9V8";

    /// Judges key A.
    fn judge(text: &str, name: &str) -> &'static str {
        let mut known = KnownHosts::default();
        known.read(Path::new("kh"), text);
        match known.judge(name, &A.parse().unwrap()) {
            Verdict::Known => "known",
            Verdict::Unknown { authorities } if authorities.is_empty() => "unknown",
            Verdict::Unknown { .. } => "authority",
            Verdict::Other { .. } => "other",
            Verdict::Revoked => "revoked",
        }
    }

    #[test]
    fn judges_as_openssh_does() {
        let hashed = "|1|7p3LGOO+qHb9AM0WnsvJSRDSiDU=|kHyaOxMYKGCIvUIZZdviAlqI0Co=";
        let table = [
            (format!("web {A}"), "web", "known"),
            (format!("web {A} a comment"), "web", "known"),
            (format!("WEB.example {A}"), "web.example", "known"),
            (format!("web\t{}", A.replace(' ', "\t")), "web", "known"),
            (format!("db,web {A}"), "web", "known"),
            (format!("db {A}"), "web", "unknown"),
            (String::new(), "web", "unknown"),
            (format!("web {B}"), "web", "other"),
            (format!("web {B}\nweb {A}"), "web", "known"),
            (format!("*.example {A}"), "web.example", "known"),
            (format!("w?b {A}"), "web", "known"),
            (format!("w?b {A}"), "weeb", "unknown"),
            (format!("*,!web {A}"), "web", "unknown"),
            (format!("*,!web {A}"), "db", "known"),
            (format!("!web {A}"), "db", "unknown"),
            (format!("[web]:2222 {A}"), "[web]:2222", "known"),
            (format!("[web]:2222 {A}"), "[web]:2223", "unknown"),
            (format!("[web]:2222 {A}"), "web", "unknown"),
            (
                format!("[*.example]:22?? {A}"),
                "[web.example]:2222",
                "known",
            ),
            (format!("web {A}"), "[web]:2222", "known"),
            (format!("web {B}"), "[web]:2222", "unknown"),
            (format!("{hashed} {A}"), "192.168.1.61", "known"),
            (format!("{hashed} {A}"), "192.168.1.62", "unknown"),
            (format!("{hashed} {B}"), "192.168.1.61", "other"),
            (format!("web {A}\n@revoked web {A}"), "web", "revoked"),
            (format!("@revoked * {A}\nweb {A}"), "web", "revoked"),
            (
                format!("@revoked web {A}\n[web]:2222 {A}"),
                "[web]:2222",
                "revoked",
            ),
            (format!("@revoked web {B}\nweb {A}"), "web", "known"),
            (format!("@revoked web {B}"), "web", "unknown"),
            (format!("@cert-authority web {A}"), "web", "authority"),
            (format!("@cert-authority web {B}\nweb {A}"), "web", "known"),
            (format!("@nonsense web {A}"), "web", "unknown"),
            (
                format!("garbage\nweb ssh-ed25519 !!!\n\u{fffd}\n# web {A}\n\nweb {A}"),
                "web",
                "known",
            ),
            (format!("#web {A}"), "web", "unknown"),
        ];
        for (text, name, verdict) in table {
            assert_eq!(judge(&text, name), verdict, "{name} in {text:?}");
        }
    }

    #[test]
    fn says_where_the_known_key_stands() {
        let mut known = KnownHosts::default();
        known.read(Path::new("/etc/kh"), &format!("\nweb {B}\n"));
        let Verdict::Other { known: found } = known.judge("web", &A.parse().unwrap()) else {
            panic!("another key is known")
        };
        assert_eq!(found.len(), 1);
        assert!(
            found[0].starts_with("ssh-ed25519 SHA256:") && found[0].ends_with("(/etc/kh:2)"),
            "{found:?}"
        );
        assert_eq!(known.types("web"), ["ssh-ed25519"]);
        assert!(known.types("db").is_empty());
    }

    #[test]
    fn names_a_host_as_the_files_do() {
        assert_eq!(lookup_name("Web.example", 22), "web.example");
        assert_eq!(lookup_name("10.0.0.1", 2222), "[10.0.0.1]:2222");
        assert_eq!(lookup_name("fe80::1", 2222), "[fe80::1]:2222");
    }

    #[test]
    fn many_stars_take_no_exponential_time() {
        assert!(!fits(&"*a".repeat(60), &"a".repeat(59)));
        assert!(fits(&"*a".repeat(59), &"a".repeat(59)));
    }
}
