//! The values of a cluster's secrets, read once, and what keeps them out of everything that is shown.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::domain::cluster::{Cluster, FileSource, SecretOrigin, SecretSource, Source};
use crate::domain::failure::{Explain, Kind};
use crate::domain::mask::{Masker, SecretValue};
use crate::system::files;

/// The most bytes that a secret may have; Docker's own limit is 500 KB.
const MOST: u64 = 512 * 1024;

/// Why a secret has no value.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SecretError {
    /// Its variable is not set.
    #[error("variable {0} is not set")]
    Unset(String),
    /// Its file cannot be read.
    #[error("{0}")]
    File(String),
}

impl Explain for SecretError {
    fn kind(&self) -> Kind {
        Kind::Invalid
    }

    fn hints(&self) -> Vec<String> {
        vec![match self {
            Self::Unset(variable) => format!("set {variable} in the shell or in `.env`"),
            Self::File(_) => {
                "check that the file is there, that you may read it, and that it is no larger than 512 KB"
                    .to_owned()
            }
        }]
    }
}

/// The values of a cluster's secrets, as far as they could be read.
#[derive(Debug, Clone, Default)]
pub struct Secrets {
    values: BTreeMap<SecretOrigin, Result<SecretValue, SecretError>>,
    masker: Masker,
}

impl Secrets {
    /// Reads the secrets that services of a cluster get. What cannot be read is told to whoever needs it.
    #[must_use]
    pub fn read(
        cluster: &Cluster,
        (root, directory): (&Path, &Path),
        variables: &BTreeMap<String, String>,
    ) -> Self {
        let handed = cluster.services.values().flat_map(|service| &service.files);
        let handed = handed.filter_map(|file| match &file.source {
            FileSource::Secret { from, .. } => Some(from.clone()),
            FileSource::Repository(_) | FileSource::Text(_) | FileSource::Elsewhere(_) => None,
        });
        let origins: BTreeSet<_> = handed.chain(of_builds(cluster, root)).collect();
        let values = origins.into_iter().map(|origin| {
            let value = value(&origin, directory, variables);
            (origin, value)
        });
        let values: BTreeMap<_, _> = values.collect();
        let masker = Masker::of(values.values().flatten());
        Self { values, masker }
    }

    /// Returns a secret's value.
    ///
    /// # Errors
    ///
    /// Why it has none.
    pub fn value(&self, origin: &SecretOrigin) -> Result<&SecretValue, SecretError> {
        match self.values.get(origin) {
            Some(value) => value.as_ref().map_err(Clone::clone),
            None => Err(SecretError::File("it was not read".to_owned())),
        }
    }

    /// Returns what keeps all values out of a text.
    #[must_use]
    pub fn masker(&self) -> &Masker {
        &self.masker
    }
}

/// Returns where the secrets of builds come from, which are not to be shown either.
fn of_builds(cluster: &Cluster, root: &Path) -> impl Iterator<Item = SecretOrigin> {
    let services = cluster.services.values();
    let builds = services.filter_map(|service| match &service.source {
        Source::Build(build) => Some(build),
        Source::Image(_) => None,
    });
    let secrets = builds.flat_map(|build| build.options.secrets.values());
    secrets.map(|source| match source {
        SecretSource::Variable(name) => SecretOrigin::Variable(name.clone()),
        SecretSource::File(path) => SecretOrigin::File(root.join(path)),
    })
}

fn value(
    origin: &SecretOrigin,
    directory: &Path,
    variables: &BTreeMap<String, String>,
) -> Result<SecretValue, SecretError> {
    match origin {
        SecretOrigin::Variable(name) => {
            let value = variables.get(name);
            let value = value.ok_or_else(|| SecretError::Unset(name.clone()))?;
            Ok(SecretValue::new(value.as_bytes()))
        }
        SecretOrigin::File(path) => {
            let bytes = files::read_at_most(&directory.join(path), MOST);
            let bytes = bytes.map_err(|error| SecretError::File(super::build::chain(&error)))?;
            Ok(SecretValue::new(bytes))
        }
    }
}
