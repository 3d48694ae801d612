//! The files that services mount from the repository.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Checkout;
use super::entry::{self, Entries, Entry, Kind};
use super::error::CheckoutError;
use super::send::TarStream;
use crate::domain::cluster::{Cluster, Service};
use crate::domain::ledger::Asset;

impl Checkout {
    /// Hashes every file of the repository that a service of the cluster mounts or is handed, a folder's files each.
    ///
    /// # Errors
    ///
    /// If one cannot be read, leads out of the repository, or is neither file nor folder.
    pub fn assets(&self, cluster: &Cluster) -> Result<BTreeMap<PathBuf, Asset>, CheckoutError> {
        let placed = cluster
            .environments
            .values()
            .flat_map(|environment| environment.services.values());
        let services = cluster.services.values().chain(placed);
        let paths: BTreeSet<&PathBuf> = services.flat_map(Service::assets).collect();
        let mut assets = BTreeMap::new();
        for path in paths {
            for Entry {
                path,
                from: _,
                kind,
            } in self.asset(path)?.0
            {
                if let Kind::File {
                    digest,
                    size: _,
                    executable,
                } = kind
                {
                    let mode = if executable { 0o755 } else { 0o644 };
                    assets.insert(path, Asset { digest, mode });
                }
            }
        }
        Ok(assets)
    }

    /// Reads one file or folder that is mounted. Symbolic links within the repository are followed. Of the repository as
    /// a whole, `.git` and what git ignores are left out: neither is the tree's.
    ///
    /// # Errors
    ///
    /// As [`Checkout::assets`].
    pub fn asset(&self, path: &Path) -> Result<Entries, CheckoutError> {
        let mut entries = Entries::default();
        let hidden = match self.git && self.inside(path)? == self.root {
            true => self.hidden()?,
            false => BTreeSet::new(),
        };
        self.collect(path, &hidden, &mut entries)?;
        entries.sort();
        Ok(entries)
    }

    /// Returns what is in the repository's folder and not the tree's.
    fn hidden(&self) -> Result<BTreeSet<PathBuf>, CheckoutError> {
        let all = [
            "--others",
            "--ignored",
            "--exclude-standard",
            "--directory",
            "-z",
        ];
        let ignored = self.git(&[&["ls-files"], &all[..]].concat())?;
        let ignored = ignored.split('\0').filter(|path| !path.is_empty());
        let hidden = ignored
            .chain([".git"])
            .map(|path| self.root.join(path.trim_end_matches('/')));
        Ok(hidden.collect())
    }

    fn collect(
        &self,
        path: &Path,
        hidden: &BTreeSet<PathBuf>,
        entries: &mut Entries,
    ) -> Result<(), CheckoutError> {
        let from = self.inside(path)?;
        let meta = fs::metadata(&from).map_err(CheckoutError::read(&from))?;
        let path = path.to_owned();
        let unfit = |what| CheckoutError::Unfit {
            path: self.root.join(&path),
            what,
        };
        if meta.is_file() {
            let kind = entry::file(&from, &meta)?;
            entries.0.push(Entry { path, from, kind });
        } else if !meta.is_dir() {
            return Err(unfit("a socket, pipe or device"));
        } else if self.root.join(&path).is_symlink() && !entries.0.is_empty() {
            return Err(unfit("a symbolic link to a folder"));
        } else {
            let names = fs::read_dir(&from).map_err(CheckoutError::read(&from))?;
            entries.0.push(Entry {
                path: path.clone(),
                from: from.clone(),
                kind: Kind::Folder,
            });
            for found in names {
                let found = found.map_err(CheckoutError::read(&from))?;
                if !hidden.contains(&from.join(found.file_name())) {
                    self.collect(&path.join(found.file_name()), hidden, entries)?;
                }
            }
        }
        Ok(())
    }

    /// Reads one file that a service is handed.
    ///
    /// # Errors
    ///
    /// As [`Checkout::assets`], or if it is a folder.
    pub fn asset_bytes(&self, path: &Path) -> Result<Vec<u8>, CheckoutError> {
        let from = self.inside(path)?;
        fs::read(&from).map_err(CheckoutError::read(&from))
    }

    /// Sends one file or folder that is mounted, under the path where the container expects it.
    ///
    /// # Errors
    ///
    /// As [`Checkout::assets`].
    pub fn stream_asset(&self, path: &Path, target: &Path) -> Result<TarStream, CheckoutError> {
        let mut entries = self.asset(path)?;
        let target = target.strip_prefix("/").unwrap_or(target);
        for entry in &mut entries.0 {
            let below = entry.path.strip_prefix(path).unwrap_or(&entry.path);
            entry.path = target.components().chain(below.components()).collect();
        }
        Ok(TarStream::new(Arc::new(entries), None))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    struct Tree(tempfile::TempDir, Checkout);

    fn tree() -> Tree {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in [("conf/a", "1"), ("conf/sub/b", "2"), ("one", "3")] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let checkout = Checkout::open(folder.path()).unwrap();
        Tree(folder, checkout)
    }

    fn paths(entries: &Entries) -> Vec<&str> {
        entries
            .0
            .iter()
            .map(|entry| entry.path.to_str().unwrap())
            .collect()
    }

    #[test]
    fn a_folder_is_all_its_files() {
        let Tree(folder, checkout) = tree();
        let found = checkout.asset(Path::new("conf")).unwrap();
        assert_eq!(paths(&found), ["conf", "conf/a", "conf/sub", "conf/sub/b"]);
        let before = found.digest();
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(folder.path().join("conf/a"), mode).unwrap();
        assert_ne!(checkout.asset(Path::new("conf")).unwrap().digest(), before);
    }

    #[test]
    fn of_the_whole_repository_only_what_is_the_trees_is_read() {
        let Tree(folder, _) = tree();
        crate::system::process::output("git", ["init", "--quiet"], folder.path()).unwrap();
        for (path, text) in [
            (".gitignore", "/made\n*.o\n"),
            ("made", "x"),
            ("conf/a.o", "x"),
        ] {
            fs::write(folder.path().join(path), text).unwrap();
        }
        let checkout = Checkout::open(folder.path()).unwrap();
        let all = checkout.asset(Path::new("")).unwrap();
        assert_eq!(
            paths(&all),
            [
                "",
                ".gitignore",
                "conf",
                "conf/a",
                "conf/sub",
                "conf/sub/b",
                "one"
            ]
        );
        let part = checkout.asset(Path::new("conf")).unwrap();
        assert!(paths(&part).contains(&"conf/a.o"));
    }

    #[test]
    fn links_within_the_repository_are_followed_and_others_refused() {
        let Tree(folder, checkout) = tree();
        symlink("../one", folder.path().join("conf/link")).unwrap();
        let found = checkout.asset(Path::new("conf")).unwrap();
        let link = found
            .0
            .iter()
            .find(|entry| entry.path.ends_with("link"))
            .unwrap();
        assert!(matches!(link.kind, Kind::File { size: 1, .. }));

        symlink("/etc/hostname", folder.path().join("conf/out")).unwrap();
        let error = checkout.asset(Path::new("conf")).unwrap_err();
        assert!(matches!(error, CheckoutError::Escapes { .. }), "{error}");
        let error = checkout.asset(Path::new("../")).unwrap_err();
        assert!(matches!(error, CheckoutError::Escapes { .. }), "{error}");
    }

    #[test]
    fn a_link_to_a_folder_cannot_run_in_circles() {
        let Tree(folder, checkout) = tree();
        symlink(".", folder.path().join("conf/self")).unwrap();
        let error = checkout.asset(Path::new("conf")).unwrap_err();
        assert!(matches!(error, CheckoutError::Unfit { .. }), "{error}");
    }

    #[test]
    fn what_is_not_there_is_named() {
        let Tree(_folder, checkout) = tree();
        let error = checkout.asset(Path::new("nothing")).unwrap_err();
        assert!(error.to_string().contains("nothing"), "{error}");
    }
}
