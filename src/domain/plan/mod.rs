//! Planners: build, test, release, placement, rollout. They decide, and give a reason for each step; nothing is decided
//! while doing.

pub mod build;
pub mod gate;
pub mod images;
pub mod permit;
pub mod placement;
pub mod preflight;
pub mod reducer;
pub mod release;
pub mod rollout;
pub mod select;
pub mod spread;
pub mod status;
pub mod test;
