//! Keys of `longshore.yaml` that are read, and not carried out by this version.
//!
//! One without which something else would run than what is written is an error, the others are warnings. What is carried
//! out leaves this list, and is resolved where it belongs.

use super::Resolver;
use crate::domain::definition::settings::{EnvironmentEntry, Settings};
use crate::domain::definition::{At, Problem, Record};

impl Resolver<'_> {
    /// Tells of them all.
    pub(super) fn ahead(&mut self) {
        let Some(settings) = &self.definition.settings else {
            return;
        };
        self.ahead_of(settings);
        if let (Some(registry), Some(_)) = (&settings.registry, &settings.environments) {
            let message = "hosts do not pull from the registry yet";
            let problem = Problem::warning("not-yet", message).at(
                &registry.at,
                "takes what `release --push` gives it; hosts get their images over SSH",
            );
            self.refuse(problem);
        }
        let environments = settings.environments.iter();
        for environment in environments.flat_map(|all| all.value.0.values()) {
            self.ahead_of(&environment.value);
        }
    }

    fn ahead_of(&mut self, entry: &impl Ahead) {
        for (key, at) in entry.refused() {
            let message = format!("`{key}` is not carried out yet");
            let problem = Problem::error("not-yet", message).at(at, "would have no effect");
            self.refuse(problem.help("remove it until a version that does it"));
        }
        for (key, at) in entry.warned() {
            let message = format!("`{key}` is not carried out yet");
            self.refuse(Problem::warning("not-yet", message).at(at, "has no effect"));
        }
    }
}

type Keys<'a> = Vec<(&'static str, &'a At)>;

/// An entry of `longshore.yaml` that is ahead of what is carried out.
trait Ahead: Record {
    /// Keys without which something else would run.
    const REFUSED: &[&str];
    /// Keys that do no harm.
    const WARNED: &[&str];

    fn refused(&self) -> Keys<'_> {
        chosen(self.written(), Self::REFUSED)
    }

    fn warned(&self) -> Keys<'_> {
        chosen(self.written(), Self::WARNED)
    }
}

fn chosen<'a>(written: Keys<'a>, keys: &[&str]) -> Keys<'a> {
    let written = written.into_iter();
    written.filter(|(key, _)| keys.contains(key)).collect()
}

impl Ahead for Settings {
    const REFUSED: &[&str] = &[];
    const WARNED: &[&str] = &["notify"];
}

impl Ahead for EnvironmentEntry {
    const REFUSED: &[&str] = &["secrets"];
    const WARNED: &[&str] = &[];
}
