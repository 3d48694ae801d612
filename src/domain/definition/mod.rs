//! The files as written, with positions; one importer per format.
//!
//! [`Loader`] finds out which files there are and reads them: YAML with places, variables filled in, several files
//! merged. What the values mean, and whether the names in them exist, is for `cluster::resolve` to say.

pub mod compose;
pub mod dockerfile;
pub mod dotenv;
mod import;
mod interpolate;
mod loader;
mod login;
pub mod matrix;
mod normal;
mod path;
mod place;
mod problem;
mod reader;
mod report;
mod resolved;
mod schema;
pub mod settings;
pub mod steps;
mod template;
mod values;
mod write;
pub mod yaml;

pub use import::Format;
pub use interpolate::Use;
pub use loader::{Content, Definition, Foreign, Loader, Name, Reading, Request, Step, source};
pub use path::{join, shown};
pub use place::{At, How, Place, Position, Source, Spanned, Via};
pub use problem::{Problem, Problems, Severity, for_programs, nearest, sorted};
pub use reader::{Extension, Mapping, Named, Record};
pub use report::all as report;
pub use schema::schema;
pub use values::{
    Context, FilePath, Hosts, Labels, Mode, OneOrMore, Options, Pair, Pairs, Period, Real, Said,
    Size, TextSize, Texts, Unique, Whole, Words, period_written,
};
pub use write::Write;
