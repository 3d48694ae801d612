//! The process's environment: variables and the folders that follow from them.

use std::collections::BTreeMap;
use std::env;
use std::path::PathBuf;

/// Reads one variable. One that is not UTF-8 reads as absent.
#[must_use]
pub fn variable(name: &str) -> Option<String> {
    env::var(name).ok()
}

/// Reads all variables that are UTF-8, which is what interpolation sees of a laptop's shell.
#[must_use]
pub fn variables() -> BTreeMap<String, String> {
    env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// Returns the folder for what longshore keeps: `$XDG_STATE_HOME/longshore`, else `~/.local/state/longshore`
/// (XDG Base Directory Specification 0.8).
#[must_use]
pub fn state_dir() -> PathBuf {
    base_dir("XDG_STATE_HOME", ".local/state")
        .unwrap_or_else(|| PathBuf::from("/var/lib"))
        .join("longshore")
}

/// Returns the folder for what longshore can fetch again: `$XDG_CACHE_HOME/longshore`, else `~/.cache/longshore`.
#[must_use]
pub fn cache_dir() -> PathBuf {
    base_dir("XDG_CACHE_HOME", ".cache")
        .unwrap_or_else(|| PathBuf::from("/var/cache"))
        .join("longshore")
}

fn base_dir(variable: &str, at_home: &str) -> Option<PathBuf> {
    let absolute = |name| {
        env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    absolute(variable).or_else(|| absolute("HOME").map(|home| home.join(at_home)))
}
