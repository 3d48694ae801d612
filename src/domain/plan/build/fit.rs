//! Whether an engine can build what is asked: judged before anything is built, so that nobody waits for a builder to say
//! in its own words that it does not know a flag.

use std::fmt;

use crate::domain::cluster::{Build, BuildOptions};
use crate::domain::definition::dockerfile::{Feature, Used};
use crate::domain::name::ServiceName;

/// Who builds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Builder {
    /// What it is.
    pub kind: BuilderKind,
    /// The engine's version, as it says it.
    pub version: String,
    /// Whether Docker's buildx plugin is installed where longshore runs.
    pub plugin: bool,
    /// Whether images lie in containerd's store.
    pub containerd: bool,
}

/// Which builder an engine has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BuilderKind {
    /// Docker's, the rule since Engine 23.0.
    BuildKit,
    /// Docker's old one, asked for by `DOCKER_BUILDKIT=0`.
    Classic,
    /// Podman's. It says itself what it cannot read of a Dockerfile.
    Podman,
}

/// Something that is asked for and that the engine cannot do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lack {
    /// Whose image it is.
    pub service: ServiceName,
    /// What is asked for.
    pub what: String,
    /// The line of the Dockerfile that asks for it, if one does.
    pub line: Option<usize>,
    /// What would do.
    pub needs: Need,
}

/// What would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Need {
    /// BuildKit.
    BuildKit,
    /// BuildKit in this version of Docker Engine, or a newer one.
    Engine(u32, u32),
    /// BuildKit, and the buildx plugin.
    Plugin,
    /// BuildKit with its images in containerd's store.
    Containerd,
    /// One of these values.
    OneOf(&'static str),
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuildKit => f.write_str("BuildKit"),
            Self::Engine(major, minor) => {
                write!(f, "BuildKit of Docker Engine {major}.{minor} or newer")
            }
            Self::Plugin => f.write_str("BuildKit and Docker's buildx plugin"),
            Self::Containerd => f.write_str("BuildKit with images in containerd's store"),
            Self::OneOf(values) => write!(f, "to be one of {values}"),
        }
    }
}

impl fmt::Display for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, version, .. } = self;
        match kind {
            BuilderKind::BuildKit => write!(f, "BuildKit of Docker Engine {version}")?,
            BuilderKind::Classic => write!(f, "the classic builder of Docker Engine {version}")?,
            BuilderKind::Podman => write!(f, "the builder of Podman {version}")?,
        }
        let plugin = if self.plugin { "with" } else { "without" };
        write!(f, ", {plugin} the buildx plugin")
    }
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.service, self.what)?;
        if let Some(line) = self.line {
            write!(f, " (line {line} of its Dockerfile)")?;
        }
        write!(f, " needs {}", self.needs)
    }
}

/// What is known of a build.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Whose image it is.
    pub service: &'a ServiceName,
    /// How it is built.
    pub build: &'a Build,
    /// What its Dockerfile uses.
    pub features: &'a [Used],
    /// Whether its Dockerfile brings its own frontend (`# syntax=`), which knows what it knows on any BuildKit.
    pub frontend: bool,
}

impl Builder {
    /// Returns what of a build this builder cannot do.
    #[must_use]
    pub fn lacks(&self, asked: Asked<'_>) -> Vec<Lack> {
        let lines = asked.features.iter().filter_map(|used| {
            let (what, need) = of_feature(used.feature, asked.frontend);
            let podman = self.kind == BuilderKind::Podman;
            Some((what.to_owned(), Some(used.line), need)).filter(|_| !podman)
        });
        let keys = of_keys(self.kind, &asked.build.options);
        let keys = keys.into_iter().map(|(what, need)| (what, None, need));
        let unmet = lines.chain(keys).filter(|(_, _, need)| !self.meets(need));
        let mut lacks: Vec<_> = unmet
            .map(|(what, line, needs)| Lack {
                service: asked.service.clone(),
                what,
                line,
                needs,
            })
            .collect();
        lacks.extend(self.network(asked));
        lacks
    }

    /// Tells whether a build has to go through the plugin: what it asks for needs a session with BuildKit, or has no word
    /// in the engine's API.
    #[must_use]
    pub fn by_plugin(&self, options: &BuildOptions) -> bool {
        let needs = of_keys(self.kind, options);
        self.kind == BuilderKind::BuildKit
            && needs
                .iter()
                .any(|(_, need)| matches!(need, Need::Plugin | Need::Containerd))
    }

    fn meets(&self, need: &Need) -> bool {
        let buildkit = self.kind == BuilderKind::BuildKit;
        match need {
            Need::BuildKit => buildkit,
            Need::Engine(major, minor) => buildkit && number(&self.version) >= (*major, *minor),
            Need::Plugin => buildkit && self.plugin,
            Need::Containerd => buildkit && self.plugin && self.containerd,
            Need::OneOf(_) => false,
        }
    }

    /// BuildKit knows no networks by name. The others run `RUN` in containers like any.
    fn network(&self, asked: Asked<'_>) -> Option<Lack> {
        let network = asked.build.options.network.as_deref()?;
        let known = ["default", "host", "none"].contains(&network);
        (self.kind == BuilderKind::BuildKit && !known).then(|| Lack {
            service: asked.service.clone(),
            what: format!("`build.network: {network}`"),
            line: None,
            needs: Need::OneOf("default, host, none: BuildKit knows no other network"),
        })
    }
}

/// What a feature is called, and what it needs: the version of Docker Engine is the first whose own Dockerfile frontend
/// knows it (BuildKit's Dockerfile release notes).
fn of_feature(feature: Feature, frontend: bool) -> (&'static str, Need) {
    let (what, engine) = match feature {
        Feature::Mount => ("RUN --mount", None),
        Feature::Secret => ("RUN --mount=type=secret", None),
        Feature::Ssh => ("RUN --mount=type=ssh", None),
        Feature::Chmod => ("--chmod", None),
        Feature::Network => ("RUN --network", Some((23, 0))),
        Feature::Heredoc => ("a here-document", Some((23, 0))),
        Feature::Link => ("--link", Some((23, 0))),
        Feature::Checksum => ("ADD --checksum", Some((25, 0))),
        Feature::Git => ("ADD of a git repository", Some((25, 0))),
        Feature::Exclude => ("--exclude", Some((29, 0))),
        Feature::Parents => ("COPY --parents", Some((29, 1))),
        Feature::Security => ("RUN --security", Some((29, 1))),
    };
    match engine.filter(|_| !frontend) {
        Some((major, minor)) => (what, Need::Engine(major, minor)),
        None => (what, Need::BuildKit),
    }
}

fn of_keys(kind: BuilderKind, options: &BuildOptions) -> Vec<(String, Need)> {
    // Every field is named, so that a new one cannot be forgotten.
    let BuildOptions {
        secrets,
        ssh,
        cache_from,
        cache_to,
        no_cache_filter,
        entitlements,
        ulimits,
        extra_hosts,
        shm_size,
        // Every builder has these; networks are judged apart.
        platform: _,
        network: _,
        no_cache: _,
        pull: _,
        tags: _,
    } = options;
    let mut needs = Vec::new();
    let by_plugin = [
        ("secrets", !secrets.is_empty()),
        ("ssh", !ssh.is_empty()),
        ("cache_from", !cache_from.is_empty()),
        ("cache_to", !cache_to.is_empty()),
        ("no_cache_filter", !no_cache_filter.is_empty()),
        ("entitlements", !entitlements.is_empty()),
        ("ulimits", !ulimits.is_empty()),
        // The engine's API is asked for one of them.
        ("extra_hosts", extra_hosts.len() > 1),
    ];
    for (key, asked) in by_plugin {
        needs.extend(asked.then(|| (format!("`build.{key}`"), Need::Plugin)));
    }
    // Older ones take them and do nothing about it.
    for (key, asked) in [
        ("ulimits", !ulimits.is_empty()),
        // The others pass it on to the containers that run each step.
        (
            "shm_size",
            shm_size.is_some() && kind == BuilderKind::BuildKit,
        ),
    ] {
        needs.extend(asked.then(|| (format!("`build.{key}`"), Need::Engine(23, 0))));
    }
    let kept = |to: &&String| to.contains('=') && !to.contains("type=inline");
    for to in cache_to.iter().filter(kept) {
        needs.push((format!("`build.cache_to: {to}`"), Need::Containerd));
    }
    needs
}

/// Reads the first two numbers of a version. What cannot be read is old.
fn number(version: &str) -> (u32, u32) {
    let mut parts = version.split(|c: char| !c.is_ascii_digit());
    let mut next = || parts.next().and_then(|part| part.parse().ok());
    let major = next().unwrap_or_default();
    (major, next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::domain::cluster::SecretSource;
    use crate::domain::definition::dockerfile::features;

    fn builder(kind: BuilderKind, version: &str, plugin: bool) -> Builder {
        Builder {
            kind,
            version: version.to_owned(),
            plugin,
            containerd: false,
        }
    }

    fn told(builder: &Builder, dockerfile: &str, options: &BuildOptions) -> Vec<String> {
        let build = Build {
            options: options.clone(),
            ..Build::default()
        };
        let lacks = builder.lacks(Asked {
            service: &"a".parse().unwrap(),
            build: &build,
            features: &features(dockerfile),
            frontend: dockerfile.starts_with("# syntax"),
        });
        lacks.iter().map(ToString::to_string).collect()
    }

    const ALL: &str = "FROM a\nRUN <<EOF\nEOF\nRUN --mount=type=cache,target=/c x\nCOPY --link a b\nADD --checksum=x y z\nCOPY --parents a b\n";

    #[test]
    fn each_version_is_told_what_it_lacks() {
        let none = BuildOptions::default();
        let of = |version: &str| told(&builder(BuilderKind::BuildKit, version, false), ALL, &none);
        assert_eq!(
            of("20.10.24+dfsg1"),
            [
                "a: a here-document (line 2 of its Dockerfile) needs BuildKit of Docker Engine 23.0 or newer",
                "a: --link (line 5 of its Dockerfile) needs BuildKit of Docker Engine 23.0 or newer",
                "a: ADD --checksum (line 6 of its Dockerfile) needs BuildKit of Docker Engine 25.0 or newer",
                "a: COPY --parents (line 7 of its Dockerfile) needs BuildKit of Docker Engine 29.1 or newer",
            ]
        );
        assert_eq!(of("24.0.7").len(), 2);
        assert_eq!(of("26.1.5+dfsg1").len(), 1);
        assert_eq!(of("29.1.0"), Vec::<String>::new());
        assert_eq!(of("").len(), 4);
        let classic = builder(BuilderKind::Classic, "26.1.5", true);
        assert_eq!(told(&classic, ALL, &none).len(), 5);
        let podman = builder(BuilderKind::Podman, "5.4.2", false);
        assert_eq!(told(&podman, ALL, &none), Vec::<String>::new());
    }

    #[test]
    fn a_frontend_of_its_own_knows_what_it_knows() {
        let old = builder(BuilderKind::BuildKit, "20.10.24", false);
        let text = format!("# syntax=docker/dockerfile:1\n{ALL}");
        let none = BuildOptions::default();
        assert_eq!(told(&old, &text, &none), Vec::<String>::new());
    }

    #[test]
    fn keys_that_need_a_session_need_the_plugin() {
        let secrets = BuildOptions {
            secrets: BTreeMap::from([("t".to_owned(), SecretSource::Variable("T".to_owned()))]),
            ..BuildOptions::default()
        };
        let bare = builder(BuilderKind::BuildKit, "26.1.5", false);
        assert_eq!(
            told(&bare, "FROM a", &secrets),
            ["a: `build.secrets` needs BuildKit and Docker's buildx plugin"]
        );
        let with = builder(BuilderKind::BuildKit, "26.1.5", true);
        assert_eq!(told(&with, "FROM a", &secrets), Vec::<String>::new());
        assert!(with.by_plugin(&secrets));
        assert!(!with.by_plugin(&BuildOptions::default()));
        let classic = builder(BuilderKind::Classic, "26.1.5", true);
        assert_eq!(told(&classic, "FROM a", &secrets).len(), 1);
        assert!(!classic.by_plugin(&secrets));
    }

    #[test]
    fn what_would_be_ignored_is_told() {
        let options = BuildOptions {
            shm_size: Some(1),
            network: Some("back".to_owned()),
            cache_to: vec!["a".into(), "type=inline".into(), "type=local,dest=x".into()],
            ..BuildOptions::default()
        };
        let old = builder(BuilderKind::BuildKit, "20.10.24", true);
        assert_eq!(
            told(&old, "FROM a", &options),
            [
                "a: `build.shm_size` needs BuildKit of Docker Engine 23.0 or newer",
                "a: `build.cache_to: type=local,dest=x` needs BuildKit with images in containerd's store",
                "a: `build.network: back` needs to be one of default, host, none: BuildKit knows no other network",
            ]
        );
    }
}
