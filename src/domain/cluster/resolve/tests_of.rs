//! The tests: entries under `tests:`, and services that are tests by themselves.

use std::collections::BTreeMap;

use super::Resolver;
use super::names::Names;
use super::service::TEST;
use crate::domain::cluster::{Service, Subject, Test};
use crate::domain::definition::settings::{Settings, TestEntry};
use crate::domain::definition::{Named, Problem};
use crate::domain::name::{ServiceName, TestName};

impl Resolver<'_> {
    pub(super) fn tests(
        &mut self,
        services: &BTreeMap<ServiceName, Service>,
    ) -> BTreeMap<TestName, Test> {
        let mut tests = BTreeMap::new();
        for (name, entry) in entries(self.definition.settings.as_ref()) {
            let parsed = self.name::<TestName>(name, &entry.key);
            tests.extend(parsed.zip(self.test(name, entry)));
        }
        for (name, service) in services.iter().filter(|(_, service)| service.test_only) {
            // A service that an entry runs is not run a second time, and one that only helps tests is none.
            let label = service.labels.get(TEST);
            let helper = label.is_some_and(|value| value == "false");
            let told = tests.values().any(|test| test.service() == Some(name));
            if helper || told {
                continue;
            }
            let Ok(test) = name.as_str().parse::<TestName>() else {
                continue;
            };
            let own = Test {
                subject: Subject::Service(name.clone()),
                command: None,
                timeout: Test::DEFAULT_TIMEOUT,
            };
            if tests.insert(test, own).is_some() {
                self.two_of_a_name(name);
            }
        }
        tests
    }

    fn test(&mut self, name: &str, entry: &Named<TestEntry>) -> Option<Test> {
        let TestEntry {
            service,
            command,
            timeout,
            // Told in `ahead`.
            retries: _,
            reports: _,
            artifacts: _,
            matrix: _,
        } = &entry.value;
        let Some(service) = service else {
            let message = format!("test `{name}` names no service");
            let problem = Problem::error("missing-key", message);
            self.tell(problem.at(&entry.key, "`service` is missing"));
            return None;
        };
        let names = Names::of(&self.definition.base);
        let known = self.known_service(&names, &service.value, &service.at);
        let limit = timeout.as_ref().map(|period| period.value.0);
        let service = service.value.parse().ok().filter(|_| known)?;
        Some(Test {
            subject: Subject::Service(service),
            command: command.as_ref().map(|command| command.value.0.clone()),
            timeout: limit.unwrap_or(Test::DEFAULT_TIMEOUT),
        })
    }

    fn two_of_a_name(&mut self, name: &ServiceName) {
        let message = format!("test `{name}` has the name of a test service, but runs another one");
        let problem = Problem::error("duplicate-test", message);
        let mut entries = entries(self.definition.settings.as_ref());
        let entry = entries.find(|(test, _)| *test == name.as_str());
        self.tell(match entry {
            Some((_, entry)) => problem.at(&entry.key, "rename this test"),
            None => problem,
        });
    }
}

fn entries(settings: Option<&Settings>) -> impl Iterator<Item = (&String, &Named<TestEntry>)> {
    let tests = settings.and_then(|settings| settings.tests.as_ref());
    let entries = tests.into_iter().flat_map(|tests| &tests.value.0);
    entries.map(|(name, entry)| (name, &**entry))
}
