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
mod cleaning;
mod contexts;
mod isolation;
mod large;
mod matrix;
mod results;
mod stack;
mod steps;
mod terminal;
mod testing;
