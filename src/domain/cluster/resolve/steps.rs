//! What tests and release steps are containers of.

use super::Resolver;
use super::names::Names;
use crate::domain::cluster::{Step, Subject, Test};
use crate::domain::definition::settings::ReleaseEntry;
use crate::domain::definition::{At, Problem, Spanned, steps};
use crate::domain::name::{NetworkName, ServiceName};

/// What a test or step says of what it is a container of.
pub(super) struct Written<'w> {
    pub(super) service: Option<&'w Spanned<String>>,
    pub(super) image: Option<&'w Spanned<String>>,
    pub(super) dockerfile: Option<&'w Spanned<String>>,
    /// Where `env` is.
    pub(super) env: Option<&'w At>,
    /// Where `services` is.
    pub(super) services: Option<&'w At>,
}

impl Resolver<'_> {
    /// Returns the service that a test or step of this name is a container of. An image or a Dockerfile of its own is a
    /// service of the same name.
    pub(super) fn subject(
        &mut self,
        name: &str,
        at: &At,
        written: &Written<'_>,
    ) -> Option<ServiceName> {
        let ways = [
            ("service", written.service.map(|value| &value.at)),
            ("image", written.image.map(|value| &value.at)),
            ("dockerfile", written.dockerfile.map(|value| &value.at)),
        ];
        let mut said = ways.into_iter().filter_map(|(key, at)| Some((key, at?)));
        let Some((first, first_at)) = said.next() else {
            let problem = Problem::error("missing-key", format!("`{name}` says nothing to run"));
            let problem = problem.at(at, "`service`, `image` or `dockerfile` is missing");
            self.tell(problem);
            return None;
        };
        if let Some((second, second_at)) = said.next() {
            self.disagree(first, first_at, second, second_at);
            return None;
        }
        let Some(service) = written.service else {
            return name.parse().ok();
        };
        for (key, at) in [("env", written.env), ("services", written.services)] {
            if let Some(at) = at {
                let message = format!("`{key}` is for an image or a Dockerfile of its own");
                let problem = Problem::error("conflict", message).at(at, "has no effect");
                self.tell(problem.help(format!("say it of service `{}`", service.value)));
            }
        }
        let names = Names::of(&self.definition.base);
        let known = self.known_service(&names, &service.value, &service.at);
        service.value.parse().ok().filter(|_| known)
    }

    /// Resolves what is run once the tests are green.
    pub(super) fn release(&mut self) -> Vec<Step> {
        let settings = self.definition.settings.as_ref();
        let written = settings.and_then(|settings| settings.release.as_ref());
        let mut all: Vec<Step> = Vec::new();
        for (index, entry) in written.into_iter().flat_map(|all| &all.value).enumerate() {
            let name = steps::name(index, &entry.value);
            let at = entry.value.name.as_ref().map_or(&entry.at, |name| &name.at);
            let Some(step) = self.step(&name, at, &entry.value) else {
                continue;
            };
            let taken = all.iter().any(|other| other.name == step.name);
            let settings = self.definition.settings.as_ref();
            let tests = settings.and_then(|settings| settings.tests.as_ref());
            if taken || tests.is_some_and(|tests| tests.value.0.contains_key(&name)) {
                let message = format!("two steps are called `{name}`");
                self.tell(Problem::error("duplicate-step", message).at(at, "rename this one"));
            }
            all.push(step);
        }
        all
    }

    fn step(&mut self, name: &str, at: &At, entry: &ReleaseEntry) -> Option<Step> {
        let ReleaseEntry {
            name: _,
            service,
            image,
            dockerfile,
            command,
            env,
            services,
            timeout,
        } = entry;
        // Only the matrix names cells.
        self.name::<NetworkName>(name, at)?;
        let written = Written {
            service: service.as_ref(),
            image: image.as_ref(),
            dockerfile: dockerfile.as_ref(),
            env: env.as_ref().map(|env| &env.at),
            services: services.as_ref().map(|services| &services.at),
        };
        let subject = Subject::Service(self.subject(name, at, &written)?);
        let timeout = timeout
            .as_ref()
            .map_or(Test::DEFAULT_TIMEOUT, |period| period.value.0);
        let command = command.as_ref().map(|command| command.value.0.clone());
        Some(Step {
            name: name.parse().ok()?,
            run: Test {
                command,
                timeout,
                ..Test::of(subject)
            },
        })
    }
}
