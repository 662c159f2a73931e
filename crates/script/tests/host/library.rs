//! The standard library, and secrets on their way through scripts.

use super::support::*;
use porchlight_core::*;
use serde_json::json;

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
        assert!(script.imports.contains(&"lib/light/wled.rhai".to_owned()));
        let restarted = self::home(&[]);
        let pinned = restarted
            .host
            .load_version("gate.rhai", &script.sources)
            .unwrap();
        let wait = Wait {
            id: 1,
            content: run.waits[0].clone(),
        };
        restarted.host.state().apply(&run.state);
        let over = Timestamp(NOW.0 + 3_000);
        let back = ok(restarted.host.run_wait(&pinned, &wait, None, over));
        assert_eq!(
            back.actions[0].args["json"],
            json!({"on": true, "bri": 20, "seg": [{"id": 0, "fx": 0}]})
        );
        assert_eq!(
            back.actions[0].expires,
            Timestamp(over.0 + 3_600_000),
            "a lamp that is away for a while must not go on blinking for ever"
        );
    });
}

#[test]
fn hue_times_its_flash_itself_and_home_assistant_is_toggled_step_by_step() {
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
    assert_eq!((ha.actions.len(), ha.waits.len()), (1, 1));
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
            "let o = #{ jsn: 1 }; http::send(\"http://x/\", o)",
            "did you mean `json`?",
        ),
        ("let to = \"ftp://x/\"; http::send(to)", "only http"),
        (
            "let file = \"../x.csv\"; sheet::append(file, [1])",
            "no path inside",
        ),
        (
            "http::post(\"http://x/\", #{ json: #{ \"$secret\": \"light.hall.key\" } })",
            "`$secret`",
        ),
        ("let t = \"a.*\"; emit(t, 1)", "is a pattern"),
        ("call(Fn(\"sleep\"), 5)", "later"),
        ("let e = event; e.tipe", "did you mean `type`?"),
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

/// Each has a `say` of its own, and calls it often enough for the engine to remember it.
#[test]
fn functions_of_the_same_name_in_different_libraries_stay_apart() {
    on_big_stack(|| {
        let text = |own: &str, other: &str| {
            format!(
                "{other}\nfn again() {{ say(1); say(2); say(3) }}\nprivate fn say(n) {{ `{own} ${{n}}` }}\nfn both() {{ [again(), b::again(), again()] }}"
            )
        };
        let (a, b) = (text("a", "import \"lib/b\" as b;"), text("b", "let b = 0;"));
        let b = b.replace("fn both() { [again(), b::again(), again()] }", "");
        let home = home(&[("lib/a.rhai", &a), ("lib/b.rhai", &b)]);
        let source = "import \"lib/a\" as a; import \"lib/b\" as b;
            fn say(n) { `own ${n}` }
            on(\"**\", |event| {
                log::info(`${[say(1), say(2), say(3), a::again(), b::again(), a::both(), say(4)]}`);
                for n in 0..200 { a::again(); b::again(); }
            });";
        let script = home.host.load("gate.rhai", source).unwrap();
        let run = ok(home.host.run(&script, 0, &event("a", json!({})), NOW));
        assert_eq!(
            run.logs[0].message,
            r#"["own 1", "own 2", "own 3", "a 3", "b 3", ["a 3", "b 3", "a 3"], "own 4"]"#
        );
    });
}
