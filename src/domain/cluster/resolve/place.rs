//! Placement: how many instances of a service there are, and whether there can be so many.

use std::collections::BTreeMap;

use super::Resolver;
use super::environment::Services;
use super::names::Names;
use crate::domain::cluster::{Mount, MountSource, Place, Placement, Port, Service};
use crate::domain::definition::settings;
use crate::domain::definition::{At, Mapping, Problem, Spanned};
use crate::domain::name::ServiceName;

impl Resolver<'_> {
    pub(super) fn places(
        &mut self,
        names: &Names<'_>,
        services: &Services,
        hosts: usize,
        written: Option<&Spanned<Mapping<settings::PlaceEntry>>>,
    ) -> BTreeMap<ServiceName, Place> {
        let mut places = BTreeMap::new();
        for (name, entry) in written.into_iter().flat_map(|entries| &entries.value.0) {
            let Some((name, service)) = self.placed_service(names, services, name, &entry.key)
            else {
                continue;
            };
            let settings::PlaceEntry { mode, count } = &entry.value;
            let placement = match (mode, count) {
                (Some(_), None) => Placement::Global,
                (None, Some(count)) => Placement::Count(count.value),
                (Some(_), Some(count)) => {
                    let problem = Problem::error(
                        "invalid-value",
                        "`mode: global` has no count: it is one on every host",
                    );
                    self.tell(problem.at(&count.at, "remove this, or `mode`"));
                    continue;
                }
                (None, None) if self.told_at(&entry.at) => continue,
                (None, None) => {
                    let problem = Problem::error(
                        "missing-key",
                        format!("the place of `{name}` says nothing"),
                    );
                    self.tell(problem.at(&entry.key, "expected `mode: global` or `count`"));
                    continue;
                }
            };
            self.countable((&name, service), placement, hosts, &entry.at);
            places.insert(name, Place { placement });
        }
        places
    }

    fn countable(
        &mut self,
        (name, service): (&ServiceName, &Service),
        placement: Placement,
        hosts: usize,
        at: &At,
    ) {
        let many = match placement {
            Placement::Global => hosts > 1,
            Placement::Count(count) => count > 1,
        };
        let volume = |mount: &Mount| matches!(mount.source, MountSource::Volume(_));
        let fixed = |port: &Port| port.published.is_some();
        let crowded =
            matches!(placement, Placement::Count(count) if usize::from(count) > hosts.max(1));
        if many && service.one_shot {
            let message =
                format!("service `{name}` runs to its end, once: it cannot have several instances");
            self.tell(Problem::error("invalid-value", message).at(at, "more than one"));
        } else if matches!(placement, Placement::Count(_))
            && many
            && service.mounts.iter().any(volume)
        {
            let message = format!(
                "service `{name}` keeps data in a volume of one host: its instances would not share it"
            );
            let problem = Problem::error("invalid-value", message).at(at, "more than one");
            self.tell(problem.help("write `mode: global` if each host shall have data of its own"));
        } else if crowded && service.ports.iter().any(fixed) {
            let message = format!(
                "service `{name}` has more instances than there are hosts, on one host port"
            );
            let problem =
                Problem::error("port-taken", message).at(at, format!("there are {hosts} hosts"));
            self.tell(
                problem.help("publish no fixed host port, or count at most one for each host"),
            );
        }
    }

    /// Looks up a service that has to be placed in an environment.
    pub(super) fn placed_service<'s>(
        &mut self,
        names: &Names<'_>,
        services: &'s Services,
        name: &str,
        at: &At,
    ) -> Option<(ServiceName, &'s Service)> {
        if !self.known_service(names, name, at) {
            return None;
        }
        let found = services.iter().find(|(other, _)| other.as_str() == name);
        if found.is_none() {
            let message = format!("service `{name}` is not part of this environment");
            self.tell(
                Problem::error("not-placed", message).at(at, "only of tests, or of a profile"),
            );
        }
        found.map(|(name, service)| (name.clone(), service))
    }
}
