//! Carrying out a plan, as a pure reducer: `step(state, event) -> (state, commands)`.
//!
//! It decides what comes next and does nothing itself. Whoever runs the commands reports how each ended; every command
//! but [`Command::Cancel`] and [`Command::Finish`] ends exactly once. The rules:
//!
//! - Every host passes its preflight and has images and deployment staged before the first one switches.
//! - At most `max_in_flight` hosts are between apply and confirm or revert at any time.
//! - A host that fails goes back alone; past `max_failures`, every host of this rollout goes back, the last one first.
//! - The first interrupt takes the batch in hand back and stops; hosts of earlier batches keep what they confirmed.
//! - The second interrupt, or a lost lease, ends it at once: what is in flight is left to the hosts' guards.
//! - The lock is given back whatever happened.

mod prepare;
mod state;
mod stop;
mod switch;
mod value;

#[cfg(test)]
mod tests;

pub use state::State;
pub use value::{Cause, Command, Event, Failed, Left, Outcome, Side};
