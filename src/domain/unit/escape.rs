//! The one place where a value becomes part of a unit file.
//!
//! Rules are systemd's own: systemd.syntax(7) for lines, "COMMAND LINES" of systemd.service(5) for words, and
//! "SPECIFIERS" of systemd.unit(5). What comes out is an [`Escaped`], the only text that templates are given.

use serde::Serialize;

/// A text that stays within its field.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Escaped(String);

/// Why a value cannot stand in a unit file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EscapeError {
    /// No program can be given it: arguments end at the first NUL.
    #[error("it contains a NUL character")]
    Nul,
    /// systemd takes it for invalid UTF-8 and refuses the whole file.
    #[error("it contains U+{:04X}, which systemd refuses as no character", u32::from(*.0))]
    NoCharacter(char),
    /// execve(2) takes no single argument of that size.
    #[error(
        "it is {length} bytes long, more than the {LONGEST_WORD} that Linux takes as one argument"
    )]
    LongWord {
        /// Its size in bytes.
        length: usize,
    },
    /// systemd.syntax(7): the limit on line length.
    #[error(
        "the whole command line is {length} bytes long, more than the {LONGEST_LINE} that systemd reads"
    )]
    LongLine {
        /// Its size in bytes, escaped.
        length: usize,
    },
    /// It would end its line; a description is one line.
    #[error("it contains a control character or ends with a backslash")]
    NotOneLine,
}

/// `MAX_ARG_STRLEN` of Linux without the final NUL: 32 pages.
const LONGEST_WORD: usize = 32 * 4096 - 1;

/// systemd's `LONG_LINE_MAX`, with some room for its own bookkeeping.
const LONGEST_LINE: usize = 1024 * 1024 - 1024;

/// A program that units run. It is never a value from a definition, so none of systemd's prefixes (`-@:+!`) gets in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// The engine's client.
    Docker,
    /// A POSIX shell.
    Shell,
}

impl Program {
    fn path(self) -> &'static str {
        match self {
            Self::Docker => "/usr/bin/docker",
            Self::Shell => "/bin/sh",
        }
    }
}

/// Writes a command line that runs `program` with exactly these arguments. Each group of words stands on a line of
/// its own, for people.
///
/// # Errors
///
/// A word that no command line can carry.
pub fn command<W: AsRef<str>>(
    program: Program,
    groups: impl IntoIterator<Item = impl IntoIterator<Item = W>>,
) -> Result<Escaped, EscapeError> {
    let mut line = program.path().to_owned();
    for (number, group) in groups.into_iter().enumerate() {
        for (position, value) in group.into_iter().enumerate() {
            let new_line = number > 0 && position == 0;
            line.push_str(if new_line { " \\\n    " } else { " " });
            line.push_str(&word(value.as_ref())?);
        }
    }
    let length = line.len();
    if length > LONGEST_LINE {
        return Err(EscapeError::LongLine { length });
    }
    Ok(Escaped(line))
}

/// Writes a text for a field that is read whole, such as `Description=`.
///
/// # Errors
///
/// A text that is not one line.
pub fn text(value: &str) -> Result<Escaped, EscapeError> {
    let ends_line = value.contains(char::is_control) || value.ends_with('\\');
    if ends_line {
        return Err(EscapeError::NotOneLine);
    }
    refuse_no_characters(value)?;
    Ok(Escaped(value.replace('%', "%%")))
}

/// Writes one argument of a command line.
fn word(value: &str) -> Result<String, EscapeError> {
    refuse_no_characters(value)?;
    if value.contains('\0') {
        return Err(EscapeError::Nul);
    }
    if value.len() > LONGEST_WORD {
        let length = value.len();
        return Err(EscapeError::LongWord { length });
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,+".contains(c);
    if !value.is_empty() && value.chars().all(plain) {
        return Ok(value.to_owned());
    }
    let mut quoted = String::with_capacity(value.len() + 2);
    quoted.push('"');
    for c in value.chars() {
        push_quoted(&mut quoted, c);
    }
    quoted.push('"');
    Ok(quoted)
}

/// Appends a character as it has to stand between double quotes. Specifiers and variables are expanded after quotes
/// are resolved, so `%` and `$` are doubled and not written as `\x25` and `\x24`.
fn push_quoted(quoted: &mut String, c: char) {
    match c {
        '%' => quoted.push_str("%%"),
        '$' => quoted.push_str("$$"),
        '\\' => quoted.push_str(r"\\"),
        '"' => quoted.push_str("\\\""),
        '\n' => quoted.push_str(r"\n"),
        '\r' => quoted.push_str(r"\r"),
        '\t' => quoted.push_str(r"\t"),
        c if c.is_control() => {
            for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                quoted.push_str(&format!("\\x{byte:02x}"));
            }
        }
        c => quoted.push(c),
    }
}

/// Refuses Unicode's noncharacters, for which systemd's own check of UTF-8 fails.
fn refuse_no_characters(value: &str) -> Result<(), EscapeError> {
    let none = |c: &char| {
        let code = u32::from(*c);
        (0xFDD0..=0xFDEF).contains(&code) || code & 0xFFFE == 0xFFFE
    };
    match value.chars().find(none) {
        Some(c) => Err(EscapeError::NoCharacter(c)),
        None => Ok(()),
    }
}

/// Writes a word for a POSIX shell (POSIX.1-2017, XCU 2.2.2), for health checks that docker hands to one.
#[must_use]
pub fn shell_word(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,+%".contains(c);
    if !value.is_empty() && value.chars().all(plain) {
        value.to_owned()
    } else {
        format!("'{}'", value.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line(words: &[&str]) -> String {
        command(Program::Docker, [words]).unwrap().0
    }

    fn one(value: &str) -> String {
        line(&[value])
            .strip_prefix("/usr/bin/docker ")
            .unwrap()
            .to_owned()
    }

    #[test]
    fn plain_words_stay_as_they_are() {
        assert_eq!(
            one("--publish=127.0.0.1:80:80/tcp"),
            "--publish=127.0.0.1:80:80/tcp"
        );
    }

    #[test]
    fn percent_signs_are_no_specifiers() {
        assert_eq!(one("%i%%"), "\"%%i%%%%\"");
    }

    #[test]
    fn dollar_signs_are_no_variables() {
        assert_eq!(one("$HOME${x}$$"), "\"$$HOME$${x}$$$$\"");
    }

    #[test]
    fn quotes_and_backslashes_are_escaped() {
        assert_eq!(one(r#"a"b'c\"#), r#""a\"b'c\\""#);
    }

    #[test]
    fn line_ends_and_tabs_do_not_end_the_field() {
        assert_eq!(
            one("a\nExecStart=/bin/x\r\t"),
            r#""a\nExecStart=/bin/x\r\t""#
        );
    }

    #[test]
    fn control_characters_are_bytes_in_hex() {
        assert_eq!(one("\u{1}\u{1b}\u{7f}\u{85}"), r#""\x01\x1b\x7f\xc2\x85""#);
    }

    #[test]
    fn a_semicolon_is_no_separator_and_a_hash_no_comment() {
        assert_eq!(one(";"), "\";\"");
        assert_eq!(
            command(Program::Shell, [["a"], ["#b"]]).unwrap().0,
            "/bin/sh a \\\n    \"#b\""
        );
    }

    #[test]
    fn an_empty_word_stays_a_word() {
        assert_eq!(line(&["a", "", "b"]), "/usr/bin/docker a \"\" b");
    }

    #[test]
    fn other_scripts_stay_readable() {
        assert_eq!(one("grüße 世界"), "\"grüße 世界\"");
    }

    #[test]
    fn what_no_unit_can_carry_is_refused() {
        let refused = |value: &str| command(Program::Docker, [[value]]).unwrap_err();
        assert_eq!(refused("a\0"), EscapeError::Nul);
        assert_eq!(refused("\u{FFFE}"), EscapeError::NoCharacter('\u{FFFE}'));
        assert_eq!(refused("\u{FDD0}"), EscapeError::NoCharacter('\u{FDD0}'));
        let long = "a".repeat(LONGEST_WORD + 1);
        assert!(matches!(refused(&long), EscapeError::LongWord { .. }));
        assert!(command(Program::Docker, [[&long[1..]]]).is_ok());
        let many = vec![&long[1..]; 9];
        assert!(matches!(
            command(Program::Docker, [many]).unwrap_err(),
            EscapeError::LongLine { .. }
        ));
    }

    #[test]
    fn a_text_keeps_to_its_line() {
        assert_eq!(text("50% of \"it\"").unwrap().0, "50%% of \"it\"");
        assert_eq!(text("a\nb"), Err(EscapeError::NotOneLine));
        assert_eq!(text("a\\"), Err(EscapeError::NotOneLine));
        assert!(text("\u{FFFF}").is_err());
    }

    #[test]
    fn a_shell_reads_each_word_back() {
        assert_eq!(shell_word("pg_isready"), "pg_isready");
        assert_eq!(shell_word(""), "''");
        assert_eq!(shell_word("it's $x"), r"'it'\''s $x'");
    }

    /// Reads a command line as systemd does: lines joined, comments dropped, quotes and escapes resolved, then
    /// specifiers and variables.
    fn argv(text: &str) -> Vec<String> {
        let mut joined = String::new();
        let mut continued = false;
        for line in text.split('\n') {
            if continued && line.trim_start().starts_with(['#', ';']) {
                continue;
            }
            match line.strip_suffix('\\') {
                Some(line) => {
                    joined.push_str(line);
                    joined.push(' ');
                    continued = true;
                }
                None => {
                    joined.push_str(line);
                    break;
                }
            }
        }
        words(&joined)
            .into_iter()
            .map(|word| expanded(&word))
            .collect()
    }

    fn words(line: &str) -> Vec<String> {
        let (mut words, mut word, mut quote) = (Vec::new(), None::<Vec<u8>>, None);
        let mut bytes = line.bytes();
        while let Some(byte) = bytes.next() {
            let current = |word: &mut Option<Vec<u8>>, byte| {
                word.get_or_insert_default().push(byte);
            };
            match (byte, quote) {
                (b'\\', _) => match bytes.next().unwrap() {
                    b'n' => current(&mut word, b'\n'),
                    b'r' => current(&mut word, b'\r'),
                    b't' => current(&mut word, b'\t'),
                    b'x' => {
                        let hex = [bytes.next().unwrap(), bytes.next().unwrap()];
                        current(&mut word, hex::decode(hex).unwrap()[0]);
                    }
                    other @ (b'\\' | b'"' | b'\'') => current(&mut word, other),
                    other => panic!("unknown escape {other}"),
                },
                (b'"' | b'\'', None) => {
                    quote = Some(byte);
                    word.get_or_insert_default();
                }
                (_, Some(open)) if byte == open => quote = None,
                (b' ' | b'\t' | b'\n' | b'\r', None) => words.extend(word.take()),
                (b';', None) if word.is_none() => panic!("a second command begins"),
                _ => current(&mut word, byte),
            }
        }
        assert_eq!(quote, None, "an open quote");
        words.extend(word);
        words
            .into_iter()
            .map(|word| String::from_utf8(word).unwrap())
            .collect()
    }

    fn expanded(word: &str) -> String {
        let mut text = String::new();
        let mut chars = word.chars();
        while let Some(c) = chars.next() {
            if c == '%' || c == '$' {
                assert_eq!(chars.next(), Some(c), "an expansion in {word:?}");
            }
            text.push(c);
        }
        text
    }

    #[test]
    fn the_reader_used_here_sees_what_breaks_out() {
        assert_eq!(
            argv("/bin/a \"b c\" 'd' \\x41"),
            ["/bin/a", "b c", "d", "A"]
        );
        for broken in ["/bin/a %i", "/bin/a $x", "/bin/a ; /bin/b", "/bin/a \"b"] {
            assert!(
                std::panic::catch_unwind(|| argv(broken)).is_err(),
                "{broken}"
            );
        }
    }

    fn nasty() -> impl Strategy<Value = String> {
        prop_oneof![
            any::<String>(),
            r#"[-;#%$"'\\\n\r\t @:+!{}a\x01\x7f]{0,12}"#,
        ]
        .prop_filter("what cannot be carried", |value| word(value).is_ok())
    }

    proptest! {
        #[test]
        fn systemd_reads_back_exactly_the_words(groups in prop::collection::vec(prop::collection::vec(nasty(), 1..4), 0..5)) {
            let text = command(Program::Docker, &groups).unwrap().0;
            let mut expected = vec!["/usr/bin/docker".to_owned()];
            expected.extend(groups.into_iter().flatten());
            prop_assert_eq!(argv(&text), expected);
        }

        #[test]
        fn a_field_ends_where_its_line_does(value in nasty()) {
            let text = command(Program::Docker, [[value]]).unwrap().0;
            prop_assert_eq!(text.lines().count(), 1);
        }
    }
}
