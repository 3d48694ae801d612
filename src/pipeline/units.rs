//! Rendering the tree as it is: every host's units, with the images that would be released now.

use std::collections::BTreeMap;

use super::Tools;
use super::build::{BuildError, survey};
use super::project::Project;
use super::rollout::environments;
use crate::domain::failure::{Explain, Kind};
use crate::domain::ledger::Release;
use crate::domain::name::{Digest, EnvironmentName, HostName, ReleaseId, ServiceName};
use crate::domain::plan::placement::{PlacementError, placement};
use crate::domain::unit::{RenderError, RenderInput, Tree, render};
use crate::system::checkout::CheckoutError;

/// Why there are no units.
#[derive(Debug, thiserror::Error)]
pub enum UnitsError {
    /// There is no such environment.
    #[error("there is no environment {environment}")]
    NoEnvironment {
        /// As asked for.
        environment: EnvironmentName,
        /// Those of the definition.
        known: Vec<EnvironmentName>,
    },
    /// Units name images, and some are not there as the tree has them now.
    #[error("images of {} are not there as this tree has them", listed(.services))]
    NotBuilt {
        /// The services that run them.
        services: Vec<ServiceName>,
    },
    /// What is built cannot be found out.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The files that services mount cannot be read.
    #[error(transparent)]
    Checkout(#[from] CheckoutError),
    /// Services have no place.
    #[error(transparent)]
    Placement(#[from] PlacementError),
    /// The services cannot run as units.
    #[error(transparent)]
    Render(#[from] RenderError),
}

impl Explain for UnitsError {
    fn kind(&self) -> Kind {
        match self {
            Self::NoEnvironment { .. } => Kind::Invalid,
            Self::NotBuilt { .. } => Kind::Refused,
            Self::Build(error) => error.kind(),
            Self::Checkout(error) => error.kind(),
            Self::Placement(error) => error.kind(),
            Self::Render(error) => error.kind(),
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::NoEnvironment { known, .. } => {
                vec![environments(known)]
            }
            Self::NotBuilt { .. } => {
                vec![
                    "run `longshore test`, which builds what is stale and pulls what is missing"
                        .to_owned(),
                ]
            }
            Self::Build(error) => error.hints(),
            Self::Checkout(error) => error.hints(),
            Self::Placement(error) => error.hints(),
            Self::Render(error) => error.hints(),
        }
    }
}

fn listed(names: &[impl ToString]) -> String {
    let names: Vec<_> = names.iter().map(ToString::to_string).collect();
    names.join(", ")
}

/// Renders what each host of an environment would be given if the tree as it is were released. Nothing is built.
///
/// # Errors
///
/// If an image is not built, or the services cannot be placed or rendered.
pub async fn units(
    tools: &Tools,
    project: &Project,
    name: &EnvironmentName,
) -> Result<BTreeMap<HostName, Tree>, UnitsError> {
    let cluster = &project.cluster;
    let environments = &cluster.environments;
    let environment = environments
        .get(name)
        .ok_or_else(|| UnitsError::NoEnvironment {
            environment: name.clone(),
            known: environments.keys().cloned().collect(),
        })?;
    let wanted = environment.services.keys().cloned().collect();
    let images = survey(tools, cluster, &wanted, false)
        .await?
        .present(cluster);
    let missing = wanted
        .into_iter()
        .filter(|service| !images.contains_key(service));
    let services: Vec<_> = missing.collect();
    if !services.is_empty() {
        return Err(UnitsError::NotBuilt { services });
    }
    let placed = placement(name, environment)?;
    let mut release = Release {
        id: ReleaseId::of(&Digest::of("")),
        cluster: cluster.clone(),
        images,
        assets: project.checkout.assets(cluster)?,
        vouchers: BTreeMap::new(),
        provenance: project.provenance.clone(),
        skipped: std::collections::BTreeSet::new(),
    };
    release.id = release.content_id();
    let mut trees = BTreeMap::new();
    for (host, instances) in &placed {
        let tree = render(&RenderInput {
            release: &release,
            environment: name,
            host,
            instances,
            origin: &project.origin,
        })?;
        trees.insert(host.clone(), tree);
    }
    Ok(trees)
}
