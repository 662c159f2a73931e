//! What scripts keep between runs is bounded in sum, by an error that says what to do, and what one
//! script keeps leaves the others their own.

use super::house::House;
use super::support::*;
use porchlight_core::{NewWait, Outcome, Run};
use porchlight_script::*;
use serde_json::{Value, json};

/// The message of a run that ended with a mistake.
fn message(run: &Run) -> &str {
    match &run.outcome {
        Outcome::Error { message, .. } => message,
        other => panic!("{other:?}"),
    }
}

fn host(limits: Limits, state: Vec<(String, Value)>) -> Host {
    Host::new(HostConfig {
        limits,
        state: State::from(state),
        ..HostConfig::default()
    })
}

/// Runs a handler with this body as a script of this name.
fn run_as(host: &Host, name: &str, body: &str) -> Run {
    let source = format!("on(\"**\", |event| {{ {body} }});");
    let script = host.load(name, &source);
    let script = script.unwrap_or_else(|wrong| panic!("{wrong:#?}"));
    host.run(&script, 0, &event("a", json!({})), NOW)
}

#[test]
fn the_state_of_all_scripts_together_is_bounded() {
    on_big_stack(|| {
        let limits = Limits {
            state_size: 10_000,
            ..Limits::default()
        };
        let host = host(limits, Vec::new());
        let fill = "let s = \"\"; s.pad(1_000, \"x\"); for i in 0..100 { state::set(`k${i}`, s); }";
        let run = run_as(&host, "a.rhai", fill);
        let said = message(&run);
        for words in [
            "10000 bytes",
            "`state_size` in [script.\"a.rhai\".limits]",
            "porchlight state",
        ] {
            assert!(said.contains(words), "{said}");
        }
        assert_eq!(run.state.len(), 9, "what was written before stands");
        // Another script has no room either, may make it smaller, and then has.
        let grow = "let s = \"\"; s.pad(1_000, \"x\"); state::set(\"mine\", s);";
        assert!(message(&run_as(&host, "b.rhai", grow)).contains("state_size"));
        ok(run_as(
            &host,
            "b.rhai",
            "state::set(\"k1\", \"short\"); state::remove(\"k2\");",
        ));
        ok(run_as(&host, "b.rhai", grow));
        ok(run_as(&host, "b.rhai", "state::set(\"mine\", \"less\");"));
        // What is caught is no harm, and a value that grows counts as much as it grows.
        let caught = format!("try {{ {fill} }} catch (problem) {{ log::info(problem); }}");
        let run = ok(run_as(&host, "c.rhai", &caught));
        assert!(run.logs[0].message.contains("state_size"));
    });
}

#[test]
fn what_the_open_waits_of_a_script_keep_is_bounded_together() {
    let source = "on(\"begin\", |event| {
    let s = \"\";
    s.pad(60_000, \"x\");
    later(\"1h\", #{ id: event.data.id }, || s.len());
});
on(\"cancel\", |event| cancel(event.data.id));";
    on_big_stack(move || {
        let mut house = House::new(source);
        for n in 0..30 {
            house.send("begin", json!({ "id": n.to_string() }));
        }
        assert_eq!(house.agenda.len(), 1_000_000 / 60_002);
        let last = house.runs.last().unwrap();
        assert!(message(last).contains("`waits_size`"), "{last:?}");
        // One of the same name takes the place of the old, and cancelling makes room.
        house.send("begin", json!({ "id": "0" }));
        ok(house.runs.last().unwrap().clone());
        house.send("cancel", json!({ "id": "1" }));
        house.send("begin", json!({ "id": "new" }));
        ok(house.runs.last().unwrap().clone());
        house.send("begin", json!({ "id": "newer" }));
        assert!(message(house.runs.last().unwrap()).contains("waits_size"));
    });
}

#[test]
fn a_wait_of_a_taken_name_begins_also_when_as_many_are_open_as_may_be() {
    let source = "on(\"begin\", |event| { later(\"1h\", #{ id: event.data.id }, || ()); });";
    on_big_stack(move || {
        let mut house = House::new(source);
        for n in 0..201 {
            house.send("begin", json!({ "id": n.to_string() }));
        }
        assert!(message(house.runs.last().unwrap()).contains("waits_outstanding"));
        house.send("begin", json!({ "id": "7" }));
        ok(house.runs.last().unwrap().clone());
        assert_eq!(house.agenda.len(), 200);
    });
}

#[test]
fn what_either_function_of_a_wait_keeps_counts() {
    let long = "let s = \"\"; s.pad(70_000, \"x\");";
    for wait in [
        "wait_for(\"a\", #{ within: \"1m\" }, || s.len());",
        "wait_for(\"a\", #{ within: \"1m\" }, || (), || s.len());",
        "wait_for(\"a\", #{ within: \"1m\", where: #{ \"data.x\": s } }, || ());",
    ] {
        let run = on_big_stack(move || {
            run_as(
                &host(Limits::default(), Vec::new()),
                "a.rhai",
                &format!("{long} {wait}"),
            )
        });
        assert!(message(&run).contains("keeps at most"), "{wait}: {run:?}");
        assert_eq!(run.waits, Vec::<NewWait>::new());
    }
}

#[test]
fn a_script_that_uses_up_its_budgets_leaves_the_others_theirs() {
    on_big_stack(|| {
        let until = NOW.0 + 1_000_000;
        let used = |n: usize| {
            (
                format!("~once/a.rhai/{n}"),
                json!({ "at": NOW.0, "until": until }),
            )
        };
        let host = host(Limits::default(), (0..50_000).map(used).collect());
        let take = "log::info(once_per(\"1h\", \"new\")); log::info(budget(\"sms\", 5, \"1h\"));";
        let run = run_as(&host, "a.rhai", take);
        assert!(message(&run).contains("of a.rhai are under way"), "{run:?}");
        // Its handlers go on, without a pause after each run.
        let source =
            "on(\"**\", #{ cooldown: \"1h\", key: \"data.x\" }, |event| log::info(\"ran\"));";
        for (name, writes) in [("a.rhai", 0), ("b.rhai", 1)] {
            let script = std::sync::Arc::new(host.load(name, source).unwrap());
            let job = Job {
                script: Some(script),
                event: Some(event("a", json!({ "x": 1 }))),
                work: Work::Handler(0),
            };
            let mut runs = Vec::new();
            let mut report = |one: Finished| runs.push(one.run);
            Lane::default().perform(&host, &mut Before::default(), job, &mut report);
            assert_eq!((runs.len(), runs[0].state.len()), (1, writes), "{name}");
            assert_eq!(runs[0].outcome, Outcome::Ok);
        }
        let run = ok(run_as(&host, "b.rhai", take));
        assert_eq!(run.logs[0].message, "true");
        assert_eq!(run.logs[1].message, "true");
    });
}
