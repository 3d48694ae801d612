//! From what hosts run to what they are to run: the rollout as a value that is shown before anything happens.
//!
//! Nothing is decided later that is not in the [`Plan`]: carrying it out is the reducer's work, which only knows it.

mod back;
mod change;
mod explain;
mod host;
mod planner;
mod value;

#[cfg(test)]
mod tests;

pub use back::{BackInput, NoWayBack, back};
pub use planner::{PlanError, PlanInput, fingerprint, plan};
pub use value::{
    Action, Blocker, Change, HostPlan, Leftover, Note, Plan, Reason, Refused, VariableChange,
};
