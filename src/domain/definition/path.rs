//! Paths as texts, joined and tidied without looking at the disk.

/// Joins two paths and removes `.` and `..` where that can be known. An absolute second path stands alone.
#[must_use]
pub fn join(base: &str, path: &str) -> String {
    let whole = if path.starts_with('/') || base.is_empty() {
        path.to_owned()
    } else {
        format!("{base}/{path}")
    };
    let absolute = whole.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in whole.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if absolute => {}
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (absolute, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}

/// Writes a path so that it reads as one: relative ones begin with a dot.
#[must_use]
pub fn shown(path: &str) -> String {
    if path.starts_with('/') || [".", ".."].contains(&path) || path.starts_with("../") {
        path.to_owned()
    } else {
        format!("./{path}")
    }
}

/// Returns the folder that a path lies in.
#[must_use]
pub fn parent(path: &str) -> String {
    match path.rsplit_once('/') {
        Some(("", _)) => "/".to_owned(),
        Some((parent, _)) => parent.to_owned(),
        None => ".".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_reads_as_one() {
        for (path, expected) in [
            ("a/b", "./a/b"),
            (".env", "./.env"),
            ("..a", "./..a"),
            (".", "."),
            ("../a", "../a"),
            ("/a", "/a"),
        ] {
            assert_eq!(shown(path), expected);
        }
    }

    #[test]
    fn joins_and_tidies() {
        for (base, path, expected) in [
            (".", "a", "a"),
            ("", "a", "a"),
            ("a/b", "../c", "a/c"),
            ("a", "..", "."),
            (".", "../x", "../x"),
            ("a", "../../x", "../x"),
            ("../a", "../../x", "../../x"),
            ("a", "/b/../c", "/c"),
            ("/a", "../../b", "/b"),
            ("a", "./b//c/.", "a/b/c"),
        ] {
            assert_eq!(join(base, path), expected, "{base} {path}");
        }
        assert_eq!(["a/b", "a", "/a"].map(parent), ["a", ".", "/"]);
    }
}
