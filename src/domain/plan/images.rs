//! Which built images nobody needs any more.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::ledger::{BuildRecord, Release};
use crate::domain::name::{Digest, ServiceName};

/// What the record knows of images.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Known {
    /// Every build, by a number of its cluster's, oldest first.
    pub builds: Vec<(i64, BuildRecord)>,
    /// Every release.
    pub releases: Vec<Release>,
}

/// Returns the images, by config digest, that earlier builds made: neither a service's latest one nor in a release. What
/// the record knows nothing of is not among them.
#[must_use]
pub fn outdated(known: &Known) -> BTreeMap<Digest, ServiceName> {
    let builds = known.builds.iter();
    let latest: BTreeMap<_, _> = builds
        .map(|(cluster, build)| ((*cluster, &build.service), build.identity.config))
        .collect();
    let released = known.releases.iter().flat_map(|release| {
        let images = release.images.values();
        images.map(|image| image.config)
    });
    let needed: BTreeSet<Digest> = latest.into_values().chain(released).collect();
    let built = known.builds.iter().map(|(_, build)| build);
    built
        .filter(|build| !needed.contains(&build.identity.config))
        .map(|build| (build.identity.config, build.service.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ledger::{ImageIdentity, Provenance, Timestamp};
    use crate::domain::sample;

    fn build(service: &str, image: &str) -> BuildRecord {
        BuildRecord {
            service: service.parse().unwrap(),
            fingerprint: Digest::of("fingerprint"),
            ingredients: BTreeMap::new(),
            identity: ImageIdentity {
                config: Digest::of(image),
                layers: Vec::new(),
            },
            provenance: Provenance {
                commit: String::new(),
                dirty: false,
                actor: String::new(),
            },
            at: Timestamp(0),
            elapsed_ms: 0,
        }
    }

    #[test]
    fn only_what_is_neither_latest_nor_released_is_outdated() {
        let mut release = sample::guestbook();
        let image = release.images.values_mut().next().unwrap();
        image.config = Digest::of("released");
        let known = Known {
            builds: vec![
                (1, build("web", "old")),
                (1, build("web", "released")),
                (1, build("web", "new")),
                (1, build("db", "db")),
                // Another cluster's service of the same name.
                (2, build("web", "other")),
                // An image that was latest, went, and is latest again.
                (3, build("api", "again")),
                (3, build("api", "between")),
                (3, build("api", "again")),
            ],
            releases: vec![release],
        };
        let outdated: Vec<_> = outdated(&known).into_keys().collect();
        let mut expected = vec![Digest::of("between"), Digest::of("old")];
        expected.sort();
        assert_eq!(outdated, expected);
    }
}
