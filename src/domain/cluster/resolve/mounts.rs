//! What a service mounts.

use std::path::PathBuf;

use super::Resolver;
use super::names::Names;
use crate::domain::cluster::{Mount, MountSource};
use crate::domain::definition::compose::{self, MountKind};
use crate::domain::definition::{Problem, Record, Spanned};
use crate::domain::name::VolumeName;

impl Resolver<'_> {
    pub(super) fn mounts(
        &mut self,
        names: &Names<'_>,
        written: Option<&Spanned<compose::Mounts>>,
    ) -> Vec<Mount> {
        let mut mounts = Vec::new();
        for mount in written.into_iter().flat_map(|mounts| &mounts.value.0) {
            // Every field has to be taken into account here: one that is added to the definition fails to compile.
            let compose::Mount {
                kind: _,
                source: _,
                home: _,
                target,
                read_only,
                // Docker Desktop's, and never had an effect on Linux.
                consistency: _,
                bind,
                volume,
                tmpfs: _,
            } = &mount.value;
            if let Some(bind) = bind {
                self.honoured_of_mounts("bind.", keys(bind), &mount.at);
            }
            if let Some(volume) = volume {
                self.honoured_of_mounts("volume.", keys(volume), &mount.at);
            }
            let source = self.mount_source(names, mount);
            mounts.extend(source.map(|source| Mount {
                source,
                target: target.clone(),
                read_only: *read_only,
            }));
        }
        mounts
    }

    fn mount_source(
        &mut self,
        names: &Names<'_>,
        mount: &Spanned<compose::Mount>,
    ) -> Option<MountSource> {
        let source = mount.value.source.as_deref();
        match mount.value.kind {
            MountKind::Volume => {
                let Some(source) = source.filter(|source| !source.is_empty()) else {
                    return Some(MountSource::Anonymous);
                };
                let known = self.known_volume(names, source, &mount.at);
                let name = source.parse::<VolumeName>().ok();
                name.filter(|_| known).map(MountSource::Volume)
            }
            MountKind::Bind => {
                let source = source?;
                if source.starts_with('/') {
                    return Some(MountSource::HostPath(PathBuf::from(source)));
                }
                self.in_repository(source, &mount.at)
                    .map(MountSource::Repository)
            }
            MountKind::Tmpfs => {
                let options = mount.value.tmpfs.as_ref();
                let size = options.and_then(|options| options.size.as_ref());
                let mode = options.and_then(|options| options.mode.as_ref());
                Some(MountSource::Memory {
                    size: size.map(|size| size.value.0),
                    mode: mode.map(|mode| mode.value.0),
                })
            }
            MountKind::Image | MountKind::Pipe | MountKind::Cluster => {
                let message = "only volumes, binds and file systems in memory are mounted";
                let problem = Problem::error("unsupported", message).at(&mount.at, "");
                self.refuse(problem.help("remove it, or mount a volume"));
                None
            }
        }
    }
}

fn keys(record: &impl Record) -> Vec<&'static str> {
    record.written().into_iter().map(|(key, _)| key).collect()
}
