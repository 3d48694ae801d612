//! A tree written out again: keys in the order they have, texts as texts.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::node::{Node, Scalar, Value};

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.value {
            Value::Scalar(scalar) => scalar.serialize(serializer),
            Value::List(items) => serializer.collect_seq(items),
            Value::Map(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for entry in entries {
                    map.serialize_entry(&entry.key.text, &entry.value)?;
                }
                map.end()
            }
        }
    }
}

impl Serialize for Scalar {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.is_null() {
            return serializer.serialize_unit();
        }
        if self.is_bool() {
            return serializer.serialize_bool(self.as_bool().unwrap_or_default());
        }
        if self.is_number() {
            let number = self.canonical();
            if let Ok(number) = number.parse::<i64>() {
                return serializer.serialize_i64(number);
            }
            if let Ok(number) = number.parse::<f64>() {
                return serializer.serialize_f64(number);
            }
        }
        serializer.serialize_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::super::place::Source;
    use super::super::{Node, parse};

    fn read(text: &str) -> Node {
        let (path, text) = ("a.yaml".to_owned(), text.to_owned());
        parse(&Arc::new(Source { path, text })).0.remove(0)
    }

    #[test]
    fn what_is_written_says_the_same() {
        let text = "z: {b: [1, \"1\", 1.50, yes, \"true\", true, ~, \"~\", '', \"22:22\", 22:22]}\na: \"two\\nlines: - # x\"\nn: \"0x1F\"\n";
        let tree = read(text);
        let written = serde_yaml::to_string(&tree).unwrap();
        let again = read(&written);
        assert_eq!(again.json(), tree.json(), "{written}");
        assert!(written.starts_with("z:"), "{written}");
    }
}
