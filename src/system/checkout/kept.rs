//! What a test left, as it is sent to another container.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use super::context::tree;
use super::entry::{Entries, Entry, Kind};
use super::error::CheckoutError;
use super::send::TarStream;

/// Sends the artifacts of a test to a folder of a container. What lay in the test's own folder for them, `own`, lies
/// right there, and all else under the path that it had.
///
/// # Errors
///
/// If they cannot be read.
pub fn stream_kept(
    folder: &Path,
    own: Option<&Path>,
    target: &Path,
) -> Result<TarStream, CheckoutError> {
    let mut entries = tree(folder, &BTreeSet::new())?;
    place(&mut entries, own, target);
    Ok(TarStream::new(Arc::new(entries), None))
}

fn place(entries: &mut Entries, own: Option<&Path>, target: &Path) {
    let target = target.strip_prefix("/").unwrap_or(target);
    let own = own.map(|own| own.strip_prefix("/").unwrap_or(own));
    // Folders on the way to it hold nothing else, or are made with what they hold.
    let above = |entry: &Entry| own.is_some_and(|own| own.starts_with(&entry.path));
    entries
        .0
        .retain(|entry| !(entry.kind == Kind::Folder && above(entry)));
    for entry in &mut entries.0 {
        let below = own.and_then(|own| entry.path.strip_prefix(own).ok());
        entry.path = target.join(below.unwrap_or(&entry.path));
    }
    entries.0.push(Entry {
        path: target.to_owned(),
        from: target.to_owned(),
        kind: Kind::Folder,
    });
    entries.sort();
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_folder_for_artifacts_is_not_repeated_and_other_paths_are() {
        let folder = tempfile::tempdir().unwrap();
        for path in ["cion/artifacts/bin/app", "cion/log", "reports/all.html"] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        let placed = |own: Option<&str>| {
            let mut entries = tree(folder.path(), &BTreeSet::new()).unwrap();
            place(&mut entries, own.map(Path::new), Path::new("/in/build"));
            let files = entries.0.iter().filter(|entry| entry.kind != Kind::Folder);
            let paths = files.map(|entry| entry.path.display().to_string());
            paths.collect::<Vec<_>>()
        };
        assert_eq!(
            placed(Some("/cion/artifacts")),
            [
                "in/build/bin/app",
                "in/build/cion/log",
                "in/build/reports/all.html"
            ]
        );
        assert_eq!(
            placed(None),
            [
                "in/build/cion/artifacts/bin/app",
                "in/build/cion/log",
                "in/build/reports/all.html"
            ]
        );
    }

    #[test]
    fn what_is_gone_is_an_error() {
        let gone = Path::new("/nowhere/artifacts");
        assert!(stream_kept(gone, None, Path::new("/in")).is_err());
    }
}
