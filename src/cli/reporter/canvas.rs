//! Lines at the lower end of a terminal that are drawn over, under lines that stay. Pure: what is to be written is text.

use console::measure_text_width;

/// Begin and end of a synchronised update: a terminal that knows it shows all at once, others ignore it.
const BEGIN: &str = "\x1b[?2026h";
const END: &str = "\x1b[?2026l";

/// What is drawn now. The cursor rests at the beginning of the line below it.
#[derive(Debug, Default)]
pub(super) struct Canvas {
    drawn: Vec<String>,
    width: usize,
}

impl Canvas {
    /// Returns what draws `lines` in place of what is drawn, under further lines that stay.
    pub(super) fn draw(&mut self, stay: &[String], lines: Vec<String>, width: usize) -> String {
        let mut text = String::new();
        if stay.is_empty() && lines == self.drawn && width == self.width {
            return text;
        }
        text.push_str(BEGIN);
        let rows = self.rows(width);
        if rows > 0 {
            text.push_str(&format!("\x1b[{rows}A"));
        }
        text.push('\r');
        let same_place = stay.is_empty() && lines.len() == self.drawn.len() && width == self.width;
        if same_place {
            for (line, drawn) in lines.iter().zip(&self.drawn) {
                if line != drawn {
                    text.push_str(&format!("{line}\x1b[K"));
                }
                text.push_str("\r\n");
            }
        } else {
            text.push_str("\x1b[J");
            for line in stay.iter().chain(&lines) {
                text.push_str(&format!("{line}\r\n"));
            }
        }
        text.push_str(END);
        self.drawn = lines;
        self.width = width;
        text
    }

    /// Counts the rows that are drawn on: a terminal that became narrower has broken lines into several.
    fn rows(&self, width: usize) -> usize {
        let rows = |line: &String| measure_text_width(line).div_ceil(width.max(1)).max(1);
        self.drawn.iter().map(rows).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(lines: &[&str]) -> Vec<String> {
        lines.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn only_what_changed_is_written_again() {
        let mut canvas = Canvas::default();
        let first = canvas.draw(&[], lines(&["a", "b"]), 80);
        assert_eq!(first, format!("{BEGIN}\r\x1b[Ja\r\nb\r\n{END}"));
        assert_eq!(canvas.draw(&[], lines(&["a", "b"]), 80), "");
        let second = canvas.draw(&[], lines(&["a", "c"]), 80);
        assert_eq!(second, format!("{BEGIN}\x1b[2A\r\r\nc\x1b[K\r\n{END}"));
    }

    #[test]
    fn lines_that_stay_go_above() {
        let mut canvas = Canvas::default();
        canvas.draw(&[], lines(&["a"]), 80);
        let next = canvas.draw(&lines(&["stays"]), lines(&["b"]), 80);
        assert_eq!(next, format!("{BEGIN}\x1b[1A\r\x1b[Jstays\r\nb\r\n{END}"));
        let end = canvas.draw(&[], Vec::new(), 80);
        assert_eq!(end, format!("{BEGIN}\x1b[1A\r\x1b[J{END}"));
    }

    #[test]
    fn what_a_narrower_terminal_broke_into_rows_is_drawn_over() {
        let mut canvas = Canvas::default();
        canvas.draw(&[], lines(&["0123456789", "a"]), 80);
        let next = canvas.draw(&[], lines(&["0123", "a"]), 5);
        assert_eq!(next, format!("{BEGIN}\x1b[3A\r\x1b[J0123\r\na\r\n{END}"));
    }
}
