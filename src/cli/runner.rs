//! What runs longshore on a push, and the words that its log understands.

use crate::system::environment;

/// What runs longshore.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runner {
    /// GitHub Actions, <https://docs.github.com/actions/reference/workflow-commands-for-github-actions>.
    GitHub,
    /// GitLab CI/CD, <https://docs.gitlab.com/ci/jobs/job_logs/#custom-collapsible-sections>.
    GitLab,
}

impl Runner {
    /// Finds out by what the runner sets.
    #[must_use]
    pub fn here() -> Option<Self> {
        let set = |name| environment::variable(name).is_some_and(|value| value == "true");
        if set("GITHUB_ACTIONS") {
            Some(Self::GitHub)
        } else {
            set("GITLAB_CI").then_some(Self::GitLab)
        }
    }

    /// Returns what begins and what ends a folded group. Times are seconds since 1970.
    #[must_use]
    pub fn group(self, heading: &str, number: usize, (begin, end): (i64, i64)) -> (String, String) {
        match self {
            Self::GitHub => (format!("::group::{heading}"), "::endgroup::".to_owned()),
            Self::GitLab => (
                format!(
                    "\x1b[0Ksection_start:{begin}:longshore_{number}[collapsed=true]\r\x1b[0K{heading}"
                ),
                format!("\x1b[0Ksection_end:{end}:longshore_{number}\r\x1b[0K"),
            ),
        }
    }

    /// Returns what shows an error beside the run, where that is possible.
    #[must_use]
    pub fn error(self, title: &str, message: &str) -> Option<String> {
        match self {
            Self::GitHub => Some(format!(
                "::error title={}::{}",
                property(title),
                value(message)
            )),
            Self::GitLab => None,
        }
    }

    /// Returns what shows a warning beside the run, where that is possible.
    #[must_use]
    pub fn warning(self, message: &str) -> Option<String> {
        match self {
            Self::GitHub => Some(format!("::warning::{}", value(message))),
            Self::GitLab => None,
        }
    }

    /// Makes a line that others wrote harmless: nothing in it is a command. GitHub obeys `::command::` at the beginning
    /// of a line, and `##[command]` anywhere in it; GitLab's commands need control characters, which lines do not have.
    #[must_use]
    pub fn inert(self, line: &str) -> String {
        match self {
            Self::GitHub => {
                let line = line.replace("##[", "## [");
                if line.trim_start().starts_with("::") {
                    format!("| {line}")
                } else {
                    line
                }
            }
            Self::GitLab => line.to_owned(),
        }
    }
}

fn value(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

fn property(text: &str) -> String {
    value(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_others_is_no_command() {
        let runner = Runner::GitHub;
        assert_eq!(runner.inert(" ::add-mask::x"), "|  ::add-mask::x");
        assert_eq!(runner.inert("a ##[group]b"), "a ## [group]b");
        assert_eq!(runner.inert("a::b"), "a::b");
    }

    #[test]
    fn what_is_shown_beside_a_run_ends_neither_early_nor_in_another_place() {
        let error = Runner::GitHub.error("test one: case, 2", "50%\n::error::x");
        let expected = "::error title=test one%3A case%2C 2::50%25%0A::error::x";
        assert_eq!(error.unwrap(), expected);
        assert_eq!(Runner::GitLab.error("a", "b"), None);
    }
}
