//! One set of variables: files put together to a model, and the model read.

use std::collections::BTreeMap;

use super::allowance::{self, Cause};
use super::merge::lay;
use super::scope::Scope;
use super::{COMPOSE_FORM, Loader, Reading, stripped};
use crate::domain::definition::compose::File;
use crate::domain::definition::import::finish;
use crate::domain::definition::interpolate::Interpolation;
use crate::domain::definition::problem::Problem;
use crate::domain::definition::reader::{Read, Reader};
use crate::domain::definition::settings::Settings;
use crate::domain::definition::steps;
use crate::domain::definition::yaml::{self, Node};

impl Loader {
    pub(super) fn reading(
        &mut self,
        names: &[String],
        folder: &str,
        variables: &BTreeMap<String, String>,
        own: Own,
    ) -> Option<Reading> {
        let on_top = own.variables;
        let pass = Interpolation::new(variables, &on_top);
        let mut scope = Scope::new(folder, pass, variables.get("HOME").cloned(), own.cause);
        scope.including.extend(names.first().cloned());
        let model = self.model(names, &mut scope);
        let model = match scope.foreign {
            Some(_) => model.map(|model| finish(model, &mut self.problems)),
            None => model,
        };
        let model = model.and_then(|model| self.with_steps(model, &mut scope));
        let model = match (model, own.services) {
            (Some(model), Some(services)) => self.overlaid(model, &services, &mut scope),
            (model, _) => model,
        };
        let model = model.filter(|model| {
            let weight = services(model) * allowance::SERVICE;
            self.afford(weight, &scope.cause.or(&model.at))
        });
        let mut reader = Reader::new(scope.folders);
        let compose = model.map(|model| File::read(&model, &mut reader).unwrap_or_default());
        self.afford(reader.expanded, &scope.cause);
        let mut pass = scope.interpolation;
        self.problems.append(&mut pass.problems);
        self.problems.append(&mut reader.problems);
        let uses = std::mem::take(&mut pass.uses);
        let mut variables = variables.clone();
        variables.extend(on_top);
        Some(Reading {
            compose: compose?,
            variables,
            uses,
            extensions: reader.extensions,
        })
    }

    /// Lays over the services what steps of the settings are of their own.
    fn with_steps(&mut self, model: Node, scope: &mut Scope<'_>) -> Option<Node> {
        let Some(settings) = self.steps.clone() else {
            return Some(model);
        };
        let services = model.get("services").map(|services| &services.value);
        let known = |name: &str| match services {
            Some(yaml::Value::Map(entries)) => entries.iter().any(|entry| entry.key.text == name),
            Some(yaml::Value::Scalar(_) | yaml::Value::List(_)) | None => false,
        };
        let Some(own) = steps::services(&settings, &known, &mut self.problems) else {
            return Some(model);
        };
        let own = scope.interpolation.tree(&own);
        lay(model, own, Vec::new(), false, &mut self.problems)
    }

    /// Lays what an environment says over services. One that is not there is told, for nothing would run it.
    pub(super) fn overlaid(
        &mut self,
        model: Node,
        services: &Node,
        scope: &mut Scope<'_>,
    ) -> Option<Node> {
        let mut services = scope.interpolation.tree(services);
        let known: Vec<_> = match model.get("services").map(|services| &services.value) {
            Some(yaml::Value::Map(entries)) => {
                entries.iter().map(|entry| entry.key.text.clone()).collect()
            }
            Some(yaml::Value::Scalar(_) | yaml::Value::List(_)) | None => Vec::new(),
        };
        if let yaml::Value::Map(entries) = &mut services.value {
            entries.retain(|yaml::Entry { key, .. }| {
                let is = known.contains(&key.text);
                if !is {
                    let message = format!("there is no service `{}`", key.text);
                    let problem = Problem::error("unknown-service", message);
                    let problem = problem.at(&key.at, "not defined");
                    let known = known.iter().map(String::as_str);
                    self.problems.push(problem.did_you_mean(&key.text, known));
                }
                is
            });
        }
        let over = Node {
            at: services.at.clone(),
            tag: None,
            value: yaml::Value::Map(vec![yaml::Entry {
                key: yaml::Key {
                    text: "services".to_owned(),
                    at: services.at.clone(),
                },
                value: services,
            }]),
        };
        lay(model, over, Vec::new(), false, &mut self.problems)
    }

    /// Puts files together: variables filled in, `extends` and `include` carried out, each laid over those before it.
    /// None if one of them could not be read, or has to be asked for.
    pub(super) fn model(&mut self, names: &[String], scope: &mut Scope<'_>) -> Option<Node> {
        let mut model: Option<Node> = None;
        let mut missing = false;
        for name in names {
            let Some(trees) = self.trees(name, COMPOSE_FORM) else {
                missing = true;
                continue;
            };
            for tree in trees.iter() {
                let tree = self.in_compose_form(tree, name, scope);
                let tree = scope.interpolation.tree(&tree);
                if !self.afford(tree.weight(), &scope.cause.or(&tree.at)) {
                    return None;
                }
                let tree = self.extended(tree, name, scope);
                let Some(tree) = self.included(tree, scope) else {
                    missing = true;
                    continue;
                };
                model = match model {
                    Some(model) => lay(model, tree, Vec::new(), false, &mut self.problems),
                    None => stripped(tree),
                };
            }
        }
        model.filter(|_| !missing)
    }
}

/// What an environment has of its own.
#[derive(Debug)]
pub(super) struct Own {
    /// Variables that hide those of the shell and of files.
    pub(super) variables: BTreeMap<String, String>,
    /// What is laid over services.
    pub(super) services: Option<Node>,
    /// What it is read for.
    cause: Cause,
}

impl Own {
    /// The definition itself has nothing of its own.
    pub(super) fn nothing() -> Self {
        Self {
            variables: BTreeMap::new(),
            services: None,
            cause: Cause::own(),
        }
    }
}

pub(super) fn own(settings: Option<&Settings>) -> BTreeMap<String, Own> {
    let environments = settings.and_then(|settings| settings.environments.as_ref());
    let named = environments
        .into_iter()
        .flat_map(|environments| &environments.value.0);
    named
        .map(|(name, environment)| {
            let cause = Cause::at("this environment", &environment.key);
            let environment = &environment.value;
            let pairs = environment
                .variables
                .iter()
                .flat_map(|pairs| &pairs.value.0);
            let values = pairs.filter_map(|(name, pair)| Some((name.clone(), pair.value.clone()?)));
            let services = environment.services.as_ref();
            let own = Own {
                variables: values.collect(),
                services: services.map(|services| services.value.0.clone()),
                cause,
            };
            (name.clone(), own)
        })
        .collect()
}

/// Returns how many services there are.
fn services(model: &Node) -> usize {
    match model.get("services").map(|services| &services.value) {
        Some(yaml::Value::Map(entries)) => entries.len(),
        Some(yaml::Value::Scalar(_) | yaml::Value::List(_)) | None => 0,
    }
}
