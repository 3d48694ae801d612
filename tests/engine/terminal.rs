//! What a person sees: longshore on a terminal whose screen is read, and in the log of a runner.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags, open};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::stack::Stack;

/// A test that prints what a terminal would obey, and a service that goes on printing beside it.
const TALKING: &str = r#"
  db:
    image: NAME-base
    command: [sh, -c, "echo open for connections; sleep 2; echo still here; sleep 60"]
  test:
    image: NAME-base
    command: [sh, -c, "printf '\\033[2J\\033[31mbegun\\033[0m\\n##[error]injected\\n::error::injected\\n'; sleep 4; exit CODE"]
    depends_on: [db]
"#;

/// A terminal with longshore on it.
struct Terminal {
    child: Child,
    screen: Arc<Mutex<vt100::Parser>>,
    reader: JoinHandle<()>,
    /// Open until longshore has ended, so that what it wrote last is read.
    slave: OwnedFd,
}

impl Terminal {
    fn run(stack: &Stack, arguments: &[&str], (rows, columns): (u16, u16)) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let slave = open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
        let size = Winsize {
            ws_row: rows,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&slave, size).unwrap();
        let stdio = || Stdio::from(slave.try_clone().unwrap());
        let mut command = stack.command(arguments);
        command.stdin(stdio()).stdout(stdio()).stderr(stdio());
        command.env("TERM", "xterm").env_remove("NO_COLOR");
        let child = command.spawn().unwrap();
        let screen = Arc::new(Mutex::new(vt100::Parser::new(
            rows.try_into().unwrap(),
            columns.try_into().unwrap(),
            1000,
        )));
        let shown = Arc::clone(&screen);
        let reader = std::thread::spawn(move || {
            let mut master = File::from(master);
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = master.read(&mut bytes) {
                shown.lock().unwrap().process(&bytes[..count]);
            }
        });
        Self {
            child,
            screen,
            reader,
            slave,
        }
    }

    fn text(&self) -> String {
        self.screen.lock().unwrap().screen().contents()
    }

    /// Waits until the screen shows all of these at once.
    #[track_caller]
    fn shows(&self, texts: &[&str]) -> String {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            let text = self.text();
            if texts.iter().all(|wanted| text.contains(wanted)) {
                return text;
            }
            assert!(Instant::now() < until, "{texts:?} is not on:\n{text}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits for the end; returns the exit code and what is on the screen then.
    fn end(mut self) -> (i32, String) {
        let code = self.child.wait().unwrap().code().unwrap();
        drop(self.slave);
        self.reader.join().unwrap();
        let text = self.screen.lock().unwrap().screen().contents();
        (code, text)
    }
}

#[test]
fn a_terminal_shows_what_runs_and_keeps_what_came_of_it() {
    let stack = Stack::new("terminal", &TALKING.replace("CODE", "0"));
    let terminal = Terminal::run(&stack, &["test"], (12, 70));
    let text = terminal.shows(&["✓ db", "still here", "running  ::error::injected"]);
    let line = |start: &str| {
        let line = text.lines().find(|line| line.trim_start().contains(start));
        line.unwrap_or_else(|| panic!("no {start} in:\n{text}"))
    };
    assert!(line("test test").contains("running"), "{text}");
    assert!(line("✓ db").starts_with("  ✓ db"), "{text}");
    let (code, text) = terminal.end();
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("✓ test test"), "{text}");
    for gone in ["still here", "begun", "running", "⠋", "⠸"] {
        assert!(!text.contains(gone), "{gone:?} is left on:\n{text}");
    }
    let log = stack.log("test", "db");
    assert!(log.contains("Z open for connections\n") && log.contains("Z still here\n"));
}

#[test]
fn an_interrupted_terminal_is_left_in_order() {
    let stack = Stack::new("terminal-interrupted", &TALKING.replace("CODE", "0"));
    let terminal = Terminal::run(&stack, &["test"], (12, 70));
    terminal.shows(&["✓ db", "running"]);
    kill_process(Pid::from_child(&terminal.child), Signal::INT).unwrap();
    let (code, text) = terminal.end();
    assert_eq!(code, 130, "{text}");
    assert!(
        text.contains("- test test") && text.contains("cancelled"),
        "{text}"
    );
    assert!(text.contains("error: interrupted"), "{text}");
    assert!(!text.contains("✓ db"), "{text}");
    assert_eq!(stack.left(), []);
}

#[test]
fn a_runner_gets_groups_and_no_command_of_a_container() {
    let stack = Stack::new("runner", &TALKING.replace("CODE", "3"));
    let mut command = stack.command(&["test"]);
    let ended = command.env("GITHUB_ACTIONS", "true").output().unwrap();
    assert_eq!(ended.status.code(), Some(1));
    let told = String::from_utf8(ended.stderr).unwrap();
    let plain = console::strip_ansi_codes(&told);
    let (group, rest) = plain
        .split_once("::group::✗ test test")
        .and_then(|(_, rest)| rest.split_once("::endgroup::\n"))
        .unwrap_or_else(|| panic!("{plain}"));
    assert!(group.contains("test test | db"), "{group}");
    assert!(group.contains("| still here\n"), "{group}");
    assert!(
        rest.contains("::error title=test test::exit code 3\n"),
        "{rest}"
    );
    let printed = String::from_utf8(ended.stdout).unwrap();
    for line in plain.lines().chain(printed.lines()) {
        assert!(!line.trim_start().starts_with("::error::"), "{line}");
        assert!(!line.contains("##["), "{line}");
    }
}
