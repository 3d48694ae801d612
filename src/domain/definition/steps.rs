//! Steps that are an image or a Dockerfile of their own: each becomes a service for tests alone, as if it stood in the
//! Compose file, so that it is filled in, resolved, built and run like any other.
//!
//! Such a container finds the repository's files in [`BUILD`], which is its working folder, and leaves what is to be
//! kept in [`ARTIFACTS`].

use super::import::tree::{entry, list, map, text};
use super::place::{At, Spanned};
use super::problem::Problem;
use super::settings::{ReleaseEntry, Settings, TestEntry};
use super::values::Pairs;
use super::yaml::{Entry, Key, Node};

/// Where the repository's files are.
pub const BUILD: &str = "/build";
/// Where what is to be kept is left, and what tests kept is found.
pub const ARTIFACTS: &str = "/artifacts";

/// The variable that says where that is.
pub const ARTIFACTS_DIR: &str = "ARTIFACTS_DIR";

/// What a step is a container of.
struct Own<'s> {
    image: Option<&'s Spanned<String>>,
    dockerfile: Option<&'s Spanned<String>>,
    env: Option<&'s Spanned<Pairs>>,
    services: Option<&'s Spanned<Vec<Spanned<String>>>>,
}

impl Own<'_> {
    /// Writes it as a service; nothing if it is a container of a service that there is.
    fn service(&self, at: &At) -> Option<Node> {
        let mut keys = Vec::new();
        match (self.image, self.dockerfile) {
            (Some(image), _) => keys.push(entry("image", text(&image.at, &image.value))),
            (None, Some(file)) => {
                let context = entry("context", text(&file.at, "."));
                let name = entry("dockerfile", text(&file.at, &file.value));
                keys.push(entry("build", map(&file.at, vec![context, name])));
            }
            (None, None) => return None,
        }
        let mut pairs = Vec::new();
        for (name, value) in [("BUILD_DIR", BUILD), (ARTIFACTS_DIR, ARTIFACTS)] {
            pairs.push(entry(name, text(at, value)));
        }
        for (name, pair) in self.env.into_iter().flat_map(|env| &env.value.0) {
            let value = pair.value.clone().unwrap_or_else(|| format!("${{{name}}}"));
            pairs.retain(|own| own.key.text != *name);
            pairs.push(entry(name, text(&pair.at, value)));
        }
        let services = self.services.into_iter().flat_map(|all| &all.value);
        let services = services.map(|name| text(&name.at, &name.value)).collect();
        let mounts = [format!(".:{BUILD}"), ARTIFACTS.to_owned()];
        let mounts = mounts.map(|mount| text(at, mount));
        // A helper of tests: it is no test by itself, and is never placed.
        let label = entry("dev.longshore.test", text(at, "false"));
        keys.extend([
            entry("environment", map(at, pairs)),
            entry("working_dir", text(at, BUILD)),
            entry("volumes", list(at, Vec::from(mounts))),
            entry("profiles", list(at, vec![text(at, "test")])),
            entry("labels", map(at, vec![label])),
            entry("depends_on", list(at, services)),
        ]);
        Some(map(at, keys))
    }
}

/// Returns what a release step is called: its `name`, or which one it is.
#[must_use]
pub fn name(index: usize, written: &ReleaseEntry) -> String {
    let name = written.name.as_ref();
    name.map_or_else(
        || format!("release-{}", index + 1),
        |name| name.value.clone(),
    )
}

/// Returns the services that steps become, as a Compose file that is laid over the definition. A name that `known` has
/// already is told.
pub(super) fn services(
    settings: &Settings,
    known: &dyn Fn(&str) -> bool,
    problems: &mut Vec<Problem>,
) -> Option<Node> {
    let mut services: Vec<Entry> = Vec::new();
    let mut add = |name: &str, at: &At, own: Own<'_>| {
        let Some(service) = own.service(at) else {
            return;
        };
        if known(name) || services.iter().any(|other| other.key.text == name) {
            let message =
                format!("`{name}` is a container of its own, and has the name of another one");
            problems.push(Problem::error("duplicate-step", message).at(at, "rename this"));
            return;
        }
        let key = Key {
            text: name.to_owned(),
            at: at.clone(),
        };
        services.push(Entry {
            key,
            value: service,
        });
    };
    for (name, test) in settings.tests.iter().flat_map(|tests| &tests.value.0) {
        let TestEntry {
            image,
            dockerfile,
            env,
            services,
            ..
        } = &test.value;
        let (image, dockerfile) = (image.as_ref(), dockerfile.as_ref());
        add(
            name,
            &test.key,
            Own {
                image,
                dockerfile,
                env: env.as_ref(),
                services: services.as_ref(),
            },
        );
    }
    let release = settings.release.iter().flat_map(|all| &all.value);
    for (index, step) in release.enumerate() {
        let ReleaseEntry {
            image,
            dockerfile,
            env,
            services,
            ..
        } = &step.value;
        let (image, dockerfile) = (image.as_ref(), dockerfile.as_ref());
        let own = Own {
            image,
            dockerfile,
            env: env.as_ref(),
            services: services.as_ref(),
        };
        add(&name(index, &step.value), &step.at, own);
    }
    let at = services.first().map(|first| first.key.at.clone())?;
    Some(map(&at, vec![entry("services", map(&at, services))]))
}
