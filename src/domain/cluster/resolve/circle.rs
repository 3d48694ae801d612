//! Circles in what waits for what.

use std::collections::{BTreeMap, BTreeSet};

/// Returns a circle, if there is one: each one's follower stands after it, and the first one follows the last.
pub fn circle<N: Ord + Copy>(edges: &BTreeMap<N, BTreeSet<N>>) -> Option<Vec<N>> {
    let mut done = BTreeSet::new();
    for start in edges.keys() {
        let mut path = vec![*start];
        let mut on_path = BTreeSet::from([*start]);
        // For each node on the path, what is left to visit from it. No recursion: a chain may be long.
        let mut left = vec![followers(edges, *start)];
        while let Some(open) = left.last_mut() {
            let Some(next) = open.pop() else {
                left.pop();
                if let Some(node) = path.pop() {
                    on_path.remove(&node);
                    done.insert(node);
                }
                continue;
            };
            if on_path.contains(&next) {
                let before = path.iter().take_while(|node| **node != next).count();
                return Some(path.split_off(before));
            }
            if !done.contains(&next) {
                path.push(next);
                on_path.insert(next);
                left.push(followers(edges, next));
            }
        }
    }
    None
}

fn followers<N: Ord + Copy>(edges: &BTreeMap<N, BTreeSet<N>>, node: N) -> Vec<N> {
    edges
        .get(&node)
        .into_iter()
        .flatten()
        .rev()
        .copied()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edges(list: &[(u32, u32)]) -> BTreeMap<u32, BTreeSet<u32>> {
        let mut edges: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
        for (from, to) in list {
            edges.entry(*from).or_default().insert(*to);
        }
        edges
    }

    #[test]
    fn finds_a_circle_and_only_a_circle() {
        assert_eq!(circle(&edges(&[(1, 2), (1, 3), (2, 4), (3, 4)])), None);
        assert_eq!(
            circle(&edges(&[(1, 2), (2, 3), (3, 4), (4, 2)])),
            Some(vec![2, 3, 4])
        );
        assert_eq!(circle(&edges(&[(1, 1)])), Some(vec![1]));
    }
}
