//! `on_state`: what fires, what must last, what ends it, and what survives a restart.

use super::house::House;
use super::support::*;
use porchlight_core::*;
use serde_json::json;

const LOG: &str = "|change| log::info(`${change.key}: ${change.from} -> ${change.to}`)";

#[test]
fn a_change_tells_who_wants_it_once_from_the_first_to_the_last_value() {
    let source = format!(
        r#"
        on("go", |event| {{
            state::set("door.front", "half");
            state::set("door.front", event.data.to);
            state::set("other", 1);
        }});
        on_state("door.*", {LOG});
        "#
    );
    House::with(&source, |house| {
        house.send("go", json!({"to": "open"}));
        house.send("go", json!({"to": "open"}));
        house.set("door.front", json!(null));
        assert_eq!(
            house.logs(),
            ["door.front:  -> open", "door.front: open -> "]
        );
        let told: Vec<_> = house.runs.iter().flat_map(|run| &run.emitted).collect();
        assert_eq!(told.len(), 1, "nobody listens to `other`");
        assert_eq!((told[0].depth, told[0].kind.as_str()), (1, "state.changed"));
        assert_eq!(told[0].subject.as_deref(), Some("door.front"));
        assert!(house.skips().is_empty());
    });
}

#[test]
fn from_to_above_and_below_are_looked_at_before_anything_is_recorded() {
    let source = format!(
        r#"
        on_state("door", #{{ from: ["shut", ()], to: "open" }}, {LOG});
        on_state("cellar", #{{ above: 70 }}, {LOG});
        "#
    );
    House::with(&source, |house| {
        for value in ["open", "shut", "open", "half", "open"] {
            house.set("door", json!(value));
        }
        for value in [60.0, 71.0, 75.0, 70.0, 70.5] {
            house.set("cellar", json!(value));
        }
        let seen = [
            "door:  -> open",
            "door: shut -> open",
            "cellar: 60.0 -> 71.0",
            "cellar: 70.0 -> 70.5",
        ];
        assert_eq!(house.logs(), seen);
        assert_eq!(house.runs.len(), 4, "the others are no runs at all");
    });
}

#[test]
fn what_lasts_is_told_once_and_what_ends_before_is_not() {
    let source = r#"
        on_state("door.*", #{ to: "open", "for": "5m" }, |change| {
            log::info(`${change.key} since ${change.since}, late by ${change.late_by}`);
        });
    "#;
    House::with(source, |house| {
        house.set("door.a", json!("open"));
        let since = house.now().to_rfc3339();
        house.advance("2m");
        house.set("door.b", json!("open"));
        house.advance("2m");
        house.set("door.b", json!("shut"));
        assert_eq!(house.agenda.len(), 1, "each key lasts for itself");
        house.restart();
        house.advance("10m");
        house.advance("1h");
        assert_eq!(house.logs(), [format!("door.a since {since}, late by 0s")]);
        assert_eq!(house.skips(), ["holding", "holding", "not held"]);
        assert!(house.agenda.is_empty() && house.lane.is_idle());
        let cancelled = &house.runs[2].cancelled;
        assert!(cancelled[0].ends_with("/door.b"), "{cancelled:?}");
    });
}

#[test]
fn a_number_lasts_while_it_stays_on_its_side() {
    let source = format!(r#"on_state("cellar", #{{ above: 70, "for": "10m" }}, {LOG});"#);
    House::with(&source, |house| {
        house.set("cellar", json!(72));
        house.advance("6m");
        house.set("cellar", json!(80));
        house.advance("6m");
        assert_eq!(
            house.logs(),
            ["cellar:  -> 72"],
            "another number beyond is no end"
        );
        house.set("cellar", json!(60));
        house.set("cellar", json!(71));
        house.advance("9m");
        house.set("cellar", json!(70));
        house.advance("1h");
        assert_eq!(house.logs().len(), 1);
    });
}

#[test]
fn a_value_that_changed_while_its_event_was_on_its_way_is_not_told() {
    let source = format!(r#"on_state("door", #{{ to: "open", "for": "5m" }}, {LOG});"#);
    House::with(&source, |house| {
        house.set("door", json!("open"));
        // The state has it already, and the event is still on its way.
        house.host.state().apply(&[StateWrite {
            key: "door".to_owned(),
            op: StateOp::Set(json!("shut")),
        }]);
        house.advance("5m");
        assert_eq!(house.skips(), ["holding", "not held"]);
        assert!(house.logs().is_empty());
    });
}

#[test]
fn what_lasts_goes_on_while_the_script_is_edited_and_ends_with_its_handler() {
    let source = format!(r#"on_state("door", #{{ to: "open", "for": "5m" }}, {LOG});"#);
    House::with(&source, |house| {
        house.set("door", json!("open"));
        house.advance("1m");
        house.reload(
            r#"
            // Another line.
            on_state("door", #{ to: "open", "for": "5m" }, |change| log::info("the new version"));
            "#,
        );
        house.advance("4m");
        assert_eq!(house.logs(), ["the new version"]);
        house.set("door", json!("shut"));
        house.set("door", json!("open"));
        house.reload(r#"on("x", || ());"#);
        house.advance("5m");
        assert_eq!(house.skips().last().map(String::as_str), Some("reloaded"));
    });
}

#[test]
fn modes_and_cooldowns_count_from_when_the_handler_is_called() {
    let source = r#"
        on_state("door.*", #{ to: "open", "for": "5m", mode: "single" }, |change| {
            later("10m", || log::info("done"));
        });
    "#;
    House::with(source, |house| {
        house.set("door.a", json!("open"));
        house.set("door.b", json!("open"));
        house.advance("5m");
        assert_eq!(house.skips(), ["holding", "holding", "mode: single"]);
        house.advance("10m");
        assert_eq!(house.logs(), ["done"]);
    });
}

#[test]
fn a_script_that_answers_its_own_changes_is_stopped_and_told_so() {
    let source = r#"on_state("n", |change| state::add("n", 1));"#;
    House::with(source, |house| {
        house.set("n", json!(0));
        let last = house.runs.last().unwrap();
        let Outcome::Error { message, .. } = &last.outcome else {
            panic!("{:?}", last.outcome)
        };
        assert!(
            message.contains("16 events already led to each other"),
            "{message}"
        );
        assert!(message.contains("\"n\""), "{message}");
        assert_eq!(house.runs.len(), 16);
    });
}

#[test]
fn nobody_but_the_host_tells_of_changes() {
    let source = format!(
        r#"
        on_state("door", {LOG});
        on("go", || emit("state.changed", #{{ key: "door", from: 1, to: 2 }}));
        "#
    );
    House::with(&source, |house| {
        house.send("state.changed", json!({"key": "door", "from": 1, "to": 2}));
        house.send("go", json!({}));
        assert!(house.logs().is_empty());
    });
}

#[test]
fn all_mistakes_with_on_state_are_told_at_once() {
    let source = r#"
on_state("~once/a", |change| ());
on_state("door", #{ above: "high", "for": "0s" }, |change| ());
on_state("door", #{ on_gap: "drop" }, |change| ());
on_state("door", #{ too: "open" }, |change| ());
on_state("door", #{ to: [] }, |change| ());
on_state("a..b.*", |change| ());
"#;
    let found = mistakes(&[], source);
    let words = [
        (2, "begin with `~`"),
        (3, "`above` is a number"),
        (3, "`for` is longer than nothing"),
        (4, "goes with `for`"),
        (5, "no option `too`"),
        (6, "empty list"),
        (7, "empty part"),
    ];
    for (line, words) in words {
        let told = |one: &&Diagnostic| one.line == line && one.message.contains(words);
        assert!(
            found.iter().any(|one| told(&one)),
            "{line}: {words}: {found:#?}"
        );
    }
    assert_eq!(found.len(), words.len());
}

#[test]
fn a_change_is_looked_at_by_those_alone_who_name_its_key() {
    let mut source: String = (0..100)
        .map(|n| format!("on_state(\"sensor.{n}\", |change| ());\n"))
        .collect();
    source += r#"
        on_state("sensor.7", #{ to: 1 }, |change| ());
        on_state("sensor.*", |change| ());
        on_state("*.7", |change| ());
        on_state("door.*", |change| ());
        on("state.*", |event| ());
        on("**", |event| ());
    "#;
    House::with(&source, |house| {
        let scripts = [std::sync::Arc::clone(&house.script)];
        let index = porchlight_script::Subscriptions::build(&scripts);
        let mut change = (*event("state.changed", json!({}))).clone();
        change.content.subject = Some("sensor.7".to_owned());
        let seen: Vec<_> = index.concerned(&change).map(|(_, number)| number).collect();
        assert_eq!(seen, [7, 100, 101, 102, 104]);
        change.content.subject = None;
        let seen: Vec<_> = index.concerned(&change).map(|(_, number)| number).collect();
        assert_eq!(seen, [104], "one that names no key");
        change.content.kind = "sensor.7".to_owned();
        let seen: Vec<_> = index.concerned(&change).map(|(_, number)| number).collect();
        assert_eq!(seen, [105], "a key is no type");
        assert_eq!(index.matching("state.changed").count(), 105);
    });
}
