//! Shell words and redaction.

use std::borrow::Cow;

/// Quotes a text so that a POSIX shell reads it as one word (POSIX.1-2017, XCU 2.2.2).
#[must_use]
pub fn quote(word: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,+%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        Cow::Borrowed(word)
    } else {
        Cow::Owned(format!("'{}'", word.replace('\'', r"'\''")))
    }
}

/// Replaces every occurrence of a secret value by `***`. Values shorter than four bytes are left: they would match by chance.
#[must_use]
pub fn redact<'t>(text: &'t str, secrets: &[String]) -> Cow<'t, str> {
    secrets
        .iter()
        .filter(|secret| secret.len() >= 4)
        .fold(Cow::Borrowed(text), |text, secret| {
            if text.contains(secret.as_str()) {
                Cow::Owned(text.replace(secret.as_str(), "***"))
            } else {
                text
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_only_what_a_shell_would_read_otherwise() {
        assert_eq!(quote("a-b_c./:=@,+%9"), "a-b_c./:=@,+%9");
        assert_eq!(quote(""), "''");
        assert_eq!(quote("a b"), "'a b'");
        assert_eq!(quote("it's"), r"'it'\''s'");
        assert_eq!(quote("$(x)`y`\\\n"), "'$(x)`y`\\\n'");
        assert_eq!(quote("~root"), "'~root'");
    }

    #[test]
    fn redacts_every_occurrence() {
        let secrets = ["hunter2".to_owned(), "abc".to_owned()];
        assert_eq!(
            redact("hunter2 and hunter2, abc", &secrets),
            "*** and ***, abc"
        );
    }
}
