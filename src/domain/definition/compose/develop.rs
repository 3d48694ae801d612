//! What happens while somebody works on a service, and what runs beside its own command.

use super::super::place::Spanned;
use super::super::reader::{Read, Reader, record, words};
use super::super::values::{FilePath, OneOrMore, Pairs, Words};
use super::super::yaml::Node;

record! {
    /// What runs beside a container's own command.
    plain struct Hook {
        /// What is run.
        command: Words,
        /// Who runs it.
        user: String,
        /// Whether with all privileges.
        privileged: bool,
        /// Where.
        working_dir: String,
        /// Environment variables.
        environment: Pairs,
    }
}

record! {
    /// What happens while somebody works on a service.
    nullable struct Develop {
        /// What is watched.
        watch: Vec<Spanned<Watch>>,
    }
}

record! {
    /// A folder that is watched.
    manual struct Watch {
        /// The folder.
        path: FilePath,
        /// What a change in it does.
        action: Action,
        /// Where it is copied to.
        target: String,
        /// What is left out.
        ignore: OneOrMore,
        /// What is watched alone.
        include: OneOrMore,
        /// Whether everything is copied at first.
        initial_sync: bool,
        /// What is run.
        exec: Hook,
    }
}

impl Read for Watch {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let own = Self::read_keys(node, reader)?;
        let Some(action) = own.action.as_ref().map(|action| action.value) else {
            return reader.invalid(&node.at, "`action` is missing", "what a change does");
        };
        if own.path.is_none() {
            return reader.invalid(&node.at, "`path` is missing", "the folder to watch");
        }
        let copies = matches!(
            action,
            Action::Sync | Action::SyncRestart | Action::SyncExec
        );
        if copies && own.target.is_none() {
            return reader.invalid(&node.at, "`target` is missing", "where it is copied to");
        }
        Some(own)
    }
}

words! {
    /// What a change does.
    Action, "`rebuild`, `sync`, `restart`, `sync+restart` or `sync+exec`" {
        /// The image is built again.
        "rebuild" => Rebuild,
        /// It is copied.
        "sync" => Sync,
        /// The container starts again.
        "restart" => Restart,
        /// Both.
        "sync+restart" => SyncRestart,
        /// It is copied, and something runs.
        "sync+exec" => SyncExec,
    }
}
