//! How an environment is rolled out: the policy, and what has to answer.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Resolver;
use super::environment::Services;
use super::names::Names;
use crate::domain::cluster::{Probe, RolloutPolicy};
use crate::domain::definition::settings::{ProbeEntry, RolloutEntry};
use crate::domain::definition::{At, Mapping, Named, Period, Problem, Spanned};
use crate::domain::name::ServiceName;

impl Resolver<'_> {
    pub(super) fn rollout(&mut self, written: Option<&RolloutEntry>) -> RolloutPolicy {
        let default = RolloutPolicy::default();
        let Some(written) = written else {
            return default;
        };
        let RolloutEntry {
            max_in_flight,
            healthy_after,
            within,
            max_failures,
            guard,
        } = written;
        let limit = period(within).unwrap_or(default.within);
        let policy = RolloutPolicy {
            max_in_flight: max_in_flight
                .as_ref()
                .map_or(default.max_in_flight, |count| count.value),
            healthy_after: period(healthy_after).unwrap_or(default.healthy_after),
            within: limit,
            max_failures: max_failures
                .as_ref()
                .map_or(default.max_failures, |count| count.value),
            guard: period(guard).unwrap_or(limit + RolloutPolicy::GUARD_SLACK),
        };
        if let Some(zero) = max_in_flight.as_ref().filter(|count| count.value == 0) {
            self.impossible(
                "no host would ever be changed",
                &zero.at,
                "expected 1 or more",
            );
        }
        let longest = healthy_after.as_ref().or(within.as_ref());
        if let Some(period) = longest.filter(|_| policy.healthy_after > limit) {
            let why = "`healthy_after` is longer than `within`: no host could make it";
            self.impossible(why, &period.at, "too long");
        }
        if let Some(early) = guard.as_ref().filter(|_| policy.guard <= limit) {
            let why = "the guard would take a host back while it may still become healthy";
            self.impossible(why, &early.at, "expected more than `within`");
        }
        policy
    }

    fn impossible(&mut self, why: &str, at: &At, label: &str) {
        self.tell(Problem::error("invalid-value", why).at(at, label));
    }

    pub(super) fn probes(
        &mut self,
        names: &Names<'_>,
        services: &Services,
        written: Option<&Spanned<Mapping<ProbeEntry>>>,
    ) -> BTreeMap<ServiceName, Probe> {
        let mut probes = BTreeMap::new();
        for (name, entry) in written.into_iter().flat_map(|entries| &entries.value.0) {
            let service = self.placed_service(names, services, name, &entry.key);
            let probe = self.probe(name, entry);
            probes.extend(service.map(|(name, _)| name).zip(probe));
        }
        probes
    }

    fn probe(&mut self, name: &str, entry: &Named<ProbeEntry>) -> Option<Probe> {
        let ProbeEntry {
            http,
            port,
            tcp,
            exec,
        } = &entry.value;
        let probe = match (http, port, tcp, exec) {
            (Some(path), Some(port), None, None) => Some(Probe::Http {
                port: port.value,
                path: path.value.clone(),
            }),
            (None, None, Some(port), None) => Some(Probe::Tcp { port: port.value }),
            (None, None, None, Some(words)) if !words.value.0.is_empty() => Some(Probe::Exec {
                command: words.value.0.clone(),
            }),
            _ if self.told_at(&entry.at) => None,
            _ => {
                let why = format!("the probe of `{name}` is not one of three");
                self.impossible(
                    &why,
                    &entry.at,
                    "expected `http` and `port`, or `tcp`, or `exec`",
                );
                None
            }
        };
        let zero = [port, tcp]
            .into_iter()
            .flatten()
            .find(|port| port.value == 0);
        if let Some(port) = zero {
            self.impossible("0 is no port", &port.at, "expected a port from 1 to 65535");
        }
        if let Some(path) = http.as_ref().filter(|path| !path_fits(&path.value)) {
            let why = format!("`{}` is no path", path.value);
            self.impossible(&why, &path.at, "expected a path such as `/healthz`");
        }
        probe
    }
}

fn period(written: &Option<Spanned<Period>>) -> Option<Duration> {
    written.as_ref().map(|period| period.value.0)
}

fn path_fits(path: &str) -> bool {
    path.starts_with('/') && path.chars().all(|c| c.is_ascii_graphic())
}
