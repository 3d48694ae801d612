//! What a host is given of the repository: content under the name of its digest.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::domain::ledger::Asset;
use crate::domain::name::Digest;

/// Returns the files that a mount of `path` shows, by their path below it, with the digest that names them on a host.
/// A single file has the empty path. None if there are no such files.
pub fn mounted(
    assets: &BTreeMap<PathBuf, Asset>,
    path: &Path,
) -> Option<(Digest, BTreeMap<PathBuf, Asset>)> {
    let path = path.strip_prefix(".").unwrap_or(path);
    let below = |(file, asset): (&PathBuf, &Asset)| {
        let rest = file.strip_prefix(path).ok()?;
        Some((rest.to_owned(), asset.clone()))
    };
    let files: BTreeMap<_, _> = assets.iter().filter_map(below).collect();
    let content = serde_json::to_string(&files).expect("paths of a release are UTF-8");
    (!files.is_empty()).then(|| (Digest::of(content), files))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assets(files: &[(&str, &str)]) -> BTreeMap<PathBuf, Asset> {
        let asset = |content: &str| Asset {
            digest: Digest::of(content),
            mode: 0o644,
        };
        files
            .iter()
            .map(|(path, content)| (PathBuf::from(path), asset(content)))
            .collect()
    }

    #[test]
    fn a_file_stands_for_itself_and_a_folder_for_what_is_below() {
        let all = assets(&[("conf/a", "1"), ("conf/sub/b", "2"), ("config", "3")]);
        let (_, folder) = mounted(&all, Path::new("./conf")).unwrap();
        assert_eq!(folder, assets(&[("a", "1"), ("sub/b", "2")]));
        let (_, file) = mounted(&all, Path::new("config")).unwrap();
        assert_eq!(file, assets(&[("", "3")]));
        assert_eq!(mounted(&all, Path::new(".")).unwrap().1, all);
        assert_eq!(mounted(&all, Path::new("con")), None);
    }

    #[test]
    fn the_name_follows_content_and_mode_only() {
        fn name(files: &BTreeMap<PathBuf, Asset>, path: &str) -> Digest {
            mounted(files, Path::new(path)).unwrap().0
        }
        let one = assets(&[("a/x", "1")]);
        assert_eq!(name(&one, "a"), name(&assets(&[("b/x", "1")]), "b"));
        assert_ne!(name(&one, "a"), name(&assets(&[("a/x", "2")]), "a"));
        let mut executable = one.clone();
        executable.get_mut(Path::new("a/x")).unwrap().mode = 0o755;
        assert_ne!(name(&one, "a"), name(&executable, "a"));
    }
}
