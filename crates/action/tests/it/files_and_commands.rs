//! Files that stay in their folder, and programs that end.

use crate::common::{home, home_with};
use porchlight_core::Retry;
use serde_json::json;
use std::fs;
use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};

#[tokio::test]
async fn files_are_saved_appended_and_read() {
    let home = home();
    let blob = json!({"$blob": "abc"});
    home.perform(
        "file.save",
        json!({"path": "a/b/car.jpg", "blob": blob}),
        "1:0",
    )
    .await
    .unwrap();
    assert_eq!(
        fs::read(home.files.join("a/b/car.jpg")).unwrap(),
        crate::common::BLOB
    );
    home.perform(
        "file.save",
        json!({"path": "n.txt", "text": "one\n"}),
        "1:1",
    )
    .await
    .unwrap();
    for key in ["2:0", "2:0", "3:0"] {
        home.perform(
            "file.append",
            json!({"path": "n.txt", "text": "two\n"}),
            key,
        )
        .await
        .unwrap();
    }
    let read = home
        .perform("file.read", json!({"path": "n.txt"}), "")
        .await
        .unwrap();
    assert_eq!(read.detail["text"], "one\ntwo\ntwo\n");
    let error = home
        .perform("file.read", json!({"path": "none.txt"}), "")
        .await
        .unwrap_err();
    assert_eq!((error.kind.as_str(), error.retry), ("io", Retry::Never));
    let left: Vec<_> = fs::read_dir(home.files.join("a/b")).unwrap().collect();
    assert_eq!(left.len(), 1, "no temporary file stays behind");
}

/// A file of so many bytes that is so many minutes old.
fn aged(home: &crate::common::Home, name: &str, size: usize, minutes: u64) {
    let path = home.files.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, vec![0; size]).unwrap();
    let then = std::time::SystemTime::now() - Duration::from_secs(minutes * 60);
    let file = fs::File::options().write(true).open(&path).unwrap();
    file.set_modified(then).unwrap();
}

#[tokio::test]
async fn pruning_takes_away_the_oldest_files_until_every_rule_holds() {
    for (rules, stay) in [
        (json!({"keep": "30m"}), &["p/a", "p/b"][..]),
        (json!({"files": 3}), &["p/a", "p/b", "p/s/c"]),
        (json!({"bytes": 25}), &["p/a", "p/b"]),
        (
            json!({"bytes": "1kB", "keep": "1d"}),
            &["p/a", "p/b", "p/s/c", "p/s/d"],
        ),
        // What is young stays, whatever the rule says.
        (json!({"files": 0}), &["p/a"]),
    ] {
        let home = home();
        for (name, minutes) in [
            ("p/a", 0),
            ("p/b", 10),
            ("p/s/c", 60),
            ("p/s/d", 90),
            ("q", 999),
        ] {
            aged(&home, name, 10, minutes);
        }
        symlink(home.files.join("q"), home.files.join("p/link")).unwrap();
        let mut args = rules.clone();
        args["path"] = "p".into();
        let receipt = home.perform("file.prune", args, "1:0").await.unwrap();
        let left = ["p/a", "p/b", "p/s/c", "p/s/d"].into_iter();
        let left: Vec<_> = left.filter(|name| home.files.join(name).exists()).collect();
        assert_eq!(left, stay, "{rules}");
        assert_eq!(receipt.detail["kept"], stay.len(), "{rules}");
        assert!(home.files.join("q").exists() && home.files.join("p/link").is_symlink());
    }
}

#[tokio::test]
async fn pruning_stays_inside_the_folder_and_wants_a_rule() {
    let home = home();
    symlink("/tmp", home.files.join("out")).unwrap();
    for args in [
        json!({"path": "p"}),
        json!({"path": "..", "files": 1}),
        json!({"path": "/tmp", "files": 1}),
        json!({"path": "out", "files": 1}),
        json!({"path": ".porchlight", "files": 1}),
        json!({"path": "p", "keep": "long"}),
        json!({"path": "p", "bytes": "big"}),
    ] {
        let error = home
            .perform("file.prune", args.clone(), "")
            .await
            .unwrap_err();
        assert_eq!(
            (error.kind.as_str(), error.retry),
            ("config", Retry::Never),
            "{args}"
        );
    }
    let args = json!({"path": "not/there", "files": 1});
    assert!(home.perform("file.prune", args, "").await.is_ok());
    let args = json!({"path": ".", "files": 1});
    assert!(home.perform("file.prune", args, "").await.is_ok());
}

#[tokio::test]
async fn no_path_leads_out_of_the_folder() {
    let home = home();
    let outside = home.files.parent().unwrap().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("secret.txt"), "secret").unwrap();
    symlink(&outside, home.files.join("link")).unwrap();
    symlink(outside.join("secret.txt"), home.files.join("leak.txt")).unwrap();
    symlink(outside.join("new.txt"), home.files.join("dangling.csv")).unwrap();
    for path in [
        "",
        "/etc/passwd",
        "../outside/secret.txt",
        "a/../../outside/secret.txt",
        ".",
        "..",
        "a//b",
        "a/",
        "link/secret.txt",
        "leak.txt",
        "dangling.csv",
        "a\\b",
        "a\u{0}b",
        "a\nb",
        ".porchlight/x",
    ] {
        for (kind, args) in [
            ("file.save", json!({"path": path, "text": "x"})),
            ("file.append", json!({"path": path, "text": "x"})),
            ("file.read", json!({"path": path})),
        ] {
            let error = home.perform(kind, args, "1:0").await.unwrap_err();
            assert_eq!(error.kind, "config", "{kind} {path:?}: {error}");
        }
    }
    let args = json!({"file": "dangling.csv", "row": [1]});
    assert_eq!(
        home.perform("sheet.append", args, "")
            .await
            .unwrap_err()
            .kind,
        "config"
    );
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
    assert_eq!(
        fs::read_to_string(outside.join("secret.txt")).unwrap(),
        "secret"
    );
}

#[tokio::test]
async fn a_file_that_is_too_large_is_not_read() {
    let home = home();
    fs::write(home.files.join("big.txt"), vec![b'x'; (4 << 20) + 1]).unwrap();
    let error = home
        .perform("file.read", json!({"path": "big.txt"}), "")
        .await
        .unwrap_err();
    assert_eq!(error.kind, "limit");
}

#[tokio::test]
async fn a_command_gets_json_and_a_clean_environment() {
    let home = home_with(&[
        ("echo", "cat"),
        ("env", "env | cut -d= -f1 | sort | tr '\\n' ' '"),
        ("fail", "echo oops >&2; exit 3"),
        ("later", "exit 75"),
    ]);
    let run = |name: &'static str| {
        home.perform(
            "command.run",
            json!({"name": name, "input": {"a": [1, "ü"]}}),
            "4:2",
        )
    };
    let receipt = run("echo").await.unwrap();
    assert_eq!(receipt.detail["json"], json!({"a": [1, "ü"]}));
    let names = run("env").await.unwrap().detail["stdout"]
        .as_str()
        .unwrap()
        .to_owned();
    for name in names.split_whitespace() {
        let ours = [
            "HOME",
            "LANG",
            "PATH",
            "PORCHLIGHT_COMMAND",
            "PORCHLIGHT_KEY",
        ];
        let of_the_shell = ["PWD", "SHLVL", "_", "OLDPWD"];
        assert!(
            ours.contains(&name) || of_the_shell.contains(&name),
            "{names}"
        );
    }
    let error = run("fail").await.unwrap_err();
    assert_eq!(
        (error.kind.as_str(), error.retry),
        ("rejected", Retry::Never)
    );
    assert!(error.message.ends_with("exit code 3: oops"), "{error}");
    assert_eq!(run("later").await.unwrap_err().retry, Retry::Later);
    let error = run("ecko").await.unwrap_err();
    assert!(error.message.contains("did you mean `echo`?"), "{error}");
}

#[tokio::test]
async fn long_output_keeps_its_head_and_its_tail() {
    let home = home_with(&[(
        "long",
        "i=0; while [ $i -lt 2000 ]; do echo line$i; i=$((i+1)); done",
    )]);
    let receipt = home
        .perform("command.start", json!({"name": "long"}), "1:0")
        .await
        .unwrap();
    let text = receipt.detail["stdout"].as_str().unwrap();
    assert!(
        text.starts_with("line0\n") && text.ends_with("line1999\n"),
        "{text}"
    );
    assert!(
        text.contains("bytes left out") && text.len() < 1100,
        "{}",
        text.len()
    );
}

#[tokio::test]
async fn a_command_that_does_not_end_is_ended_with_its_children() {
    let home = home_with(&[("hang", "sleep 300 & echo $!; trap '' TERM; sleep 300")]);
    let args = json!({"name": "hang"});
    let start = Instant::now();
    let error = home
        .performer
        .perform("command.run", &args, "", Duration::from_secs(4))
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind.as_str(), error.retry),
        ("timeout", Retry::Later)
    );
    assert!(start.elapsed() < Duration::from_secs(8));
    let child = error.detail["stdout"].as_str().unwrap().trim().to_owned();
    // The children are gone, or zombies that nobody has collected yet.
    let state = fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
    assert!(state.is_empty() || state.contains(") Z "), "{state}");
}

#[tokio::test]
async fn a_child_that_is_left_behind_does_not_hold_the_action() {
    let home = home_with(&[("daemon", "sleep 5 & echo started")]);
    let start = Instant::now();
    let receipt = home
        .perform("command.start", json!({"name": "daemon"}), "")
        .await
        .unwrap();
    assert_eq!(receipt.detail["stdout"], "started\n");
    assert!(start.elapsed() < Duration::from_secs(4));
}
