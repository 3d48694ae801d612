//! Hosts for groups of services some of which may not meet.

use std::collections::BTreeSet;

use super::Draft;
use crate::domain::name::ServiceName;

type Group<'a> = BTreeSet<&'a ServiceName>;

/// Finds hosts for groups some of which may not meet: the first choice of each, and others where that does not go.
pub(super) struct Search<'s, 'a> {
    draft: &'s Draft<'a>,
    /// The groups that may not meet others, and where each may go.
    disputed: Vec<(&'s Group<'a>, &'s [usize])>,
    tries: usize,
}

impl<'s, 'a> Search<'s, 'a> {
    /// So many choices are tried before the conflict is told instead: a second's work, for what a person can solve by
    /// naming hosts.
    const MOST_TRIES: usize = 100_000;

    /// Returns a host for each group: the first choices if nothing else is found, and none where there is no choice.
    pub(super) fn hosts(
        draft: &'s Draft<'a>,
        groups: &'s [Group<'a>],
        choices: &'s [Vec<usize>],
    ) -> Vec<Option<usize>> {
        let mut hosts: Vec<_> = choices.iter().map(|some| some.first().copied()).collect();
        let names = draft.disputed();
        let disputed = |group: &Group<'_>| group.iter().any(|name| names.contains(*name));
        let places: Vec<_> = (0..groups.len())
            .filter(|place| disputed(&groups[*place]) && !choices[*place].is_empty())
            .collect();
        let each = places.iter();
        let mut search = Self {
            draft,
            disputed: each
                .map(|place| (&groups[*place], choices[*place].as_slice()))
                .collect(),
            tries: 0,
        };
        let mut chosen = Vec::with_capacity(places.len());
        if search.from(&mut chosen) {
            for (place, host) in places.into_iter().zip(chosen) {
                hosts[place] = Some(host);
            }
        }
        hosts
    }

    fn from(&mut self, chosen: &mut Vec<usize>) -> bool {
        let Some((group, hosts)) = self.disputed.get(chosen.len()).copied() else {
            return true;
        };
        for host in hosts {
            self.tries += 1;
            if self.tries > Self::MOST_TRIES {
                return false;
            }
            if self.agrees(group, *host, chosen) {
                chosen.push(*host);
                if self.from(chosen) {
                    return true;
                }
                chosen.pop();
            }
        }
        false
    }

    fn agrees(&self, group: &Group<'_>, host: usize, chosen: &[usize]) -> bool {
        let there = self.disputed.iter().zip(chosen);
        let mut there = there.filter(|(_, chosen)| **chosen == host);
        let apart = |other: &Group<'_>| {
            let mut pairs = group.iter().flat_map(|a| other.iter().map(move |b| (a, b)));
            pairs.any(|(a, b)| self.draft.at_odds(a, b))
        };
        self.draft.agree(group.iter().copied(), host) && !there.any(|((other, _), _)| apart(other))
    }
}
