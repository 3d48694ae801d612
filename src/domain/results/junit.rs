//! JUnit's XML, as its many writers have it: suites in suites, with what they count not believed.

use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};

use super::{Case, CaseOutcome};

/// How many cases of a report are read.
pub const MOST: usize = 100_000;
/// How many characters of a name or a message are kept.
const LINE: usize = 500;
/// How many bytes of what is said about a failure are kept, a character more or less.
const TEXT: usize = 8_000;
/// How deep elements may lie in each other.
const DEEPEST: usize = 1_000;
/// The longest time that is believed, in seconds: a year.
const LONGEST: f64 = 365.0 * 24.0 * 3600.0;

/// What a report tells of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Its cases, in its order.
    pub cases: Vec<Case>,
    /// Why not all of it could be read. What was read before stands.
    pub problem: Option<String>,
}

/// Reads a report. What cannot be read ends it, and what came before stands.
#[must_use]
pub fn read(bytes: &[u8]) -> Report {
    let text = String::from_utf8_lossy(bytes);
    let mut reading = Reading::default();
    let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}').trim_start());
    let problem = loop {
        match reader.read_event() {
            Ok(Event::Eof) => break reading.missing(),
            Ok(event) => {
                if let Some(problem) = reading.take(event) {
                    break Some(problem);
                }
            }
            Err(error) => {
                let at = reader.error_position();
                break Some(format!("{error} (at byte {at})"));
            }
        }
    };
    reading.end_case();
    Report {
        cases: reading.cases,
        problem,
    }
}

/// Returns an attribute, with its entities resolved as far as they are known.
pub(super) fn attribute(element: &BytesStart<'_>, name: &str) -> Option<String> {
    let mut attributes = element.attributes();
    let found = attributes
        .with_checks(false)
        .filter_map(Result::ok)
        .find(|attribute| attribute.key.local_name().as_ref() == name.as_bytes())?;
    let raw = String::from_utf8_lossy(&found.value);
    Some(match quick_xml::escape::unescape(&raw) {
        Ok(text) => text.into_owned(),
        Err(_) => raw.into_owned(),
    })
}

/// Where in a report reading has come to.
#[derive(Default)]
struct Reading {
    cases: Vec<Case>,
    /// How deep the current element is.
    depth: usize,
    /// The names of the suites around it, and how deep each is.
    suites: Vec<(usize, Option<String>)>,
    /// The case around it, and how deep that is.
    case: Option<(usize, Case)>,
    /// What says how the case around it ended, how deep that is, and its text so far.
    verdict: Option<(usize, Verdict)>,
    /// Whether it is a report at all.
    known: bool,
}

struct Verdict {
    failed: bool,
    message: Option<String>,
    text: String,
}

impl Reading {
    fn take(&mut self, event: Event<'_>) -> Option<String> {
        match event {
            Event::Start(element) => {
                self.depth += 1;
                return self.begin(&element);
            }
            Event::Empty(element) => {
                self.depth += 1;
                let problem = self.begin(&element);
                self.end();
                return problem;
            }
            Event::End(_) => self.end(),
            Event::Text(text) => self.say(&String::from_utf8_lossy(&text)),
            Event::CData(text) => self.say(&String::from_utf8_lossy(&text)),
            Event::GeneralRef(entity) => self.say(&resolved(&entity)),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) | Event::Eof => {}
        }
        None
    }

    fn begin(&mut self, element: &BytesStart<'_>) -> Option<String> {
        if self.depth > DEEPEST {
            return Some(format!("its elements lie more than {DEEPEST} deep"));
        }
        match element.local_name().as_ref() {
            b"testsuites" => self.known = true,
            b"testsuite" => {
                self.known = true;
                let name = attribute(element, "name").map(line);
                self.suites.push((self.depth, name));
            }
            b"testcase" => {
                self.known = true;
                self.end_case();
                if self.cases.len() >= MOST {
                    return Some(format!("it has more than {MOST} cases"));
                }
                self.case = Some((self.depth, self.of(element)));
            }
            // What failed outside of every case is a case of its suite.
            b"failure" | b"error" => self.verdict(element, true),
            b"skipped" if self.case.is_some() => self.verdict(element, false),
            _ => {}
        }
        None
    }

    fn of(&self, element: &BytesStart<'_>) -> Case {
        let said = |name| attribute(element, name).map(line);
        let suite = || self.suites.iter().rev().find_map(|(_, name)| name.clone());
        let not_run = [("status", "notrun"), ("result", "skipped")];
        let skipped = not_run
            .iter()
            .any(|(name, value)| attribute(element, name).as_deref() == Some(*value));
        Case {
            class: said("classname")
                .filter(|name| !name.is_empty())
                .or_else(suite),
            name: said("name").unwrap_or_default(),
            outcome: if skipped {
                CaseOutcome::Skipped { message: None }
            } else {
                CaseOutcome::Passed
            },
            elapsed_ms: attribute(element, "time").and_then(|time| milliseconds(&time)),
        }
    }

    fn verdict(&mut self, element: &BytesStart<'_>, failed: bool) {
        if self.verdict.is_some() {
            return;
        }
        let said = |name| attribute(element, name).map(line);
        let message = said("message").filter(|message| !message.is_empty());
        let verdict = Verdict {
            failed,
            message: message.or_else(|| said("type").filter(|_| failed)),
            text: String::new(),
        };
        self.verdict = Some((self.depth, verdict));
    }

    fn say(&mut self, words: &str) {
        if let Some((_, verdict)) = &mut self.verdict {
            for character in words.chars() {
                if verdict.text.len() >= TEXT {
                    break;
                }
                verdict.text.push(character);
            }
        }
    }

    fn end(&mut self) {
        let depth = self.depth;
        if self.verdict.as_ref().is_some_and(|(at, _)| *at >= depth) {
            self.judge();
        }
        if self.case.as_ref().is_some_and(|(at, _)| *at >= depth) {
            self.end_case();
        }
        if self.suites.last().is_some_and(|(at, _)| *at >= depth) {
            self.suites.pop();
        }
        self.depth = depth.saturating_sub(1);
    }

    /// Has the case around it end as was said.
    fn judge(&mut self) {
        let Some((_, verdict)) = self.verdict.take() else {
            return;
        };
        let Verdict {
            failed,
            message,
            text,
        } = verdict;
        let first = || text.lines().map(str::trim).find(|line| !line.is_empty());
        let message = message.or_else(|| first().map(|text| line(text.to_owned())));
        let outcome = match failed {
            true => CaseOutcome::Failed { message, text },
            false => CaseOutcome::Skipped { message },
        };
        match &mut self.case {
            // The first failure counts, and a failure more than a skip.
            Some((_, case)) => match case.outcome {
                CaseOutcome::Failed { .. } => {}
                CaseOutcome::Passed => case.outcome = outcome,
                CaseOutcome::Skipped { .. } if failed => case.outcome = outcome,
                CaseOutcome::Skipped { .. } => {}
            },
            None if self.cases.len() < MOST => {
                let suite = self.suites.last().and_then(|(_, name)| name.clone());
                self.cases.push(Case {
                    class: None,
                    name: suite.unwrap_or_else(|| "suite".to_owned()),
                    outcome,
                    elapsed_ms: None,
                });
            }
            None => {}
        }
    }

    fn end_case(&mut self) {
        self.judge();
        self.cases.extend(self.case.take().map(|(_, case)| case));
    }

    fn missing(&self) -> Option<String> {
        if !self.known {
            return Some("it is no JUnit report: it has no test suite".to_owned());
        }
        (self.depth > 0).then(|| "it ends too early".to_owned())
    }
}

/// Makes one line of a text, and not too long a one.
fn line(text: String) -> String {
    let words: Vec<_> = text.split_whitespace().collect();
    words.join(" ").chars().take(LINE).collect()
}

fn resolved(entity: &BytesRef<'_>) -> String {
    if let Ok(Some(character)) = entity.resolve_char_ref() {
        return character.to_string();
    }
    let name = String::from_utf8_lossy(entity);
    match quick_xml::escape::resolve_predefined_entity(&name) {
        Some(text) => text.to_owned(),
        None => format!("&{name};"),
    }
}

/// Reads seconds, which some write with commas between thousands.
fn milliseconds(time: &str) -> Option<u64> {
    let seconds: f64 = time.trim().replace(',', "").parse().ok()?;
    let believed = (0.0..=LONGEST).contains(&seconds);
    believed.then(|| (seconds * 1000.0).round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::results::Cases;
    use proptest::prelude::*;

    fn said(xml: &str) -> Vec<String> {
        let report = read(xml.as_bytes());
        let outcome = |case: &Case| match &case.outcome {
            CaseOutcome::Passed => "passed".to_owned(),
            CaseOutcome::Skipped { message } => {
                format!("skipped ({})", message.as_deref().unwrap_or("-"))
            }
            CaseOutcome::Failed { message, .. } => {
                format!("failed ({})", message.as_deref().unwrap_or("-"))
            }
        };
        let cases = report.cases.iter();
        let cases = cases.map(|case| format!("{} {}", case.full_name(), outcome(case)));
        cases
            .chain(report.problem.map(|problem| format!("problem: {problem}")))
            .collect()
    }

    #[test]
    fn suites_in_suites_with_every_outcome() {
        let xml = r#"<?xml version="1.0" encoding="utf-8"?>
<testsuites tests="999" failures="-3">
  <testsuite name="outer"><properties><property name="a" value="b"/></properties>
    <testcase classname="tests.test_login" name="test_right" time="1,234.5"/>
    <testsuite name="inner">
      <testcase name="in &lt;suite&gt;"><failure message="expected 401,&#10;got 200" type="AssertionError">trace</failure></testcase>
      <testcase name="error"><error>

  first line &amp; more
  second</error><system-out>not <![CDATA[this]]></system-out></testcase>
    </testsuite>
    <testcase name="skip"><skipped message="not on arm"/></testcase>
    <testcase name="both"><skipped/><failure type="Oops"/><error message="later"/></testcase>
    <testcase name="gtest" status="notrun"/>
    <testcase name="flaky"><flakyFailure message="once"/></testcase>
  </testsuite>
</testsuites>"#;
        assert_eq!(
            said(xml),
            [
                "tests.test_login.test_right passed",
                "inner.in <suite> failed (expected 401, got 200)",
                "inner.error failed (first line & more)",
                "outer.skip skipped (not on arm)",
                "outer.both failed (Oops)",
                "outer.gtest skipped (-)",
                "outer.flaky passed",
            ]
        );
        assert_eq!(read(xml.as_bytes()).cases[0].elapsed_ms, Some(1_234_500));
    }

    #[test]
    fn what_fails_outside_of_cases_is_a_case() {
        let xml = r#"<testsuite name="s"><error message="cannot be loaded"/><testcase name="a"/></testsuite>"#;
        assert_eq!(said(xml), ["s failed (cannot be loaded)", "s.a passed"]);
    }

    #[test]
    fn what_was_read_before_a_mistake_stands() {
        let begun = r#"<testsuite name="s"><testcase name="a"><failure message="m"/></testcase><testcase name="b">"#;
        assert_eq!(
            said(begun),
            ["s.a failed (m)", "s.b passed", "problem: it ends too early"]
        );
        for (xml, expected) in [
            ("", "problem: it is no JUnit report"),
            ("<html></html>", "problem: it is no JUnit report"),
            ("tests passed", "problem: it is no JUnit report"),
            ("<testsuite></other>", "problem: ill-formed document"),
        ] {
            let said = said(xml);
            assert_eq!(said.len(), 1);
            assert!(said[0].starts_with(expected), "{xml}: {said:?}");
        }
        assert_eq!(said("<testsuites/>"), Vec::<String>::new());
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let long = "x".repeat(100_000);
        let xml = format!(
            r#"<testsuite><testcase name="{long}"><failure>{long}</failure></testcase></testsuite>"#
        );
        let report = read(xml.as_bytes());
        let CaseOutcome::Failed { message, text } = &report.cases[0].outcome else {
            panic!("{report:?}")
        };
        assert_eq!(report.cases[0].name.len(), LINE);
        assert_eq!((message.as_ref().unwrap().len(), text.len()), (LINE, TEXT));
        let many = "<testcase/>".repeat(MOST + 1);
        let report = read(format!("<testsuite>{many}</testsuite>").as_bytes());
        assert_eq!(report.cases.len(), MOST);
        assert!(report.problem.unwrap().contains("more than 100000"));
        let deep = "<testsuite>".repeat(200_000);
        assert!(read(deep.as_bytes()).problem.unwrap().contains("1000 deep"));
    }

    fn piece() -> impl Strategy<Value = String> {
        let tags = prop::sample::select(vec![
            "<testsuite name='s'>",
            "</testsuite>",
            "<testcase name='c' time='1e999'>",
            "</testcase>",
            "<failure message='&x;'>",
            "</failure>",
            "<error/>",
            "<skipped/>",
            "<testcase/>",
            "<![CDATA[",
            "]]>",
            "&#0;",
            "&lt;",
            "<!--",
            "-->",
            "<",
            ">",
            "'",
        ]);
        prop_oneof![tags.prop_map(str::to_owned), ".{0,8}"]
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_to_counts_that_add_up(pieces in prop::collection::vec(piece(), 0..60)) {
            let report = read(pieces.concat().as_bytes());
            let cases = Cases::of(&report.cases);
            prop_assert_eq!(cases.total(), report.cases.len() as u64);
        }
    }
}
