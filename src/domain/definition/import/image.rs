//! Images that a foreign file builds by name, and the services that run them.

use super::super::place::At;
use super::super::yaml::{Entry, Node};
use super::tree;

/// An image that is built.
pub(super) struct Built {
    /// Its name, and where it was written.
    pub(super) name: String,
    /// Where the name was written.
    pub(super) at: At,
    /// How, as `build` of a service.
    pub(super) build: Node,
}

impl Built {
    /// Tells whether a reference names this image: by its name, whatever its tag.
    pub(super) fn is(&self, reference: &str) -> bool {
        bare(reference) == bare(&self.name)
    }

    /// Returns the keys of a service that runs it, `reference` being how it names the image.
    pub(super) fn keys(&self, reference: &Node) -> [Entry; 2] {
        [
            tree::entry("build", self.build.clone()),
            tree::entry("image", reference.clone()),
        ]
    }

    /// Returns a service that is there to be built alone, and its name: others may be built on it.
    pub(super) fn alone(&self, taken: impl Fn(&str) -> bool) -> Entry {
        let name = bare(&self.name);
        let name = name.rsplit('/').next().unwrap_or(name);
        let name = if taken(name) {
            format!("{name}-image")
        } else {
            name.to_owned()
        };
        let mut keys = Vec::from(self.keys(&tree::text(&self.at, self.name.as_str())));
        let profile = tree::text(&self.at, "build");
        keys.push(tree::entry("profiles", tree::list(&self.at, vec![profile])));
        tree::entry(&name, tree::map(&self.at, keys))
    }
}

/// Returns a reference without its tag or digest.
fn bare(reference: &str) -> &str {
    let name = reference.split('@').next().unwrap_or(reference);
    match name.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        Some(_) | None => name,
    }
}
