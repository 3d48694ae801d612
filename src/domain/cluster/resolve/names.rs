//! What may be named: the services, networks and volumes that a reading declares.

use std::collections::BTreeSet;

use super::Resolver;
use crate::domain::definition::{At, Problem, Reading};

/// The names that a reading declares.
pub struct Names<'a> {
    pub services: BTreeSet<&'a str>,
    pub networks: BTreeSet<&'a str>,
    pub volumes: BTreeSet<&'a str>,
    /// Whether the network `default` is named somewhere. Then it is a network like others, and whoever names none joins
    /// it; otherwise it stays the implicit one.
    pub explicit_default: bool,
}

impl<'a> Names<'a> {
    pub fn of(reading: &'a Reading) -> Self {
        let compose = &reading.compose;
        let services = compose.services.iter().flat_map(|all| &all.value.0);
        let joined = services
            .clone()
            .filter_map(|(_, service)| service.value.networks.as_ref());
        let joined = joined.flat_map(|networks| networks.value.0.0.keys());
        let keys = compose.networks.iter().flat_map(|all| all.value.0.keys());
        let mut networks: BTreeSet<&str> = keys.map(String::as_str).collect();
        let explicit_default =
            networks.contains("default") || joined.clone().any(|name| name == "default");
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
            explicit_default,
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
