//! SSH against a real sshd.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use longshore::domain::cluster::SshTarget;
use longshore::domain::failure::{Explain, Kind};
use longshore::domain::invocation::Invocation;
use longshore::domain::name::Digest;
use longshore::system::ssh::{Connection, Exit, LineOf, Options, Remote, Request, SshError};

use crate::support::{connect, options, script, sh, target};

/// Options that add lines before the lab's own, which wins since the first value counts (ssh_config(5)).
fn with(folder: &Path, lines: &str) -> Options {
    let lab = options().config.unwrap();
    let path = folder.join("config");
    fs::write(&path, format!("{lines}\nInclude {}\n", lab.display())).unwrap();
    Options {
        config: Some(path),
        ..options()
    }
}

/// Fails to connect, and tells how.
async fn refused(to: &SshTarget, options: &Options) -> SshError {
    let error = Connection::connect(to, options).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unreachable, "{error}");
    assert!(!error.hints().is_empty(), "{error}");
    error
}

fn keygen(path: &Path, passphrase: &str) {
    let made = std::process::Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-C", "", "-N", passphrase, "-f"])
        .arg(path)
        .status()
        .unwrap();
    assert!(made.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_a_command_and_tells_its_lines() {
    let connection = connect().await;
    let mut lines = Vec::new();
    let request = Request::new(
        Invocation::new(["sh", "-c", "read x; echo \"got $x\"; echo bad >&2; exit 7"])
            .with_stdin("it's\n"),
    );
    let done = connection
        .run(request, &mut |of, line| lines.push((of, line.to_owned())))
        .await
        .unwrap();
    assert_eq!(
        (done.exit, done.stdout.as_str(), done.stderr.as_str()),
        (Exit::Code(7), "got it's\n", "bad\n")
    );
    lines.sort_by_key(|(of, _)| *of == LineOf::Stderr);
    assert_eq!(
        lines,
        [
            (LineOf::Stdout, "got it's".to_owned()),
            (LineOf::Stderr, "bad".to_owned())
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_as_root_where_asked() {
    let connection = connect().await;
    assert_eq!(sh(&connection, "id -un").await.stdout, "core\n");
    let done = connection
        .run(script("id -un").as_root(), &mut |_, _| {})
        .await
        .unwrap();
    assert_eq!(done.stdout, "root\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_a_signal_killed_did_not_succeed() {
    let connection = connect().await;
    assert_eq!(
        sh(&connection, "kill -KILL $$").await.exit,
        Exit::Signal("KILL".to_owned())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn both_outputs_may_be_large() {
    let connection = connect().await;
    let done = sh(
        &connection,
        "head -c 5000000 /dev/zero >&2; head -c 3000000 /dev/zero; head -c 1000000 /dev/zero >&2",
    )
    .await;
    assert_eq!(
        (done.exit, done.stdout.len(), done.stderr.len()),
        (Exit::Code(0), 3_000_000, 6_000_000)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_megabytes_go_up_whole() {
    let connection = connect().await;
    let bytes: Vec<u8> = (0..50_000_000_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let digest = Digest::of(&bytes).hex();
    let request = Request::new(Invocation::new(["sha256sum"]).with_stdin(bytes));
    let done = connection.run(request, &mut |_, _| {}).await.unwrap();
    assert_eq!(done.stdout, format!("{digest}  -\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_need_not_read_all_of_its_input() {
    let connection = connect().await;
    let request =
        Request::new(Invocation::new(["head", "-c", "3"]).with_stdin(vec![b'x'; 20_000_000]));
    let done = connection.run(request, &mut |_, _| {}).await.unwrap();
    assert_eq!((done.exit, done.stdout.as_str()), (Exit::Code(0), "xxx"));
}

/// A packet that went out in part blocks the session until the rest of it does.
#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_is_left_half_fed_holds_up_nothing() {
    let other = connect().await;
    let usual = root(&other, "sysctl -n net.ipv4.tcp_rmem").await;
    // A socket that listens hands on the memory that it began with. Little of it makes the other side's fill up.
    let with =
        |memory: &str| format!("sysctl -qw net.ipv4.tcp_rmem='{memory}' && systemctl restart ssh");
    root(&other, &with("4096 4096 8192")).await;
    let connection = connect().await;
    let server = sh(&connection, "echo $PPID").await.stdout;
    let server = server.trim();
    let eats = Invocation::new(["sh", "-c", "cat >/dev/null"]).with_stdin(vec![b'x'; 200_000_000]);
    let eats = Request::new(eats).within(Duration::from_secs(2));
    let mut ignore = |_: LineOf, _: &str| {};
    let fed = connection.run(eats, &mut ignore);
    let held_up = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        sh(&other, &format!("kill -STOP {server}")).await;
        tokio::time::sleep(Duration::from_millis(2200)).await;
        root(&other, &with(usual.trim())).await;
        sh(&other, &format!("kill -CONT {server}")).await;
    };
    let (left, ()) = tokio::join!(fed, held_up);
    assert!(matches!(left, Err(SshError::Deadline { .. })), "{left:?}");
    for _ in 0..8 {
        assert_eq!(sh(&connection, "echo fit").await.stdout, "fit\n");
    }
}

async fn root(connection: &Connection, command: &str) -> String {
    let request = script(command).as_root();
    let done = connection.run(request, &mut |_, _| {}).await.unwrap();
    assert_eq!(done.exit, Exit::Code(0), "{command}: {}", done.stderr);
    done.stdout
}

#[tokio::test(flavor = "multi_thread")]
async fn many_commands_share_a_connection() {
    let connection = connect().await;
    let (slow, quick) = (script("sleep 2; echo slow"), script("echo quick"));
    let since = Instant::now();
    let (mut ignore, mut count) = (|_: LineOf, _: &str| {}, 0);
    let mut counting = |_: LineOf, _: &str| count += 1;
    let slow = connection.run(slow, &mut ignore);
    let quick = async {
        connection.run(quick, &mut counting).await.unwrap();
        since.elapsed()
    };
    let (slow, quick) = tokio::join!(slow, quick);
    assert_eq!(slow.unwrap().stdout, "slow\n");
    assert!(quick < Duration::from_secs(1), "{quick:?}");
    let many = (0..40).map(|n| {
        let connection = &connection;
        async move {
            sh(connection, &format!("cat >/dev/null; sleep 0.05; echo {n}"))
                .await
                .stdout
        }
    });
    let said = futures_util::future::join_all(many).await;
    assert_eq!(said, (0..40).map(|n| format!("{n}\n")).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_takes_too_long_is_left() {
    let connection = connect().await;
    let error = connection
        .run(
            script("sleep 60").within(Duration::from_secs(1)),
            &mut |_, _| {},
        )
        .await
        .unwrap_err();
    assert!(matches!(error, SshError::Deadline { .. }), "{error}");
    assert_eq!(sh(&connection, "echo on").await.stdout, "on\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_run_closes_its_channel_only() {
    let connection = connect().await;
    for pause in [0, 1, 3, 10, 50, 200] {
        let run = sh(&connection, "sleep 60");
        assert!(
            tokio::time::timeout(Duration::from_millis(pause), run)
                .await
                .is_err()
        );
    }
    for _ in 0..8 {
        assert_eq!(sh(&connection, "echo on").await.stdout, "on\n");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tells_when_the_connection_is_lost() {
    let connection = connect().await;
    let error = connection
        .run(script("kill -KILL $PPID; sleep 60"), &mut |_, _| {})
        .await
        .unwrap_err();
    assert!(matches!(error, SshError::Lost { .. }), "{error}");
    assert!(error.to_string().contains("lab-1 ("), "{error}");
    let error = connection
        .run(script("true"), &mut |_, _| {})
        .await
        .unwrap_err();
    assert!(
        matches!(error, SshError::Lost { .. } | SshError::Denied { .. }),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn tells_when_the_host_goes_silent() {
    let options = Options {
        silence: Duration::from_secs(4),
        ..options()
    };
    let connection = Connection::connect(&target(), &options).await.unwrap();
    let since = Instant::now();
    assert_eq!(
        sh(&connection, "sleep 6; echo quiet is not silent")
            .await
            .exit,
        Exit::Code(0)
    );
    let frozen = connection
        .run(script("kill -STOP $PPID; sleep 60"), &mut |_, _| {})
        .await;
    assert!(matches!(frozen, Err(SshError::Lost { .. })), "{frozen:?}");
    assert!(
        since.elapsed() < Duration::from_secs(15),
        "{:?}",
        since.elapsed()
    );
    sh(
        &connect().await,
        "sudo pkill -KILL -f 'sleep 60'; sudo pkill -CONT -f 'sshd-session: core'",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_key_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("known_hosts");
    let options = with(
        folder.path(),
        &format!(
            "UserKnownHostsFile {}\nGlobalKnownHostsFile none\nStrictHostKeyChecking no",
            empty.display()
        ),
    );
    let error = refused(&target(), &options).await;
    assert!(matches!(error, SshError::UnknownHostKey(_)), "{error}");
    assert!(error.to_string().contains("SHA256:"), "{error}");
    let hints = error.hints().join("\n");
    assert!(
        hints.contains("ssh-keyscan") && hints.contains(&empty.display().to_string()),
        "{hints}"
    );
}

/// The host's public key, as whoever set it up knows it.
fn host_key() -> String {
    let path = options().config.unwrap().with_file_name("lab-1.pub");
    fs::read_to_string(path).unwrap().trim().to_owned()
}

/// Connects with these lines for the host, which is called `lab` there.
async fn connect_knowing(lines: &str) -> Result<Connection, SshError> {
    let folder = tempfile::tempdir().unwrap();
    let known = folder.path().join("known_hosts");
    fs::write(&known, lines).unwrap();
    let config = format!(
        "UserKnownHostsFile {}\nGlobalKnownHostsFile none\nHostKeyAlias lab",
        known.display()
    );
    Connection::connect(&target(), &with(folder.path(), &config)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn another_key_than_the_known_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    keygen(&folder.path().join("other"), "");
    let other = fs::read_to_string(folder.path().join("other.pub")).unwrap();
    let error = connect_knowing(&format!("* {other}")).await.unwrap_err();
    let SshError::WrongHostKey(problem) = &error else {
        panic!("{error}")
    };
    let told = error.to_string();
    assert!(!problem.known[0].contains(&problem.offered), "{told}");
    assert!(told.contains(&problem.offered) && told.contains(&problem.known[0]));
    assert_eq!(error.kind(), Kind::Unreachable);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_is_refused_whatever_else_vouches_for_it() {
    let key = host_key();
    connect_knowing(&format!("lab {key}\n")).await.unwrap();
    let revoked = connect_knowing(&format!("lab {key}\n@revoked * {key}\n")).await;
    assert!(
        matches!(revoked, Err(SshError::RevokedHostKey(_))),
        "{revoked:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_key_is_offered_once() {
    let folder = tempfile::tempdir().unwrap();
    let (stranger, locked) = (folder.path().join("stranger"), folder.path().join("locked"));
    keygen(&stranger, "");
    keygen(&locked, "secret");
    fs::write(folder.path().join("known"), format!("lab {}\n", host_key())).unwrap();
    let name = sh(&connect().await, "echo $SSH_CONNECTION").await.stdout;
    let address = name.split(' ').nth(2).unwrap();
    let config = folder.path().join("config");
    fs::write(&config, format!(
        "Host lab-1\nHostName {address}\nUser core\nHostKeyAlias lab\nIdentityAgent none\nIdentityFile {}\nIdentityFile {0}\nIdentityFile {}\nUserKnownHostsFile {}\n",
        stranger.display(), locked.display(), folder.path().join("known").display()
    )).unwrap();
    let error = refused(
        &target(),
        &Options {
            config: Some(config),
            ..options()
        },
    )
    .await;
    let SshError::Refused { tried, user, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!((user.as_str(), tried.len()), ("core", 2), "{error}");
    assert!(tried[0].contains("stranger"), "{error}");
    assert!(
        tried[1].contains("encrypted") && tried[1].contains("ssh-add"),
        "{error}"
    );
    assert!(!error.to_string().contains("BEGIN"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tells_why_a_host_is_out_of_reach() {
    let folder = tempfile::tempdir().unwrap();
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let options = with(folder.path(), &format!("HostName 127.0.0.1\nPort {free}"));
    let error = refused(&target(), &options).await;
    assert!(matches!(error, SshError::Connect { .. }), "{error}");

    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let options = with(
        folder.path(),
        &format!(
            "HostName 127.0.0.1\nPort {}\nConnectTimeout 2",
            silent.local_addr().unwrap().port()
        ),
    );
    let since = Instant::now();
    let error = refused(&target(), &options).await;
    assert!(matches!(error, SshError::Timeout { .. }), "{error}");
    assert!(since.elapsed() < Duration::from_secs(4));

    let options = with(folder.path(), "HostName nowhere.invalid");
    let error = refused(&target(), &options).await;
    assert!(matches!(error, SshError::Resolve { .. }), "{error}");

    let options = with(folder.path(), "ProxyJump bastion");
    let error = Connection::connect(&target(), &options).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid, "{error}");
    let options = with(folder.path(), "NoSuchOption yes");
    let error = Connection::connect(&target(), &options).await.unwrap_err();
    assert!(
        error.to_string().to_lowercase().contains("nosuchoption"),
        "{error}"
    );
}

/// Answers every request on a port with the same bytes.
fn serve(bytes: Vec<u8>) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for socket in listener.incoming() {
            let (mut socket, bytes) = (socket.unwrap(), bytes.clone());
            thread::spawn(move || {
                let mut request = [0; 4096];
                let _ = socket.read(&mut request);
                let _ = write!(
                    socket,
                    "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                    bytes.len()
                );
                let _ = socket.write_all(&bytes);
            });
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_reads_through_a_tunnel() {
    let bytes: Vec<u8> = (0..20_000_000_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let digest = Digest::of(&bytes).hex();
    let tunnel = Connection::reverse_tunnel(&target(), &options(), serve(bytes))
        .await
        .unwrap();
    let connection = connect().await;
    let port = tunnel.remote_port;
    let done = sh(
        &connection,
        &format!("for n in 1 2 3 4; do curl -sS http://127.0.0.1:{port}/ | sha256sum & done; wait"),
    )
    .await;
    assert_eq!(
        done.stdout,
        format!("{digest}  -\n").repeat(4),
        "{}",
        done.stderr
    );
    drop(tunnel);
    tokio::time::sleep(Duration::from_millis(300)).await;
    let closed = sh(
        &connection,
        &format!("curl -sS --max-time 3 http://127.0.0.1:{port}/"),
    )
    .await;
    assert_eq!(closed.exit, Exit::Code(7), "{}", closed.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_host_reaches_is_reached_from_here() {
    let forward = Connection::forward(&target(), &options(), ("127.0.0.1".to_owned(), 22))
        .await
        .unwrap();
    let read = |address: SocketAddr| {
        let mut socket = std::net::TcpStream::connect(address).unwrap();
        let mut banner = [0; 8];
        socket.read_exact(&mut banner).map(|()| banner)
    };
    let local = forward.local;
    let banners: Vec<_> = (0..3).map(|_| thread::spawn(move || read(local))).collect();
    for banner in banners {
        assert_eq!(&banner.join().unwrap().unwrap(), b"SSH-2.0-");
    }
    let nothing = Connection::forward(&target(), &options(), ("127.0.0.1".to_owned(), 9))
        .await
        .unwrap();
    assert!(
        tokio::task::spawn_blocking(move || read(nothing.local))
            .await
            .unwrap()
            .is_err()
    );
}
