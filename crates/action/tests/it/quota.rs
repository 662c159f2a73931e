//! How much the folder for files may hold: whoever writes, and whatever becomes of it.

use crate::common::server::{answer, raw, serve};
use crate::common::{Home, home_with_quota};
use porchlight_core::{ActionError, Receipt, Retry};
use serde_json::json;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// Every plain file of the folder and below with its size; our notes of appends as well.
pub fn all_files(folder: &Path) -> Vec<(PathBuf, u64)> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let about = entry.metadata().unwrap();
            if about.is_dir() {
                folders.push(entry.path());
            } else if about.is_file() {
                found.push((entry.path(), about.len()));
            }
        }
    }
    found
}

pub fn size(home: &Home) -> u64 {
    all_files(&home.files).iter().map(|(_, size)| size).sum()
}

pub fn temporary(home: &Home) -> Vec<PathBuf> {
    let all = all_files(&home.files).into_iter().map(|(path, _)| path);
    let is_ours = |path: &PathBuf| path.to_string_lossy().contains("/.porchlight-");
    all.filter(|path| is_ours(path) && path.extension().is_some_and(|end| end == "tmp"))
        .collect()
}

pub async fn save(home: &Home, path: &str, size: usize) -> Result<Receipt, ActionError> {
    let args = json!({ "path": path, "text": "x".repeat(size) });
    home.perform("file.save", args, "1:0").await
}

pub async fn append(
    home: &Home,
    path: &str,
    text: &str,
    key: &str,
) -> Result<Receipt, ActionError> {
    let args = json!({ "path": path, "text": text });
    home.perform("file.append", args, key).await
}

pub fn is_refused(result: Result<Receipt, ActionError>, retry: Retry) -> String {
    let error = result.unwrap_err();
    assert_eq!(
        (error.kind.as_str(), error.retry),
        ("limit", retry),
        "{error}"
    );
    error.message
}

/// A file that was last written so many minutes ago.
pub fn aged(path: &Path, size: usize, minutes: u64) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, vec![0; size]).unwrap();
    let file = File::options().write(true).open(path).unwrap();
    let then = SystemTime::now() - Duration::from_secs(minutes * 60);
    file.set_modified(then).unwrap();
}

/// Time passes. It never does by itself in a test that calls this.
pub async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

#[tokio::test]
async fn what_has_no_room_is_refused_with_what_to_do_and_tried_again() {
    let home = home_with_quota(4096);
    save(&home, "a.txt", 3000).await.unwrap();
    let message = is_refused(save(&home, "sub/b.txt", 2048).await, Retry::Later);
    let folder = home.files.canonicalize().unwrap();
    for part in [
        "sub/b.txt: it needs 2 KiB more",
        &format!("{} holds 2.93 KiB of the 4 KiB", folder.display()),
        "file::prune",
        "`quota` in [files]",
    ] {
        assert!(message.contains(part), "{part} in {message}");
    }
    assert_eq!(size(&home), 3000, "nothing is left of it");
    // Smaller ones fit, up to the last byte.
    save(&home, "c.txt", 1096).await.unwrap();
    is_refused(save(&home, "d.txt", 1).await, Retry::Later);
    save(&home, "empty.txt", 0).await.unwrap();
    // No prune makes room for this.
    let message = is_refused(save(&home, "e.txt", 4097).await, Retry::Never);
    assert!(message.contains("may hold 4 KiB in all"), "{message}");
    assert_eq!(size(&home), 4096);
}

#[tokio::test]
async fn a_file_that_is_replaced_gives_back_its_size() {
    let home = home_with_quota(4096);
    for size in [4000, 4096, 4096, 96] {
        save(&home, "a.txt", size).await.unwrap();
    }
    save(&home, "b.txt", 4000).await.unwrap();
    let message = is_refused(save(&home, "a.txt", 97).await, Retry::Later);
    assert!(message.contains("needs 1 B more"), "{message}");
    assert_eq!(fs::read(home.files.join("a.txt")).unwrap().len(), 96);
}

#[tokio::test]
async fn an_append_that_has_no_room_leaves_the_file_as_it_was() {
    let home = home_with_quota(1000);
    append(&home, "log.txt", &"a".repeat(300), "1:0")
        .await
        .unwrap();
    // The note about the last append takes room, too.
    let before = size(&home);
    assert!(before > 600 && before < 800, "{before}");
    is_refused(
        append(&home, "log.txt", &"b".repeat(600), "2:0").await,
        Retry::Later,
    );
    is_refused(
        append(&home, "new.txt", &"b".repeat(600), "2:0").await,
        Retry::Later,
    );
    assert_eq!(size(&home), before);
    assert!(!home.files.join("new.txt").exists());
    // The one before is still known for done.
    append(&home, "log.txt", &"a".repeat(300), "1:0")
        .await
        .unwrap();
    assert_eq!(size(&home), before);
    append(&home, "log.txt", "last\n", "3:0").await.unwrap();
    let text = fs::read_to_string(home.files.join("log.txt")).unwrap();
    assert_eq!(text, "a".repeat(300) + "last\n");
}

#[tokio::test]
async fn an_append_needs_room_for_the_note_about_it_too() {
    let home = home_with_quota(600);
    let text = "a".repeat(400);
    is_refused(append(&home, "log.txt", &text, "1:0").await, Retry::Later);
    assert_eq!(size(&home), 0);
    let home = home.restarted_with_quota(Some(1000));
    append(&home, "log.txt", &text, "1:0").await.unwrap();
    assert!(size(&home) <= 1000, "{}", size(&home));
}

#[tokio::test]
async fn a_torn_append_is_only_completed_where_there_is_room() {
    let home = home_with_quota(2000);
    append(&home, "log.txt", &"a".repeat(500), "1:0")
        .await
        .unwrap();
    let file = File::options().write(true).open(home.files.join("log.txt"));
    file.unwrap().set_len(100).unwrap();
    fs::write(home.files.join("clip.mp4"), vec![0; 1200]).unwrap();
    let home = home.restarted_with_quota(Some(2000));
    is_refused(
        append(&home, "log.txt", &"a".repeat(500), "1:0").await,
        Retry::Later,
    );
    fs::remove_file(home.files.join("clip.mp4")).unwrap();
    let home = home.restarted_with_quota(Some(2000));
    append(&home, "log.txt", &"a".repeat(500), "1:0")
        .await
        .unwrap();
    let text = fs::read_to_string(home.files.join("log.txt")).unwrap();
    assert_eq!(text, "a".repeat(500));
}

#[tokio::test]
async fn sheets_stop_growing_at_the_quota_and_stay_whole() {
    for file in ["rows.csv", "rows.xlsx"] {
        let home = home_with_quota(20_000);
        let row = |number: u64| json!({"file": file, "row": {"n": number, "text": hex::encode(number.to_string().repeat(40))}});
        let mut added = 0;
        let message = loop {
            let key = format!("{added}:0");
            match home.perform("sheet.append", row(added), &key).await {
                Ok(_) => added += 1,
                refused => break is_refused(refused, Retry::Later),
            }
            assert!(size(&home) <= 20_000, "{file}: {}", size(&home));
            assert!(added < 5000);
        };
        assert!(
            message.starts_with(file) && added > 10,
            "{added}: {message}"
        );
        let rows = home
            .perform("sheet.read", json!({ "file": file }), "")
            .await;
        let rows = rows.unwrap().detail["rows"].as_array().unwrap().len();
        assert_eq!(rows as u64, added + 1, "{file}");
        assert!(temporary(&home).is_empty());
        // A new column writes the whole file anew, which needs no room for a second one.
        let wider = json!({"file": file, "row": {"n": 1, "more": "."}});
        let home = home.restarted_with_quota(Some(20_400));
        home.perform("sheet.append", wider, "w:0").await.unwrap();
        assert!(size(&home) <= 20_400, "{file}: {}", size(&home));
    }
}

#[tokio::test]
async fn a_download_that_has_no_room_is_not_fetched() {
    let home = home_with_quota(1 << 20);
    save(&home, "a.txt", 500_000).await.unwrap();
    // It says how long it is and sends nothing of it.
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 900000\r\n\r\n";
    let base = raw(head, false).await;
    let args = json!({"url": base, "method": "GET", "save": "clip.mp4", "timeout_ms": 20_000});
    let began = Instant::now();
    let message = is_refused(home.send(args).await, Retry::Later);
    assert!(began.elapsed() < Duration::from_secs(10));
    assert!(
        message.starts_with("clip.mp4: it needs 879 KiB more"),
        "{message}"
    );
    assert_eq!((size(&home), temporary(&home).len()), (500_000, 0));
    // One that is larger than all that there may be.
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 9000000\r\n\r\n";
    let args = json!({"url": raw(head, false).await, "method": "GET", "save": "clip.mp4"});
    is_refused(home.send(args).await, Retry::Never);
    // What was refused keeps no room.
    save(&home, "b.txt", (1 << 20) - 500_000).await.unwrap();
}

/// Sends bytes without saying how many will come; gives how many were taken.
pub async fn endless() -> (String, std::sync::Arc<std::sync::atomic::AtomicU64>) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let taken = std::sync::Arc::<std::sync::atomic::AtomicU64>::default();
    let counted = std::sync::Arc::clone(&taken);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
            while stream.write_all(&[b'x'; 16 << 10]).await.is_ok() {
                counted.fetch_add(16 << 10, std::sync::atomic::Ordering::SeqCst);
            }
        }
    });
    (base, taken)
}

#[tokio::test]
async fn a_download_that_does_not_say_its_size_is_broken_off_where_the_room_ends() {
    let home = home_with_quota(3 << 20);
    save(&home, "a.txt", 1 << 20).await.unwrap();
    let (base, taken) = endless().await;
    let args = json!({"url": base, "method": "GET", "save": "clip.mp4", "max_body": 1_u64 << 30});
    is_refused(home.send(args).await, Retry::Later);
    let taken = taken.load(std::sync::atomic::Ordering::SeqCst);
    assert!(taken < 64 << 20, "{taken} bytes were fetched");
    assert_eq!((size(&home), temporary(&home).len()), (1 << 20, 0));
    save(&home, "b.txt", 2 << 20).await.unwrap();
}

#[tokio::test]
async fn pieces_are_counted_together_and_one_that_breaks_off_gives_back() {
    let home = home_with_quota(10_000);
    let (base, _) = serve(|seen| match seen.line.as_str() {
        "GET /missing" => answer(404, "no"),
        _ => answer(200, &"x".repeat(4000)),
    })
    .await;
    let url = format!("{base}/first");
    for (pieces, outcome) in [
        (json!(["/two"]), "saved"),
        (json!(["/two", "/missing"]), "rejected"),
        (json!(["/two", "/three"]), "limit"),
        (json!(["/two"]), "saved"),
    ] {
        let args = json!({"url": url, "method": "GET", "save": "clip.mp4", "pieces": pieces});
        let result = home.send(args).await;
        let kind = result.map_or_else(|error| error.kind, |_| "saved".to_owned());
        assert_eq!(kind, outcome, "{pieces}");
    }
    assert_eq!(size(&home), 8000);
    save(&home, "b.txt", 2000).await.unwrap();
    is_refused(save(&home, "c.txt", 1).await, Retry::Later);
}

#[tokio::test]
async fn pruning_makes_room_at_once() {
    let home = home_with_quota(10_000);
    aged(&home.files.join("clips/old.mp4"), 7000, 600);
    save(&home, "a.txt", 2000).await.unwrap();
    is_refused(save(&home, "b.txt", 5000).await, Retry::Later);
    let rules = json!({"path": ".", "keep": "1h"});
    let receipt = home.perform("file.prune", rules, "").await.unwrap();
    assert_eq!(receipt.detail["freed"], 7000);
    save(&home, "b.txt", 8000).await.unwrap();
    is_refused(save(&home, "c.txt", 1).await, Retry::Later);
}

#[tokio::test]
async fn pruning_takes_away_what_was_noted_about_a_file_too() {
    let home = home_with_quota(10_000);
    for name in ["log/2026-11-01.txt", "log/2026-11-02.txt"] {
        append(&home, name, &"x".repeat(2000), "1:0").await.unwrap();
    }
    let (kept, old) = (
        home.files.join("log/2026-11-02.txt"),
        home.files.join("log/2026-11-01.txt"),
    );
    let file = File::options().append(true).open(&old).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(86_400 * 40))
        .unwrap();
    let before = size(&home);
    let rules = json!({"path": "log", "keep": "30d"});
    home.perform("file.prune", rules, "").await.unwrap();
    let after = size(&home);
    assert!(kept.exists() && before - after > 4000, "{before}, {after}");
    save(&home, "rest", usize::try_from(10_000 - after).unwrap())
        .await
        .unwrap();
    // The note of the one that stays still counts.
    append(&home, "log/2026-11-02.txt", &"x".repeat(2000), "1:0")
        .await
        .unwrap();
    assert_eq!(size(&home), 10_000);
}
