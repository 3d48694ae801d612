//! What a host is given: typed units, rendered through `templates/`, with escaping in one place.

mod tree;

pub use tree::{Instance, Kind, Listed, Scope, Tree, UnitName};
