//! TLS and other doors, from outside: the real program with certificates, Unix sockets, sockets
//! from systemd, and too few file descriptors.

use super::house::{House, PROGRAM, eventually, gate_config, signed};
use super::http::{Answer, connect, read_answer, request, send};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

const SERVER_TLS: &str =
    "[server.tls]\nlisten = \"127.0.0.1:0\"\ncert = \"tls/cert.pem\"\nkey = \"tls/key.pem\"\n";

struct Made {
    cert: String,
    key: String,
}

impl Made {
    fn new() -> Self {
        Self::until(2090)
    }

    fn until(year: i32) -> Self {
        let mut parameters =
            rcgen::CertificateParams::new(["localhost".to_owned()]).expect("parameters");
        parameters.not_before = rcgen::date_time_ymd(2001, 1, 1);
        parameters.not_after = rcgen::date_time_ymd(year, 1, 1);
        let key = rcgen::KeyPair::generate().expect("a key");
        Self {
            cert: parameters.self_signed(&key).expect("a certificate").pem(),
            key: key.serialize_pem(),
        }
    }

    fn write(&self, home: &Path) {
        std::fs::create_dir_all(home.join("tls")).expect("a folder");
        std::fs::write(home.join("tls/cert.pem"), &self.cert).expect("the certificate");
        std::fs::write(home.join("tls/key.pem"), &self.key).expect("the key");
    }

    /// Sends over TLS to a server that must show this very certificate.
    fn send(&self, to: SocketAddr, bytes: &[u8]) -> std::io::Result<Answer> {
        let mut roots = rustls::RootCertStore::empty();
        let der = CertificateDer::from_pem_slice(self.cert.as_bytes()).expect("PEM");
        roots.add(der).expect("a root");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").expect("a name");
        let session = rustls::ClientConnection::new(Arc::new(config), name).expect("a session");
        let mut stream = rustls::StreamOwned::new(session, connect(to)?);
        stream.write_all(bytes)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(parse(&answer))
    }
}

/// An answer that was read to its end.
fn parse(bytes: &[u8]) -> Answer {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    Answer {
        status: status.expect("a status"),
        headers: Vec::new(),
        body: body.to_owned(),
    }
}

/// A signed delivery to `gate` after which the connection is closed.
fn last_words(body: &str) -> Vec<u8> {
    let text = String::from_utf8(signed("gate", body)).expect("text");
    text.replacen("Host:", "Connection: close\r\nHost:", 1)
        .into_bytes()
}

fn over_unix(path: &Path, bytes: &[u8]) -> Answer {
    let mut stream = UnixStream::connect(path).expect("a connection");
    stream.write_all(bytes).expect("written");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    parse(&answer)
}

fn address(house: &House, scheme: &str) -> SocketAddr {
    eventually("it says where it listens", || {
        house.listens_on(scheme)?.parse().ok()
    })
}

#[test]
fn plain_tls_and_its_renewal_side_by_side_and_a_broken_pair_keeps_the_old_one() {
    let (first, second) = (Made::new(), Made::new());
    let config = format!("{SERVER_TLS}\n{}", gate_config());
    let mut house = House::furnish(&config, &[]);
    first.write(house.path());
    house.restart();
    let tls = address(&house, "https://");
    assert_eq!(first.send(tls, &last_words("1")).expect("TLS").status, 200);
    assert_eq!(house.post("2").status, 200);
    assert!(second.send(tls, &last_words("3")).is_err(), "another's");
    house.wait_until_said("the sender doesn't trust our certificate");

    second.write(house.path());
    eventually("the new certificate", || {
        second.send(tls, &last_words("4")).ok()
    });
    for torn in ["torn", &first.key] {
        let before = house.count_said("can't be used");
        std::fs::write(house.path().join("tls/key.pem"), torn).expect("the key");
        house.wait_until_said_times("can't be used", before + 1);
        assert_eq!(second.send(tls, &last_words("5")).expect("TLS").status, 200);
    }
    second.write(house.path());
    first.write(house.path());
    eventually("the mended pair", || first.send(tls, &last_words("6")).ok());
    assert_eq!(house.count_said("can't be used"), 2, "once for each change");
    assert_eq!(house.terminate(), Some(0));
}

#[test]
fn a_sender_without_a_certificate_is_refused_where_one_is_required_and_the_log_says_why() {
    let made = Made::new();
    let config = format!(
        "{SERVER_TLS}client_certificates = \"required\"\n{}",
        gate_config()
    );
    let mut house = House::furnish(&config, &[]);
    made.write(house.path());
    house.restart();
    let tls = address(&house, "https://");
    assert!(made.send(tls, &last_words("1")).is_err());
    house.wait_until_said("the sender showed no certificate");
    assert_eq!(
        house.post("2").status,
        200,
        "the plain listener is another matter"
    );
}

#[test]
fn a_pair_that_does_not_work_is_a_mistake_with_its_place_and_nothing_is_started() {
    let config = format!("[server]\nlisten = \"127.0.0.1:0\"\n{SERVER_TLS}");
    let house = House::furnish(&config, &[]);
    let complaint = || {
        let output = house.porchlight(&["run"]);
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let text = complaint();
    assert!(
        text.contains("porchlight.toml:5:8") && text.contains("can't be read"),
        "{text}"
    );
    let made = Made::new();
    made.write(house.path());
    std::fs::write(house.path().join("tls/key.pem"), Made::new().key).expect("the key");
    let text = complaint();
    assert!(text.contains("porchlight.toml:6:7"), "{text}");
    assert!(text.contains("is not the key of the certificate"), "{text}");
    assert!(!house.path().join("data/porchlight.db").exists());
    made.write(house.path());
    assert_eq!(house.porchlight(&["check"]).status.code(), Some(0));
    Made::until(2020).write(house.path());
    let output = house.porchlight(&["check"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "a warning only");
    assert!(text.contains("expired on 2020-01-01"), "{text}");
}

#[test]
fn mistakes_about_listening_are_reported_at_once() {
    let config = r#"
[server]
listen = ["127.0.0.1:1", "localhost:2", "127.0.0.1:1", 3]
url = "https://porch.example/hooks"
socket_mode = "rw"

[server.tls]
cert = "c"
listn = "0.0.0.0:1"
client_certificates = "requird"
"#;
    let house = House::furnish(config, &[]);
    let output = house.porchlight(&["run"]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    for (place, expected) in [
        ("3:26", "`localhost:2` is no address to listen on"),
        ("3:41", "`127.0.0.1:1` is there twice"),
        ("3:56", "`listen` must be an address or a list of them"),
        (
            "4:7",
            "`https://porch.example/hooks` must end after the host",
        ),
        ("5:15", "`socket_mode` can't be \"rw\""),
        ("7:9", "[server.tls] needs `key`"),
        ("9:1", "unknown key `listn`"),
        ("10:23", "`client_certificates` can't be \"requird\""),
    ] {
        let (_, after) = text
            .split_once(expected)
            .unwrap_or_else(|| panic!("{expected} in {text}"));
        let line = after.lines().nth(1).unwrap_or_default();
        assert!(
            line.ends_with(&format!("porchlight.toml:{place}")),
            "{expected}: {line}"
        );
    }
}

#[test]
fn a_unix_socket_takes_deliveries_is_removed_at_the_end_and_replaced_after_a_crash() {
    let config = format!(
        "[server]\nlisten = [\"unix:porch.sock\", \"127.0.0.1:0\"]\nurl = \"https://porch.example\"\nsocket_mode = \"0600\"\n{}",
        gate_config()
    );
    let mut house = House::furnish(&config, &[]);
    let socket = house.path().join("porch.sock");
    let run = |house: &mut House| {
        let mut command = Command::new(PROGRAM);
        command.args(["run", "--home"]).arg(house.path());
        house.start_as(command);
        house.wait_until_said("ready");
        house.wait_until_said("https://porch.example/webhook/gate");
        assert_eq!(over_unix(&socket, &last_words("1")).status, 200);
        let mode = std::fs::metadata(&socket).expect("a socket").permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
    };
    run(&mut house);
    house.kill();
    assert!(socket.exists(), "a crash leaves it behind");
    run(&mut house);
    assert_eq!(house.terminate(), Some(0));
    assert!(!socket.exists());
}

/// Starts the program with this socket as systemd passes it: as file descriptor 3.
fn activated(house: &mut House, socket: OwnedFd, name: &str) {
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg("exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" run --home \"$1\"")
        .arg(PROGRAM)
        .arg(house.path())
        .env("LISTEN_FDNAMES", name)
        .stdin(Stdio::from(socket));
    house.start_as(command);
    house.wait_until_said("ready");
}

#[test]
fn sockets_from_systemd_take_the_place_of_the_configured_ones() {
    let made = Made::new();
    // Nobody may listen at this address, so it can't have been tried.
    let config = format!(
        "[server]\nlisten = \"192.0.2.1:1\"\n{SERVER_TLS}\n{}",
        gate_config()
    );
    let mut house = House::furnish(&config, &[]);
    made.write(house.path());
    let open = || TcpListener::bind("127.0.0.1:0").expect("a port");

    let socket = open();
    let at = socket.local_addr().expect("an address");
    activated(&mut house, socket.into(), "porch.socket");
    assert_eq!(send(at, &signed("gate", "1")).expect("plain").status, 200);
    assert_eq!(house.terminate(), Some(0));

    let socket = open();
    let at = socket.local_addr().expect("an address");
    activated(&mut house, socket.into(), "tls");
    assert_eq!(made.send(at, &last_words("2")).expect("TLS").status, 200);
    assert_eq!(house.terminate(), Some(0));

    let path = house.path().join("by-systemd.sock");
    let socket = UnixListener::bind(&path).expect("a socket");
    activated(&mut house, socket.into(), "porch.socket");
    assert_eq!(over_unix(&path, &last_words("3")).status, 200);
    assert_eq!(house.terminate(), Some(0));
    assert!(path.exists(), "it is systemd's to remove");
}

#[test]
fn with_all_file_descriptors_taken_it_recovers_by_itself_and_still_lets_senders_in() {
    let mut house = House::furnish(&gate_config(), &[]);
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg("ulimit -n 64; exec \"$0\" run --listen 127.0.0.1:0 --home \"$1\"")
        .arg(PROGRAM)
        .arg(house.path());
    house.start_as(command);
    house.wait_until_said("ready");
    let at = address(&house, "http://");
    let silent: Vec<TcpStream> = (0..150).map(|_| connect(at).expect("a place")).collect();
    house.wait_until_said("cannot accept connections");
    let answer = send(at, &signed("gate", "1")).expect("let in among the silent");
    assert_eq!(answer.status, 200);
    drop(silent);
    let mut stream = connect(at).expect("a connection");
    stream
        .write_all(&request("/webhook/gate", &[], b"{}"))
        .expect("written");
    assert_eq!(read_answer(&mut stream).expect("an answer").status, 401);
    assert_eq!(house.terminate(), Some(0));
}
