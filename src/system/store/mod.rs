//! The ledger's storage. What is recorded is said in `domain::ledger`; this only keeps it.

mod error;
mod images;
mod place;
mod sqlite;

pub use error::StoreError;
pub use images::known_images;
pub use place::Place;
pub use sqlite::Ledger;

use crate::domain::ledger::Timestamp;

/// A record with when it was made, for records whose content must not depend on it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Recorded<T> {
    /// When.
    pub at: Timestamp,
    /// What.
    pub record: T,
}
