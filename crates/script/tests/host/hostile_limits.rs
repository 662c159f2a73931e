//! Each limit stops what goes beyond it, and says which one it was.

use super::support::*;
use porchlight_core::*;
use porchlight_script::*;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;

/// What became of a handler with this body, under these limits for its script alone.
fn under(own: Limits, body: &str) -> Run {
    let source = format!(
        "fn deep(n) {{ deep(n + 1) }}\nfn at(n) {{ if n > 0 {{ at(n - 1) }} }}\non(\"**\", |event| {{ {body} }});"
    );
    on_big_stack(move || {
        let rules = Rules {
            limits: BTreeMap::from([("gate.rhai".to_owned(), own)]),
            ..Rules::default()
        };
        let host = Host::new(HostConfig {
            rules,
            ask: std::sync::Arc::new(|_, _, _| Ok(json!({}))),
            ..HostConfig::default()
        });
        let script = host
            .load("gate.rhai", &source)
            .unwrap_or_else(|e| panic!("{e:#?}"));
        host.run(&script, 0, &event("a", json!({})), NOW)
    })
}

fn small() -> Limits {
    Limits {
        run_time: Duration::from_millis(200),
        operations: 20_000,
        call_depth: 12,
        string_size: 2_000,
        array_size: 50,
        map_size: 50,
        actions: 2,
        asks: 2,
        state_writes: 2,
        run_size: 4_000,
        emitted: 2,
        waits: 2,
        log_lines: 2,
        ..Limits::default()
    }
}

#[test]
fn a_limit_names_itself_its_value_and_the_key_that_raises_it() {
    for (key, value, body) in [
        (
            "time",
            "200 ms",
            "let a = [1]; loop { a.map(|x| { for i in 0..5000 { } }); }",
        ),
        ("operations", "20000", "loop { }"),
        ("call_depth", "12", "deep(1)"),
        ("string_size", "2000", "let s = \"x\"; loop { s += s; }"),
        ("array_size", "50", "let a = []; loop { a.push(1); }"),
        (
            "map_size",
            "50",
            "let m = #{}; let i = 0; loop { m += #{ [`${i}`]: 1 }; }",
        ),
        ("actions", "2", "loop { http::send(\"http://x.lan/\"); }"),
        ("asks", "2", "loop { http::get(\"http://x.lan/\"); }"),
        ("state_writes", "2", "loop { state::set(\"a\", 1); }"),
        (
            "run_size",
            "4000",
            "let s = \"x\"; s.pad(1900, \"y\"); let i = 0; loop { emit(\"a\", s); state::set(\"a\", s); i += 1; }",
        ),
        ("emitted", "2", "loop { emit(\"b\"); }"),
        ("waits", "2", "loop { later(\"1s\", || ()); }"),
    ] {
        let body = body.replace("#{ [`${i}`]: 1 }", "parse_json(`{\"k${i}\": 1}`); i += 1");
        let run = under(
            small(),
            &format!("try {{ {body} }} catch (e) {{ throw e; }}"),
        );
        let Outcome::Limit { message, .. } = &run.outcome else {
            panic!("{key}: {:?}", run.outcome);
        };
        assert!(message.contains(value), "{key}: {message}");
        assert!(
            message.contains(&format!("`{key}` in [script.\"gate.rhai\".limits]")),
            "{key}: {message}"
        );
        assert!(
            run.actions.is_empty() && run.state.is_empty() && run.waits.is_empty(),
            "{key}"
        );
    }
}

#[test]
fn a_script_has_its_own_limits_and_the_others_have_theirs() {
    on_big_stack(|| {
        let rules = Rules {
            limits: BTreeMap::from([("gate.rhai".to_owned(), small())]),
            ..Rules::default()
        };
        let host = Host::new(HostConfig {
            rules,
            ..HostConfig::default()
        });
        let source =
            "on(\"**\", |event| { let a = []; for i in 0..100 { a.push(i); } emit(\"x\", a); });";
        let event = event("a", json!({}));
        let held = host.load("gate.rhai", source).unwrap();
        let run = host.run(&held, 0, &event, NOW);
        assert!(
            matches!(run.outcome, Outcome::Limit { .. }),
            "{:?}",
            run.outcome
        );
        let free = host.load("door.rhai", source).unwrap();
        ok(host.run(&free, 0, &event, NOW));
    });
}

#[test]
fn a_step_that_makes_much_out_of_little_is_refused_before_it_is_made() {
    let long = "let s = \"x\"; s.pad(200000, \"x\"); ";
    let many = "let m = #{}; for i in 0..5000 { m[`${i}`] = s; } ";
    for body in [
        format!("{long} s.replace(\"x\", s);"),
        format!("{long} s.replace(\"\", s);"),
        format!("{long} s.replace('x', s);"),
        format!("{long}{many} m.to_string();"),
        format!("{long}{many} m.to_debug();"),
        format!("{long}{many} m.to_json();"),
        format!("{long}{many} let t = `${{m}}`;"),
        format!("{long}{many} let t = \"\" + m;"),
        format!("{long}{many} http::send(\"http://x.lan/\", #{{ json: m }});"),
        format!("{long}{many} state::set(\"a\", m);"),
        format!("{long}{many} emit(\"b\", m);"),
        format!("{long}{many} later(\"1s\", || m.len());"),
        format!("{long}{many} command::start(\"x\", m);"),
        format!("{long}{many} sheet::append(\"a.csv\", m);"),
    ] {
        let began = std::time::Instant::now();
        let run = under(Limits::default(), &body);
        assert_ne!(run.outcome, Outcome::Ok, "{body}");
        assert!(run.actions.is_empty() && run.state.is_empty() && run.waits.is_empty());
        assert!(began.elapsed() < Duration::from_secs(8), "{body}");
    }
    // What stays small is as it always was.
    let body =
        format!("{long} s.replace(\"y\", s); s.replace(\"x\", \"\"); if s != \"\" {{ throw s; }}");
    ok(under(Limits::default(), &body));
}

#[test]
fn floods_of_lines_end_with_a_line_that_says_so() {
    let body = "for i in 0..100000 { print(i); log::info(i); }";
    let run = ok(under(
        Limits {
            log_lines: 3,
            ..Limits::default()
        },
        body,
    ));
    assert_eq!(run.logs.len(), 4);
    assert!(
        run.logs[3].message.contains("`log_lines`"),
        "{:?}",
        run.logs[3]
    );
}

#[test]
fn what_a_script_keeps_is_bounded() {
    let long = "let s = \"x\"; s.pad(70000, \"x\"); ";
    let nested = "let a = 1; for i in 0..100 { a = [a]; } ";
    for (body, says) in [
        (
            format!("{long} later(\"1s\", || s.len());"),
            "keeps at most",
        ),
        (format!("{long} state::set(s, 1);"), "256 bytes"),
        ("state::set(\"\", 1);".to_owned(), "256 bytes"),
        (
            format!("{nested} state::set(\"a\", a);"),
            "nested more than 64",
        ),
        (format!("{nested} emit(\"a\", a);"), "nested more than 64"),
        (
            "later(\"1s\", #{ id: \"x\" }, Fn(\"emit\"));".to_owned(),
            "needs a function of this script",
        ),
        (
            "let f = Fn(\"state::set\"); f.call(\"a\", 1);".to_owned(),
            "",
        ),
        (
            "let o = #{}; o.me = o; let f = || o.me; later(\"1s\", f);".to_owned(),
            "",
        ),
    ] {
        let run = under(Limits::default(), &body);
        match &run.outcome {
            Outcome::Error { message, .. } => assert!(message.contains(says), "{body}: {message}"),
            other => assert!(says.is_empty(), "{body}: {other:?}"),
        }
        assert!(run.state.is_empty(), "{body}");
    }
}
