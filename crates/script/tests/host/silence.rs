//! `on_silence`, through the host alone: what it registers, what it refuses, what its handler gets.

use super::support::*;
use porchlight_core::*;
use porchlight_script::*;
use std::time::Duration;

fn silent() -> Silent {
    Silent {
        since: NOW,
        last: 17,
        last_is_kept: true,
        times: 1,
        late_by: Duration::from_secs(90),
    }
}

fn load(source: &str) -> Script {
    let source = source.to_owned();
    on_big_stack(move || {
        let loaded = home(&[]).host.load("gate.rhai", &source);
        loaded.unwrap_or_else(|e| panic!("{e:#?}"))
    })
}

fn subscriptions(source: &str) -> Vec<String> {
    let script = load(source);
    let ids = script.handlers.iter().map(|handler| handler.id.clone());
    ids.collect()
}

fn tell(source: &str, silent: Silent) -> Run {
    let source = source.to_owned();
    on_big_stack(move || {
        let home = home(&[]);
        let script = home.host.load("gate.rhai", &source).unwrap();
        let subscription = script.handlers.first().map(|handler| handler.id.clone());
        let told = Told {
            handler: 0,
            subscription: subscription.unwrap_or_default(),
            silent,
        };
        let mut past = Before::default();
        if told.silent.last_is_kept {
            let last = event("camera.motion", serde_json::json!({}));
            past.events.insert(last.id, last);
        }
        let job = Job {
            script: Some(std::sync::Arc::new(script)),
            event: None,
            work: Work::Silence(told),
        };
        let mut runs = Vec::new();
        let report = &mut |finished: Finished| runs.push(finished.run);
        Lane::default().perform(&home.host, &mut past, job, report);
        runs.remove(0)
    })
}

#[test]
fn a_handler_gets_the_silence_and_can_do_what_any_handler_can() {
    let source = r#"
let who = "porch";
on_silence("camera.*", "20m", |silence| {
    log::info(`${silence.pattern} ${silence.since} ${silence.duration} ${silence.last} ${silence.late_by} ${who}`);
    state::add("silences", 1);
    later("5m", || log::info("still?"));
    emit("camera.silent", #{ last: silence.last });
    file::append("silent.txt", "x");
});"#;
    let run = ok(tell(source, silent()));
    let logged = &run.logs[0].message;
    assert!(
        logged.starts_with(&format!("camera.* {} 20m 17 ", NOW.to_rfc3339())),
        "{logged}"
    );
    assert!(logged.ends_with(" porch"), "{logged}");
    assert_eq!(run.title, "on_silence(\"camera.*\", \"20m\")");
    assert_eq!(run.place.line, 3);
    assert_eq!(run.event, 17);
    assert_eq!((run.state.len(), run.waits.len()), (1, 1));
    assert_eq!((run.emitted.len(), run.actions.len()), (1, 1));
}

#[test]
fn a_run_names_the_silence_so_that_it_is_stored_once_and_never_as_an_events() {
    let source = "on_silence(\"a\", \"1s\", || ());";
    let subscription = &subscriptions(source)[0];
    let run = ok(tell(source, silent()));
    assert_eq!(run.handler, format!("silence:{subscription}:{}", NOW.0));
    let again = Silent {
        times: 2,
        last_is_kept: false,
        ..silent()
    };
    let run = ok(tell(source, again));
    assert_eq!(run.handler, format!("silence:{subscription}:{}:2", NOW.0));
    assert_eq!(run.event, 0, "the event is gone, and would keep the run");
}

#[test]
fn nothing_came_at_all_reads_as_no_last_event() {
    let source = "on_silence(\"a\", \"1s\", |s| log::info(`${s.last == ()}`));";
    let never = Silent {
        last: 0,
        last_is_kept: false,
        ..silent()
    };
    assert_eq!(ok(tell(source, never)).logs[0].message, "true");
}

#[test]
fn a_subscription_is_the_same_after_an_edit_and_others_are_others() {
    let one = subscriptions("on_silence(\"a.*\", \"20m\", |s| ());");
    let moved = subscriptions("\n\n// Moved.\non_silence(\"a.*\", \"20m\", |s| log::info(\"x\"));");
    assert_eq!(one, moved);
    let all = subscriptions(
        "on_silence(\"a.*\", \"20m\", |s| ()); on_silence(\"a.*\", \"20m\", |s| ()); on_silence(\"a.*\", \"21m\", |s| ()); on_silence(\"b.*\", \"20m\", |s| ());",
    );
    assert_eq!(all[0], one[0]);
    let different: std::collections::BTreeSet<_> = all.iter().collect();
    assert_eq!(different.len(), 4);
}

#[test]
fn every_mistake_is_shown_at_load_with_its_place() {
    let found = mistakes(
        &[],
        "on_silence(\"a\", \"20 parsecs\", |s| ());\non_silence(\"a\", 20, |s| ());\non_silence(\"a\", \"0s\", |s| ());\non_silence(\"\", \"1s\", |s| ());\non_silence(\"a\", \"1s\", #{ repaet: \"1h\" }, |s| ());\non_silence(\"a\", \"1s\", #{ repeat: true }, |s| ());\non_silence(\"a\", \"1s\", |a, b| ());\non_silence(\"a\", |s| ());\non(\"a\", |e| http::sned(\"x\"));",
    );
    let has = |line: u32, message: &str, help: &str| {
        let is = |d: &Diagnostic| {
            d.line == line && d.column > 0 && d.message.contains(message) && d.help.contains(help)
        };
        assert!(found.iter().any(is), "{line} {message} {help}: {found:#?}");
    };
    has(1, "parsecs", "");
    has(2, "text with a unit", "");
    has(3, "longer than nothing", "20m");
    has(4, "empty", "");
    has(5, "no option `repaet`", "`repeat`");
    has(6, "`repeat` is text with a unit", "");
    has(7, "one parameter, the silence", "|silence|");
    has(8, "`on_silence` takes 3 or 4 arguments, not 2", "");
}

#[test]
fn it_stands_at_the_top_level_only() {
    let run =
        run("on(\"a.b\", |event| again()); fn again() { on_silence(\"a\", \"1s\", |s| ()); }");
    let Outcome::Error { message, .. } = run.outcome else {
        panic!("{:?}", run.outcome)
    };
    assert!(message.contains("top level"), "{message}");
}

#[test]
fn a_change_to_what_a_silences_handler_captured_is_warned_of() {
    let script = load("let n = 0;\non_silence(\"a\", \"1s\", |s| { n += 1; });");
    assert!(
        script
            .warnings
            .iter()
            .any(|w| w.message.contains("is lost"))
    );
}
