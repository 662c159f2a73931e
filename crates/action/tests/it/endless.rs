//! Targets that send without an end, or more than anybody can hold.

use crate::common::home;
use crate::common::server::{answer, last, serve};
use crate::hostile::{check, endless, fails};
use porchlight_core::Retry;
use serde_json::json;
use std::sync::atomic::Ordering::SeqCst;

#[tokio::test]
async fn a_target_that_sends_ten_gigabytes() {
    for (first, name) in [
        (&b"HTTP/1.1 200 OK\r\n\r\n"[..], "until it closes"),
        (
            b"HTTP/1.1 200 OK\r\ncontent-length: 10000000000\r\n\r\n",
            "with its length",
        ),
    ] {
        let (url, sent) = endless(first, vec![b'x'; 1 << 16]).await;
        let home = home();
        let error = home.ask(json!({ "url": url })).await.unwrap_err();
        check(&error, "limit", Retry::Never);
        assert_eq!(
            error.detail["text"].as_str().unwrap().len(),
            1 << 20,
            "{name}"
        );
        // A told request that was taken is done; a part of its answer is kept.
        let receipt = home.send(json!({ "url": url })).await.unwrap();
        assert_eq!(receipt.detail["text"].as_str().unwrap().len(), 16 << 10);
        // What was under way when we hung up fits the buffers of two sockets.
        assert!(
            sent.load(SeqCst) < 100 << 20,
            "{name}: {}",
            sent.load(SeqCst)
        );
    }
}

#[tokio::test]
async fn a_target_that_sends_a_gzip_bomb_nobody_asked_for() {
    // Ten bytes of gzip's head, then whatever; it is never inflated, whatever it says it is.
    let (url, _) = endless(
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n\x1f\x8b\x08\0\0\0\0\0\0\x03",
        vec![0; 1 << 16],
    )
    .await;
    let home = home();
    let args = json!({"url": url, "headers": {"accept-encoding": "gzip"}});
    let error = home.ask(args).await.unwrap_err();
    check(&error, "limit", Retry::Never);
    assert!(error.detail["text"].as_str().unwrap().chars().count() <= 1 << 20);
    let (base, log) = serve(|_| answer(200, "")).await;
    home.ask(json!({ "url": base })).await.unwrap();
    assert!(!last(&log).headers.contains_key("accept-encoding"));
}

#[tokio::test]
async fn a_target_that_says_100_continue_for_ever() {
    let flood = b"HTTP/1.1 100 Continue\r\n\r\n".repeat(1000);
    let (url, _) = endless(b"", flood).await;
    check(&fails(&home(), &url).await, "timeout", Retry::Later);
    let hints = b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n".repeat(1000);
    let (url, _) = endless(b"", hints).await;
    check(&fails(&home(), &url).await, "timeout", Retry::Later);
}

#[tokio::test]
async fn a_target_whose_head_never_ends() {
    let cases: [(&[u8], &[u8]); 4] = [
        (b"HTTP/1.1 200 OK\r\n", b"x-a: b\r\n"),
        (b"HTTP/1.1 200 OK\r\nx-long: ", b"xxxxxxxxxxxxxxxx"),
        (b"HTTP/1.1 200 ", b"OK and so on "),
        (b"", b"\r\n"),
    ];
    for (first, again) in cases {
        let (url, sent) = endless(first, again.repeat(4096)).await;
        let error = fails(&home(), &url).await;
        assert!(
            ["connect", "timeout"].contains(&error.kind.as_str()),
            "{error}"
        );
        assert_eq!(error.retry, Retry::Later);
        assert!(
            sent.load(SeqCst) < 100 << 20,
            "{error}: {}",
            sent.load(SeqCst)
        );
    }
}

#[tokio::test]
async fn a_target_whose_head_is_as_large_as_it_may_be_fills_no_record() {
    let (base, _) = serve(|_| {
        let mut response = answer(200, "ok");
        for number in 0..90 {
            let name = http::HeaderName::try_from(format!("x-{number}")).unwrap();
            let value = http::HeaderValue::try_from("v".repeat(4000)).unwrap();
            response.headers_mut().append(name, value);
        }
        response
    })
    .await;
    let receipt = home().send(json!({ "url": base })).await.unwrap();
    let size = receipt.detail["headers"].to_string().len();
    assert!((16 << 10..40 << 10).contains(&size), "{size}");
}

#[tokio::test]
async fn a_target_whose_chunks_never_end() {
    let cases: [(&[u8], &[u8]); 3] = [
        // Trailers, a chunk's extensions, and chunks of one byte.
        (
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n",
            b"x-a: b\r\n",
        ),
        (
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;",
            b"extension=1;",
        ),
        (
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
            b"1\r\nx\r\n",
        ),
    ];
    for (first, again) in cases {
        let (url, sent) = endless(first, again.repeat(4096)).await;
        let home = home();
        let args = json!({"url": url, "timeout_ms": 5000, "max_body": 4096});
        let error = home.ask(args).await.unwrap_err();
        assert!(
            ["connect", "timeout", "limit"].contains(&error.kind.as_str()),
            "{error}"
        );
        assert!(
            sent.load(SeqCst) < 100 << 20,
            "{error}: {}",
            sent.load(SeqCst)
        );
    }
}

#[tokio::test]
async fn a_target_whose_json_is_deep_or_huge() {
    let home = home();
    let (deep, _) = serve(|_| answer(200, &"[".repeat(100_000))).await;
    let found = home.ask(json!({ "url": deep })).await.unwrap();
    assert_eq!(found.detail["json"], json!(null));
    let (huge, _) = serve(|_| answer(200, &format!("[{}0]", "0,".repeat(5 << 20)))).await;
    let found = home
        .ask(json!({"url": huge, "max_body": 64 << 20}))
        .await
        .unwrap();
    // It stays text: as values it would take up a hundred times more.
    assert_eq!(found.detail["json"], json!(null));
    assert_eq!(found.detail["text"].as_str().unwrap().len(), (10 << 20) + 3);
}

#[tokio::test]
async fn a_target_that_refuses_with_an_endless_page_is_still_logged_into() {
    let (url, sent) = endless(
        b"HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Digest realm=\"x\", nonce=\"n\", qop=\"auth\"\r\n\r\n",
        vec![b'x'; 1 << 16],
    )
    .await;
    let auth = json!({"digest": {"user": "jo", "password": "pw"}});
    let error = home()
        .send(json!({"url": url, "auth": auth}))
        .await
        .unwrap_err();
    check(&error, "auth", Retry::Never);
    assert!(sent.load(SeqCst) < 100 << 20, "{}", sent.load(SeqCst));
}
