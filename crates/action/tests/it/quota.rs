//! How much the folder for files may hold: whoever writes, and whatever becomes of it.

use crate::common::server::{answer, raw, serve};
use crate::common::{Home, home, home_with_quota};
use porchlight_core::{ActionError, Receipt, Retry};
use serde_json::json;
use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// Every plain file of the folder and below with its size; our notes of appends as well.
fn all_files(folder: &Path) -> Vec<(PathBuf, u64)> {
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

fn size(home: &Home) -> u64 {
    all_files(&home.files).iter().map(|(_, size)| size).sum()
}

fn temporary(home: &Home) -> Vec<PathBuf> {
    let all = all_files(&home.files).into_iter().map(|(path, _)| path);
    let is_ours = |path: &PathBuf| path.to_string_lossy().contains("/.porchlight-");
    all.filter(|path| is_ours(path) && path.extension().is_some_and(|end| end == "tmp"))
        .collect()
}

async fn save(home: &Home, path: &str, size: usize) -> Result<Receipt, ActionError> {
    let args = json!({ "path": path, "text": "x".repeat(size) });
    home.perform("file.save", args, "1:0").await
}

async fn append(home: &Home, path: &str, text: &str, key: &str) -> Result<Receipt, ActionError> {
    let args = json!({ "path": path, "text": text });
    home.perform("file.append", args, key).await
}

fn is_refused(result: Result<Receipt, ActionError>, retry: Retry) -> String {
    let error = result.unwrap_err();
    assert_eq!(
        (error.kind.as_str(), error.retry),
        ("limit", retry),
        "{error}"
    );
    error.message
}

/// A file that was last written so many minutes ago.
fn aged(path: &Path, size: usize, minutes: u64) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, vec![0; size]).unwrap();
    let file = File::options().write(true).open(path).unwrap();
    let then = SystemTime::now() - Duration::from_secs(minutes * 60);
    file.set_modified(then).unwrap();
}

/// Time passes. It never does by itself in a test that calls this.
async fn pass(time: Duration) {
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
async fn endless() -> (String, std::sync::Arc<std::sync::atomic::AtomicU64>) {
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

#[tokio::test]
async fn what_people_delete_and_add_by_hand_is_noticed() {
    let home = home_with_quota(10_000);
    save(&home, "a.txt", 9000).await.unwrap();
    pass(Duration::from_secs(61)).await;
    fs::remove_file(home.files.join("a.txt")).unwrap();
    save(&home, "b.txt", 9000).await.unwrap();
    // It has just been counted, so not again within a minute.
    fs::remove_file(home.files.join("b.txt")).unwrap();
    is_refused(save(&home, "c.txt", 5000).await, Retry::Later);
    pass(Duration::from_secs(61)).await;
    save(&home, "c.txt", 5000).await.unwrap();
    fs::write(home.files.join("by hand.iso"), vec![0; 4000]).unwrap();
    pass(Duration::from_secs(3601)).await;
    is_refused(save(&home, "d.txt", 2000).await, Retry::Later);
    save(&home, "d.txt", 1000).await.unwrap();
}

#[tokio::test]
async fn writers_at_the_same_time_never_hold_more_than_the_quota() {
    let home = home_with_quota(100_000);
    let (base, _) = serve(|_| answer(200, &"x".repeat(7000))).await;
    let work = (0..40).map(|number: usize| {
        let (home, base) = (&home, &base);
        async move {
            match number % 4 {
                0 => {
                    let args =
                        json!({"url": base, "method": "GET", "save": format!("{number}.mp4")});
                    home.send(args).await
                }
                1 => append(home, &format!("{number}.txt"), &"y".repeat(6000), "k").await,
                _ => save(home, &format!("{number}.bin"), 5000).await,
            }
        }
    });
    let results = futures_util::future::join_all(work).await;
    let done = results.iter().filter(|result| result.is_ok()).count();
    for error in results.into_iter().filter_map(Result::err) {
        assert_eq!((error.kind.as_str(), error.retry), ("limit", Retry::Later));
    }
    let used = size(&home);
    assert!(used <= 100_000, "{used}");
    assert!(used > 85_000 && (10..40).contains(&done), "{used}, {done}");
    assert!(temporary(&home).is_empty());
    // To the byte: what was promised and not used was given back.
    let left = usize::try_from(100_000 - used).unwrap();
    save(&home, "rest", left).await.unwrap();
    is_refused(save(&home, "one more", 1).await, Retry::Later);
}

#[tokio::test]
async fn counting_while_others_write_loses_nothing_of_what_they_write() {
    let home = home_with_quota(30_000);
    // Many files make a count last long enough for others to write meanwhile.
    for number in 0..2000 {
        aged(
            &home.files.join(format!("many/{}/{number}", number % 20)),
            1,
            0,
        );
    }
    let mut random = 1_u64;
    let mut next = |below: u64| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (random >> 33) % below
    };
    let (mut done, mut refused) = (0, 0);
    for round in 0..30 {
        let works: Vec<(String, usize)> = (0..12)
            .map(|_| (format!("f{}", next(25)), next(4000) as usize))
            .collect();
        // Every second round begins with a count.
        if round % 2 == 0 {
            pass(Duration::from_secs(7200)).await;
        }
        let work = works.iter().map(|(name, size)| save(&home, name, *size));
        for result in futures_util::future::join_all(work).await {
            match result {
                Ok(_) => done += 1,
                refusal => {
                    is_refused(refusal, Retry::Later);
                    refused += 1;
                }
            }
        }
        let used = size(&home);
        assert!(used <= 30_000, "{used} in round {round}");
    }
    assert!(done > 50 && refused > 10, "{done} done, {refused} refused");
    assert!(temporary(&home).is_empty());
}

#[tokio::test]
async fn a_restart_counts_what_is_there() {
    let home = home_with_quota(10_000);
    save(&home, "deep/in/a.txt", 6000).await.unwrap();
    let home = home.restarted_with_quota(Some(10_000));
    is_refused(save(&home, "b.txt", 5000).await, Retry::Later);
    // A lower limit than what is there refuses everything new, and nothing that doesn't grow.
    let home = home.restarted_with_quota(Some(5000));
    is_refused(save(&home, "b.txt", 1).await, Retry::Later);
    save(&home, "deep/in/a.txt", 6000).await.unwrap();
    let home = home.restarted_with_quota(None);
    save(&home, "b.txt", 100_000).await.unwrap();
}

#[tokio::test]
async fn links_are_not_followed_and_not_counted() {
    let home = home_with_quota(10_000);
    let outside = home.files.parent().unwrap().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("large.bin"), vec![0; 50_000]).unwrap();
    aged(&outside.join(".porchlight-abc123.tmp"), 10, 60 * 24 * 3);
    symlink(&outside, home.files.join("folder")).unwrap();
    symlink(outside.join("large.bin"), home.files.join("file")).unwrap();
    symlink(&home.files, home.files.join("round")).unwrap();
    symlink(
        outside.join("large.bin"),
        home.files.join(".porchlight-link01.tmp"),
    )
    .unwrap();
    save(&home, "a.txt", 9000).await.unwrap();
    is_refused(save(&home, "b.txt", 2000).await, Retry::Later);
    assert!(outside.join(".porchlight-abc123.tmp").exists());
    assert!(outside.join("large.bin").exists());
}

#[tokio::test]
async fn a_folder_that_cannot_be_read_is_left_out_of_the_count() {
    let home = home_with_quota(10_000);
    let closed = home.files.join("closed");
    fs::create_dir(&closed).unwrap();
    fs::write(closed.join("a.bin"), vec![0; 9000]).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
    // Root may read everything.
    let is_root = fs::read_dir(&closed).is_ok();
    let saved = save(&home, "b.txt", 5000).await;
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
    if is_root {
        is_refused(saved, Retry::Later);
    } else {
        saved.unwrap();
    }
}

#[tokio::test]
async fn what_a_crash_left_is_taken_away_and_what_is_being_written_is_not() {
    let home = home();
    let path = |name: &str| home.files.join(name);
    aged(&path("clips/.porchlight-left01.tmp"), 5000, 5);
    aged(&path(".porchlight-young1.tmp"), 10, 0);
    aged(&path("clips/.porchlight-mine.txt"), 10, 9999);
    aged(&path("clips/other.tmp"), 10, 9999);
    let held = path(".porchlight-held01.tmp");
    aged(&held, 2000, 60 * 24 * 30);
    let writer = File::options().write(true).open(&held).unwrap();
    writer.lock().unwrap();
    let home = home.restarted_with_quota(Some(10_000));
    save(&home, "a.txt", 9000).await.unwrap();
    let mut left: Vec<String> = all_files(&home.files)
        .iter()
        .map(|(path, _)| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    left.sort();
    assert_eq!(
        left,
        [
            ".porchlight-held01.tmp",
            ".porchlight-mine.txt",
            ".porchlight-young1.tmp",
            "a.txt",
            "other.tmp"
        ]
    );
    // The writer has gone, and the young one has become older.
    drop(writer);
    aged(&home.files.join(".porchlight-young1.tmp"), 10, 5);
    pass(Duration::from_secs(121)).await;
    save(&home, "b.txt", 1).await.unwrap();
    assert!(temporary(&home).is_empty(), "{:?}", temporary(&home));
}

/// A camera that sends three bytes of six, lets something happen, and sends the rest.
async fn slowly<T>(
    home: &Home,
    meanwhile: impl AsyncFnOnce(PathBuf) -> T,
) -> (Result<Receipt, ActionError>, T) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let hours = Duration::from_secs(7200);
    let args = json!({"url": url, "method": "GET", "save": "clip.mp4", "timeout_ms": 7_200_000});
    let slow = home.performer.perform("http.send", &args, "7:0", hours);
    let serve = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 4096]).await.unwrap();
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nabc";
        stream.write_all(head).await.unwrap();
        let began = Instant::now();
        let file = loop {
            let written = temporary(home);
            match written.first() {
                Some(path) if fs::metadata(path).unwrap().len() == 3 => break path.clone(),
                _ => tokio::task::yield_now().await,
            }
            assert!(began.elapsed() < Duration::from_secs(20));
        };
        let happened = meanwhile(file).await;
        stream.write_all(b"def").await.unwrap();
        happened
    };
    tokio::join!(slow, serve)
}

#[tokio::test]
async fn a_download_that_comes_slowly_is_neither_pruned_nor_taken_for_a_leftover() {
    let home = home_with_quota(10_000);
    let (sent, ()) = slowly(&home, async |file| {
        let then = SystemTime::now() - Duration::from_secs(3 * 86_400);
        let file = File::options().append(true).open(file).unwrap();
        file.set_modified(then).unwrap();
        let rules = json!({"path": ".", "files": 0});
        home.perform("file.prune", rules, "").await.unwrap();
        // Its room is promised, and the folder is counted anew for this one.
        pass(Duration::from_secs(3601)).await;
        is_refused(save(&home, "b.txt", 9995).await, Retry::Later);
        save(&home, "b.txt", 9994).await.unwrap();
    })
    .await;
    sent.unwrap();
    assert_eq!(fs::read(home.files.join("clip.mp4")).unwrap(), b"abcdef");
    is_refused(save(&home, "c.txt", 1).await, Retry::Later);
}

#[tokio::test]
async fn a_file_whose_old_self_went_while_it_was_written_needs_room_of_its_own() {
    for (other, arrives) in [(9995, false), (9994, true)] {
        let home = home_with_quota(10_000);
        aged(&home.files.join("clip.mp4"), 6, 60);
        let (sent, ()) = slowly(&home, async |_| {
            let rules = json!({"path": ".", "keep": "1m"});
            let pruned = home.perform("file.prune", rules, "").await.unwrap();
            assert_eq!(pruned.detail["freed"], 6);
            save(&home, "b.txt", other).await.unwrap();
        })
        .await;
        if !arrives {
            is_refused(sent, Retry::Later);
        }
        assert_eq!(home.files.join("clip.mp4").exists(), arrives);
        assert!(size(&home) <= 10_000 && temporary(&home).is_empty());
    }
}
