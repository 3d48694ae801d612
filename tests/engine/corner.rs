//! Much at once: a log of a gigabyte, and twenty tests on whatever processors there are.

use std::fs;
use std::time::Duration;

use crate::stack::Stack;

/// What longshore may take while it keeps a log of any size, in KiB.
const MEMORY: u64 = 150 * 1024;

#[test]
fn a_log_of_a_gigabyte_is_kept_whole_in_little_memory() {
    let stack = Stack::new(
        "long-log",
        r#"
  test:
    image: NAME-base
    command:
      - sh
      - -c
      - |
        line=0123456789; for i in 1 2 3 4 5 6; do line=$$line$$line; done
        yes $$line$$line$$line | head -c 1073741824
        echo; echo the end; exit 3
"#,
    );
    let child = stack.start(&["test"]);
    let status = format!("/proc/{}/status", child.id());
    let mut most = 0;
    // A zombie has no memory any more.
    while let Some(now) = fs::read_to_string(&status).ok().as_deref().and_then(peak) {
        most = now.max(most);
        std::thread::sleep(Duration::from_millis(100));
    }
    child.wait().expect(1).says("exit code 3").says("| the end");
    assert!(most > 0 && most < MEMORY, "{most} KiB");
    let log = stack.log_path("test", "test");
    assert!(fs::metadata(&log).unwrap().len() > 1 << 30);
    assert_eq!(stack.left(), []);
}

fn peak(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

#[test]
fn twenty_tests_at_once_do_not_disturb_each_other() {
    let stack = Stack::new(
        "twenty",
        r#"
  db: {image: NAME-base, command: [nc, -ll, -p, "80", -e, hostname], healthcheck: {test: "nc 127.0.0.1 80 </dev/null", interval: 500ms, start_period: 60s}}
  t: {image: NAME-base, command: [sh, -ec, "nc db 80 </dev/null"], depends_on: {db: {condition: service_healthy}}}
"#,
    );
    let tests: String = (0..20)
        .map(|number| format!("  t{number}: {{service: t}}\n"))
        .collect();
    stack.write(
        "longshore.yaml",
        &format!("cluster: compose.yaml\ntests:\n{tests}"),
    );
    stack
        .run(&["test", "--jobs", "20"])
        .expect(0)
        .says("20 green, 0 red");
    assert_eq!(stack.left(), []);
}
