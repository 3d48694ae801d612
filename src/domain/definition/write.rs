//! Typed values written out again, in their long form: what `longshore config` prints.

use serde_json::{Map, Value as Json, json};

use super::place::Spanned;
use super::reader::Mapping;

/// A value that can be written out.
pub trait Write {
    /// Returns its long form; nothing if it says nothing that is not so anyway.
    fn write(&self) -> Option<Json>;
}

impl<T: Write> Write for Spanned<T> {
    fn write(&self) -> Option<Json> {
        self.value.write()
    }
}

impl<T: Write> Write for Box<T> {
    fn write(&self) -> Option<Json> {
        T::write(self)
    }
}

impl<T: Write> Write for Vec<Spanned<T>> {
    fn write(&self) -> Option<Json> {
        let items: Vec<_> = self.iter().filter_map(Write::write).collect();
        (!items.is_empty()).then(|| json!(items))
    }
}

impl<T: Write> Write for Mapping<T> {
    /// A name says something by being there, whatever stands under it.
    fn write(&self) -> Option<Json> {
        let entries = self.0.iter();
        let entries: Map<_, _> = entries
            .map(|(name, named)| (name.clone(), named.value.write().unwrap_or(Json::Null)))
            .collect();
        (!entries.is_empty()).then_some(Json::Object(entries))
    }
}

impl Write for String {
    fn write(&self) -> Option<Json> {
        (!self.is_empty()).then(|| json!(self))
    }
}

impl Write for bool {
    fn write(&self) -> Option<Json> {
        self.then_some(Json::Bool(true))
    }
}

impl Write for u16 {
    fn write(&self) -> Option<Json> {
        Some(json!(self))
    }
}

impl Write for u32 {
    fn write(&self) -> Option<Json> {
        Some(json!(self))
    }
}
