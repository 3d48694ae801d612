//! How durations and outcomes read.

use std::time::Duration;

use crate::domain::event::Outcome;

/// Returns a duration as people read it: `0.4s`, `12.3s`, `2m05s`.
pub(super) fn elapsed(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 60.0 {
        format!("{seconds:.1}s")
    } else {
        let whole = duration.as_secs();
        format!("{}m{:02}s", whole / 60, whole % 60)
    }
}

/// How an outcome is marked.
pub(super) struct Mark {
    /// One character.
    pub(super) sign: &'static str,
    /// The ANSI colour code.
    pub(super) colour: &'static str,
    /// What there is to say.
    pub(super) text: String,
}

pub(super) fn mark(outcome: &Outcome) -> Mark {
    let (sign, colour, text) = match outcome {
        Outcome::Done { detail } => ("✓", "32", detail.clone().unwrap_or_default()),
        Outcome::Unchanged { reason } => ("=", "2", reason.clone()),
        Outcome::Failed { reason } => ("✗", "31", reason.clone()),
        Outcome::Cancelled => ("-", "33", "cancelled".to_owned()),
    };
    Mark { sign, colour, text }
}

/// Wraps a text in an ANSI colour if colour is wanted.
pub(super) fn paint(text: &str, colour: &str, wanted: bool) -> String {
    if wanted {
        format!("\x1b[{colour}m{text}\x1b[0m")
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_people_say_them() {
        assert_eq!(elapsed(Duration::from_millis(420)), "0.4s");
        assert_eq!(elapsed(Duration::from_secs(59)), "59.0s");
        assert_eq!(elapsed(Duration::from_secs(125)), "2m05s");
    }
}
