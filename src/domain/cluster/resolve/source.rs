//! Where a service's image comes from: an image reference, or a build.

use std::path::PathBuf;

use super::Resolver;
use crate::domain::cluster::{Source, image};
use crate::domain::definition::{At, Named, Problem, Reading, Severity, Spanned, compose, join};

impl Resolver<'_> {
    pub(super) fn source(
        &mut self,
        reading: &Reading,
        written: &Named<compose::Service>,
        build: Option<&Spanned<Box<compose::Build>>>,
        image: Option<&Spanned<String>>,
    ) -> Option<Source> {
        let image = image.filter(|image| !image.value.is_empty());
        if let Some(image) = image
            && let Some(why) = image::fault(&image.value)
            && !self.told_at(&image.at)
        {
            let message = format!("`{}` is no image reference", image.value);
            self.refuse(Problem::error("invalid-value", message).at(&image.at, why));
        }
        match (build, image) {
            (Some(build), image) => {
                let tag = image.map(|image| image.value.clone());
                let build = self.build(reading, build, tag)?;
                Some(Source::Build(Box::new(build)))
            }
            (None, Some(image)) => Some(Source::Image(image.value.clone())),
            // A misspelt `image` was told already.
            (None, None) if self.told_at(&written.at) => None,
            (None, None) => {
                let problem =
                    Problem::error("no-image", "the service has neither `image` nor `build`");
                let problem = problem.at(&written.key, "what should it run?");
                self.tell(problem.help("add a line such as `image: debian:trixie`, or `build: .`"));
                None
            }
        }
    }

    /// Tells whether an error was told within a value, which may be why something is missing from it.
    pub(super) fn told_at(&self, at: &At) -> bool {
        let inside = |problem: &Problem| {
            let error = problem.severity == Severity::Error;
            let place = problem.places.first();
            error && place.is_some_and(|(place, _)| at.place.contains(place))
        };
        self.problems.iter().any(inside)
    }

    /// Returns a path as the repository's root sees it.
    pub(super) fn in_repository(&mut self, path: &str, at: &At) -> Option<PathBuf> {
        let inside = self.in_root(path);
        if inside.is_none() {
            let root = &self.surroundings.root;
            let message = format!("`{path}` lies outside the repository");
            let problem = Problem::error("outside", message).at(at, "outside");
            self.refuse(problem.help(format!(
                "the repository is {root}; what is outside cannot be told by its commit"
            )));
        }
        inside
    }

    /// Returns a path as the repository's root sees it, or in full where it lies outside.
    pub(super) fn anywhere(&self, path: &str) -> PathBuf {
        let inside = self.in_root(path);
        inside.unwrap_or_else(|| join(&self.surroundings.directory, path).into())
    }

    fn in_root(&self, path: &str) -> Option<PathBuf> {
        let absolute = join(&self.surroundings.directory, path);
        let root = &self.surroundings.root;
        let inside = if absolute == *root {
            Some("")
        } else if root == "/" {
            absolute.strip_prefix('/')
        } else {
            let rest = absolute.strip_prefix(root.as_str());
            rest.and_then(|rest| rest.strip_prefix('/'))
        };
        inside.map(PathBuf::from)
    }
}
