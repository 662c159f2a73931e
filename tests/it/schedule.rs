//! Scripts are called by the clock, and no tick runs twice, whatever happens to the program.

use super::fake::Fake;
use super::house::{House, eventually, gate_config};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const HOUR: i64 = 3_600_000;

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

/// When the tick of a run fell due.
fn due(run: &Value) -> i64 {
    let handler = run["handler"].as_str().expect("a text");
    let due = handler.rsplit(':').next().and_then(|due| due.parse().ok());
    assert!(handler.starts_with("tick:"), "{handler}");
    due.expect("a moment")
}

/// What a run logged.
fn logged(run: &Value) -> Vec<String> {
    let logs = run["logs"].as_array().expect("logs").iter();
    logs.map(|log| log["message"].as_str().expect("a text").to_owned())
        .collect()
}

/// How far each schedule has come, in the order of their titles.
fn rows(house: &House) -> Vec<porchlight_journal::ScheduleRow> {
    let journal = porchlight_journal::Reader::open(&house.path().join("data")).expect("a journal");
    journal.schedules().expect("schedules")
}

fn wait_for_rows(house: &House, count: usize) -> Vec<porchlight_journal::ScheduleRow> {
    eventually("the schedules are in the journal", || {
        let rows = rows(house);
        (rows.len() == count).then_some(rows)
    })
}

/// As if the house, which is off, had been off for so much longer.
fn let_pass(house: &House, millis: i64) {
    let file = house.path().join("data/porchlight.db");
    let journal = rusqlite::Connection::open(file).expect("the journal");
    journal
        .execute("UPDATE schedules SET last = last - ?1", [millis])
        .expect("an update");
}

/// Waits until a script that was loaded after everything else has answered an event: what its lane
/// had to do before is done.
fn settle(house: &House) {
    let before = runs(house, "on(\"gate.settle\")").len();
    house.post_ok(&format!("{{\"type\":\"settle\",\"n\":{before}}}"));
    wait_for(house, "on(\"gate.settle\")", before + 1);
}

const SETTLE: &str = "on(\"gate.settle\", |event| {});\n";

#[test]
fn a_schedule_calls_its_handler_and_runs_says_when_it_was_due() {
    let script = r#"
        every("1s", |tick| log::info(`${tick.scheduled} ${tick.late_by} ${tick.schedule}`));
        on_start(|start| log::info(start.reason));
    "#;
    let house = House::start(&gate_config(), &[("a.rhai", script)]);
    let ticks = wait_for(&house, "every(\"1s\")", 2);
    assert_eq!(due(&ticks[1]) - due(&ticks[0]), 1_000);
    let first = &ticks[0];
    assert_eq!(first["event"], 0);
    assert_eq!(first["outcome"]["outcome"], "ok");
    assert_eq!(first["script"], "a.rhai");
    let when = porchlight_core::Timestamp(due(first)).to_rfc3339();
    assert_eq!(logged(first), [format!("{when} 0s every(\"1s\")")]);
    let shown = house.porchlight(&["runs"]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    let line = format!("due {when}  a.rhai:2  every(\"1s\")  ok in");
    assert!(shown.contains(&line), "{shown}");
    assert!(
        shown.contains("  at start  a.rhai:3  on_start()"),
        "{shown}"
    );
    let starts = runs(&house, "on_start()");
    assert_eq!(logged(&starts[0]), ["start"]);
}

#[test]
fn a_start_is_told_once_and_a_save_is_none() {
    let script = "on_start(|start| log::info(start.reason));\n";
    let mut house = House::start(&gate_config(), &[("a.rhai", script)]);
    wait_for(&house, "on_start()", 1);
    house.write_script("a.rhai", &format!("// More.\n{script}{SETTLE}"));
    house.wait_until_said("reloaded a.rhai");
    house.write_script("b.rhai", script);
    house.wait_until_said("loaded b.rhai");
    let all = wait_for(&house, "on_start()", 2);
    settle(&house);
    assert_eq!(runs(&house, "on_start()").len(), 2);
    assert_eq!(
        (&all[1]["script"], logged(&all[1])),
        (&"b.rhai".into(), vec!["added".to_owned()])
    );
    house.kill();
    house.restart();
    let all = wait_for(&house, "on_start()", 4);
    let reasons: Vec<String> = all.iter().flat_map(logged).collect();
    assert_eq!(reasons, ["start", "added", "start", "start"]);
}

/// Loads an hourly schedule with this policy, kills the house, and starts it five and a half hours
/// after the last tick. Gives the runs, oldest first.
fn after_a_gap(policy: &str) -> Vec<Value> {
    let script = format!(
        "{SETTLE}every(\"1h\", #{{ on_gap: \"{policy}\" }}, |tick| log::info(tick.late_by));"
    );
    let mut house = House::start(&gate_config(), &[("a.rhai", &script)]);
    let first = wait_for_rows(&house, 1).remove(0);
    house.kill();
    let_pass(&house, 5 * HOUR + HOUR / 2);
    house.restart();
    settle(&house);
    let made_up = runs(&house, "every(\"1h\")");
    for (run, newest) in made_up.iter().rev().zip(1..) {
        let anchor = first.last.0 - 5 * HOUR - HOUR / 2;
        assert_eq!(
            (due(run) - anchor) % HOUR,
            0,
            "number {newest} from the end"
        );
    }
    let last = rows(&house).remove(0).last.0;
    assert_eq!(last, first.last.0 - HOUR / 2, "all was dealt with");
    // Neither a kill nor a restart brings one of them again.
    for _ in 0..2 {
        house.kill();
        house.restart();
        settle(&house);
        assert_eq!(runs(&house, "every(\"1h\")"), made_up);
    }
    made_up
}

#[test]
fn what_was_missed_is_left_out_and_one_record_says_so() {
    let runs = after_a_gap("skip");
    assert_eq!(runs.len(), 1, "{runs:#?}");
    assert_eq!(runs[0]["outcome"]["outcome"], "skipped");
    assert_eq!(runs[0]["outcome"]["reason"], "gap");
    let first = porchlight_core::Timestamp(due(&runs[0]) - 4 * HOUR);
    let last = porchlight_core::Timestamp(due(&runs[0]));
    assert_eq!(
        logged(&runs[0]),
        [format!("missed 5 ticks, from {first} to {last}")]
    );
}

#[test]
fn what_was_missed_is_made_up_for_once() {
    let runs = after_a_gap("once");
    assert_eq!(runs.len(), 2, "{runs:#?}");
    assert!(
        logged(&runs[0])[0].starts_with("missed 4 ticks"),
        "{runs:#?}"
    );
    assert_eq!(runs[1]["outcome"]["outcome"], "ok");
    assert!(logged(&runs[1])[0].starts_with("30m"), "{runs:#?}");
}

#[test]
fn all_that_was_missed_is_made_up_for_in_order() {
    let runs = after_a_gap("all");
    let late: Vec<String> = runs.iter().flat_map(logged).collect();
    assert_eq!(late.len(), 5, "{late:?}");
    for (late, hours) in late
        .iter()
        .zip(["4h 30m", "3h 30m", "2h 30m", "1h 30m", "30m"])
    {
        assert!(late.starts_with(hours), "{late}");
    }
    assert!(
        runs.windows(2)
            .all(|two| due(&two[1]) - due(&two[0]) == HOUR)
    );
}

#[test]
fn a_tick_that_was_killed_at_work_is_run_again_and_stored_once() {
    let fake = Fake::start();
    let script = format!(
        "{SETTLE}every(\"1h\", #{{ on_gap: \"once\" }}, |tick| {{ http::get(\"{}/ask\"); http::send(\"{}/tell\", #{{ json: tick.scheduled }}); }});",
        fake.url(),
        fake.url()
    );
    let mut house = House::start(&gate_config(), &[("a.rhai", &script)]);
    wait_for_rows(&house, 1);
    house.kill();
    // The next tick fell due at its first load, and hangs in its question.
    let_pass(&house, HOUR);
    fake.hold();
    house.restart();
    fake.wait_for(1);
    house.kill();
    assert!(runs(&house, "every(\"1h\")").is_empty());
    fake.release();
    house.restart();
    let done = house.wait_for_done(1);
    settle(&house);
    let ticks = runs(&house, "every(\"1h\")");
    assert_eq!(ticks.len(), 1, "{ticks:#?}");
    assert_eq!(ticks[0]["outcome"]["outcome"], "ok");
    assert_eq!(done.len(), 1);
    house.kill();
    house.restart();
    settle(&house);
    assert_eq!(runs(&house, "every(\"1h\")"), ticks);
    assert_eq!(house.actions().len(), 1);
}

#[test]
fn no_tick_is_stored_twice_or_acted_on_under_two_keys_when_the_program_is_killed_at_random() {
    let fake = Fake::start();
    let script = format!(
        "every(\"1s\", #{{ on_gap: \"all\" }}, |tick| http::send(\"{}\", #{{ json: tick.scheduled }}));",
        fake.url()
    );
    let mut house = House::start(&gate_config(), &[("a.rhai", &script)]);
    for round in 1..4 {
        wait_for(&house, "every(\"1s\")", 2 * round);
        house.kill();
        let_pass(&house, 3_000);
        house.restart();
    }
    let ticks = wait_for(&house, "every(\"1s\")", 12);
    house.kill();
    let dues: Vec<i64> = ticks.iter().map(due).collect();
    assert_eq!(dues.iter().collect::<BTreeSet<_>>().len(), dues.len());
    let mut keys: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for asked in fake.asked() {
        let key = asked.header("idempotency-key").unwrap_or_default();
        let scheduled = asked.json().as_str().expect("a moment").to_owned();
        keys.entry(scheduled).or_default().insert(key.to_owned());
    }
    assert!(!keys.is_empty());
    for (scheduled, keys) in keys {
        assert_eq!(keys.len(), 1, "{scheduled}: {keys:?}");
    }
}

#[test]
fn an_edit_elsewhere_keeps_a_schedule_and_another_text_begins_anew() {
    let script = format!("{SETTLE}every(\"1h\", |tick| {{}});\n");
    let mut house = House::start(&gate_config(), &[("a.rhai", &script)]);
    let first = wait_for_rows(&house, 1);
    house.write_script("a.rhai", &format!("// One more line.\n\n{script}"));
    house.wait_until_said("reloaded a.rhai");
    settle(&house);
    assert_eq!(rows(&house), first);
    house.write_script("a.rhai", &script.replace("1h", "2h"));
    house.wait_until_said_times("reloaded a.rhai", 2);
    settle(&house);
    let second = wait_for_rows(&house, 1);
    assert_ne!(second[0].id, first[0].id);
    assert!(second[0].last > first[0].last);
    house.write_script("a.rhai", SETTLE);
    house.wait_until_said_times("reloaded a.rhai", 3);
    wait_for_rows(&house, 0);
    house.kill();
    house.restart();
    assert_eq!(rows(&house), []);
}

#[test]
fn check_says_what_is_wrong_with_schedules_all_at_once() {
    let script = r#"
cron("0 25 * * *", |tick| {});
daily("7:30pm", |tick| {});
daily("07:30", #{ days: ["mon", "tus"] }, |tick| {});
cron("0 7 * * *", #{ time_zone: "Paris" }, |tick| {});
every("10m", #{ on_gap: "twice", mood: "good" }, |tick| {});
sun("sunset - 30m", |tick| {});
"#;
    let house = House::furnish(&gate_config(), &[("a.rhai", script)]);
    let output = house.porchlight(&["check"]);
    assert_eq!(output.status.code(), Some(1));
    let shown = String::from_utf8_lossy(&output.stderr).into_owned();
    for words in [
        "a.rhai:2:1",
        "`0 25 * * *` is no cron pattern",
        "a.rhai:3:1",
        "`7:30pm` is no time of day",
        "there is no day `tus`",
        "did you mean \"tue\"?",
        "there is no time zone \"Paris\"",
        "did you mean \"Europe/Paris\"?",
        "`on_gap` is \"twice\", which it cannot be",
        "a.rhai:7:1",
        "`sun` needs to know where the home is",
        "latitude = 48.86",
    ] {
        assert!(shown.contains(words), "{words} is not in\n{shown}");
    }
    let config = format!(
        "{}[home]\nlatitude = 48.86\nlongitude = 2.35\n",
        gate_config()
    );
    let house = House::furnish(
        &config,
        &[("a.rhai", "sun(\"sunset - 30m\", |tick| {});\n")],
    );
    let output = house.porchlight(&["check"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[test]
fn check_says_when_each_schedule_comes_next() {
    let script = "cron(\"0 7 29 2 *\", #{ time_zone: \"Asia/Tokyo\" }, |tick| {});\n\nevery(\"10m\", |tick| {});\n";
    let house = House::furnish(&gate_config(), &[("a.rhai", script)]);
    let output = house.porchlight(&["check"]);
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    let schedules: Vec<&str> = shown
        .lines()
        .filter(|line| line.starts_with("schedule "))
        .collect();
    assert_eq!(schedules.len(), 1, "{shown}");
    let line = "schedule a.rhai:1 cron(\"0 7 29 2 *\"): next ";
    assert!(schedules[0].starts_with(line), "{shown}");
    assert!(schedules[0].ends_with("-02-29 07:00:00 JST"), "{shown}");
}

#[test]
fn the_example_of_the_page_about_schedules_is_right() {
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schedules.md");
    let page = std::fs::read_to_string(page).expect("the page");
    let (_, rest) = page.split_once("```rhai\n").expect("an example");
    let (example, _) = rest.split_once("```").expect("its end");
    let script = example.replace('…', "");
    let config = format!(
        "{}[light.porch]\ndriver = \"wled\"\nurl = \"http://192.0.2.7\"\n[home]\nlatitude = 48.86\nlongitude = 2.35\n",
        gate_config()
    );
    let house = House::furnish(&config, &[("a.rhai", &script)]);
    let output = house.porchlight(&["check"]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert_eq!(told, "");
}
