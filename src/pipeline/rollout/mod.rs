//! Rolling a release out: survey the hosts, plan, and carry the plan out.
//!
//! What is decided is decided in `domain::plan`; here it is asked, shipped, switched, watched and recorded.

mod carry_out;
mod error;
mod fitness;
mod gate;
mod job;
mod link;
mod lock;
mod prepare;
mod probe;
mod steps;
mod survey;
mod verbs;
mod words;

pub use carry_out::Stops;
pub use error::RolloutError;
pub(super) use error::environments;
pub use link::Link;
pub use prepare::{Prepared, Target, known, look, prepare, prepare_back};
pub use survey::{Survey, survey};
