//! What a build is made from, found by its identity: a name in a Dockerfile may go to another image at any time, by a pull
//! or another checkout's build.

use std::collections::BTreeMap;

use super::BuildError;
use crate::domain::cluster::{Build, NamedContext};
use crate::domain::definition::dockerfile::Base;
use crate::domain::ledger::ImageIdentity;
use crate::domain::plan::build::Wanted;
use crate::pipeline::Tools;

/// The repository under which bases are found by their identity.
const PINNED: &str = "longshore.local/base";

/// What each base is expected to be, by reference.
pub(super) type Bases = BTreeMap<String, ImageIdentity>;

/// Names by which a build finds exactly what it is made from.
#[derive(Debug, Default)]
pub(super) struct Pins {
    /// By reference.
    images: BTreeMap<String, String>,
    /// By the named context.
    folders: BTreeMap<String, String>,
}

impl Pins {
    /// Gives each image that one is made from a name of its identity.
    pub(super) async fn of(
        tools: &Tools,
        image: &Wanted,
        parents: &Bases,
    ) -> Result<Self, BuildError> {
        let mut pins = Self::default();
        for (base, identity) in parents.iter().chain(&image.bases) {
            let pin = format!("{PINNED}:{}", identity.config.hex());
            let found = match tools.engine.find(identity, &pin).await? {
                Some(found) => Some(found),
                None => tools.fleet.bring(identity, base, &tools.engine).await?,
            };
            let found = found.ok_or_else(|| BuildError::BaseGone {
                base: base.clone(),
                service: image.services[0].clone(),
            })?;
            if !found.tags.contains(&pin) {
                tools.engine.tag(&found.id, &pin).await?;
            }
            pins.images.insert(base.clone(), pin);
        }
        Ok(pins)
    }

    /// Takes the name of the image that holds a folder's files.
    pub(super) fn folder(&mut self, context: &str, pin: String) {
        self.folders.insert(context.to_owned(), pin);
    }

    /// Returns what a Dockerfile says in place of a base.
    pub(super) fn pin(&self, build: &Build, base: &Base) -> Option<String> {
        let reference = match base {
            Base::Image(reference) => reference,
            Base::Context(name) => match build.contexts.get(name)? {
                NamedContext::Folder(_) => return self.folders.get(name).cloned(),
                NamedContext::Image(reference) if reference == "scratch" => {
                    return Some(reference.clone());
                }
                NamedContext::Image(reference) => reference,
            },
        };
        self.images.get(reference).cloned()
    }

    /// Returns what a person knows the pins by.
    pub(super) fn known_as(&self) -> BTreeMap<String, String> {
        let pins = self.images.iter().chain(&self.folders);
        pins.map(|(known, pin)| (pin.clone(), known.clone()))
            .collect()
    }
}
