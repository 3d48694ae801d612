//! From nodes to typed values: what is expected where, and what is said if something else stands there.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::place::{At, Place, Spanned};
use super::problem::{Problem, Problems};
use super::yaml::{Entry, Node, Value};

/// A type that a value of a definition can have.
pub trait Read: Sized {
    /// Whether nothing (`key:`) is a value of it. For other types nothing means that the key was not written.
    const NULLABLE: bool = false;

    /// Reads a node. None after a problem was told.
    fn read(node: &Node, reader: &mut Reader) -> Option<Self>;
}

/// A mapping with keys of its own.
pub trait Record {
    /// Returns the keys that were written, and where.
    fn written(&self) -> Vec<(&'static str, &At)>;
}

/// A key that nothing reads (`x-…`): where it stands, and what it says.
#[derive(Debug, Clone, PartialEq)]
pub struct Extension {
    /// The keys on the way to it, and its own.
    pub trail: Vec<String>,
    /// What stands there.
    pub value: Json,
}

/// What paths in files are relative to.
#[derive(Debug, Clone, Default)]
pub struct Folders {
    /// For files that are not named below.
    pub base: String,
    /// By the file that says the path.
    pub files: BTreeMap<String, String>,
    /// What `~` stands for.
    pub home: Option<String>,
}

/// The place of reading, and what was found so far.
#[derive(Debug, Default)]
pub struct Reader {
    trail: Vec<String>,
    folders: Folders,
    /// Whether a number is no text.
    strict: bool,
    /// What was wrong.
    pub problems: Vec<Problem>,
    /// Extensions (`x-…`), by where they stand.
    pub extensions: Vec<Extension>,
    /// What short forms stood for beside themselves, such as ranges of ports, in bytes.
    pub expanded: usize,
}

impl Reader {
    /// Begins with a Compose file, whose schema takes no number for a text, and with paths relative to these folders.
    #[must_use]
    pub fn new(folders: Folders) -> Self {
        Self {
            folders,
            strict: true,
            ..Self::default()
        }
    }

    /// Returns what a path that is written there is relative to.
    #[must_use]
    pub fn folder(&self, place: &Place) -> &str {
        let folder = self.folders.files.get(place.path());
        folder.unwrap_or(&self.folders.base)
    }

    /// Returns what `~` stands for.
    #[must_use]
    pub fn home(&self) -> Option<&str> {
        self.folders.home.as_deref()
    }

    /// Reads something that lies one step deeper, for example under a key.
    pub fn within<T>(&mut self, step: impl Into<String>, read: impl FnOnce(&mut Self) -> T) -> T {
        self.trail.push(step.into());
        let result = read(self);
        self.trail.pop();
        result
    }

    /// Returns where reading is, for example `services.web.ports`.
    #[must_use]
    pub fn trail(&self) -> String {
        if self.trail.is_empty() {
            "the file".to_owned()
        } else {
            self.trail.join(".").replace(".[", "[")
        }
    }

    /// Reads the value of a key into its slot.
    pub fn field<T: Read>(&mut self, entry: &Entry, slot: &mut Option<Spanned<T>>) {
        if entry.value.is_null() && !T::NULLABLE {
            return;
        }
        let read = |reader: &mut Self| T::read(&entry.value, reader);
        if let Some(value) = self.within(&entry.key.text, read) {
            // What has no text of its own (`key:`) is shown at its key.
            let at = if entry.value.is_null() {
                &entry.key.at
            } else {
                &entry.value.at
            };
            *slot = Some(Spanned::new(value, at.clone()));
        }
    }

    /// Returns the entries of a mapping.
    pub fn map<'n>(&mut self, node: &'n Node, expected: &str) -> Option<&'n [Entry]> {
        match &node.value {
            Value::Map(entries) => Some(entries),
            Value::Scalar(_) | Value::List(_) => self.wrong(node, expected),
        }
    }

    /// Returns the items of a list.
    pub fn list<'n>(&mut self, node: &'n Node, expected: &str) -> Option<&'n [Node]> {
        match &node.value {
            Value::List(items) => Some(items),
            Value::Scalar(_) | Value::Map(_) => self.wrong(node, expected),
        }
    }

    /// Returns the text of a scalar that is a text, and in a Compose file neither a number nor true or false.
    pub fn text<'n>(&mut self, node: &'n Node, expected: &str) -> Option<&'n str> {
        match &node.value {
            Value::Scalar(scalar) if self.strict && (scalar.is_bool() || scalar.is_number()) => {
                let help = format!("put it in quotes: `\"{}\"`", scalar.text);
                let wrong = self.wrong(node, expected);
                if let Some(problem) = self.problems.last_mut() {
                    problem.help.push(help);
                }
                wrong
            }
            Value::Scalar(_) | Value::List(_) | Value::Map(_) => self.loose(node, expected),
        }
    }

    /// Returns the text of a scalar, numbers and the like as written.
    pub fn loose<'n>(&mut self, node: &'n Node, expected: &str) -> Option<&'n str> {
        match &node.value {
            Value::Scalar(scalar) if scalar.text.contains('\0') => self.invalid(
                &node.at,
                "no program takes a NUL character",
                "a text without NUL",
            ),
            Value::Scalar(scalar) if !scalar.is_null() => Some(&scalar.text),
            Value::Scalar(_) | Value::List(_) | Value::Map(_) => self.wrong(node, expected),
        }
    }

    /// Reads each item of a list, with its place.
    pub fn items<T: Read>(&mut self, items: &[Node]) -> Vec<Spanned<T>> {
        let mut result = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let value = self.within(format!("[{index}]"), |reader| T::read(item, reader));
            result.extend(value.map(|value| Spanned::new(value, item.at.clone())));
        }
        result
    }

    /// Tells whether as much was told as is ever shown: what a file of a megabyte holds beside that takes memory only.
    pub fn has_told_enough(&self) -> bool {
        self.problems.len() > Problems::MOST
    }

    /// Tells that something else was expected here.
    pub fn wrong<T>(&mut self, node: &Node, expected: &str) -> Option<T> {
        if self.has_told_enough() {
            return None;
        }
        let message = format!("{} has the wrong type", self.trail());
        let label = format!("expected {expected}, found {}", node.kind());
        self.problems
            .push(Problem::error("wrong-type", message).at(&node.at, label));
        None
    }

    /// Tells that a value of the right type is not one that can be.
    pub fn invalid<T>(&mut self, at: &At, why: &str, expected: &str) -> Option<T> {
        if self.has_told_enough() {
            return None;
        }
        let message = format!("{}: {why}", self.trail());
        let label = format!("expected {expected}");
        self.problems
            .push(Problem::error("invalid-value", message).at(at, label));
        None
    }

    /// Tells that a key means nothing here, unless it is an extension (`x-…`).
    pub fn unknown(&mut self, entry: &Entry, known: &[&str]) {
        let key = &entry.key;
        if key.text.starts_with("x-") {
            let trail = self.trail.iter().chain([&key.text]).cloned().collect();
            let value = entry.value.json();
            self.extensions.push(Extension { trail, value });
            return;
        }
        if self.has_told_enough() {
            return;
        }
        let message = format!("unknown key `{}` in {}", key.text, self.trail());
        let problem = Problem::error("unknown-key", message)
            .at(&key.at, "no such key")
            .did_you_mean(&key.text, known.iter().copied());
        self.problems.push(problem);
    }
}

/// A mapping from names that the definition chooses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping<T>(pub BTreeMap<String, Box<Named<T>>>);

/// What stands under a name that the definition chooses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named<T> {
    /// Where the name was written.
    pub key: At,
    /// The value.
    pub value: T,
    /// Where the value was written.
    pub at: At,
}

impl<T> Default for Mapping<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T: Read> Read for Mapping<T> {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let mut result = BTreeMap::new();
        for Entry { key, value: node } in reader.map(node, "a mapping")? {
            let value = reader.within(&key.text, |reader| {
                if node.is_null() && !T::NULLABLE {
                    let place = Node {
                        at: key.at.clone(),
                        tag: None,
                        value: node.value.clone(),
                    };
                    return reader.wrong(&place, "a value");
                }
                T::read(node, reader)
            });
            let Some(value) = value else { continue };
            let (key_at, at) = (key.at.clone(), node.at.clone());
            result.insert(
                key.text.clone(),
                // A service has room for every key, and a tree of them leaves room for as many more.
                Box::new(Named {
                    key: key_at,
                    value,
                    at,
                }),
            );
        }
        Some(Self(result))
    }
}

impl<T: Read> Read for Vec<Spanned<T>> {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let items = reader.list(node, "a list")?;
        Some(reader.items(items))
    }
}

impl<T: Read> Read for Box<T> {
    const NULLABLE: bool = T::NULLABLE;

    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        T::read(node, reader).map(Self::new)
    }
}

impl Read for String {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        reader.text(node, "a text").map(str::to_owned)
    }
}

impl Read for bool {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        match &node.value {
            Value::Scalar(scalar) if scalar.as_bool().is_some() => scalar.as_bool(),
            Value::Scalar(_) | Value::List(_) | Value::Map(_) => {
                reader.wrong(node, "true or false")
            }
        }
    }
}

macro_rules! number {
    ($type:ty, $expected:literal) => {
        impl Read for $type {
            fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
                let text = reader.loose(node, $expected)?;
                match text.parse() {
                    Ok(number) => Some(number),
                    Err(_) if text.parse::<f64>().is_ok() => {
                        reader.invalid(&node.at, "the number does not fit", $expected)
                    }
                    Err(_) => reader.wrong(node, $expected),
                }
            }
        }
    };
}

number!(u16, "a whole number from 0 to 65535");
number!(u32, "a whole number from 0 to 4294967295");

/// Makes a struct of optional keys, read and written key by key. Adding a key is adding a line.
///
/// `manual` leaves [`Read`] to be written by hand on top of `read_keys`; `nullable` takes nothing for a mapping without
/// keys.
macro_rules! record {
    (
        $(#[$meta:meta])*
        $kind:ident struct $name:ident { $($(#[$about:meta])* $key:ident: $type:ty,)* }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Default, PartialEq, Eq)]
        pub struct $name { $($(#[$about])* pub $key: Option<$crate::domain::definition::Spanned<$type>>,)* }

        impl $name {
            /// The keys it has.
            pub const KEYS: &[&str] = &[$($crate::domain::definition::reader::unraw(stringify!($key))),*];

            fn read_keys(
                node: &$crate::domain::definition::yaml::Node,
                reader: &mut $crate::domain::definition::reader::Reader,
            ) -> Option<Self> {
                use $crate::domain::definition::reader::unraw;
                let mut this = Self::default();
                for entry in reader.map(node, "a mapping")? {
                    match entry.key.text.as_str() {
                        $(key if key == unraw(stringify!($key)) => reader.field(entry, &mut this.$key),)*
                        _ => reader.unknown(entry, Self::KEYS),
                    }
                }
                Some(this)
            }
        }

        impl $crate::domain::definition::Record for $name {
            fn written(&self) -> Vec<(&'static str, &$crate::domain::definition::At)> {
                use $crate::domain::definition::reader::unraw;
                let mut keys = Vec::new();
                $(keys.extend(self.$key.as_ref().map(|value| (unraw(stringify!($key)), &value.at)));)*
                keys
            }
        }

        impl $crate::domain::definition::write::Write for $name {
            fn write(&self) -> Option<serde_json::Value> {
                use $crate::domain::definition::{reader::unraw, write::Write};
                let mut fields = serde_json::Map::new();
                $(if let Some(value) = self.$key.as_ref().and_then(Write::write) {
                    fields.insert(unraw(stringify!($key)).to_owned(), value);
                })*
                (!fields.is_empty()).then_some(serde_json::Value::Object(fields))
            }
        }

        $crate::domain::definition::reader::record!(@ $kind $name);
    };
    (@ manual $name:ident) => {};
    (@ plain $name:ident) => { $crate::domain::definition::reader::record!(@@ $name false); };
    (@ nullable $name:ident) => { $crate::domain::definition::reader::record!(@@ $name true); };
    (@@ $name:ident $nullable:literal) => {
        impl $crate::domain::definition::reader::Read for $name {
            const NULLABLE: bool = $nullable;

            fn read(
                node: &$crate::domain::definition::yaml::Node,
                reader: &mut $crate::domain::definition::reader::Reader,
            ) -> Option<Self> {
                if Self::NULLABLE && node.is_null() {
                    return Some(Self::default());
                }
                Self::read_keys(node, reader)
            }
        }
    };
}
pub(crate) use record;

/// Makes an enum of words, with what was probably meant for any other.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident, $expected:literal { $($(#[$about:meta])* $word:literal => $variant:ident,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[$about])* $variant,)* }

        impl $name {
            /// The words it has.
            pub const WORDS: &[&str] = &[$($word),*];
        }

        impl $crate::domain::definition::reader::Read for $name {
            fn read(
                node: &$crate::domain::definition::yaml::Node,
                reader: &mut $crate::domain::definition::reader::Reader,
            ) -> Option<Self> {
                let text = reader.text(node, $expected)?;
                match text {
                    $($word => Some(Self::$variant),)*
                    _ => {
                        let message = format!("{}: `{text}` is not known", reader.trail());
                        let problem = $crate::domain::definition::Problem::error("invalid-value", message)
                            .at(&node.at, concat!("expected ", $expected))
                            .did_you_mean(text, Self::WORDS.iter().copied());
                        reader.problems.push(problem);
                        None
                    }
                }
            }
        }

        impl $crate::domain::definition::write::Write for $name {
            fn write(&self) -> Option<serde_json::Value> {
                let word = match self { $(Self::$variant => $word,)* };
                Some(serde_json::Value::from(word))
            }
        }
    };
}
pub(crate) use words;

/// Returns a field's name without Rust's mark for words that are its own (`r#type`).
#[must_use]
pub const fn unraw(name: &'static str) -> &'static str {
    match name.as_bytes() {
        [b'r', b'#', ..] => name.split_at(2).1,
        _ => name,
    }
}
