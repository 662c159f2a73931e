//! Targets that do whatever a target should not: each costs its own action a bounded time and
//! memory, and ends as the kind of error that says whether to try again.

use crate::common::server::{answer, last, raw, serve};
use crate::common::{Home, home};
use hyper::Response;
use porchlight_core::{ActionError, Retry};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// How long a request is given here. Long enough for a slow machine to answer, short for a test.
pub const LIMIT_MS: u64 = 400;

/// Sends `first`, then `again` over and over, until nobody takes it or 10 GB are through.
/// Gives the address, and how many bytes were taken.
pub async fn endless(first: &'static [u8], again: Vec<u8>) -> (String, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let sent = Arc::new(AtomicU64::new(0));
    let (again, counted) = (Arc::new(again), Arc::clone(&sent));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (again, sent) = (Arc::clone(&again), Arc::clone(&counted));
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 4096]).await;
                let _ = stream.write_all(first).await;
                while sent.load(SeqCst) < 10_000_000_000 {
                    if stream.write_all(&again).await.is_err() {
                        return;
                    }
                    sent.fetch_add(again.len() as u64, SeqCst);
                }
            });
        }
    });
    (base, sent)
}

pub async fn fails(home: &Home, url: &str) -> ActionError {
    let started = Instant::now();
    let args = json!({"url": url, "timeout_ms": LIMIT_MS});
    let error = home.send(args).await.unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(20), "{error}");
    error
}

pub fn check(error: &ActionError, kind: &str, retry: Retry) {
    assert_eq!((error.kind.as_str(), error.retry), (kind, retry), "{error}");
}

#[tokio::test]
async fn a_target_that_never_takes_the_connection_up() {
    // It listens, and nobody ever accepts.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    check(&fails(&home(), &url).await, "timeout", Retry::Later);
}

#[tokio::test]
async fn a_target_that_hangs_before_in_and_after_the_head() {
    for begins in [
        &b""[..],
        b"HTTP/1.1 2",
        b"HTTP/1.1 200 OK\r\ncontent-le",
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab",
    ] {
        let url = raw(begins, false).await;
        check(&fails(&home(), &url).await, "timeout", Retry::Later);
    }
}

#[tokio::test]
async fn a_target_that_hangs_in_the_handshake() {
    let url = raw(b"", false).await.replace("http:", "https:");
    check(&fails(&home(), &url).await, "timeout", Retry::Later);
    let url = raw(b"\x16\x03\x03\x00\x40half", false).await;
    let url = url.replace("http:", "https:");
    check(&fails(&home(), &url).await, "timeout", Retry::Later);
}

#[tokio::test]
async fn a_target_that_drips_is_as_slow_as_one_that_hangs() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 4096]).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
        let mut drip = tokio::time::interval(Duration::from_millis(10));
        while stream.write_all(b"x").await.is_ok() {
            drip.tick().await;
        }
    });
    check(&fails(&home(), &url).await, "timeout", Retry::Later);
}

#[tokio::test]
async fn a_target_that_resets_or_closes() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let resets = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // What was sent is never read, so closing is a reset.
            stream.readable().await.unwrap();
            drop(stream);
        }
    });
    check(&fails(&home(), &resets).await, "connect", Retry::Later);
    for begins in [
        &b""[..],
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabcde\r\n",
    ] {
        let url = raw(begins, true).await;
        check(&fails(&home(), &url).await, "connect", Retry::Later);
    }
}

#[tokio::test]
async fn a_target_that_speaks_something_else() {
    for begins in [
        &b"SSH-2.0-OpenSSH_9.2\r\n"[..],
        b"220 mail ESMTP\r\n",
        b"\x00\xFF\x00\xFF\r\n\r\n",
        b"HTTP/1.1 banana\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: banana\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\na b: c\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
    ] {
        let url = raw(begins, true).await;
        check(&fails(&home(), &url).await, "connect", Retry::Later);
    }
}

#[tokio::test]
async fn a_target_that_answers_200_and_means_no() {
    let (base, _) = serve(|_| answer(200, r#"{"ok":false,"error":"no_such_channel"}"#)).await;
    let home = home();
    // Nobody said what success is.
    home.send(json!({ "url": base })).await.unwrap();
    for expect in [["/ok = true"], ["/error empty"], ["text ok"]] {
        let error = home.send(json!({"url": base, "expect": expect})).await;
        let error = error.unwrap_err();
        check(&error, "vendor", Retry::Never);
        assert_eq!(error.detail["json"]["error"], "no_such_channel");
    }
}

#[tokio::test]
async fn a_target_that_leads_elsewhere_gets_no_further_than_it_should() {
    let (other, other_log) = serve(|seen| answer(200, &format!("{:?}", seen.headers))).await;
    let elsewhere = other.clone();
    let (base, log) = serve(move |seen| {
        let to = match seen.line.split(' ').nth(1) {
            Some("/other") => format!("{elsewhere}/x"),
            Some("/loop") => "/loop".to_owned(),
            Some("/ping") => "/pong".to_owned(),
            Some("/pong") => "/ping".to_owned(),
            Some("/file") => "file:///etc/passwd".to_owned(),
            Some("/gopher") => "gopher://127.0.0.1:25/x".to_owned(),
            Some("/nowhere") => "http://".to_owned(),
            Some("/bytes") => return answer_with_bytes(),
            Some("/long") => format!("/{}", "x".repeat(60_000)),
            _ => "/end-that-never-comes".to_owned(),
        };
        Response::builder()
            .status(302)
            .header("location", to)
            .body(String::new())
            .unwrap()
    })
    .await;
    let home = home();
    for path in [
        "/loop", "/ping", "/file", "/gopher", "/nowhere", "/bytes", "/long",
    ] {
        let before = log.lock().unwrap().len();
        let error = home.ask(json!({"url": format!("{base}{path}")})).await;
        check(&error.unwrap_err(), "rejected", Retry::Never);
        assert!(log.lock().unwrap().len() - before <= 6, "{path}");
    }
    for auth in [
        json!({"bearer": "s3cret"}),
        json!({"basic": {"user": "jo", "password": "s3cret"}}),
        json!({"aws": {"region": "r", "service": "s3", "key": "k", "secret": "s", "token": "s3cret"}}),
    ] {
        let args = json!({
            "url": format!("{base}/other"),
            "auth": auth,
            "headers": {"x-api-key": "s3cret", "cookie": "s3cret", "accept": "text/plain"},
        });
        home.ask(args).await.unwrap();
        let seen = last(&other_log);
        let mut names: Vec<&str> = seen.headers.keys().map(|name| name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["accept", "host", "user-agent"]);
    }
    // What changes something is never led anywhere.
    let before = other_log.lock().unwrap().len();
    let error = home.send(json!({"url": format!("{base}/other")})).await;
    check(&error.unwrap_err(), "rejected", Retry::Never);
    assert_eq!(other_log.lock().unwrap().len(), before);
}

#[tokio::test]
async fn a_target_that_hangs_keeps_nobody_else_waiting() {
    let hang = raw(b"", false).await;
    let (base, _) = serve(|_| answer(200, "ok")).await;
    let home = Arc::new(home());
    let held = Arc::clone(&home);
    let stuck = tokio::spawn(async move {
        let all = (0..50).map(|_| held.ask(json!({"url": hang, "timeout_ms": 5000})));
        futures_util::future::join_all(all).await
    });
    for _ in 0..50 {
        home.ask(json!({ "url": base })).await.unwrap();
    }
    assert!(!stuck.is_finished());
    stuck.abort();
}

fn answer_with_bytes() -> Response<String> {
    let location = http::HeaderValue::from_bytes(b"/caf\xE9").unwrap();
    let mut response = answer(302, "");
    response.headers_mut().insert("location", location);
    response
}
