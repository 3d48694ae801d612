//! Services that are placed beside others: where one of those is, one of these is.

use std::collections::BTreeMap;

use super::Resolver;
use super::place::Written;
use crate::domain::cluster::{Place, Placement};
use crate::domain::definition::{Mapping, Named, Problem, Spanned, settings};
use crate::domain::name::ServiceName;

type Places = BTreeMap<ServiceName, Place>;

impl Resolver<'_> {
    /// Gives the services that are beside others the places of those.
    pub(super) fn follow(
        &mut self,
        all: &Written<'_>,
        places: &mut Places,
        written: Option<&Spanned<Mapping<settings::PlaceEntry>>>,
    ) {
        let entries = written.into_iter().flat_map(|entries| &entries.value.0);
        for (name, entry) in entries {
            if let (Some((name, _)), Some(beside)) = (
                places.get_key_value(name.as_str()),
                &entry.value.same_host_as,
            ) {
                let name = name.clone();
                if !self.says_something_else(&name, beside, entry) {
                    self.beside(all, places, (&name, beside));
                }
            }
        }
    }

    fn says_something_else(
        &mut self,
        name: &ServiceName,
        beside: &Spanned<String>,
        entry: &Named<settings::PlaceEntry>,
    ) -> bool {
        let settings::PlaceEntry {
            on,
            mode,
            count,
            conflicts: _,
            same_host_as: _,
        } = &entry.value;
        let own = [
            on.as_ref().map(|on| &on.at),
            mode.as_ref().map(|mode| &mode.at),
            count.as_ref().map(|count| &count.at),
        ];
        let own = own.into_iter().flatten().next();
        if let Some(own) = own {
            let message = format!("`{name}` goes where `{}` goes", beside.value);
            let problem = Problem::error("conflict", message).at(own, "says something else");
            self.tell(
                problem
                    .at(&beside.at, "given here")
                    .help("remove one of them"),
            );
        }
        own.is_some()
    }

    fn beside(
        &mut self,
        all: &Written<'_>,
        places: &mut Places,
        (name, beside): (&ServiceName, &Spanned<String>),
    ) {
        let next = |name: &ServiceName| places.get(name)?.same_host_as.clone();
        let chain = std::iter::successors(next(name), next).take(places.len() + 1);
        let chain: Vec<_> = chain.collect();
        if chain.contains(name) {
            let message = format!("`{name}` is to be on the same host as itself");
            let problem = Problem::error("circle", message).at(&beside.at, "leads back to it");
            self.tell(problem.help("one of them has to have a place of its own"));
            return;
        }
        let leader = chain.last().and_then(|leader| places.get(leader));
        let (placement, on) = leader.map_or((Placement::Count(1), None), |place| {
            (place.placement, place.on.clone())
        });
        let there = all.hosts_of(on.as_ref());
        self.countable((name, &all.services[name]), placement, there, &beside.at);
        if let Some(place) = places.get_mut(name) {
            (place.placement, place.on) = (placement, on);
        }
    }
}
