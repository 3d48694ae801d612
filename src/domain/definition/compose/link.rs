//! Links to other services, and when a container is started again.

use serde_json::{Value as Json, json};

use super::super::place::Spanned;
use super::super::reader::{Read, Reader};
use super::super::values::once;
use super::super::write::Write;
use super::super::yaml::Node;

/// When a container is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restart {
    /// Never.
    No,
    /// Always.
    Always,
    /// Always, but not after a person stopped it.
    UnlessStopped,
    /// If it failed, at most so often.
    OnFailure(Option<u32>),
}

impl Write for Restart {
    fn write(&self) -> Option<Json> {
        Some(match self {
            Self::No => json!("no"),
            Self::Always => json!("always"),
            Self::UnlessStopped => json!("unless-stopped"),
            Self::OnFailure(None) => json!("on-failure"),
            Self::OnFailure(Some(times)) => json!(format!("on-failure:{times}")),
        })
    }
}

impl Read for Restart {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        const FORM: &str = "`no`, `always`, `unless-stopped`, `on-failure` or `on-failure:3`";
        let text = reader.text(node, FORM)?;
        match text.split_once(':') {
            None => match text {
                "no" | "false" => Some(Self::No),
                "always" => Some(Self::Always),
                "unless-stopped" => Some(Self::UnlessStopped),
                "on-failure" => Some(Self::OnFailure(None)),
                _ => reader.invalid(&node.at, &format!("`{text}` is no restart policy"), FORM),
            },
            Some(("on-failure", times)) => match times.parse() {
                Ok(times) => Some(Self::OnFailure(Some(times))),
                Err(_) => reader.invalid(&node.at, &format!("`{times}` is no number"), FORM),
            },
            Some(_) => reader.invalid(&node.at, &format!("`{text}` is no restart policy"), FORM),
        }
    }
}

/// Links; of those with the same text one counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Links(pub Vec<Spanned<Link>>);

impl Read for Links {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let items = reader.list(node, "a list of services")?;
        let links = reader.items(items);
        Some(Self(once(links, |link: &Link| link.text.clone())))
    }
}

impl Write for Links {
    fn write(&self) -> Option<Json> {
        let texts: Vec<_> = self.0.iter().map(|link| &link.value.text).collect();
        (!texts.is_empty()).then(|| json!(texts))
    }
}

/// A link: `SERVICE` or `SERVICE:ALIAS`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The service.
    pub service: String,
    /// The name it is reached by.
    pub alias: String,
    /// As it was written.
    pub text: String,
}

impl Read for Link {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let text = reader.text(node, "`service` or `service:alias`")?;
        let (service, alias) = text.split_once(':').unwrap_or((text, text));
        Some(Self {
            service: service.to_owned(),
            alias: alias.to_owned(),
            text: text.to_owned(),
        })
    }
}
