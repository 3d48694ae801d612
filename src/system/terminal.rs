//! The terminal's own behaviour while longshore draws on it. What is drawn is not decided here.

use std::io;

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

/// Keeps the terminal from showing `^C` where it would disturb what is drawn, until dropped.
#[derive(Debug)]
pub struct Undisturbed {
    before: Option<Termios>,
}

impl Undisturbed {
    /// Begins on the terminal that standard error is; without one nothing happens.
    #[must_use]
    pub fn begin() -> Self {
        let Ok(before) = tcgetattr(io::stderr()) else {
            return Self { before: None };
        };
        let mut during = before.clone();
        during.local_modes.remove(LocalModes::ECHOCTL);
        // A terminal that refuses shows the sign: no more than a blemish.
        let _ = tcsetattr(io::stderr(), OptionalActions::Now, &during);
        Self {
            before: Some(before),
        }
    }
}

impl Drop for Undisturbed {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            let _ = tcsetattr(io::stderr(), OptionalActions::Now, before);
        }
    }
}
