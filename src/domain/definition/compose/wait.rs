//! `depends_on` of a service.

use serde_json::Value as Json;

use super::super::reader::{Mapping, Named, Read, Reader, record, words};
use super::super::values::Said;
use super::super::write::Write;
use super::super::yaml::{Node, Value};

/// What a service waits for: a list of names, or a mapping from them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dependencies(pub Mapping<Dependency>);

record! {
    /// How another service is waited for.
    manual struct Dependency {
        /// What is waited for.
        condition: Wait,
        /// Whether this one is restarted with it.
        restart: bool,
        /// Whether it has to be there.
        required: Said<bool>,
    }
}

impl Read for Dependency {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let before = reader.problems.len();
        let own = Self::read_keys(node, reader)?;
        // A misspelt `condition` was told already.
        if own.condition.is_none() && reader.problems.len() == before {
            let expected =
                "`condition: service_started`, or a list of names in place of the mapping";
            return reader.invalid(&node.at, "`condition` is missing", expected);
        }
        Some(own)
    }
}

impl Read for Dependencies {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        named(node, reader, Dependency::default).map(Self)
    }
}

impl Write for Dependencies {
    fn write(&self) -> Option<Json> {
        let mut json = self.0.write()?;
        for (_, dependency) in json.as_object_mut().into_iter().flatten() {
            if dependency.is_null() {
                *dependency = Json::Object(serde_json::Map::new());
            }
            let fields = dependency.as_object_mut()?;
            let defaults = [
                ("condition", Json::from("service_started")),
                ("required", Json::Bool(true)),
            ];
            for (name, value) in defaults {
                fields.entry(name).or_insert(value);
            }
        }
        Some(json)
    }
}

/// Reads a mapping from names, or a list of names only.
pub fn named<T: Read>(
    node: &Node,
    reader: &mut Reader,
    plain: impl Fn() -> T,
) -> Option<Mapping<T>> {
    match &node.value {
        Value::List(items) => {
            let names = reader.items::<String>(items).into_iter().map(|name| {
                let (key, at, value) = (name.at.clone(), name.at.clone(), plain());
                (name.value, Box::new(Named { key, value, at }))
            });
            Some(Mapping(names.collect()))
        }
        Value::Map(_) => Mapping::read(node, reader),
        Value::Scalar(_) => reader.wrong(node, "a list of names, or a mapping"),
    }
}

words! {
    /// What is waited for.
    Wait, "`service_started`, `service_healthy` or `service_completed_successfully`" {
        /// It runs.
        "service_started" => Started,
        /// It is healthy.
        "service_healthy" => Healthy,
        /// It ended well.
        "service_completed_successfully" => Completed,
    }
}
