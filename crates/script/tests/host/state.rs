//! Values that are kept, their defaults, what they were, and what is granted.

use super::house::House;
use super::support::*;
use porchlight_core::*;
use porchlight_script::*;
use serde_json::json;
use std::sync::{Arc, Mutex};

#[test]
fn an_initial_value_counts_where_nothing_is_kept_and_what_is_kept_or_said_comes_before_it() {
    let source = r#"
        state::initial("night", #{ on: false });
        on("ask", || {
            log::info(`${state::get("night").on} ${state::has("night")} ${state::get("night", 7)}`);
            state::set("night", 1);
            log::info(`${state::get("night")} ${state::has("night")} ${state::get("other")}`);
        });
    "#;
    House::with(source, |house| {
        house.send("ask", json!({}));
        assert_eq!(house.logs(), ["false false 7", "1 true "]);
        assert_eq!(house.host.state().get("night"), Some(json!(1)));
    });
}

#[test]
fn two_initial_values_of_one_key_are_a_mistake_and_so_is_one_inside_a_handler() {
    let twice = r#"
        state::initial("a", 1);
        state::initial("a", 1);
        state::initial("a", 2);
        on("**", || ());
    "#;
    let found = mistakes(&[], twice);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(
        (
            found[0].line,
            found[0].message.contains("is 1 at first already")
        ),
        (4, true)
    );
    let run = run(r#"on("**", || state::initial("a", 1));"#);
    let Outcome::Error { message, .. } = run.outcome else {
        panic!("{:?}", run.outcome)
    };
    assert!(message.contains("top level"), "{message}");
}

#[test]
fn hidden_keys_are_neither_read_nor_written_nor_listed() {
    for body in [
        r#"state::get("~once/a")"#,
        r#"state::set("~once/a", 1)"#,
        r#"state::add("~once/a", 1)"#,
        r#"state::remove("~once/a")"#,
        r#"state::has("~once/a")"#,
        r#"state::history("~once/a")"#,
    ] {
        let run = run(&format!("on(\"**\", || {{ {body}; }});"));
        let Outcome::Error { message, .. } = &run.outcome else {
            panic!("{body}: {:?}", run.outcome)
        };
        assert!(message.contains("begin with `~`"), "{body}: {message}");
        assert!(run.state.is_empty());
    }
    let lines = logs(
        r#"once_per("1d", "a"); state::set("b", 1); log::info(`${state::keys()} ${state::keys("~")}`)"#,
    );
    assert_eq!(lines, [r#"["b"] []"#]);
}

#[test]
fn what_a_value_was_is_asked_of_the_journal() {
    let asked = super::support::Asked::default();
    let noted = Arc::clone(&asked);
    let run = on_big_stack(move || {
        let ask: Ask = Arc::new(move |kind, args, _| {
            noted.lock().unwrap().push((kind.to_owned(), args.clone()));
            Ok(json!([{"at": "2026-01-01T00:00:00Z", "value": 5}]))
        });
        let host = Host::new(HostConfig {
            ask,
            ..HostConfig::default()
        });
        let source = r#"on("**", || {
            for point in state::history("n", #{ since: "1d", limit: 3 }) {
                log::info(`${point.at} ${point.value}`);
            }
            state::history("n", #{ since: "2026-01-01T00:00:00Z" });
            state::history("n");
            state::history("n", #{ limit: 0 });
        });"#;
        let script = host.load("gate.rhai", source).unwrap();
        host.run(&script, 0, &event("a", json!({})), NOW)
    });
    assert_eq!(run.logs[0].message, "2026-01-01T00:00:00Z 5");
    let Outcome::Error { message, .. } = run.outcome else {
        panic!("{:?}", run.outcome)
    };
    assert!(message.contains("1 to 10000"), "{message}");
    let asked: Vec<_> = std::mem::take(&mut *asked.lock().unwrap());
    let day = 86_400_000;
    assert_eq!(
        asked,
        [
            json!({"key": "n", "since": NOW.0 - day, "limit": 3}),
            json!({"key": "n", "since": 1_767_225_600_000_i64, "limit": 100}),
            json!({"key": "n", "since": null, "limit": 100}),
        ]
        .map(|args| ("state.history".to_owned(), args))
    );
}

#[test]
fn once_per_says_yes_once_in_its_time_for_each_key() {
    let source = r#"on("bell", |event| {
        log::info(`${once_per("10m", event.data.who)} ${once_per("10m", event.data.who)}`);
    });"#;
    House::with(source, |house| {
        let long = "x".repeat(500);
        house.send("bell", json!({"who": "a"}));
        house.send("bell", json!({"who": long}));
        house.advance("9m 59s");
        house.restart();
        house.send("bell", json!({"who": "a"}));
        house.advance("1s");
        house.send("bell", json!({"who": "a"}));
        let seen = house.logs();
        assert_eq!(
            seen,
            ["true false", "true false", "false false", "true false"]
        );
        let keys: Vec<String> = house
            .host
            .state()
            .to_vec()
            .into_iter()
            .map(|it| it.0)
            .collect();
        assert!(keys.iter().all(|key| key.len() < 100), "{keys:?}");
    });
}

#[test]
fn a_budget_never_grants_more_in_any_span_of_its_length() {
    let source = r#"on("sms", || {
        log::info(`${budget("sms", 2, "1h")} ${budget_left("sms", 2, "1h")}`);
    });"#;
    House::with(source, |house| {
        house.send("sms", json!({}));
        house.advance("50m");
        house.send("sms", json!({}));
        house.send("sms", json!({}));
        house.advance("10m");
        house.send("sms", json!({})); // the first is an hour ago
        house.send("sms", json!({}));
        house.advance("50m");
        house.send("sms", json!({}));
        let expected = ["true 1", "true 0", "false 0", "true 0", "false 0", "true 0"];
        assert_eq!(house.logs(), expected);
    });
}

#[test]
fn a_run_that_decides_nothing_takes_nothing_of_a_budget() {
    let source = r#"
        on("loop", || { budget("sms", 1, "1h"); once_per("1h", "a"); loop {} });
        on("again", #{ retry: 1 }, || { budget("sms", 1, "1h"); throw "no"; });
        on("ask", || log::info(`${budget_left("sms", 1, "1h")} ${once_per("1h", "a")}`));
    "#;
    let state = State::default();
    let shared = state.clone();
    let lines = on_big_stack(move || {
        let host = Host::new(HostConfig {
            state: shared,
            limits: Limits {
                operations: 10_000,
                ..Limits::default()
            },
            clock: Arc::new(|| NOW),
            ..HostConfig::default()
        });
        let script = host.load("gate.rhai", source).unwrap();
        let event = event("a", json!({}));
        let stopped = host.run(&script, 0, &event, NOW);
        assert_eq!(stopped.outcome.word(), "limit");
        let failed = host.run(&script, 1, &event, NOW);
        assert_eq!((failed.outcome.word(), failed.waits.len()), ("error", 1));
        host.run(&script, 2, &event, NOW).logs
    });
    assert_eq!(lines[0].message, "1 true");
    assert_eq!(state.prune(NOW), 0, "what is granted counts on");
}

#[test]
fn two_scripts_at_once_share_a_budget_and_lose_no_grant() {
    let source =
        r#"on("**", || { for i in 0..10 { if budget("sms", 50, "1h") { log::info("yes"); } } });"#;
    let state = State::default();
    let shared = state.clone();
    let host = on_big_stack(move || {
        Host::new(HostConfig {
            state: shared,
            clock: Arc::new(|| NOW),
            ..HostConfig::default()
        })
    });
    let granted = Arc::new(Mutex::new(0));
    let threads: Vec<_> = (0..8)
        .map(|n| {
            let (host, granted) = (host.clone(), Arc::clone(&granted));
            std::thread::Builder::new()
                .stack_size(STACK_SIZE)
                .spawn(move || {
                    let script = host.load(&format!("s{n}.rhai"), source).unwrap();
                    let run = host.run(&script, 0, &event("a", json!({})), NOW);
                    *granted.lock().unwrap() += run.logs.len();
                })
                .unwrap()
        })
        .collect();
    threads.into_iter().for_each(|one| one.join().unwrap());
    assert_eq!(*granted.lock().unwrap(), 50);
    assert_eq!(state.to_vec().len(), 50);
}

#[test]
fn mistakes_with_budgets_say_what_is_right() {
    for (body, words) in [
        (r#"budget("a/b", 1, "1h")"#, "no `/`"),
        (r#"budget("a", 0, "1h")"#, "1 to 1000"),
        (r#"budget("a", 1001, "1h")"#, "1 to 1000"),
        (r#"budget("a", 1, "0s")"#, "longer than nothing"),
    ] {
        let run = run(&format!("on(\"**\", || {{ {body}; }});"));
        let Outcome::Error { message, .. } = &run.outcome else {
            panic!("{body}: {:?}", run.outcome)
        };
        assert!(message.contains(words), "{body}: {message}");
    }
}
