//! The terminal's own behaviour while longshore draws on it. What is drawn is not decided here.

use std::io;
use std::os::fd::AsFd;

use rustix::io::Errno;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

/// Returns the columns and rows of the terminal that standard error is; one that does not say has 80 and 24.
#[must_use]
pub fn size() -> (usize, usize) {
    match tcgetwinsize(io::stderr()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col.into(), size.ws_row.into()),
        Ok(_) | Err(_) => (80, 24),
    }
}

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

/// Reads a line that is not shown, from its first key to Enter. None if the person ends it with Ctrl-C or Ctrl-D, or the
/// terminal goes away.
pub fn read_hidden(terminal: impl AsFd) -> Option<String> {
    let before = tcgetattr(&terminal).ok()?;
    let mut during = before.clone();
    // Ctrl-C is read here: as a signal it would be somebody else's, while this goes on waiting for a key.
    during
        .local_modes
        .remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
    tcsetattr(&terminal, OptionalActions::Now, &during).ok()?;
    let line = keys(&terminal);
    // The terminal was there a moment ago; if it is gone, nobody misses what it showed.
    let _ = tcsetattr(&terminal, OptionalActions::Now, &before);
    String::from_utf8(line?).ok()
}

fn keys(terminal: impl AsFd) -> Option<Vec<u8>> {
    const CTRL_C: u8 = 3;
    const CTRL_D: u8 = 4;
    const CTRL_U: u8 = 21;
    let mut line = Vec::new();
    loop {
        let mut key = [0];
        match rustix::io::read(&terminal, &mut key) {
            Ok(1) => {}
            Err(Errno::INTR) => continue,
            Ok(_) | Err(_) => return None,
        }
        match key[0] {
            b'\r' | b'\n' => return Some(line),
            CTRL_C | CTRL_D => return None,
            CTRL_U => line.clear(),
            0x7f | 0x08 => {
                let last = line.iter().rposition(|byte| byte & 0xc0 != 0x80);
                line.truncate(last.unwrap_or(0));
            }
            byte => line.push(byte),
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

#[cfg(test)]
mod tests {
    use std::os::fd::OwnedFd;

    use rustix::fs::{Mode, OFlags, open};
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

    use super::*;

    /// A terminal: the side of the person, and that of the program.
    fn pair() -> (OwnedFd, OwnedFd) {
        let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&person).unwrap();
        unlockpt(&person).unwrap();
        let name = ptsname(&person, Vec::new()).unwrap();
        let program = open(
            name.as_c_str(),
            OFlags::RDWR | OFlags::NOCTTY,
            Mode::empty(),
        )
        .unwrap();
        (person, program)
    }

    #[test]
    fn reads_keys_without_showing_them() {
        for (keys, line) in [
            (&b"s3cret\r"[..], Some("s3cret")),
            (b"no\x15yes\r", Some("yes")),
            (b"a\xc3\xa4\x7f\x7f\x7fb\r", Some("b")),
            (b"\r", Some("")),
            (b"half\x03", None),
            (b"\x04", None),
        ] {
            let (person, program) = pair();
            let before = tcgetattr(&program).unwrap();
            let typed = std::thread::spawn(move || {
                // Typed only once nothing is shown any more.
                while tcgetattr(&person)
                    .unwrap()
                    .local_modes
                    .contains(LocalModes::ECHO)
                {
                    std::thread::yield_now();
                }
                rustix::io::write(&person, keys).unwrap();
                person
            });
            assert_eq!(read_hidden(&program).as_deref(), line, "{keys:?}");
            assert_eq!(tcgetattr(&program).unwrap().local_modes, before.local_modes);
            // What a program shows after it is the first thing to be seen.
            let person = typed.join().unwrap();
            rustix::io::write(&program, b"!").unwrap();
            let mut shown = [0; 8];
            let count = rustix::io::read(&person, &mut shown).unwrap();
            assert_eq!(&shown[..count], b"!");
        }
    }
}
