//! Building, testing and cleaning up on a real engine, by the program a person runs.
//!
//! Needs an engine and `/bin/busybox` linked statically (Debian: `busybox-static`); fails without them. Every stack is
//! built from scratch, so no registry is asked.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test may panic, run programs and touch files"
)]

mod building;
mod cancel;
mod cleaning;
mod connecting;
mod contexts;
mod corner;
mod engines;
mod isolation;
#[expect(dead_code, reason = "other test programs use the rest")]
#[path = "../common/lab.rs"]
mod lab;
mod large;
mod leases;
mod matrix;
mod pushing;
mod remote;
mod results;
mod secrets;
mod several;
mod stack;
mod steps;
mod terminal;
mod testing;
