//! `porchlight doctor` and the way to a target: proxies, certificates, and whoever makes it wait or
//! writes for somebody's terminal.

use super::doctor::{doctor, finding, home, is};
use super::fake::Fake;
use super::house::House;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

#[test]
fn what_lies_behind_the_proxy_is_asked_through_it_and_what_is_next_door_is_not() {
    let (proxy, lamp) = (Fake::start(), Fake::start());
    let house = home(&format!(
        "[http]\nproxy = \"http://me:pl4nted@{}\"\n\
         [light.far]\ndriver = \"wled\"\nurl = \"http://far.invalid:8080/cabin/\"\n\
         [light.near]\ndriver = \"wled\"\nurl = \"{}\"\n\
         [message.far]\nservice = \"slack\"\nurl = \"https://hooks.invalid/pl4nted\"\n",
        proxy.address,
        lamp.url()
    ));
    let (code, text, lines) = doctor(&house);
    assert_eq!(code, Some(0), "{text}");
    is(
        &lines,
        "[light.far] far.invalid:8080 behind the proxy answers",
        "ok",
        "",
    );
    is(&lines, "[light.near] 127.0.0.1:", "ok", "");
    let unasked = "[message.far] hooks.invalid:443 behind the proxy (not asked anything)";
    is(&lines, unasked, "ok", "");
    is(&lines, "the proxy of [http] is reached", "ok", "");
    let paths = |fake: &Fake| {
        let asked = fake.asked().into_iter().map(|one| one.path);
        asked.filter(|path| !path.is_empty()).collect::<Vec<_>>()
    };
    assert_eq!(paths(&proxy), ["http://far.invalid:8080/cabin/json/info"]);
    assert_eq!(paths(&lamp), ["/json/info"]);
}

#[test]
fn a_proxy_that_is_not_there_is_told_and_its_password_is_not() {
    let closed = TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = closed.local_addr().expect("an address");
    drop(closed);
    let house = home(&format!("[http]\nproxy = \"http://me:pl4nted@{at}\"\n"));
    let (code, text, lines) = doctor(&house);
    assert_eq!(code, Some(1), "{text}");
    is(
        &lines,
        "the proxy of [http] is not reached",
        "bad",
        "`proxy`",
    );
}

/// A server with a certificate for `127.0.0.1` that signed itself; gives it as PEM.
fn tls_server() -> (SocketAddr, String) {
    let parameters = rcgen::CertificateParams::new(["127.0.0.1".to_owned()]).expect("parameters");
    let key = rcgen::KeyPair::generate().expect("a key");
    let pem = parameters.self_signed(&key).expect("a certificate").pem();
    let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).expect("PEM");
    let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key);
    let config = Arc::new(config.expect("a configuration"));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let config = Arc::clone(&config);
            std::thread::spawn(move || answer(stream, config));
        }
    });
    (address, pem)
}

fn answer(stream: TcpStream, config: Arc<rustls::ServerConfig>) -> std::io::Result<()> {
    let connection = rustls::ServerConnection::new(config).map_err(std::io::Error::other)?;
    let mut stream = rustls::StreamOwned::new(connection, stream);
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}")
}

#[test]
fn a_certificate_is_judged_as_the_target_says_also_where_nothing_is_asked() {
    let (at, pem) = tls_server();
    let target = |kind: &str, name: &str, keys: &str| {
        format!("[{kind}.{name}]\n{keys}\nurl = \"https://{at}\"\n")
    };
    let (lamp, ops) = ("driver = \"wled\"", "service = \"slack\"");
    let ours = |keys: &str| format!("{keys}\ntls = \"ours\"");
    let config = "[tls.ours]\nca = \"ours.pem\"\n".to_owned()
        + &target("light", "ours", &ours(lamp))
        + &target("light", "strange", lamp)
        + &target("message", "ours", &ours(ops))
        + &target("message", "strange", ops);
    let house = home(&config);
    std::fs::write(house.path().join("ours.pem"), pem).expect("the authority");
    let (code, text, lines) = doctor(&house);
    assert_eq!(code, Some(1), "{text}");
    for name in ["light", "message"] {
        let fix = "give the target `tls = \"NAME\"`";
        is(&lines, &format!("[{name}.ours]"), "ok", "");
        is(&lines, &format!("[{name}.strange]"), "bad", fix);
    }
    is(&lines, ", certificate until ", "ok", "");
}

#[test]
fn a_server_that_gives_one_byte_of_its_handshake_at_a_time_is_not_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                // The head of a record of 16 KiB, which then comes byte by byte.
                let (_never, time) = mpsc::channel::<()>();
                let mut bytes = vec![22, 3, 3, 0x40, 0];
                while stream.write_all(&bytes).is_ok() {
                    bytes = vec![0];
                    _ = time.recv_timeout(Duration::from_millis(100));
                }
            });
        }
    });
    let house = home(&format!(
        "[message.ops]\nservice = \"slack\"\nurl = \"https://{at}/pl4nted\"\n"
    ));
    let begun = Instant::now();
    let (_, _, lines) = doctor(&house);
    assert!(begun.elapsed() < Duration::from_secs(60));
    is(
        &lines,
        "does not speak TLS: no answer within 5s",
        "bad",
        "http://",
    );
}

#[test]
fn lamps_that_do_not_answer_are_not_waited_for_one_after_the_other() {
    let silent: Vec<_> = (0..12)
        .map(|_| std::net::UdpSocket::bind("127.0.0.1:0").expect("a port"))
        .collect();
    let lamp = |(number, socket): (usize, &std::net::UdpSocket)| {
        let port = socket.local_addr().expect("an address").port();
        format!(
            "[light.l{number}]\ndriver = \"lifx-lan\"\nhost = \"127.0.0.1\"\nport = \"{port}\"\n"
        )
    };
    let config: String = silent.iter().enumerate().map(lamp).collect();
    let begun = Instant::now();
    let (_, text, lines) = doctor(&home(&config));
    let took = begun.elapsed();
    for number in 0..12 {
        finding(&lines, &format!("[light.l{number}] 127.0.0.1:"));
    }
    assert!(took < Duration::from_secs(15), "{took:?}: {text}");
}

#[test]
fn what_a_device_says_moves_nothing_on_the_terminal() {
    let bridge = Fake::device(|_| {
        r#"[{"error":{"type":1,"description":"no\u001b[2J\nok    target   all is well"}}]"#
            .to_owned()
    });
    let house: House = home(&format!(
        "[light.hall]\ndriver = \"hue-v1\"\nurl = \"{}\"\nkey = \"pl4nted\"\nid = \"1\"\n",
        bridge.url()
    ));
    let shown = String::from_utf8_lossy(&house.porchlight(&["doctor"]).stdout).into_owned();
    assert!(
        shown.contains("but: no·[2J·ok    target   all is well\n"),
        "{shown:?}"
    );
    assert!(!shown.contains('\x1b'), "{shown:?}");
}
