//! Modes, keys, cooldowns and what is skipped: a run is active until its last wait is over.

use super::house::House;
use serde_json::json;

fn motion(options: &str) -> String {
    format!(
        r#"on("motion", {options}, |event| {{
            let n = event.data.n;
            log::info(`on ${{n}}`);
            later("5m", || log::info(`off ${{n}}`));
        }});"#
    )
}

fn send(house: &mut House, numbers: impl IntoIterator<Item = i64>) {
    for n in numbers {
        house.send("motion", json!({ "n": n, "device": n % 2 }));
    }
}

#[test]
fn parallel_runs_go_on_side_by_side() {
    House::with(&motion("#{}"), |house| {
        send(house, [1, 2]);
        house.advance("5m");
        assert_eq!(house.logs(), ["on 1", "on 2", "off 1", "off 2"]);
    });
}

#[test]
fn parallel_runs_beyond_max_are_skipped() {
    House::with(&motion("#{ mode: \"parallel\", max: 2 }"), |house| {
        send(house, [1, 2, 3]);
        assert_eq!(house.skips(), ["mode: parallel, max reached"]);
        house.advance("5m");
        send(house, [4]);
        assert_eq!(house.logs(), ["on 1", "on 2", "off 1", "off 2", "on 4"]);
    });
}

#[test]
fn parallel_runs_beyond_max_can_end_the_oldest() {
    let options = "#{ mode: \"parallel\", max: 2, overflow: \"drop_old\" }";
    House::with(&motion(options), |house| {
        send(house, [1, 2, 3]);
        house.advance("5m");
        assert_eq!(house.logs(), ["on 1", "on 2", "on 3", "off 2", "off 3"]);
    });
}

#[test]
fn single_skips_while_a_run_still_waits() {
    House::with(&motion("#{ mode: \"single\" }"), |house| {
        send(house, [1]);
        house.advance("4m 59s");
        send(house, [2]);
        house.advance("1s");
        send(house, [3]);
        assert_eq!(house.logs(), ["on 1", "off 1", "on 3"]);
        assert_eq!(house.skips(), ["mode: single"]);
    });
}

#[test]
fn restart_starts_the_waiting_over() {
    House::with(&motion("#{ mode: \"restart\" }"), |house| {
        send(house, [1]);
        house.advance("4m");
        send(house, [2]);
        house.advance("4m");
        send(house, [3]);
        house.advance("5m");
        assert_eq!(house.logs(), ["on 1", "on 2", "on 3", "off 3"]);
        assert!(house.agenda.is_empty());
    });
}

#[test]
fn a_restart_that_fails_leaves_the_old_run_to_its_end() {
    let source = r#"on("motion", #{ mode: "restart" }, |event| {
        if event.data.n == 2 { throw "no"; }
        later("5m", || log::info("off"));
    });"#;
    House::with(source, |house| {
        send(house, [1, 2]);
        house.advance("5m");
        assert_eq!(house.logs(), ["off"], "the lamp goes off all the same");
    });
}

#[test]
fn queued_runs_begin_when_the_last_wait_of_the_one_before_is_over() {
    House::with(&motion("#{ mode: \"queued\" }"), |house| {
        send(house, [1, 2, 3]);
        assert_eq!(house.logs(), ["on 1"]);
        house.advance("5m");
        assert_eq!(house.logs(), ["on 1", "off 1", "on 2"]);
        house.advance("10m");
        assert_eq!(house.logs().last().unwrap(), "off 3");
        assert!(house.lane.is_idle());
    });
}

#[test]
fn a_full_queue_drops_the_new_the_old_or_all_but_the_newest() {
    let queued = |overflow: &str| {
        motion(&format!(
            "#{{ mode: \"queued\", max: 3, overflow: \"{overflow}\" }}"
        ))
    };
    let after = |expected: &'static [&'static str], skips: &'static [&'static str]| {
        move |house: &mut House| {
            send(house, 1..=5);
            house.advance("1h");
            let begun: Vec<String> = house.logs();
            let begun = begun.iter().filter(|line| line.starts_with("on"));
            assert_eq!(begun.collect::<Vec<_>>(), expected);
            assert_eq!(house.skips(), skips);
        }
    };
    House::with(
        &queued("drop_new"),
        after(&["on 1", "on 2", "on 3"], &["queue full", "queue full"]),
    );
    House::with(
        &queued("drop_old"),
        after(&["on 1", "on 4", "on 5"], &["superseded", "superseded"]),
    );
    House::with(
        &queued("coalesce"),
        after(
            &["on 1", "on 5"],
            &["superseded", "superseded", "superseded"],
        ),
    );
}

#[test]
fn a_key_keeps_devices_apart() {
    for key in ["\"data.device\"", "|event| event.data.device"] {
        let options = format!("#{{ mode: \"single\", key: {key} }}");
        House::with(&motion(&options), |house| {
            send(house, [1, 2, 3, 4]);
            assert_eq!(house.logs(), ["on 1", "on 2"]);
            assert_eq!(house.skips(), ["mode: single", "mode: single"]);
        });
    }
}

#[test]
fn a_key_that_fails_is_an_error_of_the_run() {
    let options = "#{ mode: \"single\", key: |event| event.nothing }";
    House::with(&motion(options), |house| {
        send(house, [1]);
        let skips = house.skips();
        assert!(skips[0].contains("an event has no `nothing`"), "{skips:?}");
        assert!(house.logs().is_empty());
    });
}

#[test]
fn a_cooldown_skips_until_it_is_over_also_after_a_restart() {
    let source = r#"on("bell", #{ cooldown: "30s", key: "data.door" }, |event| {
        log::info(event.data.door);
    });"#;
    House::with(source, |house| {
        house.send("bell", json!({ "door": "front" }));
        house.send("bell", json!({ "door": "back" }));
        house.advance("29s");
        house.restart();
        house.send("bell", json!({ "door": "front" }));
        house.advance("1s");
        house.send("bell", json!({ "door": "front" }));
        assert_eq!(house.logs(), ["front", "back", "front"]);
        assert_eq!(house.skips(), ["cooldown"]);
    });
}

#[test]
fn a_clock_that_ran_ahead_leaves_no_cooldown_behind() {
    let source = r#"on("bell", #{ cooldown: "30s" }, |event| log::info("rang"));"#;
    House::with(source, |house| {
        house.advance("400d");
        house.send("bell", json!({}));
        house.set_back("400d");
        house.send("bell", json!({}));
        house.send("bell", json!({}));
        assert_eq!(house.logs(), ["rang", "rang"]);
        assert_eq!(house.skips(), ["cooldown"]);
    });
}

#[test]
fn modes_hold_after_a_restart() {
    House::with(&motion("#{ mode: \"single\" }"), |house| {
        send(house, [1]);
        house.restart();
        send(house, [2]);
        house.advance("5m");
        send(house, [3]);
        assert_eq!(house.logs(), ["on 1", "off 1", "on 3"]);
    });
}

#[test]
fn a_deadline_ends_whatever_still_waits() {
    let source = r#"on("motion", #{ mode: "single", deadline: "10m" }, |event| {
        fn again(n) { log::info(`again ${n}`); later("4m", || again(n + 1)); }
        later("4m", || again(1));
    });"#;
    let source = source.replace(
        "        fn again(n) { log::info(`again ${n}`); later(\"4m\", || again(n + 1)); }\n",
        "",
    ) + "\nfn again(n) { log::info(`again ${n}`); later(\"4m\", || again(n + 1)); }";
    House::with(&source, |house| {
        send(house, [1]);
        house.advance("1h");
        assert_eq!(house.logs(), ["again 1", "again 2"]);
        assert_eq!(house.skips(), ["deadline"]);
        send(house, [2]);
        house.advance("4m");
        assert_eq!(house.logs().last().unwrap(), "again 1", "it is over");
    });
}

#[test]
fn a_failed_run_is_tried_again_from_the_beginning() {
    let source = r#"on("motion", #{ retry: #{ retries: 2, backoff: "10s" } }, |event| {
        http::send("http://shop.lan/order");
        state::add("tries", 1);
        log::info(`try ${event.data.n}`);
        if now_ms() < 1700000030000 { throw "not yet"; }
    });"#;
    House::with(source, |house| {
        send(house, [7]);
        house.advance("1h");
        assert_eq!(house.logs(), ["try 7", "try 7", "try 7"]);
        let told: usize = house.runs.iter().map(|run| run.actions.len()).sum();
        assert_eq!(told, 1, "only what succeeded counts");
        assert_eq!(house.host.state().get("tries"), Some(json!(1)));
    });
}

#[test]
fn mistakes_in_options_are_all_told() {
    let source = r#"on("a", #{ mode: "singel", max: 0, key: 5, cooldown: 3, retry: "x", wher: 1 }, |event| 1);"#;
    let wrong = super::support::mistakes(&[], source);
    let messages: Vec<&str> = wrong.iter().map(|one| one.message.as_str()).collect();
    let helps: Vec<&str> = wrong.iter().map(|one| one.help.as_str()).collect();
    for part in [
        "`mode` is \"singel\"",
        "`max`",
        "`key`",
        "`cooldown`",
        "`retries`",
        "no option `wher`",
    ] {
        assert!(
            messages.iter().any(|one| one.contains(part)),
            "{part}: {messages:?}"
        );
    }
    assert!(
        helps.iter().any(|help| help.contains("\"single\"")),
        "{helps:?}"
    );
}

#[test]
fn a_queued_event_that_has_grown_too_old_or_comes_in_a_cooldown_is_skipped_in_its_turn() {
    let source = r#"
        on("old", #{ mode: "queued", expires: "1m" }, |event| {
            log::info(`old ${event.data.n}`);
            if event.data.n == 1 { later("5m", || ()); }
        });
        on("cool", #{ mode: "queued", cooldown: "1m" }, |event| {
            log::info(`cool ${event.data.n}`);
            if event.data.n == 1 { later("5m", || ()); }
        });
    "#;
    House::with(source, |house| {
        house.send("old", json!({ "n": 1 }));
        house.send("cool", json!({ "n": 1 }));
        house.advance("2m");
        for n in 2..=3 {
            house.send("cool", json!({ "n": n }));
        }
        house.send("old", json!({ "n": 2 }));
        house.advance("150s");
        house.send("old", json!({ "n": 3 }));
        house.advance("10m");
        assert_eq!(house.logs(), ["old 1", "cool 1", "old 3", "cool 2"]);
        assert_eq!(house.skips(), ["expired", "cooldown"]);
        assert!(house.lane.is_idle(), "nothing is left of it");
    });
}

/// Each mode with each overflow, with and without keys, under a flood: every trigger leaves one
/// record, no more are active than may be, and in the end nothing is left.
#[test]
fn every_trigger_leaves_one_record_and_no_mode_lets_too_many_in() {
    let modes = [
        ("mode: \"single\"", 1),
        ("mode: \"restart\"", 1),
        ("mode: \"parallel\", max: 3", 3),
        ("mode: \"parallel\", max: 2, overflow: \"drop_old\"", 2),
        ("mode: \"queued\"", 1),
        ("mode: \"queued\", max: 3, overflow: \"drop_new\"", 1),
        ("mode: \"queued\", max: 3, overflow: \"drop_old\"", 1),
        ("mode: \"queued\", max: 3, overflow: \"coalesce\"", 1),
    ];
    let more = [
        "",
        ", key: \"data.k\"",
        ", cooldown: \"4s\"",
        ", expires: \"15s\"",
    ];
    for (mode, most) in modes {
        for more in more {
            let source =
                format!("on(\"go\", #{{ {mode}{more} }}, |event| {{ later(\"10s\", || ()); }});");
            let what = format!("{mode}{more}");
            House::with(&source, move |house| flood(house, most, &what));
        }
    }
}

fn flood(house: &mut House, most: usize, what: &str) {
    let mut random = 7_u64;
    let mut next = |below: u64| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (random >> 33) % below
    };
    const SENT: usize = 60;
    for _ in 0..SENT {
        house.send("go", json!({ "k": next(3) }));
        house.advance(&format!("{}s", next(8)));
        if next(10) == 0 {
            house.advance("30s");
        }
        let mut active: Vec<String> = house
            .agenda
            .of_script("gate.rhai")
            .map(|wait| wait.chain.key.clone())
            .collect();
        active.sort_unstable();
        let of_one = active.chunk_by(|a, b| a == b).map(<[String]>::len).max();
        assert!(of_one.unwrap_or(0) <= most, "{what}: {active:?}");
    }
    house.advance("1h");
    let triggered = house
        .runs
        .iter()
        .filter(|run| !run.handler.starts_with("wait:"));
    let mut events: Vec<u64> = triggered.map(|run| run.event).collect();
    assert_eq!(events.len(), SENT, "{what}");
    events.sort_unstable();
    events.dedup();
    assert_eq!(events.len(), SENT, "{what}: one for each");
    assert!(house.agenda.is_empty() && house.lane.is_idle(), "{what}");
}
