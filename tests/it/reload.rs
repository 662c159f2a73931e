//! Saving is deploying: every way in which an editor saves ends in exactly one reload with the
//! right content, and a broken save keeps the last good version.

use super::house::{House, eventually, gate_config};
use std::fs;
use std::path::PathBuf;

/// A script that writes its version into a file.
fn version(n: &str) -> String {
    format!("on(\"gate.*\", |event| {{\n  file::append(\"versions.txt\", \"{n}\\n\");\n}});\n")
}

struct Scene {
    house: House,
    reloads: usize,
    posted: usize,
}

impl Scene {
    fn new() -> Self {
        let house = House::start(&gate_config(), &[("a.rhai", &version("first"))]);
        Self {
            house,
            reloads: 0,
            posted: 0,
        }
    }

    fn script(&self) -> PathBuf {
        self.house.path().join("scripts/a.rhai")
    }

    /// Waits for exactly one more reload and checks that this version now answers.
    fn expect_one_reload_to(&mut self, n: &str) {
        self.reloads += 1;
        self.house
            .wait_until_said_times("reloaded a.rhai", self.reloads);
        self.posted += 1;
        self.house
            .post_ok(&format!("{{\"type\":\"opened\",\"n\":{}}}", self.posted));
        let wanted = self.posted;
        let text = eventually(&format!("version {n} answers"), || {
            self.house
                .file("versions.txt")
                .filter(|text| text.lines().count() == wanted)
        });
        assert_eq!(text.lines().last(), Some(n));
        // A save of another script afterwards shows that no second reload of this one came between.
        let sentinel = format!("sentinel{}.rhai", self.posted);
        self.house
            .write_script(&sentinel, "on(\"never.*\", |event| {});");
        self.house.wait_until_said(&format!("loaded {sentinel}"));
        assert_eq!(
            self.house.count_said("reloaded a.rhai"),
            self.reloads,
            "more than one reload"
        );
    }
}

#[test]
fn every_common_way_to_save_is_one_reload_with_the_right_content() {
    let mut scene = Scene::new();
    let script = scene.script();
    let beside = |name: &str| script.with_file_name(name);

    fs::write(&script, version("in place")).expect("write");
    scene.expect_one_reload_to("in place");

    fs::write(beside("a.rhai.tmp"), version("renamed over")).expect("write");
    fs::rename(beside("a.rhai.tmp"), &script).expect("rename");
    scene.expect_one_reload_to("renamed over");

    // vim with a backup: the old file moves away, a new one is written, the backup goes.
    fs::rename(&script, beside("a.rhai~")).expect("rename");
    fs::write(&script, version("vim")).expect("write");
    fs::remove_file(beside("a.rhai~")).expect("remove");
    scene.expect_one_reload_to("vim");

    let outside = scene.house.path().join("new.rhai");
    fs::write(&outside, version("moved in")).expect("write");
    fs::rename(&outside, &script).expect("mv");
    scene.expect_one_reload_to("moved in");

    fs::remove_file(&script).expect("remove");
    fs::write(&script, version("deleted and recreated")).expect("write");
    scene.expect_one_reload_to("deleted and recreated");
    assert_eq!(scene.house.count_said("unloaded a.rhai"), 0);
}

#[test]
fn many_files_saved_at_once_are_each_loaded_once() {
    let house = House::start(&gate_config(), &[]);
    for n in 0..30 {
        house.write_script(&format!("many{n}.rhai"), &version(&n.to_string()));
    }
    for n in 0..30 {
        house.wait_until_said(&format!("loaded many{n}.rhai"));
    }
    assert_eq!(house.count_said("loaded many"), 30);
    house.post_ok("{\"type\":\"opened\"}");
    assert_eq!(house.wait_for_runs(30).len(), 30);
}

#[test]
fn a_broken_save_keeps_the_last_good_version_and_shows_the_place_with_a_caret() {
    let mut scene = Scene::new();
    fs::write(
        scene.script(),
        "on(\"gate.*\", |event| {\n  log::info(\"x\"\n});\n",
    )
    .expect("write");
    scene
        .house
        .wait_until_said("a.rhai is broken; its last good version goes on running");
    let said = scene.house.said();
    assert!(
        said.iter()
            .any(|line| line.contains("--> scripts/a.rhai:") || line.contains("--> a.rhai:")),
        "{said:?}"
    );
    assert!(
        said.iter()
            .any(|line| line.trim_start_matches([' ', '|']).starts_with('^')),
        "no caret: {said:?}"
    );
    scene.house.post_ok("{\"type\":\"opened\"}");
    let text = eventually("the last good version answers", || {
        scene.house.file("versions.txt")
    });
    assert_eq!(text, "first\n");
    scene.posted = 1;
    fs::write(scene.script(), version("mended")).expect("write");
    scene.expect_one_reload_to("mended");
}

#[test]
fn a_deleted_script_is_unloaded_and_a_new_one_is_loaded() {
    let scene = Scene::new();
    fs::remove_file(scene.script()).expect("remove");
    scene.house.wait_until_said("unloaded a.rhai");
    scene.house.post_ok("{\"type\":\"opened\",\"n\":1}");
    scene.house.write_script("b.rhai", &version("b"));
    scene.house.wait_until_said("loaded b.rhai");
    scene.house.post_ok("{\"type\":\"opened\",\"n\":2}");
    assert_eq!(
        eventually("b answers", || scene.house.file("versions.txt")),
        "b\n"
    );
}

#[test]
fn a_changed_library_reloads_the_scripts_that_import_it() {
    let script = "import \"lib/words\" as words;\non(\"gate.*\", |event| { file::save(\"said.txt\", words::hello()); });";
    let house = House::furnish(
        &gate_config(),
        &[
            ("lib/words.rhai", "fn hello() { \"one\" }"),
            ("a.rhai", script),
        ],
    );
    let mut house = house;
    house.restart();
    house.write_script("lib/words.rhai", "fn hello() { \"two\" }");
    house.wait_until_said("reloaded a.rhai");
    house.post_ok("{\"type\":\"opened\"}");
    assert_eq!(
        eventually("the new library speaks", || house.file("said.txt")),
        "two"
    );
}

#[cfg(unix)]
#[test]
fn a_symlinked_scripts_folder_is_watched_through_the_link() {
    let mut house = House::furnish(&gate_config(), &[]);
    let elsewhere = tempfile::tempdir().expect("a folder");
    let scripts = house.path().join("scripts");
    fs::remove_dir_all(&scripts).expect("remove");
    std::os::unix::fs::symlink(elsewhere.path(), &scripts).expect("a link");
    fs::write(elsewhere.path().join("a.rhai"), version("first")).expect("write");
    house.restart();
    fs::write(elsewhere.path().join("a.rhai"), version("second")).expect("write");
    house.wait_until_said("reloaded a.rhai");
    house.post_ok("{\"type\":\"opened\"}");
    assert_eq!(
        eventually("the linked script answers", || house.file("versions.txt")),
        "second\n"
    );
}

#[test]
fn a_script_that_was_broken_while_the_host_was_down_runs_its_last_good_version() {
    let mut scene = Scene::new();
    scene.house.terminate();
    fs::write(scene.script(), "on(\"gate.*\", |event| {").expect("write");
    scene.house.restart();
    scene
        .house
        .wait_until_said("a.rhai is broken; its last good version goes on running");
    scene.house.post_ok("{\"type\":\"opened\"}");
    let text = eventually("the last good version answers", || {
        scene.house.file("versions.txt")
    });
    assert_eq!(text, "first\n");
}
