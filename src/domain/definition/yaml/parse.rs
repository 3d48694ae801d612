//! From text to a tree, in bounded memory, time and depth.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_yaml::granit_parser::{
    self as granit, ErrorKind, Event, Parser, ScalarStyle, ScanError, Span,
};

use super::super::place::{At, How, Place, Source};
use super::super::problem::Problem;
use super::node::{self, Entry, Key, Node, Scalar, Tag, Value};

/// How deep values may lie within each other: more than any real file, and little enough for recursion.
const DEEPEST: usize = 64;
/// How many values a file may hold, keys among them: a thousand services have some 50,000, and each takes up to 300 bytes
/// on its way to being checked.
const MOST_NODES: usize = 300_000;
/// How much aliases may add, by weight ([`Node::weight`]).
const MOST_COPIED: usize = 16 * 1024 * 1024;

/// Reads the documents of a file, empty ones left out. None without an error is an empty file.
#[must_use]
pub fn parse(source: &Arc<Source>) -> (Vec<Node>, Vec<Problem>) {
    read(source, &source.text)
}

/// Reads the documents that whole lines of a file are, with their places in it.
#[must_use]
pub fn parse_part(place: &Place) -> (Vec<Node>, Vec<Problem>) {
    let source = place.source();
    let all = 0..source.text.len();
    let part = place.range().unwrap_or(all);
    // What stands before becomes blanks of the same length, so that every offset stays what it is.
    let before = source.text[..part.start].bytes();
    let blanks = before.map(|byte| if byte == b'\n' { '\n' } else { ' ' });
    let text: String = blanks.chain(source.text[part.clone()].chars()).collect();
    read(source, &text)
}

/// Reads the documents that a text is which stands in a file in another form: all places are that of the whole.
#[must_use]
pub fn parse_text(text: &str, place: &Place) -> (Vec<Node>, Vec<Problem>) {
    let (path, text) = (place.path().to_owned(), text.to_owned());
    let (mut trees, mut problems) = parse(&Arc::new(Source { path, text }));
    trees.iter_mut().for_each(|tree| tree.move_to(place));
    for problem in &mut problems {
        problem.places = vec![(place.clone(), String::new())];
    }
    (trees, problems)
}

fn read(source: &Arc<Source>, text: &str) -> (Vec<Node>, Vec<Problem>) {
    let options = granit::options! {
        flow_nesting_limit: DEEPEST,
        block_nesting_limit: DEEPEST,
        emit_comments: false,
    };
    let mut parser = Parser::new_from_str_with_options(text, options);
    let mut builder = Builder::new(source);
    while let Some(next) = parser.next_event() {
        let step = match next {
            Ok((event, span)) => builder.take(event, &span),
            Err(error) => Err(builder.syntax(&error)),
        };
        if let Err(problem) = step {
            builder.problems.push(*problem);
            return (Vec::new(), builder.problems);
        }
    }
    builder.roots.retain(|root| !root.is_null());
    (builder.roots, builder.problems)
}

type Step = Result<(), Box<Problem>>;

/// A finished node with what it costs to copy.
#[derive(Debug, Clone)]
struct Built {
    node: Node,
    weight: usize,
    height: usize,
}

/// A list or mapping that is not closed yet.
struct Open {
    start: usize,
    anchor: usize,
    tag: Option<Tag>,
    weight: usize,
    height: usize,
    content: Content,
}

enum Content {
    List(Vec<Node>),
    Map(Vec<Entry>, Option<Key>),
}

struct Builder<'a> {
    source: &'a Arc<Source>,
    stack: Vec<Open>,
    anchors: BTreeMap<usize, Built>,
    nodes: usize,
    copied: usize,
    roots: Vec<Node>,
    problems: Vec<Problem>,
}

impl<'a> Builder<'a> {
    fn new(source: &'a Arc<Source>) -> Self {
        Self {
            source,
            stack: Vec::new(),
            anchors: BTreeMap::new(),
            nodes: 0,
            copied: 0,
            roots: Vec::new(),
            problems: Vec::new(),
        }
    }

    fn take(&mut self, event: Event<'_>, span: &Span) -> Step {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let own = self.tag(tag.as_deref(), span);
                let forced = tag.is_some_and(|tag| tag.core_suffix() == Some("str"));
                let plain = style == ScalarStyle::Plain && !forced;
                let node = Node {
                    at: self.place(span).into(),
                    tag: own,
                    value: Value::Scalar(Scalar {
                        text: text.into_owned(),
                        plain,
                    }),
                };
                self.finish(node, anchor, 0, 0)
            }
            Event::SequenceStart(_, anchor, tag) => {
                let tag = self.tag(tag.as_deref(), span);
                self.open(span, anchor, tag, Content::List(Vec::new()))
            }
            Event::MappingStart(_, anchor, tag) => {
                let tag = self.tag(tag.as_deref(), span);
                self.open(span, anchor, tag, Content::Map(Vec::new(), None))
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(span),
            Event::Alias(anchor) => self.alias(anchor, span),
            Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(..)
            | Event::DocumentEnd
            | Event::Anchor(..)
            | Event::UnresolvedAlias(_)
            | _ => Ok(()),
        }
    }

    fn place(&self, span: &Span) -> Place {
        Place::new(self.source, offset(&span.start)..offset(&span.end))
    }

    fn tag(&mut self, tag: Option<&granit::Tag>, span: &Span) -> Option<Tag> {
        let tag = tag.filter(|tag| tag.core_suffix().is_none())?;
        match tag.original().as_str() {
            "!reset" => return Some(Tag::Reset),
            "!override" => return Some(Tag::Override),
            _ => {}
        }
        let message = format!("unknown tag `{}`", tag.original());
        let place = span
            .tag_span()
            .map_or_else(|| self.place(span), |tag| self.place(&tag));
        let problem = Problem::error("unknown-tag", message).place(place, "not understood");
        self.problems
            .push(problem.did_you_mean(&tag.original(), ["!reset", "!override"]));
        None
    }

    fn open(&mut self, span: &Span, anchor: usize, tag: Option<Tag>, content: Content) -> Step {
        let start = offset(&span.start);
        self.stack.push(Open {
            start,
            anchor,
            tag,
            weight: 0,
            height: 0,
            content,
        });
        Ok(())
    }

    fn close(&mut self, span: &Span) -> Step {
        let Some(open) = self.stack.pop() else {
            return Ok(());
        };
        let end = offset(&span.end).max(open.start);
        let written = &self.source.text[open.start..self.source.text.floor_char_boundary(end)];
        let end = open.start + written.trim_end().len();
        let value = match open.content {
            Content::List(items) => Value::List(items),
            Content::Map(entries, _) => Value::Map(self.merged(entries)),
        };
        let at = Place::new(self.source, open.start..end).into();
        let tag = open.tag;
        self.finish(
            Node { at, tag, value },
            open.anchor,
            open.weight,
            open.height + 1,
        )
    }

    /// Puts a finished node where it belongs.
    fn finish(&mut self, node: Node, anchor: usize, weight: usize, height: usize) -> Step {
        let text = match &node.value {
            Value::Scalar(scalar) => scalar.text.len(),
            Value::List(_) | Value::Map(_) => 0,
        };
        let built = Built {
            node,
            weight: weight + text + node::WEIGHT,
            height,
        };
        self.nodes += 1;
        if self.nodes > MOST_NODES {
            let message = format!("the file holds more than {MOST_NODES} values");
            let problem = Problem::error("too-large", message)
                .at(&built.node.at, "this is one too many")
                .help("is this the right file? a large definition can be split into files, by `include`");
            return Err(Box::new(problem));
        }
        if anchor != 0 {
            self.afford(built.weight, &built.node.at.place)?;
            self.anchors.insert(anchor, built.clone());
        }
        self.put(built)
    }

    fn put(&mut self, built: Built) -> Step {
        let depth = self.stack.len() + built.height;
        let Some(open) = self.stack.last_mut() else {
            self.roots.push(built.node);
            return Ok(());
        };
        if depth > 2 * DEEPEST {
            return Err(Box::new(too_deep().at(&built.node.at, "too deep")));
        }
        open.weight += built.weight;
        open.height = open.height.max(built.height);
        match &mut open.content {
            Content::List(items) => items.push(built.node),
            Content::Map(entries, pending) => match pending.take() {
                Some(key) => entries.push(Entry {
                    key,
                    value: built.node,
                }),
                None => match key(built.node) {
                    Ok(key) => *pending = Some(key),
                    Err(problem) => return Err(problem),
                },
            },
        }
        Ok(())
    }

    fn alias(&mut self, anchor: usize, span: &Span) -> Step {
        let place = self.place(span);
        let Some(mut built) = self.anchors.get(&anchor).cloned() else {
            let message = format!("alias `{}` stands inside what it names", place.slice());
            let problem = Problem::error("alias", message).place(place, "would contain itself");
            return Err(Box::new(problem.help("write out what is meant here")));
        };
        self.afford(built.weight, &place)?;
        built.node.reached_by(How::Alias, &place);
        self.put(built)
    }

    /// Charges a copy, so that aliases of aliases cannot fill the memory.
    fn afford(&mut self, weight: usize, place: &Place) -> Step {
        self.copied += weight;
        if self.copied <= MOST_COPIED {
            return Ok(());
        }
        let megabytes = MOST_COPIED / 1024 / 1024;
        let message = format!("aliases blow the file up to more than {megabytes} MB");
        let problem = Problem::error("alias", message);
        let problem = problem.place(place.clone(), "this alias is one too many");
        Err(Box::new(problem.help("use fewer aliases of aliases")))
    }

    /// Reports duplicate keys, and applies merge keys (<https://yaml.org/type/merge.html>): what is written wins.
    fn merged(&mut self, entries: Vec<Entry>) -> Vec<Entry> {
        let mut seen: BTreeMap<String, At> = BTreeMap::new();
        let mut result = Vec::with_capacity(entries.len());
        let mut merges = Vec::new();
        for entry in entries {
            if let Some(first) = seen.get(&entry.key.text) {
                let message = format!("key `{}` is written twice", entry.key.text);
                let problem = Problem::error("duplicate-key", message)
                    .at(&entry.key.at, "again here")
                    .at(first, "first here");
                self.problems
                    .push(problem.help("remove one of them, or join what they say"));
                continue;
            }
            seen.insert(entry.key.text.clone(), entry.key.at.clone());
            if entry.key.text == "<<" {
                merges.push(entry.value);
            } else {
                result.push(entry);
            }
        }
        for node in merges.into_iter().flat_map(sources) {
            match node.value {
                Value::Map(merged) => {
                    for entry in merged {
                        if !seen.contains_key(&entry.key.text) {
                            seen.insert(entry.key.text.clone(), entry.key.at.clone());
                            result.push(entry);
                        }
                    }
                }
                Value::Scalar(_) | Value::List(_) => {
                    let label = format!("expected a mapping, found {}", node.kind());
                    let problem = Problem::error("merge", "`<<` merges mappings only");
                    self.problems.push(problem.at(&node.at, label));
                }
            }
        }
        result
    }

    fn syntax(&self, error: &ScanError) -> Box<Problem> {
        let at = offset(error.marker());
        let place = Place::new(self.source, at..at);
        if matches!(error.kind(), ErrorKind::RecursionLimitExceeded) {
            return Box::new(too_deep().place(place, "too deep"));
        }
        let problem = Problem::error("syntax", format!("not valid YAML: {}", error.info()));
        let problem = problem.place(place, "");
        Box::new(match help(error.kind()) {
            Some(help) => problem.help(help),
            None => problem,
        })
    }
}

/// Returns what to do about the mistakes that people make most.
fn help(kind: &ErrorKind) -> Option<&'static str> {
    let any = |kinds: &[ErrorKind]| kinds.contains(kind);
    if any(&[
        ErrorKind::TabNotAllowed,
        ErrorKind::TabInBlockIndentation,
        ErrorKind::TabInIndentation,
        ErrorKind::TabAtBlockScalarStart,
    ]) {
        return Some("indent with spaces; YAML takes no tabs");
    }
    if any(&[
        ErrorKind::UnclosedQuotedScalar,
        ErrorKind::InvalidQuotedScalarIndent,
        ErrorKind::DocumentIndicatorInQuotedScalar,
    ]) {
        return Some("look for a quote further up that is not closed");
    }
    if any(&[
        ErrorKind::UnexpectedCharacter { character: '@' },
        ErrorKind::UnexpectedCharacter { character: '`' },
    ]) {
        return Some("put the value in quotes");
    }
    (*kind == ErrorKind::UnknownAnchor)
        .then_some("an alias (`*name`) has to follow its anchor (`&name`)")
}

fn offset(marker: &granit::Marker) -> usize {
    // A parser made from a `&str` always knows byte offsets.
    marker.byte_offset().unwrap_or_default()
}

fn too_deep() -> Problem {
    let message = format!("values lie more than {DEEPEST} levels deep within each other");
    Problem::error("too-deep", message).help("look for a bracket or a dash that is not meant")
}

/// Returns the mappings that a merge key names: one, or a list of them, of which the first wins.
fn sources(node: Node) -> Vec<Node> {
    match node.value {
        Value::List(items) => items,
        Value::Scalar(_) | Value::Map(_) => vec![node],
    }
}

fn key(node: Node) -> Result<Key, Box<Problem>> {
    match node.value {
        Value::Scalar(scalar) if scalar.is_number() || scalar.is_bool() || scalar.is_null() => {
            let help = format!("put it in quotes: `\"{}\"`", scalar.text);
            let problem = Problem::error("wrong-type", "a key has to be a text");
            let node = Node {
                at: node.at,
                tag: None,
                value: Value::Scalar(scalar),
            };
            let label = format!("expected a text, found {}", node.kind());
            Err(Box::new(problem.at(&node.at, label).help(help)))
        }
        Value::Scalar(scalar) => Ok(Key {
            text: scalar.text,
            at: node.at,
        }),
        Value::List(_) | Value::Map(_) => {
            let label = format!("expected a text, found {}", node.kind());
            let problem = Problem::error("wrong-type", "a key has to be a text");
            Err(Box::new(
                problem
                    .at(&node.at, label)
                    .help("a value that begins with `{` or `[` needs quotes"),
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Vec<Node>, Vec<Problem>) {
        let (path, text) = ("a.yaml".to_owned(), text.to_owned());
        parse(&Arc::new(Source { path, text }))
    }

    fn good(text: &str) -> Node {
        let (mut nodes, problems) = read(text);
        assert_eq!((problems, nodes.len()), (Vec::new(), 1));
        nodes.remove(0)
    }

    fn scalar(node: &Node) -> &str {
        match &node.value {
            Value::Scalar(scalar) => &scalar.text,
            Value::List(_) | Value::Map(_) => panic!("{node:?}"),
        }
    }

    fn only(text: &str) -> Problem {
        let (_, mut problems) = read(text);
        assert_eq!(problems.len(), 1, "{problems:?}");
        problems.remove(0)
    }

    #[test]
    fn keeps_what_was_written() {
        for text in ["1.10", "22:22", "0123", "yes", "0x1F", "1e3", "2024-01-01"] {
            assert_eq!(
                scalar(good(&format!("a: {text}\n")).get("a").unwrap()),
                text
            );
        }
    }

    #[test]
    fn knows_where_values_stand() {
        let node = good("a:\n  b: [1, \"zwei\"]\nc: ü\n");
        assert_eq!(node.get("a").unwrap().at.place.slice(), "b: [1, \"zwei\"]");
        assert_eq!(node.get("c").unwrap().at.place.slice(), "ü");
    }

    #[test]
    fn an_alias_knows_both_places() {
        let node = good("a: &x {k: v}\nb: *x\n");
        let at = &node.get("b").unwrap().get("k").unwrap().at;
        assert_eq!(at.place.slice(), "v");
        assert_eq!(at.via.as_ref().unwrap().place.slice(), "*x");
        assert_eq!(node.get("a").unwrap().at.via, None);
    }

    #[test]
    fn merge_keys_fill_in_and_the_first_of_a_list_wins() {
        let text = "x: &x {a: 1, b: 1}\ny: &y {b: 2, c: 2}\nz: {<<: [*y, *x], c: 3}\n";
        let z = good(text);
        let z = z.get("z").unwrap();
        assert_eq!(
            ["a", "b", "c"].map(|key| scalar(z.get(key).unwrap())),
            ["1", "2", "3"]
        );
        assert_eq!(only("a: {<<: 1}\n").code, "merge");
    }

    #[test]
    fn duplicate_keys_show_both_places() {
        let problem = only("a: 1\nb: 2\na: 3\n");
        let lines: Vec<_> = problem
            .places
            .iter()
            .map(|(place, _)| place.start().unwrap().line)
            .collect();
        assert_eq!(lines, [3, 1]);
    }

    #[test]
    fn a_bomb_ends_in_an_error() {
        let mut text = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
        for level in 1..12 {
            let alias = format!("*a{}", level - 1);
            text.push_str(&format!(
                "a{level}: &a{level} [{}]\n",
                vec![alias; 10].join(", ")
            ));
        }
        assert_eq!(only(&text).code, "alias");
        let long = format!(
            "a: &a \"{}\"\nb: [{}]\n",
            "x".repeat(100_000),
            ["*a"; 10_000].join(",")
        );
        assert_eq!(only(&long).code, "alias");
    }

    #[test]
    fn depth_ends_in_an_error() {
        for text in [
            "[".repeat(100_000),
            "- ".repeat(100_000),
            "{a: ".repeat(100_000),
            "? ".repeat(100_000),
        ] {
            assert_eq!(only(&text).code, "too-deep", "{:.9}", text);
        }
        let mut text = "a0: &a0 [x]\n".to_owned();
        for level in 1..300 {
            text.push_str(&format!("a{level}: &a{level} [*a{}]\n", level - 1));
        }
        assert_eq!(only(&text).code, "too-deep");
    }

    #[test]
    fn tells_documents_apart() {
        for (text, count) in [
            ("# nothing\n", 0),
            ("---\n", 0),
            ("a: 1\n---\n# no\n---\nb: 2\n", 2),
        ] {
            let (nodes, problems) = read(text);
            assert_eq!((nodes.len(), problems), (count, Vec::new()), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_tree() {
        assert_eq!(only("a: &a [*a]\n").code, "alias");
        assert_eq!(only("a: *a\n").code, "syntax");
        assert_eq!(only("a:\n\t- 1\n").code, "syntax");
        assert_eq!(only("a: !rest 1\n").code, "unknown-tag");
    }

    #[test]
    fn keeps_what_a_value_does_to_an_earlier_one() {
        let node = good("a: !reset\nb: !override [1]\nc: 2\n");
        let tags = ["a", "b", "c"].map(|key| node.get(key).unwrap().tag);
        assert_eq!(tags, [Some(Tag::Reset), Some(Tag::Override), None]);
    }
}
