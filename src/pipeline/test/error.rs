//! Why a test could not be carried out. A red test is no error; see [`super::Report`].

use crate::domain::failure::{Explain, Kind};
use crate::domain::name::{ServiceName, TestName};
use crate::pipeline::fleet::FleetError;
use crate::pipeline::secrets::SecretError;
use crate::system::checkout::CheckoutError;
use crate::system::engine::EngineError;
use crate::system::store::StoreError;

/// Why a test could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum TestError {
    /// There is no such test.
    #[error("there is no test {test}")]
    UnknownTest {
        /// As asked for.
        test: TestName,
        /// Those that there are.
        known: Vec<TestName>,
    },
    /// An image that it needs was neither built nor pulled.
    #[error("the image of {service}, which test {test} needs, is not there")]
    NoImage {
        /// The test.
        test: TestName,
        /// The service.
        service: ServiceName,
    },
    /// Files that it needs cannot be read.
    #[error("failed to read what service {service} mounts in test {test}")]
    Asset {
        /// The test.
        test: TestName,
        /// The service.
        service: ServiceName,
        /// Why.
        #[source]
        source: CheckoutError,
    },
    /// A secret that it needs has no value.
    #[error("secret {secret}, which service {service} gets in test {test}, has no value")]
    Secret {
        /// The test.
        test: TestName,
        /// The service.
        service: ServiceName,
        /// The secret.
        secret: String,
        /// Why.
        #[source]
        source: SecretError,
    },
    /// What another test left cannot be read.
    #[error("failed to give {test} the artifacts of test {of}")]
    Artifacts {
        /// The test or step.
        test: TestName,
        /// The test that left them.
        of: TestName,
        /// Why.
        #[source]
        source: CheckoutError,
    },
    /// The engine failed.
    #[error("failed to carry out test {test}")]
    Engine {
        /// The test.
        test: TestName,
        /// Why.
        #[source]
        source: EngineError,
    },
    /// An image could not be brought to the engine that the test runs on.
    #[error("failed to carry out test {test}")]
    Fleet {
        /// The test.
        test: TestName,
        /// Why.
        #[source]
        source: FleetError,
    },
    /// The engine went away.
    #[error("the engine at {address} went away while test {test} ran, so there is no verdict")]
    EngineGone {
        /// The test.
        test: TestName,
        /// Where the engine is, or was.
        address: String,
        /// What failed first, if not a container that was killed.
        #[source]
        source: Option<EngineError>,
    },
    /// Neither the engine nor longshore finds addresses for its network.
    #[error(
        "the engine has no addresses left for the network of test {test}, nor is a range of 198.18.0.0/15 free"
    )]
    NoAddresses {
        /// The test.
        test: TestName,
    },
    /// An engine cannot be asked what it has.
    #[error("failed to decide which engine runs which test")]
    Spread(#[source] EngineError),
    /// The ledger failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The user asked for an end.
    #[error("interrupted")]
    Interrupted,
}

impl Explain for TestError {
    fn kind(&self) -> Kind {
        match self {
            Self::UnknownTest { .. } => Kind::Invalid,
            Self::NoImage { .. } | Self::Artifacts { .. } => Kind::Failed,
            Self::Asset { source, .. } => source.kind(),
            Self::Secret { source, .. } => source.kind(),
            Self::Engine { source, .. } => source.kind(),
            Self::Fleet { source, .. } => source.kind(),
            Self::Spread(source) => source.kind(),
            // Not merely out of reach: images and containers were made there.
            Self::EngineGone { .. } | Self::NoAddresses { .. } => Kind::Failed,
            Self::Store(source) => source.kind(),
            Self::Interrupted => Kind::Interrupted,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::UnknownTest { known, .. } if known.is_empty() => {
                vec!["there are none: name one under `tests:` in longshore.yaml, or give a service the profile `test`".to_owned()]
            }
            Self::UnknownTest { known, .. } => {
                let known: Vec<_> = known.iter().map(TestName::as_str).collect();
                vec![format!("tests are: {}", known.join(", "))]
            }
            Self::NoImage { service, .. } => vec![format!("`longshore build {service}`")],
            Self::Asset { source, .. } => source.hints(),
            Self::Secret { source, .. } => source.hints(),
            Self::Artifacts { of, .. } => vec![format!("`longshore test {of} --force` makes them again")],
            Self::Engine { source, .. } => source.hints(),
            Self::Fleet { source, .. } => source.hints(),
            Self::Spread(source) => source.hints(),
            Self::EngineGone { .. } => vec![
                "see why it went: `journalctl -u docker`, or the log of what runs it".to_owned(),
                "run it again: what is green already is not run twice, and what was left is removed first"
                    .to_owned(),
            ],
            Self::NoAddresses { .. } => vec![
                "remove networks that nobody uses: `docker network prune`".to_owned(),
                "or give the engine more ranges: `default-address-pools` in /etc/docker/daemon.json".to_owned(),
            ],
            Self::Store(source) => source.hints(),
            Self::Interrupted => vec!["what ran has been removed, and its logs kept".to_owned()],
        }
    }
}
