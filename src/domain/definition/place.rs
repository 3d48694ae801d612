//! Where something was written: a file, and a range of bytes in it.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// A file as it was read.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    /// Its path as a person would write it from the folder that longshore works in.
    pub path: String,
    /// Its text, without a byte order mark; empty if it could not be read.
    pub text: String,
}

/// A range of bytes in a file, or the file as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    source: Arc<Source>,
    // Half as large as numbers of the machine's own: there are several places to every value.
    start: u32,
    end: u32,
}

/// Where a place starts that is a file as a whole. No file is read that is as long.
const WHOLE: u32 = u32::MAX;

/// Where a value was written, and how it came to stand where it is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At {
    /// Where its text stands.
    pub place: Place,
    /// What brought it, if anything did, the last step first.
    pub via: Option<Arc<Via>>,
}

/// A step by which a value came to stand where it is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Via {
    /// How.
    pub how: How,
    /// Where that is said.
    pub place: Place,
    /// The step before.
    pub before: Option<Arc<Via>>,
}

/// How a value came to stand where it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// By an alias or a merge key.
    Alias,
    /// By `extends`.
    Extends,
    /// By `include`.
    Include,
    /// In place of what an earlier file says.
    Override,
    /// Mounted because another service mounts it.
    VolumesFrom,
}

impl How {
    /// Returns what is to be seen where it is said.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Alias => "used here",
            Self::Extends => "extended here",
            Self::Include => "included here",
            Self::Override => "in place of this",
            Self::VolumesFrom => "mounted from there by this",
        }
    }
}

/// A value and where it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it was written.
    pub at: At,
}

/// A position as people and editors count: both from 1, the column in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

impl Place {
    /// A range of bytes. What lies outside the text or inside a character is moved to where it can be shown.
    #[must_use]
    pub fn new(source: &Arc<Source>, range: Range<usize>) -> Self {
        let text = &source.text;
        let end = text.floor_char_boundary(range.end.min(text.len()));
        let start = text.floor_char_boundary(range.start.min(end));
        let offset = |offset| u32::try_from(offset).unwrap_or(WHOLE - 1);
        Self {
            source: Arc::clone(source),
            start: offset(start),
            end: offset(end),
        }
    }

    /// A file as a whole, for what is wrong with all of it.
    #[must_use]
    pub fn file(path: impl Into<String>) -> Self {
        let (path, text) = (path.into(), String::new());
        Self {
            source: Arc::new(Source { path, text }),
            start: WHOLE,
            end: WHOLE,
        }
    }

    /// A part of this range, in bytes from its start.
    #[must_use]
    pub fn part(&self, part: Range<usize>) -> Self {
        let Some(range) = self.range() else {
            return self.clone();
        };
        let at = |offset: usize| (range.start + offset).min(range.end);
        Self::new(&self.source, at(part.start)..at(part.end))
    }

    /// Returns the file.
    #[must_use]
    pub fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// Returns the file's path.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.source.path
    }

    /// Returns the range, if it is not the whole file.
    #[must_use]
    pub fn range(&self) -> Option<Range<usize>> {
        (self.start != WHOLE).then_some(self.start as usize..self.end as usize)
    }

    /// Returns the file's text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.source.text
    }

    /// Returns the text of the range.
    #[must_use]
    pub fn slice(&self) -> &str {
        self.range()
            .and_then(|range| self.source.text.get(range))
            .unwrap_or_default()
    }

    /// Tells whether another place lies within this one.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        match (self.range(), other.range()) {
            (Some(own), Some(inner)) => {
                self.path() == other.path() && own.start <= inner.start && inner.end <= own.end
            }
            (None, _) => self.path() == other.path(),
            (Some(_), None) => false,
        }
    }

    /// Returns where it starts.
    #[must_use]
    pub fn start(&self) -> Option<Position> {
        self.range().map(|range| self.position(range.start))
    }

    /// Returns where it ends: the position after its last character.
    #[must_use]
    pub fn end(&self) -> Option<Position> {
        self.range().map(|range| self.position(range.end))
    }

    fn position(&self, offset: usize) -> Position {
        let before = &self.source.text[..offset];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Position {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

/// Where the lines of files begin, found once for each file: a thousand places in a file of megabytes are told together.
#[derive(Debug, Default)]
pub struct Lines(BTreeMap<String, Vec<usize>>);

impl Lines {
    /// Returns where a place starts.
    pub fn start(&mut self, place: &Place) -> Option<Position> {
        let range = place.range()?;
        Some(self.position(place, range.start))
    }

    /// Returns where a place ends: the position after its last character.
    pub fn end(&mut self, place: &Place) -> Option<Position> {
        let range = place.range()?;
        Some(self.position(place, range.end))
    }

    fn position(&mut self, place: &Place, offset: usize) -> Position {
        let text = place.text();
        if !self.0.contains_key(place.path()) {
            let begun = text.match_indices('\n').map(|(newline, _)| newline + 1);
            let begun = std::iter::once(0).chain(begun).collect();
            self.0.insert(place.path().to_owned(), begun);
        }
        let begun = self.0.get(place.path()).map_or(&[][..], Vec::as_slice);
        let line = begun.partition_point(|start| *start <= offset);
        let start = line.checked_sub(1).map_or(0, |index| begun[index]);
        Position {
            line,
            column: text
                .get(start..offset)
                .map_or(0, |part| part.chars().count())
                + 1,
        }
    }
}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Place {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |place: &Self| place.range().map(|range| (range.start, range.end));
        (self.path(), key(self)).cmp(&(other.path(), key(other)))
    }
}

impl At {
    /// Adds a step.
    pub fn reached_by(&mut self, how: How, place: &Place) {
        let (place, before) = (place.clone(), self.via.take());
        self.via = Some(Arc::new(Via { how, place, before }));
    }
}

impl From<Place> for At {
    fn from(place: Place) -> Self {
        Self { place, via: None }
    }
}

impl<T> Spanned<T> {
    /// Joins a value with where it was written.
    #[must_use]
    pub fn new(value: T, at: At) -> Self {
        Self { value, at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str, range: Range<usize>) -> Place {
        let (path, text) = ("a.yaml".to_owned(), text.to_owned());
        Place::new(&Arc::new(Source { path, text }), range)
    }

    #[test]
    fn counts_columns_in_characters() {
        let place = place("a: 1\nä: ü\n", 9..11);
        assert_eq!(place.slice(), "ü");
        let start = place.start().unwrap();
        assert_eq!((start.line, start.column), (2, 4));
        assert_eq!(place.end().unwrap().column, 5);
    }

    #[test]
    fn counts_the_same_for_many_places() {
        let text = "a: 1\nä: ü\n\nb";
        let mut lines = Lines::default();
        for at in [0, 4, 5, 9, 11, 12, 13, 14] {
            let place = place(text, at..text.len());
            assert_eq!(lines.start(&place), place.start(), "{at}");
            assert_eq!(lines.end(&place), place.end(), "{at}");
        }
    }

    #[test]
    fn survives_ranges_that_are_not_there() {
        assert_eq!(place("ä", 1..1).slice(), "");
        assert_eq!(place("abc", 2..99).slice(), "c");
        assert_eq!(place("abc", 7..9).start().unwrap().column, 4);
        assert_eq!(place("abc", 0..3).part(1..99).slice(), "bc");
    }
}
