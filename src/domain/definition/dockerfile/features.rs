//! What a Dockerfile needs of a builder beyond what every builder has.

use super::instructions::{Instruction, directive, instructions};

/// Something that not every builder can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Feature {
    /// `RUN --mount`.
    Mount,
    /// `RUN --mount=type=secret`.
    Secret,
    /// `RUN --mount=type=ssh`.
    Ssh,
    /// `RUN --network`.
    Network,
    /// `RUN --security`.
    Security,
    /// `RUN <<EOF`, `COPY <<EOF`.
    Heredoc,
    /// `COPY --chmod`, `ADD --chmod`.
    Chmod,
    /// `COPY --link`, `ADD --link`.
    Link,
    /// `COPY --parents`.
    Parents,
    /// `COPY --exclude`, `ADD --exclude`.
    Exclude,
    /// `ADD --checksum`.
    Checksum,
    /// `ADD` of a git repository, `ADD --keep-git-dir`.
    Git,
}

/// A feature, and the first line that needs it, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Used {
    /// Which.
    pub feature: Feature,
    /// Where.
    pub line: usize,
}

/// Returns what a Dockerfile needs, each once, in the order of their first lines.
#[must_use]
pub fn features(text: &str) -> Vec<Used> {
    let mut used: Vec<Used> = Vec::new();
    for instruction in instructions(text) {
        for feature in of(&instruction) {
            if used.iter().all(|known| known.feature != feature) {
                let line = text[..instruction.at].matches('\n').count() + 1;
                used.push(Used { feature, line });
            }
        }
    }
    used
}

/// Returns the frontend that the `# syntax=` line asks for: what it can do is its own, whatever the engine.
#[must_use]
pub fn syntax(text: &str) -> Option<&str> {
    directive(text, "syntax")
}

fn of(instruction: &Instruction<'_>) -> Vec<Feature> {
    let keyword = instruction.keyword();
    let mut found = Vec::new();
    if instruction.heredoc {
        found.push(Feature::Heredoc);
    }
    for flag in instruction.flags() {
        let (name, value) = flag.split_once('=').unwrap_or((flag, ""));
        found.extend(match (keyword.as_str(), name) {
            ("RUN", "--mount") => match kind(value) {
                Some("secret") => Some(Feature::Secret),
                Some("ssh") => Some(Feature::Ssh),
                Some(_) | None => Some(Feature::Mount),
            },
            ("RUN", "--network") => Some(Feature::Network),
            ("RUN", "--security") => Some(Feature::Security),
            ("COPY" | "ADD", "--chmod") => Some(Feature::Chmod),
            ("COPY" | "ADD", "--link") if value != "false" => Some(Feature::Link),
            ("COPY", "--parents") => Some(Feature::Parents),
            ("COPY" | "ADD", "--exclude") => Some(Feature::Exclude),
            ("ADD", "--checksum") => Some(Feature::Checksum),
            ("ADD", "--keep-git-dir") => Some(Feature::Git),
            _ => None,
        });
    }
    let repository = |word: &&str| {
        let address = word.split('#').next().unwrap_or_default();
        address.starts_with("git@")
            || (address.contains("://") && address.ends_with(".git"))
            || address.starts_with("git://")
    };
    if keyword == "ADD" && instruction.words.iter().any(repository) {
        found.push(Feature::Git);
    }
    found
}

/// Returns the `type` of `--mount=type=secret,id=x`.
fn kind(options: &str) -> Option<&str> {
    options
        .split(',')
        .find_map(|option| option.strip_prefix("type="))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<(Feature, usize)> {
        let used = features(text).into_iter();
        used.map(|used| (used.feature, used.line)).collect()
    }

    #[test]
    fn finds_what_not_every_builder_can_do() {
        for (line, feature) in [
            ("RUN --mount=type=cache,target=/c true", Feature::Mount),
            ("run --mount=from=a,target=/c true", Feature::Mount),
            ("RUN --mount=id=a,type=secret true", Feature::Secret),
            ("RUN --mount=type=ssh git clone x", Feature::Ssh),
            ("RUN --network=none true", Feature::Network),
            ("RUN --security=insecure true", Feature::Security),
            ("RUN <<EOF\nCOPY --link a b\nEOF", Feature::Heredoc),
            ("COPY <<-\"EOF\" /a\nx\nEOF", Feature::Heredoc),
            ("COPY --chmod=755 a b", Feature::Chmod),
            ("COPY --link --from=x a b", Feature::Link),
            ("COPY --parents a/b /", Feature::Parents),
            ("ADD --exclude=*.md . /", Feature::Exclude),
            (
                "ADD --checksum=sha256:00 https://example.com/a /",
                Feature::Checksum,
            ),
            ("ADD https://example.com/a.git#v1 /a", Feature::Git),
            ("ADD git@example.com:a/b.git /a", Feature::Git),
            ("ADD --keep-git-dir=true git://a /a", Feature::Git),
        ] {
            assert_eq!(of(&format!("FROM a\n{line}\n")), [(feature, 2)], "{line}");
        }
    }

    #[test]
    fn takes_nothing_for_a_feature_that_is_none() {
        for line in [
            "RUN tool --mount=x --link <<<EOF",
            "# RUN --mount=type=ssh x",
            "COPY --from=a --chown=1:1 a b",
            "COPY --link=false a b",
            "ADD https://example.com/a.tar.gz /",
            "LABEL a=<<EOF",
            "RUN true \\\n  --mount=type=ssh",
        ] {
            assert_eq!(of(&format!("FROM a\n{line}\n")), [], "{line}");
        }
    }

    #[test]
    fn each_is_told_once_where_it_is_first() {
        let text = "FROM a\n\nRUN --mount=type=cache,target=/a \\\n  --mount=type=secret,id=b x\nRUN --mount=type=cache,target=/a x\n";
        assert_eq!(of(text), [(Feature::Mount, 3), (Feature::Secret, 3)]);
    }

    #[test]
    fn the_syntax_line_is_seen_only_where_it_counts() {
        for (text, expected) in [
            (
                "# syntax=docker/dockerfile:1\nFROM x",
                Some("docker/dockerfile:1"),
            ),
            ("# escape=`\n#Syntax = a/b\nFROM x", Some("a/b")),
            ("FROM x\n# syntax=a", None),
            ("# a comment\n# syntax=a", None),
            ("\n# syntax=a", None),
        ] {
            assert_eq!(syntax(text), expected, "{text:?}");
        }
    }
}
