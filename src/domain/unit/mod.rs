//! What a host is given: typed units, rendered through `templates/`, with escaping in one place.

mod parts;
mod tree;

pub use parts::{Aspect, Parts};
pub use tree::{Instance, Kind, Listed, Scope, Tree, UnitName};
