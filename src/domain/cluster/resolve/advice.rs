//! What is allowed and surely not meant: told as warnings.

use std::cell::LazyCell;
use std::collections::BTreeSet;

use super::Resolver;
use super::environment::Services;
use crate::domain::cluster::{Condition, Healthcheck, Service, Source, image};
use crate::domain::definition::{Content, Place, Problem, Reading, compose, source};
use crate::domain::name::ServiceName;

/// Words in the names of variables that hold secrets.
const SECRET: &[&str] = &[
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "SECRET",
    "TOKEN",
    "API_KEY",
    "APIKEY",
    "PRIVATE_KEY",
    "ACCESS_KEY",
    "CREDENTIAL",
];
/// What follows where the variable names a place or a choice, and not the secret itself.
const NO_SECRET: &[&str] = &[
    "_FILE", "_PATH", "_URL", "_NAME", "_ID", "_TTL", "_LENGTH", "_TYPE",
];
/// Environments whose images should not move by themselves.
const PRODUCTION: &[&str] = &["production", "prod", "live"];

impl Resolver<'_> {
    /// Tells it of all services.
    pub(super) fn advise(&mut self, reading: &Reading, services: &Services) {
        for (name, service) in services {
            let written = reading.compose.services.as_ref();
            let Some(written) = written.and_then(|all| all.value.0.get(name.as_str())) else {
                continue;
            };
            self.awaited_health(&written.value, service, services);
        }
        self.open_secrets(reading, services);
    }

    /// Waiting for a service to be healthy that nobody asks for its health never ends.
    fn awaited_health(&mut self, written: &compose::Service, service: &Service, all: &Services) {
        for (other, dependency) in &service.depends_on {
            let Some(target) = all.get(other) else {
                continue;
            };
            let asked = dependency.condition == Condition::Healthy;
            if !asked || target.has_healthcheck() || self.image_asks(target) {
                continue;
            }
            let waits = written.depends_on.as_ref();
            let Some(waits) = waits.and_then(|all| all.value.0.0.get(other.as_str())) else {
                continue;
            };
            let message =
                format!("`{other}` is waited for to be healthy, and has no `healthcheck`");
            let problem = Problem::warning("no-healthcheck", message);
            self.tell(problem.at(&waits.at, "waits for it").help(format!(
                "give `{other}` a `healthcheck`; only if its image brings one, this is all right"
            )));
        }
    }

    /// Tells whether a service's own image is seen to bring a health check.
    fn image_asks(&self, service: &Service) -> bool {
        if service.healthcheck == Some(Healthcheck::Disabled) {
            return false;
        }
        let Source::Build(build) = &service.source else {
            return false;
        };
        let path = format!("{}/{}", self.surroundings.root, build.dockerfile.display());
        let directory = format!("{}/", self.surroundings.directory);
        let path = path.strip_prefix(&directory).unwrap_or(&path);
        let content = self.definition.file(path);
        let asks = |line: &str| {
            let line = line.trim_start().to_ascii_uppercase();
            line.strip_prefix("HEALTHCHECK")
                .is_some_and(|rest| rest.trim() != "NONE")
        };
        *content != Content::Missing
            && source(path, content).is_ok_and(|source| source.text.lines().any(asks))
    }

    /// A secret that is written down is one no more.
    fn open_secrets(&mut self, reading: &Reading, services: &Services) {
        let mut told: BTreeSet<Place> = BTreeSet::new();
        let uses = LazyCell::new(|| {
            let places = reading.uses.iter().map(|used| &used.place);
            places.collect::<BTreeSet<&Place>>()
        });
        let written = reading.compose.services.iter().flat_map(|all| &all.value.0);
        for (name, service) in written {
            let is_test = name
                .parse::<ServiceName>()
                .is_ok_and(|name| services.get(&name).is_none_or(|service| service.test_only));
            let pairs = service
                .value
                .environment
                .iter()
                .flat_map(|pairs| &pairs.value.0);
            for (variable, pair) in pairs.filter(|_| !is_test) {
                let literal = pair.value.as_ref().is_some_and(|value| !value.is_empty());
                let place = &pair.at.place;
                // decking's `TOKEN=-` uses a variable without a `$`.
                let filled = || place.slice().contains('$') || uses.contains(place);
                if !literal
                    || !is_secret(variable)
                    || filled()
                    || !told.insert(pair.at.place.clone())
                {
                    continue;
                }
                let message = format!("`{variable}` stands here for everybody to read");
                let problem = Problem::warning("open-secret", message);
                self.tell(problem.at(&pair.at, "written down").help(format!(
                    "take it from outside: `${{{variable}:?}}`, set in the shell or in `.env`"
                )));
            }
        }
    }

    /// An image that may become another one has no place in production.
    pub(super) fn moving_images(
        &mut self,
        environment: &str,
        reading: &Reading,
        services: &Services,
    ) {
        if !PRODUCTION.contains(&environment) {
            return;
        }
        for (name, service) in services {
            let Source::Image(reference) = &service.source else {
                continue;
            };
            let full = image::full(reference);
            if full.contains('@') || !full.ends_with(":latest") {
                continue;
            }
            let written = reading.compose.services.as_ref();
            let written = written.and_then(|all| all.value.0.get(name.as_str()));
            if let Some(at) = written.and_then(|service| service.value.image.as_ref()) {
                let message = format!("`{reference}` may be another image tomorrow");
                let problem = Problem::warning("moving-image", message);
                self.tell(problem.at(&at.at, "in production").help(
                    "name a version; what runs stays what was tested until `--pull` asks for a newer one",
                ));
            }
        }
    }
}

fn is_secret(variable: &str) -> bool {
    let upper = variable.to_ascii_uppercase();
    SECRET.iter().any(|word| upper.contains(word))
        && !NO_SECRET.iter().any(|end| upper.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_secrets_by_their_names() {
        for name in ["POSTGRES_PASSWORD", "github_token", "AWS_SECRET_ACCESS_KEY"] {
            assert!(is_secret(name), "{name}");
        }
        for name in ["POSTGRES_PASSWORD_FILE", "TOKEN_URL", "KEY", "PASS"] {
            assert!(!is_secret(name), "{name}");
        }
    }
}
