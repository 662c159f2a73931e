//! The real watcher on real files, saved in the ways in which people's tools save.
//!
//! Nothing here sleeps. That something is told exactly once is shown by a sentinel, saved after it
//! and told after it, with nothing in between.
#![allow(clippy::unwrap_used, clippy::expect_used)] // helpers are not `#[test]`

use super::*;
use std::fs;
use std::io::Write;
use std::sync::mpsc::Receiver;
use std::time::Duration;

/// Far more than anything takes, also on a busy machine; a sweep takes up to five seconds.
const DEADLINE: Duration = Duration::from_secs(20);

struct Scene {
    home: tempfile::TempDir,
    dir: PathBuf,
    batches: Receiver<Batch>,
    watcher: Option<Watcher>,
    sentinels: u32,
}

impl Scene {
    /// A folder with these files, watched, its first batch taken.
    fn with(files: &[(&str, &str)]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("scripts");
        fs::create_dir(&dir).unwrap();
        for (name, text) in files {
            put(&dir.join(name), text);
        }
        let mut scene = Self::unwatched(home, dir);
        let first = scene.watch(&[]);
        assert_eq!(first.entries.len(), files.len());
        scene
    }

    fn unwatched(home: tempfile::TempDir, dir: PathBuf) -> Self {
        let (_, batches) = mpsc::channel();
        Self {
            home,
            dir,
            batches,
            watcher: None,
            sentinels: 0,
        }
    }

    fn watch(&mut self, extra: &[PathBuf]) -> Batch {
        let (sender, batches) = mpsc::channel();
        let watcher = Watcher::start(&self.dir, extra, move |batch| {
            let _ = sender.send(batch);
        });
        self.watcher = Some(watcher.unwrap());
        self.batches = batches;
        self.batches
            .try_recv()
            .expect("the first batch comes before start returns")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    fn next(&self) -> Batch {
        self.batches
            .recv_timeout(DEADLINE)
            .expect("a batch in time")
    }

    /// Everything that is told before a sentinel saved now, batch by batch.
    fn until_sentinel(&mut self) -> Vec<Batch> {
        self.sentinels += 1;
        let name = format!("sentinel{}.rhai", self.sentinels);
        put(&self.path(&name), "");
        let mut told = Vec::new();
        loop {
            let mut batch = self.next();
            let before = batch.entries.len();
            batch.entries.retain(|entry| entry.path != name);
            let last = batch.entries.len() < before;
            if !batch.entries.is_empty() {
                told.push(batch);
            }
            if last {
                return told;
            }
        }
    }

    /// The next batch tells exactly this, and nothing follows it.
    fn expect(&mut self, entries: &[Entry]) {
        assert_eq!(self.next().entries, entries);
        assert_eq!(self.until_sentinel(), []);
    }
}

fn put(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn text(path: &str, text: &str) -> Entry {
    Entry {
        path: path.into(),
        content: Content::Text(text.into()),
    }
}

fn gone(path: &str) -> Entry {
    Entry {
        path: path.into(),
        content: Content::Gone,
    }
}

#[test]
fn starting_tells_everything_that_is_there() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("scripts");
    for name in ["b.rhai", "lib/hue.rhai", "sub/gate.rhai"] {
        put(&dir.join(name), name);
    }
    for name in [
        ".b.rhai.swp",
        "b.rhai~",
        "#b.rhai#",
        "notes.txt",
        ".git/c.rhai",
    ] {
        put(&dir.join(name), "litter");
    }
    let settings = home.path().join("porchlight.toml");
    put(&settings, "[server]");
    let expected = [
        text(settings.to_str().unwrap(), "[server]"),
        text("b.rhai", "b.rhai"),
        text("lib/hue.rhai", "lib/hue.rhai"),
        text("sub/gate.rhai", "sub/gate.rhai"),
    ];
    let extra = [settings];
    assert_eq!(scan(&dir, &extra).unwrap().entries, expected);
    let mut scene = Scene::unwatched(home, dir);
    assert_eq!(scene.watch(&extra).entries, expected);
    assert_eq!(scene.until_sentinel(), []);
}

#[test]
fn a_file_written_in_place_is_told_once_with_its_content() {
    let mut scene = Scene::with(&[("a.rhai", "1")]);
    put(&scene.path("a.rhai"), "2");
    scene.expect(&[text("a.rhai", "2")]);
}

#[test]
fn a_slow_save_in_two_steps_is_told_only_when_it_is_whole() {
    let mut scene = Scene::with(&[("a.rhai", "old")]);
    let mut file = fs::File::create(scene.path("a.rhai")).unwrap();
    file.write_all(b"first half, ").unwrap();
    file.sync_all().unwrap();
    assert_eq!(scene.until_sentinel(), [], "the half is not told");
    file.write_all(b"second half").unwrap();
    drop(file);
    scene.expect(&[text("a.rhai", "first half, second half")]);
}

#[test]
fn a_temporary_file_renamed_over_the_script_is_told_once() {
    let mut scene = Scene::with(&[("a.rhai", "1")]);
    put(&scene.path("a.rhai.tmp"), "2");
    fs::rename(scene.path("a.rhai.tmp"), scene.path("a.rhai")).unwrap();
    scene.expect(&[text("a.rhai", "2")]);
}

#[test]
fn a_file_moved_in_from_elsewhere_is_told_once() {
    let mut scene = Scene::with(&[("a.rhai", "1")]);
    let elsewhere = scene.home.path().join("draft");
    put(&elsewhere, "2");
    fs::rename(&elsewhere, scene.path("a.rhai")).unwrap();
    scene.expect(&[text("a.rhai", "2")]);
}

#[test]
fn an_editor_that_renames_away_and_writes_anew_is_told_once() {
    let mut scene = Scene::with(&[("a.rhai", "1")]);
    put(&scene.path(".a.rhai.swp"), "swap");
    put(&scene.path("4913"), "");
    fs::remove_file(scene.path("4913")).unwrap();
    fs::rename(scene.path("a.rhai"), scene.path("a.rhai~")).unwrap();
    put(&scene.path("a.rhai"), "2");
    fs::remove_file(scene.path("a.rhai~")).unwrap();
    fs::remove_file(scene.path(".a.rhai.swp")).unwrap();
    scene.expect(&[text("a.rhai", "2")]);
}

#[test]
fn a_script_deleted_and_made_again_is_not_told_gone() {
    let mut scene = Scene::with(&[("a.rhai", "1"), ("b.rhai", "same")]);
    for (name, content) in [("a.rhai", "2"), ("b.rhai", "same")] {
        fs::remove_file(scene.path(name)).unwrap();
        put(&scene.path(name), content);
    }
    scene.expect(&[text("a.rhai", "2")]);
}

#[test]
fn a_deleted_script_is_told_gone_and_can_come_back() {
    let mut scene = Scene::with(&[("a.rhai", "1")]);
    fs::remove_file(scene.path("a.rhai")).unwrap();
    scene.expect(&[gone("a.rhai")]);
    put(&scene.path("a.rhai"), "1");
    scene.expect(&[text("a.rhai", "1")]);
}

#[test]
fn a_checkout_tells_each_file_once() {
    let names: Vec<String> = (0..30).map(|n| format!("s{n:02}.rhai")).collect();
    let files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "old")).collect();
    let mut scene = Scene::with(&files);
    for name in &names {
        fs::remove_file(scene.path(name)).unwrap();
        put(&scene.path(name), "new");
    }
    let mut told: Vec<Entry> = Vec::new();
    while told.len() < names.len() {
        told.extend(scene.next().entries);
    }
    told.sort_by(|a, b| a.path.cmp(&b.path));
    let expected: Vec<Entry> = names.iter().map(|name| text(name, "new")).collect();
    assert_eq!(told, expected);
    assert_eq!(scene.until_sentinel(), []);
}

#[test]
fn a_folder_moved_in_is_one_batch() {
    let mut scene = Scene::with(&[]);
    let elsewhere = scene.home.path().join("prepared");
    for n in 0..20 {
        put(&elsewhere.join(format!("deep/s{n:02}.rhai")), "x");
    }
    fs::rename(&elsewhere, scene.path("lib")).unwrap();
    let expected: Vec<Entry> = (0..20)
        .map(|n| text(&format!("lib/deep/s{n:02}.rhai"), "x"))
        .collect();
    scene.expect(&expected);
    put(&scene.path("lib/deep/s00.rhai"), "y");
    scene.expect(&[text("lib/deep/s00.rhai", "y")]);
    fs::rename(scene.path("lib"), &elsewhere).unwrap();
    let expected: Vec<Entry> = (0..20)
        .map(|n| gone(&format!("lib/deep/s{n:02}.rhai")))
        .collect();
    scene.expect(&expected);
}

#[test]
fn a_folder_made_with_a_script_in_it_is_noticed() {
    let mut scene = Scene::with(&[]);
    put(&scene.path("a/b/c.rhai"), "x");
    scene.expect(&[text("a/b/c.rhai", "x")]);
}

#[test]
fn touching_a_file_is_no_change() {
    let mut scene = Scene::with(&[("a.rhai", "1")]);
    let file = fs::File::options()
        .append(true)
        .open(scene.path("a.rhai"))
        .unwrap();
    file.set_modified(std::time::SystemTime::now()).unwrap();
    drop(file);
    put(&scene.path("a.rhai"), "1");
    assert_eq!(scene.until_sentinel(), []);
}

#[test]
fn a_renamed_script_appears_and_then_its_old_name_is_gone() {
    let mut scene = Scene::with(&[("a.rhai", "1")]);
    fs::rename(scene.path("a.rhai"), scene.path("b.rhai")).unwrap();
    let told: Vec<Entry> = [scene.next(), scene.next()]
        .into_iter()
        .flat_map(|b| b.entries)
        .collect();
    assert_eq!(told, [text("b.rhai", "1"), gone("a.rhai")]);
    assert_eq!(scene.until_sentinel(), []);
}

#[test]
fn the_folder_deleted_and_made_again_is_watched_again() {
    let mut scene = Scene::with(&[("a.rhai", "1")]);
    fs::remove_dir_all(&scene.dir).unwrap();
    assert_eq!(scene.next().entries, [gone("a.rhai")]);
    put(&scene.path("b.rhai"), "2");
    assert_eq!(scene.next().entries, [text("b.rhai", "2")]);
    put(&scene.path("b.rhai"), "3");
    scene.expect(&[text("b.rhai", "3")]);
}

#[test]
fn a_folder_that_appears_later_is_watched() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("scripts");
    let mut scene = Scene::unwatched(home, dir);
    assert_eq!(scene.watch(&[]), Batch::default());
    put(&scene.path("a.rhai"), "1");
    assert_eq!(scene.next().entries, [text("a.rhai", "1")]);
    put(&scene.path("a.rhai"), "2");
    scene.expect(&[text("a.rhai", "2")]);
}

#[test]
fn an_extra_file_is_told_however_it_is_saved() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("scripts");
    fs::create_dir(&dir).unwrap();
    let settings = home.path().join("porchlight.toml");
    put(&settings, "1");
    let name = settings.to_str().unwrap().to_owned();
    let mut scene = Scene::unwatched(home, dir);
    scene.watch(std::slice::from_ref(&settings));
    put(&settings, "2");
    scene.expect(&[text(&name, "2")]);
    put(&settings.with_extension("tmp"), "3");
    fs::rename(settings.with_extension("tmp"), &settings).unwrap();
    scene.expect(&[text(&name, "3")]);
}

#[test]
fn what_cannot_be_read_is_told_with_the_reason() {
    let mut scene = Scene::with(&[]);
    let reason = |batch: Batch| match batch.entries.as_slice() {
        [
            Entry {
                content: Content::Unreadable { message },
                ..
            },
        ] => message.clone(),
        other => panic!("{other:?}"),
    };
    fs::write(scene.path("a.rhai"), b"on(\xff)").unwrap();
    assert!(reason(scene.next()).contains("UTF-8"));
    fs::write(scene.path("a.rhai"), vec![b' '; (1 << 20) + 1]).unwrap();
    assert!(reason(scene.next()).contains("1 MiB"));
    put(&scene.path("a.rhai"), "ok");
    scene.expect(&[text("a.rhai", "ok")]);
}

#[cfg(unix)]
#[test]
fn links_to_folders_and_files_are_followed() {
    use std::os::unix::fs::symlink;
    let home = tempfile::tempdir().unwrap();
    let real = home.path().join("real");
    put(&real.join("a.rhai"), "1");
    let target = home.path().join("elsewhere/target.rhai");
    put(&target, "1");
    symlink(&target, real.join("link.rhai")).unwrap();
    symlink(&real, real.join("circle")).unwrap();
    let dir = home.path().join("scripts");
    symlink(&real, &dir).unwrap();
    let mut scene = Scene::unwatched(home, dir);
    let first = scene.watch(&[]);
    assert_eq!(first.entries, [text("a.rhai", "1"), text("link.rhai", "1")]);
    put(&real.join("a.rhai"), "2");
    scene.expect(&[text("a.rhai", "2")]);
    // Nothing reports this one: the sweep finds it.
    put(&target, "2");
    scene.expect(&[text("link.rhai", "2")]);
}
