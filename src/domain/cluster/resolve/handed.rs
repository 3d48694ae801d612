//! The secrets and configs that services get.

use super::Resolver;
use crate::domain::cluster::{FileSource, HandedFile, SecretOrigin};
use crate::domain::definition::{Problem, Reading, Spanned, compose, join};

/// Where secrets are unless said.
const SECRETS: &str = "/run/secrets";
/// What everybody may read, as Compose has it.
const MODE: u32 = 0o444;

impl Resolver<'_> {
    /// Resolves what a service gets. What is not declared is told elsewhere.
    pub(super) fn handed(
        &mut self,
        reading: &Reading,
        service: &compose::Service,
    ) -> Vec<HandedFile> {
        let compose = &reading.compose;
        let mut files = Vec::new();
        let grants = |grants: &Option<Spanned<compose::Grants>>| {
            let grants = grants.as_ref().map(|grants| grants.value.0.clone());
            grants.unwrap_or_default()
        };
        for grant in grants(&service.secrets) {
            let declared = compose.secrets.as_ref().zip(grant.value.source.as_ref());
            let declared = declared.and_then(|(all, name)| all.value.0.get(&name.value));
            let source = declared.zip(grant.value.source.as_ref());
            let source =
                source.and_then(|(secret, name)| secret_source(&name.value, &secret.value));
            files.extend(source.and_then(|source| self.file(&grant, source, SECRETS)));
        }
        for grant in grants(&service.configs) {
            let declared = compose.configs.as_ref().zip(grant.value.source.as_ref());
            let declared = declared.and_then(|(all, name)| all.value.0.get(&name.value));
            let Some((config, name)) = declared.zip(grant.value.source.as_ref()) else {
                continue;
            };
            let source = self.config_source(reading, &name.value, &config.value);
            files.extend(source.and_then(|source| self.file(&grant, source, "/")));
        }
        files
    }

    fn config_source(
        &mut self,
        reading: &Reading,
        name: &str,
        config: &compose::Config,
    ) -> Option<FileSource> {
        if let Some(content) = &config.content {
            return Some(FileSource::Text(content.value.clone()));
        }
        if let Some(variable) = &config.environment {
            let value = reading.variables.get(&variable.value);
            if value.is_none() {
                let message = format!("config `{name}` is the value of a variable that is not set");
                let problem = Problem::error("unset-variable", message).at(&variable.at, "not set");
                self.refuse(problem.help("set it in the shell or in `.env`"));
            }
            return value.cloned().map(FileSource::Text);
        }
        if let Some(file) = &config.file {
            let path = self.in_repository(&file.value.0, &file.at)?;
            return Some(FileSource::Repository(path));
        }
        Some(FileSource::Elsewhere(name.to_owned()))
    }

    fn file(
        &mut self,
        grant: &Spanned<compose::Grant>,
        source: FileSource,
        folder: &str,
    ) -> Option<HandedFile> {
        let compose::Grant {
            source: name,
            target,
            uid,
            gid,
            mode,
        } = &grant.value;
        let target = target.as_ref().or(name.as_ref())?;
        Some(HandedFile {
            source,
            target: join(folder, &target.value),
            uid: self.id(uid.as_ref()),
            gid: self.id(gid.as_ref()),
            mode: mode.as_ref().map_or(MODE, |mode| mode.value.0),
        })
    }

    fn id(&mut self, written: Option<&Spanned<String>>) -> u32 {
        let Some(written) = written else { return 0 };
        written.value.parse().unwrap_or_else(|_| {
            let message = format!("`{}` is no number of a user or group", written.value);
            let problem = Problem::error("invalid-value", message);
            self.refuse(problem.at(&written.at, "expected a number such as `\"1000\"`"));
            0
        })
    }
}

fn secret_source(name: &str, secret: &compose::Secret) -> Option<FileSource> {
    let from = match (&secret.file, &secret.environment) {
        (Some(file), _) => SecretOrigin::File(file.value.0.clone().into()),
        (None, Some(variable)) => SecretOrigin::Variable(variable.value.clone()),
        (None, None) => return Some(FileSource::Elsewhere(name.to_owned())),
    };
    Some(FileSource::Secret {
        name: name.to_owned(),
        from,
    })
}
