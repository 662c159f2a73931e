//! Functions of the same name in different files, which Rhai by itself takes for one after the second
//! call of a run.

use super::support::*;
use porchlight_core::Outcome;
use porchlight_script::*;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// What a run of this handler tells, with two libraries that each have a `helper` of their own.
fn told(body: &str, more: &str) -> String {
    let library = |name: &str| {
        format!(
            "fn run(x) {{ helper(x) }}\nprivate fn helper(x) {{ `{name}${{x}}` }}\n\
             fn each(list, then) {{ let all = \"\"; for x in list {{ all += helper(x) + then.call(x); }} all }}\n\
             fn tail(x, depth) {{ if depth == 0 {{ helper(x) }} else {{ tail(x, depth - 1) }} }}"
        )
    };
    let (a, b) = (library("a"), library("b"));
    let source = format!(
        "import \"lib/a\" as a;\nimport \"lib/b\" as b;\n{more}\n\
         on(\"**\", |event| {{ let all = [];\n{body}\nlog::info(all.reduce(|sum, one| sum + \" \" + one, \"\")); }});"
    );
    let home = home(&[("lib/a.rhai", &a), ("lib/b.rhai", &b)]);
    let script = home.host.load("gate.rhai", &source).unwrap();
    let run = ok(home.host.run(&script, 0, &event("x", json!({})), NOW));
    run.logs[0].message.trim().to_owned()
}

#[test]
fn a_library_calls_its_own_functions_however_often_another_called_its_own() {
    let body = "for n in 0..4 { all.push(a::run(n)); }\nfor n in 0..4 { all.push(b::run(n)); }\nall.push(a::run(9)); all.push(b::tail(8, 5));";
    assert_eq!(told(body, ""), "a0 a1 a2 a3 b0 b1 b2 b3 a9 b8");
}

#[test]
fn a_function_of_the_script_is_none_of_a_librarys() {
    let own = "fn helper(x) { `own${x}` }";
    let body = "for n in 0..4 { all.push(helper(n)); }\nfor n in 0..3 { all.push(b::run(n)); }\nall.push(helper(9));";
    assert_eq!(told(body, own), "own0 own1 own2 own3 b0 b1 b2 own9");
}

#[test]
fn a_closure_that_a_library_calls_means_the_functions_of_its_own_file() {
    let own = "fn helper(x) { `own${x}` }";
    let body = "all.push(a::each([1, 2, 3], |x| helper(x)));";
    assert_eq!(told(body, own), "a1own1a2own2a3own3");
}

#[test]
fn a_mistake_names_functions_as_they_are_written() {
    let home = home(&[(
        "lib/a.rhai",
        "fn run(x) { helper(x) }\nprivate fn helper(x) { throw x }",
    )]);
    let source =
        "import \"lib/a\" as a;\nfn try_it(x) { a::run(x) }\non(\"**\", |event| try_it(\"x\"));";
    let script = home.host.load("gate.rhai", source).unwrap();
    let run = home.host.run(&script, 0, &event("x", json!({})), NOW);
    let said = format!("{run:?}");
    assert!(
        said.contains("in helper, called at lib/a.rhai:1:13"),
        "{said}"
    );
    assert!(
        said.contains("in try_it, called at gate.rhai:3:18"),
        "{said}"
    );
    assert!(!said.contains("__of_"), "{said}");
}

/// Of each driver of lamps and sirens a call from its maker's contract, with a target of its own.
fn lamps() -> Vec<(String, Value, String)> {
    let cases: Value = serde_json::from_str(include_str!("../lights.json")).unwrap();
    let cases = cases["cases"].as_array().unwrap().iter().enumerate();
    cases
        .map(|(number, case)| {
            let kind = case["kind"].as_str().unwrap_or("light").to_owned();
            let mut target = case["target"].clone();
            target["url"] = format!("http://lamp-{number}.lan").into();
            target["answer"] = case["answer"].clone();
            let call = case["call"].as_str().unwrap();
            let call = call.replace("NAME", &format!("\"it-{number}\""));
            (kind, target, format!("try {{ {call} }} catch {{}}"))
        })
        .collect()
}

/// What one run of these calls tells, in their order.
fn tells(lamps: &[(String, Value, String)], chosen: &[usize]) -> Vec<Value> {
    let mut targets: Map<String, Value> = Map::new();
    for (number, (kind, target, _)) in lamps.iter().enumerate() {
        let named = targets.entry(kind.clone()).or_insert_with(|| json!({}));
        named[format!("it-{number}")] = target.clone();
    }
    let answers: Vec<Value> = lamps.iter().map(|one| one.1["answer"].clone()).collect();
    let host = Host::new(HostConfig {
        targets: targets.into(),
        ask: Arc::new(move |_, args, _| {
            let url = args["url"].as_str().unwrap_or_default();
            let number = url
                .split_once("lamp-")
                .and_then(|(_, rest)| rest.split_once('.'));
            let number: Option<usize> = number.and_then(|(number, _)| number.parse().ok());
            let answer = number.map_or(Value::Null, |number| answers[number].clone());
            Ok(json!({ "ok": true, "status": 200, "json": answer }))
        }),
        clock: Arc::new(|| NOW),
        limits: Limits {
            asks: 1000,
            actions: 1000,
            waits: 1000,
            ..Limits::default()
        },
        ..HostConfig::default()
    });
    let calls: Vec<&str> = chosen.iter().map(|&one| lamps[one].2.as_str()).collect();
    let source = format!("on(\"**\", |event| {{\n{}\n}});", calls.join("\n"));
    let script = host.load("gate.rhai", &source).unwrap();
    let run = host.run(&script, 0, &event("a", json!({})), NOW);
    assert_eq!(run.outcome, Outcome::Ok);
    run.actions.into_iter().map(|action| action.args).collect()
}

#[test]
fn all_lamps_in_one_run_are_told_what_each_is_told_alone() {
    on_big_stack(|| {
        let lamps = lamps();
        let all: Vec<usize> = (0..lamps.len()).collect();
        let alone: Vec<Value> = all.iter().flat_map(|&one| tells(&lamps, &[one])).collect();
        assert!(alone.len() >= 20, "{}", alone.len());
        assert_eq!(tells(&lamps, &all), alone);
        let (mut back, mut order) = (alone, all);
        order.reverse();
        let mut turned = tells(&lamps, &order);
        let key = |args: &Value| args.to_string();
        back.sort_by_key(key);
        turned.sort_by_key(key);
        assert_eq!(turned, back);
    });
}
