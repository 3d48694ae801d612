//! The stages: read, plan, carry out, record. One file each, all telling what they do as events.

mod events;
pub mod lab;
pub mod project;
pub mod read;
pub mod rollout;

pub use events::{Events, Running};
