//! How a service's image is built: context, Dockerfile, named contexts, and what else the builder is asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Resolver;
use crate::domain::cluster::{
    Build, BuildOptions, NamedContext, Remote, RemoteFault, SecretSource, default_tag, image,
};
use crate::domain::definition::dockerfile::{Base, Outside};
use crate::domain::definition::{
    At, Content, Context, Pairs, Problem, Reading, Source as Text, Spanned, Texts, compose,
    dockerfile, source,
};

/// A named context that is an image.
const IMAGE: &str = "docker-image://";
/// A named context that is another service's image.
const SERVICE: &str = "service:";

impl Resolver<'_> {
    pub(super) fn build(
        &mut self,
        reading: &Reading,
        written: &Spanned<Box<compose::Build>>,
        tag: Option<String>,
    ) -> Option<Build> {
        let options = self.build_options(reading, &written.value);
        // Every key has to be taken into account, here or in `build_options`: one that is added to the definition fails
        // to compile there.
        let compose::Build {
            context,
            dockerfile,
            dockerfile_inline,
            args,
            target,
            labels,
            additional_contexts,
            ..
        } = &*written.value;
        if self.lenient {
            return None;
        }
        let remote = match context {
            Some(Spanned {
                value: Context::Other(address),
                at,
            }) => Some(self.remote(address, at)?),
            Some(_) | None => None,
        };
        let args = arguments(reading, args.as_ref());
        let contexts = self.contexts(reading, additional_contexts.as_ref());
        let inline = dockerfile_inline.as_ref();
        let text = inline.map(|inline| self.inline(inline));
        let (context, file, text) = match &remote {
            // What its Dockerfile says is known once it was fetched.
            Some(remote) => {
                let name = dockerfile.as_ref().map_or("Dockerfile", |file| &file.value);
                (remote.folder.clone(), remote.folder.join(name), text)
            }
            None => {
                let at = context.as_ref().map_or(&written.at, |context| &context.at);
                let folder = match context.as_ref().map(|context| &context.value) {
                    Some(Context::Folder(folder)) => folder.0.clone(),
                    Some(Context::Other(_)) | None => self.definition.folder.clone(),
                };
                let context = self.in_repository(&folder, at)?;
                let at = dockerfile.as_ref().map_or(at, |file| &file.at);
                match text {
                    Some(text) => (context, Default::default(), Some(text)),
                    None => {
                        let path = self.definition.dockerfile(&written.value);
                        let file = self.in_repository(&path, at)?;
                        (context, file, self.dockerfile(&path, at))
                    }
                }
            }
        };
        let names: BTreeSet<String> = contexts.keys().cloned().collect();
        let outside = Outside {
            args: &args,
            contexts: &names,
        };
        let found =
            text.map(|text| dockerfile::bases(&text, outside, target.as_ref(), &mut self.problems));
        let (bases, used_contexts) = Base::divided(found.unwrap_or_default());
        let target = target.as_ref().map(|target| target.value.clone());
        Some(Build {
            remote,
            context,
            dockerfile: file,
            inline: inline.map(|inline| inline.value.clone()),
            args,
            target,
            labels: self.labels(labels.as_ref()),
            tag,
            bases,
            contexts,
            used_contexts,
            options,
        })
    }

    /// Reads the address of another repository.
    fn remote(&mut self, address: &str, at: &At) -> Option<Remote> {
        let (label, help) = match Remote::parse(address) {
            Ok(remote) => return Some(remote),
            Err(RemoteFault::NotGit) => (
                "neither a folder of the repository nor the address of one",
                "clone it as a submodule, or build it where it lives and name its image",
            ),
            Err(RemoteFault::NoCommit) => (
                "names no commit in full",
                "write `ADDRESS#COMMIT` with all its digits (`git ls-remote` tells): a branch or tag may be another tree tomorrow",
            ),
            Err(RemoteFault::Folder) => (
                "leads out of that repository",
                "write `ADDRESS#COMMIT:FOLDER`, the folder without `..`",
            ),
        };
        let message =
            "a build's context has to be a folder, of this repository or of a commit of another";
        let problem = Problem::error("invalid-value", message).at(at, label);
        self.tell(problem.help(help));
        None
    }

    fn contexts(
        &mut self,
        reading: &Reading,
        written: Option<&Spanned<compose::Contexts>>,
    ) -> BTreeMap<String, NamedContext> {
        let mut contexts = BTreeMap::new();
        for (name, context) in written.into_iter().flat_map(|all| &all.value.0) {
            let at = &context.at;
            let found = match &context.value {
                Context::Folder(folder) => {
                    self.in_repository(&folder.0, at).map(NamedContext::Folder)
                }
                Context::Other(text) => {
                    if let Some(reference) = text.strip_prefix(IMAGE) {
                        self.image_context(reference, at)
                    } else if let Some(service) = text.strip_prefix(SERVICE) {
                        // Whether there is such a service that is built was told already.
                        self.tag_of(reading, service).map(NamedContext::Image)
                    } else {
                        let message = "an additional context has to be a folder of the repository or an image";
                        let problem = Problem::error("invalid-value", message).at(at, "neither");
                        self.tell(problem.help("clone it as a submodule"));
                        None
                    }
                }
            };
            contexts.extend(found.map(|context| (name.clone(), context)));
        }
        contexts
    }

    fn image_context(&mut self, reference: &str, at: &At) -> Option<NamedContext> {
        match image::fault(reference) {
            None => Some(NamedContext::Image(reference.to_owned())),
            Some(why) => {
                let message = format!("`{reference}` is no image reference");
                self.tell(Problem::error("invalid-value", message).at(at, why));
                None
            }
        }
    }

    /// Returns the name that a service's image gets.
    fn tag_of(&self, reading: &Reading, service: &str) -> Option<String> {
        let services = &reading.compose.services.as_ref()?.value.0;
        let written = services.get(service)?.value.image.as_ref();
        let written = written.map(|image| image.value.clone());
        let written = written.filter(|image| !image.is_empty());
        written.or_else(|| Some(default_tag(self.cluster_text()?, &service.parse().ok()?)))
    }

    /// Takes the Dockerfile that the definition itself holds.
    fn inline(&self, inline: &Spanned<String>) -> Arc<Text> {
        let path = format!("{} (dockerfile_inline)", inline.at.place.path());
        let text = inline.value.clone();
        Arc::new(Text { path, text })
    }

    fn dockerfile(&mut self, path: &str, at: &At) -> Option<Arc<Text>> {
        let content = self.definition.file(path);
        if *content == Content::Missing {
            let message = format!("there is no Dockerfile at {path}");
            let problem = Problem::error("missing-file", message).at(at, "needed by this build");
            self.tell(problem.help("create it, or name another one with `dockerfile:`"));
            return None;
        }
        match source(path, content) {
            Ok(source) => Some(source),
            Err(problem) => {
                self.tell(problem.at(at, "named here"));
                None
            }
        }
    }

    fn build_options(&mut self, reading: &Reading, written: &compose::Build) -> BuildOptions {
        let compose::Build {
            // Read in `build`.
            context: _,
            dockerfile: _,
            dockerfile_inline: _,
            args: _,
            target: _,
            labels: _,
            additional_contexts: _,
            // Judged by `support` alone.
            isolation: _,
            provenance: _,
            sbom: _,
            cache_from,
            cache_to,
            entitlements,
            extra_hosts,
            network,
            no_cache,
            no_cache_filter,
            platforms,
            privileged,
            pull,
            secrets,
            shm_size,
            ssh,
            tags,
            ulimits,
        } = written;
        let mut granted: BTreeSet<String> = texts(entitlements.as_ref()).into_iter().collect();
        if is(privileged.as_ref()) {
            granted.insert("security.insecure".to_owned());
        }
        let keys = ssh.iter().flat_map(|ssh| &ssh.value.0);
        let keys = keys.map(|(id, path)| {
            let path = path.as_ref().map(|path| self.anywhere(&path.0));
            (id.clone(), path)
        });
        let filter = no_cache_filter.iter().flat_map(|all| &all.value.0);
        let limits = ulimits.iter().flat_map(|limits| &limits.value.0);
        BuildOptions {
            ssh: keys.collect(),
            cache_from: texts(cache_from.as_ref()),
            cache_to: texts(cache_to.as_ref()),
            network: network.as_ref().map(|network| network.value.clone()),
            shm_size: shm_size.as_ref().map(|size| size.value.0),
            ulimits: limits
                .map(|(name, limit)| (name.clone(), (limit.value.soft, limit.value.hard)))
                .collect(),
            extra_hosts: extra_hosts
                .iter()
                .flat_map(|hosts| hosts.value.0.iter().cloned())
                .collect(),
            no_cache: is(no_cache.as_ref()),
            no_cache_filter: filter.map(|stage| stage.value.clone()).collect(),
            pull: is(pull.as_ref()),
            entitlements: granted,
            tags: texts(tags.as_ref()),
            platform: self.platform(platforms.as_ref()),
            secrets: self.build_secrets(reading, secrets.as_ref()),
        }
    }

    fn platform(&mut self, written: Option<&Spanned<Texts>>) -> Option<String> {
        let written = written?;
        match written.value.0.as_slice() {
            [] => None,
            [one] => Some(one.value.clone()),
            [_, ..] => {
                let message = "an image is built for one platform";
                let problem = Problem::error("unsupported", message);
                let problem = problem.at(&written.at, "several of them");
                self.refuse(problem.help(
                    "what is tested here runs on the engine's platform: keep that one, or leave `platforms` out",
                ));
                None
            }
        }
    }

    fn build_secrets(
        &mut self,
        reading: &Reading,
        grants: Option<&Spanned<compose::Grants>>,
    ) -> BTreeMap<String, SecretSource> {
        let mut secrets = BTreeMap::new();
        let declared = reading.compose.secrets.as_ref();
        for grant in grants.into_iter().flat_map(|grants| &grants.value.0) {
            // What is missing was told already.
            let Some(source) = &grant.value.source else {
                continue;
            };
            let Some(secret) = declared.and_then(|all| all.value.0.get(&source.value)) else {
                continue;
            };
            let id = grant.value.target.as_ref().unwrap_or(source).value.clone();
            let secret = &secret.value;
            let from = match (&secret.file, &secret.environment) {
                (Some(file), _) => SecretSource::File(self.anywhere(&file.value.0)),
                (None, Some(variable)) => SecretSource::Variable(variable.value.clone()),
                (None, None) => {
                    let message = format!("a build cannot get the secret `{}`", source.value);
                    let problem = Problem::error("unsupported", message);
                    let problem = problem.at(&source.at, "kept by somebody else");
                    self.refuse(problem.help("give it a `file` or an `environment` variable"));
                    continue;
                }
            };
            secrets.insert(id, from);
        }
        secrets
    }
}

/// Sorts what stages come from: images, and named contexts.
fn texts(written: Option<&Spanned<Texts>>) -> Vec<String> {
    let texts = written.into_iter().flat_map(|texts| &texts.value.0);
    texts.map(|text| text.value.clone()).collect()
}

fn is(flag: Option<&Spanned<bool>>) -> bool {
    flag.is_some_and(|flag| flag.value)
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
