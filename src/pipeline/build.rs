//! Building: contexts are hashed, external images resolved, a plan is made, and its steps are carried out in parallel,
//! each as soon as what it is made from is there.

mod bases;
mod carry_out;
mod error;
mod external;
mod fetch;
mod fit;
mod imports;
mod places;
mod survey;

pub use error::BuildError;
pub(super) use error::chain;
pub use fetch::fetch;
pub use survey::{Survey, survey};

use std::collections::{BTreeMap, BTreeSet};

use super::Tools;
use crate::domain::cluster::Cluster;
use crate::domain::ledger::ImageIdentity;
use crate::domain::name::ServiceName;
use crate::domain::plan::build::{Origin, closure, image_of};

/// What is to be built.
#[derive(Debug, Clone)]
pub struct BuildRequest {
    /// The services whose images are wanted; none means all.
    pub services: BTreeSet<ServiceName>,
    /// How many builds run at a time.
    pub jobs: usize,
    /// Whether everything is built anew, whatever is there.
    pub no_cache: bool,
    /// Whether external images are asked for again.
    pub pull: bool,
    /// Whether images that services only name are needed as well, and pulled if they are not there.
    pub externals: bool,
}

/// Builds what is stale, and returns the image of each service that was asked for and has one.
///
/// # Errors
///
/// If a build fails, an external image cannot be had, or the user interrupts. No build is left running.
pub async fn build(
    tools: &Tools,
    cluster: &Cluster,
    request: &BuildRequest,
) -> Result<BTreeMap<ServiceName, ImageIdentity>, BuildError> {
    let imports = imports::Imports::default();
    let work = async {
        check(cluster, &request.services)?;
        external::obtain(tools, cluster, request).await?;
        let survey = survey(tools, cluster, &request.services, request.no_cache).await?;
        let places = places::Places::spread(tools, &survey, request.jobs);
        fit::check(tools, &survey, &places)?;
        let around = carry_out::Around {
            tools,
            survey: &survey,
            places: &places,
            imports: &imports,
            no_cache: request.no_cache,
        };
        let built = carry_out::carry_out(around).await?;
        let mut images = built;
        images.extend(survey.named);
        Ok(of_services(cluster, &request.services, &images))
    };
    let result = tokio::select! {
        biased;
        () = tools.interrupt.cancelled() => Err(BuildError::Interrupted),
        result = work => result,
    };
    imports.remove(tools).await;
    result
}

/// Picks the images of the wanted services. One that names the image another service builds has that image.
fn of_services(
    cluster: &Cluster,
    wanted: &BTreeSet<ServiceName>,
    images: &BTreeMap<ServiceName, ImageIdentity>,
) -> BTreeMap<ServiceName, ImageIdentity> {
    let names = cluster.services.keys();
    let names = names.filter(|name| wanted.is_empty() || wanted.contains(*name));
    let image = |name: &ServiceName| match image_of(cluster, name) {
        Origin::Service(builder) => images.get(builder).cloned(),
        Origin::External(_) | Origin::Scratch => images.get(name).cloned(),
    };
    names
        .filter_map(|name| Some((name.clone(), image(name)?)))
        .collect()
}

fn check(cluster: &Cluster, wanted: &BTreeSet<ServiceName>) -> Result<(), BuildError> {
    match wanted
        .iter()
        .find(|name| !cluster.services.contains_key(*name))
    {
        Some(name) => Err(BuildError::UnknownService {
            service: name.clone(),
            known: cluster.services.keys().cloned().collect(),
        }),
        None => closure(cluster, wanted)
            .map(|_| ())
            .map_err(BuildError::from),
    }
}
