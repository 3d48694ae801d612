//! Where the files lie that a definition reaches by itself: in the repository, or where the command line named one.
//!
//! A definition that somebody else wrote must not bring up what else lies on a machine, whether by `..` or by a link. An
//! absolute path says where it leads, and is taken as it stands.

use super::Loader;
use super::find::{FILES, separated};
use crate::domain::definition::path;
use crate::domain::definition::place::At;
use crate::domain::definition::problem::Problem;

impl Loader {
    /// Takes where a path leads once links are followed: absolute.
    pub fn leads_to(&mut self, path: String, real: String) {
        self.real.insert(path, real);
    }

    /// Tells whether a path, as it was written and as it is seen from the folder that longshore works in, stays where a
    /// definition may reach.
    pub(super) fn in_bounds(&self, written: &str, path: &str) -> bool {
        if self.request.root.is_empty() || written.starts_with(['/', '~']) {
            return true;
        }
        if self.named().iter().any(|file| file == path) {
            return true;
        }
        let inside = |whole: &str| self.bounds().iter().any(|folder| lies_in(whole, folder));
        let whole = path::join(&self.request.directory, path);
        inside(&whole) && self.real.get(path).is_none_or(|real| inside(real))
    }

    /// Like [`Self::in_bounds`], and tells it if it does not.
    pub(super) fn within_bounds(&mut self, written: &str, path: &str, at: &At) -> bool {
        let fits = self.in_bounds(written, path);
        if !fits {
            self.problems.push(leads_out(path).at(at, "leads out"));
        }
        fits
    }

    /// The files that a person names: on the command line, or by the shell's variable for it.
    fn named(&self) -> Vec<String> {
        let shell = &self.request.variables;
        let files = match shell.get(FILES) {
            Some(files) if self.request.files.is_empty() => separated(files, shell),
            Some(_) | None => self.request.files.clone(),
        };
        files.iter().map(|file| path::join(".", file)).collect()
    }

    /// The folders that a definition may reach: the repository, and those of the files that a person names.
    fn bounds(&self) -> Vec<String> {
        let named = self.named().into_iter().flat_map(|file| {
            let real = self.real.get(&file).map(|real| path::parent(real));
            let own = path::join(&self.request.directory, &path::parent(&file));
            [Some(own), real]
        });
        let root = Some(self.request.root.clone());
        std::iter::once(root).chain(named).flatten().collect()
    }
}

/// Says that a path leads out of the repository.
pub(super) fn leads_out(path: &str) -> Problem {
    let message = format!("{path} lies outside the repository");
    let help = "copy the file into the repository, or write its absolute path if it is meant";
    Problem::error("outside", message).help(help)
}

fn lies_in(path: &str, folder: &str) -> bool {
    let rest = path.strip_prefix(folder.trim_end_matches('/'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::super::Request;
    use super::*;

    fn loader(files: &[&str]) -> Loader {
        Loader::new(Request {
            files: files.iter().map(|file| (*file).to_owned()).collect(),
            directory: "/repo/app".to_owned(),
            root: "/repo".to_owned(),
            ..Request::default()
        })
    }

    #[test]
    fn the_repository_is_the_bound() {
        for (written, path, fits) in [
            ("a.env", "a.env", true),
            ("../a.env", "../a.env", true),
            ("../../a.env", "../../a.env", false),
            ("../../repo/a.env", "../../repo/a.env", true),
            ("../../repository/a.env", "../../repository/a.env", false),
            ("/etc/a.env", "/etc/a.env", true),
            ("~/a.env", "/home/somebody/a.env", true),
        ] {
            assert_eq!(loader(&[]).in_bounds(written, path), fits, "{written}");
        }
    }

    #[test]
    fn a_link_is_judged_by_where_it_leads() {
        let mut loader = loader(&[]);
        loader.leads_to("a".to_owned(), "/repo/b".to_owned());
        loader.leads_to("c".to_owned(), "/etc/c".to_owned());
        assert!(loader.in_bounds("a", "a"));
        assert!(!loader.in_bounds("c", "c"));
    }

    #[test]
    fn what_the_command_line_names_brings_its_folder() {
        let loader = loader(&["../../other/compose.yaml"]);
        assert!(loader.in_bounds("b.yaml", "../../other/b.yaml"));
        assert!(!loader.in_bounds("../b.yaml", "../../b.yaml"));
    }
}
