//! Reaching an engine: over TLS, behind SSH, by a Docker context, and what is said where it cannot be.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use tokio::net::{TcpListener, UnixStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use crate::lab;
use crate::stack::{Ended, Stack};

fn asked(variables: &[(&str, &str)]) -> Ended {
    let mut command = lab::longshore();
    command.args(["gc", "--dry-run"]);
    for unset in ["DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS_VERIFY"] {
        command.env_remove(unset);
    }
    command.envs(variables.iter().copied());
    Ended::of(command.output().unwrap())
}

/// An authority, a server's and a client's certificate, and an engine's front that wants both.
struct Authority(tempfile::TempDir);

impl Authority {
    fn new() -> Self {
        let authority = Self(tempfile::tempdir().unwrap());
        authority.openssl("req -x509 -newkey rsa:2048 -nodes -keyout ca-key.pem -out ca.pem -days 2 -subj /CN=authority");
        authority.sign("server", "IP:127.0.0.1", 2);
        authority.sign("cert", "DNS:client", 2);
        fs::rename(authority.path("cert-key.pem"), authority.path("key.pem")).unwrap();
        authority
    }

    fn sign(&self, name: &str, alternative: &str, days: i32) {
        fs::write(self.path("ext"), format!("subjectAltName={alternative}\n")).unwrap();
        self.openssl(&format!(
            "req -newkey rsa:2048 -nodes -keyout {name}-key.pem -out {name}.csr -subj /CN={name}"
        ));
        self.openssl(&format!(
            "x509 -req -in {name}.csr -CA ca.pem -CAkey ca-key.pem -CAcreateserial -out {name}.pem -days {days} -extfile ext"
        ));
    }

    fn openssl(&self, words: &str) {
        let mut command = Command::new("openssl");
        let output = command
            .args(words.split(' '))
            .current_dir(self.0.path())
            .output();
        let output = output.unwrap();
        assert!(output.status.success(), "{words}: {output:?}");
    }

    fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    fn folder(&self) -> &str {
        self.0.path().to_str().unwrap()
    }

    /// Opens a port that speaks TLS and leads to the engine, as long as the test runs.
    fn serve(&self, server: &str) -> String {
        let read = |file: &str| CertificateDer::from_pem_file(self.path(file)).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(read("ca.pem")).unwrap();
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let clients =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build();
        let key = PrivateKeyDer::from_pem_file(self.path(&format!("{server}-key.pem"))).unwrap();
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(clients.unwrap())
            .with_single_cert(vec![read(&format!("{server}.pem"))], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(front(listener, acceptor));
        });
        format!("tcp://{address}")
    }
}

async fn front(listener: std::net::TcpListener, acceptor: TlsAcceptor) {
    listener.set_nonblocking(true).unwrap();
    let listener = TcpListener::from_std(listener).unwrap();
    loop {
        let (client, _) = listener.accept().await.unwrap();
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            let Ok(mut client) = acceptor.accept(client).await else {
                return;
            };
            let mut engine = UnixStream::connect("/var/run/docker.sock").await.unwrap();
            let _ = tokio::io::copy_bidirectional(&mut client, &mut engine).await;
        });
    }
}

#[test]
fn an_engine_is_reached_over_tls_and_builds() {
    let authority = Authority::new();
    let address = authority.serve("server");
    let stack = Stack::new("tls", "").at(&[
        ("DOCKER_HOST", &address),
        ("DOCKER_TLS_VERIFY", "1"),
        ("DOCKER_CERT_PATH", authority.folder()),
    ]);
    stack.run(&["build"]).expect(0);
}

#[test]
fn who_cannot_be_trusted_is_told() {
    let authority = Authority::new();
    authority.sign("old", "IP:127.0.0.1", -1);
    authority.sign("elsewhere", "DNS:builder", 2);
    let other = Authority::new();
    let [good, old, elsewhere] = ["server", "old", "elsewhere"].map(|name| authority.serve(name));
    for (address, folder, says) in [
        (&good, other.folder(), "is not from the authority in ca.pem"),
        (
            &old,
            authority.folder(),
            "the engine's certificate has expired",
        ),
        (
            &elsewhere,
            authority.folder(),
            "the engine's certificate is for another name",
        ),
    ] {
        asked(&[
            ("DOCKER_HOST", address),
            ("DOCKER_TLS_VERIFY", "1"),
            ("DOCKER_CERT_PATH", folder),
        ])
        .expect(4)
        .says(says)
        .says(folder);
    }
    fs::copy(other.path("cert.pem"), authority.path("cert.pem")).unwrap();
    fs::copy(other.path("key.pem"), authority.path("key.pem")).unwrap();
    let with_ours = [
        ("DOCKER_HOST", good.as_str()),
        ("DOCKER_TLS_VERIFY", "1"),
        ("DOCKER_CERT_PATH", authority.folder()),
    ];
    asked(&with_ours)
        .expect(4)
        .says("the engine does not trust our certificate");
    fs::remove_file(authority.path("cert.pem")).unwrap();
    asked(&with_ours)
        .expect(2)
        .says("cert.pem")
        .says("it is not there");
    fs::remove_file(authority.path("key.pem")).unwrap();
    asked(&with_ours)
        .expect(4)
        .says("wants a certificate of ours");
    fs::write(authority.path("ca.pem"), "nothing").unwrap();
    asked(&with_ours)
        .expect(2)
        .says("ca.pem")
        .says("no certificate in it");
}

#[test]
fn an_engine_is_reached_behind_ssh_and_builds_and_tests() {
    let host = lab::one();
    let address = format!("ssh://core@{}", host.name());
    let stack = Stack::new(
        "ssh",
        "  test: {image: NAME-base, profiles: [test], command: [\"true\"]}\n",
    )
    .at(&[("DOCKER_HOST", &address)]);
    stack.run(&["test"]).expect(0).says("green");
    let there = host.sh("docker images --format '{{.Repository}}'");
    assert!(there.contains(&stack.name), "{there}");
    assert_eq!(sockets_left(), 0);
    host.bare();
}

#[test]
fn an_engine_behind_ssh_that_cannot_be_had_says_what_was_tried() {
    let host = lab::one();
    let name = host.name();
    asked(&[("DOCKER_HOST", &format!("ssh://core@{name}/run/none.sock"))])
        .expect(4)
        .says("/run/none.sock is not there");
    host.sh(
        "mkdir -p /run/closed
        systemd-run --quiet --collect --unit test-closed podman system service --time 60 unix:///run/closed/engine.sock
        until [ -S /run/closed/engine.sock ]; do sleep 0.2; done
        chmod 600 /run/closed/engine.sock",
    );
    asked(&[(
        "DOCKER_HOST",
        &format!("ssh://core@{name}/run/closed/engine.sock"),
    )])
    .expect(4)
    .says("/run/closed/engine.sock is closed to it")
    .says("usermod -aG docker core");
    host.sh("systemctl stop test-closed");
    asked(&[("DOCKER_HOST", "ssh://nobody-has-this-name.invalid")])
        .expect(4)
        .says("ssh://nobody-has-this-name.invalid");
}

#[test]
fn a_context_names_the_engine_unless_a_variable_does() {
    let folder = tempfile::tempdir().unwrap();
    let docker = |words: &[&str]| {
        let mut command = Command::new("docker");
        let done = command
            .args(words)
            .env("DOCKER_CONFIG", folder.path())
            .output();
        assert!(done.unwrap().status.success(), "{words:?}");
    };
    docker(&[
        "context",
        "create",
        "nowhere",
        "--docker",
        "host=tcp://127.0.0.1:1",
    ]);
    docker(&[
        "context",
        "create",
        "here",
        "--docker",
        "host=unix:///var/run/docker.sock",
    ]);
    docker(&["context", "use", "nowhere"]);
    let config = folder.path().to_str().unwrap();
    asked(&[("DOCKER_CONFIG", config)])
        .expect(4)
        .says("tcp://127.0.0.1:1")
        .says("the Docker context nowhere");
    asked(&[("DOCKER_CONFIG", config), ("DOCKER_CONTEXT", "here")]).expect(0);
    asked(&[
        ("DOCKER_CONFIG", config),
        ("DOCKER_HOST", "unix:///var/run/docker.sock"),
    ])
    .expect(0);
    asked(&[("DOCKER_CONFIG", config), ("DOCKER_CONTEXT", "gone")])
        .expect(2)
        .says("there is none of that name");
}

#[test]
fn an_address_that_cannot_be_used_is_wrong_use() {
    asked(&[("DOCKER_HOST", "npipe:////./pipe/docker_engine")])
        .expect(2)
        .says("named pipes are Windows' own");
    asked(&[("DOCKER_HOST", "unix:///run/none.sock")])
        .expect(4)
        .says("unix:///run/none.sock")
        .says("DOCKER_HOST");
}

/// Counts the folders of sockets that ended processes left.
fn sockets_left() -> usize {
    let dead = |name: &str| {
        let pid = name.strip_prefix("longshore-engine-")?.split('-').next()?;
        (!Path::new("/proc").join(pid).exists()).then_some(())
    };
    let entries = fs::read_dir(std::env::temp_dir()).unwrap();
    entries
        .filter_map(|entry| dead(&entry.unwrap().file_name().to_string_lossy()))
        .count()
}
