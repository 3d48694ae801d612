//! How durations, outcomes and steps read.

use std::time::Duration;

use crate::cli::table::pad;
use crate::domain::event::{Outcome, Steps, Work};
use crate::domain::line::plain;

/// Colours that tell services apart: none of those that mean good or bad.
const OWN: [&str; 8] = ["36", "34", "35", "96", "94", "95", "38;5;37", "38;5;141"];

/// Returns a duration as people read it: `0.4s`, `12.3s`, `2m05s`, `1h02m`.
pub(super) fn elapsed(duration: Duration) -> String {
    let tenths = duration.as_millis() / 100;
    let whole = duration.as_secs();
    if whole < 60 {
        format!("{}.{}s", tenths / 10, tenths % 10)
    } else if whole < 3600 {
        format!("{}m{:02}s", whole / 60, whole % 60)
    } else {
        format!("{}h{:02}m", whole / 3600, whole / 60 % 60)
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
        Outcome::Done { detail } => ("✓", "32", detail.as_deref().unwrap_or_default()),
        Outcome::Unchanged { reason } => ("=", "2", reason.as_str()),
        Outcome::Failed { reason } => ("✗", "31", reason.as_str()),
        Outcome::Cancelled => ("-", "33", "cancelled"),
    };
    let text = plain(text);
    Mark { sign, colour, text }
}

/// Work that is over.
pub(super) struct Over<'o> {
    pub(super) work: &'o Work,
    pub(super) outcome: &'o Outcome,
    pub(super) elapsed: Duration,
    pub(super) steps: Steps,
    /// The width of the column of names.
    pub(super) names: usize,
}

/// Returns the line for work that is over: `✓ build api  12.3s  4c0ffee, 7/9 steps cached`.
pub(super) fn over(over: &Over<'_>, colour: bool) -> String {
    let Over {
        work,
        outcome,
        elapsed: time,
        steps: cached,
        names,
    } = *over;
    let mark = mark(outcome);
    let cached = (cached.cached > 0 && matches!(outcome, Outcome::Done { .. }))
        .then(|| format!("{}/{} steps cached", cached.cached, cached.total));
    let said: Vec<_> = [mark.text]
        .into_iter()
        .filter(|text| !text.is_empty())
        .chain(cached)
        .collect();
    let said = said.join(", ");
    let gap = if said.is_empty() { "" } else { "  " };
    let sign = paint(mark.sign, mark.colour, colour);
    let time = paint(&format!("{:>6}", elapsed(time)), "2", colour);
    let name = pad(&plain(&work.to_string()), names);
    format!("{sign} {name} {time}{gap}{said}")
}

/// Says how far something is; none if it does not count steps.
pub(super) fn steps(steps: Steps) -> Option<String> {
    let Steps {
        total,
        done,
        cached,
    } = steps;
    let cached = if cached > 0 {
        format!(", {cached} cached")
    } else {
        String::new()
    };
    (total > 0).then(|| format!("{done}/{total} steps{cached}"))
}

/// Returns the colour of a service or test, always the same for one name.
pub(super) fn own_colour(name: &str) -> &'static str {
    let sum = name.bytes().fold(0_usize, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(byte.into())
    });
    OWN[sum % OWN.len()]
}

/// Wraps a text in an ANSI colour if colour is wanted.
pub(super) fn paint(text: &str, colour: &str, wanted: bool) -> String {
    if wanted && !text.is_empty() {
        format!("\x1b[{colour}m{text}\x1b[0m")
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::super::board::tests::build;
    use super::*;

    #[test]
    fn durations_read_as_people_say_them() {
        for (milliseconds, expected) in [
            (420, "0.4s"),
            (59_999, "59.9s"),
            (125_000, "2m05s"),
            (3_725_000, "1h02m"),
        ] {
            assert_eq!(elapsed(Duration::from_millis(milliseconds)), expected);
        }
    }

    #[test]
    fn work_that_is_over_says_what_came_of_it_and_what_came_from_the_cache() {
        let cached = Steps {
            total: 9,
            done: 9,
            cached: 7,
        };
        let time = Duration::from_secs(12);
        let line = |outcome| {
            let work = Over {
                work: &build("api"),
                outcome: &outcome,
                elapsed: time,
                steps: cached,
                names: 12,
            };
            over(&work, false)
        };
        assert_eq!(
            line(Outcome::done("4c0ffee")),
            "✓ build api     12.0s  4c0ffee, 7/9 steps cached"
        );
        let reason = "\u{1b}[31mexit code 1\u{1b}[0m".to_owned();
        assert_eq!(
            line(Outcome::Failed { reason }),
            "✗ build api     12.0s  exit code 1"
        );
    }
}
