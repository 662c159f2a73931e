//! Answers that go to a file: whole or not at all, and never out of the folder.

use crate::common::server::{answer, raw, serve};
use crate::common::{Home, home};
use porchlight_core::Retry;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

fn saves(url: &str, path: &str) -> Value {
    json!({"url": url, "method": "GET", "save": path})
}

/// What is in the folder for files, below it too.
fn all_files(home: &Home) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![home.files.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else {
                let path = entry.path();
                let name = path.strip_prefix(&home.files).unwrap();
                found.push(name.to_string_lossy().into_owned());
            }
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn an_answer_is_saved_whole_with_its_hash() {
    let clip: String = "0123456789abcdef".repeat(200_000);
    let body = clip.clone();
    let (base, _) = serve(move |_| answer(200, &body)).await;
    let home = home();
    let receipt = home.send(saves(&base, "clips/gate/1.mp4")).await.unwrap();
    assert_eq!(
        receipt.summary,
        "200 OK, clips/gate/1.mp4 saved, 3200000 bytes"
    );
    assert_eq!(receipt.detail["size"], 3_200_000);
    assert_eq!(receipt.detail["path"], "clips/gate/1.mp4");
    assert_eq!(receipt.detail["sha256"], hex::encode(Sha256::digest(&clip)));
    assert_eq!(
        (&receipt.detail["text"], &receipt.detail["json"]),
        (&json!(""), &Value::Null)
    );
    let saved = std::fs::read_to_string(home.files.join("clips/gate/1.mp4")).unwrap();
    assert!(saved == clip);
    assert_eq!(all_files(&home), ["clips/gate/1.mp4"]);
    // Who asks gets the same, and a second time replaces the first.
    let answer = home.ask(saves(&base, "clips/gate/1.mp4")).await.unwrap();
    assert_eq!(answer.detail["sha256"], receipt.detail["sha256"]);
    assert_eq!(all_files(&home), ["clips/gate/1.mp4"]);
}

#[tokio::test]
async fn what_is_not_whole_or_not_expected_leaves_what_was_there() {
    let home = home();
    std::fs::write(home.files.join("clip.mp4"), "yesterday's").unwrap();
    let (large, _) = serve(|_| answer(200, &"x".repeat(2 << 20))).await;
    let (missing, _) = serve(|_| answer(404, "<html>no such clip")).await;
    let torn = raw(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc", true).await;
    let chunked = raw(
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
        true,
    )
    .await;
    let hang = raw(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc", false).await;
    let endless = raw(b"HTTP/1.1 200 OK\r\n\r\nabcabcabcabcabc", true).await;
    for (url, cap, kind, retry) in [
        (&large, 1 << 20, "limit", Retry::Never),
        (&endless, 10, "limit", Retry::Never),
        (&missing, 1 << 20, "rejected", Retry::Never),
        (&torn, 1 << 20, "connect", Retry::Later),
        (&chunked, 1 << 20, "connect", Retry::Later),
        (&hang, 1 << 20, "timeout", Retry::Later),
    ] {
        let mut args = saves(url, "clip.mp4");
        args["max_body"] = cap.into();
        args["timeout_ms"] = 300.into();
        let error = home.send(args).await.unwrap_err();
        assert_eq!((error.kind.as_str(), error.retry), (kind, retry), "{error}");
        if kind == "rejected" {
            assert_eq!(error.detail["text"], "<html>no such clip");
        }
    }
    // A temporary file goes when its writer notices, on a thread of its own.
    let started = std::time::Instant::now();
    while all_files(&home) != ["clip.mp4"] {
        assert!(started.elapsed().as_secs() < 20, "{:?}", all_files(&home));
        tokio::task::yield_now().await;
    }
    let kept = std::fs::read_to_string(home.files.join("clip.mp4")).unwrap();
    assert_eq!(kept, "yesterday's");
}

#[tokio::test]
async fn an_answer_stays_in_the_folder() {
    let (base, log) = serve(|_| answer(200, "x")).await;
    let home = home();
    for path in ["../out", "/etc/out", "a/../../out", "", ".porchlight/x"] {
        let error = home.send(saves(&base, path)).await.unwrap_err();
        assert_eq!(
            (error.kind.as_str(), error.retry),
            ("config", Retry::Never),
            "{path}"
        );
    }
    let before = log.lock().unwrap().len();
    let mut args = saves(&base, "x");
    args["expect"] = json!(["status 2xx", "/ok = true"]);
    let error = home.send(args).await.unwrap_err();
    assert!(error.message.contains("`save`"), "{error}");
    let mut args = saves(&base, "x");
    args["max_body"] = json!(5_u64 << 30);
    assert!(home.send(args).await.unwrap_err().message.contains("4 GiB"));
    assert_eq!(log.lock().unwrap().len(), before);
    assert!(all_files(&home).is_empty());
}
