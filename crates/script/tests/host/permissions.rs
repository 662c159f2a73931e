//! A script that is held to what it declares reaches nothing else, by whatever route.

use super::support::{Asked, NOW, event, ok, on_big_stack};
use porchlight_core::{Outcome, Run};
use porchlight_script::permissions::{Mode, Need, Policy};
use porchlight_script::*;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

/// A host in which scripts are held to their headers; notes what is asked.
pub(super) fn declared_host(
    files: &[(&str, &str)],
    allow: &[&str],
) -> (Host, Asked, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = dir.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let asked = Asked::new(Mutex::default());
    let noted = asked.clone();
    let mut permissions = Policy {
        mode: Mode::Declared,
        ..Policy::default()
    };
    if !allow.is_empty() {
        let needs = allow.iter().map(|text| Need::parse(text, &[]).unwrap());
        permissions
            .allow
            .insert("gate.rhai".into(), needs.collect());
    }
    let host = Host::new(HostConfig {
        scripts_dir: dir.path().to_owned(),
        settings: json!({"gate": {"key": {"$secret": "settings.gate.key"}}}),
        targets: json!({
            "light": {
                "porch": {"driver": "wled", "url": "http://10.0.0.5"},
                "strip": {"driver": "lifx", "host": "10.0.0.8", "key": {"$secret": "light.strip.key"}},
                "yard": {"driver": "wled", "url": "https://10.0.0.7", "tls": "yard", "oauth": "yard"},
                "zig": {"driver": "zigbee2mqtt", "device": "porch"},
                "tas": {"driver": "tasmota-mqtt", "topic": "t1"},
                "far": {"driver": "zigbee2mqtt", "device": "far", "base": "z2", "broker": "yard"},
                "hall": {"driver": "hue", "url": "https://10.0.0.2", "key": {"$secret": "light.hall.key"}, "id": "abc"},
            },
            "siren": {"yard": {"driver": "zigbee2mqtt", "device": "siren"}},
            "message": {
                "office": {"service": "teams", "url": {"$secret": "message.office.url"}},
                "family": {"service": "ntfy", "url": "https://ntfy.sh", "topic": "t"},
            },
        }),
        rules: Rules {
            permissions,
            ..Rules::default()
        },
        ask: Arc::new(move |kind, args, _| {
            noted.lock().unwrap().push((kind.to_owned(), args.clone()));
            Ok(json!({"ok": true, "status": 200, "json": {"on": true}}))
        }),
        clock: Arc::new(|| NOW),
        ..HostConfig::default()
    });
    (host, asked, dir)
}

/// Runs the first handler, or says why the script did not load.
pub(super) fn tried(
    files: &[(&str, &str)],
    allow: &[&str],
    source: &str,
) -> Result<(Run, Vec<(String, Value)>), String> {
    let own = |texts: &[(&str, &str)]| -> Vec<(String, String)> {
        let texts = texts.iter();
        texts.map(|(a, b)| (a.to_string(), b.to_string())).collect()
    };
    let (files, source) = (own(files), source.to_owned());
    let allow: Vec<String> = allow.iter().map(|one| one.to_string()).collect();
    on_big_stack(move || {
        let files: Vec<(&str, &str)> = files
            .iter()
            .map(|(a, b)| (a.as_str(), b.as_str()))
            .collect();
        let allow: Vec<&str> = allow.iter().map(String::as_str).collect();
        let (host, asked, _dir) = declared_host(&files, &allow);
        let script = host.load("gate.rhai", &source).map_err(|mistakes| {
            let texts = mistakes.iter().map(|one| one.render(false));
            texts.collect::<Vec<_>>().join("\n")
        })?;
        let run = host.run(&script, 0, &event("a.b", json!({"n": 3})), NOW);
        let asked = asked.lock().unwrap().clone();
        Ok((run, asked))
    })
}

pub(super) fn refused(outcome: &Outcome) -> Option<&str> {
    match outcome {
        Outcome::Error { message, .. } if message.contains("may not") => Some(message),
        _ => None,
    }
}

/// A handler with this body under this header does nothing outside, and says why.
pub(super) fn nothing_leaves(header: &str, files: &[(&str, &str)], body: &str) {
    let source = format!(
        "//! needs: event **\n{header}\nfn run_it(f) {{ f.call() }}\non(\"**\", |event| {{ {body} }});"
    );
    match tried(files, &[], &source) {
        Err(mistakes) => assert!(
            mistakes.contains("this script may not"),
            "{body}: {mistakes}"
        ),
        Ok((run, asked)) => {
            assert!(run.actions.is_empty(), "{body}: {:?}", run.actions);
            assert!(run.waits.is_empty(), "{body}: {:?}", run.waits);
            assert!(asked.is_empty(), "{body}: {asked:?}");
            assert!(run.emitted.is_empty() && run.state.is_empty(), "{body}");
            let said = run.logs.iter().any(|line| line.message.contains("may not"));
            assert!(
                said || refused(&run.outcome).is_some(),
                "{body}: {:?}",
                run.outcome
            );
        }
    }
}

#[test]
fn nothing_undeclared_is_reached_by_any_route() {
    let evil = [
        (
            "lib/evil.rhai",
            "fn run_it(url) { http::send(url); }\nfn key() { target(\"light\", \"hall\").key }",
        ),
        (
            "lib/light.rhai",
            "fn on(name) { http::send(\"http://10.0.0.\" + \"6/\"); command::start(\"x\" + name); }",
        ),
    ];
    for body in [
        "http::send(\"http://gate.lan/open\");",
        "http::send(\"http://gate\" + \".lan/open\");",
        "http::send(`http://${\"gate.lan\"}/open`);",
        "try { http::send(\"http://gate\" + \".lan/\"); } catch (e) { log::info(e); }",
        "http::get(\"http://gate\" + \".lan/\");",
        "let u = \"http://gate.lan/\"; u.to_upper(); http::get(u);",
        "run_it(|| http::send(\"http://gate\" + \".lan/\"));",
        "let f = |u| http::post(u); f.call(\"http://gate.lan/\");",
        "[\"http://gate.lan/\"].map(|u| http::send(u));",
        "import_free();",
        "target(\"light\", \"porch\");",
        "let k = \"light\"; target(k, \"hall\");",
        "light::on(\"porch\");",
        "let n = \"porch\"; light::on(n);",
        "message::send(\"office\", \"x\");",
        "sheet::append(\"a.csv\", [1]);",
        "sheet::read(\"a\" + \".csv\");",
        "file::save(\"a\" + \".txt\", \"x\");",
        "file::append(\"a\" + \".txt\", \"x\");",
        "file::read(\"a\" + \".txt\");",
        "command::start(\"x\" + \"y\");",
        "command::run(\"x\" + \"y\", #{ a: 1 });",
        "net::udp(\"lamp\" + \".lan\", 56700, \"x\");",
        "net::tcp(\"lamp.lan\", 80, \"x\");",
        "mail::send(\"fam\" + \"ily\", \"x\");",
        "file::prune(\"a\" + \"b\", #{ files: 1 });",
        "net::wake(\"a4:bb:6d:00:00:01\");",
        "net::ask_udp(\"lamp\" + \".lan\", 56700, \"x\");",
        "net::ask_tcp(\"lamp\" + \".lan\", 80, \"x\");",
        "emit(\"a.\" + \"c\", #{});",
        "state::set(\"other.\" + \"x\", 1);",
        "state::add(\"other.\" + \"x\", 1);",
        "state::remove(\"other.\" + \"x\");",
        "log::info(state::get(\"other.\" + \"x\"));",
        "state::keys(\"\" + \"\");",
        "state::keys();",
        "budget(\"s\" + \"ms\", 1, \"1d\");",
        "log::info(budget_left(\"s\" + \"ms\", 1, \"1d\"));",
        "budget(\"sms\", 1, \"1d\");",
        "budget(\"gated\", 1, \"1d\");",
        "wait_for(\"state.\" + \"changed\", #{ within: \"1m\" }, |e| log::info(e.data));",
        "wait_for(\"state.*\", #{ within: \"1m\" }, |e| log::info(e.data));",
    ] {
        let body = body.replace("import_free();", "e::run_it(\"http://gate.lan/\");");
        let header = if body.contains("e::") {
            "import \"lib/evil\" as e;"
        } else {
            ""
        };
        let files = if body.contains("e::") {
            &evil[..1]
        } else {
            &[]
        };
        nothing_leaves(header, files, &body);
    }
    // A function in the place of a native is a function of the script.
    let header = "//! needs: light porch\nfn target(kind, name) { #{ url: \"http://10.0.0.9\", driver: \"wled\" } }";
    nothing_leaves(header, &[], "light::on(\"porch\");");
    // A library in the place of the standard one gets what the script has, and no more.
    nothing_leaves("//! needs: light porch", &evil, "light::on(\"porch\");");
}

#[test]
fn declared_things_are_reached() {
    let source = "//! needs: http gate.lan, light porch, message office, file a.csv
//! needs: command backup, emit gate.*, event **, state visits., budget sms
on(\"**\", |event| {
    http::send(\"http://gate.lan/open\");
    light::flash(\"porch\");
    message::send(\"office\", \"somebody\");
    sheet::append(\"a.csv\", [1]);
    command::start(\"backup\");
    emit(\"gate.opened\");
    state::set(\"visits.today\", 1);
    state::set(\"gate.last\", 1);
    if !budget(\"sms\", 1, \"1d\") || !budget(\"gate\", 1, \"1d\") { throw \"no budget\"; }
    http::send(\"http://gate.lan/\", #{ lane: \"http:siren.lan\" });
});";
    let (run, asked) = tried(&[], &[], source).unwrap_or_else(|e| panic!("{e}"));
    let run = ok(run);
    assert_eq!((run.actions.len(), run.emitted.len()), (6, 1));
    assert_eq!(
        run.actions[5].lane, "gate/http:siren.lan",
        "a lane of its own"
    );
    assert_eq!(asked.len(), 1, "the state of the lamp was asked for");
    assert_eq!(
        run.actions[0].args["hosts"],
        json!(["gate.lan", "10.0.0.5"]),
        "redirects stay with these"
    );
}

#[test]
fn a_mistake_in_plain_sight_has_a_caret_and_the_line_to_add() {
    let source = "//! needs: event **\non(\"**\", |event| {\n    http::send(\"http://gate.lan:8080/open\");\n});";
    let text = tried(&[], &[], source).unwrap_err();
    assert!(text.contains("gate.rhai:3:16"), "{text}");
    assert!(
        text.contains("add `//! needs: http gate.lan:8080` to the header of gate.rhai"),
        "{text}"
    );
    let text = tried(&[], &[], "//! needs: ligth porch\non(\"**\", |event| ());").unwrap_err();
    assert!(text.contains("gate.rhai:1:12"), "{text}");
    assert!(text.contains("did you mean `light`?"), "{text}");
}

#[test]
fn what_a_script_reaches_can_be_listed() {
    let reach = |mode: Mode, source: &'static str| {
        on_big_stack(move || {
            let permissions = Policy {
                mode,
                ..Policy::default()
            };
            let rules = Rules {
                permissions,
                ..Rules::default()
            };
            let host = Host::new(HostConfig {
                rules,
                ..HostConfig::default()
            });
            host.load("gate.rhai", source).unwrap().reach().to_string()
        })
    };
    let source = "//! needs: event **, http gate.lan, light porch, file *.csv
on(\"**\", |event| {
    http::send(\"http://gate.lan/open\");
    http::get(`http://gate.lan/${event.id}`);
    light::on(\"porch\");
    sheet::append(`${event.id}.csv`, [1]);
});";
    assert_eq!(
        reach(Mode::Open, source),
        "http gate.lan, light porch, event **, any file (seen in its text; nothing holds it to that)"
    );
    assert_eq!(
        reach(Mode::Declared, source),
        "http gate.lan, light porch, file *.csv, event ** (and nothing else)"
    );
}
