//! What containers and builders print, made harmless for a terminal and for what reads logs line by line.

use vte::{Parser, Perform};

/// Takes out what would do more than be read: colours, titles, cursor movement and other control sequences (ECMA-48),
/// other control characters but tabs, and marks that turn the direction of writing around (Unicode TR 36). Of a line
/// rewritten in place the last state stays.
#[must_use]
pub fn plain(line: &str) -> String {
    let line = line.trim_end_matches(['\n', '\r']);
    if !line.contains(unwelcome) {
        return line.to_owned();
    }
    let mut text = Text(String::with_capacity(line.len()));
    Parser::new().advance(&mut text, line.as_bytes());
    text.0
}

fn unwelcome(c: char) -> bool {
    let turns =
        matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    turns || (c.is_control() && c != '\t')
}

struct Text(String);

impl Perform for Text {
    fn print(&mut self, c: char) {
        if !unwelcome(c) {
            self.0.push(c);
        }
    }

    fn execute(&mut self, byte: u8) {
        match byte {
            b'\r' => self.0.clear(),
            b'\t' => self.0.push('\t'),
            // What was several lines stays apart.
            b'\n' => self.0.push(' '),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_taken_out() {
        for (line, expected) in [
            ("\u{1b}[91mred\u{1b}[0m\r\n", "red"),
            ("10%\r50%\r100%\n", "100%"),
            ("a\tb\u{7}", "a\tb"),
            ("\u{1b}]0;title\u{7}text", "text"),
            (
                "\u{1b}]8;;https://example.com\u{1b}\\link\u{1b}]8;;\u{1b}\\",
                "link",
            ),
            ("\u{1b}Pdevice\u{1b}\\text", "text"),
            ("\u{1b}[2J\u{1b}[1;1Hup\u{1b}[A", "up"),
            ("\u{9b}31mred", "31mred"),
            ("a\u{202e}txt.exe", "atxt.exe"),
            ("one\ntwo", "one two"),
            ("日本 ✓ é", "日本 ✓ é"),
        ] {
            assert_eq!(plain(line), expected, "{line:?}");
        }
    }
}
