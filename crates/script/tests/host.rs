//! What scripts can do and what they cannot, through the host alone.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use porchlight_core::*;
use porchlight_script::*;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const NOW: Timestamp = Timestamp(1_700_000_000_000);

fn on_big_stack<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let thread = std::thread::Builder::new()
        .stack_size(STACK_SIZE)
        .spawn(work)
        .unwrap();
    match thread.join() {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

type Asked = Arc<Mutex<Vec<(String, Value)>>>;

struct Home {
    host: Host,
    asked: Asked,
    _dir: tempfile::TempDir,
}

fn home_with(files: &[(&str, &str)], limits: Limits) -> Home {
    let dir = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = dir.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let asked = Asked::default();
    let host = host_in(dir.path(), limits, asked.clone());
    Home {
        host,
        asked,
        _dir: dir,
    }
}

fn host_in(dir: &Path, limits: Limits, asked: Asked) -> Host {
    Host::new(HostConfig {
        scripts_dir: dir.to_owned(),
        settings: json!({"gate": {"family": ["ABC123"], "wrong": 5}}),
        targets: json!({
            "light": {
                "porch": {"driver": "wled", "url": "http://10.0.0.5"},
                "hall": {"driver": "hue", "url": "https://10.0.0.2", "key": {"$secret": "light.hall.key"}, "id": "abc"},
                "room": {"driver": "hue", "url": "https://10.0.0.2", "key": {"$secret": "light.room.key"}, "id": "abc", "resource": "grouped_light"},
                "gate": {"driver": "homeassistant", "url": "http://10.0.0.3:8123", "token": {"$secret": "light.gate.token"}, "entity": "light.gate"},
            },
            "message": {
                "office": {"service": "teams", "url": {"$secret": "message.office.url"}},
                "ops": {"service": "slack", "url": {"$secret": "message.ops.url"}},
                "club": {"service": "discord", "url": {"$secret": "message.club.url"}},
                "family": {"service": "ntfy", "url": "https://ntfy.sh", "topic": "t"},
            },
        }),
        limits,
        state: State::default(),
        ask: Arc::new(move |kind, args, _| {
            asked.lock().unwrap().push((kind.to_owned(), args.clone()));
            match args["url"].as_str() {
                Some("http://10.0.0.5/json/state") => Ok(json!({"ok": true, "status": 200,
                    "json": {"on": true, "bri": 20, "seg": [{"id": 0, "fx": 0}], "ps": -1}})),
                Some("http://down/") => Err(ActionError::later("connect", "nobody answers")),
                _ => Ok(json!({"ok": true, "status": 200, "json": {"n": 7}})),
            }
        }),
        clock: Arc::new(|| NOW),
    })
}

fn home(files: &[(&str, &str)]) -> Home {
    home_with(files, Limits::default())
}

fn event(kind: &str, data: Value) -> Arc<Event> {
    let content = NewEvent {
        source: "driveway".into(),
        kind: kind.into(),
        subject: Some("cam-1".into()),
        time: NOW.to_rfc3339(),
        dedup_key: "k".into(),
        data: data.to_string().into(),
        facts: json!({"camera": "front", "plates": [{"text": "ABC123", "score": 0.9}]}),
        received: NOW,
        peer: "192.0.2.7".into(),
        headers: vec![("x-a".into(), "1".into())],
        query: "q=1".into(),
        verified: Proof {
            scheme: "hmac".into(),
            body: true,
            ..Proof::default()
        },
        attachments: vec![Attachment {
            name: "upload".into(),
            filename: "a.jpg".into(),
            content_type: "image/jpeg".into(),
            size: 3,
            hash: "ab".into(),
        }],
        redelivered: false,
        depth: 0,
    };
    Arc::new(Event { id: 17, content })
}

/// Loads a script that must be right, and runs its first handler.
fn run(source: &str) -> Run {
    run_with(&[], source, json!({"a": {"b": [1, 2]}, "n": 3}))
}

fn run_with(files: &[(&str, &str)], source: &str, data: Value) -> Run {
    let files: Vec<(String, String)> = files
        .iter()
        .map(|(a, b)| (a.to_string(), b.to_string()))
        .collect();
    let source = source.to_owned();
    on_big_stack(move || {
        let files: Vec<(&str, &str)> = files
            .iter()
            .map(|(a, b)| (a.as_str(), b.as_str()))
            .collect();
        let home = home(&files);
        let script = home
            .host
            .load("gate.rhai", &source)
            .unwrap_or_else(|e| panic!("{e:#?}"));
        home.host.run(&script, 0, &event("a.b", data), NOW)
    })
}

fn ok(run: Run) -> Run {
    assert_eq!(run.outcome, Outcome::Ok);
    run
}

/// A handler with this body, that logs what it wants to be seen.
fn logs(body: &str) -> Vec<String> {
    let run = ok(run(&format!("on(\"**\", |event| {{ {body} }});")));
    run.logs.into_iter().map(|line| line.message).collect()
}

fn mistakes(files: &[(&str, &str)], source: &str) -> Vec<Diagnostic> {
    let files: Vec<(String, String)> = files
        .iter()
        .map(|(a, b)| (a.to_string(), b.to_string()))
        .collect();
    let source = source.to_owned();
    on_big_stack(move || {
        let files: Vec<(&str, &str)> = files
            .iter()
            .map(|(a, b)| (a.as_str(), b.as_str()))
            .collect();
        match home(&files).host.load("gate.rhai", &source) {
            Ok(script) => script.warnings.clone(),
            Err(mistakes) => mistakes,
        }
    })
}

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
    let run = run("on(\"**\", |event| {\n  event.id = 3;\n});");
    let Outcome::Error { message, place } = run.outcome else {
        panic!("{:?}", run.outcome)
    };
    assert!(message.contains("cannot be changed"), "{message}");
    assert_eq!((place.path.as_str(), place.line), ("gate.rhai", 2));
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
fn a_flash_of_wled_puts_the_lamp_back_also_after_a_restart() {
    on_big_stack(|| {
        let home = home(&[]);
        let source = "on(\"**\", |event| light::flash(\"porch\", #{ color: \"red\" }));";
        let script = home.host.load("gate.rhai", source).unwrap();
        let run = ok(home.host.run(&script, 0, &event("a", json!({})), NOW));
        let action = &run.actions[0];
        assert_eq!(action.title, "light::flash(\"porch\")");
        assert_eq!(
            (action.lane.as_str(), action.expires),
            ("http://10.0.0.5:80", Timestamp(NOW.0 + 10_000))
        );
        assert_eq!(
            action.args,
            json!({"method": "POST", "url": "http://10.0.0.5/json/state", "expect": ["/success = true"],
            "json": {"on": true, "bri": 255, "tt": 0, "seg": [{"id": 0, "fx": 1, "sx": 220, "col": [[255, 0, 0]]}]}})
        );
        assert_eq!(home.asked.lock().unwrap()[0].0, "http.request");
        assert_eq!(script.imports, ["lib/light.rhai"]);
        let restarted = self::home(&[]);
        let pinned = restarted
            .host
            .load_version("gate.rhai", &script.sources)
            .unwrap();
        let wait = Wait {
            id: 1,
            content: run.waits[0].clone(),
        };
        let back = ok(restarted.host.run_wait(&pinned, &wait, None, NOW));
        assert_eq!(
            back.actions[0].args["json"],
            json!({"on": true, "bri": 20, "seg": [{"id": 0, "fx": 0}]})
        );
        assert_eq!(
            back.actions[0].expires,
            Timestamp(NOW.0 + 3_600_000),
            "a lamp that is away for a while must not go on blinking for ever"
        );
    });
}

#[test]
fn hue_times_its_flash_itself_and_home_assistant_is_toggled() {
    let hue = ok(run(
        "on(\"**\", |event| light::flash(\"hall\", #{ color: \"red\", times: 5 }));",
    ));
    assert_eq!(
        hue.actions[0].args,
        json!({"method": "PUT", "url": "https://10.0.0.2/clip/v2/resource/light/abc",
        "headers": {"hue-application-key": {"$secret": "light.hall.key"}}, "expect": ["status 2xx", "/errors empty"],
        "json": {"signaling": {"signal": "on_off_color", "duration": 5000, "colors": [{"xy": {"x": 0.6401, "y": 0.33}}]}}})
    );
    assert!(hue.waits.is_empty());
    let room = ok(run("on(\"**\", |event| light::on(\"room\"));"));
    assert_eq!(
        room.actions[0].args["url"],
        "https://10.0.0.2/clip/v2/resource/grouped_light/abc"
    );
    let ha = ok(run(
        "on(\"**\", |event| light::flash(\"gate\", #{ times: 2 }));",
    ));
    assert_eq!((ha.actions.len(), ha.waits.len()), (1, 3));
    assert_eq!(
        ha.actions[0].args["auth"],
        json!({"bearer": {"$secret": "light.gate.token"}})
    );
    let set = ok(run(
        "on(\"**\", |event| { light::set(\"gate\", #{ brightness: 40 }); light::on(\"hall\"); light::off(\"porch\"); });",
    ));
    assert_eq!(
        set.actions[0].args["json"],
        json!({"brightness_pct": 40, "entity_id": "light.gate"})
    );
    assert_eq!(set.actions[1].args["json"], json!({"on": {"on": true}}));
    assert_eq!(set.actions[2].args["json"], json!({"on": false}));
}

#[test]
fn messages_have_the_shape_that_each_service_wants() {
    let run = ok(run("on(\"**\", |event| {
        message::send(\"office\", \"hello\", #{ title: \"T\", link: \"https://x\" });
        message::send(\"ops\", \"a < b\");
        message::send(\"club\", \"x\", #{ image: event.attachments[0] });
        message::send(\"family\", \"hi\", #{ title: \"T\" });
    });"));
    let card = &run.actions[0].args["json"]["attachments"][0]["content"];
    assert_eq!(
        (&card["version"], &card["body"][1]["text"]),
        (&json!("1.4"), &json!("hello"))
    );
    assert_eq!(
        run.actions[0].args["url"],
        json!({"$secret": "message.office.url"})
    );
    assert_eq!(run.actions[0].lane, "http:message.office.url");
    assert_eq!(run.actions[0].title, "message::send(\"office\")");
    assert_eq!(run.actions[1].args["json"]["text"], "a &lt; b");
    assert_eq!(run.actions[1].args["expect"], json!(["text ok"]));
    assert_eq!(run.actions[2].args["multipart"][1]["blob"]["$blob"], "ab");
    assert_eq!(run.actions[2].args["query"], json!({"wait": "true"}));
    assert_eq!(
        run.actions[3].args["json"],
        json!({"topic": "t", "message": "hi", "title": "T"})
    );
}

#[test]
fn an_unknown_lamp_or_option_says_what_to_do() {
    for (call, words) in [
        ("light::on(\"porhc\")", "did you mean \"porch\"?"),
        ("light::on(\"cellar\")", "[light.cellar]\ndriver = "),
        (
            "light::flash(\"porch\", #{ colour: 1 })",
            "did you mean `color`?",
        ),
        (
            "http::send(\"http://x/\", #{ jsn: 1 })",
            "did you mean `json`?",
        ),
        ("http::send(\"ftp://x/\")", "only http"),
        ("sheet::append(\"../x.csv\", [1])", "no path inside"),
        (
            "http::post(\"http://x/\", #{ json: #{ \"$secret\": \"light.hall.key\" } })",
            "`$secret`",
        ),
        ("emit(\"a.*\", 1)", "is a pattern"),
        ("sleep(5)", "later"),
        ("event.tipe", "did you mean `type`?"),
    ] {
        let run = run(&format!("on(\"**\", |event| {{ {call}; }});"));
        let Outcome::Error { message, .. } = &run.outcome else {
            panic!("{call}: {:?}", run.outcome)
        };
        assert!(message.contains(words), "{call}: {message}");
        assert!(run.actions.is_empty(), "{call}");
    }
}

#[test]
fn a_secret_joins_texts_by_reference_and_never_prints() {
    let run = ok(run("on(\"**\", |event| {
            let key = target(\"light\", \"hall\").key;
            http::send(\"http://x/\", #{ headers: #{ a: \"Bearer \" + key + \" x\" } });
            try { http::send(\"http://x/\", #{ headers: #{ a: `Bearer ${key}` } }); } catch (e) { print(e); }
            print(key); log::info(target(\"light\", \"hall\"));
        });"));
    let secret = json!({"$secret": "light.hall.key"});
    assert_eq!(
        run.actions[0].args["headers"],
        json!({"a": {"$join": ["Bearer ", secret, " x"]}})
    );
    let logs: Vec<_> = run.logs.iter().map(|line| line.message.as_str()).collect();
    assert!(logs[0].contains("join them with `+`"), "{logs:?}");
    assert!(
        logs[1..].iter().all(|line| !line.contains("$secret")),
        "{logs:?}"
    );
}

#[test]
fn a_body_cannot_pass_for_a_secret() {
    let run = run_with(
        &[],
        "on(\"**\", |event| http::send(\"http://x/\", #{ json: event.data }));",
        json!({"a": {"$secret": "light.hall.key"}}),
    );
    assert!(matches!(run.outcome, Outcome::Error { .. }));
    assert!(run.actions.is_empty());
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
fn every_mistake_at_load_is_reported_with_its_place() {
    let found = mistakes(
        &[],
        "on(\"a\", #{ wher: #{} }, |event| lihgt());\nfn light2() {}\non(\"\", |e| ());\non(\"b\", |event| { http::gett(\"x\"); light::flsh(\"porch\"); state::get(); \"a\".to_uper(); });\nlet x = setting(\"wrong\", \"text\");\nhttp::send(\"http://x/\");",
    );
    let lines: Vec<_> = found
        .iter()
        .map(|d| (d.line, d.message.as_str(), d.help.as_str()))
        .collect();
    let has = |line: u32, message: &str, help: &str| {
        assert!(
            lines
                .iter()
                .any(|(l, m, h)| *l == line && m.contains(message) && h.contains(help)),
            "{line} {message} {help}: {lines:#?}"
        );
    };
    has(1, "no option `wher`", "`where`");
    has(1, "`lihgt`", "");
    has(3, "empty", "");
    has(4, "`http::gett`", "`http::get`");
    has(4, "`light::flsh`", "`light::flash`");
    has(4, "`state::get` takes 1 or 2 arguments, not 0", "");
    has(4, "`to_uper`", "`to_upper`");
    has(5, "[settings.gate] wrong", "porchlight.toml");
    has(6, "top level", "");
    assert!(lines.iter().all(|(line, ..)| *line > 0));
}

#[test]
fn a_misspelt_variable_is_found_at_load() {
    let found = mistakes(
        &[],
        "let family = 1;\non(\"a\", |event| {\n    print(familly);\n});",
    );
    assert_eq!((found[0].line, found[0].column), (3, 11), "{found:?}");
    assert!(found[0].help.contains("`family`"), "{found:?}");
    assert_eq!(found[0].source_line, "    print(familly);");
}

#[test]
fn a_script_without_handlers_warns() {
    let found = mistakes(&[], "//! Nothing.\nlet x = 1;");
    assert_eq!(found[0].severity, Severity::Warning);
}

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
fn a_wrong_call_of_a_module_names_its_line() {
    let run = run("on(\"**\", |event| {\n\n  http::send(\"nowhere\");\n});");
    let Outcome::Error { place, .. } = &run.outcome else {
        panic!("{:?}", run.outcome)
    };
    assert_eq!((place.line, place.column > 0), (3, true));
}

#[test]
fn an_error_in_a_library_names_its_file_and_line() {
    let run = run_with(
        &[(
            "lib/a.rhai",
            "// one\nfn broken(x) {\n    throw \"no \" + x;\n}",
        )],
        "import \"lib/a\" as a;\non(\"**\", |event| {\n  http::send(\"http://x/\");\n  a::broken(\"way\");\n});",
        json!({}),
    );
    let Outcome::Error { message, place } = &run.outcome else {
        panic!("{:?}", run.outcome)
    };
    assert_eq!(
        (place.path.as_str(), place.line),
        ("lib/a.rhai", 3),
        "{message}"
    );
    assert!(
        message.contains("no way") && message.contains("gate.rhai:4"),
        "{message}"
    );
    assert_eq!(
        run.actions.len(),
        1,
        "what was told before the error stands"
    );
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

#[test]
fn settings_come_from_the_configuration() {
    let run = ok(run(
        "let family = setting(\"family\", [\"X\"], \"Plates\");\nlet other = setting(\"other\", 5);\non(\"**\", |event| { print(family); print(other); });",
    ));
    assert_eq!(
        (run.logs[0].message.as_str(), run.logs[1].message.as_str()),
        ("[\"ABC123\"]", "5")
    );
}

#[test]
fn a_file_replaces_a_part_of_the_standard_library() {
    let run = ok(run_with(
        &[(
            "lib/light.rhai",
            "fn on(name) { log::info(\"my own \" + name); }",
        )],
        "on(\"**\", |event| light::on(\"x\"));",
        json!({}),
    ));
    assert_eq!(run.logs[0].message, "my own x");
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
    let run =
        run("on(\"**\", |event| { let m = #{ list: [1], n: 2 }; m.list.map(|x| x + m.n); });");
    let Outcome::Error { message, .. } = &run.outcome else {
        panic!("{:?}", run.outcome)
    };
    assert!(message.contains("into a variable first"), "{message}");
}

#[test]
fn the_templates_and_starter_scripts_load_without_a_warning() {
    on_big_stack(|| {
        let home = home(&[]);
        for template in TEMPLATES {
            let script = home
                .host
                .load("new.rhai", template.text)
                .unwrap_or_else(|e| panic!("{}: {e:#?}", template.name));
            assert!(script.warnings.is_empty(), "{:?}", script.warnings);
        }
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts");
        for name in ["welcome.rhai", "plates.rhai"] {
            let text = std::fs::read_to_string(folder.join(name)).unwrap();
            let script = home
                .host
                .load(name, &text)
                .unwrap_or_else(|e| panic!("{e:#?}"));
            assert!(script.warnings.is_empty() && !script.description.is_empty());
            let run = ok(home.host.run(&script, 0, &event("a.b", json!({})), NOW));
            assert_eq!(run.actions[0].kind, "sheet.append");
        }
    });
}
