//! Secret values, and keeping them out of all that is shown or kept.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

/// What stands where a value stood.
const MASK: &str = "***";
/// What RFC 3986 section 2.3 leaves as it is.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
/// What JavaScript's `encodeURIComponent` leaves besides.
const COMPONENT: &AsciiSet = &RESERVED
    .remove(b'!')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*');
/// After how many characters programs break lines of base64: `base64` of coreutils and MIME, and PEM.
const WRAPS: [usize; 2] = [76, 64];

/// A secret's value. It is never shown, not even for debugging.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretValue(Vec<u8>);

impl SecretValue {
    /// Takes bytes for one.
    #[must_use]
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// Returns the bytes, for the one place that they go to.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Tells whether some of it is long enough to be masked.
    #[must_use]
    pub fn can_be_masked(&self) -> bool {
        lines(&self.0).next().is_some()
    }
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

/// Replaces secret values in texts, in whatever of the usual forms they come: as they are and line by line; in base64, by
/// themselves, wrapped, or within something longer; encoded for URLs or as a JSON string.
#[derive(Clone, Default)]
pub struct Masker(Option<Arc<Forms>>);

struct Forms {
    search: AhoCorasick,
    longest: usize,
}

impl Masker {
    /// A line of a value that is shorter than this is not masked: it would blot out ordinary text, and tell by the holes
    /// what it is.
    pub const SHORTEST: usize = 4;

    /// Makes one for these values.
    #[must_use]
    pub fn of<'v>(values: impl IntoIterator<Item = &'v SecretValue>) -> Self {
        let mut forms = BTreeSet::new();
        for value in values {
            of_value(value.expose(), &mut forms);
        }
        let long_enough = |form: &Vec<u8>| form.len() >= Self::SHORTEST;
        let forms: Vec<_> = forms.into_iter().filter(long_enough).collect();
        let longest = forms.iter().map(Vec::len).max().unwrap_or_default();
        let mut builder = AhoCorasick::builder();
        let search = builder.match_kind(MatchKind::LeftmostLongest).build(&forms);
        // It fails only beyond 2^31 states, and values are bounded where they are read.
        let search = search.ok().filter(|_| !forms.is_empty());
        Self(search.map(|search| Arc::new(Forms { search, longest })))
    }

    /// Replaces what is secret in a text.
    #[must_use]
    pub fn mask<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self.bytes(text.as_bytes()) {
            Cow::Borrowed(_) => Cow::Borrowed(text),
            Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
        }
    }

    /// Replaces what is secret in bytes.
    #[must_use]
    pub fn bytes<'t>(&self, bytes: &'t [u8]) -> Cow<'t, [u8]> {
        let Some(forms) = &self.0 else {
            return Cow::Borrowed(bytes);
        };
        let mut masked: Option<Vec<u8>> = None;
        let mut done = 0;
        for found in forms.search.find_iter(bytes) {
            let masked = masked.get_or_insert_default();
            masked.extend_from_slice(&bytes[done..found.start()]);
            masked.extend_from_slice(MASK.as_bytes());
            done = found.end();
        }
        match masked {
            None => Cow::Borrowed(bytes),
            Some(mut masked) => {
                masked.extend_from_slice(&bytes[done..]);
                Cow::Owned(masked)
            }
        }
    }

    /// Returns where a text that goes on may be cut so that no value is cut in two.
    #[must_use]
    pub fn cut(&self, bytes: &[u8]) -> usize {
        let Some(forms) = &self.0 else {
            return bytes.len();
        };
        let safe = bytes.len().saturating_sub(forms.longest);
        let across = forms.search.find_iter(bytes);
        let across = across.take_while(|found| found.start() < safe);
        across.last().map_or(safe, |found| found.end().max(safe))
    }
}

impl fmt::Debug for Masker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let longest = self.0.as_ref().map(|forms| forms.longest);
        f.debug_struct("Masker").field("longest", &longest).finish()
    }
}

/// Returns the lines of a value that are long enough to be masked.
fn lines(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let lines = value.split(|byte| *byte == b'\n' || *byte == b'\r');
    let lines = lines.map(<[u8]>::trim_ascii);
    lines.filter(|line| line.len() >= Masker::SHORTEST)
}

fn of_value(value: &[u8], forms: &mut BTreeSet<Vec<u8>>) {
    for line in lines(value) {
        forms.insert(line.to_vec());
        in_base64(line, forms);
        in_urls(line, forms);
        if let Ok(text) = std::str::from_utf8(line) {
            let quoted = serde_json::Value::from(text).to_string();
            forms.insert(quoted.trim_matches('"').as_bytes().to_vec());
        }
    }
    // Whole, as a file is encoded: with its last line end and without.
    let trimmed = value.trim_ascii();
    if trimmed.len() >= Masker::SHORTEST {
        for whole in [value, trimmed] {
            in_base64(whole, forms);
            in_urls(whole, forms);
        }
    }
}

fn in_base64(value: &[u8], forms: &mut BTreeSet<Vec<u8>>) {
    for text in [STANDARD.encode(value), URL_SAFE_NO_PAD.encode(value)] {
        for wrap in WRAPS {
            let pieces = text.as_bytes().chunks(wrap);
            forms.extend(pieces.map(<[u8]>::to_vec));
        }
        forms.insert(text.into_bytes());
    }
    // Within something longer, such as `user:password`, it begins at one of three places, and its first and last
    // characters depend on what is beside it.
    for before in 0..3 {
        let mut padded = vec![0; before];
        padded.extend_from_slice(value);
        let first = [0, 2, 3][before];
        let last = padded.len() * 8 / 6;
        for text in [
            STANDARD_NO_PAD.encode(&padded),
            URL_SAFE_NO_PAD.encode(&padded),
        ] {
            // Shorter ones would be found by chance.
            if let Some(inner) = text.get(first..last).filter(|inner| inner.len() >= 6) {
                forms.insert(inner.as_bytes().to_vec());
            }
        }
    }
}

fn in_urls(value: &[u8], forms: &mut BTreeSet<Vec<u8>>) {
    for kept in [RESERVED, COMPONENT] {
        let upper = percent_encode(value, kept).to_string();
        forms.insert(upper.replace("%20", "+").into_bytes());
        forms.insert(lower(&upper).into_bytes());
        forms.insert(upper.into_bytes());
    }
}

/// Writes the digits of percent-encoded bytes in lower case.
fn lower(encoded: &str) -> String {
    let mut left = 0;
    let letter = |letter: char| {
        left = if letter == '%' { 3_usize } else { left };
        let digit = left > 0;
        left = left.saturating_sub(1);
        if digit {
            letter.to_ascii_lowercase()
        } else {
            letter
        }
    };
    encoded.chars().map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUE: &str = "p4ss/w+rd &?";

    fn masker(value: &str) -> Masker {
        Masker::of([&SecretValue::new(value)])
    }

    #[test]
    fn a_value_is_masked_in_every_form() {
        let masker = masker(VALUE);
        for form in [
            "p4ss/w+rd &?",
            "cDRzcy93K3JkICY/",
            "cDRzcy93K3JkICY_",
            "p4ss%2Fw%2Brd%20%26%3F",
            "p4ss%2fw%2brd%20%26%3f",
            "p4ss%2Fw%2Brd+%26%3F",
        ] {
            assert_eq!(masker.mask(&format!("a {form} b")), "a *** b", "{form}");
        }
        assert_eq!(masker.mask("p4ss"), "p4ss");
    }

    #[test]
    fn a_value_within_something_longer_in_base64_is_masked() {
        let masker = masker(VALUE);
        for before in ["", "u", "us", "use"] {
            let text = STANDARD.encode(format!("{before}:{VALUE}:x"));
            let masked = masker.mask(&text);
            assert!(masked.contains(MASK), "{text} became {masked}");
            // What is left of it decodes to less than two of its bytes at either end.
            assert!(masked.len() <= text.len() - 12, "{text} became {masked}");
        }
    }

    #[test]
    fn of_several_lines_each_is_masked() {
        let masker = masker("first line\r\n  second \nabc\nlast-one\n");
        assert_eq!(
            masker.mask("first line, second and last-one, abc"),
            "***, *** and ***, abc"
        );
        let whole = STANDARD.encode("first line\r\n  second \nabc\nlast-one\n");
        assert_eq!(masker.mask(&whole), MASK);
    }

    #[test]
    fn a_long_value_is_masked_where_base64_is_wrapped() {
        let value: String = (0..200).map(|number| format!("{number};")).collect();
        let masker = masker(&value);
        let text = STANDARD.encode(&value);
        let wrapped = text.as_bytes().chunks(76);
        for line in wrapped.map(|line| String::from_utf8(line.to_vec()).unwrap()) {
            assert_eq!(masker.mask(&line), MASK, "{line}");
        }
    }

    #[test]
    fn what_is_too_short_is_left_and_known() {
        assert_eq!(masker("abc").mask("abc"), "abc");
        assert!(!SecretValue::new("abc\nx\n").can_be_masked());
        assert!(SecretValue::new("abcd").can_be_masked());
        assert_eq!(masker("").mask("text"), "text");
    }

    #[test]
    fn the_longest_of_several_is_masked_whole() {
        let (short, long) = (SecretValue::new("abcd"), SecretValue::new("abcdefgh"));
        let masker = Masker::of([&short, &long]);
        assert_eq!(masker.mask("abcdefgh abcd"), "*** ***");
    }

    #[test]
    fn a_text_is_cut_where_no_value_is_cut() {
        let masker = masker("secret-value");
        for length in 0..40 {
            let text = "0123456789 secret-value 0123456789 01234";
            let (first, rest) = (&text[..length], &text[length..]);
            let cut = masker.cut(first.as_bytes());
            let masked = format!(
                "{}{}",
                masker.mask(&first[..cut]),
                masker.mask(&format!("{}{rest}", &first[cut..]))
            );
            assert_eq!(masked, masker.mask(text), "cut at {length}");
        }
        assert_eq!(Masker::default().cut(b"text"), 4);
    }

    #[test]
    fn nothing_shows_a_value() {
        let value = SecretValue::new(VALUE);
        let debug = format!("{value:?} {:?}", Masker::of([&value]));
        assert!(!debug.contains("p4ss"), "{debug}");
    }
}
