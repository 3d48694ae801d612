//! Building by Docker's buildx plugin, for what needs a session with BuildKit: secrets, SSH, caches elsewhere.
//!
//! The context goes to its standard input; what BuildKit says comes back as JSON on standard error. Of a secret the
//! plugin is told where it is, never what it is.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use futures_util::TryStreamExt;
use tokio::io::AsyncWriteExt;
use tokio::process::{ChildStderr, ChildStdin};

use super::build::{BuildSpec, known};
use super::progress::{Progress, Told};
use super::rawjson::{Message, Messages};
use super::{Engine, EngineError};
use crate::domain::cluster::{Build, SecretSource};
use crate::system::checkout::TarStream;
use crate::system::process::Beside;
use crate::system::{docker_config, environment};

/// What the plugin is called.
const NAME: &str = "docker-buildx";
/// Where plugins are, after the user's own (docker/cli, `cli-plugins/manager`).
const FOLDERS: [&str; 4] = [
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
];
/// Shorter texts are found everywhere; hiding them would tell them.
const SHORTEST_HIDDEN: usize = 4;
/// Files of secrets up to this size are hidden in what is told; a larger one is no password.
const LARGEST_HIDDEN: u64 = 64 * 1024;

/// Finds the plugin where Docker's own command would.
pub(super) fn find() -> Option<PathBuf> {
    let own = docker_config::folder().join("cli-plugins");
    let folders = std::iter::once(own).chain(FOLDERS.map(PathBuf::from));
    let mut plugins = folders.map(|folder| folder.join(NAME));
    plugins.find(|plugin| plugin.is_file())
}

impl Engine {
    pub(super) async fn by_plugin(
        &self,
        spec: &BuildSpec<'_>,
        context: TarStream,
        tell: impl FnMut(Told<'_>),
    ) -> Result<String, EngineError> {
        let failed = |why: String| EngineError::Plugin { why };
        let plugin = find().ok_or_else(|| failed(format!("{NAME} is gone")))?;
        let known_as = hidden(spec)?;
        let folder = tempfile::tempdir().map_err(|error| failed(error.to_string()))?;
        let id = folder.path().join("id");
        let host = self.docker_host();
        let certificates = self.place.certificates.as_ref();
        let certificates = certificates.map(|folder| folder.display().to_string());
        let variables = [
            ("DOCKER_HOST", Some(host.as_str())),
            ("DOCKER_TLS_VERIFY", certificates.as_ref().map(|_| "1")),
            ("DOCKER_CERT_PATH", certificates.as_deref()),
            ("DOCKER_CONTEXT", None),
            ("BUILDX_BUILDER", None),
            ("BUILDX_NO_DEFAULT_ATTESTATIONS", Some("1")),
            ("NO_COLOR", Some("1")),
        ];
        let mut running = Beside::start(&plugin, &arguments(spec, &id), &variables)
            .map_err(|error| failed(error.to_string()))?;
        let (input, output) = running
            .pipes()
            .ok_or_else(|| failed("it has no pipes".to_owned()))?;
        let progress = Progress::new(&known_as);
        let (sent, said) = tokio::join!(send(context, input), follow(output, progress, tell));
        let said = said.map_err(|error| failed(error.to_string()))?;
        let status = running.wait().await;
        let status = status.map_err(|error| failed(error.to_string()))?;
        if status.success() {
            let id = std::fs::read_to_string(&id).map_err(|error| failed(error.to_string()))?;
            return Ok(id.trim().to_owned());
        }
        // What could not be read here is why the plugin got half of it.
        let unsent = sent.err().map(|error| error.to_string());
        let reason = unsent.or(said.reason).unwrap_or_else(|| status.to_string());
        Err(EngineError::Build {
            reason: known(&known_as, reason),
            tail: said.tail,
        })
    }
}

/// Sends the context. A plugin that ended wanted no more of it, and says itself why.
async fn send(mut context: TarStream, mut input: ChildStdin) -> std::io::Result<()> {
    while let Some(chunk) = context.try_next().await? {
        if input.write_all(&chunk).await.is_err() {
            break;
        }
    }
    Ok(())
}

/// What the plugin said.
struct Said {
    /// Why it failed, if it did.
    reason: Option<String>,
    /// The last lines of progress.
    tail: Vec<String>,
}

/// How many lines are kept that are no progress.
const MOST_REST: usize = 20;

/// Tells what the plugin says, to its end.
async fn follow(
    output: ChildStderr,
    mut progress: Progress,
    mut tell: impl FnMut(Told<'_>),
) -> std::io::Result<Said> {
    let mut messages = Messages::new(output);
    // What is no progress: warnings, and why it failed.
    let mut rest: Vec<String> = Vec::new();
    while let Some(message) = messages.next().await? {
        match message {
            Message::Status(status) => progress.status(&status, &mut tell),
            Message::Text(line) if rest.len() < MOST_REST => rest.push(line),
            Message::Text(_) => {}
        }
    }
    let (failed, tail) = progress.end(tell);
    let said = rest.iter().find_map(|line| line.strip_prefix("ERROR: "));
    let said = said.map(str::to_owned);
    let all = (!rest.is_empty()).then(|| rest.join(" "));
    Ok(Said {
        reason: failed.or(said).or(all),
        tail,
    })
}

/// Returns what a person sees in place of pins and of secrets.
fn hidden(spec: &BuildSpec<'_>) -> Result<BTreeMap<String, String>, EngineError> {
    let mut known_as = spec.known_as.clone();
    for (id, source) in &spec.build.options.secrets {
        let value = match source {
            SecretSource::Variable(name) => {
                environment::variable(name).ok_or_else(|| EngineError::Secret {
                    id: id.clone(),
                    why: format!("variable {name} is not set"),
                })?
            }
            SecretSource::File(path) => {
                let path = spec.root.join(path);
                let unread = |error: std::io::Error| EngineError::Secret {
                    id: id.clone(),
                    why: format!("{}: {error}", path.display()),
                };
                let size = std::fs::metadata(&path).map_err(unread)?.len();
                if size > LARGEST_HIDDEN {
                    continue;
                }
                let bytes = std::fs::read(&path).map_err(unread)?;
                String::from_utf8_lossy(&bytes).into_owned()
            }
        };
        let lines = value.lines().map(str::trim);
        for line in lines.filter(|line| line.len() >= SHORTEST_HIDDEN) {
            known_as.insert(line.to_owned(), format!("[secret {id}]"));
        }
    }
    Ok(known_as)
}

fn arguments(spec: &BuildSpec<'_>, id: &Path) -> Vec<String> {
    let Build {
        args,
        target,
        labels,
        options,
        ..
    } = spec.build;
    let mut words: Vec<String> = ["build", "--progress=rawjson", "--load"]
        .map(str::to_owned)
        .into();
    let mut option = |name: &str, value: String| words.extend([format!("--{name}"), value]);
    // Any other one sees no images of the engine.
    option("builder", "default".to_owned());
    option("iidfile", id.display().to_string());
    option("file", spec.dockerfile.clone());
    for (name, value) in args {
        option("build-arg", format!("{name}={value}"));
    }
    for (name, value) in labels {
        option("label", format!("{name}={value}"));
    }
    let one = [
        ("target", target.clone()),
        ("platform", options.platform.clone()),
        ("network", options.network.clone()),
        ("shm-size", options.shm_size.map(|size| size.to_string())),
    ];
    for (name, value) in one {
        value.into_iter().for_each(|value| option(name, value));
    }
    for (id, source) in &options.secrets {
        let source = match source {
            SecretSource::Variable(name) => format!("env={name}"),
            SecretSource::File(path) => field("src", &spec.root.join(path)),
        };
        option("secret", format!("id={id},{source}"));
    }
    for (id, key) in &options.ssh {
        option(
            "ssh",
            match key {
                Some(path) => format!("{id}={}", spec.root.join(path).display()),
                None => id.clone(),
            },
        );
    }
    for (name, (soft, hard)) in &options.ulimits {
        option("ulimit", format!("{name}={soft}:{hard}"));
    }
    for (name, address) in &options.extra_hosts {
        option("add-host", format!("{name}:{address}"));
    }
    let many = [
        ("cache-from", &options.cache_from),
        ("cache-to", &options.cache_to),
        ("no-cache-filter", &options.no_cache_filter),
    ];
    for (name, values) in many {
        values.iter().for_each(|value| option(name, value.clone()));
    }
    for entitlement in &options.entitlements {
        option("allow", entitlement.clone());
    }
    if spec.no_cache || options.no_cache {
        words.push("--no-cache".to_owned());
    }
    words.push("-".to_owned());
    words
}

/// Writes a field of comma-separated values (RFC 4180), as the plugin reads them.
fn field(name: &str, path: &Path) -> String {
    let text = format!("{name}={}", path.display());
    if text.contains([',', '"']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::cluster::BuildOptions;

    fn spec<'b>(build: &'b Build, known_as: &'b BTreeMap<String, String>) -> BuildSpec<'b> {
        BuildSpec {
            tags: &[],
            dockerfile: "Dockerfile".to_owned(),
            build,
            root: Path::new("/repo"),
            known_as,
            no_cache: false,
        }
    }

    fn secrets(secrets: &[(&str, SecretSource)]) -> Build {
        let secrets = secrets
            .iter()
            .map(|(id, source)| ((*id).to_owned(), source.clone()));
        Build {
            options: BuildOptions {
                secrets: secrets.collect(),
                ssh: [
                    ("default".to_owned(), None),
                    ("key".to_owned(), Some("k".into())),
                ]
                .into(),
                ulimits: [("nofile".to_owned(), (1, 2))].into(),
                extra_hosts: vec![("db".to_owned(), "::1".to_owned())],
                ..BuildOptions::default()
            },
            ..Build::default()
        }
    }

    #[test]
    fn says_where_a_secret_is_and_never_what_it_is() {
        let build = secrets(&[
            ("a", SecretSource::Variable("TOKEN".to_owned())),
            ("b", SecretSource::File("x, y".into())),
        ]);
        let words = arguments(&spec(&build, &BTreeMap::new()), Path::new("/t/id"));
        assert_eq!(
            words.join(" "),
            "build --progress=rawjson --load --builder default --iidfile /t/id --file Dockerfile \
             --secret id=a,env=TOKEN --secret id=b,\"src=/repo/x, y\" --ssh default --ssh key=/repo/k \
             --ulimit nofile=1:2 --add-host db:::1 -"
        );
    }

    #[test]
    fn what_a_secret_is_is_hidden_in_what_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        std::fs::write(&file, "first line\n\n  second  \nabc\n").unwrap();
        let build = secrets(&[("b", SecretSource::File(file))]);
        let none = BTreeMap::new();
        let hidden = hidden(&spec(&build, &none)).unwrap();
        let told = known(&hidden, "a first line, second, abc".to_owned());
        assert_eq!(told, "a [secret b], [secret b], abc");
    }

    #[test]
    fn a_secret_that_is_not_there_is_named() {
        for (source, why) in [
            (
                SecretSource::Variable("LONGSHORE_NO_SUCH".to_owned()),
                "variable LONGSHORE_NO_SUCH is not set",
            ),
            (SecretSource::File("gone".into()), "/repo/gone: "),
        ] {
            let build = secrets(&[("a", source)]);
            let error = hidden(&spec(&build, &BTreeMap::new())).unwrap_err();
            assert!(error.to_string().contains(why), "{error}");
        }
    }
}
