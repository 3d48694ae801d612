//! Tables of text.

use console::measure_text_width;

/// A table with a heading, whose columns are as wide as they need to be.
#[derive(Debug)]
pub(super) struct Table {
    heading: String,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Makes one with these column names; an empty heading gives none.
    pub(super) fn new(heading: &str, columns: &[&str]) -> Self {
        Self {
            heading: heading.to_owned(),
            rows: vec![columns.iter().map(|column| (*column).to_owned()).collect()],
        }
    }

    /// Adds a row.
    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Returns the table as lines, `none` in place of no rows.
    pub(super) fn render(&self) -> String {
        let mut text = if self.heading.is_empty() {
            String::new()
        } else {
            format!("{}\n", self.heading)
        };
        if self.rows.len() == 1 {
            text.push_str("  none\n");
            return text;
        }
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column| {
            self.rows
                .iter()
                .filter_map(|row: &Vec<String>| row.get(column))
                .map(|cell: &String| measure_text_width(cell))
                .max()
        };
        let widths: Vec<_> = (0..columns)
            .map(|column| width(column).unwrap_or(0))
            .collect();
        for row in &self.rows {
            let cells = row
                .iter()
                .zip(&widths)
                .map(|(cell, width)| pad(cell, *width));
            let line = cells.collect::<Vec<_>>().join("  ");
            text.push_str(&format!("  {}\n", line.trim_end()));
        }
        text
    }
}

/// Fills a text with spaces up to so many columns of a terminal. Colours have no width, and wide characters two columns.
pub(super) fn pad(text: &str, width: usize) -> String {
    let gap = width.saturating_sub(measure_text_width(text));
    format!("{text}{:gap$}", "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_nothing_trails() {
        let mut table = Table::new("things", &["A", "LONGER", ""]);
        table.row(["é".to_owned(), "x".to_owned(), String::new()]);
        assert_eq!(table.render(), "things\n  A  LONGER\n  é  x\n");
        let mut wide = Table::new("", &["A", "B"]);
        wide.row(["日本".to_owned(), "x".to_owned()]);
        wide.row(["\u{1b}[31mred\u{1b}[0m".to_owned(), "x".to_owned()]);
        assert_eq!(
            wide.render(),
            "  A     B\n  日本  x\n  \u{1b}[31mred\u{1b}[0m   x\n"
        );
        assert_eq!(Table::new("things", &["A"]).render(), "things\n  none\n");
    }
}
