//! Images on their way from one engine to another: kept as long as somebody works with several, and no longer.

use std::fs;
use std::path::{Path, PathBuf};

use super::Blobs;

/// A store for what is on its way, gone when dropped. The folder is made when something is kept.
#[derive(Debug)]
pub struct Passing {
    blobs: Blobs,
    folder: PathBuf,
}

impl Passing {
    /// Opens one beside a store that stays, so that it lies on the same disk. What killed runs left there is removed.
    #[must_use]
    pub fn beside(blobs: &Blobs) -> Self {
        let base = blobs.root().join("passing");
        forget_dead(&base);
        let name = format!("{}-{:08x}", std::process::id(), rand::random::<u32>());
        let folder = base.join(name);
        Self {
            blobs: Blobs::new(&folder),
            folder,
        }
    }

    /// Returns the store.
    #[must_use]
    pub fn blobs(&self) -> &Blobs {
        &self.blobs
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn forget_dead(base: &Path) {
    for entry in fs::read_dir(base).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let pid = name.split('-').next().unwrap_or_default();
        if !Path::new("/proc").join(pid).exists() {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_on_its_way_goes_with_whoever_moves_it_or_after_it_was_killed() {
        let folder = tempfile::tempdir().unwrap();
        let dead = folder.path().join("passing/4194999-0");
        fs::create_dir_all(&dead).unwrap();
        let passing = Passing::beside(&Blobs::new(folder.path()));
        let kept = passing.blobs().keep(&b"layer"[..]).unwrap();
        let file = passing.blobs().file(&kept).unwrap();
        assert!(file.exists() && !dead.exists());
        drop(passing);
        assert!(!file.exists());
    }
}
