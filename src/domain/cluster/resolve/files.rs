//! Secrets, configs and models: whether what is named is declared, and what is declared can be.

use super::Resolver;
use crate::domain::definition::compose::{self, External};
use crate::domain::definition::{At, Mapping, Problem, Spanned};

impl Resolver<'_> {
    /// Checks them all.
    pub(super) fn files(&mut self, file: &compose::File) {
        for (name, secret) in entries(file.secrets.as_ref()) {
            let compose::Secret {
                name: own_name,
                file,
                environment,
                external,
                driver,
                labels: _,
                driver_opts: _,
                template_driver: _,
            } = &secret.value;
            self.one_name(external.as_ref(), own_name.as_ref());
            let sources = [
                ("file", file.as_ref().map(|file| &file.at)),
                ("environment", environment.as_ref().map(|name| &name.at)),
            ];
            let elsewhere = external.is_some() || driver.is_some();
            self.one_source("secret", (name, &secret.key), &sources, elsewhere);
        }
        for (name, config) in entries(file.configs.as_ref()) {
            let compose::Config {
                name: own_name,
                file,
                environment,
                content,
                external,
                labels: _,
                template_driver: _,
            } = &config.value;
            self.one_name(external.as_ref(), own_name.as_ref());
            let sources = [
                ("file", file.as_ref().map(|file| &file.at)),
                ("environment", environment.as_ref().map(|name| &name.at)),
                ("content", content.as_ref().map(|text| &text.at)),
            ];
            self.one_source("config", (name, &config.key), &sources, external.is_some());
        }
        for (_, service) in entries(file.services.as_ref()) {
            let service = &service.value;
            let build = service
                .build
                .as_ref()
                .and_then(|build| build.value.secrets.as_ref());
            self.granted("secret", service.secrets.as_ref(), file.secrets.as_ref());
            self.granted("secret", build, file.secrets.as_ref());
            self.granted("config", service.configs.as_ref(), file.configs.as_ref());
            for (name, used) in service.models.iter().flat_map(|models| &models.value.0.0) {
                let declared = entries(file.models.as_ref()).any(|(other, _)| other == name);
                if !declared {
                    self.undeclared("model", name, &used.key, keys(file.models.as_ref()));
                }
            }
        }
    }

    fn granted<T>(
        &mut self,
        what: &str,
        grants: Option<&Spanned<compose::Grants>>,
        declared: Option<&Spanned<Mapping<T>>>,
    ) {
        for grant in grants.into_iter().flat_map(|grants| &grants.value.0) {
            let Some(source) = &grant.value.source else {
                let problem = Problem::error("missing-key", "`source` is missing");
                self.tell(problem.at(&grant.at, format!("expected the name of a {what}")));
                continue;
            };
            if declared.is_none_or(|all| !all.value.0.contains_key(&source.value)) {
                self.undeclared(what, &source.value, &source.at, keys(declared));
            }
        }
    }

    fn undeclared(&mut self, what: &str, name: &str, at: &At, known: Vec<&str>) {
        let message = format!("{what} `{name}` is not declared");
        let problem = Problem::error("undeclared", message).at(at, "not declared");
        let problem = problem.did_you_mean(name, known);
        self.tell(problem.help(format!(
            "declare it at the end of the file, under `{what}s:`"
        )));
    }

    /// What is not kept elsewhere comes from one place.
    fn one_source(
        &mut self,
        what: &str,
        (name, at): (&str, &At),
        sources: &[(&str, Option<&At>)],
        elsewhere: bool,
    ) {
        if !compose::is_key(name) {
            let problem = Problem::error("bad-name", format!("`{name}` is no {what} name"));
            self.tell(problem.at(at, "expected letters, digits, '.', '-' and '_'"));
        }
        let said: Vec<_> = sources
            .iter()
            .filter_map(|(name, at)| Some((*name, (*at)?)))
            .collect();
        let words: Vec<_> = sources
            .iter()
            .map(|(name, _)| format!("`{name}`"))
            .collect();
        match said.as_slice() {
            [] if !elsewhere => {
                let message = format!("{what} `{name}` comes from nowhere");
                let problem = Problem::error("missing-key", message);
                self.tell(problem.at(at, format!("expected one of {}", words.join(", "))));
            }
            [(first, at), (second, other), ..] => self.disagree(first, at, second, other),
            [] | [_] => {}
        }
    }

    /// The old way of naming what is external may not say another name than the new one.
    pub(super) fn one_name(
        &mut self,
        external: Option<&Spanned<External>>,
        name: Option<&Spanned<String>>,
    ) {
        if let Some(old) = external.and_then(|external| external.value.name.as_ref())
            && let Some(name) = name
            && name.value != old.value
        {
            self.disagree("name", &name.at, "external.name", &old.at);
        }
    }

    /// What somebody else made takes nothing from here.
    pub(super) fn external_alone(
        &mut self,
        external: Option<&Spanned<External>>,
        others: &[(&str, Option<&At>)],
    ) {
        let Some(external) = external.filter(|external| external.value.is) else {
            return;
        };
        for (name, at) in others {
            if let Some(at) = at {
                let message =
                    format!("what is external was made elsewhere: `{name}` means nothing");
                let problem = Problem::error("conflict", message)
                    .at(at, "means nothing")
                    .at(&external.at, "external by this");
                self.tell(problem.help("remove one of them"));
            }
        }
    }
}

type Entry<'a, T> = (&'a str, &'a crate::domain::definition::Named<T>);

fn entries<T>(written: Option<&Spanned<Mapping<T>>>) -> impl Iterator<Item = Entry<'_, T>> {
    let entries = written.into_iter().flat_map(|entries| &entries.value.0);
    entries.map(|(name, named)| (name.as_str(), &**named))
}

fn keys<T>(written: Option<&Spanned<Mapping<T>>>) -> Vec<&str> {
    entries(written).map(|(name, _)| name).collect()
}
