//! What only a real host can show: SSH as sshd speaks it, and the `switch` script under systemd and Docker.
//!
//! Without an engine these tests fail.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test may panic, and runs programs and reads files"
)]

mod boot;
#[path = "../common/lab.rs"]
#[expect(dead_code, reason = "tests of other programs use the rest")]
mod lab;
mod ssh;
mod support;
mod switch;
