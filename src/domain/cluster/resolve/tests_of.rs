//! The tests: entries under `tests:`, and services that are tests by themselves.

use std::collections::BTreeMap;

use super::Resolver;
use super::names::Names;
use super::service::TEST;
use crate::domain::cluster::{Service, Test};
use crate::domain::definition::{Problem, settings};
use crate::domain::name::{ServiceName, TestName};

impl Resolver<'_> {
    pub(super) fn tests(
        &mut self,
        services: &BTreeMap<ServiceName, Service>,
    ) -> BTreeMap<TestName, Test> {
        let mut tests = BTreeMap::new();
        let names = Names::of(&self.definition.base);
        let settings = self.definition.settings.as_ref();
        let entries = settings.and_then(|settings| settings.tests.as_ref());
        for (name, entry) in entries.into_iter().flat_map(|entries| &entries.value.0) {
            let parsed = self.name::<TestName>(name, &entry.key);
            let settings::TestEntry {
                service,
                command,
                timeout,
            } = &entry.value;
            let Some(service) = service else {
                let problem =
                    Problem::error("missing-key", format!("test `{name}` names no service"));
                self.tell(problem.at(&entry.key, "`service` is missing"));
                continue;
            };
            if !self.known_service(&names, &service.value, &service.at) {
                continue;
            }
            let Some(service) = service.value.parse::<ServiceName>().ok() else {
                continue;
            };
            let command = command.as_ref().map(|command| command.value.0.clone());
            let timeout = timeout
                .as_ref()
                .map_or(Test::DEFAULT_TIMEOUT, |period| period.value.0);
            tests.extend(parsed.map(|name| {
                (
                    name,
                    Test {
                        service,
                        command,
                        timeout,
                    },
                )
            }));
        }
        for (name, service) in services.iter().filter(|(_, service)| service.test_only) {
            // A service that an entry runs is not run a second time, and one that only helps tests is none.
            let helper = service
                .labels
                .get(TEST)
                .is_some_and(|value| value == "false");
            let told = tests.values().any(|test| test.service == *name);
            if helper || told {
                continue;
            }
            let Ok(test) = name.as_str().parse::<TestName>() else {
                continue;
            };
            let own = Test {
                service: name.clone(),
                command: None,
                timeout: Test::DEFAULT_TIMEOUT,
            };
            if tests.insert(test, own).is_some() {
                let entries = entries.map(|entries| &entries.value.0);
                let entry = entries.and_then(|entries| entries.get(name.as_str()));
                let message =
                    format!("test `{name}` has the name of a test service, but runs another one");
                let problem = Problem::error("duplicate-test", message);
                self.tell(match entry {
                    Some(entry) => problem.at(&entry.key, "rename this test"),
                    None => problem,
                });
            }
        }
        tests
    }
}
