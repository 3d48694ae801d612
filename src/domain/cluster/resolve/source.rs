//! Where a service's image comes from: an image reference, or a build with its Dockerfile.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::Resolver;
use crate::domain::cluster::{Build, Source, image};
use crate::domain::definition::{
    At, Content, Context, Named, Pairs, Problem, Reading, Severity, Spanned, compose, dockerfile,
    join, source,
};

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
                self.build(reading, build, tag).map(Source::Build)
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

    fn build(
        &mut self,
        reading: &Reading,
        written: &Spanned<Box<compose::Build>>,
        tag: Option<String>,
    ) -> Option<Build> {
        // Every key has to be taken into account here: one that is added to the definition fails to compile.
        let compose::Build {
            context,
            dockerfile,
            dockerfile_inline,
            args,
            target,
            labels,
            // Judged by `support` alone.
            additional_contexts: _,
            cache_from: _,
            cache_to: _,
            entitlements: _,
            extra_hosts: _,
            isolation: _,
            network: _,
            no_cache: _,
            no_cache_filter: _,
            platforms: _,
            privileged: _,
            provenance: _,
            pull: _,
            sbom: _,
            secrets: _,
            shm_size: _,
            ssh: _,
            tags: _,
            ulimits: _,
        } = &*written.value;
        if self.lenient {
            return None;
        }
        let remote = context.as_ref();
        let remote = remote.filter(|context| matches!(context.value, Context::Other(_)));
        if let Some(remote) = remote {
            let problem = Problem::error(
                "invalid-value",
                "a build's context has to be a folder of the repository",
            );
            let problem = problem.at(&remote.at, "not a folder");
            self.tell(
                problem
                    .help("clone it as a submodule, or build it where it lives and name its image"),
            );
            return None;
        }
        let args = arguments(reading, args.as_ref());
        let context_at = context.as_ref().map_or(&written.at, |context| &context.at);
        let folder = match context.as_ref().map(|context| &context.value) {
            Some(Context::Folder(folder)) => folder.0.clone(),
            Some(Context::Other(_)) | None => self.definition.folder.clone(),
        };
        let context = self.in_repository(&folder, context_at)?;
        if let Some(inline) = dockerfile_inline {
            let problem = Problem::error("unsupported", "`dockerfile_inline` is not built yet");
            let problem = problem.at(&inline.at, "written here");
            self.tell(problem.help("put it into a file, and name that with `dockerfile:`"));
            return None;
        }
        let path = self.definition.dockerfile(&written.value);
        let file_at = dockerfile.as_ref().map_or(context_at, |file| &file.at);
        let file = self.in_repository(&path, file_at)?;
        let bases = self.bases(&path, file_at, &args, target.as_ref());
        let target = target.as_ref().map(|target| target.value.clone());
        Some(Build {
            context,
            dockerfile: file,
            args,
            target,
            labels: self.labels(labels.as_ref()),
            tag,
            bases,
        })
    }

    fn bases(
        &mut self,
        path: &str,
        at: &At,
        args: &BTreeMap<String, String>,
        target: Option<&Spanned<String>>,
    ) -> Vec<String> {
        let content = self.definition.file(path);
        if *content == Content::Missing {
            let message = format!("there is no Dockerfile at {path}");
            let problem = Problem::error("missing-file", message).at(at, "needed by this build");
            self.tell(problem.help("create it, or name another one with `dockerfile:`"));
            return Vec::new();
        }
        match source(path, content) {
            Ok(source) => dockerfile::bases(&source, args, target, &mut self.problems),
            Err(problem) => {
                self.tell(problem.at(at, "named here"));
                Vec::new()
            }
        }
    }

    /// Returns a path as the repository's root sees it.
    pub(super) fn in_repository(&mut self, path: &str, at: &At) -> Option<PathBuf> {
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
        if inside.is_none() {
            let message = format!("`{path}` lies outside the repository");
            let problem = Problem::error("outside", message).at(at, "outside");
            self.refuse(problem.help(format!(
                "the repository is {root}; what is outside cannot be told by its commit"
            )));
        }
        inside.map(PathBuf::from)
    }
}

fn arguments(reading: &Reading, written: Option<&Spanned<Pairs>>) -> BTreeMap<String, String> {
    let pairs = written.into_iter().flat_map(|pairs| &pairs.value.0);
    pairs
        .filter_map(|(name, pair)| {
            let value = pair.value.clone();
            let value = value.or_else(|| reading.variables.get(name).cloned())?;
            Some((name.clone(), value))
        })
        .collect()
}
