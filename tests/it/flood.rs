//! Strangers at the door: malformed requests, slow ones, and very many of them.

use super::house::{House, gate_config, signed};
use super::http::{connect, read_answer, request};
use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Sends bytes that may get an answer or a closed connection, but never a 5xx; gives the status.
fn shove(house: &House, bytes: &[u8]) -> Option<u16> {
    let mut stream = connect(house.address).expect("the door is open");
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .expect("timeout");
    // A peer that has been refused may find the connection closed while it still writes.
    _ = stream.write_all(bytes);
    _ = stream.shutdown(std::net::Shutdown::Write);
    let status = read_answer(&mut stream).ok().map(|answer| answer.status);
    assert!(
        status.is_none_or(|status| status < 500),
        "{status:?} for {:?}",
        String::from_utf8_lossy(&bytes[..bytes.len().min(200)])
    );
    status
}

#[test]
fn malformed_requests_are_refused_and_nothing_else_happens() {
    let house = House::start(
        &format!(
            "{}[webhook.pr]\npreset = \"platerecognizer\"\nproof = \"none\"\n",
            gate_config()
        ),
        &[],
    );
    let json = [("Content-Type", "application/json")];
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let multipart = [("Content-Type", "multipart/form-data; boundary=b")];
    let long_header = format!(
        "POST /webhook/pr HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n",
        "x".repeat(1 << 20)
    );
    let many_headers = format!(
        "POST /webhook/pr HTTP/1.1\r\nHost: a\r\n{}\r\n",
        "X: y\r\n".repeat(5000)
    );
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let refused: Vec<Vec<u8>> = vec![
        b"\0\0\0\0\r\n\r\n".to_vec(),
        b"GET\r\n\r\n".to_vec(),
        b"POST /webhook/pr HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n".to_vec(),
        b"POST /webhook/pr HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n".to_vec(),
        b"POST /webhook/pr HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello".to_vec(),
        b"POST /webhook/pr HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".to_vec(),
        b"POST /webhook/pr HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n".to_vec(),
        b"POST /webhook/pr HTTP/1.1\r\nHost: a\r\nX-Bad: \x00\r\n\r\n".to_vec(),
        long_header.into_bytes(),
        many_headers.into_bytes(),
        request("/webhook/pr", &json, b""),
        request("/webhook/pr", &json, b"{"),
        request("/webhook/pr", &json, b"\xff\xfe{}"),
        request("/webhook/pr", &json, deep.as_bytes()),
        request("/webhook/pr", &json, b"{} trailing"),
        request("/webhook/pr", &form, b"other=1"),
        request("/webhook/pr", &form, b"json=%FF%FE"),
        request("/webhook/pr", &multipart, b"--b\r\n"),
        request("/webhook/pr", &multipart, b"no boundary at all"),
        request("/webhook/pr", &[("Content-Type", "multipart/form-data")], b"--b--"),
        request("/webhook/..%2f..%2fetc", &json, b"{}"),
        request("/webhook/nobody", &json, b"{}"),
    ];
    for bytes in &refused {
        let status = shove(&house, bytes);
        assert!(
            status.is_none_or(|status| (400..500).contains(&status)),
            "{status:?} for {:?}",
            String::from_utf8_lossy(&bytes[..bytes.len().min(120)])
        );
    }
    assert!(house.events().is_empty());
    assert!(house.is_running());
    house.post_ok("{\"type\":\"opened\"}");
}

#[test]
fn odd_but_lawful_bodies_are_stored() {
    let house = House::start(&gate_config(), &[]);
    for (n, body) in [
        "{\"n\":1e400}",
        "{\"n\":123456789012345678901234567890123456789012345678901234567890}",
        "{\"n\":-0.0,\"\":null,\"\\u0000\":\"\\ud83d\\ude00\"}",
        "[]",
        "\"text\"",
        "\u{feff}{\"bom\":true}",
    ]
    .iter()
    .enumerate()
    {
        let answer = house.post(body);
        assert!(
            answer.status == 200 || answer.status == 400,
            "{body}: {answer:?}"
        );
        assert!(house.events().len() <= n + 1);
    }
    assert!(house.is_running());
}

#[test]
fn a_file_name_from_outside_never_becomes_a_path() {
    let script =
        "on(\"**\", |event| { for f in event.attachments { file::save(f.filename, f); } });";
    let house = House::start(
        "[webhook.pr]\npreset = \"platerecognizer\"\nproof = \"none\"\n",
        &[("save.rhai", script)],
    );
    let body = "--b\r\nContent-Disposition: form-data; name=\"json\"\r\n\r\n{\"hook\":{\"event\":\"recognition\"},\"data\":{\"results\":[]}}\r\n--b\r\nContent-Disposition: form-data; name=\"upload\"; filename=\"../../../scripts/evil.rhai\"\r\n\r\nx\r\n--b--\r\n";
    let answer = house.send(&request(
        "/webhook/pr",
        &[("Content-Type", "multipart/form-data; boundary=b")],
        body.as_bytes(),
    ));
    assert_eq!(answer.status, 200, "{answer:?}");
    house.wait_for_done(1);
    assert!(!house.path().join("scripts/evil.rhai").exists());
    assert!(house.path().join("data/files/evil.rhai").exists());
}

#[test]
fn answers_follow_the_table() {
    let house = House::start(&format!("{}max_body = \"10kB\"\n", gate_config()), &[]);
    let get = house.send(b"GET /webhook/gate HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!((get.status, get.header("allow")), (405, Some("POST")));
    assert_eq!(
        house.send(&request("/webhook/nobody", &[], b"{}")).status,
        404
    );
    assert_eq!(
        house
            .send(&signed("gate", &format!("\"{}\"", "x".repeat(20_000))))
            .status,
        413
    );
    let chunked = format!(
        "POST /webhook/gate HTTP/1.1\r\nHost: a\r\nX-Signature: 00\r\nTransfer-Encoding: chunked\r\n\r\n{}",
        "1000\r\n".to_owned() + &"x".repeat(4096) + "\r\n"
    );
    let mut stream = connect(house.address).expect("connect");
    stream.write_all(chunked.as_bytes()).expect("write");
    for _ in 0..4 {
        _ = stream.write_all(format!("1000\r\n{}\r\n", "x".repeat(4096)).as_bytes());
    }
    assert_eq!(read_answer(&mut stream).expect("an answer").status, 413);
    let unsigned = house.send(&request(
        "/webhook/gate",
        &[("Content-Type", "application/json")],
        b"{}",
    ));
    assert_eq!(unsigned.status, 401);
    let stored = house.post("{\"type\":\"opened\"}");
    assert_eq!(
        (stored.status, stored.json()["event"].as_u64()),
        (200, Some(1))
    );
}

#[test]
fn a_browser_can_not_post_to_a_webhook_without_proof() {
    let house = House::start(
        "[webhook.open]\npreset = \"token\"\nproof = \"none\"\n",
        &[],
    );
    let from_page = [
        ("Content-Type", "application/json"),
        ("Origin", "https://evil.example"),
    ];
    assert_eq!(
        house
            .send(&request("/webhook/open", &from_page, b"{}"))
            .status,
        403
    );
    assert_eq!(
        house
            .send(&request(
                "/webhook/open",
                &[("Content-Type", "application/json")],
                b"{}"
            ))
            .status,
        200
    );
}

#[test]
fn a_thousand_slow_senders_do_not_keep_webhooks_out() {
    let config = format!(
        "[server]\nheader_timeout = \"20s\"\nmax_connections = 512\n{}",
        gate_config()
    );
    let house = House::start(&config, &[]);
    let mut slow: Vec<TcpStream> = Vec::new();
    for _ in 0..1000 {
        let Ok(mut stream) = connect(house.address) else {
            continue;
        };
        _ = stream.write_all(b"POST /webhook/gate HTTP/1.1\r\nHost: a\r\nX-Slow: ");
        slow.push(stream);
    }
    assert!(slow.len() > 900, "only {} slow connections", slow.len());
    let started = Instant::now();
    for n in 0..20 {
        house.post_ok(&format!("{{\"type\":\"opened\",\"n\":{n}}}"));
        for stream in slow.iter_mut().take(100) {
            _ = stream.write_all(b"x");
        }
    }
    assert!(
        started.elapsed() < Duration::from_secs(15),
        "it took {:?}",
        started.elapsed()
    );
    assert_eq!(house.events().len(), 20);
}

#[test]
fn a_sender_that_hangs_up_early_has_still_delivered() {
    let house = House::start(&gate_config(), &[]);
    for n in 0..20 {
        let mut stream = connect(house.address).expect("connect");
        stream
            .write_all(&signed(
                "gate",
                &format!("{{\"type\":\"opened\",\"n\":{n}}}"),
            ))
            .expect("write");
        drop(stream);
    }
    super::house::eventually("all are stored", || {
        (house.events().len() == 20).then_some(())
    });
}
