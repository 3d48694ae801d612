//! The only folder that touches the machine: engine, SSH, checkout, store, clock, processes.
//!
//! Nothing is decided here. Each part offers effects as verbs on values of [`crate::domain`] and says precisely what
//! failed and where.
#![expect(
    clippy::disallowed_methods,
    reason = "this is the layer that the ban protects"
)]

pub mod blobs;
pub mod checkout;
pub mod clock;
pub mod docker_config;
pub mod engine;
pub mod environment;
pub mod files;
pub mod folder;
pub mod lab;
pub mod loader;
pub mod login;
pub mod process;
pub mod ssh;
pub mod store;
pub mod terminal;
