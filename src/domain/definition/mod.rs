//! The files as written, with positions; one importer per format.
//!
//! [`Loader`] finds out which files there are and reads them: YAML with places, variables filled in, several files
//! merged. What the values mean, and whether the names in them exist, is for `cluster::resolve` to say.

pub mod compose;
pub mod dockerfile;
pub mod dotenv;
mod interpolate;
mod loader;
mod path;
mod place;
mod problem;
mod reader;
mod report;
mod schema;
pub mod settings;
mod template;
mod values;
pub mod yaml;

pub use interpolate::Use;
pub use loader::{Content, Definition, Loader, Reading, Request, Step, source};
pub use path::join;
pub use place::{At, Place, Position, Source, Spanned};
pub use problem::{Problem, Problems, Severity, sorted};
pub use reader::{Mapping, Named};
pub use report::all as report;
pub use schema::schema;
pub use values::{Pair, Pairs, Period, Words};
