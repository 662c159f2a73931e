//! What a script hears, of events and of state, is held to what it declares as well.

use super::permissions::{declared_host, refused, tried};
use super::support::{NOW, event, ok, on_big_stack};
use porchlight_core::Wait;
use porchlight_script::*;
use serde_json::json;

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
