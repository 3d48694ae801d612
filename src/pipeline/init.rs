//! Beginning: a `longshore.yaml` for the definition that is there, and a Compose file in place of a foreign one.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::read::{Found, ReadError, ReadRequest, load};
use crate::domain::cluster::{consistent, resolve};
use crate::domain::definition::{Content, Definition, Foreign, Problem, join};
use crate::domain::failure::{Explain, Kind};
use crate::domain::name::ClusterName;
use crate::system::files::{WriteError, write_whole};
use crate::system::loader;

/// What the settings are called.
const SETTINGS: &str = "longshore.yaml";
/// What a converted definition is called.
const COMPOSE: &str = "compose.yaml";

/// What was begun.
#[derive(Debug)]
pub struct Begun {
    /// The files, as the folder that longshore works in sees them.
    pub files: Vec<Outcome>,
    /// The files that a converted definition takes the place of.
    pub replaced: Vec<String>,
    /// What a person should know about the definition.
    pub warnings: Vec<Problem>,
}

/// What became of a file.
#[derive(Debug, Serialize)]
pub struct Outcome {
    /// The file.
    pub path: String,
    /// Whether it was written; else it said so already.
    pub written: bool,
}

/// Why nothing was begun. Nothing was written then, unless writing itself failed.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// There is no definition, or it is wrong.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A file is there, and says something else.
    #[error("{path} is there already, and says something else")]
    Exists {
        /// The file.
        path: String,
    },
    /// Paths in files of other folders would mean something else.
    #[error("the definition takes services from {}, whose paths are relative to another folder", .files.join(", "))]
    Elsewhere {
        /// The files.
        files: Vec<String>,
    },
    /// The definition cannot be written as YAML.
    #[error("failed to write YAML")]
    Yaml(#[source] serde_yaml::ser::Error),
    /// A file cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl Explain for InitError {
    fn kind(&self) -> Kind {
        match self {
            Self::Read(error) => error.kind(),
            Self::Exists { .. } | Self::Elsewhere { .. } => Kind::Refused,
            Self::Yaml(_) => Kind::Bug,
            Self::Write(error) => error.kind(),
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Read(error) => error.hints(),
            Self::Exists { path } => vec![format!(
                "nothing is overwritten: move {path} away, run this again, and bring back what it says"
            )],
            Self::Elsewhere { .. } => {
                vec!["copy those services into the definition, then run this again".to_owned()]
            }
            Self::Yaml(_) => Vec::new(),
            Self::Write(error) => error.hints(),
        }
    }

    fn report(&self, colour: bool) -> Option<String> {
        match self {
            Self::Read(error) => error.report(colour),
            Self::Exists { .. } | Self::Elsewhere { .. } | Self::Yaml(_) | Self::Write(_) => None,
        }
    }

    fn details(&self) -> Option<serde_json::Value> {
        match self {
            Self::Read(error) => error.details(),
            Self::Exists { .. } | Self::Elsewhere { .. } | Self::Yaml(_) | Self::Write(_) => None,
        }
    }
}

/// A file that is to be there.
struct Draft {
    path: String,
    text: String,
}

/// Writes `longshore.yaml`, and with `convert` a Compose file in place of a foreign definition. What is there is never
/// overwritten; what says the same already is left alone.
///
/// # Errors
///
/// If there is no definition or it is wrong, or a file is there that says something else.
pub fn init(request: &ReadRequest, convert: bool) -> Result<Begun, InitError> {
    let found = load(request)?;
    let Found {
        location,
        definition,
        surroundings,
    } = &found;
    let (name, mut warnings) = consistent(definition, surroundings).map_err(ReadError::from)?;
    let mut tests = Vec::new();
    if let Ok(resolved) = resolve(definition, surroundings) {
        tests.extend(resolved.cluster.tests.keys().map(ToString::to_string));
        warnings = resolved.warnings;
    }
    let foreign = definition.foreign.as_ref().filter(|_| convert);
    let drafts = match foreign {
        Some(foreign) => converted(definition, foreign, &name)?,
        // What is Compose already needs nothing but settings, which may be there.
        None if convert && definition.settings.is_some() => Vec::new(),
        None => vec![begun(definition, &name, &tests)?],
    };
    let files = write(&location.directory, drafts)?;
    let replaced = foreign.map(|_| definition.names.clone());
    Ok(Begun {
        files,
        replaced: replaced.unwrap_or_default(),
        warnings,
    })
}

fn converted(
    definition: &Definition,
    foreign: &Foreign,
    name: &ClusterName,
) -> Result<Vec<Draft>, InitError> {
    let Foreign {
        format: _,
        compose,
        settings,
        elsewhere,
    } = foreign;
    if !elsewhere.is_empty() {
        let files = elsewhere.clone();
        return Err(InitError::Elsewhere { files });
    }
    let path = join(&definition.folder, COMPOSE);
    let from = definition.names.join(" and ");
    let text = format!(
        "# Made of {from} by `longshore init --convert`.\n{}",
        yaml(compose)?
    );
    let compose = Draft {
        path: path.clone(),
        text,
    };
    let tests = match settings {
        Some(settings) => yaml(settings)?,
        None => String::new(),
    };
    let path = SETTINGS.to_owned();
    let text = text_of(name, Some(&compose.path), &tests)?;
    // The settings come last: without them the Compose file is found, and without it they would name nothing.
    Ok(vec![compose, Draft { path, text }])
}

fn begun(
    definition: &Definition,
    name: &ClusterName,
    tests: &[String],
) -> Result<Draft, InitError> {
    let found = if tests.is_empty() {
        String::new()
    } else {
        format!("# Tests already: {}\n", tests.join(", "))
    };
    let cluster = match definition.names.as_slice() {
        [only] => Some(only.as_str()),
        // One name cannot stand for several files, which are found as they were.
        _ => None,
    };
    Ok(Draft {
        path: SETTINGS.to_owned(),
        text: text_of(name, cluster, &found)?,
    })
}

/// Writes the settings: what is known, and examples of what is not.
fn text_of(name: &ClusterName, cluster: Option<&str>, tests: &str) -> Result<String, InitError> {
    let mut text =
        "# What Compose has no word for. `longshore check` tells what is wrong with it.\n"
            .to_owned();
    text.push_str(&format!("name: {}", yaml(name.as_str())?));
    if let Some(cluster) = cluster {
        text.push_str(&format!("cluster: {}", yaml(cluster)?));
    }
    text.push_str("\n# What has to be green before there is a release.\n");
    text.push_str(tests);
    if !tests.starts_with("tests:") {
        text.push_str(TESTS);
    }
    text.push_str(ENVIRONMENTS);
    Ok(text)
}

const TESTS: &str = "# tests:
#   integration:
#     service: api              # an extra container of it is run, beside what it is linked to
#     command: [pytest]
#     timeout: 5m
";

const ENVIRONMENTS: &str = "
# Where it runs.
# environments:
#   staging:
#     driver: systemd
#     hosts: [core@host-1, core@host-2]
#     rollout: {max_in_flight: 1, healthy_after: 5s, within: 60s}
";

fn yaml(value: &(impl Serialize + ?Sized)) -> Result<String, InitError> {
    let text = serde_yaml::to_string(&value).map_err(InitError::Yaml)?;
    Ok(format!("{}\n", text.trim_end()))
}

/// Writes files that are not there; nothing at all if one of them says something else.
fn write(folder: &Path, drafts: Vec<Draft>) -> Result<Vec<Outcome>, InitError> {
    let mut files: Vec<(PathBuf, Draft, bool)> = Vec::with_capacity(drafts.len());
    for draft in drafts {
        let path = folder.join(&draft.path);
        let missing = match loader::read(&path) {
            Content::Missing => true,
            Content::Bytes(bytes) if *bytes == *draft.text.as_bytes() => false,
            Content::Bytes(_)
            | Content::Directory
            | Content::Special
            | Content::Outside
            | Content::TooLarge(_)
            | Content::Unreadable(_) => return Err(InitError::Exists { path: draft.path }),
        };
        files.push((path, draft, missing));
    }
    let mut outcomes = Vec::with_capacity(files.len());
    for (path, draft, missing) in files {
        if missing {
            write_whole(&path, &draft.text)?;
        }
        outcomes.push(Outcome {
            path: draft.path,
            written: missing,
        });
    }
    Ok(outcomes)
}

#[cfg(test)]
mod tests {
    use super::super::read::config;
    use super::*;
    use crate::system::files;

    const FIG: &str = "web:\n  image: nginx:$TAG\n  links: [db:store]\n  volumes_from: [db]\n  environment: {NUMBER: 1.50, ANSWER: yes, SECRET: , EMPTY: \"\"}\n  net: \"container:db\"\n  env_file: web.env\ndb:\n  image: postgres\n  volumes: [/data, \"./conf:/conf:ro\"]\n  cpuset: 0\n";
    const DECKING: &str = r#"{"//": "x", "//": "y", "images": {"acme/a": "./a"},
        "containers": {"data": {"image": "b", "data": true, "mount": ["/data"]},
            "db": {"image": "postgres", "mount-from": ["data"], "extra": "postgres -c 'a b'"},
            "a": {"image": "acme/a", "dependencies": ["db:store"], "env": ["SECRET=-", "H=$HOME", "E=a=b"]}},
        "clusters": {"one": ["a(2)"], "two": ["db"]}, "groups": {"two": {"options": {"cpu": 5}}}}"#;
    const CION: &str =
        "build: {image: golang, cmd: [make, $X], env: [A=$B]}\nservices: {db: {image: postgres}}\n";
    const BALEEN: &str = "build: {acme/a: a}\ncredentials: {SECRET: VALUE}\ntest: |\n  subject:\n    links: [db]\n  db:\n    image: postgres:$TAG\n";

    fn folder(name: &str, text: &str) -> (tempfile::TempDir, ReadRequest) {
        let folder = tempfile::tempdir().unwrap();
        let shop = folder.path().join("shop");
        let request = ReadRequest {
            directory: shop.clone(),
            variables: [("TAG", "1"), ("SECRET", "hidden"), ("HOME", "/home/me")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            ..ReadRequest::default()
        };
        #[expect(clippy::disallowed_methods, reason = "a test makes its own folder")]
        std::fs::create_dir_all(shop.join("a")).unwrap();
        for (name, text) in [
            (name, text),
            ("web.env", "QUOTED=\"$x\"\n"),
            ("a/Dockerfile", "FROM debian\n"),
        ] {
            files::write(&shop.join(name), text).unwrap();
        }
        (folder, request)
    }

    #[test]
    fn what_was_converted_says_the_same() {
        for (name, text) in [
            ("fig.yml", FIG),
            ("decking.json", DECKING),
            (".cion.yml", CION),
            ("baleen.yml", BALEEN),
        ] {
            let (_folder, request) = folder(name, text);
            let (before, _) = config(&request).unwrap();
            let begun = init(&request, true).unwrap();
            assert_eq!(begun.replaced, [name]);
            let compose = files::read(&request.directory.join(COMPOSE)).unwrap();
            assert!(
                !compose.contains("hidden"),
                "a value of outside:\n{compose}"
            );
            let (after, _) = config(&request).unwrap();
            assert_eq!(before, after, "{compose}");
            let again = init(&request, true).unwrap();
            assert!(again.files.is_empty(), "{again:?}");
        }
    }

    #[test]
    fn nothing_is_overwritten_and_what_says_the_same_is_left() {
        let (_folder, request) = folder("fig.yml", "web: {image: a}\n");
        let written = |begun: Begun| -> Vec<_> {
            let files = begun.files.into_iter();
            files.map(|file| (file.path, file.written)).collect()
        };
        let settings = "longshore.yaml".to_owned();
        assert_eq!(
            written(init(&request, false).unwrap()),
            [(settings.clone(), true)]
        );
        assert_eq!(written(init(&request, false).unwrap()), [(settings, false)]);
        let error = init(&request, true).unwrap_err();
        assert!(
            matches!(&error, InitError::Exists { path } if path == SETTINGS),
            "{error}"
        );
        assert!(files::read(&request.directory.join(COMPOSE)).is_err());
        files::write(&request.directory.join(SETTINGS), "name: mine\n").unwrap();
        assert_eq!(init(&request, false).unwrap_err().kind(), Kind::Refused);
        assert_eq!(
            files::read(&request.directory.join(SETTINGS)).unwrap(),
            "name: mine\n"
        );
    }

    #[test]
    fn paths_of_other_folders_are_not_taken_along() {
        let (_folder, request) = folder(
            "fig.yml",
            "web: {extends: {file: a/more.yml, service: base}}\n",
        );
        files::write(&request.directory.join("a/more.yml"), "base: {build: .}\n").unwrap();
        let error = init(&request, true).unwrap_err();
        assert!(
            matches!(&error, InitError::Elsewhere { files } if files == &["a/more.yml"]),
            "{error}"
        );
    }
}
