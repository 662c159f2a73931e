//! Scripts that mean harm, or are simply wrong without end.

use super::support::*;
use porchlight_core::*;
use porchlight_script::*;
use serde_json::json;
use std::time::Duration;

#[test]
fn hostile_imports_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("evil.rhai"), "fn x() {}").unwrap();
    for path in [
        "../evil",
        "/etc/passwd",
        "lib/../../evil",
        "gate",
        "lib/none",
    ] {
        let found = mistakes(
            &[("lib/ok.rhai", "fn x() {}")],
            &format!("import \"{path}\" as e;\non(\"a\", |x| ());"),
        );
        assert_eq!(
            (found[0].severity, found[0].line),
            (Severity::Error, 1),
            "{found:?}"
        );
    }
    let circle = mistakes(
        &[
            ("lib/a.rhai", "import \"lib/b\" as b;"),
            ("lib/b.rhai", "import \"lib/a\" as a;"),
        ],
        "import \"lib/a\" as a;\non(\"x\", |x| ());",
    );
    assert!(circle[0].message.contains("circle"), "{circle:?}");
    let late = mistakes(
        &[("lib/a.rhai", "fn x() {}")],
        "on(\"x\", |e| {\n  import \"lib/a\" as a;\n});",
    );
    assert_eq!(late[0].line, 2, "{late:?}");
    #[cfg(unix)]
    on_big_stack(move || {
        let home = home(&[("lib/ok.rhai", "")]);
        let link = home._dir.path().join("lib/link.rhai");
        std::os::unix::fs::symlink(dir.path().join("evil.rhai"), link).unwrap();
        let found = home
            .host
            .load("gate.rhai", "import \"lib/link\" as l;\non(\"x\", |x| ());")
            .unwrap_err();
        assert!(found[0].message.contains("leads out"), "{found:?}");
    });
}

#[test]
fn no_loop_evades_the_deadline() {
    for body in [
        "loop {}",
        "while true { try { loop {} } catch { } }",
        "loop { try { [1].map(|x| { loop {} }); } catch { } }",
        "fn_forever()",
        "let a = [3, 1, 2]; loop { a.sort(|x, y| x - y); }",
        "for i in 0..1000000000 { [1, 2].filter(|x| { for j in 0..1000000000 { } true }); }",
        "let f = |g| { loop { try { throw 1; } catch { } } }; f.call(1);",
    ] {
        let source = format!(
            "fn fn_forever() {{ loop {{ try {{ fn_forever(); }} catch {{ }} }} }}\non(\"**\", |event| {{ state::set(\"x\", 1); {body}; }});"
        );
        let run = on_big_stack(move || {
            let home = home_with(
                &[],
                Limits {
                    run_time: Duration::from_millis(100),
                    ..Limits::default()
                },
            );
            let script = home
                .host
                .load("gate.rhai", &source)
                .unwrap_or_else(|e| panic!("{e:#?}"));
            home.host.run(&script, 0, &event("a", json!({})), NOW)
        });
        assert!(
            matches!(run.outcome, Outcome::Limit { .. }),
            "{body}: {:?}",
            run.outcome
        );
        assert!(run.duration_us < 2_000_000, "{body}: {}", run.duration_us);
        assert!(run.state.is_empty(), "a limit decides nothing");
    }
}

#[test]
fn bombs_end_as_a_limit() {
    for body in [
        "let s = \"x\"; loop { s += s; }",
        "let a = []; loop { a.push(a); }",
        "let a = [1]; loop { a += a; }",
        "let m = #{}; let i = 0; loop { m[`${i}`] = i; i += 1; }",
        "let s = \"x\"; s.pad(200000, \"y\"); let m = #{}; let i = 0; loop { m[`${i}`] = s + i; i += 1; }",
        "let s = \"x\"; s.pad(100000000, \"y\");",
        "let b = blob(100000000);",
        "deep(1)",
    ] {
        let source = format!("fn deep(n) {{ deep(n + 1) }}\non(\"**\", |event| {{ {body}; }});");
        let run = on_big_stack(move || {
            let limits = Limits {
                run_time: Duration::from_secs(1),
                // All runs of a process share the growth; the other tests have more of it.
                memory: 32 << 20,
                ..Limits::default()
            };
            let home = home_with(&[], limits);
            let script = home.host.load("gate.rhai", &source).unwrap();
            home.host.run(&script, 0, &event("a", json!({})), NOW)
        });
        assert!(
            matches!(run.outcome, Outcome::Limit { .. }),
            "{body}: {:?}",
            run.outcome
        );
    }
    let run = run(
        "on(\"**\", |event| { for i in 0..200 { try { http::send(\"http://x/\"); } catch { } } });",
    );
    assert!(matches!(run.outcome, Outcome::Limit { .. }));
    assert!(run.actions.is_empty());
}

#[test]
fn an_endless_top_level_is_a_mistake_like_any_other() {
    let found = on_big_stack(|| {
        let home = home_with(
            &[],
            Limits {
                load_time: Duration::from_millis(50),
                ..Limits::default()
            },
        );
        home.host
            .load("gate.rhai", "on(\"a\", |e| ());\nloop {}")
            .unwrap_err()
    });
    assert!(found[0].message.contains("out of time"), "{found:?}");
}
