//! The JSON Schema of `longshore.yaml`, made from the types that read it.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema, transform};
use serde_json::{Value, json};

use super::matrix::MatrixEntry;
use super::place::Spanned;
use super::reader::Mapping;
use super::settings::{DriverName, EngineSettings, Engines, Hosts, Mode, Overlay, Settings};
use super::values::{Pairs, Period, Real, Size, Whole, Words};

/// Returns the schema (JSON Schema 2020-12).
#[must_use]
pub fn schema() -> Value {
    let mut schema = schemars::schema_for!(Settings);
    transform::transform_subschemas(&mut extensible, &mut schema);
    extensible(&mut schema);
    schema.insert("title".to_owned(), json!("longshore.yaml"));
    schema.to_value()
}

/// Allows keys that begin with `x-`, as the reader does.
fn extensible(schema: &mut Schema) {
    transform::transform_subschemas(&mut extensible, schema);
    if schema.get("additionalProperties") == Some(&Value::Bool(false)) {
        schema.insert("patternProperties".to_owned(), json!({"^x-": true}));
    }
}

impl<T: JsonSchema> JsonSchema for Spanned<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

impl<T: JsonSchema> JsonSchema for Mapping<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("MappingOf{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let each = generator.subschema_for::<T>();
        json_schema!({"type": "object", "additionalProperties": each})
    }
}

macro_rules! inline {
    ($type:ty, $schema:tt) => {
        impl JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}

inline!(Words, {"type": ["string", "array"], "items": {"type": ["string", "number", "boolean"]}});
inline!(Period, {"type": "string", "pattern": "^([0-9.]+(us|µs|ms|s|m|h))+$", "examples": ["90s", "1m30s"]});
inline!(Real, {"type": ["number", "string"], "minimum": 0, "pattern": "^[0-9.]+$"});
inline!(Size, {"type": ["integer", "string"], "pattern": "^[0-9.]+ ?([kKmMgGtTpP]?i?[bB]?)$", "examples": ["512m", "1.5gb"]});
inline!(Whole, {"type": ["integer", "string"], "pattern": "^-?[0-9]+$"});
inline!(Pairs, {
    "type": ["object", "array"],
    "additionalProperties": {"type": ["string", "number", "boolean"]},
    "items": {"type": "string"}
});
impl JsonSchema for Overlay {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Overlay".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let keys: serde_json::Map<_, _> = Self::KEYS
            .iter()
            .map(|key| ((*key).to_owned(), json!(true)))
            .collect();
        let service = json!({"type": "object", "properties": keys, "additionalProperties": false});
        json_schema!({"type": "object", "additionalProperties": service})
    }
}

impl JsonSchema for Engines {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Engines".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let whole = generator.subschema_for::<EngineSettings>();
        let each = json!({"anyOf": [{"type": "string"}, whole]});
        json_schema!({"anyOf": [
            {"type": "array", "items": each},
            {"type": "object", "additionalProperties": each}
        ]})
    }
}

inline!(Hosts, {"anyOf": [
    {"type": "array", "items": {"type": "string"}},
    {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}}
]});
inline!(MatrixEntry, {
    "type": "object",
    "properties": {
        "include": {"type": "array", "items": {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}}},
        "exclude": {"type": "array", "items": {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}}},
        "released": {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}},
        "fail_fast": {"type": "boolean"}
    },
    "patternProperties": {"^x-": true},
    "additionalProperties": {"type": "array", "items": {"type": ["string", "number", "boolean"]}}
});
inline!(DriverName, {"enum": (DriverName::WORDS)});
inline!(Mode, {"enum": (Mode::WORDS)});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_every_key_and_refuses_others_but_extensions() {
        let schema = schema();
        let keys = schema["properties"]
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str);
        let mut known = Settings::KEYS.to_vec();
        known.sort_unstable();
        assert_eq!(
            keys.collect::<std::collections::BTreeSet<_>>()
                .into_iter()
                .collect::<Vec<_>>(),
            known
        );
        assert_eq!(schema["additionalProperties"], json!(false));
        let entry = &schema["$defs"]["EnvironmentEntry"];
        assert_eq!(entry["additionalProperties"], json!(false));
        assert_eq!(entry["patternProperties"], json!({"^x-": true}));
    }
}
