//! What a service mounts.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::Resolver;
use super::names::Names;
use crate::domain::cluster::{Mount, MountSource};
use crate::domain::definition::compose::{self, MountKind};
use crate::domain::definition::{Problem, Reading, Spanned, join};
use crate::domain::name::VolumeName;

impl Resolver<'_> {
    pub(super) fn mounts(
        &mut self,
        reading: &Reading,
        names: &Names<'_>,
        written: Option<&Spanned<compose::Mounts>>,
    ) -> Vec<Mount> {
        let mut mounts = Vec::new();
        let mut targets = BTreeSet::new();
        for mount in written.into_iter().flat_map(|mounts| &mounts.value.0) {
            if !targets.insert(&mount.value.target) {
                let message = format!("two mounts at {}", mount.value.target);
                self.tell(
                    Problem::error("duplicate-mount", message).at(&mount.at, "the second one"),
                );
                continue;
            }
            for option in &mount.value.without_effect {
                // The relabelling of SELinux; consistency modes are Docker Desktop's and never had one on Linux.
                if option.eq_ignore_ascii_case("z") {
                    let message = format!("mount option `{option}` has no effect");
                    self.tell(Problem::warning("without-effect", message).at(&mount.at, ""));
                }
            }
            let source = self.mount_source(reading, names, mount);
            mounts.extend(source.map(|source| Mount {
                source,
                target: mount.value.target.clone(),
                read_only: mount.value.read_only,
            }));
        }
        mounts
    }

    fn mount_source(
        &mut self,
        reading: &Reading,
        names: &Names<'_>,
        mount: &Spanned<compose::Mount>,
    ) -> Option<MountSource> {
        let Some(source) = &mount.value.source else {
            return Some(MountSource::Anonymous);
        };
        if mount.value.kind == MountKind::Volume {
            let known = self.known_volume(names, source, &mount.at);
            let name = source.parse::<VolumeName>().ok();
            return name.filter(|_| known).map(MountSource::Volume);
        }
        if let Some(rest) = source.strip_prefix('~') {
            let Some(home) = reading.variables.get("HOME") else {
                let problem =
                    Problem::error("invalid-value", "`~` stands for HOME, which is not set");
                self.tell(problem.at(&mount.at, "write the path in full"));
                return None;
            };
            let path = join(home, rest.trim_start_matches('/'));
            return Some(MountSource::HostPath(PathBuf::from(path)));
        }
        if source.starts_with('/') {
            return Some(MountSource::HostPath(PathBuf::from(join("/", source))));
        }
        let path = self.definition.path(source);
        self.in_repository(&path, &mount.at)
            .map(MountSource::Repository)
    }
}
