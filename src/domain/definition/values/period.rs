//! Periods of time.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::super::reader::{Read, Reader};
use super::super::write::Write;
use super::super::yaml::Node;

/// A period such as `90s`, `1m30s`, `1.5h` or `100ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period(pub Duration);

impl Read for Period {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        const FORM: &str = "a period such as `90s` or `1m30s`";
        let text = reader.loose(node, FORM)?;
        match period(text) {
            Some(period) => Some(Self(period)),
            None if text.parse::<f64>().is_ok() => {
                reader.invalid(&node.at, "the unit is missing", FORM)
            }
            None => reader.invalid(&node.at, "this is no period", FORM),
        }
    }
}

impl Write for Period {
    fn write(&self) -> Option<Json> {
        Some(json!(written(self.0)))
    }
}

/// Parses a period as the Compose Specification (section 11, durations) has it, with fractions.
fn period(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'));
        let Some(digits) = digits else {
            // Nothing needs no unit.
            return (text == "0").then_some(total);
        };
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|c: char| !c.is_ascii_alphabetic() && c != 'µ');
        let (unit, after) = after.split_at(letters.unwrap_or(after.len()));
        let seconds = match unit {
            "ns" => 1e-9,
            "us" | "µs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        let nanoseconds = (number.parse::<f64>().ok()? * seconds * 1e9).round();
        let part = Duration::try_from_secs_f64(nanoseconds / 1e9).ok()?;
        total = total.checked_add(part)?;
        rest = after;
    }
    (!text.is_empty() && total <= Duration::from_secs(366 * 24 * 3600)).then_some(total)
}

/// Writes a period as Compose does: `1h0m30s`, `1.5s`, `100ms`.
#[must_use]
pub fn written(period: Duration) -> String {
    let fraction = |whole: u64, part: u32, digits: usize, unit: &str| {
        let part = format!("{part:0digits$}");
        let part = part.trim_end_matches('0');
        let dot = if part.is_empty() { "" } else { "." };
        format!("{whole}{dot}{part}{unit}")
    };
    let (seconds, nanoseconds) = (period.as_secs(), period.subsec_nanos());
    if seconds == 0 && nanoseconds > 0 {
        return match nanoseconds {
            1_000_000.. => fraction(
                u64::from(nanoseconds / 1_000_000),
                nanoseconds % 1_000_000,
                6,
                "ms",
            ),
            1000.. => fraction(u64::from(nanoseconds / 1000), nanoseconds % 1000, 3, "µs"),
            _ => format!("{nanoseconds}ns"),
        };
    }
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    let rest = fraction(seconds % 60, nanoseconds, 9, "s");
    match (hours, minutes) {
        (0, 0) => rest,
        (0, _) => format!("{minutes}m{rest}"),
        _ => format!("{hours}h{minutes}m{rest}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_periods() {
        for (text, milliseconds) in [
            ("5s", Some(5000)),
            ("1m30s", Some(90_000)),
            ("1.5s", Some(1500)),
            ("2h", Some(7_200_000)),
            ("100ms", Some(100)),
            ("0s", Some(0)),
            ("0", Some(0)),
            ("", None),
            ("5", None),
            ("s", None),
            ("5d", None),
            ("-5s", None),
            ("1.2.3s", None),
            ("99999999999999h", None),
        ] {
            assert_eq!(
                period(text),
                milliseconds.map(Duration::from_millis),
                "{text}"
            );
        }
    }

    #[test]
    fn writes_what_reads_back() {
        for (nanoseconds, text) in [
            (0, "0s"),
            (1, "1ns"),
            (1500, "1.5µs"),
            (100_000_000, "100ms"),
            (1_500_000_000, "1.5s"),
            (90_000_000_000, "1m30s"),
            (3_600_000_000_000, "1h0m0s"),
        ] {
            let duration = Duration::from_nanos(nanoseconds);
            assert_eq!(written(duration), text);
            assert_eq!(period(text), Some(duration), "{text}");
        }
    }
}
