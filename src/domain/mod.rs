//! The pure part: values and questions about them.
//!
//! Nothing here reads a file, a clock, the environment or a socket, nothing is `async`, and maps are ordered, so the
//! same input always gives the same bytes. Where a decision needs something from outside it asks for it as a value.

pub mod cluster;
pub mod definition;
pub mod event;
pub mod failure;
pub mod graph;
pub mod inventory;
pub mod invocation;
pub mod ledger;
pub mod line;
pub mod mask;
pub mod name;
pub mod plan;
pub mod results;
pub mod unit;

#[cfg(test)]
#[path = "../../tests/sample/mod.rs"]
pub mod sample;
