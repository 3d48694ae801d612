//! Words that more than one part of testing says.

use std::time::Duration;

/// Says how long something is: `350 ms`, `12 s`, `2 min`, `3m12s`, `1h02m`.
pub(super) fn period_words(time: Duration) -> String {
    let seconds = time.as_secs();
    match (seconds / 60, seconds % 60) {
        (0, 0) => format!("{} ms", time.as_millis()),
        (0, seconds) => format!("{seconds} s"),
        (minutes @ ..60, 0) => format!("{minutes} min"),
        (minutes @ ..60, seconds) => format!("{minutes}m{seconds:02}s"),
        (minutes, _) => format!("{}h{:02}m", minutes / 60, minutes % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_is_said_in_two_units_at_most() {
        for (milliseconds, expected) in [
            (350, "350 ms"),
            (12_900, "12 s"),
            (120_000, "2 min"),
            (192_300, "3m12s"),
            (3_600_000, "1h00m"),
            (3_725_000, "1h02m"),
        ] {
            assert_eq!(period_words(Duration::from_millis(milliseconds)), expected);
        }
    }
}
