//! Values that both Compose and `longshore.yaml` have, each in all its forms.

mod command;
mod list;
mod number;
mod pairs;
mod path;
mod period;

pub use command::Words;
pub use list::{LooseTexts, OneOrMore, Texts, Unique, once};
pub use number::{Mode, Real, Said, Size, TextSize, Whole};
pub use pairs::{Hosts, Labels, Options, Pair, Pairs};
pub use path::{Context, FilePath};
pub use period::{Period, written as period_written};
