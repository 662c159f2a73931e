//! What a script can do with the body of an event.

use crate::support::*;
use porchlight_core::Outcome;

#[test]
fn a_body_can_be_asked_where_it_stands() {
    for (text, wanted) in [
        ("event.data.to_map().n", "3"),
        ("event.data.keys()", "[\"a\", \"n\"]"),
        ("event.data.values().len()", "2"),
        ("event.data.len()", "2"),
        ("event.data.get(\"n\")", "3"),
        ("event.data.contains(\"n\")", "true"),
        ("\"n\" in event.data", "true"),
        ("\"x\" in event.data", "false"),
        ("event.data.to_json()", "{\"a\":{\"b\":[1,2]},\"n\":3}"),
        (
            "event.data.to_string()",
            "#{\"a\": #{\"b\": [1, 2]}, \"n\": 3}",
        ),
        ("event.data.a.keys()", "[\"b\"]"),
        ("event.data.a.b.len()", "2"),
        ("event.data.a.b.map(|n| n + 1)", "[2, 3]"),
        ("event.data[\"n\"]", "3"),
        ("event.data?.x?.y", ""),
        ("event.data.x ?? 7", "7"),
        ("event.facts.plates.map(|one| one.text)", "[\"ABC123\"]"),
        (
            "event.facts.plates.find(|one| one.score > 0.5).text",
            "ABC123",
        ),
        (
            "event.facts.plates.some(|one| one.text == \"ABC123\")",
            "true",
        ),
        ("event.attachments.map(|one| one.filename)", "[\"a.jpg\"]"),
        ("event.attachments.len()", "1"),
        ("event.headers.keys()", "[\"x-a\"]"),
        ("event.header(\"X-A\")", "1"),
        ("event.verified.scheme.to_upper()", "HMAC"),
        ("event.facts.camera.to_upper()", "FRONT"),
        ("event.facts.camera.split(\"o\")", "[\"fr\", \"nt\"]"),
        ("event.facts.plates[0].text.len()", "6"),
        (
            "event.facts.plates.order(|a, b| 0)",
            "[#{\"score\": 0.9, \"text\": \"ABC123\"}]",
        ),
    ] {
        let body = format!("log::info(`${{{text}}}`);");
        let run = run(&format!("on(\"**\", |event| {{ {body} }});"));
        let logged: Vec<_> = run.logs.iter().map(|line| line.message.as_str()).collect();
        assert_eq!(logged, [wanted], "{text}: {:?}", run.outcome);
    }
}

#[test]
fn what_would_change_an_event_is_a_mistake_and_a_copy_can_be_changed() {
    for text in [
        "event.data.n = 4",
        "event.data.a.b = 4",
        "event.data.a.b[0] = 4",
        "event.data.a.b.push(3)",
        "event.data.a.b.clear()",
        "event.data.more = 1",
        "event.facts.plates.remove(0)",
        "event.facts.plates[0].text = \"x\"",
        "event.facts = event.data",
        "event.attachments.clear()",
        "event.headers.x = 1",
    ] {
        // In a handler itself it is seen before it runs.
        let plain = mistakes(&[], &format!("on(\"**\", |event| {{ {text}; }});"));
        assert!(plain[0].message.contains("cannot be changed"), "{plain:#?}");
        let source = format!("on(\"**\", |event| change(event)); fn change(event) {{ {text}; }}");
        let run = run(&source);
        let Outcome::Error { message, .. } = &run.outcome else {
            panic!("{text}: {:?}", run.outcome);
        };
        assert!(
            message.contains("an event cannot be changed"),
            "{text}: {message}"
        );
    }
    let changed =
        logs("let a = event.data.a; a.b.push(3); a.c = 1; log::info(`${a} ${event.data.a}`);");
    assert_eq!(changed, [r##"#{"b": [1, 2, 3], "c": 1} #{"b": [1, 2]}"##]);
    let whole =
        logs("let all = event.data.to_map(); all.n += 1; log::info(`${all.n} ${event.data.n}`);");
    assert_eq!(whole, ["4 3"]);
}

#[test]
fn large_numbers_stay_what_was_sent() {
    let data = r#"{"small":9223372036854775807,"large":9223372036854775808,"huge":18446744073709551616,"tiny":0.1}"#;
    let mut event = (*event("a.b", serde_json::Value::Null)).clone();
    event.content.data = data.into();
    let logged = on_big_stack(move || {
        let home = home(&[]);
        let source = "on(\"**\", |event| { for name in event.data.keys() { let one = event.data[name]; log::info(`${name} ${type_of(one)} ${one}`); } });";
        let script = home.host.load("gate.rhai", source).unwrap();
        let run = ok(home.host.run(&script, 0, &std::sync::Arc::new(event), NOW));
        run.logs
            .into_iter()
            .map(|line| line.message)
            .collect::<Vec<_>>()
    });
    assert_eq!(
        logged,
        [
            "huge string 18446744073709551616",
            "large string 9223372036854775808",
            "small i64 9223372036854775807",
            "tiny f64 0.1",
        ]
    );
}
