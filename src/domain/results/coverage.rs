//! Coverage reports: Cobertura's XML and LCOV's lines, into one share.

use std::fmt;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::junit::attribute;

/// How much of the lines a test ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// The share of lines that ran.
    pub lines: Percent,
    /// What the test's last green verdict before this one had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Percent>,
}

/// A share in hundredths of a percent, at most 100 %.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percent(u32);

/// Why a report says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoCoverage {
    /// It is none of the formats that are read.
    #[error("it is neither Cobertura's XML nor LCOV")]
    Format,
    /// It does not say how many lines there are, or there are none.
    #[error("it counts no lines")]
    NoLines,
}

impl Percent {
    const WHOLE: u32 = 10_000;

    /// Makes the share that `part` is of `whole`; none of nothing. More than all is all.
    #[must_use]
    pub fn of(part: u64, whole: u64) -> Option<Self> {
        let share = u128::from(part.min(whole)) * u128::from(Self::WHOLE);
        // Rounded down, so that only all of it is 100 %.
        let share = share.checked_div(u128::from(whole))?;
        u32::try_from(share).ok().map(Self)
    }

    fn of_rate(rate: f64) -> Option<Self> {
        let share = (rate.is_finite()).then(|| rate.clamp(0.0, 1.0) * f64::from(Self::WHOLE))?;
        (0..=Self::WHOLE)
            .contains(&(share.round() as u32))
            .then_some(Self(share.round() as u32))
    }

    /// Says how far it is from another: `+0.4 %`, `-12.0 %`, `±0 %`.
    #[must_use]
    pub fn change_since(self, before: Self) -> String {
        let sign = match self.cmp(&before) {
            std::cmp::Ordering::Less => "-",
            std::cmp::Ordering::Equal => return "±0 %".to_owned(),
            std::cmp::Ordering::Greater => "+",
        };
        let change = self.0.abs_diff(before.0);
        // A change is shown as one, however small.
        match change {
            0..10 => format!("{sign}{}.{:02} %", change / 100, change % 100),
            _ => format!("{sign}{}", Self(change)),
        }
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{} %", self.0 / 100, self.0 % 100 / 10)
    }
}

impl Serialize for Percent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(f64::from(self.0) / 100.0)
    }
}

impl<'de> Deserialize<'de> for Percent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let percent = f64::deserialize(deserializer)?;
        let share = Self::of_rate(percent / 100.0);
        share.ok_or_else(|| serde::de::Error::custom("a share is a number from 0 to 100"))
    }
}

impl fmt::Display for Coverage {
    /// Says the share, and the change since the last green verdict: `81.2 % (+0.4 %)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.lines)?;
        match self.before {
            Some(before) => write!(f, " ({})", self.lines.change_since(before)),
            None => Ok(()),
        }
    }
}

/// Reads a report of either format.
///
/// # Errors
///
/// If it is of no known format, or counts no lines.
pub fn read(bytes: &[u8]) -> Result<Percent, NoCoverage> {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    if text.starts_with('<') {
        cobertura(text)
    } else {
        lcov(text)
    }
}

/// Reads the root of Cobertura's XML (coverage-04.dtd): how many lines there are and ran, or their rate where only that
/// is said.
fn cobertura(text: &str) -> Result<Percent, NoCoverage> {
    let mut reader = Reader::from_str(text);
    loop {
        match reader.read_event() {
            Ok(Event::Start(root) | Event::Empty(root)) if root.name().as_ref() == b"coverage" => {
                return of_root(&root).ok_or(NoCoverage::NoLines);
            }
            Ok(Event::Decl(_) | Event::Comment(_) | Event::DocType(_) | Event::PI(_)) => {}
            Ok(Event::Text(_) | Event::GeneralRef(_)) => {}
            Ok(
                Event::Start(_) | Event::Empty(_) | Event::End(_) | Event::CData(_) | Event::Eof,
            )
            | Err(_) => return Err(NoCoverage::Format),
        }
    }
}

fn of_root(root: &BytesStart<'_>) -> Option<Percent> {
    let number = |name| attribute(root, name)?.trim().parse::<u64>().ok();
    let counted = number("lines-covered").zip(number("lines-valid"));
    let counted = counted.and_then(|(covered, valid)| Percent::of(covered, valid));
    let rate = || attribute(root, "line-rate")?.trim().parse().ok();
    counted.or_else(|| Percent::of_rate(rate()?))
}

/// Reads LCOV's lines (geninfo(1), FILES): `LF` and `LH` of each file, or its `DA` where it has none of these.
fn lcov(text: &str) -> Result<Percent, NoCoverage> {
    let (mut found, mut hit) = (0_u64, 0_u64);
    let mut file = File::default();
    let mut any = false;
    for line in text.lines() {
        let line = line.trim();
        let (key, value) = line.split_once(':').unwrap_or((line, ""));
        match key {
            "SF" => any = true,
            "LF" => file.found = value.parse().ok(),
            "LH" => file.hit = value.parse().ok(),
            "DA" => file.line(value),
            "end_of_record" => {
                let (lines, ran) = std::mem::take(&mut file).counted();
                found = found.saturating_add(lines);
                hit = hit.saturating_add(ran);
            }
            _ => {}
        }
    }
    if !any {
        return Err(NoCoverage::Format);
    }
    Percent::of(hit, found).ok_or(NoCoverage::NoLines)
}

/// What LCOV says of a file.
#[derive(Default)]
struct File {
    found: Option<u64>,
    hit: Option<u64>,
    lines: u64,
    ran: u64,
}

impl File {
    fn line(&mut self, value: &str) {
        let hits = value.split(',').nth(1).unwrap_or_default();
        self.lines = self.lines.saturating_add(1);
        if hits.parse::<i128>().is_ok_and(|hits| hits > 0) {
            self.ran = self.ran.saturating_add(1);
        }
    }

    fn counted(self) -> (u64, u64) {
        match (self.found, self.hit) {
            (Some(found), Some(hit)) => (found, hit.min(found)),
            (Some(_) | None, Some(_) | None) => (self.lines, self.ran),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(report: &str) -> Result<String, NoCoverage> {
        read(report.as_bytes()).map(|percent| percent.to_string())
    }

    #[test]
    fn cobertura_says_its_lines_or_their_rate() {
        let doctype = "<?xml version=\"1.0\" ?>\n<!DOCTYPE coverage SYSTEM \"coverage-04.dtd\">\n<!-- made -->\n";
        for (root, expected) in [
            (
                r#"<coverage line-rate="0.5" lines-covered="813" lines-valid="1000">"#,
                Ok("81.3 %"),
            ),
            (r#"<coverage line-rate="0.8129"/>"#, Ok("81.2 %")),
            (r#"<coverage line-rate="1e400"/>"#, Err(NoCoverage::NoLines)),
            (r#"<coverage line-rate="7"/>"#, Ok("100.0 %")),
            (
                r#"<coverage lines-covered="9" lines-valid="3"/>"#,
                Ok("100.0 %"),
            ),
            (
                r#"<coverage lines-covered="0" lines-valid="0" line-rate="1"/>"#,
                Ok("100.0 %"),
            ),
            (
                r#"<coverage lines-covered="18446744073709551614" lines-valid="18446744073709551615"/>"#,
                Ok("99.9 %"),
            ),
            ("<coverage/>", Err(NoCoverage::NoLines)),
            ("<html>", Err(NoCoverage::Format)),
            ("<", Err(NoCoverage::Format)),
        ] {
            let expected = expected.map(str::to_owned);
            assert_eq!(
                said(&format!("\u{feff}{doctype}{root}")),
                expected,
                "{root}"
            );
        }
    }

    #[test]
    fn lcov_says_its_sums_or_its_lines() {
        for (report, expected) in [
            (
                "TN:\nSF:/a\nDA:1,1\nLF:4\nLH:3\nend_of_record\nSF:/b\nLF:4\nLH:0\nend_of_record\n",
                Ok("37.5 %"),
            ),
            (
                "SF:a\nDA:1,1\nDA:2,0\nDA:3,5,abc\nDA:4,-1\nend_of_record",
                Ok("50.0 %"),
            ),
            ("SF:a\r\nLF:1\r\nLH:9\r\nend_of_record\r\n", Ok("100.0 %")),
            ("SF:a\nLF:0\nLH:0\nend_of_record", Err(NoCoverage::NoLines)),
            (
                "SF:a\nLF:99999999999999999999\nLH:1\nend_of_record",
                Err(NoCoverage::NoLines),
            ),
            ("anything else", Err(NoCoverage::Format)),
            ("", Err(NoCoverage::Format)),
        ] {
            assert_eq!(said(report), expected.map(str::to_owned), "{report}");
        }
    }

    #[test]
    fn a_change_has_a_sign_however_small_it_is() {
        let percent = |hundredths| Percent::of(hundredths, 10_000).unwrap();
        for (now, before, expected) in [
            (8_130, 8_090, "+0.4 %"),
            (8_130, 9_330, "-12.0 %"),
            (8_130, 8_129, "+0.01 %"),
            (8_130, 8_130, "±0 %"),
        ] {
            assert_eq!(percent(now).change_since(percent(before)), expected);
        }
        let coverage = Coverage {
            lines: percent(8_130),
            before: Some(percent(8_090)),
        };
        assert_eq!(coverage.to_string(), "81.3 % (+0.4 %)");
        let json = serde_json::to_string(&coverage).unwrap();
        assert_eq!(json, r#"{"lines":81.3,"before":80.9}"#);
        assert_eq!(serde_json::from_str::<Coverage>(&json).unwrap(), coverage);
    }
}
