//! What a builder says, as lines.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bollard::moby::buildkit::v1::StatusResponse;

use super::build::known;

/// How many lines a failure shows.
const TAIL: usize = 20;

/// Turns a builder's progress into lines, and remembers the last ones.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Names that are replaced.
    known_as: BTreeMap<String, String>,
    told: BTreeSet<String>,
    /// What a step printed without ending the line, by step.
    open: BTreeMap<String, String>,
    tail: VecDeque<String>,
    error: Option<String>,
}

impl Progress {
    /// Begins one. `known_as` holds names in what the builder prints, and what to say in their place.
    pub(super) fn new(known_as: &BTreeMap<String, String>) -> Self {
        Self {
            known_as: known_as.clone(),
            ..Self::default()
        }
    }

    /// Takes BuildKit's progress.
    pub(super) fn status(&mut self, status: &StatusResponse, mut tell: impl FnMut(&str)) {
        for vertex in &status.vertexes {
            let begun = vertex.started.is_some() || vertex.cached;
            if begun
                && !vertex.name.starts_with("[internal]")
                && self.told.insert(vertex.digest.clone())
            {
                let cached = if vertex.cached { " (cached)" } else { "" };
                self.line(&format!("{}{cached}", vertex.name), &mut tell);
            }
            if !vertex.error.is_empty() {
                self.error = Some(vertex.error.clone());
            }
        }
        for log in &status.logs {
            self.text(&log.vertex, &String::from_utf8_lossy(&log.msg), &mut tell);
        }
    }

    /// Takes what a step, or the classic builder, printed.
    pub(super) fn text(&mut self, step: &str, text: &str, mut tell: impl FnMut(&str)) {
        let mut open = self.open.remove(step).unwrap_or_default();
        open.push_str(text);
        while let Some(end) = open.find('\n') {
            let line: String = open.drain(..=end).collect();
            self.line(&line, &mut tell);
        }
        if !open.is_empty() {
            self.open.insert(step.to_owned(), open);
        }
    }

    /// Ends it: returns what failed, if the builder said so, and the last lines.
    pub(super) fn end(mut self, mut tell: impl FnMut(&str)) -> (Option<String>, Vec<String>) {
        for line in std::mem::take(&mut self.open).into_values() {
            self.line(&line, &mut tell);
        }
        (self.error, self.tail.into())
    }

    fn line(&mut self, line: &str, tell: &mut impl FnMut(&str)) {
        let line = known(&self.known_as, plain(line));
        let line = line.trim_end();
        if line.is_empty() {
            return;
        }
        tell(line);
        if self.tail.len() == TAIL {
            self.tail.pop_front();
        }
        self.tail.push_back(line.to_owned());
    }
}

/// Takes colours and other control sequences out: `ESC [ … letter`. Of a line rewritten in place the last state stays.
pub(super) fn plain(line: &str) -> String {
    let line = line.trim_end_matches(['\n', '\r']);
    let line = line.rsplit('\r').next().unwrap_or(line);
    let mut text = String::with_capacity(line.len());
    let mut rest = line.chars();
    while let Some(c) = rest.next() {
        if c == '\u{1b}' {
            if rest.next() == Some('[') {
                rest.find(char::is_ascii_alphabetic);
            }
        } else if !c.is_control() || c == '\t' {
            text.push(c);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_and_rewritten_lines_are_made_plain() {
        assert_eq!(plain("\u{1b}[91mred\u{1b}[0m\r\n"), "red");
        assert_eq!(plain("10%\r50%\r100%\n"), "100%");
        assert_eq!(plain("a\tb\u{7}"), "a\tb");
    }

    #[test]
    fn lines_of_parallel_steps_are_not_mixed() {
        let mut told = Vec::new();
        let mut progress = Progress::default();
        progress.text("a", "one ", |line| told.push(line.to_owned()));
        progress.text("b", "two\nthree", |line| told.push(line.to_owned()));
        progress.text("a", "half\n", |line| told.push(line.to_owned()));
        let (error, tail) = progress.end(|line| told.push(line.to_owned()));
        assert_eq!(told, ["two", "one half", "three"]);
        assert_eq!((error, tail), (None, told));
    }

    #[test]
    fn only_the_last_lines_are_remembered() {
        let mut progress = Progress::default();
        for number in 0..100 {
            progress.text("", &format!("{number}\n"), |_| {});
        }
        let (_, tail) = progress.end(|_| {});
        assert_eq!((tail.len(), tail[0].as_str()), (TAIL, "80"));
    }
}
