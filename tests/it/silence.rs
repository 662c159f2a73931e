//! Scripts hear that nothing came: once for each silence, whatever happens to the program.

use super::house::{House, eventually, gate_config};
use serde_json::Value;

/// Tells the house's silence, and ticks: where nothing more must come, ticks show that time passed.
const SCRIPT: &str = r#"
on_silence("gate.*", "300ms", |silence| {
    file::append("told.txt", `${silence.pattern} ${silence.duration} ${silence.last}` + "\n");
});
on_silence("never.**", "50ms", #{ repeat: "50ms" }, |silence| {});
"#;
const TITLE: &str = "on_silence(\"gate.*\", \"300ms\")";
const TICK: &str = "on_silence(\"never.**\", \"50ms\")";

/// The runs with this title, oldest first.
fn runs(house: &House, title: &str) -> Vec<Value> {
    let mut runs = house.runs();
    runs.retain(|run| run["title"] == title);
    runs.sort_by_key(|run| run["id"].as_u64());
    runs
}

fn wait_for(house: &House, title: &str, count: usize) -> Vec<Value> {
    eventually(&format!("{count} times {title}"), || {
        let found = runs(house, title);
        (found.len() >= count).then_some(found)
    })
}

/// Lets so much time pass that the silence would be told again if it could.
fn let_time_pass(house: &House) {
    let ticks = runs(house, TICK).len();
    wait_for(house, TICK, ticks + 15);
}

#[test]
fn a_silence_is_told_once_and_again_only_after_an_event_came() {
    let mut house = House::start(&gate_config(), &[("a.rhai", SCRIPT)]);
    let first = wait_for(&house, TITLE, 1).remove(0);
    assert_eq!(first["event"], 0, "nothing ever came: {first}");
    assert_eq!(first["outcome"]["outcome"], "ok");
    assert_eq!(first["script"], "a.rhai");
    let_time_pass(&house);
    assert_eq!(runs(&house, TITLE).len(), 1);

    let event = house.post_ok("{\"type\":\"opened\"}");
    let second = wait_for(&house, TITLE, 2).remove(1);
    assert_eq!(second["event"], event, "{second}");
    let_time_pass(&house);
    assert_eq!(runs(&house, TITLE).len(), 2);
    let told = eventually("both are written down", || {
        house
            .file("told.txt")
            .filter(|text| text.lines().count() == 2)
    });
    assert_eq!(told, format!("gate.* 300ms \ngate.* 300ms {event}\n"));
    house.terminate();
    let journal = porchlight_journal::Reader::open(&house.path().join("data")).expect("a journal");
    let unfinished = journal.pending_events(0, 10).expect("events");
    assert!(unfinished.is_empty(), "only a silence listens for it");
}

#[test]
fn a_silence_that_began_before_a_power_cut_is_told_after_it_once() {
    let script = SCRIPT.replace("300ms", "3s");
    let title = TITLE.replace("300ms", "3s");
    let mut house = House::start(&gate_config(), &[("a.rhai", &script)]);
    eventually("the journal knows who listens", || {
        let reader = porchlight_journal::Reader::open(&house.path().join("data")).ok()?;
        (reader.silences().ok()?.len() == 2).then_some(())
    });
    let event = house.post_ok("{\"type\":\"opened\"}");
    house.kill();
    assert_eq!(runs(&house, &title).len(), 0);
    house.restart();
    let told = wait_for(&house, &title, 1).remove(0);
    assert_eq!(told["event"], event, "{told}");
    house.kill();
    house.restart();
    let ticks = runs(&house, TICK).len();
    wait_for(&house, TICK, ticks + 70);
    assert_eq!(runs(&house, &title).len(), 1);
}

#[test]
fn a_silence_that_was_told_is_not_told_again_after_a_restart() {
    let mut house = House::start(&gate_config(), &[("a.rhai", SCRIPT)]);
    wait_for(&house, TITLE, 1);
    let event = house.post_ok("{\"type\":\"opened\"}");
    assert_eq!(wait_for(&house, TITLE, 2)[1]["event"], event);
    house.kill();
    house.restart();
    let_time_pass(&house);
    assert_eq!(runs(&house, TITLE).len(), 2);
    let later = house.post_ok("{\"type\":\"closed\"}");
    assert_eq!(wait_for(&house, TITLE, 3)[2]["event"], later);
}

#[test]
fn editing_the_script_keeps_what_it_listens_for() {
    let mut house = House::start(&gate_config(), &[("a.rhai", SCRIPT)]);
    wait_for(&house, TITLE, 1);
    let edited = format!(
        "// One more line.\n\n{}",
        SCRIPT.replace("told.txt", "anew.txt")
    );
    house.write_script("a.rhai", &edited);
    house.wait_until_said("reloaded a.rhai");
    let_time_pass(&house);
    assert_eq!(runs(&house, TITLE).len(), 1, "it was told already");
    house.kill();
    house.restart();
    let_time_pass(&house);
    assert_eq!(runs(&house, TITLE).len(), 1, "also after a restart");
    let event = house.post_ok("{\"type\":\"opened\"}");
    assert_eq!(wait_for(&house, TITLE, 2)[1]["event"], event);
    eventually("the new version tells", || house.file("anew.txt"));
}

#[test]
fn a_sender_that_never_spoke_is_counted_from_the_first_load_and_not_from_the_restart() {
    let script = SCRIPT.replace("300ms", "2s");
    let mut house = House::start(&gate_config(), &[("a.rhai", &script)]);
    let kept = eventually("the subscription is in the journal", || {
        let data = house.path().join("data");
        let journal = porchlight_journal::Reader::open(&data).expect("a journal");
        let mut kept = journal.silences().expect("silences");
        // The other one is told at once.
        kept.retain(|one| one.reported == 0);
        (kept.len() == 1).then(|| kept.remove(0))
    });
    house.kill();
    house.restart();
    let told = wait_for(&house, &TITLE.replace("300ms", "2s"), 1).remove(0);
    let handler = format!("silence:{}:{}", kept.subscription, kept.since.0);
    assert_eq!(told["handler"], handler, "{told}");
}
