//! What scripts keep: set by hand, over restarts, and while something must last.

use super::house::{House, eventually, gate_config};
use serde_json::{Value, json};

fn get(house: &House, key: &str) -> Option<Value> {
    let shown = house.porchlight(&["state", "get", key, "--json"]);
    let line: Value = serde_json::from_slice(&shown.stdout).ok()?;
    Some(line["value"].clone())
}

fn set(house: &House, key: &str, value: &str) {
    let done = house.porchlight(&["state", "set", key, value]);
    assert!(done.status.success(), "{done:?}");
}

fn logs(house: &House) -> Vec<String> {
    let mut runs = house.runs();
    runs.sort_by_key(|run| run["id"].as_u64());
    let lines = runs.iter().flat_map(|run| run["logs"].as_array());
    let lines = lines.flatten().filter_map(|line| line["message"].as_str());
    lines.map(str::to_owned).collect()
}

fn wait_for_log(house: &House, text: &str) {
    eventually(text, || {
        logs(house).iter().any(|line| line == text).then_some(())
    });
}

/// The open waits in the journal.
fn waits(house: &House) -> Vec<porchlight_core::Wait> {
    let journal = porchlight_journal::Reader::open(&house.path().join("data")).expect("a journal");
    journal.waits().expect("waits")
}

/// What is logged when all that came before in the script's lane is done.
const SETTLE: &str = "on(\"gate.settle\", || log::info(\"settled\"));";

const LOG: &str = "|change| log::info(`${change.key}: ${change.from} -> ${change.to}`)";

#[test]
fn a_value_set_by_hand_reaches_the_running_scripts_and_is_remembered() {
    let script = format!(
        r#"
        on_state("door.*", {LOG});
        on("gate.ask", || {{
            let was = state::history("door.front", #{{ since: "1h" }});
            log::info(`${{state::get("door.front").open}} of ${{was.len()}}, first ${{was[0].value}}`);
        }});
        "#
    );
    let house = House::start(&gate_config(), &[("a.rhai", &script)]);
    house.wait_until_said("ready");
    set(&house, "door.front", "plain text");
    wait_for_log(&house, "door.front:  -> plain text");
    set(&house, "door.front", r#"{"open": true}"#);
    eventually("the host took it over", || {
        (house.runs().len() == 4).then_some(())
    });
    set(&house, "cellar", "7");
    eventually("it is stored", || {
        let shown = house.porchlight(&["state", "history", "cellar"]);
        shown.status.success().then_some(())
    });
    house.post_ok(r#"{"type":"ask"}"#);
    wait_for_log(&house, "true of 2, first plain text");

    let listed = house.json_lines(&["state", "--json"]);
    let seen = [
        json!({"key": "cellar", "value": 7}),
        json!({"key": "door.front", "value": {"open": true}}),
    ];
    assert_eq!(listed, seen);
    let listed = house.json_lines(&["state", "list", "door", "--json"]);
    assert_eq!(listed, seen[1..]);
    let was = house.json_lines(&["state", "history", "door.front", "--json"]);
    assert_eq!(was.len(), 2);
    assert_eq!(was[0]["value"], "plain text");
    let told: Vec<_> = house
        .events()
        .into_iter()
        .filter(|one| one["type"] == "state.changed")
        .collect();
    assert_eq!(told.len(), 2, "nobody listens to the cellar: {told:?}");
    let by_hand = house
        .runs()
        .into_iter()
        .find(|run| run["title"] == "state set cellar");
    assert_eq!(by_hand.expect("a run")["outcome"]["outcome"], "ok");
}

#[test]
fn a_value_set_while_the_host_is_down_is_there_at_once_and_told_at_the_start() {
    let script = format!("on_state(\"night\", {LOG});\n{SETTLE}");
    let mut house = House::start(&gate_config(), &[("a.rhai", &script)]);
    house.wait_until_said("ready");
    house.kill();
    assert_eq!(get(&house, "night"), None);
    set(&house, "night", "true");
    assert_eq!(get(&house, "night"), Some(json!(true)));
    let shown = house.porchlight(&["state", "remove", "night"]);
    assert!(shown.status.success());
    assert_eq!(get(&house, "night"), None);
    set(&house, "night", "false");
    house.restart();
    wait_for_log(&house, "night:  -> true");
    wait_for_log(&house, "night:  -> false");
    house.kill();
    house.restart();
    house.post_ok(r#"{"type":"settle"}"#);
    wait_for_log(&house, "settled");
    assert_eq!(get(&house, "night"), Some(json!(false)));
    assert_eq!(logs(&house).len(), 4, "each was told once");
}

#[test]
fn what_must_last_survives_kill_and_is_told_exactly_once() {
    let script = r#"
        on_state("door.*", #{ to: "open", "for": "30s" }, |change| log::info(`${change.key} ${change.late_by}`));
    "#;
    let script = format!("{script}\n{SETTLE}");
    let mut house = House::start(&gate_config(), &[("a.rhai", &script)]);
    house.wait_until_said("ready");
    set(&house, "door.a", "open");
    set(&house, "door.b", "open");
    eventually("both are in the journal", || {
        (waits(&house).len() == 2).then_some(())
    });
    house.kill();
    set(&house, "door.b", "shut");
    house.let_pass_while_down(60);
    house.restart();
    eventually("one lasted", || {
        logs(&house)
            .iter()
            .any(|line| line.starts_with("door.a "))
            .then_some(())
    });
    eventually("none waits any more", || {
        waits(&house).is_empty().then_some(())
    });
    house.kill();
    house.restart();
    house.post_ok(r#"{"type":"settle"}"#);
    wait_for_log(&house, "settled");
    let mut told = logs(&house);
    told.retain(|line| line != "settled");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        !told[0].ends_with(" 0s"),
        "it says how late it is: {told:?}"
    );
    let skips = house.skips();
    assert_eq!(
        skips.iter().filter(|reason| *reason == "holding").count(),
        2
    );
    assert!(skips.iter().any(|reason| reason == "not held"), "{skips:?}");
}

#[test]
fn budgets_survive_kill_and_hidden_keys_are_nobodys() {
    let script = r#"
        on("gate.ask", || log::info(`${budget("sms", 2, "1d")} ${once_per("1d", "a")} ${budget_left("sms", 2, "1d")}`));
    "#;
    let mut house = House::start(&gate_config(), &[("a.rhai", script)]);
    house.post_ok(r#"{"type":"ask","n":1}"#);
    wait_for_log(&house, "true true 1");
    house.kill();
    house.restart();
    house.post_ok(r#"{"type":"ask","n":2}"#);
    wait_for_log(&house, "true false 0");
    house.post_ok(r#"{"type":"ask","n":3}"#);
    wait_for_log(&house, "false false 0");
    assert!(house.json_lines(&["state", "--json"]).is_empty());
    for args in [["state", "set", "~once/a", "1"], ["state", "set", "", "1"]] {
        let refused = house.porchlight(&args);
        assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    }
    let nothing = house.porchlight(&["state", "get", "nothing"]);
    assert_eq!(nothing.status.code(), Some(1));
}

#[test]
fn what_lasted_and_is_queued_is_called_after_a_crash_whatever_the_value_is_by_then() {
    let script = r#"
        on_state("door.*", #{ to: "open", "for": "1h", mode: "queued" }, |change| {
            let key = change.key;
            file::append("did.txt", `begin ${key}` + "\n");
            later("1h", || file::append("did.txt", `end ${key}` + "\n"));
        });
    "#;
    let mut house = House::start(&gate_config(), &[("a.rhai", script)]);
    let open = |house: &House, count| {
        eventually("the waits are in the journal", || {
            (waits(house).len() == count).then_some(())
        });
    };
    set(&house, "door.a", "open");
    open(&house, 1);
    set(&house, "door.b", "open");
    open(&house, 2);
    house.kill();
    house.let_pass_while_down(2 * 3600);
    house.restart();
    house.wait_for_file("did.txt", "begin door.a\n");
    eventually("the other one is queued", || {
        house.skips().contains(&"queued".to_owned()).then_some(())
    });
    // It had lasted; that it is shut and opened again meanwhile is another story.
    set(&house, "door.b", "shut");
    eventually("that was noticed", || {
        let runs = house.runs();
        let shut = runs.iter().filter(|run| run["title"] == "state set door.b");
        (shut.count() == 2).then_some(())
    });
    set(&house, "door.b", "open");
    open(&house, 3);
    house.kill();
    set(&house, "door.b", "shut");
    house.let_pass_while_down(2 * 3600);
    house.restart();
    house.wait_for_file("did.txt", "begin door.a\nend door.a\nbegin door.b\n");
    house.kill();
    house.let_pass_while_down(2 * 3600);
    house.restart();
    let all = "begin door.a\nend door.a\nbegin door.b\nend door.b\n";
    house.wait_for_file("did.txt", all);
    assert!(waits(&house).is_empty());
}

#[test]
fn keys_are_listed_by_a_prefix_or_a_pattern_and_a_history_from_a_moment_on() {
    let mut house = House::start(&gate_config(), &[("a.rhai", "on(\"gate.go\", || ());")]);
    for (key, value) in [
        ("door.front", "1"),
        ("door.back.lock", "2"),
        ("hall.lock", "3"),
    ] {
        set(&house, key, value);
    }
    eventually("the host took them over", || {
        (house.runs().len() == 3).then_some(())
    });
    // One that it has not taken over yet is listed all the same.
    house.terminate();
    set(&house, "door.side", "4");
    let keys = |args: &[&str]| {
        let listed = house.json_lines(&[&["state"], args, &["--json"]].concat());
        let keys = listed.into_iter().map(|line| line["key"].to_string());
        keys.collect::<Vec<_>>().join(" ")
    };
    let all = r#""door.back.lock" "door.front" "door.side" "hall.lock""#;
    assert_eq!(keys(&[]), all);
    assert_eq!(keys(&["list"]), all);
    assert_eq!(
        keys(&["list", "door."]),
        r#""door.back.lock" "door.front" "door.side""#
    );
    assert_eq!(keys(&["list", "door.*"]), r#""door.front" "door.side""#);
    assert_eq!(
        keys(&["list", "**.lock"]),
        r#""door.back.lock" "hall.lock""#
    );
    assert_eq!(keys(&["list", "nothing.*"]), "");
    let wrong = house.porchlight(&["state", "list", "door.**x"]);
    assert_eq!(wrong.status.code(), Some(1), "{wrong:?}");

    let values = |args: &[&str]| -> Vec<Value> {
        let all = [&["state", "history", "door.front", "--json"], args].concat();
        let lines = house.json_lines(&all);
        lines
            .into_iter()
            .map(|line| line["value"].clone())
            .collect()
    };
    let journal = rusqlite::Connection::open(house.path().join("data/porchlight.db"));
    let journal = journal.expect("the journal opens");
    for (hours, value) in [(50, 10), (30, 20), (2, 30)] {
        let old = "INSERT INTO state_history(at, key, value, run)
             SELECT at - ?1 * 3600000, key, ?2, run FROM state_history
             WHERE key = 'door.front' AND value = '1'";
        let done = journal.execute(old, (hours, value.to_string()));
        done.expect("it was so");
    }
    assert_eq!(values(&["--since", "1h"]), [json!(1)]);
    assert_eq!(values(&["--since", "24h"]).len(), 2);
    assert_eq!(values(&["--since", "2020-01-01T00:00:00Z"]).len(), 4);
    assert_eq!(values(&["--since", "24h", "--limit", "1"]).len(), 1);
    assert_eq!(values(&[]).len(), 4);
    for since in ["yesterday", "2999-01-01T00:00:00Z"] {
        let nothing = house.porchlight(&["state", "history", "door.front", "--since", since]);
        assert_eq!(nothing.status.code(), Some(1), "{nothing:?}");
    }
}

#[test]
fn scripts_that_set_one_key_at_the_same_time_are_stored_in_the_order_in_which_they_did() {
    let setter = |name: &str| {
        format!("on(\"gate.go\", |event| state::set(\"k\", `{name}${{event.data.n}}`));")
    };
    let (a, b, c) = (setter("a"), setter("b"), setter("c"));
    let scripts = [
        ("a.rhai", a.as_str()),
        ("b.rhai", b.as_str()),
        ("c.rhai", c.as_str()),
        ("listens.rhai", "on(\"state.changed\", || ());"),
    ];
    let house = House::start(&gate_config(), &scripts);
    for n in 0..200 {
        house.post_ok(&json!({ "type": "go", "n": n }).to_string());
    }
    let count = |house: &House| {
        let runs = house.runs();
        runs.iter()
            .filter(|run| run["script"] != "listens.rhai")
            .count()
    };
    eventually("all have run", || (count(&house) == 600).then_some(()));
    let reader = porchlight_journal::Reader::open(&house.path().join("data")).expect("a journal");
    let history = reader.state_history("k", None, 10_000).expect("a history");
    let mut changes: Vec<Value> = Vec::new();
    for id in 1..=800 {
        let event = reader.event(id).expect("it is read").expect("it is there");
        if event.kind == "state.changed" {
            changes.push(serde_json::from_slice(&event.data).expect("a change"));
        }
    }
    assert_eq!(changes.len(), 600);
    let mut before = Value::Null;
    for (change, point) in changes.iter().zip(history) {
        assert_eq!(change["from"], before, "what scripts saw");
        assert_eq!(Some(&change["to"]), point.value.as_ref(), "what was stored");
        before = change["to"].clone();
    }
    assert_eq!(get(&house, "k"), Some(before));
}
