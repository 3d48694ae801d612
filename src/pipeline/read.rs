//! Reading: from files to a cluster.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::domain::cluster::{Resolved, Surroundings, consistent, resolve};
use crate::domain::definition::{Definition, Loader, Problem, Problems, Request, Severity, Step};
use crate::domain::failure::{Explain, Kind};
use crate::system::loader::{self, LocateError, Location};

/// What is to be read.
#[derive(Debug, Clone, Default)]
pub struct ReadRequest {
    /// The folder to work in.
    pub directory: PathBuf,
    /// The files that define the cluster, merged in order; empty to look for them.
    pub files: Vec<PathBuf>,
    /// Files with variables in place of `.env`.
    pub env_files: Vec<PathBuf>,
    /// The shell's variables.
    pub variables: BTreeMap<String, String>,
    /// Asks a person for what the definition's own tool asked for, if somebody is there.
    pub ask: Option<Ask>,
}

/// Asks a person for the value of a variable, and shows it to nobody. None if the person gives up.
pub type Ask = fn(variable: &str) -> Option<String>;

/// What was read.
#[derive(Debug, Clone)]
pub struct Read {
    /// The repository's root, to which the paths of builds and assets are relative; absolute, links resolved.
    pub root: PathBuf,
    /// The folder that longshore works in; absolute, links resolved.
    pub directory: PathBuf,
    /// The cluster, and warnings.
    pub resolved: Resolved,
    /// The variables that it was read with, the shell's and those of `.env`.
    pub variables: BTreeMap<String, String>,
}

/// Why there is no cluster.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// There is no folder to work in.
    #[error(transparent)]
    Folder(#[from] LocateError),
    /// A path is not UTF-8, so that no message could name it.
    #[error("{0:?} is not UTF-8")]
    Path(PathBuf),
    /// A person was asked for a variable's value, and gave up.
    #[error("interrupted, and nothing was changed")]
    Interrupted,
    /// The definition is wrong.
    #[error(transparent)]
    Invalid(#[from] Problems),
}

impl Explain for ReadError {
    fn kind(&self) -> Kind {
        match self {
            Self::Folder(_) | Self::Path(_) | Self::Invalid(_) => Kind::Invalid,
            Self::Interrupted => Kind::Interrupted,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Folder(_) => vec!["check the folder given with -C".to_owned()],
            Self::Path(_) => vec!["rename it".to_owned()],
            Self::Interrupted => Vec::new(),
            Self::Invalid(problems) => problems.hints(),
        }
    }

    fn report(&self, colour: bool) -> Option<String> {
        match self {
            Self::Folder(_) | Self::Path(_) | Self::Interrupted => None,
            Self::Invalid(problems) => problems.report(colour),
        }
    }

    fn details(&self) -> Option<Value> {
        match self {
            Self::Folder(_) | Self::Path(_) | Self::Interrupted => None,
            Self::Invalid(problems) => problems.details(),
        }
    }
}

/// Reads the definition and makes a cluster of it.
///
/// # Errors
///
/// If there is none, or it is wrong: then with every problem.
pub fn read(request: &ReadRequest) -> Result<Read, ReadError> {
    let Found {
        location,
        definition,
        surroundings,
    } = load(request)?;
    Ok(Read {
        resolved: resolve(&definition, &surroundings)?,
        root: location.root,
        directory: location.directory,
        variables: definition.base.variables,
    })
}

/// Reads the definition and writes it in its normal form, whatever longshore can do with it. Returns it with warnings.
///
/// # Errors
///
/// If there is none, or its own format does not allow it: then with every problem.
pub fn config(request: &ReadRequest) -> Result<(Value, Vec<Problem>), ReadError> {
    let Found {
        location: _,
        definition,
        surroundings,
    } = load(request)?;
    let (name, mut warnings) = consistent(&definition, &surroundings)?;
    let mut project = definition.normal(name.as_str());
    match resolve(&definition, &surroundings) {
        Ok(resolved) => {
            if let Some(own) = resolved.cluster.written() {
                project["x-longshore"] = own;
            }
            for (name, overlay) in definition.overlays() {
                project["x-longshore"]["environments"][name]["services"] = overlay;
            }
            warnings = resolved.warnings;
        }
        Err(problems) => {
            let count = problems
                .as_slice()
                .iter()
                .filter(|problem| problem.severity == Severity::Error)
                .count();
            let message = format!("longshore cannot run this: {count} to mend");
            warnings.push(Problem::warning("unsupported", message).help("see `longshore check`"));
        }
    }
    Ok((project, warnings))
}

/// A definition as written, and where.
pub(super) struct Found {
    /// Where.
    pub(super) location: Location,
    /// The definition.
    pub(super) definition: Box<Definition>,
    /// Where, as texts.
    pub(super) surroundings: Surroundings,
}

/// Reads the files of a definition.
pub(super) fn load(request: &ReadRequest) -> Result<Found, ReadError> {
    let location = loader::locate(&request.directory)?;
    let paths = |paths: &[PathBuf]| {
        paths
            .iter()
            .map(|path| text(path))
            .collect::<Result<Vec<_>, _>>()
    };
    let mut loader = Loader::new(Request {
        files: paths(&request.files)?,
        env_files: paths(&request.env_files)?,
        variables: request.variables.clone(),
        ask: request.ask.is_some(),
        directory: text(&location.directory)?,
        root: text(&location.root)?,
    });
    let definition = loop {
        match loader.step() {
            Step::Need(needed) => {
                for path in needed {
                    let whole = location.directory.join(&path);
                    if let Some(real) = loader::real(&whole) {
                        loader.leads_to(path.clone(), text(&real)?);
                    }
                    loader.answer(path, loader::read(&whole));
                }
            }
            Step::Ask(variables) => {
                for variable in variables {
                    let value = request
                        .ask
                        .map_or(Some(String::new()), |ask| ask(&variable));
                    loader.say(variable, value.ok_or(ReadError::Interrupted)?);
                }
            }
            Step::Done(definition) => break definition,
            Step::Failed(problems) => return Err(problems.into()),
        }
    };
    let surroundings = Surroundings {
        root: text(&location.root)?,
        directory: text(&location.directory)?,
    };
    Ok(Found {
        location,
        definition,
        surroundings,
    })
}

fn text(path: &Path) -> Result<String, ReadError> {
    let text = path.to_str().map(str::to_owned);
    text.ok_or_else(|| ReadError::Path(path.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::files;

    /// Returns what a variable of decking's becomes when a person says this.
    fn asked(env: &str, ask: Option<Ask>) -> Result<String, ReadError> {
        let folder = tempfile::tempdir().unwrap();
        let decking = format!(
            r#"{{"containers": {{"a": {{"image": "b", "env": [{env}]}}}}, "clusters": {{"c": ["a"]}}}}"#
        );
        files::write(&folder.path().join("decking.json"), &decking).unwrap();
        let read = read(&ReadRequest {
            directory: folder.path().to_owned(),
            variables: BTreeMap::from([("SET".to_owned(), "outside".to_owned())]),
            ask,
            ..ReadRequest::default()
        })?;
        let (_, service) = read.resolved.cluster.services.first_key_value().unwrap();
        let environment = service.environment.iter();
        let each = environment.map(|(name, value)| format!("{name}={value}"));
        Ok(each.collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn asks_for_what_decking_asked_for() {
        let said: Ask = |variable| Some(format!("my {variable}"));
        assert_eq!(
            asked(r#""A=-", "B=", "SET=-", "C=c""#, Some(said)).unwrap(),
            "A=my A B=my B C=c SET=outside"
        );
        let never: Ask = |variable| unreachable!("{variable} has a value");
        assert_eq!(asked(r#""SET=-""#, Some(never)).unwrap(), "SET=outside");
    }

    #[test]
    fn what_nobody_said_is_missed() {
        let nothing: Ask = |_| Some(String::new());
        for ask in [None, Some(nothing)] {
            let error = asked(r#""A=-""#, ask).unwrap_err();
            assert!(error.to_string().contains("`A` has to have a value"));
        }
        let error = asked(r#""A=-""#, Some(|_| None)).unwrap_err();
        assert_eq!(error.kind(), Kind::Interrupted);
    }
}
