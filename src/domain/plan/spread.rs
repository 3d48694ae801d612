//! On which of several engines images are built and tests are run.
//!
//! An image is built where most of what it is made from is, so that little has to be moved; one made from nothing of
//! ours goes where the least is to be done. Tests go where most of their images are, as many as run there at a time;
//! then the others get some. The same input gives the same answer, whatever the engines are busy with.

use std::collections::{BTreeMap, BTreeSet};

use super::build::{Decision, Step};
use crate::domain::name::{Digest, ServiceName};

/// An engine as it is planned with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// How much runs on it at a time; at least 1.
    pub jobs: usize,
    /// The images that are on it, by config digest, as far as somebody asked.
    pub present: BTreeSet<Digest>,
}

/// The number of an engine, in the order in which they are named.
pub type EngineIndex = usize;

/// An image as it is spread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece<'p> {
    /// The services that build it.
    pub services: &'p [ServiceName],
    /// The first service of each image of ours that it is made from.
    pub parents: BTreeSet<&'p ServiceName>,
    /// Which image it is, if it is kept and not built.
    pub kept: Option<Digest>,
}

impl<'p> From<&'p Step> for Piece<'p> {
    fn from(step: &'p Step) -> Self {
        Self {
            services: &step.image.services,
            parents: step.image.parents.values().collect(),
            kept: match &step.decision {
                Decision::Keep(identity) => Some(identity.config),
                Decision::Build(_) => None,
            },
        }
    }
}

/// Decides where each image is built, or is taken from if it is kept. They come in build order; every service of an
/// image has the same engine. There has to be at least one engine.
#[must_use]
pub fn builds<'p>(
    pieces: impl IntoIterator<Item = Piece<'p>>,
    engines: &[Slot],
) -> BTreeMap<ServiceName, EngineIndex> {
    let mut places: BTreeMap<ServiceName, EngineIndex> = BTreeMap::new();
    let mut load = vec![0; engines.len()];
    for piece in pieces {
        let place = match &piece.kept {
            Some(config) => holder(engines, config).unwrap_or(0),
            None => {
                let elsewhere = |at: EngineIndex| {
                    let parents = piece.parents.iter();
                    let places = parents.filter_map(|parent| places.get(*parent));
                    places.filter(|place| **place != at).count()
                };
                let cost =
                    |at: &EngineIndex| (elsewhere(*at), share(load[*at], engines[*at].jobs), *at);
                let best = (0..engines.len()).min_by_key(cost).unwrap_or(0);
                if let Some(load) = load.get_mut(best) {
                    *load += 1;
                }
                best
            }
        };
        let services = piece.services.iter();
        places.extend(services.map(|service| (service.clone(), place)));
    }
    places
}

/// Decides where each test runs, in their order. `images` are the config digests of what each one's containers run.
#[must_use]
pub fn tests(images: &[BTreeSet<Digest>], engines: &[Slot]) -> Vec<EngineIndex> {
    let mut load = vec![0_usize; engines.len()];
    let mut places = Vec::with_capacity(images.len());
    for wanted in images {
        let best = (0..engines.len()).min_by_key(|at| {
            let Slot { jobs, present } = &engines[*at];
            let missing = wanted.difference(present).count();
            (load[*at] / (*jobs).max(1), missing, load[*at], *at)
        });
        let best = best.unwrap_or(0);
        if let Some(load) = load.get_mut(best) {
            *load += 1;
        }
        places.push(best);
    }
    places
}

/// Returns the first engine that has an image.
#[must_use]
pub fn holder(engines: &[Slot], config: &Digest) -> Option<EngineIndex> {
    engines
        .iter()
        .position(|engine| engine.present.contains(config))
}

/// How busy an engine is, in thousandths of what it does at a time.
fn share(load: usize, jobs: usize) -> usize {
    load * 1000 / jobs.max(1)
}

#[cfg(test)]
mod checks {
    use super::*;

    fn slot(jobs: usize, present: &[&str]) -> Slot {
        Slot {
            jobs,
            present: present.iter().map(Digest::of).collect(),
        }
    }

    /// Places images: name, what it is made from, whether it is kept.
    fn places(images: &[(&str, &[&str], bool)], engines: &[Slot]) -> Vec<(String, EngineIndex)> {
        let names = |names: &[&str]| -> Vec<ServiceName> {
            names.iter().map(|name| name.parse().unwrap()).collect()
        };
        let owned: Vec<_> = images
            .iter()
            .map(|(name, parents, kept)| (names(&[name]), names(parents), *kept))
            .collect();
        let pieces = owned.iter().map(|(services, parents, kept)| Piece {
            services,
            parents: parents.iter().collect(),
            kept: kept.then(|| Digest::of(services[0].as_str())),
        });
        let places = builds(pieces, engines).into_iter();
        places.map(|(name, at)| (name.to_string(), at)).collect()
    }

    #[test]
    fn an_image_is_built_where_its_parents_are() {
        let images: [(&str, &[&str], bool); 4] = [
            ("base", &[], true),
            ("a", &["base"], false),
            ("b", &["a", "base"], false),
            ("other", &[], false),
        ];
        let engines = [slot(1, &[]), slot(1, &["base"])];
        let expected = [("a", 1), ("b", 1), ("base", 1), ("other", 0)];
        let expected = expected.map(|(name, at)| (name.to_owned(), at));
        assert_eq!(places(&images, &engines), expected);
    }

    #[test]
    fn images_made_from_nothing_of_ours_are_spread_by_how_much_an_engine_does() {
        let images = ["a", "b", "c", "d"].map(|name| (name, &[] as &[&str], false));
        let engines = [slot(1, &[]), slot(3, &[])];
        let placed = places(&images, &engines);
        assert_eq!(placed.iter().filter(|(_, at)| *at == 1).count(), 3);
    }

    #[test]
    fn tests_go_where_their_images_are_until_that_engine_is_full() {
        let images: Vec<BTreeSet<Digest>> = (0..4).map(|_| [Digest::of("a")].into()).collect();
        let engines = [slot(1, &[]), slot(2, &["a"])];
        assert_eq!(tests(&images, &engines), [1, 1, 0, 1]);
        assert_eq!(tests(&images[..1], &engines), [1]);
        assert_eq!(tests(&images, &engines[..1]), [0, 0, 0, 0]);
    }

    #[test]
    fn what_is_kept_nowhere_is_looked_for_on_the_first() {
        let engines = [slot(1, &[]), slot(1, &[])];
        assert_eq!(places(&[("a", &[], true)], &engines), [("a".to_owned(), 0)]);
    }
}
