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

/// Writes a time as the clock on the wall here shows it, to the minute and with its zone.
#[must_use]
pub fn local(at: Timestamp) -> String {
    match jiff::Timestamp::from_second(at.0) {
        Ok(time) => {
            let zoned = time.to_zoned(jiff::tz::TimeZone::system());
            zoned.strftime("%Y-%m-%d %H:%M %Z").to_string()
        }
        Err(_) => at.0.to_string(),
    }
}
