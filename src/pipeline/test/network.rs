//! A test's network, also where the engine has run out of addresses.

use super::TestError;
use super::bed::Bed;
use crate::domain::name::Digest;
use crate::pipeline::reap::{Reach, reap};
use crate::system::engine::{EngineError, NetworkSpec};

/// How many ranges of our own choosing are tried.
const TRIES: u32 = 64;
/// How many ranges of 256 addresses there are in 198.18.0.0/15, which is set aside for tests (RFC 2544) and so never is
/// anybody's network.
const RANGES: u32 = 512;

impl Bed<'_> {
    /// Makes the network. If the engine's own ranges are all taken, what dead runs left is removed first, and if that is
    /// not enough a range of our own choosing is taken.
    pub(super) async fn network(&self, internal: bool) -> Result<(), TestError> {
        let spec = NetworkSpec {
            name: self.names.network(),
            internal,
            subnet: None,
            labels: self.names.labels.clone(),
        };
        let first = self.try_network(&spec).await;
        if !first.as_ref().is_err_and(EngineError::out_of_addresses) {
            return first.map_err(self.failed());
        }
        let reaped = reap(&self.tools.engine, &self.tools.events, Reach::Forgotten).await;
        let reaped = reaped.map_err(self.failed())?;
        if !reaped.removed.is_empty() {
            let again = self.try_network(&spec).await;
            if !again.as_ref().is_err_and(EngineError::out_of_addresses) {
                return again.map_err(self.failed());
            }
        }
        for subnet in subnets(&spec.name) {
            let own = NetworkSpec {
                subnet: Some(subnet),
                ..spec.clone()
            };
            let made = self.try_network(&own).await;
            if !made.as_ref().is_err_and(EngineError::overlaps) {
                return made.map_err(self.failed());
            }
        }
        Err(TestError::NoAddresses {
            test: self.wanted.test.clone(),
        })
    }

    async fn try_network(&self, spec: &NetworkSpec) -> Result<(), EngineError> {
        let (engine, spec) = (self.tools.engine.clone(), spec.clone());
        self.making(async move { engine.create_network(&spec).await })
            .await
    }
}

/// Returns ranges to try, each run beginning elsewhere so that parallel ones seldom meet.
fn subnets(name: &str) -> impl Iterator<Item = String> {
    let start = u32::from_str_radix(&Digest::of(name).hex()[..4], 16).unwrap_or_default();
    (0..TRIES).map(move |attempt| {
        // Odd, so that no range comes twice.
        let range = (start + attempt * 7) % RANGES;
        format!("198.{}.{}.0/24", 18 + range / 256, range % 256)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_range_is_another_one_and_set_aside_for_tests() {
        let ranges: BTreeSet<String> = subnets("longshore-1-unit").collect();
        assert_eq!(ranges.len(), 64);
        let within = |range: &String| range.starts_with("198.18.") || range.starts_with("198.19.");
        assert!(ranges.iter().all(within), "{ranges:?}");
        let others: BTreeSet<String> = subnets("longshore-2-unit").take(3).collect();
        assert_ne!(
            subnets("longshore-1-unit").take(3).collect::<BTreeSet<_>>(),
            others
        );
    }
}
