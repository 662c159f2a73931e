//! What a handler sees, keeps, tells and asks.

use super::support::*;
use porchlight_core::*;
use serde_json::json;
use std::sync::Arc;

#[test]
fn a_handler_sees_all_of_its_event() {
    assert_eq!(
        logs("print(event.id); print(event.source); print(event.type); print(event.subject); print(event.data.a.b[1]);
              print(event.facts.camera); print(event.header(\"X-A\")); print(event.verified.scheme); print(event.query);
              print(event.attachments[0].filename); print(event.data.missing); print(\"n\" in event.data);
              print(event.facts.plates[0].text); print(event.received); print(event.peer); print(event.headers[\"x-a\"]);"),
        ["17", "driveway", "a.b", "cam-1", "2", "front", "1", "hmac", "q=1", "a.jpg", "", "true", "ABC123",
         "2023-11-14T22:13:20.000Z", "192.0.2.7", "1"]
    );
}

#[test]
fn an_event_cannot_be_changed() {
    let run = run("on(\"**\", |event| change(event));\nfn change(event) { event.id = 3; }");
    let Outcome::Error { message, place } = run.outcome else {
        panic!("{:?}", run.outcome)
    };
    assert!(message.contains("cannot be changed"), "{message}");
    assert_eq!((place.path.as_str(), place.line), ("gate.rhai", 2));
}

#[test]
fn a_file_of_a_day_is_that_of_the_run() {
    // 2023-11-14T22:13:20Z, and the home has no zone of its own.
    let run = run(
        "on(\"**\", |event| { sheet::append(\"v-{month}.csv\", [1]); file::append(\"{year}/{date}.txt\", \"x\"); file::save(\"{x}{date\", \"y\"); });",
    );
    let run = ok(run);
    let names = run.actions.iter().map(|action| {
        let name = action.args.get("file").or(action.args.get("path"));
        name.and_then(|name| name.as_str()).unwrap_or_default()
    });
    let names: Vec<&str> = names.collect();
    assert_eq!(names, ["v-2023-11.csv", "2023/2023-11-14.txt", "{x}{date"]);
    assert_eq!(run.actions[0].lane, "sheet:v-2023-11.csv");
}

#[test]
fn imports_and_constants_work_in_handlers() {
    let run = ok(run_with(
        &[(
            "lib/a.rhai",
            "const K = 5; fn twice(x) { helper(x) + global::K } private fn helper(x) { x * 2 }",
        )],
        "import \"lib/a\" as a;\nconst LIMIT = 40;\nfn over(n) { n > global::LIMIT }\non(\"**\", |event| { print(a::twice(20)); print(over(a::twice(20))); print(global::LIMIT); });",
        json!({}),
    ));
    let lines: Vec<_> = run.logs.iter().map(|l| l.message.as_str()).collect();
    assert_eq!(lines, ["45", "true", "40"]);
}

#[test]
fn named_functions_are_handlers_too() {
    for handler in ["open_gate", "Fn(\"open_gate\")"] {
        let run = ok(run(&format!(
            "fn open_gate(event) {{ print(event.id); }}\non(\"**\", {handler});"
        )));
        assert_eq!(run.logs[0].message, "17");
    }
}

#[test]
fn captured_values_start_afresh_in_every_run_and_changing_them_warns() {
    on_big_stack(|| {
        let home = home(&[]);
        let source = "let seen = 0;\nlet list = [];\non(\"**\", |event| {\n  seen += 1;\n  list.push(seen);\n  print(list.len());\n});";
        let script = home.host.load("gate.rhai", source).unwrap();
        for _ in 0..3 {
            let run = home.host.run(&script, 0, &event("a", json!({})), NOW);
            assert_eq!(run.logs[0].message, "1");
        }
        let warning = script.warnings.first().expect("a warning");
        assert_eq!((warning.line, warning.severity), (4, Severity::Warning));
        assert!(warning.help.contains("state::"), "{warning:?}");
    });
}

#[test]
fn a_wait_runs_the_code_that_began_it_after_a_restart() {
    let source = "import \"lib/a\" as a;\non(\"**\", |event| {\n  let n = 5;\n  let h = later(\"5m\", || { print(n + a::one()); print(event.type); });\n  let gone = later(\"1s\", || ());\n  cancel(gone);\n});";
    on_big_stack(move || {
        let old = home(&[("lib/a.rhai", "fn one() { 1 }")]);
        let script = old.host.load("gate.rhai", source).unwrap();
        let run = ok(old.host.run(&script, 0, &event("a.b", json!({})), NOW));
        assert_eq!(run.waits.len(), 1);
        let content = run.waits[0].clone();
        assert_eq!(
            (content.due, content.line, content.title.as_str()),
            (Timestamp(NOW.0 + 300_000), 4, "later(\"5m\")")
        );
        let sources = script.sources.clone();
        let new = home(&[("lib/a.rhai", "fn one() { 100 }")]);
        let pinned = new.host.load_version("gate.rhai", &sources).unwrap();
        assert_eq!(pinned.hash, script.hash);
        let wait = Wait { id: 9, content };
        let run = ok(new
            .host
            .run_wait(&pinned, &wait, Some(&event("a.b", json!({}))), NOW));
        let lines: Vec<_> = run.logs.iter().map(|l| l.message.as_str()).collect();
        assert_eq!((lines, run.handler.as_str()), (vec!["6", "a.b"], "wait:9"));
        let changed = new.host.load("gate.rhai", source).unwrap();
        assert_ne!(changed.hash, script.hash);
    });
}

#[test]
fn state_is_seen_by_the_run_at_once_and_by_others_at_its_end() {
    on_big_stack(|| {
        let home = home(&[]);
        let source = "on(\"**\", |event| { state::set(\"a\", 1); state::add(\"n\", 2); state::add(\"n\", 2); print(state::get(\"n\")); print(state::keys(\"\")); state::remove(\"a\"); print(state::get(\"a\", \"none\")); });";
        let script = home.host.load("gate.rhai", source).unwrap();
        let run = ok(home.host.run(&script, 0, &event("a", json!({})), NOW));
        let lines: Vec<_> = run.logs.iter().map(|l| l.message.as_str()).collect();
        assert_eq!(lines, ["4", "[\"a\", \"n\"]", "none"]);
        assert_eq!(home.host.state().get("n"), Some(json!(4)));
        assert_eq!(run.state.len(), 4);
    });
}

#[test]
fn emitted_events_know_their_source_and_depth_and_loops_end() {
    on_big_stack(|| {
        let home = home(&[]);
        let script = home
            .host
            .load(
                "gate.rhai",
                "on(\"**\", |event| emit(\"x.y\", #{ a: event.data }));",
            )
            .unwrap();
        let mut next = event("a", json!({"k": 1}));
        let run = ok(home.host.run(&script, 0, &next, NOW));
        let new = &run.emitted[0];
        assert_eq!(
            (new.source.as_str(), new.kind.as_str(), new.depth),
            ("script:gate", "x.y", 1)
        );
        assert_eq!(
            (new.data.as_ref(), new.verified.scheme.as_str()),
            (&b"{\"a\":{\"k\":1}}"[..], "emit")
        );
        Arc::make_mut(&mut next).content.depth = 16;
        assert!(matches!(
            home.host.run(&script, 0, &next, NOW).outcome,
            Outcome::Error { .. }
        ));
    });
}

#[test]
fn asks_answer_and_their_errors_can_be_caught() {
    assert_eq!(
        logs(
            "print(http::get(\"http://x/\").json.n); try { http::get(\"http://down/\"); } catch (e) { print(e.kind + e.message); }"
        ),
        ["7", "connectnobody answers"]
    );
}

#[test]
fn filters_and_expiry_skip() {
    on_big_stack(|| {
        let home = home(&[]);
        let check = |options: &str, late: i64| {
            let script = home
                .host
                .load(
                    "gate.rhai",
                    &format!("on(\"**\", {options}, |event| print(1));"),
                )
                .unwrap_or_else(|e| panic!("{e:?}"));
            home.host
                .run(
                    &script,
                    0,
                    &event("a", json!({"n": 3, "deep": {"x": "back door"}})),
                    Timestamp(NOW.0 + late),
                )
                .outcome
        };
        let skipped = |reason: &str| Outcome::Skipped {
            reason: reason.to_owned(),
        };
        assert_eq!(
            check(
                "#{ where: #{ \"facts.camera\": \"front\", \"data.n\": [1, 3], \"data.deep.x\": \"back*\" } }",
                0
            ),
            Outcome::Ok
        );
        assert_eq!(
            check("#{ where: #{ \"facts.camera\": \"rear\" } }", 0),
            skipped("filter")
        );
        assert_eq!(
            check("#{ where: #{ \"data.missing\": 1 } }", 0),
            skipped("filter")
        );
        assert_eq!(check("#{ expires: \"1m\" }", 59_000), Outcome::Ok);
        assert_eq!(check("#{ expires: \"1m\" }", 61_000), skipped("expired"));
    });
}

#[test]
fn logs_are_capped() {
    let run = ok(run(
        "on(\"**\", |event| { let long = \"\"; long.pad(5000, \"ö\"); for i in 0..500 { print(long); } });",
    ));
    assert_eq!(run.logs.len(), 201);
    assert!(run.logs.iter().all(|line| line.message.len() <= 2_060));
}

#[test]
fn a_closure_over_its_own_chain_explains_itself() {
    let run = run(
        "on(\"**\", |event| { let m = #{ list: [1], n: 2 }; let add = |x| x + m.n; m.list.map(add); });",
    );
    let Outcome::Error { message, .. } = &run.outcome else {
        panic!("{:?}", run.outcome)
    };
    assert!(message.contains("into a variable first"), "{message}");
}

#[test]
fn an_attachment_joined_with_text_goes_by_reference() {
    let run = run(r#"on("**", |event| {
        http::send("http://192.0.2.7/", #{ body: "<image>" + event.attachments[0] + "</image>" });
    });"#);
    let body = &run.actions[0].args["body"]["$join"];
    assert_eq!(body[0], "<image>");
    assert!(body[1]["$blob"].is_string(), "{body}");
    assert_eq!(body[2], "</image>");
}
