//! Testing.

use crate::stack::{Ended, Stack};

#[test]
fn a_test_meets_its_linked_services_and_is_not_run_again_once_green() {
    let stack = Stack::new(
        "green",
        r#"
  db:
    image: NAME-base
    command: [sh, -c, "test -z \"$$TEST\" && grep -q ours /etc/settings && echo data > /data/x && nc -ll -p 80 -e cat /etc/settings"]
    healthcheck: {test: "nc 127.0.0.1 80 </dev/null", interval: 300ms}
    ports: ["18080:80"]
    volumes: ["data:/data", "./settings:/etc/settings:ro", "./folder:/etc/folder:ro"]
    networks: {default: {aliases: [database]}}
  migrate:
    image: NAME-base
    command: [sh, -c, "test -z \"$$TEST\" && grep -q data /data/x && test -x /f/sub/run && echo done > /data/migrated"]
    volumes: ["data:/data", "./folder:/f:ro"]
    depends_on: {db: {condition: service_healthy}}
  test:
    image: NAME-base
    command: [sh, -ec, "test $$TEST = 1; test -e /data/migrated; for h in db database store; do nc $$h 80 </dev/null | grep ours; done; ! nslookup unknown"]
    volumes: ["data:/data"]
    links: ["db:store"]
    depends_on: {migrate: {condition: service_completed_successfully}}
volumes: {data: {}}
networks: {default: {}}
"#,
    );
    stack.write("settings", "ours");
    stack.write("folder/sub/run", "x");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(stack.path("folder/sub/run"), mode).unwrap();
    stack
        .run(&["test", "--junit", stack.path("junit.xml").to_str().unwrap()])
        .expect(0)
        .says("1 green, 0 red");
    assert_eq!(stack.left(), []);
    let log = stack.log("test", "test");
    assert!(log.contains("Z ours\n"), "{log}");
    let junit = std::fs::read_to_string(stack.path("junit.xml")).unwrap();
    assert!(
        junit.contains(r#"tests="1" skipped="0" errors="0" failures="0""#),
        "{junit}"
    );

    stack
        .run(&["test"])
        .expect(0)
        .says("1 green (1 unchanged), 0 red")
        .says("is green");
    stack.write("settings", "ours as well");
    stack.run(&["test"]).expect(0).says("1 green, 0 red");
    stack
        .run(&["test", "--force"])
        .expect(0)
        .says("1 green, 0 red");
}

#[test]
fn a_red_test_shows_its_last_lines_and_is_run_again() {
    let stack = Stack::new(
        "red",
        "  test: {image: NAME-base, command: [sh, -c, 'echo the reason; exit 3']}\n  tests: {image: NAME-base, command: ['true']}\n",
    );
    let red = stack
        .run(&["test"])
        .expect(1)
        .says("test test is red: exit code 3")
        .says("| the reason");
    red.says("1 green, 1 red");
    assert_eq!(stack.left(), []);
    stack
        .run(&["test"])
        .expect(1)
        .says("1 green (1 unchanged), 1 red");
    stack.run(&["test", "tests"]).expect(0);
    stack
        .run(&["test", "nothing"])
        .expect(2)
        .says("tests are: test, tests");
}

#[test]
fn nothing_is_published_on_the_host() {
    let stack = Stack::new(
        "published",
        r#"
  web: {image: NAME-base, command: [nc, -ll, -p, "80", -e, "true"], ports: ["18099:80"]}
  test: {image: NAME-base, command: [sleep, "3"], depends_on: [web]}
"#,
    );
    let child = stack.start_test(&[]);
    assert!(std::net::TcpStream::connect("127.0.0.1:18099").is_err());
    child.wait().expect(0);
}

/// Runs a test beside one service and says how it ended.
fn beside(name: &str, service: &str, condition: &str) -> Ended {
    let stack = Stack::new(
        name,
        &format!(
            r#"
  db: {{image: NAME-base, {service}}}
  test: {{image: NAME-base, command: [sleep, "20"], depends_on: {{db: {{condition: {condition}}}}}}}
"#
        ),
    );
    let ended = stack.run(&["test"]);
    assert_eq!(stack.left(), []);
    ended
}

#[test]
fn a_service_that_does_not_complete_fails_the_test_at_once() {
    let ended = beside(
        "incomplete",
        "command: [sh, -c, 'echo no table; exit 4']",
        "service_completed_successfully",
    );
    ended
        .expect(1)
        .says("test test is red: db ended with exit code 4")
        .says("| no table");
}

#[test]
fn a_service_that_becomes_unhealthy_fails_the_test() {
    let check = "command: [sleep, '60'], healthcheck: {test: [CMD, sh, -c, 'echo not well; false'], interval: 200ms, retries: 2}";
    beside("unhealthy", check, "service_healthy")
        .expect(1)
        .says("db became unhealthy: not well");
    let later = "command: [sleep, '60'], healthcheck: {test: [CMD, sh, -c, 'test ! -e /x && touch /x'], interval: 1s, retries: 1}";
    beside("unhealthy-later", later, "service_healthy")
        .expect(1)
        .says("db became unhealthy");
}

#[test]
fn a_service_without_a_health_check_cannot_be_waited_for() {
    beside("unchecked", "command: [sleep, '60']", "service_healthy")
        .expect(1)
        .says("db has no health check");
}

#[test]
fn a_service_that_dies_meanwhile_fails_the_test() {
    let ended = beside(
        "dying",
        "command: [sh, -c, 'sleep 1; echo gone; exit 9']",
        "service_started",
    );
    ended
        .expect(1)
        .says("test test is red: db ended with exit code 9")
        .says("| gone");
}

#[test]
fn a_program_that_is_not_there_is_a_red_test() {
    let ended = beside("no-program", "command: [nothing]", "service_started");
    ended.expect(1).says("test test is red: db").says("nothing");
}

#[test]
fn a_test_that_takes_too_long_is_killed_and_its_log_kept() {
    let stack = Stack::new(
        "slow",
        "  t: {image: NAME-base, command: [sh, -c, 'echo begun; sleep 60']}\n",
    );
    stack.write(
        "longshore.yaml",
        "cluster: compose.yaml\ntests: {slow: {service: t, timeout: 2s}}\n",
    );
    stack
        .run(&["test"])
        .expect(1)
        .says("timeout of 2 s")
        .says("| begun");
    assert!(stack.log("slow", "t").ends_with("begun\n"));
    assert_eq!(stack.left(), []);
}

#[test]
fn eight_runs_of_one_stack_do_not_meet() {
    let stacks: Vec<_> = (0..8)
        .map(|number| {
            let stack = Stack::new("eight", r#"
  db: {image: NAME-base, container_name: the-one, hostname: the-one, ports: ["18098:80"], command: [nc, -ll, -p, "80", -e, hostname], healthcheck: {test: "nc 127.0.0.1 80 </dev/null", interval: 300ms}}
  a: {build: ./a, command: [cat, /number]}
  test: {build: ./a, command: [sh, -ec, "sleep 1; nc the-one 80 </dev/null; grep -x NUMBER /number"], depends_on: {db: {condition: service_healthy}, a: {condition: service_completed_successfully}}}
"#.replace("NUMBER", &number.to_string()).as_str());
            stack.write("a/Dockerfile", &format!("FROM NAME-base\nRUN echo {number} > /number\n"));
            stack
        })
        .collect();
    let children: Vec<_> = stacks.iter().map(|stack| stack.start(&["test"])).collect();
    for child in children {
        child.wait().expect(0).says("1 green, 0 red");
    }
    assert_eq!(stacks[0].left(), []);
}

#[test]
fn a_container_gets_what_its_service_asks_of_the_engine() {
    let stack = Stack::new(
        "options",
        r#"
  test:
    image: NAME-base
    hostname: told
    read_only: true
    tmpfs: /scratch:size=1m
    volumes: [{type: tmpfs, target: /more, tmpfs: {size: 2m, mode: 0700}}]
    shm_size: 3m
    cap_add: [NET_ADMIN]
    cap_drop: [CHOWN]
    ulimits: {nofile: {soft: 111, hard: 222}}
    sysctls: {net.ipv4.ip_default_ttl: 33}
    extra_hosts: ["elsewhere=10.1.2.3"]
    dns_search: [example.test]
    mem_limit: 64m
    pids_limit: 50
    init: true
    stdin_open: true
    command:
      - sh
      - -exc
      - |
        test "$$(hostname)" = told
        ! touch /new
        touch /scratch/x /more/x
        df -k | grep -E ' 1024 .*/scratch'
        df -k | grep -E ' 2048 .*/more'
        df -k | grep -E ' 3072 .*/dev/shm'
        test "$$(ulimit -Sn) $$(ulimit -Hn)" = "111 222"
        test "$$(cat /proc/sys/net/ipv4/ip_default_ttl)" = 33
        grep -E '10.1.2.3\s+elsewhere' /etc/hosts
        grep 'search example.test' /etc/resolv.conf
        ip link set lo mtu 1400
        ! chown 1:1 /scratch/x
        grep init /proc/1/cmdline
"#,
    );
    stack.run(&["test"]).expect(0).says("1 green, 0 red");
}
