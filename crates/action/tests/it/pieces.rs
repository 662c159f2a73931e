//! A file of many answers: joined in order, whole or not at all, whatever one of them does.

use crate::common::home;
use crate::common::server::{answer, serve};
use porchlight_core::{ActionError, Retry};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// A clip of three pieces, of which the last one need not be there.
fn clip(base: &str) -> Value {
    json!({
        "url": format!("{base}/a/init.mp4"),
        "method": "GET",
        "headers": {"x-auth-apikey": "k"},
        "save": "clips/1.mp4",
        "pieces": ["1.m4v", "../a/2.m4v"],
        "more_pieces": ["/a/3.m4v", "4.m4v", "5.m4v"],
    })
}

/// Answers three pieces, and one of them with this.
async fn with(odd: &'static str, how: Odd) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = vec![0; 4096];
                let size = stream.read(&mut head).await.unwrap_or(0);
                let head = String::from_utf8_lossy(&head[..size]).into_owned();
                if head.contains(odd) {
                    match how {
                        Odd::Hangs => std::future::pending().await,
                        Odd::Says(status) => {
                            let text =
                                format!("HTTP/1.1 {status} X\r\ncontent-length: 2\r\n\r\nno");
                            let _ = stream.write_all(text.as_bytes()).await;
                        }
                        Odd::Torn => {
                            let text = "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc";
                            let _ = stream.write_all(text.as_bytes()).await;
                        }
                        Odd::Endless => {
                            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
                            while stream.write_all(&[b'x'; 64 << 10]).await.is_ok() {}
                        }
                    }
                    return;
                }
                let text = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\nconnection: close\r\n\r\nabc";
                let _ = stream.write_all(text.as_bytes()).await;
            });
        }
    });
    base
}

#[derive(Clone, Copy)]
enum Odd {
    Hangs,
    Says(u16),
    Torn,
    Endless,
}

#[tokio::test]
async fn pieces_are_joined_in_order_until_one_is_not_there() {
    let (base, log) = serve(|seen| match seen.line.as_str() {
        "GET /a/init.mp4" => answer(200, "init "),
        "GET /a/1.m4v" => answer(200, "one "),
        "GET /a/2.m4v" => answer(200, "two "),
        "GET /a/3.m4v" => answer(200, "three"),
        _ => answer(404, "no more"),
    })
    .await;
    let home = home();
    let receipt = home.send(clip(&base)).await.unwrap();
    let whole = "init one two three";
    assert_eq!(receipt.summary, "200 OK, clips/1.mp4 saved, 18 bytes");
    assert_eq!(receipt.detail["pieces"], 4);
    assert_eq!(receipt.detail["sha256"], hex::encode(Sha256::digest(whole)));
    let saved = std::fs::read_to_string(home.files.join("clips/1.mp4")).unwrap();
    assert_eq!(saved, whole);
    let log = log.lock().unwrap();
    assert_eq!(log.len(), 5, "after the end nothing is asked for");
    assert!(log.iter().all(|seen| seen.headers["x-auth-apikey"] == "k"));
    assert_eq!(
        std::fs::read_dir(home.files.join("clips")).unwrap().count(),
        1
    );
}

#[tokio::test]
async fn whatever_one_piece_does_nothing_half_is_saved_and_memory_and_time_are_bounded() {
    let home = home();
    std::fs::create_dir_all(home.files.join("clips")).unwrap();
    std::fs::write(home.files.join("clips/1.mp4"), "yesterday's").unwrap();
    for (how, kind, retry, says) in [
        (Odd::Hangs, "timeout", Retry::Later, "no complete answer"),
        (Odd::Torn, "connect", Retry::Later, ""),
        (
            Odd::Endless,
            "limit",
            Retry::Never,
            "larger than 1048576 bytes",
        ),
        (
            Odd::Says(404),
            "rejected",
            Retry::Later,
            "piece 2 of 5 is not there yet",
        ),
        (
            Odd::Says(500),
            "vendor",
            Retry::Later,
            "piece 2 of 5: the answer was 500",
        ),
        (
            Odd::Says(403),
            "auth",
            Retry::Never,
            "piece 2 of 5: the answer was 403",
        ),
        (Odd::Says(302), "rejected", Retry::Never, "piece 2 of 5"),
    ] {
        let base = with("/a/2.m4v", how).await;
        let mut args = clip(&base);
        args["max_body"] = (1 << 20).into();
        args["timeout_ms"] = 1000.into();
        let error = home.send(args).await.unwrap_err();
        assert_eq!((error.kind.as_str(), error.retry), (kind, retry), "{error}");
        assert!(error.message.contains(says), "{error}");
        let kept = std::fs::read_to_string(home.files.join("clips/1.mp4")).unwrap();
        assert_eq!(kept, "yesterday's", "{error}");
    }
    // A try that fails later than at the second piece leaves nothing either; the next one is whole.
    let base = with("/a/5.m4v", Odd::Says(429)).await;
    let error = home.send(clip(&base)).await.unwrap_err();
    assert_eq!(
        (error.kind.as_str(), error.retry),
        ("limit", Retry::Later),
        "{error}"
    );
    let base = with("/a/5.m4v", Odd::Says(403)).await;
    home.send(clip(&base)).await.unwrap();
    let saved = std::fs::read_to_string(home.files.join("clips/1.mp4")).unwrap();
    assert_eq!(saved, "abc".repeat(5));
    // A temporary file goes when its writer notices, on a thread of its own.
    let started = std::time::Instant::now();
    while std::fs::read_dir(home.files.join("clips")).unwrap().count() > 1 {
        assert!(started.elapsed() < Duration::from_secs(20));
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_cap_is_for_all_of_them_together() {
    let base = with("/none", Odd::Hangs).await;
    let home = home();
    let mut args = clip(&base);
    args["more_pieces"] = json!([]);
    args["max_body"] = 9.into();
    home.send(args.clone()).await.unwrap();
    args["max_body"] = 8.into();
    let error = home.send(args).await.unwrap_err();
    assert_eq!((error.kind.as_str(), error.retry), ("limit", Retry::Never));
}

#[tokio::test]
async fn mistakes_about_pieces_are_said_before_anything_is_sent() {
    let (base, log) = serve(|_| answer(200, "x")).await;
    let home = home();
    let wrong = |name: &'static str, value: Value| {
        let mut args = clip(&base);
        args[name] = value;
        args
    };
    let many: Vec<String> = (0..1001).map(|n| n.to_string()).collect();
    for (args, says) in [
        (
            wrong("pieces", json!(["http://other.lan/1"])),
            "same host and port",
        ),
        (
            wrong("more_pieces", json!(["//other.lan/1"])),
            "same host and port",
        ),
        (wrong("pieces", json!(["https:///1"])), "same host and port"),
        (
            wrong("pieces", json!([1])),
            "addresses, as seen from the first",
        ),
        (wrong("pieces", json!("1")), "`pieces`"),
        (wrong("pieces", json!(many)), "at most 1000 pieces"),
        (wrong("method", json!("POST")), "a GET with `save`"),
        (wrong("save", Value::Null), "a GET with `save`"),
    ] {
        let error: ActionError = home.send(args).await.unwrap_err();
        assert_eq!((error.kind.as_str(), error.retry), ("config", Retry::Never));
        assert!(error.message.contains(says), "{says}: {error}");
    }
    assert!(log.lock().unwrap().is_empty());
}
