//! What counts against the quota of the folder for files, and what lies in it that nobody wants.

use crate::common::server::{answer, serve};
use crate::common::{Home, home, home_with_quota};
use crate::quota::*;
use porchlight_core::{ActionError, Receipt, Retry};
use serde_json::json;
use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

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
