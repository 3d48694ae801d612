//! Releasing: whether the tree is green, keeping the bytes of its images, and recording the release.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::domain::cluster::Cluster;
use crate::domain::event::{Outcome, Work};
use crate::domain::failure::{Explain, Kind};
use crate::domain::ledger::{ImageIdentity, Release, Verdict};
use crate::domain::name::{ReleaseId, ServiceName, TestName};
use crate::domain::plan::release::{self, Candidate, NotGreen, Standing};
use crate::domain::plan::{build, test};
use crate::pipeline::Tools;
use crate::pipeline::build::{BuildError, survey};
use crate::pipeline::project::Project;
use crate::pipeline::test::{Material, StepRequest, TestError, TestResult, step as run_step};
use crate::system::blobs::BlobError;
use crate::system::checkout::CheckoutError;
use crate::system::clock;
use crate::system::engine::EngineError;
use crate::system::store::StoreError;

/// Why there is no release.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// The tree is not green.
    #[error(transparent)]
    NotGreen(#[from] NotGreen),
    /// What there is cannot be found out.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The tree cannot be read.
    #[error(transparent)]
    Checkout(#[from] CheckoutError),
    /// The engine cannot be asked.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Bytes cannot be kept.
    #[error(transparent)]
    Blobs(#[from] BlobError),
    /// The ledger cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An image went away while it was being released.
    #[error("the image of {service} is no longer on the engine")]
    Gone {
        /// The service.
        service: ServiceName,
    },
    /// A mounted file was changed while it was being released.
    #[error("{path} was changed while it was being released")]
    Changed {
        /// The file.
        path: String,
    },
    /// A step could not be carried out.
    #[error(transparent)]
    Test(#[from] TestError),
    /// A step failed.
    #[error("step {step} failed, so there is no release: {reason}")]
    Step {
        /// The step.
        step: TestName,
        /// Why.
        reason: String,
        /// Its last lines.
        lines: Vec<String>,
        /// Where its log is kept.
        log: PathBuf,
    },
    /// There is no release of that id.
    #[error("there is no release {id}")]
    Unknown {
        /// The id.
        id: ReleaseId,
    },
    /// The tree is green, but has not been released.
    #[error("this tree is green, but it has not been released")]
    NotReleased,
}

impl Explain for ReleaseError {
    fn kind(&self) -> Kind {
        match self {
            Self::NotGreen(error) => error.kind(),
            Self::Build(error) => error.kind(),
            Self::Checkout(error) => error.kind(),
            Self::Engine(error) => error.kind(),
            Self::Blobs(error) => error.kind(),
            Self::Store(error) => error.kind(),
            Self::Test(error) => error.kind(),
            Self::Gone { .. } | Self::Changed { .. } | Self::Step { .. } => Kind::Failed,
            Self::Unknown { .. } | Self::NotReleased => Kind::Refused,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::NotGreen(error) => error.hints(),
            Self::Build(error) => error.hints(),
            Self::Checkout(error) => error.hints(),
            Self::Engine(error) => error.hints(),
            Self::Blobs(error) => error.hints(),
            Self::Store(error) => error.hints(),
            Self::Test(error) => error.hints(),
            Self::Step { lines, log, .. } => {
                let last = lines.iter().map(|line| format!("\n  | {line}"));
                vec![format!(
                    "its log is {}{}",
                    log.display(),
                    last.collect::<String>()
                )]
            }
            Self::Gone { .. } | Self::Changed { .. } => {
                vec!["run the same command again".to_owned()]
            }
            Self::Unknown { .. } => vec!["`longshore history` lists the releases".to_owned()],
            Self::NotReleased => {
                vec!["run `longshore release`, or name another one with --release".to_owned()]
            }
        }
    }
}

/// Makes the release of the tree as it is, keeps everything it needs, and records it.
///
/// # Errors
///
/// If the tree is not green, or something cannot be kept.
pub async fn release(
    tools: &Tools,
    project: &Project,
    skip: &BTreeSet<TestName>,
) -> Result<Release, ReleaseError> {
    let prospect = of_tree(tools, &project.cluster, skip).await?;
    if project
        .ledger
        .release(&prospect.release.id)
        .await?
        .is_none()
    {
        steps(tools, &project.cluster, &prospect, skip).await?;
    }
    let release = prospect.release;
    for (service, image) in &release.images {
        keep_image(tools, project, service, image).await?;
    }
    for (path, asset) in &release.assets {
        let kept = project
            .blobs
            .keep_file(&project.checkout.root().join(path))?;
        if kept != asset.digest {
            return Err(ReleaseError::Changed {
                path: path.display().to_string(),
            });
        }
    }
    project
        .ledger
        .append_release(&release, clock::now())
        .await?;
    for name in &release.skipped {
        tools.events.warn(format!(
            "{name} was skipped: the release is not green for it"
        ));
    }
    for service in release.untested() {
        tools
            .events
            .warn(format!("no test holds {service}: it is released untested"));
    }
    if release.provenance.dirty {
        tools
            .events
            .warn("the tree has uncommitted changes: the release is marked dirty");
    }
    Ok(release)
}

/// Runs the steps of a release, each after the one before. The first that fails ends it.
async fn steps(
    tools: &Tools,
    cluster: &Cluster,
    prospect: &Prospect,
    skip: &BTreeSet<TestName>,
) -> Result<(), ReleaseError> {
    for step in &cluster.release {
        if skip.contains(&step.name) {
            tools.events.note(format!("step {} is skipped", step.name));
            continue;
        }
        let request = StepRequest {
            step,
            material: &prospect.material,
            artifacts: &prospect.artifacts,
        };
        let TestResult { record, tails, .. } = run_step(tools, cluster, request).await?;
        if record.verdict == Verdict::Red {
            return Err(ReleaseError::Step {
                step: step.name.clone(),
                reason: record.reason.unwrap_or_default(),
                lines: tails.into_iter().flat_map(|tail| tail.lines).collect(),
                log: record.log,
            });
        }
    }
    Ok(())
}

/// Finds the release that was made of the tree as it is.
///
/// # Errors
///
/// If the tree is not green, or has not been released.
pub async fn released(tools: &Tools, project: &Project) -> Result<Release, ReleaseError> {
    let Prospect { release, .. } = of_tree(tools, &project.cluster, &BTreeSet::new()).await?;
    project
        .ledger
        .release(&release.id)
        .await?
        .ok_or(ReleaseError::NotReleased)
}

/// Finds a release by its id.
///
/// # Errors
///
/// If there is none.
pub async fn named(project: &Project, id: &ReleaseId) -> Result<Release, ReleaseError> {
    project
        .ledger
        .release(id)
        .await?
        .ok_or_else(|| ReleaseError::Unknown { id: id.clone() })
}

/// The release that a tree would be, and what its steps are given.
struct Prospect {
    release: Release,
    material: Material,
    /// Where the artifacts of its tests are kept.
    artifacts: BTreeMap<TestName, PathBuf>,
}

/// Returns the release that the tree would be, which is what it is if it was released.
async fn of_tree(
    tools: &Tools,
    cluster: &Cluster,
    skip: &BTreeSet<TestName>,
) -> Result<Prospect, ReleaseError> {
    let built = survey(tools, cluster, &std::collections::BTreeSet::new(), false).await?;
    let images = built.present(cluster);
    let assets = tools.checkout.assets(cluster)?;
    let mut tests = BTreeMap::new();
    for name in cluster.tests.keys().filter(|name| !skip.contains(*name)) {
        let fingerprint = test::wanted(cluster, name, &images, &assets)
            .ok()
            .map(|wanted| wanted.fingerprint);
        let latest = match &fingerprint {
            Some(fingerprint) => tools.ledger.test(name, fingerprint).await?,
            None => None,
        };
        tests.insert(
            name.clone(),
            Standing {
                fingerprint,
                latest,
            },
        );
    }
    let provenance = tools.provenance.clone();
    let material = Material {
        images: images.clone(),
        assets: assets.clone(),
    };
    let artifacts = tests.iter().filter_map(|(name, standing)| {
        let record = standing.latest.as_ref()?;
        Some((name.clone(), record.results.artifacts.clone()?))
    });
    let artifacts = artifacts.collect();
    let release = release::release(Candidate {
        cluster: cluster.clone(),
        images,
        tests,
        assets,
        provenance,
        skipped: skip.clone(),
    })?;
    Ok(Prospect {
        release,
        material,
        artifacts,
    })
}

/// Keeps an image's bytes, so that the release outlives the engine.
async fn keep_image(
    tools: &Tools,
    project: &Project,
    service: &ServiceName,
    image: &ImageIdentity,
) -> Result<(), ReleaseError> {
    if project.blobs.holds(image).is_ok() {
        return Ok(());
    }
    let running = tools.events.start(Work::Keep {
        service: service.clone(),
    });
    let kept = async {
        let known_as = build::known_as(&project.cluster, service);
        let found = tools.fleet.find(image, &known_as).await?;
        let (engine, found) = found.ok_or_else(|| ReleaseError::Gone {
            service: service.clone(),
        })?;
        Ok::<_, ReleaseError>(
            project
                .blobs
                .keep_image(service.as_str(), image, engine.export(&found.id))
                .await?,
        )
    };
    let kept = kept.await;
    running.end(match &kept {
        Ok(()) => Outcome::done(image.config.short()),
        Err(error) => Outcome::Failed {
            reason: error.to_string(),
        },
    });
    kept
}
