//! A context far larger than what longshore may hold in memory, sent to an engine that drops it.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use crate::stack::Stack;

/// The context's size; on disk it is a hole.
const SIZE: u64 = 5 * 1024 * 1024 * 1024;
/// What longshore may use, in kilobytes.
const CEILING: u64 = 100 * 1024;

#[test]
fn a_context_of_five_gigabytes_is_never_in_memory() {
    let stack = Stack::new("large", "");
    stack.write("compose.yaml", "services: {a: {build: ./a}}\n");
    stack.write("a/Dockerfile", "FROM scratch\nCOPY hole /\n");
    let hole = File::create(stack.path("a/hole")).unwrap();
    hole.set_len(SIZE).unwrap();

    let beside = tempfile::tempdir().unwrap();
    let socket = beside.path().join("engine.sock");
    let received = Arc::new(AtomicU64::new(0));
    let listener = UnixListener::bind(&socket).unwrap();
    let count = Arc::clone(&received);
    thread::spawn(move || {
        for client in listener.incoming() {
            let count = Arc::clone(&count);
            thread::spawn(move || answer(client.unwrap(), &count));
        }
    });

    let mut command = stack.command(&["build"]);
    command
        .env("DOCKER_HOST", format!("unix://{}", socket.display()))
        .env("TOKIO_WORKER_THREADS", "2")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        peak = peak.max(high_water(child.id()));
        thread::sleep(Duration::from_millis(10));
    }
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let received = received.load(Ordering::Relaxed);
    // What the fake engine answers, so all of the context has arrived.
    assert!(said.contains("all of it dropped"), "{said}");
    assert!(received > SIZE, "{received} bytes arrived");
    assert!(peak > 0 && peak < CEILING, "{} MB", peak / 1024);
}

fn high_water(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let mark = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
    mark.and_then(|mark| mark.trim().parse().ok()).unwrap_or(0)
}

/// Answers one request as an engine without images would, and drops what is to be built.
fn answer(mut client: UnixStream, received: &AtomicU64) {
    let mut buffer = vec![0; 256 * 1024];
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let Ok(length @ 1..) = client.read(&mut buffer) else {
            return;
        };
        head.extend_from_slice(&buffer[..length]);
    }
    let text = String::from_utf8_lossy(&head).into_owned();
    let path = text.split([' ', '?']).nth(1).unwrap_or_default();
    let body = if path.ends_with("/version") {
        r#"{"Version": "26.1.5", "ApiVersion": "1.45", "MinAPIVersion": "1.24"}"#
    } else if path.ends_with("/volumes") {
        r#"{"Volumes": []}"#
    } else if path.ends_with("/info") {
        "{}"
    } else if path.ends_with("/build") {
        // The last chunk of a body of unknown length (RFC 9112, section 7.1).
        let mut end = head;
        while !end.ends_with(b"0\r\n\r\n") {
            let Ok(length @ 1..) = client.read(&mut buffer) else {
                return;
            };
            received.fetch_add(length as u64, Ordering::Relaxed);
            end.extend_from_slice(&buffer[..length]);
            let surplus = end.len().saturating_sub(5);
            end.drain(..surplus);
        }
        "{\"error\": \"all of it dropped\", \"errorDetail\": {\"message\": \"all of it dropped\"}}\r\n"
    } else {
        "[]"
    };
    let length = body.len();
    let _ = write!(
        client,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nApi-Version: 1.45\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    );
}
