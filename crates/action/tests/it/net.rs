//! Datagrams and connections: exact bytes out, the right answer in, and no waiting for ever.

use crate::common::home;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use porchlight_core::{ActionError, Receipt, Retry};
use serde_json::{Value, json};
use std::net::UdpSocket as StdSocket;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinHandle;

async fn act(kind: &str, args: Value) -> Result<Receipt, ActionError> {
    home().perform(kind, args, "1:0").await
}

/// A device of this machine: gets each datagram with its number from 1, gives what it answers.
async fn device(
    answer: impl Fn(usize, &[u8]) -> Vec<(Option<u16>, Vec<u8>)> + Send + 'static,
) -> (u16, JoinHandle<()>) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let other = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let port = socket.local_addr().unwrap().port();
    let task = tokio::spawn(async move {
        let mut buffer = [0; 2048];
        for number in 1.. {
            let (size, mut from) = socket.recv_from(&mut buffer).await.unwrap();
            for (port, bytes) in answer(number, &buffer[..size]) {
                if let Some(port) = port {
                    from.set_port(port);
                }
                // From another port than the one that was written to, as some devices do.
                other.send_to(&bytes, from).await.unwrap();
            }
        }
    });
    (port, task)
}

fn free_port() -> u16 {
    let socket = StdSocket::bind("127.0.0.1:0").unwrap();
    socket.local_addr().unwrap().port()
}

fn bytes(bytes: &[u8]) -> Value {
    json!({ "$bytes": BASE64.encode(bytes) })
}

#[tokio::test]
async fn a_datagram_holds_exactly_the_bytes_of_the_script() {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let port = socket.local_addr().unwrap().port();
    for (payload, expected) in [
        (bytes(b"\x00\xFF\x24"), &b"\x00\xFF\x24"[..]),
        (json!("h\u{e9}"), "h\u{e9}".as_bytes()),
        (json!({"$blob": "abc"}), crate::common::BLOB),
        (
            json!({"$join": ["k=", {"$secret": "gate.key"}]}),
            b"k=s3cr/et &key",
        ),
    ] {
        let args = json!({"host": "127.0.0.1", "port": port, "payload": payload});
        let receipt = act("net.udp", args).await.unwrap();
        assert!(receipt.summary.starts_with(&expected.len().to_string()));
        let mut buffer = [0; 100];
        let size = socket.recv(&mut buffer).await.unwrap();
        assert_eq!(&buffer[..size], expected);
    }
}

#[tokio::test]
async fn a_datagram_is_sent_again_until_its_answer_comes() {
    let (port, _device) = device(|number, sent| match number {
        1 => Vec::new(),
        2 => vec![(None, b"hello".to_vec())],
        _ => vec![(None, [b"\x2d\x00", sent].concat())],
    })
    .await;
    let args = json!({
        "host": "127.0.0.1", "port": port, "payload": bytes(b"\x01"),
        "expect": ["bytes 0 = 2d00", "bytes 2 = 01"], "timeout_ms": 1500,
    });
    let receipt = act("net.udp", args).await.unwrap();
    assert_eq!(receipt.detail["size"], 3);
    assert!(
        receipt.summary.contains("answered in"),
        "{}",
        receipt.summary
    );
}

#[tokio::test]
async fn without_the_expected_answer_a_datagram_counts_as_lost() {
    let (port, _device) = device(|_, _| vec![(None, b"no".to_vec())]).await;
    let ask = |port: u16| {
        json!({
            "host": "127.0.0.1", "port": port, "payload": "x",
            "expect": ["text ok"], "timeout_ms": 300, "tries": 2,
        })
    };
    let error = act("net.udp", ask(port)).await.unwrap_err();
    assert_eq!(
        (error.kind.as_str(), error.retry),
        ("timeout", Retry::Later)
    );
    assert!(
        error
            .message
            .contains("2 answers within 300 ms, none as expected"),
        "{error}"
    );
    let error = act("net.udp", ask(free_port())).await.unwrap_err();
    assert!(error.message.contains("no answer within 300 ms"), "{error}");
}

#[tokio::test]
async fn an_answer_may_come_to_a_port_of_ours_that_was_named() {
    let home = home();
    let listen = free_port();
    let (port, _device) = device(move |_, sent| vec![(Some(listen), sent.to_vec())]).await;
    // Two at once share the port one after the other.
    let payloads = [r#"{"n":1}"#, r#"{"n":2}"#];
    let (one, two) = tokio::join!(
        act_with(&home, port, listen, payloads[0], "/n = 1"),
        act_with(&home, port, listen, payloads[1], "/n = 2"),
    );
    assert_eq!(one.unwrap().detail["json"]["n"], 1);
    assert_eq!(two.unwrap().detail["json"]["n"], 2);
    let taken = StdSocket::bind(("0.0.0.0", listen)).unwrap();
    let error = act_with(&home, port, listen, payloads[0], "/n = 1")
        .await
        .unwrap_err();
    assert!(
        error.message.contains("in use by another program"),
        "{error}"
    );
    assert_eq!(error.retry, Retry::Later);
    drop(taken);
}

async fn act_with(
    home: &crate::common::Home,
    port: u16,
    listen: u16,
    payload: &str,
    line: &str,
) -> Result<Receipt, ActionError> {
    let args = json!({
        "host": "127.0.0.1", "port": port, "payload": payload,
        "listen": listen, "expect": [line], "timeout_ms": 5000,
    });
    home.perform("net.ask_udp", args, "").await
}

#[tokio::test]
async fn a_script_that_asks_gets_bytes_text_and_json() {
    let (port, _device) = device(|_, _| vec![(None, br#"{"on":1}"#.to_vec())]).await;
    let args = json!({"host": "localhost", "port": port, "payload": "?"});
    let detail = act("net.ask_udp", args).await.unwrap().detail;
    assert_eq!(detail["text"], r#"{"on":1}"#);
    assert_eq!(detail["json"]["on"], 1);
    assert_eq!(detail["bytes"], BASE64.encode(r#"{"on":1}"#));
    assert!(detail["from"].as_str().unwrap().starts_with("127.0.0.1:"));
}

#[tokio::test]
async fn nothing_goes_to_many_unless_that_is_said() {
    for (host, many) in [
        ("255.255.255.255", true),
        ("239.255.255.250", true),
        ("127.255.255.255", true),
        ("127.0.0.1", false),
    ] {
        let args = json!({"host": host, "port": free_port(), "payload": "x"});
        let result = act("net.udp", args).await;
        match many {
            true => {
                let error = result.unwrap_err();
                assert!(error.message.contains("broadcast: true"), "{host}: {error}");
                assert_eq!(error.retry, Retry::Never);
            }
            false => assert!(result.is_ok()),
        }
    }
    // Broadcasts of the loopback network come back to this machine.
    let socket = UdpSocket::bind("0.0.0.0:0").await.unwrap();
    let port = socket.local_addr().unwrap().port();
    let args = json!({"host": "127.255.255.255", "port": port, "payload": "x", "broadcast": true});
    act("net.udp", args).await.unwrap();
    let mut buffer = [0; 10];
    assert_eq!(socket.recv(&mut buffer).await.unwrap(), 1);
}

#[tokio::test]
async fn a_computer_is_woken_by_its_hardware_address() {
    let socket = UdpSocket::bind("0.0.0.0:0").await.unwrap();
    let port = socket.local_addr().unwrap().port();
    let args = json!({"mac": "a4-BB-6d-00-00-01", "host": "127.255.255.255", "port": port});
    act("net.wake", args).await.unwrap();
    let mut buffer = [0; 200];
    for _ in 0..3 {
        let size = socket.recv(&mut buffer).await.unwrap();
        assert_eq!(size, 102);
        assert_eq!(buffer[..6], [0xFF; 6]);
        let mac = [0xa4, 0xbb, 0x6d, 0, 0, 1];
        assert!(buffer[6..size].chunks(6).all(|part| part == mac));
    }
    let error = act("net.wake", json!({"mac": "a4:bb"})).await.unwrap_err();
    assert!(error.message.contains("no hardware address"), "{error}");
}

/// A server for one connection: reads as far as `end` of what it is sent, and answers in pieces.
async fn server(end: &'static str, answer: &'static [&'static str]) -> (u16, JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let task = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut heard = Vec::new();
        while end.is_empty() || !heard.ends_with(end.as_bytes()) {
            let mut buffer = [0; 100];
            match stream.read(&mut buffer).await.unwrap() {
                0 => break,
                count => heard.extend_from_slice(&buffer[..count]),
            }
        }
        for piece in answer {
            stream.write_all(piece.as_bytes()).await.unwrap();
            stream.flush().await.unwrap();
            tokio::task::yield_now().await;
        }
        heard
    });
    (port, task)
}

#[tokio::test]
async fn a_connection_delivers_all_and_ends() {
    let (port, heard) = server("", &[]).await;
    let payload = "x".repeat(200_000);
    let args = json!({"host": "127.0.0.1", "port": port, "payload": payload});
    act("net.tcp", args).await.unwrap();
    assert_eq!(heard.await.unwrap().len(), 200_000);
}

#[tokio::test]
async fn an_answer_over_a_connection_ends_at_its_mark_or_with_the_connection() {
    for (until, expected) in [(None, "yes\n"), (Some("s"), "yes"), (Some(""), "yes\nmore")] {
        let (port, _server) = server("?", &["ye", "s\n", "more"]).await;
        let mut args = json!({"host": "127.0.0.1", "port": port, "payload": "?"});
        if let Some(until) = until {
            args["until"] = until.into();
        }
        let detail = act("net.ask_tcp", args).await.unwrap().detail;
        assert_eq!(detail["text"], expected, "{until:?}");
    }
}

#[tokio::test]
async fn an_answer_that_is_not_as_expected_is_a_refusal_and_keeps_no_secret() {
    let (port, _server) = server("&key", &["denied s3cr/et &key\n"]).await;
    let args = json!({
        "host": "127.0.0.1", "port": port, "payload": {"$secret": "gate.key"},
        "expect": ["text ok"],
    });
    let error = act("net.tcp", args).await.unwrap_err();
    assert_eq!((error.kind.as_str(), error.retry), ("vendor", Retry::Never));
    assert!(error.message.contains("denied [gate.key]"), "{error}");
}

#[tokio::test]
async fn a_device_that_is_away_silent_or_endless_is_given_up() {
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap().port()
    };
    let args = json!({"host": "127.0.0.1", "port": closed, "payload": "x"});
    let error = act("net.tcp", args).await.unwrap_err();
    assert_eq!(
        (error.kind.as_str(), error.retry),
        ("connect", Retry::Later)
    );

    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let args = json!({"host": "127.0.0.1", "port": port, "payload": "x", "timeout_ms": 100});
    let error = act("net.ask_tcp", args).await.unwrap_err();
    assert!(error.message.contains("no answer within 100 ms"), "{error}");

    let endless = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = endless.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = endless.accept().await.unwrap();
        while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
    });
    let args = json!({"host": "127.0.0.1", "port": port, "payload": "x"});
    let error = act("net.ask_tcp", args).await.unwrap_err();
    assert_eq!((error.kind.as_str(), error.retry), ("limit", Retry::Never));

    let args = json!({"host": "no-such-host.invalid", "port": 1, "payload": "x"});
    let error = act("net.udp", args).await.unwrap_err();
    assert_eq!(
        (error.kind.as_str(), error.retry),
        ("connect", Retry::Later)
    );
}

#[tokio::test]
async fn arguments_that_cannot_be_meant_are_mistakes() {
    for (kind, args) in [
        ("net.udp", json!({"host": "a b", "port": 1, "payload": "x"})),
        ("net.udp", json!({"host": "", "port": 1, "payload": "x"})),
        ("net.udp", json!({"host": "a", "port": 0, "payload": "x"})),
        (
            "net.udp",
            json!({"host": "a", "port": 65_536, "payload": "x"}),
        ),
        (
            "net.udp",
            json!({"host": "a", "port": 1, "payload": {"a": 1}}),
        ),
        (
            "net.udp",
            json!({"host": "a", "port": 1, "payload": {"$bytes": "%"}}),
        ),
        (
            "net.udp",
            json!({"host": "127.0.0.1", "port": 1, "payload": "x".repeat(65_508)}),
        ),
        (
            "net.udp",
            json!({"host": "a", "port": 1, "payload": "x", "tries": 11}),
        ),
        (
            "net.udp",
            json!({"host": "a", "port": 1, "payload": "x", "until": "x"}),
        ),
        (
            "net.tcp",
            json!({"host": "a", "port": 1, "payload": "x", "expect": ["ok"]}),
        ),
        ("net.wake", json!({"mac": "a4bb6d000001", "payload": "x"})),
    ] {
        let error = act(kind, args.clone()).await.unwrap_err();
        assert_eq!(
            (error.kind.as_str(), error.retry),
            ("config", Retry::Never),
            "{args}"
        );
    }
}
