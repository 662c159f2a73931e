//! A run that the journal refuses for good, while it takes all others: recorded as failed, taken
//! back, and in nobody's way.

use super::house::{House, eventually, gate_config};
use serde_json::{Value, json};

/// From now on the journal refuses whatever leaves an action of this title behind.
fn refuse_actions(house: &House, title: &str) {
    let journal = house.path().join("data/porchlight.db");
    let journal = rusqlite::Connection::open(journal).expect("the journal opens");
    let trigger = format!(
        "CREATE TRIGGER refuse BEFORE INSERT ON actions WHEN NEW.title LIKE '%{title}%'
         BEGIN SELECT RAISE(ABORT, 'it takes no poison'); END;"
    );
    let patience = std::time::Duration::from_secs(60);
    journal.busy_timeout(patience).expect("patience");
    journal.execute_batch(&trigger).expect("a trigger");
}

fn run_of(house: &House, event: u64) -> Value {
    eventually("its run is stored", || {
        let runs = house.runs();
        runs.into_iter().find(|run| run["event"] == event)
    })
}

#[test]
fn a_run_that_cannot_be_stored_fails_is_taken_back_and_holds_nobody_up() {
    let mut house = House::start(
        &gate_config(),
        &[(
            "a.rhai",
            "on(\"gate.go\", #{ mode: \"single\" }, |event| {
                 file::append(event.data.file, \"x\\n\");
                 state::set(\"mode\", event.data.file);
                 state::add(\"count\", 1);
                 cancel(\"lamp\");
                 later(\"1h\", || ());
             });
             on(\"gate.lamp\", |event| { later(\"1h\", #{ id: \"lamp\" }, || file::append(\"lamp.txt\", \"off\\n\")); });
             on(\"gate.say\", |event| file::append(\"said.txt\", `${state::get(\"mode\")} ${state::get(\"count\")}\n`));",
        )],
    );
    let go = |file: &str| json!({ "type": "go", "file": file }).to_string();
    let lamp = house.post_ok("{\"type\":\"lamp\"}");
    run_of(&house, lamp);
    refuse_actions(&house, "poison");
    let poisoned = house.post_ok(&go("poison.txt"));
    let run = run_of(&house, poisoned);
    assert_eq!(run["outcome"]["outcome"], "error", "{run}");
    let message = run["outcome"]["message"].to_string();
    assert!(message.contains("it takes no poison"), "{message}");
    house.wait_until_said("could not be stored and is recorded as failed");

    // Nothing of it counts, on disk or in memory, and its wait keeps no other run from beginning.
    house.post_ok("{\"type\":\"say\",\"n\":1}");
    house.wait_for_file("said.txt", " \n");
    house.post_ok(&go("good.txt"));
    house.wait_for_file("good.txt", "x\n");
    house.post_ok("{\"type\":\"say\",\"n\":2}");
    house.wait_for_file("said.txt", " \ngood.txt 1\n");
    assert_eq!(house.file("poison.txt"), None);
    assert_eq!(house.terminate(), Some(0));

    // The second run cancelled the lamp's wait; had the first done so, this would not hold.
    let reader = porchlight_journal::Reader::open(&house.path().join("data")).expect("a journal");
    let waits = reader.waits().expect("waits");
    assert_eq!(waits.len(), 1, "{waits:?}");
    assert_eq!(waits[0].event, poisoned + 2, "of the run that was stored");
}
