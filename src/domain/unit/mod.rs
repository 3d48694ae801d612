//! What a host is given: typed units, rendered through `templates/`, with escaping in one place.

mod assets;
mod container;
mod draft;
mod error;
mod escape;
mod health;
mod names;
mod options;
mod order;
mod parts;
mod render;
mod script;
mod tree;
mod units;

pub use error::RenderError;
pub use escape::EscapeError;
pub use order::dependencies;
pub use parts::{Aspect, Parts};
pub use render::{RenderInput, render};
pub use tree::{Instance, Kind, Listed, Scope, Tree, UnitName};

#[cfg(test)]
mod tests;
