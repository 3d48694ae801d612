//! `.env` and `env_file:` contents, by the rules of Compose's own reader.
//!
//! `NAME=value` or `NAME: value` a line, `export` before it allowed, `#` after a blank begins a comment. In single
//! quotes a value is as it stands and may span lines; in double quotes escapes and variables are replaced; without
//! quotes variables are. A name alone takes its value from outside.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::place::{Place, Source};
use super::problem::Problem;
use super::template::{Budget, Incident, Template};

/// Reads a file's lines. `outside` wins over what stands further up in the file where a value uses a variable.
pub fn read(
    source: &Arc<Source>,
    outside: &dyn Fn(&str) -> Option<String>,
    problems: &mut Vec<Problem>,
) -> BTreeMap<String, String> {
    let mut reader = Reader {
        source,
        at: 0,
        values: BTreeMap::new(),
        budget: Budget::default(),
        outside,
        problems,
    };
    while reader.at < source.text.len() {
        if let Err(problem) = reader.line() {
            reader.problems.push(*problem);
            reader.skip_line();
        }
    }
    reader.values
}

/// Reads lines of `NAME=value` as they are: no quotes, no variables (`format: raw`).
pub fn raw(source: &Source) -> BTreeMap<String, String> {
    let lines = source.text.lines().map(str::trim_end);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.trim().to_owned(), value.to_owned()))
        .collect()
}

struct Reader<'a> {
    source: &'a Arc<Source>,
    at: usize,
    values: BTreeMap<String, String>,
    budget: Budget,
    outside: &'a dyn Fn(&str) -> Option<String>,
    problems: &'a mut Vec<Problem>,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.source.text[self.at..]
    }

    fn skip_line(&mut self) {
        self.at += self
            .rest()
            .find('\n')
            .map_or(self.rest().len(), |end| end + 1);
    }

    fn skip_blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\r']).len();
    }

    fn place(&self, length: usize) -> Place {
        Place::new(self.source, self.at..self.at + length)
    }

    fn line(&mut self) -> Result<(), Box<Problem>> {
        self.skip_blanks();
        if self.rest().is_empty() || self.rest().starts_with(['\n', '#']) {
            self.skip_line();
            return Ok(());
        }
        if let Some(after) = self.rest().strip_prefix("export")
            && after.starts_with([' ', '\t'])
        {
            self.at += "export".len();
            self.skip_blanks();
        }
        let start = self.at;
        let name = self.name()?;
        self.skip_blanks();
        if self.rest().starts_with(['=', ':']) {
            self.at += 1;
            let value = self.value()?;
            self.values.insert(name, value);
        } else if !self.rest().is_empty() && !self.rest().starts_with(['\n', '#']) {
            return Err(self.no_variable(start));
        } else {
            let value = (self.outside)(&name);
            self.values.extend(value.map(|value| (name, value)));
        }
        self.end()
    }

    fn no_variable(&self, start: usize) -> Box<Problem> {
        let end = self.rest().find('\n').unwrap_or(self.rest().len());
        let place = Place::new(self.source, start..self.at + end);
        let problem = Problem::error("env-file", "this is no variable");
        Box::new(problem.place(place, "expected `NAME=value`"))
    }

    fn name(&mut self) -> Result<String, Box<Problem>> {
        let fits = |c: char| c.is_ascii_alphanumeric() || "_.-[]".contains(c);
        let length = self.rest().find(|c| !fits(c)).unwrap_or(self.rest().len());
        let next = self.rest()[length..].chars().next();
        if length == 0 || !next.is_none_or(|c| "=: \t\r\n".contains(c)) {
            return Err(self.no_variable(self.at));
        }
        let name = self.rest()[..length].to_owned();
        self.at += length;
        Ok(name)
    }

    fn value(&mut self) -> Result<String, Box<Problem>> {
        let before = self.at;
        self.skip_blanks();
        let blank = self.at > before;
        match self.rest().chars().next() {
            Some('\'') => self.quoted('\'').map(str::to_owned),
            Some('"') => {
                let at = self.at;
                let raw = self.quoted('"')?;
                let place = Place::new(self.source, at..self.at);
                self.filled(&unescaped(raw), &place)
            }
            _ => {
                let line = &self.rest()[..self.rest().find('\n').unwrap_or(self.rest().len())];
                let comment = line
                    .match_indices('#')
                    .map(|(at, _)| at)
                    .find(|at| (*at == 0 && blank) || line[..*at].ends_with([' ', '\t']));
                let value = line[..comment.unwrap_or(line.len())].trim_end();
                let place = self.place(value.len());
                self.at += line.len();
                self.filled(value, &place)
            }
        }
    }

    fn quoted(&mut self, quote: char) -> Result<&'a str, Box<Problem>> {
        let inside = &self.rest()[1..];
        let mut escaped = false;
        for (at, c) in inside.char_indices() {
            if c == quote && !escaped {
                self.at += at + 2;
                return Ok(&inside[..at]);
            }
            escaped = c == '\\' && !escaped && quote == '"';
        }
        let problem = Problem::error("env-file", "the quote is not closed");
        Err(Box::new(problem.place(self.place(1), "opened here")))
    }

    /// Replaces variables. One without value is empty, as in Compose.
    fn filled(&mut self, value: &str, place: &Place) -> Result<String, Box<Problem>> {
        let template = Template::parse(value).map_err(|malformed| {
            let problem = Problem::error("interpolation", malformed.why);
            let problem = problem.place(place.clone(), "in this value");
            Box::new(problem.help("write `$$`, or put the value in single quotes"))
        })?;
        let (values, outside) = (&self.values, self.outside);
        let mut lookup = |name: &str| outside(name).or_else(|| values.get(name).cloned());
        let mut incidents = Vec::new();
        let filled = template.fill(&mut lookup, &mut incidents, &mut self.budget);
        for incident in incidents {
            match incident {
                Incident::Unset { .. } => {}
                Incident::Required { name, message, .. } => {
                    let message = format!("variable `{name}` has to have a value: {message}");
                    let problem = Problem::error("required-variable", message);
                    let problem = problem.place(place.clone(), "required here");
                    self.problems.push(problem);
                }
                Incident::TooLong { .. } => {
                    let problem = Problem::error("too-large", "variables blow the file up");
                    let problem = problem.place(place.clone(), "this one is too much");
                    self.problems
                        .push(problem.help("look at what its value is"));
                }
            }
        }
        Ok(filled)
    }

    /// Takes what may follow a value: blanks and a comment.
    fn end(&mut self) -> Result<(), Box<Problem>> {
        self.skip_blanks();
        if self.rest().is_empty() || self.rest().starts_with(['\n', '#']) {
            self.skip_line();
            return Ok(());
        }
        let line = self.rest().find('\n').unwrap_or(self.rest().len());
        let problem = Problem::error("env-file", "something follows the value");
        Err(Box::new(
            problem.place(self.place(line), "expected the end of the line"),
        ))
    }
}

fn unescaped(raw: &str) -> String {
    let mut result = String::new();
    let mut chars = raw.chars();
    while let Some(c) = chars.next() {
        match (c, if c == '\\' { chars.next() } else { None }) {
            ('\\', Some('n')) => result.push('\n'),
            ('\\', Some('r')) => result.push('\r'),
            ('\\', Some('t')) => result.push('\t'),
            ('\\', Some('$')) => result.push_str("$$"),
            ('\\', Some(other @ ('"' | '\\'))) => result.push(other),
            ('\\', Some(other)) => result.extend(['\\', other]),
            (other, _) => result.push(other),
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> (BTreeMap<String, String>, Vec<Problem>) {
        let (path, text) = (".env".to_owned(), text.to_owned());
        let mut problems = Vec::new();
        let outside = |name: &str| (name == "HOME").then(|| "/root".to_owned());
        let values = read(&Arc::new(Source { path, text }), &outside, &mut problems);
        (values, problems)
    }

    #[test]
    fn reads_what_compose_reads() {
        for (line, expected) in [
            ("A=b", "b"),
            ("A = b c ", "b c"),
            ("export A=b", "b"),
            ("A: b", "b"),
            ("A=", ""),
            ("A=b # comment", "b"),
            ("A=b#c", "b#c"),
            ("A=#c", "#c"),
            ("A= #c", ""),
            ("A='$HOME \\n' # c", "$HOME \\n"),
            (
                "A=\"x\\ny $HOME \\$HOME \\\"q\\\"\"",
                "x\ny /root $HOME \"q\"",
            ),
            ("A=\"two\nlines\"", "two\nlines"),
            ("A=${HOME}/${B:-c}", "/root/c"),
            ("A=b\r\n", "b"),
            ("# x\n\n  A=b", "b"),
        ] {
            let (values, problems) = parse(line);
            assert_eq!(
                (values["A"].as_str(), problems),
                (expected, Vec::new()),
                "{line}"
            );
        }
    }

    #[test]
    fn doubling_ends_in_an_error() {
        let mut text = "A0=xxxxxxxxxxxxxxxx\n".to_owned();
        for line in 1..200 {
            let before = line - 1;
            text.push_str(&format!("A{line}=$A{before}$A{before}\n"));
        }
        let (_, problems) = parse(&text);
        assert_eq!(
            problems
                .iter()
                .map(|problem| problem.code)
                .collect::<Vec<_>>(),
            ["too-large"]
        );
    }

    #[test]
    fn a_name_alone_is_taken_from_outside() {
        let (values, _) = parse("HOME\nNONE\nX=1\nY=$X\n");
        assert_eq!(values.keys().collect::<Vec<_>>(), ["HOME", "X", "Y"]);
        assert_eq!(values["Y"], "1");
    }

    #[test]
    fn says_what_is_no_variable_and_goes_on() {
        let (values, problems) = parse("a b\nA='x\n");
        assert_eq!(problems.len(), 2);
        assert!(values.is_empty());
        let (values, problems) = parse("=x\n1 2=3\nB=\"x\" y\nC=1\n");
        assert_eq!((problems.len(), values["C"].as_str()), (3, "1"));
    }
}
