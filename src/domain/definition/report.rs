//! Problems as a person reads them: the source line with a caret under what is wrong.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Element, Group, Level, Origin, Renderer, Snippet};

use super::login::covered;
use super::place::Place;
use super::problem::{Problem, Severity};

/// The most problems that are written out; more of them help nobody at once.
const MOST: usize = 50;
/// The longest line shown in full, in bytes; of longer ones a part around the place is shown.
const LONGEST_LINE: usize = 400;
/// The most places of a problem that are shown: a circle may have thousands.
const MOST_PLACES: usize = 12;
/// How far apart places may lie to be shown in one snippet, in bytes: all between them is looked through.
const FARTHEST: usize = 16 * 1024;

/// Writes problems out, one after the other.
#[must_use]
pub fn all(problems: &[Problem], colour: bool) -> String {
    let renderer = if colour {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    let mut text: Vec<String> = problems
        .iter()
        .take(MOST)
        .map(|problem| one(problem, &renderer))
        .collect();
    if let Some(more) = problems.len().checked_sub(MOST).filter(|more| *more > 0) {
        text.push(format!("… and {more} more problems"));
    }
    text.join("\n\n")
}

fn one(problem: &Problem, renderer: &Renderer) -> String {
    let level = match problem.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let message = printable(&problem.message);
    let mut group = Group::with_title(level.primary_title(message));
    let mut rest = &problem.places[..problem.places.len().min(MOST_PLACES)];
    let mut kind = AnnotationKind::Primary;
    while let Some((first, _)) = rest.first() {
        // Neighbouring places of one file share a snippet.
        let near = |place: &Place| match (first.range(), place.range()) {
            (Some(first), Some(other)) => first.start.abs_diff(other.start) <= FARTHEST,
            (None, _) | (_, None) => true,
        };
        let same = rest
            .iter()
            .take_while(|(place, _)| place.path() == first.path() && near(place));
        let (now, later) = rest.split_at(same.count());
        group = group.element(element(now, kind));
        (rest, kind) = (later, AnnotationKind::Context);
    }
    for help in &problem.help {
        group = group.element(Level::HELP.message(printable(help)));
    }
    renderer.render(&[group])
}

fn element(places: &[(Place, String)], first: AnnotationKind) -> Element<'static> {
    let path = places.first().map_or("", |(place, _)| place.path());
    let shown: Vec<_> = places
        .iter()
        .filter_map(|(place, label)| Some((place, place.range()?, label)))
        .collect();
    let start = shown.iter().map(|(_, range, _)| range.start).min();
    let end = shown.iter().map(|(_, range, _)| range.start).max();
    let (Some(start), Some(end)) = (start, end) else {
        return Origin::path(printable(path)).into();
    };
    let text = shown.first().map_or("", |(place, ..)| place.text());
    let window = window(text, start, end);
    let line = text[..window.start].matches('\n').count() + 1;
    let mut snippet = Snippet::source(printable(&covered(&text[window.clone()])))
        .line_start(line)
        .path(printable(path));
    for (index, (_, range, label)) in shown.into_iter().enumerate() {
        let kind = if index == 0 {
            first
        } else {
            AnnotationKind::Context
        };
        let annotation = kind.span(underlined(text, &range, &window));
        let label = (!label.is_empty()).then(|| printable(label));
        snippet = snippet.annotation(annotation.label(label));
    }
    snippet.into()
}

/// Returns the lines from one place to another, cut where they are too long to be read.
fn window(text: &str, start: usize, end: usize) -> Range<usize> {
    let from = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
    let to = text[end..].find('\n').map_or(text.len(), |at| end + at);
    let from = from.max(start.saturating_sub(LONGEST_LINE));
    let to = to.min(end + LONGEST_LINE);
    text.ceil_char_boundary(from)..text.floor_char_boundary(to)
}

/// Returns the part of a range to underline, relative to the window: its first line, and never nothing.
fn underlined(text: &str, range: &Range<usize>, window: &Range<usize>) -> Range<usize> {
    let line_end = text[range.start..]
        .find('\n')
        .map_or(text.len(), |at| range.start + at);
    let end = range.end.min(line_end).min(window.end).max(range.start);
    range.start - window.start..end - window.start
}

/// Makes a text harmless for a terminal: control characters become blanks of the same length.
fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let hidden = c.is_control() && c != '\n' && c != '\t';
            let count = if hidden { c.len_utf8() } else { 1 };
            std::iter::repeat_n(if hidden { ' ' } else { c }, count)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::place::Source;
    use super::*;

    fn place(text: &str, part: &str) -> Place {
        let at = text.find(part).unwrap();
        let (path, text) = ("compose.yaml".to_owned(), text.to_owned());
        Place::new(&Arc::new(Source { path, text }), at..at + part.len())
    }

    #[test]
    fn shows_the_line_with_a_caret_and_the_help() {
        let text = "services:\n  web:\n    imge: nginx\n";
        let problem = Problem::error("unknown-key", "unknown key `imge`")
            .place(place(text, "imge"), "not a key of a service")
            .help("did you mean `image`?");
        let shown = all(&[problem], false);
        assert!(shown.contains("compose.yaml:3:5"), "{shown}");
        assert!(shown.contains("^^^^ not a key of a service"), "{shown}");
        assert!(shown.contains("help: did you mean `image`?"), "{shown}");
    }

    #[test]
    fn no_text_reaches_the_terminal_as_a_command() {
        let text = "a: \u{1b}[31mred\n";
        let problem = Problem::error("x", "\u{1b}[2J").place(place(text, "red"), "\u{7}");
        assert!(!all(&[problem], false).contains(['\u{1b}', '\u{7}']));
    }

    #[test]
    fn a_line_of_a_megabyte_is_cut() {
        let text = format!("{}needle{}", "é".repeat(500_000), "é".repeat(500_000));
        let problem = Problem::error("x", "x").place(place(&text, "needle"), "");
        assert!(all(&[problem], false).len() < 4000);
    }
}
