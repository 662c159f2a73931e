//! Datagrams, connections and wake-on-LAN, from a webhook to a device's socket.

use super::house::{House, eventually, gate_config};
use serde_json::Value;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, UdpSocket};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// How long a socket of a test waits: whatever comes later would be a failure anyway.
const PATIENCE: Duration = Duration::from_secs(30);

/// A socket for datagrams, and its port.
fn datagrams(address: &str) -> (UdpSocket, u16) {
    let socket = UdpSocket::bind(address).expect("a free port");
    socket.set_read_timeout(Some(PATIENCE)).expect("a time");
    let port = socket.local_addr().expect("an address").port();
    (socket, port)
}

/// A relay: takes lines, and answers the n-th connection with the n-th of these; `""` is silence.
fn relay(answers: &'static [&'static str]) -> (u16, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let (heard, lines) = channel();
    std::thread::spawn(move || {
        let mut held = Vec::new();
        for (stream, answer) in listener.incoming().flatten().zip(answers) {
            let mut stream = stream;
            let (mut line, mut byte) = (Vec::new(), [0]);
            while stream.read(&mut byte).is_ok_and(|count| count == 1) {
                line.push(byte[0]);
                if byte[0] == b'\n' {
                    break;
                }
            }
            let _ = stream.write_all(answer.as_bytes());
            let _ = heard.send(String::from_utf8_lossy(&line).into_owned());
            held.push(stream);
        }
    });
    (port, lines)
}

fn settled(house: &House, count: usize) -> Vec<Value> {
    eventually(&format!("{count} actions are settled"), || {
        let actions = house.actions();
        let is_settled = |action: &Value| action["status"] == "done" || action["status"] == "dead";
        let all = actions.len() == count && actions.iter().all(is_settled);
        all.then_some(actions)
    })
}

#[test]
fn a_webhook_becomes_a_datagram_byte_for_byte() {
    let (lamp, port) = datagrams("127.0.0.1:0");
    let script = format!(
        r#"on("gate.*", |event| {{
            net::udp("127.0.0.1", {port}, `on ${{event.data.n}}`);
            let packet = blob(6, 0xff);
            packet.write_le(0..2, 258);
            net::udp("127.0.0.1", {port}, packet);
        }});"#
    );
    let house = House::start(&gate_config(), &[("lamp.rhai", &script)]);
    house.post_ok("{\"type\":\"opened\",\"n\":7}");
    let mut buffer = [0; 100];
    // In the order told: what goes to one host is one lane.
    for expected in [&b"on 7"[..], &[2, 1, 255, 255, 255, 255]] {
        let (size, _) = lamp.recv_from(&mut buffer).expect("a datagram");
        assert_eq!(&buffer[..size], expected);
    }
    let done = house.wait_for_done(2);
    assert!(
        done.iter().all(|action| action["attempts"] == 1),
        "{done:?}"
    );
}

#[test]
fn a_lost_datagram_is_sent_again_until_the_device_answers_as_expected() {
    let (lamp, port) = datagrams("127.0.0.1:0");
    let script = format!(
        r#"on("gate.*", |event| {{
            net::udp("127.0.0.1", {port}, "set 1", #{{ expect: "/state = 1", timeout: "10s", tries: 10 }});
        }});"#
    );
    let house = House::start(&gate_config(), &[("lamp.rhai", &script)]);
    house.post_ok("{\"type\":\"opened\"}");
    let mut buffer = [0; 100];
    lamp.recv_from(&mut buffer).expect("the first");
    assert!(house.actions().iter().all(|one| one["status"] != "done"));
    let (size, from) = lamp.recv_from(&mut buffer).expect("it comes again");
    assert_eq!(&buffer[..size], b"set 1");
    // What it says unasked, and what fits.
    for answer in ["{\"battery\":80}", "{\"state\":1}"] {
        lamp.send_to(answer.as_bytes(), from).expect("an answer");
    }
    house.wait_for_done(1);
}

#[test]
fn a_connection_delivers_its_line_and_the_answer_decides() {
    let (port, lines) = relay(&["+OK\n", "1 is on\n", "ERROR busy\n"]);
    let script = format!(
        r#"on("gate.*", |event| {{
            net::tcp("127.0.0.1", {port}, "plain\n");
            net::tcp("127.0.0.1", {port}, "on\n", #{{ expect: "text contains is on", title: "switched" }});
            net::tcp("127.0.0.1", {port}, "off\n", #{{ expect: "text contains is off", title: "refused" }});
        }});"#
    );
    let house = House::start(&gate_config(), &[("relay.rhai", &script)]);
    house.post_ok("{\"type\":\"opened\"}");
    for expected in ["plain\n", "on\n", "off\n"] {
        assert_eq!(lines.recv_timeout(PATIENCE).as_deref(), Ok(expected));
    }
    let actions = settled(&house, 3);
    let dead: Vec<&Value> = actions
        .iter()
        .filter(|action| action["status"] == "dead")
        .collect();
    assert_eq!(dead.len(), 1, "{actions:?}");
    assert_eq!(dead[0]["error"]["kind"], "vendor", "{}", dead[0]);
    let message = dead[0]["error"]["message"].as_str().expect("a message");
    assert!(message.contains("ERROR busy"), "{message}");
    // A refusal is not tried again.
    assert_eq!(dead[0]["attempts"], 1, "{}", dead[0]);
}

#[test]
fn a_script_asks_a_device_and_uses_what_it_says() {
    let (port, lines) = relay(&["21.5\n"]);
    let (lamp, udp) = datagrams("127.0.0.1:0");
    std::thread::spawn(move || {
        let mut buffer = [0; 100];
        if let Ok((_, from)) = lamp.recv_from(&mut buffer) {
            let _ = lamp.send_to(&[1, 2, 0xfe, 0xff], from);
        }
    });
    let script = format!(
        r#"on("gate.*", |event| {{
            let warm = net::ask_tcp("127.0.0.1", {port}, "t?\n").text;
            let lamp = net::ask_udp("127.0.0.1", {udp}, "?").bytes;
            file::append("said.txt", `${{warm}} ${{lamp.parse_le_int(2..4)}}`);
        }});"#
    );
    let house = House::start(&gate_config(), &[("ask.rhai", &script)]);
    house.post_ok("{\"type\":\"opened\"}");
    assert_eq!(lines.recv_timeout(PATIENCE).as_deref(), Ok("t?\n"));
    let said = eventually("it was said", || house.file("said.txt"));
    let words: Vec<&str> = said.split_whitespace().collect();
    assert_eq!(words, ["21.5", "65534"]);
}

#[test]
fn a_computer_is_woken_by_a_magic_packet() {
    // Every address that begins with 127 is this machine, its broadcast address as well.
    let (sleeper, port) = datagrams("0.0.0.0:0");
    let script = format!(
        r#"on("gate.*", |event| net::wake("a4:bb:6d:00:00:01", #{{ host: "127.255.255.255", port: {port} }}));"#
    );
    let house = House::start(&gate_config(), &[("wake.rhai", &script)]);
    house.post_ok("{\"type\":\"opened\"}");
    let mut buffer = [0; 200];
    for _ in 0..3 {
        let (size, _) = sleeper.recv_from(&mut buffer).expect("a magic packet");
        assert_eq!(size, 102);
        assert_eq!(buffer[..6], [0xff; 6]);
        let mac = [0xa4, 0xbb, 0x6d, 0, 0, 1];
        assert!(buffer[6..size].chunks(6).all(|part| part == mac));
    }
    house.wait_for_done(1);
}

#[test]
fn a_device_that_is_away_holds_up_no_other_and_gets_its_line_when_it_is_back() {
    // An address of its own, because a port that was given up may be another test's next.
    let away = {
        let listener = TcpListener::bind("127.0.0.77:0").expect("a free port");
        listener.local_addr().expect("an address")
    };
    let (lamp, port) = datagrams("127.0.0.1:0");
    let script = format!(
        r#"on("gate.*", |event| {{
            net::tcp("127.0.0.77", {}, "open\n", #{{ lane: "gate", ttl: "1h" }});
            net::udp("127.0.0.1", {port}, "on", #{{ lane: "lamp" }});
        }});"#,
        away.port()
    );
    let house = House::start(&gate_config(), &[("gate.rhai", &script)]);
    house.post_ok("{\"type\":\"opened\"}");
    let mut buffer = [0; 10];
    let (size, _) = lamp.recv_from(&mut buffer).expect("a datagram");
    assert_eq!(&buffer[..size], b"on");
    eventually("the gate's line has failed once", || {
        let actions = house.actions();
        let failed = actions.iter().find(|one| one["kind"] == "net.tcp")?;
        (failed["attempts"].as_u64()? >= 1 && failed["error"]["kind"] == "connect").then_some(())
    });
    let gate = TcpListener::bind(away).expect("the same port");
    let (mut stream, _) = gate.accept().expect("it is tried again");
    let mut line = [0; 5];
    stream.read_exact(&mut line).expect("the line");
    assert_eq!(&line, b"open\n");
    drop(stream);
    house.wait_for_done(2);
}
