//! The tests: entries under `tests:`, and services that are tests by themselves.

use std::collections::BTreeMap;

use super::Resolver;
use super::options::nano;
use super::service::TEST;
use super::steps::Written;
use crate::domain::cluster::{Limits, Reports, Service, Subject, Test};
use crate::domain::definition::settings::{LimitsEntry, ReportsEntry, Settings, TestEntry};
use crate::domain::definition::{
    At, Named, Period, Problem, Real, Size, Spanned, Whole, Words, join, matrix, steps,
};
use crate::domain::name::{Cell, NetworkName, ServiceName, TestName};

impl Resolver<'_> {
    pub(super) fn tests(
        &mut self,
        services: &BTreeMap<ServiceName, Service>,
    ) -> BTreeMap<TestName, Test> {
        let mut tests = BTreeMap::new();
        for (name, entry) in entries(self.definition.settings.as_ref()) {
            // Only the matrix names cells.
            let Some(_) = self.name::<NetworkName>(name, &entry.key) else {
                continue;
            };
            for cell in self.cells_of(name, &entry.value) {
                let test = self.test(name, entry, &cell);
                tests.extend(cell.name(name).parse::<TestName>().ok().zip(test));
            }
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
            let own = Test::of(Subject::Service(name.clone()));
            if tests.insert(test, own).is_some() {
                self.two_of_a_name(name);
            }
        }
        tests
    }

    fn test(&mut self, name: &str, entry: &Named<TestEntry>, cell: &Cell) -> Option<Test> {
        let TestEntry {
            service,
            image,
            dockerfile,
            env,
            services,
            command,
            timeout,
            limits,
            internal,
            start_timeout,
            retries,
            reports,
            artifacts,
            needs,
            matrix,
        } = &entry.value;
        let written = Written {
            service: service.as_ref(),
            image: image.as_ref(),
            dockerfile: dockerfile.as_ref(),
            env: env.as_ref().map(|env| &env.at),
            services: services.as_ref().map(|services| &services.at),
        };
        let service = self.subject(name, &entry.key, &written);
        let limits = limits.as_ref().map(|limits| self.limits(&limits.value));
        let limit = |period: &Option<Spanned<Period>>, unless_said| {
            period.as_ref().map_or(unless_said, |period| period.value.0)
        };
        let reports = reports
            .as_ref()
            .map(|reports| self.reports(&reports.value, cell));
        let artifacts = artifacts.iter().flat_map(|all| &all.value);
        let mut artifacts: Vec<_> = artifacts
            .filter_map(|path| self.inside(path, cell))
            .collect();
        if image.is_some() || dockerfile.is_some() {
            // Its folder for them is there whatever else is said.
            artifacts.retain(|path| path != steps::ARTIFACTS);
            artifacts.push(steps::ARTIFACTS.to_owned());
        }
        Some(Test {
            subject: Subject::Service(service?),
            command: command.as_ref().map(|command| self.words(command, cell)),
            timeout: limit(timeout, Test::DEFAULT_TIMEOUT),
            start_timeout: limit(start_timeout, Test::DEFAULT_START),
            retries: retries.as_ref().map_or(0, |retries| retries.value),
            reports: reports.unwrap_or_default(),
            artifacts,
            limits: limits.unwrap_or_default(),
            internal: internal.as_ref().is_some_and(|flag| flag.value),
            needs: self.needs(name, needs.as_ref(), cell),
            fail_fast: matrix.as_ref().is_some_and(|matrix| matrix.value.fail_fast),
        })
    }

    /// Returns the cells of a test; one without values if it has no matrix, none if its matrix is wrong.
    pub(super) fn cells_of(&self, name: &str, entry: &TestEntry) -> Vec<Cell> {
        let matrix = self.definition.matrices.tests.get(name);
        match (matrix, &entry.matrix) {
            (Some(matrix), _) => matrix.cells.iter().cloned().collect(),
            (None, Some(_)) => Vec::new(),
            (None, None) => vec![Cell::default()],
        }
    }

    fn words(&mut self, written: &Spanned<Words>, cell: &Cell) -> Vec<String> {
        let words = written.value.0.iter();
        words
            .map(|word| self.filled(word, &written.at, cell))
            .collect()
    }

    /// Fills a cell into a text of a test.
    pub(super) fn filled(&mut self, text: &str, at: &At, cell: &Cell) -> String {
        matrix::filled(text, cell).unwrap_or_else(|(axis, range)| {
            let problem = Problem::error("unknown-axis", format!("the test has no axis `{axis}`"));
            let place = match at.place.slice().find(&text[range.clone()]) {
                Some(start) => at.place.part(start..start + range.len()),
                None => at.place.clone(),
            };
            let problem = problem.place(place, "not an axis of its matrix");
            self.tell(problem.did_you_mean(&axis, cell.iter().map(|(axis, _)| axis)));
            String::new()
        })
    }

    fn reports(&mut self, entry: &ReportsEntry, cell: &Cell) -> Reports {
        let ReportsEntry { junit, coverage } = entry;
        Reports {
            junit: junit.as_ref().and_then(|path| self.inside(path, cell)),
            coverage: coverage.as_ref().and_then(|path| self.inside(path, cell)),
        }
    }

    /// Takes a path of the test's container, which is absolute and not all of it.
    pub(super) fn inside(&mut self, path: &Spanned<String>, cell: &Cell) -> Option<String> {
        let text = self.filled(&path.value, &path.at, cell);
        let inside = text.starts_with('/').then(|| join("/", &text));
        let inside = inside.filter(|inside| inside != "/");
        if inside.is_none() {
            let message = format!("`{}` is no path in the test's container", path.value);
            let problem = Problem::error("invalid-value", message);
            self.tell(problem.at(&path.at, "expected an absolute path such as `/reports`"));
        }
        inside
    }

    fn limits(&mut self, written: &LimitsEntry) -> Limits {
        let LimitsEntry { cpus, memory, pids } = written;
        let number = |cpus: &Spanned<Real>| (nano(cpus.value), cpus.at.clone());
        let bytes = |size: &Spanned<Size>| (size.value.0, size.at.clone());
        let count = |count: &Spanned<Whole>| (count.value.0, count.at.clone());
        Limits {
            nano_cpus: self.some(cpus.as_ref().map(number), "cpus"),
            memory: self.some(memory.as_ref().map(bytes), "memory"),
            pids: self.some(pids.as_ref().map(count), "pids"),
        }
    }

    /// Tells of a limit that leaves nothing. The engine would take it for none.
    fn some(&mut self, limit: Option<(i64, At)>, what: &str) -> Option<i64> {
        let (limit, at) = limit?;
        if limit <= 0 {
            let problem = Problem::error(
                "invalid-value",
                format!("a limit of `{what}` leaves nothing"),
            );
            self.tell(problem.at(&at, "expected more than 0"));
        }
        Some(limit)
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

pub(super) fn entries(
    settings: Option<&Settings>,
) -> impl Iterator<Item = (&String, &Named<TestEntry>)> {
    let tests = settings.and_then(|settings| settings.tests.as_ref());
    let entries = tests.into_iter().flat_map(|tests| &tests.value.0);
    entries.map(|(name, entry)| (name, &**entry))
}
