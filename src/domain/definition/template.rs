//! `$V`, `${V}`, `${V:-default}` and their kin, as the Compose Specification (section 12, Interpolation) has them.
//!
//! A text is parsed once and then filled in. Nothing is looked up here: values come from whoever asks, and what a value
//! contains is never taken for a template again.

use std::ops::Range;

use super::matrix::PREFIX;

/// How deep defaults may nest: `${A:-${B:-c}}` is two.
const DEEPEST: usize = 16;

/// A text with variables in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Variable {
        name: String,
        otherwise: Option<Otherwise>,
        range: Range<usize>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Otherwise {
    operator: Operator,
    /// With a colon, an empty value counts as none.
    colon: bool,
    word: Template,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Default,
    Required,
    Replacement,
}

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    /// What is wrong, as a fragment.
    pub why: &'static str,
    /// Where in the text, in bytes.
    pub range: Range<usize>,
}

/// How much filling in may still add: a file of doubling variables must not fill the memory.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    left: usize,
    exceeded: bool,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            left: 8 * 1024 * 1024,
            exceeded: false,
        }
    }
}

/// What came up while a template was filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incident {
    /// A variable has neither value nor default.
    Unset {
        /// The variable.
        name: String,
        /// Where in the text, in bytes.
        range: Range<usize>,
    },
    /// A variable that has to have a value (`:?`) has none.
    Required {
        /// The variable.
        name: String,
        /// What the definition says about it, maybe nothing.
        message: String,
        /// Where in the text, in bytes.
        range: Range<usize>,
    },
    /// The budget is used up: this variable and what follows is left empty. Told once for a budget.
    TooLong {
        /// Where in the text, in bytes.
        range: Range<usize>,
    },
}

impl Template {
    /// Parses a text.
    ///
    /// # Errors
    ///
    /// Where a `$` begins nothing that has a meaning.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let mut parser = Parser { text, at: 0 };
        parser.template(0)
    }

    /// Fills it in. What came up is added to `incidents`; a variable without value is empty.
    pub fn fill(
        &self,
        lookup: &mut dyn FnMut(&str) -> Option<String>,
        incidents: &mut Vec<Incident>,
        budget: &mut Budget,
    ) -> String {
        let mut filling = Filling {
            lookup,
            incidents,
            budget,
        };
        filling.template(self)
    }
}

struct Filling<'a> {
    lookup: &'a mut dyn FnMut(&str) -> Option<String>,
    incidents: &'a mut Vec<Incident>,
    budget: &'a mut Budget,
}

impl Filling<'_> {
    fn template(&mut self, template: &Template) -> String {
        let mut result = String::new();
        for piece in &template.0 {
            match piece {
                Piece::Text(text) => result.push_str(text),
                Piece::Variable {
                    name,
                    otherwise,
                    range,
                } => {
                    let filled = match otherwise {
                        Some(otherwise) => self.otherwise(name, otherwise, range),
                        None => self.plain(name, range),
                    };
                    if self.afford(&filled, range) {
                        result.push_str(&filled);
                    }
                }
            }
        }
        result
    }

    fn afford(&mut self, filled: &str, range: &Range<usize>) -> bool {
        let left = self.budget.left.checked_sub(filled.len());
        if let Some(left) = left.filter(|_| !self.budget.exceeded) {
            self.budget.left = left;
            return true;
        }
        if !self.budget.exceeded {
            self.budget.exceeded = true;
            let range = range.clone();
            self.incidents.push(Incident::TooLong { range });
        }
        false
    }

    fn plain(&mut self, name: &str, range: &Range<usize>) -> String {
        (self.lookup)(name).unwrap_or_else(|| {
            let (name, range) = (name.to_owned(), range.clone());
            self.incidents.push(Incident::Unset { name, range });
            String::new()
        })
    }

    fn otherwise(&mut self, name: &str, otherwise: &Otherwise, range: &Range<usize>) -> String {
        let value = (self.lookup)(name);
        let value = value.filter(|value| !(otherwise.colon && value.is_empty()));
        match (otherwise.operator, value) {
            (Operator::Default | Operator::Required, Some(value)) => value,
            (Operator::Default, None) | (Operator::Replacement, Some(_)) => {
                self.template(&otherwise.word)
            }
            (Operator::Replacement, None) => String::new(),
            (Operator::Required, None) => {
                let message = self.template(&otherwise.word);
                let (name, range) = (name.to_owned(), range.clone());
                self.incidents.push(Incident::Required {
                    name,
                    message,
                    range,
                });
                String::new()
            }
        }
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl Parser<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    /// Reads up to the end, or inside braces up to the closing one, which is left.
    fn template(&mut self, depth: usize) -> Result<Template, Malformed> {
        let mut pieces = Vec::new();
        loop {
            let stop: &[char] = if depth == 0 { &['$'] } else { &['$', '}'] };
            let length = self.rest().find(stop).unwrap_or(self.rest().len());
            if length > 0 {
                pieces.push(Piece::Text(self.rest()[..length].to_owned()));
                self.at += length;
            }
            if !self.rest().starts_with('$') {
                return Ok(Template(pieces));
            }
            if self.rest().starts_with("$$") {
                self.at += 2;
                pieces.push(Piece::Text("$".to_owned()));
            } else {
                pieces.push(self.variable(depth)?);
            }
        }
    }

    fn variable(&mut self, depth: usize) -> Result<Piece, Malformed> {
        let start = self.at;
        self.at += 1;
        let braced = self.rest().starts_with('{');
        self.at += usize::from(braced);
        let length = self
            .rest()
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
            .unwrap_or(self.rest().len());
        let name = self.rest()[..length].to_owned();
        let is_name = !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit());
        if !is_name && !braced {
            return Ok(Piece::Text("$".to_owned()));
        }
        if !is_name {
            let end = self
                .text
                .ceil_char_boundary((self.at + 1).min(self.text.len()));
            let why = "`$` begins no variable";
            return Err(Malformed {
                why,
                range: start..end,
            });
        }
        self.at += length;
        let name = if braced { self.of_matrix(name) } else { name };
        let otherwise = if braced {
            self.braced(start, depth)?
        } else {
            None
        };
        let range = start..self.at;
        Ok(Piece::Variable {
            name,
            otherwise,
            range,
        })
    }

    /// Reads the axis after `matrix`, which alone has a name of two parts.
    fn of_matrix(&mut self, name: String) -> String {
        let axis = self.rest().strip_prefix('.').filter(|_| name == "matrix");
        let Some(axis) = axis else { return name };
        let length = axis
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
            .unwrap_or(axis.len());
        let name = format!("{PREFIX}{}", &axis[..length]);
        self.at += 1 + length;
        name
    }

    /// Reads what follows the name inside braces, the closing one included.
    fn braced(&mut self, start: usize, depth: usize) -> Result<Option<Otherwise>, Malformed> {
        let wrong = |parser: &Self, why| Malformed {
            why,
            range: start..parser.at,
        };
        if depth >= DEEPEST {
            return Err(wrong(self, "defaults nest too deep"));
        }
        let colon = self.rest().starts_with(':');
        let operator = match self.rest()[usize::from(colon)..].chars().next() {
            Some('-') => Some(Operator::Default),
            Some('?') => Some(Operator::Required),
            Some('+') => Some(Operator::Replacement),
            Some('}') if !colon => None,
            None => return Err(wrong(self, "`${` is not closed")),
            Some(_) => {
                let why = "a variable's name is followed by `}`, `-`, `?`, `+`, `:-`, `:?` or `:+`";
                return Err(wrong(self, why));
            }
        };
        let otherwise = match operator {
            None => None,
            Some(operator) => {
                self.at += 1 + usize::from(colon);
                let word = self.template(depth + 1)?;
                Some(Otherwise {
                    operator,
                    colon,
                    word,
                })
            }
        };
        if !self.rest().starts_with('}') {
            return Err(wrong(self, "`${` is not closed"));
        }
        self.at += 1;
        Ok(otherwise)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(text: &str) -> (String, Vec<Incident>) {
        let mut incidents = Vec::new();
        let mut lookup = |name: &str| match name {
            "SET" => Some("s".to_owned()),
            "EMPTY" => Some(String::new()),
            "matrix" => Some("m".to_owned()),
            "matrix.os" => Some("trixie".to_owned()),
            "DOLLAR" => Some("${SET}".to_owned()),
            _ => None,
        };
        let text = Template::parse(text).unwrap().fill(
            &mut lookup,
            &mut incidents,
            &mut Budget::default(),
        );
        (text, incidents)
    }

    #[test]
    fn fills_in_every_form() {
        for (text, expected) in [
            ("plain", "plain"),
            ("$SET-x", "s-x"),
            ("a${SET}b", "asb"),
            ("$$SET $${SET}", "$SET ${SET}"),
            ("${SET-d}${SET:-d}", "ss"),
            ("${EMPTY-d}|${EMPTY:-d}", "|d"),
            ("${NONE-d}${NONE:-d}", "dd"),
            ("${NONE:-}", ""),
            ("${SET+r}${SET:+r}${EMPTY+r}", "rrr"),
            ("${EMPTY:+r}${NONE+r}${NONE:+r}", ""),
            ("${SET?e}${SET:?e}${EMPTY?e}", "ss"),
            ("${NONE:-${SET}}", "s"),
            ("${NONE:-${NONE:-a}${SET}}", "as"),
            ("${NONE:-a:b-c}", "a:b-c"),
            ("${DOLLAR}", "${SET}"),
            ("}", "}"),
            ("${matrix.os}${matrix.none:-d}", "trixied"),
            ("$matrix.os", "m.os"),
        ] {
            assert_eq!(fill(text), (expected.to_owned(), Vec::new()), "{text}");
        }
    }

    #[test]
    fn tells_what_is_missing_and_where() {
        let (text, incidents) = fill("a $NONE ${EMPTY:?say $SET}");
        assert_eq!(text, "a  ");
        let (unset, required) = ("NONE".to_owned(), "EMPTY".to_owned());
        assert_eq!(
            incidents,
            [
                Incident::Unset {
                    name: unset,
                    range: 2..7
                },
                Incident::Required {
                    name: required,
                    message: "say s".to_owned(),
                    range: 8..26
                },
            ]
        );
    }

    #[test]
    fn the_budget_ends_doubling() {
        let (mut value, mut budget) = ("x".repeat(1024), Budget::default());
        let (template, mut incidents) = (Template::parse("$A$A$A").unwrap(), Vec::new());
        for _ in 0..100 {
            let lookup = &mut |_: &str| Some(value.clone());
            value = template.fill(lookup, &mut incidents, &mut budget);
        }
        assert_eq!(incidents.len(), 1);
        assert!(matches!(incidents[0], Incident::TooLong { .. }));
        assert_eq!(value, "");
    }

    #[test]
    fn a_budget_that_is_used_up_to_the_last_byte_is_told_too() {
        let (value, mut incidents) = ("x".repeat(1024 * 1024), Vec::new());
        let lookup = &mut |_: &str| Some(value.clone());
        let template = Template::parse(&"$A".repeat(9)).unwrap();
        let filled = template.fill(lookup, &mut incidents, &mut Budget::default());
        assert_eq!((filled.len(), incidents.len()), (8 * 1024 * 1024, 1));
    }

    #[test]
    fn refuses_what_has_no_meaning() {
        for bad in [
            "${",
            "${}",
            "${1}",
            "${ü}",
            "${A",
            "${A:x}",
            "${A:}",
            "${A-${B}",
            "${A B}",
            "${A.b}",
            "${matrix.a-",
        ] {
            assert!(Template::parse(bad).is_err(), "{bad}");
        }
        for alone in ["$", "$1", "$ü", "5$ a"] {
            let (mut found, mut budget) = (Vec::new(), Budget::default());
            let filled =
                Template::parse(alone)
                    .unwrap()
                    .fill(&mut |_| None, &mut found, &mut budget);
            assert_eq!((filled.as_str(), found.len()), (alone, 0));
        }
        assert!(Template::parse(&"${A:-".repeat(100_000)).is_err());
    }
}
