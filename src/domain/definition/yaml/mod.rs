//! YAML as a tree that still knows what was written: every node with its place, every scalar with its raw text.
//!
//! Serde would lose both: `1.10` becomes 1.1, `22:22` a number, and a value read through an alias forgets where it
//! was used. Types are decided on demand by whoever reads a node, with the rules of YAML 1.2's core schema.

mod node;
mod parse;
mod text;
mod write;

pub use node::{Entry, Key, Node, Scalar, Tag, Value};
pub use parse::{parse, parse_part, parse_text};
pub use text::{LARGEST, text};
