//! The stages: read, plan, carry out, record. One file each, all telling what they do as events.

pub mod build;
mod events;
pub mod fleet;
pub mod init;
pub mod lab;
pub mod lease;
pub mod project;
pub mod prune;
pub mod push;
pub mod read;
pub mod reap;
pub mod release;
pub mod rollout;
pub mod secrets;
pub mod test;
mod tools;
pub mod units;

pub use events::{Events, Listener, Running};
pub use tools::Tools;
