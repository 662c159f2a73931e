//! The folder for files: how much it may hold, what a power cut leaves in it, and what people are
//! told about it.

use super::fake::Fake;
use super::house::{House, eventually, gate_config};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

const SMALL: &str = "[files]\nquota = \"1MiB\"\n";

fn with_status(house: &House, status: &str) -> Option<Value> {
    let mut actions = house.actions();
    actions.retain(|action| action["status"] == status);
    actions.pop()
}

/// What is left of files that were being written.
fn temporary(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    paths
        .filter(|path| path.extension().is_some_and(|end| end == "tmp"))
        .collect()
}

#[test]
fn what_has_no_room_waits_is_explained_and_is_done_when_somebody_has_made_room() {
    let lamp = Fake::start();
    let script = format!(
        "on(\"gate.*\", |event| {{ file::append(\"log.txt\", \"opened\\n\"); http::send(\"{}/on\"); }});",
        lamp.url()
    );
    let config = format!("{}{SMALL}", gate_config());
    let mut house = House::start(&config, &[("log.rhai", &script)]);
    let film = house.path().join("data/files/holidays.mp4");
    fs::write(&film, vec![0; 1 << 20]).expect("a file");
    house.post_ok("{\"type\":\"opened\"}");
    let action = eventually("the row was refused", || {
        let actions = house.actions();
        let row = actions.iter().find(|one| one["kind"] == "file.append")?;
        (row["attempts"] == 1).then(|| row.clone())
    });
    assert_eq!(action["error"]["kind"], "limit", "{action}");
    let message = action["error"]["message"].as_str().expect("a message");
    for part in [
        "log.txt: it needs",
        "data/files holds 1 MiB of the 1 MiB",
        "file::prune",
        "`quota` in [files] of porchlight.toml",
    ] {
        assert!(message.contains(part), "{part} in {message}");
    }
    house.wait_until_said("the folder for files is almost full");
    lamp.wait_for(1);
    assert_eq!(house.file("log.txt"), None);
    let output = house.porchlight(&["doctor"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    for part in [
        "bad   files    data/files holds 1 files of 1 MiB; it may hold 1 MiB: nothing more",
        "file::prune in a script",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    house.kill();
    fs::remove_file(&film).expect("it was there");
    house.restart();
    house.wait_for_file("log.txt", "opened\n");
    house.wait_for_done(2);
}

#[test]
fn a_script_makes_room_when_it_hears_of_a_refusal() {
    let script = r#"
on("gate.*", |event| {
    let page = "";
    page.pad(200000, 'x');
    file::save("pictures/new.txt", page);
});
on("action.failed", |event| {
    if event.data.error.kind == "limit" && event.data.kind == "file.save" {
        file::prune("pictures", #{ bytes: "500kB" });
    }
});
"#;
    let config = format!("{}{SMALL}", gate_config());
    let house = House::start(&config, &[("pictures.rhai", script)]);
    let folder = house.path().join("data/files/pictures");
    fs::create_dir_all(&folder).expect("folders");
    for number in 0..10 {
        let path = folder.join(number.to_string());
        fs::write(&path, vec![0; 100_000]).expect("a file");
        let then = SystemTime::now() - Duration::from_secs(86_400 * (number + 1));
        let file = fs::File::options().append(true).open(path);
        file.and_then(|file| file.set_modified(then))
            .expect("an older file");
    }
    house.post_ok("{\"type\":\"opened\"}");
    let done = house.wait_for_done(2);
    let saved = done.iter().find(|one| one["kind"] == "file.save");
    assert!(
        saved.is_some_and(|one| one["attempts"].as_u64() > Some(1)),
        "{done:?}"
    );
    assert_eq!(
        house.file("pictures/new.txt").map(|text| text.len()),
        Some(200_000)
    );
    assert!(folder.join("4").exists() && !folder.join("5").exists());
}

#[test]
fn what_a_power_cut_leaves_of_a_download_is_taken_away_later() {
    let camera = Fake::answering(
        "HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\nthe beginning of a film, and then",
    );
    camera.hold();
    let script = format!(
        "on(\"gate.opened\", |event| http::send(\"{}/clip\", #{{ method: \"GET\", save: \"clips/1.mp4\" }}));\n\
         on(\"gate.closed\", |event| file::append(\"log.txt\", \"closed\\n\"));",
        camera.url()
    );
    let mut house = House::start(&gate_config(), &[("clip.rhai", &script)]);
    let folder = house.path().join("data/files/clips");
    house.post_ok("{\"type\":\"opened\"}");
    camera.wait_for(1);
    camera.release();
    let left = eventually("the download has begun", || temporary(&folder).pop());
    house.kill();
    assert!(left.exists(), "nobody was there to take it away");
    // It is five minutes old now, and the download begins anew; that one is held.
    let then = SystemTime::now() - Duration::from_secs(300);
    let file = fs::File::options().append(true).open(&left);
    file.and_then(|file| file.set_modified(then))
        .expect("an older file");
    camera.hold();
    house.restart();
    house.post_ok("{\"type\":\"closed\"}");
    house.wait_for_file("log.txt", "closed\n");
    eventually("it is gone", || (!left.exists()).then_some(()));
    assert!(!folder.join("1.mp4").exists());
    camera.release();
}

#[test]
fn an_event_that_fills_the_folder_is_told_once_in_the_log_before_anything_is_refused() {
    let config = format!("{}{SMALL}", gate_config());
    let script = "on(\"gate.*\", |event| { let page = \"\"; page.pad(100000, 'x'); file::append(\"log.txt\", page); });";
    let house = House::start(&config, &[("log.rhai", script)]);
    for number in 1..=9 {
        house.post_ok(&format!("{{\"type\":\"opened\",\"n\":{number}}}"));
        house.wait_for_done(number);
    }
    let line = house.wait_until_said("the folder for files is almost full");
    assert!(line.contains("[files] quota"), "{line}");
    assert_eq!(house.count_said("almost full"), 1);
    assert_eq!(with_status(&house, "dead"), None);
}

#[test]
fn mistakes_about_the_quota_have_a_caret() {
    for (value, message, help) in [
        ("\"10\"", "`10` is no size", "MiB"),
        ("10", "a size such as \"16MiB\"", "a unit belongs to it"),
        ("\"0B\"", "`quota` must be 1MiB or more", "quota = \"off\""),
        ("\"1kB\"", "`quota` must be 1MiB or more", "quota = \"off\""),
        ("false", "a size such as \"16MiB\"", ""),
    ] {
        let config = format!("{}[files]\nquota = {value}\nqouta = 1\n", gate_config());
        let house = House::furnish(&config, &[]);
        let output = house.porchlight(&["check"]);
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert_eq!(output.status.code(), Some(1), "{text}");
        for part in [message, help, "--> porchlight.toml:5:9"] {
            assert!(text.contains(part), "{value}: {part} in {text}");
        }
        assert!(text.contains("unknown key `qouta`"), "{text}");
        assert!(text.contains("did you mean `quota`?"), "{text}");
    }
    for value in ["\"off\"", "\"1MiB\"", "\"1.5 TiB\""] {
        let config = format!("{}[files]\nquota = {value}\n", gate_config());
        let house = House::furnish(&config, &[]);
        let output = house.porchlight(&["check"]);
        assert_eq!(output.status.code(), Some(0), "{value}: {output:?}");
    }
}

#[test]
fn doctor_says_how_full_the_folder_is() {
    for (quota, level, words) in [
        (
            "\"10MiB\"",
            "ok",
            "holds 2 files of 1.72 MiB; it may hold 10 MiB",
        ),
        ("\"2MiB\"", "warn", "it may hold 2 MiB"),
        (
            "\"1MiB\"",
            "bad",
            "it may hold 1 MiB: nothing more can be written",
        ),
        ("\"off\"", "ok", "and may hold any amount"),
    ] {
        let house = House::furnish(&format!("[files]\nquota = {quota}\n"), &[]);
        let folder = house.path().join("data/files/clips");
        fs::create_dir_all(&folder).expect("folders");
        for name in ["1.mp4", "2.mp4"] {
            fs::write(folder.join(name), vec![0; 900_000]).expect("a file");
        }
        let outside = house.path().join("outside");
        fs::write(&outside, vec![0; 9_000_000]).expect("a file");
        std::os::unix::fs::symlink(&outside, folder.join("link")).expect("a link");
        let lines = house.json_lines(&["doctor", "--json"]);
        let line = lines.iter().find(|line| line["area"] == "files");
        let line = line.expect("it is looked at");
        assert_eq!(line["level"], level, "{line}");
        assert!(
            line["message"]
                .as_str()
                .is_some_and(|text| text.contains(words)),
            "{line}"
        );
    }
}

/// Runs a command of the program as somebody who isn't root; none where that can't be done.
fn as_nobody(house: &House, args: &[&str]) -> Option<String> {
    use std::os::unix::process::CommandExt as _;
    let mut command = std::process::Command::new(super::house::PROGRAM);
    command.args(args).arg("--home").arg(house.path());
    let is_root = fs::metadata("/proc/self").is_ok_and(|about| {
        use std::os::unix::fs::MetadataExt as _;
        about.uid() == 0
    });
    if is_root {
        command.uid(65_534).gid(65_534);
    }
    let output = command.output().ok()?;
    Some(String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

#[test]
fn a_folder_that_cannot_be_read_is_left_out_and_named() {
    use std::os::unix::fs::PermissionsExt as _;
    let house = House::furnish(SMALL, &[]);
    let mode = |path: &Path, mode: u32| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode");
    };
    let closed = house.path().join("data/files/closed");
    fs::create_dir_all(&closed).expect("folders");
    fs::write(closed.join("film.mp4"), vec![0; 2 << 20]).expect("a file");
    for folder in ["", "data", "data/files"] {
        mode(&house.path().join(folder), 0o777);
    }
    mode(&closed, 0);
    let doctor = as_nobody(&house, &["doctor"]);
    let act = as_nobody(&house, &["act", "file::save(\"a.txt\", \"here\")"]);
    mode(&closed, 0o700);
    let (Some(doctor), Some(act)) = (doctor, act) else {
        eprintln!("SKIPPED: this machine does not let the test run the program as somebody else");
        return;
    };
    for part in [
        "warn  files    ",
        "data/files/closed can't be read: Permission denied",
        "data/files holds 0 files of 0 B; it may hold 1 MiB",
    ] {
        assert!(doctor.contains(part), "{part} in {doctor}");
    }
    assert!(act.contains("a.txt, 4 bytes"), "{act}");
    assert_eq!(house.file("a.txt").as_deref(), Some("here"));
}
