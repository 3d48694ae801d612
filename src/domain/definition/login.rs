//! Logins in addresses, kept out of what is shown.

/// Covers what stands before the `@` of addresses (`https://user:password@host`), and leaves everything in its place, so
/// that what points into the text still does. Over SSH a user is no secret; what is filled in by a variable is none yet.
#[must_use]
pub fn covered(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("://").map(|at| at + 3) {
        let (before, after) = rest.split_at(start);
        shown.push_str(before);
        let ends = |c: char| c.is_whitespace() || "/?#\"'`,<>()[]{}".contains(c);
        let plain = after.replace("${", "$$").replace('}', "$");
        let end = plain.find(ends).unwrap_or(after.len());
        let login = after[..end].rfind('@').unwrap_or(0);
        let secret = match (before.ends_with("ssh://"), after[..login].find(':')) {
            (true, Some(colon)) => colon + 1,
            (true, None) => login,
            (false, _) => 0,
        };
        shown.push_str(&after[..secret]);
        shown.push_str(&stars(&after[secret..login]));
        rest = &after[login..];
    }
    shown.push_str(rest);
    shown
}

/// Returns as many stars as a text has bytes, or the text if a variable is filled into it.
fn stars(text: &str) -> String {
    match text.replace("$$", "").contains('$') {
        true => text.to_owned(),
        false => "*".repeat(text.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_are_covered_and_nothing_moves() {
        for (text, shown) in [
            ("a: https://u:p@h/x@y", "a: https://***@h/x@y"),
            ("tcp://tökén@h:1", "tcp://*******@h:1"),
            ("https://u:p@ss@h", "https://******@h"),
            ("ssh://git@h and ssh://u:p@h", "ssh://git@h and ssh://u:*@h"),
            ("[http://a@b, 'c://d:e@f']", "[http://*@b, 'c://***@f']"),
            ("db://u:$$x@h", "db://*****@h"),
            ("db://u:${PW:?no}@h", "db://u:${PW:?no}@h"),
            ("db://u:$PW@h", "db://u:$PW@h"),
            ("a://b c@d", "a://b c@d"),
            ("git@h:x and a@b", "git@h:x and a@b"),
            ("://@", "://@"),
        ] {
            assert_eq!(covered(text), shown);
            assert_eq!(covered(text).len(), text.len());
        }
    }
}
