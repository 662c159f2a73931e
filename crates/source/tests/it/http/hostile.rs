//! Requests that no honest sender makes. None may cause a panic, a 5xx, or an event.

use super::house::House;

/// Name, request, and the answers that are right; 0: closed without an answer.
const CASES: &[(&str, &[u8], &[u16])] = &[
    ("not http", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", &[400]),
    ("http/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &[400, 0]),
    ("http/0.9", b"GET /webhook/gate\r\n\r\n", &[400]),
    ("http/3.0", b"POST /webhook/gate HTTP/3.0\r\n\r\n", &[400]),
    ("no host, no length", b"POST /webhook/gate HTTP/1.1\r\n\r\n", &[401]),
    ("http/1.0", b"POST /webhook/gate HTTP/1.0\r\ncontent-length: 2\r\n\r\n{}", &[401]),
    ("nul in a header", b"POST /webhook/gate HTTP/1.1\r\nx: a\0b\r\n\r\n", &[400]),
    ("nul in a name", b"POST /webhook/gate HTTP/1.1\r\nx\0y: a\r\n\r\n", &[400]),
    ("bytes above ascii in a header", b"POST /webhook/gate HTTP/1.1\r\nx-signature: \xff\xfe\r\n\r\n", &[401]),
    ("folded header", b"POST /webhook/gate HTTP/1.1\r\nx: a\r\n b\r\n\r\n", &[400]),
    ("space before colon", b"POST /webhook/gate HTTP/1.1\r\nx : a\r\n\r\n", &[400]),
    ("header without colon", b"POST /webhook/gate HTTP/1.1\r\nxyz\r\n\r\n", &[400]),
    ("signature twice", b"POST /webhook/gate HTTP/1.1\r\nx-signature: 00\r\nx-signature: 11\r\n\r\n", &[401, 400]),
    ("host twice", b"POST /webhook/gate HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", &[401, 400]),
    ("lengths that differ", b"POST /webhook/gate HTTP/1.1\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{} ", &[400]),
    ("lengths that agree", b"POST /webhook/gate HTTP/1.1\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\n{}", &[401, 400]),
    ("length with a sign", b"POST /webhook/gate HTTP/1.1\r\ncontent-length: +2\r\n\r\n{}", &[400]),
    ("negative length", b"POST /webhook/gate HTTP/1.1\r\ncontent-length: -2\r\n\r\n{}", &[400]),
    ("length beyond u64", b"POST /webhook/gate HTTP/1.1\r\ncontent-length: 99999999999999999999999\r\n\r\n", &[400]),
    ("length of u64", b"POST /webhook/gate HTTP/1.1\r\ncontent-length: 18446744073709551615\r\n\r\n", &[400, 413, 431]),
    ("length and chunked", b"POST /webhook/gate HTTP/1.1\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", &[401, 400]),
    ("gzip beneath chunked", b"POST /webhook/gate HTTP/1.1\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n", &[400]),
    ("gzip beneath chunked, in two lines", b"POST /webhook/gate HTTP/1.1\r\ntransfer-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", &[400]),
    ("chunked not last", b"POST /webhook/gate HTTP/1.1\r\ntransfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n", &[400]),
    ("unknown coding", b"POST /webhook/gate HTTP/1.1\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\n", &[400]),
    ("chunked in http/1.0", b"POST /webhook/gate HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", &[400]),
    ("chunk size of letters", b"POST /webhook/open HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n{}\r\n0\r\n\r\n", &[400, 0]),
    ("chunk size beyond u64", b"POST /webhook/open HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n{}\r\n0\r\n\r\n", &[400, 0]),
    ("chunk size of u64", b"POST /webhook/open HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffff\r\n{}\r\n0\r\n\r\n", &[400, 413, 0]),
    ("chunk longer than its size", b"POST /webhook/open HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1\r\n{}\r\n0\r\n\r\n", &[400, 0]),
    ("bare line feeds between chunks", b"POST /webhook/open HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n2\n{}\n0\n\n", &[400, 0]),
    ("path not utf-8", b"POST /webhook/\xff\xfe HTTP/1.1\r\n\r\n", &[400, 404]),
    ("path escaped not utf-8", b"POST /webhook/%ff%fe HTTP/1.1\r\n\r\n", &[404]),
    ("path climbing", b"POST /webhook/../webhook/gate HTTP/1.1\r\n\r\n", &[404]),
    ("nul in path", b"POST /webhook/gate%00 HTTP/1.1\r\n\r\n", &[404]),
    ("absolute form", b"POST http://elsewhere/webhook/gate HTTP/1.1\r\nhost: h\r\n\r\n", &[401]),
    ("asterisk form", b"OPTIONS * HTTP/1.1\r\nhost: h\r\n\r\n", &[404]),
    ("authority form", b"CONNECT h:80 HTTP/1.1\r\nhost: h\r\n\r\n", &[400, 404]),
    ("no path", b"POST http://h HTTP/1.1\r\nhost: h\r\n\r\n", &[404]),
    ("upgrade", b"GET /webhook/gate HTTP/1.1\r\nhost: h\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n", &[405]),
    ("unmet expectation", b"POST /webhook/gate HTTP/1.1\r\nexpect: the-moon\r\n\r\n", &[401, 417]),
];

#[tokio::test]
async fn no_hostile_request_gets_a_5xx_or_becomes_an_event() {
    let house = House::open().await;
    let mut wrong = Vec::new();
    for (name, request, right) in CASES {
        let status = house.send_whatever(request).await;
        if !right.contains(&status) {
            wrong.push(format!("{name}: {status}, not one of {right:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(house.receiver.counts().stored, 0);
    let answer = house.send(&house.signed("{}")).await;
    assert_eq!(answer.status, 200, "it still serves");
}

#[tokio::test]
async fn a_header_too_long_or_too_many_is_431() {
    let house = House::open().await;
    let long = format!(
        "POST /webhook/gate HTTP/1.1\r\nx: {}\r\n\r\n",
        "a".repeat(100_000)
    );
    assert_eq!(house.send_whatever(long.as_bytes()).await, 431);
    let endless = "a".repeat(1_000_000);
    assert!([431, 400, 0].contains(&house.send_whatever(endless.as_bytes()).await));
    let many: String = (0..70).map(|n| format!("x-{n}: y\r\n")).collect();
    let many = format!("POST /webhook/gate HTTP/1.1\r\n{many}\r\n");
    assert_eq!(house.send_whatever(many.as_bytes()).await, 431);
    let query = format!("POST /webhook/gate?{} HTTP/1.1\r\n\r\n", "a".repeat(80_000));
    assert!([414, 431, 400].contains(&house.send_whatever(query.as_bytes()).await));
}

#[tokio::test]
async fn a_request_smuggled_behind_a_refused_body_is_not_served() {
    let house = House::open().await;
    let smuggled = "POST /webhook/open HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\n{}";
    let request = format!(
        "POST /webhook/small HTTP/1.1\r\nhost: h\r\ncontent-length: {}\r\n\r\n{smuggled}",
        4000
    );
    assert_eq!(house.send_whatever(request.as_bytes()).await, 413);
    assert_eq!(house.receiver.counts().received, 0);
}
