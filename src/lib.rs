//! longshore takes a container stack from commit to CoreOS.
//!
//! It reads the cluster definition that a repository has, builds the images in dependency order, tests them together
//! with the containers they are linked to, records which image digests are green, renders unit files, and rolls exactly
//! those digests out over SSH. Two promises rule every line: what runs is byte for byte what passed its tests, and no
//! failure at any instant leaves a host between two deployments.
//!
//! # The journey
//!
//! ```text
//! files ─ definition ─ cluster ─ graph ─ plan ─▶ build ─▶ test ─ green ─ release ─ units ─ plan ─ (shown) ─▶ rollout ─▶ ledger
//! ```
//!
//! Every `─` is a pure function on values and lives in [`domain`]; only `▶` touches the world, through [`system`].
//! [`pipeline`] puts them in order, one file per stage, and tells what happens as events; [`cli`] shows the events.
//! Where a pure part needs a file or a decision on the way, it asks for it as a value and is called again with it.
//!
//! # The layer law
//!
//! Imports point down only: `cli → pipeline → system → domain`, and inside the domain
//! `plan, invocation → unit, graph, ledger, inventory → cluster → definition → name`.
//! `tests/layers.rs` and clippy's `disallowed_methods` keep it so.

// Samples under tests/ are used by unit tests too, and name the crate as integration tests do.
#[cfg(test)]
extern crate self as longshore;

pub mod cli;
pub mod domain;
pub mod pipeline;
pub mod system;
