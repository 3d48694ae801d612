//! The environment variables of a service.

use std::collections::BTreeMap;

use super::Resolver;
use crate::domain::definition::{Problem, Reading, compose};

impl Resolver<'_> {
    pub(super) fn environment_of(
        &mut self,
        reading: &Reading,
        service: &compose::Service,
    ) -> BTreeMap<String, String> {
        let mut problems = Vec::new();
        let values = self.definition.environment(reading, service, &mut problems);
        problems.into_iter().for_each(|problem| self.tell(problem));
        for (name, pair) in service.environment.iter().flat_map(|pairs| &pairs.value.0) {
            if name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '=') {
                let message = format!("`{name}` is no name of a variable");
                let problem = Problem::error("bad-name", message);
                self.refuse(problem.at(&pair.at, "expected `NAME=value`"));
            }
        }
        // One that is set nowhere is unset, as in Compose.
        let set = values
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)));
        set.collect()
    }
}
