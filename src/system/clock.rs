//! The clock. Everything above takes time as an argument.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::domain::ledger::Timestamp;

/// Reads the monotonic clock.
#[must_use]
pub fn instant() -> Instant {
    Instant::now()
}

/// Reads the wall clock. A clock before 1970 reads as 1970.
#[must_use]
pub fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}
