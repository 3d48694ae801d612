//! Whole numbers, fractions, sizes and switches.

use serde_json::{Value as Json, json};

use super::super::reader::{Read, Reader};
use super::super::write::Write;
use super::super::yaml::{Node, Value};

/// A size in bytes: a number, or a text such as `512m` or `1.5gb`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size(pub i64);

impl Read for Size {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        const FORM: &str = "a size such as `512m`, `1.5gb`, or a number of bytes";
        let text = reader.loose(node, FORM)?;
        match size(text) {
            Some(bytes) => Some(Self(bytes)),
            None => reader.invalid(&node.at, "this is no size", FORM),
        }
    }
}

impl Write for Size {
    fn write(&self) -> Option<Json> {
        (self.0 != 0).then(|| json!(self.0.to_string()))
    }
}

/// Parses a size: units of 1024 whatever their letters say, as every tool around Docker has them (Compose
/// Specification, "Specifying byte values").
pub fn size(text: &str) -> Option<i64> {
    let lower = text.to_ascii_lowercase();
    if let Ok(bytes) = lower.parse::<i64>() {
        return Some(bytes);
    }
    let bare = lower.strip_suffix('b').unwrap_or(&lower);
    let bare = bare.strip_suffix('i').unwrap_or(bare);
    let unit = bare.find(|c: char| c.is_ascii_alphabetic());
    let (number, unit) = bare.split_at(unit.unwrap_or(bare.len()));
    let number = number.strip_suffix(' ').unwrap_or(number);
    let power = ["", "k", "m", "g", "t", "p"]
        .iter()
        .position(|known| *known == unit)?;
    let power = i32::try_from(power).ok()?;
    let plain = |c: char| c.is_ascii_digit() || c == '.';
    let number: f64 = Some(number)
        .filter(|number| number.chars().all(plain))?
        .parse()
        .ok()?;
    let bytes = number * 1024_f64.powi(power);
    // Beyond this a fraction is no longer exact, and no machine has as much.
    #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
    (bytes < 9.0e15).then_some(bytes as i64)
}

/// A size that is written as a text: a number alone is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextSize(pub i64);

impl Read for TextSize {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        reader.text(node, "a text such as `\"512m\"`")?;
        Size::read(node, reader).map(|size| Self(size.0))
    }
}

impl Write for TextSize {
    fn write(&self) -> Option<Json> {
        Size(self.0).write()
    }
}

/// A whole number, maybe negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whole(pub i64);

impl Read for Whole {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let text = reader.loose(node, "a whole number")?;
        match whole(text) {
            Some(number) => Some(Self(number)),
            None => reader.wrong(node, "a whole number"),
        }
    }
}

impl Write for Whole {
    fn write(&self) -> Option<Json> {
        (self.0 != 0).then(|| json!(self.0))
    }
}

fn whole(text: &str) -> Option<i64> {
    if let Ok(number) = text.parse() {
        return Some(number);
    }
    // `1.0` and `1e3` are whole numbers in YAML.
    let number: f64 = text.parse().ok()?;
    #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
    (number.fract() == 0.0 && number.abs() < 9.0e15).then_some(number as i64)
}

/// A number with a fraction, at least 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Real(pub f64);

impl Eq for Real {}

impl Read for Real {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        const FORM: &str = "a number such as `0.5`";
        let text = reader.loose(node, FORM)?;
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() && number >= 0.0 => Some(Self(number)),
            Ok(_) => reader.invalid(&node.at, "the number does not fit", FORM),
            Err(_) => reader.wrong(node, FORM),
        }
    }
}

impl Write for Real {
    fn write(&self) -> Option<Json> {
        #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
        let whole = self.0 as i64;
        #[expect(
            clippy::cast_precision_loss,
            reason = "compared with what it came from"
        )]
        let exact = whole as f64 == self.0;
        match (self.0 == 0.0, exact) {
            (true, _) => None,
            (false, true) => Some(json!(whole)),
            (false, false) => Some(json!(self.0)),
        }
    }
}

/// A value that says something even where it is what it would be anyway, such as `init: false`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Said<T>(pub T);

impl<T: Read> Read for Said<T> {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        T::read(node, reader).map(Self)
    }
}

impl Write for Said<bool> {
    fn write(&self) -> Option<Json> {
        Some(json!(self.0))
    }
}

impl Write for Said<Whole> {
    fn write(&self) -> Option<Json> {
        Some(json!(self.0.0))
    }
}

/// File permission bits: octal where the text begins with 0, else decimal, as YAML has numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mode(pub u32);

impl Read for Mode {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        const FORM: &str = "permission bits such as `0440`";
        let text = reader.loose(node, FORM)?;
        let plain = matches!(&node.value, Value::Scalar(scalar) if scalar.plain);
        let octal = text.strip_prefix("0o").or_else(|| text.strip_prefix('0'));
        let bits = match octal {
            // In quotes or filled in, it is a number like any other to Compose.
            Some(digits) if plain && !digits.is_empty() => u32::from_str_radix(digits, 8),
            _ => text.parse(),
        };
        match bits {
            Ok(bits) => Some(Self(bits)),
            Err(_) => reader.invalid(&node.at, "these are no permission bits", FORM),
        }
    }
}

impl Write for Mode {
    fn write(&self) -> Option<Json> {
        Some(json!(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_sizes() {
        for (text, bytes) in [
            ("0", Some(0)),
            ("2048", Some(2048)),
            ("1b", Some(1)),
            ("64k", Some(65_536)),
            ("1KB", Some(1024)),
            ("512m", Some(536_870_912)),
            ("1.5g", Some(1_610_612_736)),
            ("2 gib", Some(2_147_483_648)),
            ("1Gi", Some(1_073_741_824)),
            ("-1", Some(-1)),
            ("", None),
            ("m", None),
            ("1x", None),
            ("1.2.3m", None),
            ("inf", None),
            ("1e400", None),
            ("99999999p", None),
        ] {
            assert_eq!(size(text), bytes, "{text}");
        }
    }

    #[test]
    fn reads_whole_numbers() {
        for (text, number) in [
            ("7", Some(7)),
            ("-500", Some(-500)),
            ("1.0", Some(1)),
            ("1e3", Some(1000)),
            ("1.5", None),
            ("x", None),
            ("nan", None),
        ] {
            assert_eq!(whole(text), number, "{text}");
        }
    }
}
