//! Files of other formats among those of a definition.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::super::import::{Format, finish, import};
use super::super::interpolate::Interpolation;
use super::super::problem::Problem;
use super::super::settings::Settings;
use super::super::yaml::Node;
use super::allowance::Cause;
use super::merge::lay;
use super::scope::Scope;
use super::{COMPOSE_FORM, Loader, SETTINGS};

/// A definition of another format in the form of Compose, as it would be written there: variables not filled in.
#[derive(Debug, Clone)]
pub struct Foreign {
    /// The format.
    pub format: Format,
    /// What a Compose file would say.
    pub compose: Node,
    /// What `longshore.yaml` would say, if anything.
    pub settings: Option<Node>,
    /// Files of other folders that have a part in it. Paths in them are relative to their own folder.
    pub elsewhere: Vec<String>,
}

impl Loader {
    /// Brings a file's tree to the form of Compose, if it has another one.
    pub(super) fn in_compose_form<'t>(
        &mut self,
        tree: &'t Node,
        path: &str,
        scope: &mut Scope<'_>,
    ) -> Cow<'t, Node> {
        let beside_fig = scope.foreign == Some(Format::Fig);
        let Some(format) = Format::of(path, tree, beside_fig) else {
            return Cow::Borrowed(tree);
        };
        scope.foreign = Some(format);
        self.foreign = true;
        let imported = import(format, tree.clone());
        self.asks.extend(imported.asks);
        self.problems.extend(imported.problems);
        Cow::Owned(imported.compose)
    }

    /// Returns the settings over those that foreign files bring.
    pub(super) fn with_imported(
        &mut self,
        settings: Option<Settings>,
        names: &[String],
    ) -> Option<Settings> {
        let Some(imported) = self.imported_settings(names) else {
            return settings;
        };
        let own = settings.is_some().then(|| self.trees(SETTINGS, ""));
        let own = own.flatten().and_then(|trees| trees.first().cloned());
        let tree = match own {
            Some(own) => lay(imported, own, Vec::new(), false, &mut self.problems)?,
            None => imported,
        };
        Some(self.read_settings(&tree))
    }

    fn imported_settings(&mut self, names: &[String]) -> Option<Node> {
        let mut all: Option<Node> = None;
        for name in names {
            for tree in self.trees(name, COMPOSE_FORM).unwrap_or_default().iter() {
                let format = Format::of(name, tree, false);
                let settings = format.and_then(|format| import(format, tree.clone()).settings);
                all = match (all, settings) {
                    (Some(all), Some(settings)) => {
                        lay(all, settings, Vec::new(), false, &mut self.problems)
                    }
                    (all, settings) => settings.or(all),
                };
            }
        }
        all
    }

    /// Returns the definition as Compose would have it written, if it is of another format.
    pub(super) fn in_words_of_compose(
        &mut self,
        names: &[String],
        folder: &str,
        variables: &BTreeMap<String, String>,
    ) -> Option<Foreign> {
        // Everything was told when the definition was read.
        let told = self.problems.clone();
        let pass = Interpolation::none(variables);
        let mut scope = Scope::new(folder, pass, variables.get("HOME").cloned(), Cause::own());
        let model = self.model(names, &mut scope);
        let foreign = scope.foreign.zip(model).map(|(format, model)| Foreign {
            format,
            compose: finish(model, &mut self.problems),
            settings: self.imported_settings(names),
            elsewhere: elsewhere(&scope),
        });
        self.problems = told;
        foreign
    }
}

fn elsewhere(scope: &Scope<'_>) -> Vec<String> {
    let files = scope.folders.files.iter();
    let other = files.filter(|(_, folder)| **folder != scope.folder);
    other.map(|(file, _)| file.clone()).collect()
}

/// Takes back what was told of comments: JSON has none, so keys called `//` hold them, as many as there are.
pub(super) fn forget_comments(problems: &mut Vec<Problem>) {
    problems.retain(|problem| {
        let place = problem.places.first();
        let key = place.map_or("", |(place, _)| place.slice());
        problem.code != "duplicate-key" || key.trim_matches(['"', '\'']) != "//"
    });
}
