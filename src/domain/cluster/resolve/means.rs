//! What a repository is worked on with: the engines that build and test, and the registry that keeps releases. Neither
//! decides what runs, so that no release depends on them.

use std::collections::BTreeSet;

use super::Resolver;
use crate::domain::cluster::{EngineAddress, EngineAddressError, EngineEntry, RegistryName};
use crate::domain::definition::Problem;
use crate::domain::definition::settings::{EngineSettings, NamedEngine};

impl Resolver<'_> {
    /// Resolves `registry:`.
    pub(super) fn registry(&mut self) -> Option<RegistryName> {
        let written = self.definition.settings.as_ref()?.registry.as_ref()?;
        match written.value.parse() {
            Ok(registry) => Some(registry),
            Err(error) => {
                let message = format!("{:?} names no registry", written.value);
                let problem = Problem::error("bad-registry", message).at(&written.at, error.0);
                self.tell(
                    problem.help("write its host, and where in it: `registry.example.com/team`"),
                );
                None
            }
        }
    }

    /// Resolves `engines:`.
    pub(super) fn engines(&mut self) -> Vec<EngineEntry> {
        let settings = self.definition.settings.as_ref();
        let Some(written) = settings.and_then(|settings| settings.engines.as_ref()) else {
            return Vec::new();
        };
        let mut names = BTreeSet::new();
        let mut engines = Vec::new();
        for engine in &written.value.0 {
            let Some(entry) = self.engine(engine) else {
                continue;
            };
            if names.insert(entry.name.clone()) {
                engines.push(entry);
            } else {
                let message = format!("engine {} is named twice", entry.name);
                self.tell(
                    Problem::error("engine-twice", message).at(&engine.engine.at, "again here"),
                );
            }
        }
        engines
    }

    fn engine(&mut self, NamedEngine { name, engine }: &NamedEngine) -> Option<EngineEntry> {
        let EngineSettings {
            address,
            jobs,
            platform,
        } = &engine.value;
        let Some(address) = address else {
            let problem = Problem::error("missing-key", "an engine has no address");
            self.tell(problem.at(&engine.at, "`address` is missing"));
            return None;
        };
        if let Some(jobs) = jobs.as_ref().filter(|jobs| jobs.value == 0) {
            let problem = Problem::error("bad-jobs", "an engine with no jobs does nothing");
            self.tell(problem.at(&jobs.at, "has to be 1 or more"));
        }
        match address.value.parse::<EngineAddress>() {
            Ok(parsed) => Some(EngineEntry {
                name: name.clone().unwrap_or_else(|| parsed.to_string()),
                address: parsed,
                jobs: jobs.as_ref().map(|jobs| jobs.value),
                platform: platform.as_ref().map(|platform| platform.value.clone()),
            }),
            Err(error) => {
                let problem = Problem::error("bad-engine", error.to_string());
                let problem = problem.at(&address.at, "no address of an engine");
                self.tell(problem.help(EngineAddressError::FORMS));
                None
            }
        }
    }
}
