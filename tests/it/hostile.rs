//! Scripts that loop, swell and recurse, next to one that must go on answering.

use super::house::{House, eventually, gate_config};

const GOOD: &str =
    "on(\"gate.*\", |event| { file::append(\"good.txt\", `${event.data.n}` + \"\\n\"); });";

/// The bad script's runs, once there is one that has ended.
fn bad_run(house: &House) -> serde_json::Value {
    eventually("the bad run is recorded", || {
        house
            .runs()
            .into_iter()
            .find(|run| run["script"] == "bad.rhai")
    })
}

fn check(bad: &str, expected: &str) {
    let house = House::start(&gate_config(), &[("bad.rhai", bad), ("good.rhai", GOOD)]);
    for n in 0..10 {
        house.post_ok(&format!("{{\"type\":\"opened\",\"n\":{n}}}"));
    }
    // The good script is done with all ten while the bad one is still at work or has been stopped.
    eventually("the good script has answered", || {
        house
            .file("good.txt")
            .filter(|text| text.lines().count() == 10)
    });
    let run = bad_run(&house);
    assert_eq!(run["outcome"]["outcome"], expected, "{run}");
    assert!(
        run["outcome"]["place"]["line"]
            .as_u64()
            .is_some_and(|line| line > 0),
        "no position: {run}"
    );
    assert_eq!(run["actions"], 0, "a stopped run decides nothing");
    assert!(house.is_running());
}

#[test]
fn an_endless_loop_is_stopped_while_another_script_keeps_answering() {
    check(
        "on(\"gate.*\", |event| {\n  http::send(\"http://127.0.0.1:9/\");\n  loop {}\n});",
        "limit",
    );
}

#[test]
fn an_endless_loop_that_catches_its_own_end_is_stopped_too() {
    check(
        "on(\"gate.*\", |event| {\n  loop { try { [1].map(|x| { loop {} }); } catch {} }\n});",
        "limit",
    );
}

#[test]
fn a_memory_bomb_is_stopped() {
    check(
        "on(\"gate.*\", |event| {\n  let s = \"x\"; loop { s += s; }\n});",
        "limit",
    );
    check(
        "on(\"gate.*\", |event| {\n  let a = []; loop { a.push(a); }\n});",
        "limit",
    );
}

#[test]
fn endless_recursion_is_stopped() {
    check(
        "fn f(x) { f(x + 1) }\non(\"gate.*\", |event| {\n  f(1);\n});",
        "limit",
    );
}

#[test]
fn a_script_that_answers_its_own_events_is_stopped() {
    let echo = "on(\"echo.*\", |event| {\n  emit(\"echo.again\", #{});\n});\non(\"gate.*\", |event| { emit(\"echo.once\", #{}); });";
    let house = House::start(&gate_config(), &[("echo.rhai", echo)]);
    house.post_ok("{\"type\":\"opened\"}");
    let failed = eventually("the echo is stopped", || {
        house
            .runs()
            .into_iter()
            .find(|run| run["outcome"]["outcome"] != "ok")
    });
    assert!(
        failed["outcome"]["message"]
            .as_str()
            .is_some_and(|text| text.contains("its own events")),
        "{failed}"
    );
    assert!(house.runs().len() < 40);
}
