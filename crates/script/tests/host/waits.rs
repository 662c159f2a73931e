//! `later`, `job`, `wait_for` and `cancel`: waits with names, versions and ends.

use super::house::House;
use porchlight_core::*;
use porchlight_script::*;
use serde_json::json;
use std::sync::Arc;

#[test]
fn a_wait_is_told_how_late_it_is() {
    let source = r#"on("go", |event| { later("5m", |wait| log::info(wait.late_by)); });"#;
    House::with(source, |house| {
        house.send("go", json!({}));
        house.advance("5m");
        assert_eq!(house.logs(), ["0s"]);
    });
}

#[test]
fn a_wait_of_the_same_name_takes_the_place_of_the_old_one() {
    let source = r#"on("go", |event| {
        let n = event.data.n;
        later("5m", #{ id: "hall" }, || log::info(`off ${n}`));
    });"#;
    House::with(source, |house| {
        house.send("go", json!({ "n": 1 }));
        house.advance("4m");
        house.send("go", json!({ "n": 2 }));
        house.advance("10m");
        assert_eq!(house.logs(), ["off 2"]);
    });
}

#[test]
fn another_run_can_cancel_a_wait_by_its_name_or_by_what_later_gave() {
    let source = r#"
        on("go", |event| {
            later("5m", #{ id: "hall" }, || log::info("hall"));
            state::set("gate.porch", later("5m", || log::info("porch")).id);
        });
        on("stop", |event| {
            log::info(`${cancel("hall")} ${cancel("hall")} ${cancel(state::get("gate.porch"))}`);
        });"#;
    House::with(source, |house| {
        house.send("go", json!({}));
        house.send("stop", json!({}));
        house.advance("10m");
        assert_eq!(house.logs(), ["true false true"]);
        assert!(house.lane.is_idle());
    });
}

#[test]
fn a_wait_that_had_fallen_due_is_cancelled_all_the_same() {
    let source = r#"
        on("go", |event| { later("5m", #{ id: "hall" }, || log::info("hall")); });
        on("stop", |event| { cancel("hall"); });"#;
    House::with(source, |house| {
        house.send("go", json!({}));
        let due = house.agenda.take_due(Timestamp(i64::MAX)).remove(0);
        house.send("stop", json!({}));
        house.job(Work::Wait(Box::new(due), Fell::Due), None);
        assert_eq!(house.skips(), ["cancelled"]);
        assert!(house.logs().is_empty());
    });
}

#[test]
fn an_event_ends_a_wait_for_it_and_time_the_others() {
    let source = r#"on("bell", |event| {
        let visitor = event.data.name;
        wait_for("door.*", #{ within: "2m", where: #{ "data.door": "front" } },
            |opened| log::info(`${visitor}: ${opened.type} after ${event.data.name}`),
            |wait| log::info(`${visitor}: nobody`));
    });"#;
    House::with(source, |house| {
        house.send("bell", json!({ "name": "Ann" }));
        house.send("door.opened", json!({ "door": "back" }));
        house.advance("1m");
        house.send("door.opened", json!({ "door": "front" }));
        house.advance("5m");
        house.send("bell", json!({ "name": "Bo" }));
        house.advance("5m");
        house.send("door.opened", json!({ "door": "front" }));
        assert_eq!(house.logs(), ["Ann: door.opened after Ann", "Bo: nobody"]);
    });
}

#[test]
fn an_unanswered_wait_without_a_second_function_leaves_a_record() {
    let source = r#"on("bell", |event| { wait_for("door", #{ within: "2m" }, |opened| 1); });"#;
    House::with(source, |house| {
        house.send("bell", json!({}));
        house.advance("2m");
        assert_eq!(house.skips(), ["timeout"]);
    });
}

#[test]
fn wait_for_without_an_end_is_a_mistake() {
    let source = r#"on("bell", |event| { wait_for("door", #{}, |opened| 1); });"#;
    House::with(source, |house| {
        house.send("bell", json!({}));
        assert!(
            house.skips()[0].contains("for how long"),
            "{:?}",
            house.skips()
        );
    });
}

#[test]
fn a_job_is_tried_with_growing_pauses_and_decides_only_once() {
    let source = r#"on("go", |event| {
        job(#{ retries: 3, backoff: "10s" }, |wait| {
            log::info(`${wait.attempt} at ${(now_ms() - 1700000000000) / 1000}`);
            http::send("http://shop.lan/");
            if wait.attempt < 3 { throw "no"; }
        });
    });"#;
    House::with(source, |house| {
        house.send("go", json!({}));
        house.advance("1h");
        assert_eq!(house.logs(), ["1 at 0", "2 at 10", "3 at 30"]);
        let told: usize = house.runs.iter().map(|run| run.actions.len()).sum();
        assert_eq!(told, 1);
        assert!(house.lane.is_idle());
    });
}

#[test]
fn a_job_gives_up_after_its_retries() {
    let source = r#"on("go", |event| { job(#{ retries: 1 }, || { throw "never"; }); });"#;
    House::with(source, |house| {
        house.send("go", json!({}));
        house.advance("1d");
        assert_eq!(house.skips().len(), 2);
        assert!(house.agenda.is_empty());
    });
}

#[test]
fn a_wait_runs_the_version_that_began_it_unless_it_migrates() {
    let source = |word: &str, on_reload: &str| {
        format!(
            r#"on("go", |event| {{ later("5m", #{{ on_reload: "{on_reload}" }}, Fn("close")); }});
               fn close() {{ log::info("{word}"); }}"#
        )
    };
    for (on_reload, expected) in [("finish", "old"), ("migrate", "new")] {
        let new = source("new", on_reload);
        House::with(&source("old", on_reload), move |house| {
            house.send("go", json!({}));
            house.script = Arc::new(house.host.load("gate.rhai", &new).unwrap());
            house.advance("5m");
            assert_eq!(house.logs(), [expected]);
        });
    }
}

#[test]
fn a_wait_whose_version_is_gone_says_so() {
    let source = r#"on("go", |event| { later("5m", || log::info("x")); });"#;
    House::with(source, |house| {
        house.send("go", json!({}));
        house.past.versions.clear();
        house.script = Arc::new(house.host.load("gate.rhai", "on(\"x\", || 1);").unwrap());
        house.advance("5m");
        assert!(house.skips()[0].contains("no such version"));
        assert!(house.lane.is_idle());
    });
}

#[test]
fn too_many_open_waits_are_refused_with_advice() {
    let source = r#"on("go", |event| { for n in 0..40 { later("1d", || 1); } });"#;
    House::with(source, |house| {
        for _ in 0..6 {
            house.send("go", json!({}));
        }
        let skips = house.skips();
        assert!(skips[0].contains("200 waits of this script"), "{skips:?}");
        assert_eq!(house.agenda.len(), 200);
    });
}

#[test]
fn who_listens_to_everything_does_not_hear_the_changes_of_its_own_counting() {
    let source = r#"
        on("**", |event| state::add("seen", 1));
        on("state.*", |event| log::info(event.subject));"#;
    House::with(source, |house| {
        house
            .host
            .state()
            .set_listeners(&[Arc::clone(&house.script)]);
        house.send("go", json!({}));
        let emitted = house.runs.iter().flat_map(|run| &run.emitted);
        let kinds: Vec<&str> = emitted.map(|event| event.kind.as_str()).collect();
        assert_eq!(kinds, ["state.changed"], "for who names it");
        let scripts = [Arc::clone(&house.script)];
        let index = Subscriptions::build(&scripts);
        assert_eq!(
            index.matching("state.changed").collect::<Vec<_>>(),
            [(0, 1)]
        );
        assert_eq!(index.matching("go").collect::<Vec<_>>(), [(0, 0)]);
    });
}
