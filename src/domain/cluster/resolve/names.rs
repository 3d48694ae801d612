//! What may be named: the services, networks and volumes that a reading declares.

use std::collections::BTreeSet;

use super::Resolver;
use crate::domain::definition::{At, Problem, Reading, compose};

/// The names that a reading declares.
pub struct Names<'a> {
    pub services: BTreeSet<&'a str>,
    pub networks: BTreeSet<&'a str>,
    pub volumes: BTreeSet<&'a str>,
    /// Whether the network `default` is there: somebody declares it, names it, or names no network at all.
    pub default: bool,
}

impl<'a> Names<'a> {
    pub fn of(reading: &'a Reading) -> Self {
        let compose = &reading.compose;
        let services = compose.services.iter().flat_map(|all| &all.value.0);
        let joins = |service: &compose::Service| match &service.networks {
            Some(joined) if !joined.value.0.0.is_empty() => {
                joined.value.0.0.contains_key("default")
            }
            Some(_) | None => service.network_mode.is_none(),
        };
        let default = services.clone().any(|(_, service)| joins(&service.value));
        let keys = compose.networks.iter().flat_map(|all| all.value.0.keys());
        let mut networks: BTreeSet<&str> = keys.map(String::as_str).collect();
        networks.insert("default");
        Self {
            services: services.map(|(name, _)| name.as_str()).collect(),
            networks,
            volumes: compose
                .volumes
                .iter()
                .flat_map(|all| all.value.0.keys())
                .map(String::as_str)
                .collect(),
            default,
        }
    }
}

impl Resolver<'_> {
    /// Tells whether a service is there, and says it if not.
    pub fn known_service(&mut self, names: &Names<'_>, name: &str, at: &At) -> bool {
        let known = names.services.contains(name);
        if !known {
            let message = format!("there is no service `{name}`");
            let problem = Problem::error("unknown-service", message).at(at, "not defined");
            self.tell(suggest(problem, name, &names.services, "services"));
        }
        known
    }

    /// Tells whether a network is declared, and says it if not.
    pub fn known_network(&mut self, names: &Names<'_>, name: &str, at: &At) -> bool {
        let known = names.networks.contains(name);
        if !known {
            let message = format!("network `{name}` is not declared");
            let problem = Problem::error("unknown-network", message).at(at, "not declared");
            let problem = problem.did_you_mean(name, names.networks.iter().copied());
            let help = format!("declare it at the end of the file: `networks: {{{name}: }}`");
            self.tell(problem.help(help));
        }
        known
    }

    /// Tells whether a volume is declared, and says it if not.
    pub fn known_volume(&mut self, names: &Names<'_>, name: &str, at: &At) -> bool {
        let known = names.volumes.contains(name);
        if !known {
            let message = format!("volume `{name}` is not declared");
            let problem = Problem::error("unknown-volume", message).at(at, "not declared");
            let problem = problem.did_you_mean(name, names.volumes.iter().copied());
            let declare = format!("declare it at the end of the file: `volumes: {{{name}: }}`");
            self.tell(problem.help(format!("{declare}, or write `./{name}` for a path")));
        }
        known
    }
}

fn suggest(problem: Problem, name: &str, known: &BTreeSet<&str>, what: &str) -> Problem {
    let before = problem.help.len();
    let problem = problem.did_you_mean(name, known.iter().copied());
    if problem.help.len() > before || known.is_empty() || known.len() > 10 {
        return problem;
    }
    let all: Vec<_> = known.iter().copied().collect();
    problem.help(format!("{what} defined: {}", all.join(", ")))
}
