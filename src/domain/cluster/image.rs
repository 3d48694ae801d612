//! Image references: what may be one, when two name the same image, and which service builds it.

use std::collections::BTreeMap;

use super::{Service, Source};
use crate::domain::name::{Digest, ServiceName};

/// Which service builds the image of which name.
#[derive(Debug, Clone)]
pub struct Tags<'a>(BTreeMap<String, &'a ServiceName>);

impl<'a> Tags<'a> {
    /// Collects the names that services' images get: those that the definition gives, and Compose's default where it
    /// gives none and the cluster's name is known.
    #[must_use]
    pub fn of(cluster: Option<&str>, services: &'a BTreeMap<ServiceName, Service>) -> Self {
        let mut tags = BTreeMap::new();
        for (name, service) in services {
            let Source::Build(build) = &service.source else {
                continue;
            };
            let default = cluster.filter(|_| build.tag.is_none());
            let default = default.map(|cluster| default_tag(cluster, name));
            // Services that share a tag share the build; the first one stands for it.
            for tag in build.written_tags().chain(&default) {
                tags.entry(full(tag)).or_insert(name);
            }
        }
        Self(tags)
    }

    /// Returns the service that builds what a reference names, however it is written.
    #[must_use]
    pub fn builder(&self, reference: &str) -> Option<&'a ServiceName> {
        self.0.get(&full(reference)).copied()
    }
}

/// Returns the name that Compose gives to the image of a service that names none.
#[must_use]
pub fn default_tag(cluster: &str, service: &ServiceName) -> String {
    format!("{cluster}-{}", service.file()).to_ascii_lowercase()
}

/// Says why a text is no image reference, if it is none (the grammar of the distribution specification's `reference`).
pub fn fault(text: &str) -> Option<&'static str> {
    let (name, digest) = match text.split_once('@') {
        Some((name, digest)) => (name, Some(digest)),
        None => (text, None),
    };
    if digest.is_some_and(|digest| digest.parse::<Digest>().is_err()) {
        return Some("what follows `@` is no digest");
    }
    let (repository, tag) = split_tag(name);
    let tag_fits = |tag: &str| {
        let fits = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        (1..=128).contains(&tag.len()) && tag.chars().all(fits) && !tag.starts_with(['.', '-'])
    };
    if tag.is_some_and(|tag| !tag_fits(tag)) {
        return Some("what follows `:` is no tag");
    }
    let path = match repository.split_once('/') {
        Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => path,
        _ => repository,
    };
    let part_fits = |part: &str| {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_.-".contains(c);
        let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        part.chars().all(fits) && edge(part.chars().next()) && edge(part.chars().next_back())
    };
    if path.is_empty() {
        return Some("there is no name");
    }
    if !path.split('/').all(part_fits) {
        return Some("a name has lower-case letters, digits, `.`, `_` and `-` between slashes");
    }
    None
}

fn split_tag(name: &str) -> (&str, Option<&str>) {
    match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag)),
        _ => (name, None),
    }
}

/// Writes a reference in full, so that `debian` and `docker.io/library/debian:latest` are the same text.
pub fn full(text: &str) -> String {
    let (name, digest) = text.split_once('@').unwrap_or((text, ""));
    let (repository, tag) = split_tag(name);
    let tag = match (tag, digest) {
        (Some(tag), _) => format!(":{tag}"),
        (None, "") => ":latest".to_owned(),
        (None, _) => String::new(),
    };
    let digest = if digest.is_empty() {
        String::new()
    } else {
        format!("@{digest}")
    };
    let host = match repository.split_once('/') {
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => "",
        Some(_) => "docker.io/",
        None => "docker.io/library/",
    };
    format!("{host}{repository}{tag}{digest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_references() {
        let digest = format!("a@sha256:{}", "0".repeat(64));
        for good in [
            "a",
            "a:1",
            "a/b:1.2-x",
            "localhost:5000/a",
            "ghcr.io/a/b_c:Tag",
            digest.as_str(),
        ] {
            assert_eq!(fault(good), None, "{good}");
        }
        for bad in [
            "",
            ":1",
            "a:",
            "A",
            "a b",
            "a//b",
            "a@sha256:0",
            "a:b:c",
            "-a",
            "a/",
            "a\n",
            "a$b",
            "host.io/",
        ] {
            assert!(fault(bad).is_some(), "{bad:?}");
        }
    }

    #[test]
    fn writes_references_in_full() {
        for (text, expected) in [
            ("debian", "docker.io/library/debian:latest"),
            ("acme/api:1", "docker.io/acme/api:1"),
            ("localhost:5000/a", "localhost:5000/a:latest"),
            ("a@sha256:0", "docker.io/library/a@sha256:0"),
        ] {
            assert_eq!(full(text), expected);
        }
        assert_eq!(full(&full("debian")), full("debian"));
    }
}
