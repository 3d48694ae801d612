//! The normal form in which two projects are compared.

use serde_json::{Map, Value};

/// Keys whose entries say something by being there, though they are null.
const NAMED: &[&str] = &["environment", "networks"];

/// Brings a project to it: what says nothing is left out, numbers are numbers however they are written, and extensions
/// are nobody's business.
pub fn normal(project: Value) -> Value {
    within(project, "")
}

fn within(value: Value, key: &str) -> Value {
    match value {
        Value::Object(fields) => {
            let fields = fields
                .into_iter()
                .filter(|(name, _)| !name.starts_with("x-"))
                .map(|(name, value)| {
                    let value = within(value, &name);
                    (name, value)
                })
                .filter(|(_, value)| !value.is_null() || NAMED.contains(&key));
            let fields: Map<_, _> = fields.collect();
            if fields.is_empty() {
                Value::Null
            } else {
                Value::Object(fields)
            }
        }
        Value::Array(items) if items.is_empty() => Value::Null,
        Value::Array(items) => items.into_iter().map(|item| within(item, "")).collect(),
        Value::Number(number) => match number.as_f64() {
            Some(number) => Value::from(number),
            None => Value::Number(number),
        },
        Value::Null | Value::Bool(_) | Value::String(_) => value,
    }
}

/// Tells paths as a folder sees them, as we do, and takes `$$` for the `$` that it stands for.
pub fn with_paths_from(value: Value, folder: &str) -> Value {
    match value {
        Value::Object(fields) => fields
            .into_iter()
            .map(|(key, value)| (key.replace("$$", "$"), with_paths_from(value, folder)))
            .collect(),
        Value::Array(items) => items
            .into_iter()
            .map(|item| with_paths_from(item, folder))
            .collect(),
        Value::String(text) => {
            let text = text.replace("$$", "$");
            let rest = text.strip_prefix(folder);
            Value::String(match rest {
                Some("") => ".".to_owned(),
                Some(rest) if rest.starts_with('/') => format!(".{rest}"),
                Some(_) | None => text,
            })
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value,
    }
}
