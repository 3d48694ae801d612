//! One pattern of `.dockerignore`: Go's `filepath.Match`, with `**` added as moby's `patternmatcher` does.
//!
//! Matching works on characters, as Go's does on runes; a path that is not UTF-8 has its odd bytes replaced before.

/// A pattern, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern(Vec<Token>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    /// This character.
    One(char),
    /// `?`: any character but the separator.
    Any,
    /// `*`: any run of characters but separators.
    Star,
    /// `**` or `**/` at the end: anything.
    Everything,
    /// `**` or `**/` before more: nothing, or anything up to a separator.
    Components,
    /// `[a-z]`, `[^a-z]`: a character in these ranges, or not in them.
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
}

impl Pattern {
    /// Parses a cleaned pattern. None if it is malformed: an unclosed class, a trailing backslash.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut rest = text.chars().peekable();
        let mut tokens = Vec::new();
        while let Some(c) = rest.next() {
            tokens.push(match c {
                '*' if rest.next_if_eq(&'*').is_some() => {
                    rest.next_if_eq(&'/');
                    if rest.peek().is_some() {
                        Token::Components
                    } else {
                        Token::Everything
                    }
                }
                '*' => Token::Star,
                '?' => Token::Any,
                '[' => class(&mut rest)?,
                '\\' => Token::One(rest.next()?),
                other => Token::One(other),
            });
        }
        Some(Self(tokens))
    }

    /// Tells whether it matches a whole path.
    pub(super) fn matches(&self, path: &str) -> bool {
        let path: Vec<char> = path.chars().collect();
        run(&self.0, &path)
    }
}

fn class(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<Token> {
    let negated = rest.next_if_eq(&'^').is_some();
    let mut ranges = Vec::new();
    loop {
        if rest.peek() == Some(&']') && !ranges.is_empty() {
            rest.next();
            return Some(Token::Class { negated, ranges });
        }
        let low = member(rest)?;
        let high = if rest.next_if_eq(&'-').is_some() {
            member(rest)?
        } else {
            low
        };
        ranges.push((low, high));
    }
}

/// Reads a character of a class, as Go's `getEsc` does: `-` and `]` have to be escaped.
fn member(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<char> {
    match rest.next()? {
        '-' | ']' => None,
        '\\' => rest.next(),
        other => Some(other),
    }
}

/// Matches all tokens against the whole path: the set of positions that can be reached after each token, so that no
/// pattern takes longer than its length times the path's.
fn run(tokens: &[Token], path: &[char]) -> bool {
    let mut reached = vec![false; path.len() + 1];
    reached[0] = true;
    for token in tokens {
        reached = step(token, path, &reached);
    }
    reached[path.len()]
}

fn step(token: &Token, path: &[char], before: &[bool]) -> Vec<bool> {
    let mut after = vec![false; before.len()];
    for at in 0..before.len() {
        let last = at
            .checked_sub(1)
            .map(|last| (path[last], before[last], after[last]));
        after[at] = match token {
            Token::One(c) => last.is_some_and(|(p, was, _)| was && p == *c),
            Token::Any => last.is_some_and(|(p, was, _)| was && p != '/'),
            Token::Class { negated, ranges } => last.is_some_and(|(p, was, _)| {
                let within = ranges.iter().any(|(low, high)| (*low..=*high).contains(&p));
                was && within != *negated
            }),
            Token::Star => before[at] || last.is_some_and(|(p, _, is)| is && p != '/'),
            Token::Everything => before[at] || last.is_some_and(|(_, _, is)| is),
            Token::Components => {
                before[at] || last.is_some_and(|(p, _, _)| p == '/' && before[..at].contains(&true))
            }
        };
    }
    after
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, path: &str) -> bool {
        Pattern::parse(pattern).unwrap().matches(path)
    }

    /// From Go's `path/filepath/match_test.go`.
    #[test]
    fn matches_as_go_does() {
        for (pattern, path, expected) in [
            ("abc", "abc", true),
            ("*", "abc", true),
            ("*c", "abc", true),
            ("a*", "a", true),
            ("a*", "abc", true),
            ("a*", "ab/c", false),
            ("a*/b", "abc/b", true),
            ("a*/b", "a/c/b", false),
            ("a*b*c*d*e*/f", "axbxcxdxe/f", true),
            ("a*b*c*d*e*/f", "axbxcxdxexxx/f", true),
            ("a*b*c*d*e*/f", "axbxcxdxe/xxx/f", false),
            ("a*b?c*x", "abxbbxdbxebxczzx", true),
            ("a*b?c*x", "abxbbxdbxebxczzy", false),
            ("ab[c]", "abc", true),
            ("ab[b-d]", "abc", true),
            ("ab[e-g]", "abc", false),
            ("ab[^c]", "abc", false),
            ("ab[^b-d]", "abc", false),
            ("ab[^e-g]", "abc", true),
            ("a\\*b", "a*b", true),
            ("a\\*b", "ab", false),
            ("a?b", "a☺b", true),
            ("a[^a]b", "a☺b", true),
            ("a???b", "a☺b", false),
            ("[a-ζ]*", "α", true),
            ("*[a-ζ]", "A", false),
            ("a?b", "a/b", false),
            ("a*b", "a/b", false),
            ("[\\]a]", "]", true),
            ("[\\-x]", "x", true),
            ("[x\\-]", "-", true),
            ("*x", "xxx", true),
            ("[^a-c]", "/", true),
        ] {
            assert_eq!(matches(pattern, path), expected, "{pattern} {path}");
        }
    }

    /// From moby's `patternmatcher_test.go`.
    #[test]
    fn two_stars_cross_folders_as_in_moby() {
        for (pattern, path, expected) in [
            ("**", "file", true),
            ("**", "dir/file", true),
            ("**/file", "file", true),
            ("**/file", "dir/dir/file", true),
            ("**/file", "dir/otherfile", false),
            ("**/**", "dir/dir2/file", true),
            ("**/**/file", "dir/file", true),
            ("dir/**", "dir/file", true),
            ("dir/**", "dir", false),
            ("dir/**/file", "dir/file", true),
            ("dir/**/file", "dir/x/y/file", true),
            ("**/*.txt", "dir/file.txt", true),
            ("**/*.txt", "file.txt/x", false),
            ("a**/*.txt", "a/file.txt", true),
            ("a**/*.txt", "a/dir/file.txt", true),
            ("a/*.txt", "a/dir/file.txt", false),
            ("**/.foo", "bar.foo", false),
            ("abc**", "abcdef", true),
            ("abc**", "abc/def", true),
            ("a**b", "ab", true),
            ("a**b", "ax/b", true),
            ("a**b", "axb", false),
            ("a**/", "ab/c", true),
            ("***", "a/b", true),
        ] {
            assert_eq!(matches(pattern, path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn malformed_patterns_are_refused() {
        for bad in [
            "[", "[]a]", "[-]", "[x-]", "[-x]", "[a-b-c]", "[^", "[^bc", "a[", "\\", "[\\",
        ] {
            assert_eq!(Pattern::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn no_pattern_takes_forever() {
        let pattern = "a*".repeat(200) + "b";
        assert!(!matches(&pattern, &"a".repeat(5000)));
    }
}
