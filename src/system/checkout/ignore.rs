//! `.dockerignore`, as moby reads it (`moby/patternmatcher`, `ignorefile`): the last pattern that matches a path or one
//! of its folders decides.

use std::path::{Path, PathBuf};

use super::error::CheckoutError;
use super::pattern::Pattern;

/// What a build context leaves out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ignore {
    rules: Vec<Rule>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    pattern: Pattern,
    /// `!`: what it matches is taken after all.
    keeps: bool,
}

impl Ignore {
    /// Reads the file that rules a context: `<Dockerfile>.dockerignore` where there is a Dockerfile, else `.dockerignore`
    /// in the context, else none.
    ///
    /// # Errors
    ///
    /// If a file is there and cannot be read, or a line is not a pattern.
    pub fn read(context: &Path, dockerfile: Option<&Path>) -> Result<Self, CheckoutError> {
        let own = dockerfile.map(|dockerfile| {
            let mut own = dockerfile.as_os_str().to_owned();
            own.push(".dockerignore");
            PathBuf::from(own)
        });
        for path in own.into_iter().chain([context.join(".dockerignore")]) {
            match std::fs::read(&path) {
                Ok(bytes) => {
                    return Self::parse(&String::from_utf8_lossy(&bytes)).map_err(
                        |(line, pattern)| CheckoutError::Pattern {
                            path,
                            line,
                            pattern,
                        },
                    );
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(CheckoutError::read(&path)(error)),
            }
        }
        Ok(Self::default())
    }

    /// Parses the text of a `.dockerignore`.
    ///
    /// # Errors
    ///
    /// The first line, from 1, that is not a pattern, with its text.
    pub fn parse(text: &str) -> Result<Self, (usize, String)> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut rules = Vec::new();
        for (number, line) in text.lines().enumerate() {
            if line.starts_with('#') || line.trim().is_empty() {
                continue;
            }
            let line = line.trim();
            let (keeps, path) = match line.strip_prefix('!') {
                Some(rest) => (true, rest.trim()),
                None => (false, line),
            };
            let wrong = || (number + 1, line.to_owned());
            if path.is_empty() {
                return Err(wrong());
            }
            let pattern = Pattern::parse(&clean(path)).ok_or_else(wrong)?;
            rules.push(Rule { pattern, keeps });
        }
        Ok(Self { rules })
    }

    /// Tells whether a path of the context is left out, by itself or because a folder above it is.
    #[must_use]
    pub fn leaves_out(&self, path: &str) -> bool {
        let mut out = false;
        for rule in &self.rules {
            // A rule that would change nothing is not asked.
            if rule.keeps == out && self_or_folder(path).any(|path| rule.pattern.matches(path)) {
                out = !rule.keeps;
            }
        }
        out
    }

    /// Tells whether something in a folder that is left out may be taken after all.
    #[must_use]
    pub fn may_keep_below(&self) -> bool {
        self.rules.iter().any(|rule| rule.keeps)
    }
}

fn self_or_folder(path: &str) -> impl Iterator<Item = &str> {
    let ends = path.match_indices('/').map(|(at, _)| at);
    ends.chain([path.len()]).map(|end| &path[..end])
}

/// Cleans a pattern as Go's `filepath.Clean` does a path; a leading `/` means the context's root, which all paths are
/// relative to.
fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                if parts.last().is_none_or(|last| *last == "..") {
                    if !path.starts_with('/') {
                        parts.push("..");
                    }
                } else {
                    parts.pop();
                }
            }
            other => parts.push(other),
        }
    }
    if parts.is_empty() && path.starts_with('/') {
        "/".to_owned()
    } else if parts.is_empty() {
        ".".to_owned()
    } else {
        parts.join("/")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn out(text: &str, path: &str) -> bool {
        Ignore::parse(text).unwrap().leaves_out(path)
    }

    #[test]
    fn the_table() {
        for (text, path, expected) in [
            ("", "a", false),
            ("# a\n\n   \na", "a", true),
            ("#a", "#a", false),
            (" # a", "# a", true),
            ("\u{feff}a", "a", true),
            ("a\r\nb\r\n", "b", true),
            ("  a  ", "a", true),
            ("a", "a/b/c", true),
            ("a", "b/a", false),
            ("/a", "a", true),
            ("/a", "b/a", false),
            ("./a/", "a/x", true),
            ("a//b", "a/b", true),
            ("a/../b", "b", true),
            ("../a", "a", false),
            ("/", "a", false),
            ("*", "a/b", true),
            ("*/b", "a/b", true),
            ("*/b", "a/c/b", false),
            ("**/b", "a/c/b", true),
            ("**/b", "b", true),
            ("*.md\n!README.md", "README.md", false),
            ("*.md\n!README.md", "x.md", true),
            (
                "*.md\n!README*.md\nREADME-secret.md",
                "README-secret.md",
                true,
            ),
            (
                "*.md\nREADME-secret.md\n!README*.md",
                "README-secret.md",
                false,
            ),
            (
                "node_modules\n!node_modules/keep",
                "node_modules/keep/x",
                false,
            ),
            (
                "node_modules\n!node_modules/keep",
                "node_modules/other",
                true,
            ),
            ("*\n!src", "src/main.rs", false),
            ("*\n!src\nsrc/*.tmp", "src/a.tmp", true),
            ("**\n!**/*.rs", "a/b/c.rs", false),
            ("!  a", "a", false),
            ("a\n! a", "a", false),
            ("[a-c].txt", "b.txt", true),
            ("\\#a", "#a", true),
            ("a?c", "abc", true),
            (".git", ".gitignore", false),
        ] {
            assert_eq!(out(text, path), expected, "{text:?} {path:?}");
        }
    }

    #[test]
    fn a_line_that_is_no_pattern_is_named() {
        assert_eq!(Ignore::parse("a\n[").unwrap_err(), (2, "[".to_owned()));
        assert_eq!(Ignore::parse("!").unwrap_err(), (1, "!".to_owned()));
    }

    #[test]
    fn the_dockerfiles_own_file_goes_first() {
        let folder = tempfile::tempdir().unwrap();
        let write =
            |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        let read = || Ignore::read(folder.path(), Some(&folder.path().join("Dockerfile"))).unwrap();
        assert_eq!(read(), Ignore::default());
        write(".dockerignore", "a");
        assert!(read().leaves_out("a"));
        write("Dockerfile.dockerignore", "b");
        assert!(read().leaves_out("b") && !read().leaves_out("a"));
    }
}
