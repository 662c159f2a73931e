//! Waits in the real program: killed in every state, what should happen still happens exactly once.

use super::house::{House, eventually, gate_config};
use serde_json::json;
use std::sync::atomic::{AtomicU64, Ordering};

/// Writes a line, so that a test can count.
const NOTE: &str = "fn note(text) { file::append(\"did.txt\", text + \"\\n\"); }\n";

fn house(script: &str) -> House {
    House::start(&gate_config(), &[("a.rhai", &format!("{NOTE}{script}"))])
}

/// An event of this type, handled and stored.
fn post(house: &House, kind: &str, n: i64) -> u64 {
    // No two deliveries are the same, or the second would be a duplicate.
    static DELIVERY: AtomicU64 = AtomicU64::new(0);
    let delivery = DELIVERY.fetch_add(1, Ordering::Relaxed);
    let body = json!({ "type": kind, "n": n, "delivery": delivery });
    let event = house.post_ok(&body.to_string());
    eventually("its runs are stored", || {
        let runs = house.runs();
        runs.iter().any(|run| run["event"] == event).then_some(())
    });
    event
}

/// Sends something that comes after everything else, and waits until it is done.
fn flush(house: &House) {
    let before = house.file("last.txt").unwrap_or_default().lines().count();
    house.post_ok("{\"type\":\"last\"}");
    eventually("the last event is handled", || {
        let text = house.file("last.txt").unwrap_or_default();
        (text.lines().count() > before).then_some(())
    });
}

const LAST: &str = "on(\"gate.last\", |event| { file::append(\"last.txt\", \"x\\n\"); });\n";

#[test]
fn a_killed_program_does_what_fell_due_meanwhile_once_and_says_how_late() {
    let mut house = house(
        "on(\"gate.go\", |event| { later(\"1h\", |wait| note(`off, late ${duration_ms(wait.late_by) > 3500000}`)); });",
    );
    post(&house, "go", 1);
    house.kill();
    house.let_pass_while_down(2 * 3600);
    house.restart();
    house.wait_for_file("did.txt", "off, late true\n");
    house.kill();
    house.restart();
    assert_eq!(house.wait_for_runs(2).len(), 2);
    assert_eq!(house.file("did.txt").as_deref(), Some("off, late true\n"));
}

#[test]
fn a_gap_drops_or_does_not_count_where_the_script_says_so() {
    let mut house = house(
        "on(\"gate.go\", |event| {
            later(\"1h\", #{ on_gap: \"drop\" }, || note(\"dropped\"));
            later(\"1h\", #{ on_gap: \"resume\" }, || note(\"resumed\"));
            later(\"1h\", || note(\"fired\"));
        });",
    );
    post(&house, "go", 1);
    // An orderly stop leaves the sign of life that `resume` counts from.
    house.terminate();
    house.let_pass_while_down(2 * 3600);
    house.restart();
    house.wait_for_file("did.txt", "fired\n");
    eventually("the dropped one is recorded", || {
        (house.skips() == ["gap"]).then_some(())
    });
    house.terminate();
    house.let_pass_while_down(10);
    house.restart();
    let reader = porchlight_journal::Reader::open(&house.path().join("data")).expect("a journal");
    let waits = reader.waits().expect("waits");
    assert_eq!(
        waits.len(),
        1,
        "the hour of `resume` is not over: {waits:?}"
    );
    assert_eq!(house.file("did.txt").as_deref(), Some("fired\n"));
}

#[test]
fn an_event_after_a_crash_ends_a_wait_of_before_it_once() {
    let mut house = house(
        "on(\"gate.bell\", |event| {
            let n = event.data.n;
            wait_for(\"gate.door\", #{ within: \"1h\" },
                |opened| note(`${n} opened ${opened.data.n}`), || note(`${n} nobody`));
        });",
    );
    post(&house, "bell", 1);
    house.kill();
    house.restart();
    post(&house, "door", 7);
    house.wait_for_file("did.txt", "1 opened 7\n");
    house.kill();
    house.restart();
    post(&house, "bell", 2);
    house.kill();
    house.let_pass_while_down(2 * 3600);
    house.restart();
    house.wait_for_file("did.txt", "1 opened 7\n2 nobody\n");
}

#[test]
fn a_job_goes_on_with_its_attempts_after_a_crash_and_decides_once() {
    let mut house = house(
        "on(\"gate.go\", |event| {
            job(#{ retries: 5, backoff: \"1h\" }, |wait| {
                note(`attempt ${wait.attempt}`);
                if wait.attempt < 3 { throw \"not yet\"; }
            });
        });",
    );
    post(&house, "go", 1);
    for attempt in 1..=3 {
        house.wait_for_runs(1 + attempt);
        house.kill();
        house.let_pass_while_down(5 * 3600);
        house.restart();
    }
    house.wait_for_file("did.txt", "attempt 3\n");
    assert_eq!(house.wait_for_runs(4).len(), 4);
}

#[test]
fn a_handler_with_retry_is_tried_again_after_a_crash() {
    let mut house = house(
        "on(\"gate.go\", #{ retry: #{ retries: 1, backoff: \"1h\" } }, |event| {
            if !(\"ready\" in state::keys()) { throw \"not yet\"; }
            note(`did ${event.data.n}`);
        });
        on(\"gate.ready\", |event| state::set(\"ready\", true));",
    );
    post(&house, "go", 4);
    post(&house, "ready", 0);
    house.kill();
    house.let_pass_while_down(2 * 3600);
    house.restart();
    house.wait_for_file("did.txt", "did 4\n");
}

#[test]
fn what_was_queued_when_the_power_went_runs_after_the_one_before_it() {
    let mut house = house(&format!(
        "{LAST}on(\"gate.go\", #{{ mode: \"queued\" }}, |event| {{
            let n = event.data.n;
            note(`begin ${{n}}`);
            later(\"1h\", || note(`end ${{n}}`));
        }});"
    ));
    post(&house, "go", 1);
    house.post_ok("{\"type\":\"go\",\"n\":2}");
    house.post_ok("{\"type\":\"go\",\"n\":3}");
    flush(&house);
    assert_eq!(house.file("did.txt").as_deref(), Some("begin 1\n"));
    for text in [
        "begin 1\nend 1\nbegin 2\n",
        "begin 1\nend 1\nbegin 2\nend 2\nbegin 3\n",
        "begin 1\nend 1\nbegin 2\nend 2\nbegin 3\nend 3\n",
    ] {
        house.kill();
        house.let_pass_while_down(2 * 3600);
        house.restart();
        house.wait_for_file("did.txt", text);
    }
}

#[test]
fn a_restarted_run_stays_restarted_after_a_crash() {
    let mut house = house(
        "on(\"gate.go\", #{ mode: \"restart\", key: \"data.n\" }, |event| {
            let id = event.id;
            later(\"1h\", || note(`off ${id}`));
        });",
    );
    post(&house, "go", 1);
    let second = post(&house, "go", 1);
    let other = post(&house, "go", 2);
    house.kill();
    house.let_pass_while_down(2 * 3600);
    house.restart();
    house.wait_for_file("did.txt", &format!("off {second}\noff {other}\n"));
    house.kill();
    house.restart();
    assert_eq!(house.wait_for_runs(5).len(), 5);
}

#[test]
fn single_and_cooldown_hold_after_a_crash() {
    let mut house = house(&format!(
        "{LAST}on(\"gate.go\", #{{ mode: \"single\" }}, |event| {{ note(`go ${{event.data.n}}`); later(\"1h\", || ()); }});
         on(\"gate.bell\", #{{ cooldown: \"1h\" }}, |event| note(`bell ${{event.data.n}}`));"
    ));
    post(&house, "go", 1);
    post(&house, "bell", 1);
    house.kill();
    house.restart();
    post(&house, "go", 2);
    post(&house, "bell", 2);
    flush(&house);
    assert_eq!(house.file("did.txt").as_deref(), Some("go 1\nbell 1\n"));
    assert_eq!(house.skips(), ["mode: single", "cooldown"]);
}

#[test]
fn a_saved_script_finishes_cancels_or_migrates_what_its_old_version_began() {
    let script = |word: &str| {
        format!(
            "{NOTE}on(\"gate.go\", |event| {{
                later(\"1h\", || note(\"finished {word}\"));
                later(\"1h\", #{{ on_reload: \"cancel\" }}, || note(\"cancelled {word}\"));
                later(\"1h\", #{{ on_reload: \"migrate\" }}, Fn(\"close\"));
            }});
            fn close() {{ note(\"migrated {word}\"); }}"
        )
    };
    let mut house = House::start(&gate_config(), &[("a.rhai", &script("old"))]);
    post(&house, "go", 1);
    house.write_script("a.rhai", &script("new"));
    house.wait_until_said("reloaded a.rhai");
    eventually("the cancelled one is recorded", || {
        (house.skips() == ["reloaded"]).then_some(())
    });
    house.kill();
    house.let_pass_while_down(2 * 3600);
    house.restart();
    house.wait_for_file("did.txt", "finished old\nmigrated new\n");
}

#[test]
fn a_wait_that_is_cancelled_by_its_name_stays_cancelled() {
    let mut house = house(
        "on(\"gate.go\", |event| { later(\"1h\", #{ id: \"hall\" }, || note(\"hall\")); later(\"1h\", || note(\"porch\")); });
         on(\"gate.stop\", |event| { cancel(\"hall\"); });",
    );
    post(&house, "go", 1);
    house.kill();
    house.restart();
    post(&house, "stop", 1);
    house.kill();
    house.let_pass_while_down(2 * 3600);
    house.restart();
    house.wait_for_file("did.txt", "porch\n");
    assert_eq!(house.wait_for_runs(3).len(), 3);
}

#[test]
fn kill_9_at_any_moment_among_many_waits_loses_none_and_repeats_none() {
    let mut house = house(
        "on(\"gate.go\", |event| {
            let n = event.data.n;
            state::add(\"begun\", 1);
            later(\"20ms\", || {
                state::add(\"once\", 1);
                job(#{ retries: 2, backoff: \"10ms\" }, |wait| {
                    if wait.attempt < 2 { throw \"not yet\"; }
                    state::add(\"twice\", 1);
                });
            });
        });",
    );
    let mut sent = 0;
    for round in 0..12 {
        for _ in 0..10 + round {
            house.post_ok(&json!({ "type": "go", "n": sent }).to_string());
            sent += 1;
        }
        house.kill();
        house.restart();
    }
    let state = || {
        let reader = porchlight_journal::Reader::open(&house.path().join("data"));
        let state = reader.expect("a journal").state().expect("state");
        let visible = state.into_iter().filter(|(key, _)| !key.starts_with('~'));
        visible.collect::<Vec<_>>()
    };
    let all = ["begun", "once", "twice"].map(|key| (key.to_owned(), json!(sent)));
    eventually("everything is done", || {
        let reader = porchlight_journal::Reader::open(&house.path().join("data")).ok()?;
        let waits = reader.waits().ok()?;
        let counts = state();
        let counted = counts
            .iter()
            .any(|(key, value)| key == "twice" && *value == json!(sent));
        (waits.is_empty() && counted).then_some(())
    });
    assert_eq!(state(), all);
}
