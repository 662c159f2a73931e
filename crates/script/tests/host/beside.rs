//! Tests beside scripts: what they can say, and what a failing one says.

use crate::support::*;
use porchlight_script::testing::{FileReport, Supplies, Tests};
use std::sync::Arc;
use std::time::Duration;

const GATE: &str = r#"
let family = setting("family", ["ABC123"], "Plates");
on("gate.*", |event| {
    for plate in event.facts.plates ?? [] {
        if plate in family {
            http::send("http://gate.lan/open", #{ json: #{ plate: plate, n: 1 } });
            light::on("porch");
            state::add("visits", 1);
            log::info(`opened for ${plate}`);
            later("5m", || light::off("porch"));
        } else {
            let who = http::get("http://who.lan/" + plate).json.name;
            emit("house.visitor", #{ who: who });
        }
    }
});
on("house.visitor", #{ where: #{ "data.who": "Eve" } }, |event| { sheet::append("a.csv", [event.data.who]); });
on("broken", |event| { let x = event.data.a.b; });
"#;

pub(super) fn run_all(script: &str, tests: &str) -> FileReport {
    run_for(script, tests, Duration::from_secs(5))
}

fn run_for(script: &str, tests: &str, time: Duration) -> FileReport {
    let (script, tests) = (script.to_owned(), tests.to_owned());
    on_big_stack(move || {
        let home = home(&[]);
        let loaded = home.host.load("gate.rhai", &script).unwrap();
        let bench = Tests::new(&home.host, Supplies::none());
        bench.run("gate.test.rhai", &tests, &Arc::new(loaded), "", time)
    })
}

/// Runs the body of one test; gives its failure as a person sees it.
fn failure(body: &str) -> String {
    let tests = format!("test(\"it\", |home| {{\n{body}\n}});\n");
    let report = run_all(GATE, &tests);
    let wrong: Vec<String> = report.diagnostics().map(|one| one.render(false)).collect();
    wrong.concat()
}

fn passes(body: &str) {
    assert_eq!(failure(body), "");
}

const COMES: &str = "home.send(\"gate.seen\", #{ facts: #{ plates: [\"ABC123\"] } });\n";

#[test]
fn a_test_sends_expects_and_moves_the_clock() {
    passes(&format!(
        r##"{COMES}
        let told = home.expect("http.send", #{{ url: "http://gate.lan/*", json: #{{ plate: "ABC123" }} }});
        assert_eq(told.args.json.n, 1);
        home.expect("light.on", "porch", #{{ json: #{{ on: true }} }});
        home.expect_nothing();
        home.expect_state("visits", 1);
        home.expect_log("opened for *");
        home.expect_wait("5m");
        home.advance("4m 59s");
        home.expect_nothing();
        home.advance("1s");
        home.expect("light::off");
        home.expect_no_wait();
        assert(home.now().contains("12:05:00"), "the clock");"##
    ));
}

#[test]
fn a_question_is_answered_by_the_test_and_an_emitted_event_is_dispatched() {
    passes(
        r##"
        home.answer("http.get", "http://who.lan/*", |request| #{ json: #{ name: if request.url.contains("X1") { "Eve" } else { "Bob" } } });
        home.send("gate.seen", #{ facts: #{ plates: ["X1", "X2"] } });
        home.expect("emit", "house.visitor", #{ data: #{ who: "Bob" } });
        home.expect("emit", #{ data: #{ who: "Eve" } });
        home.expect("sheet.append", "a.csv", #{ row: ["Eve"] });
        home.expect_skipped("filter");
        home.expect_nothing();"##,
    );
}

#[test]
fn settings_and_state_are_set_before_the_first_event_and_each_test_begins_anew() {
    let tests = format!(
        r##"
        const OTHER = "OTHER1";
        fn seen(home, plate) {{ home.send("gate.seen", #{{ facts: #{{ plates: [plate] }} }}); }}
        test("a", |home| {{
            home.setting("family", [OTHER]);
            home.set_state("visits", 41);
            seen(home, "OTHER1");
            home.expect_state("visits", 42);
        }});
        test("b", |home| {{ {COMES} home.expect_state("visits", 1); assert_eq(home.state("nothing"), ()); }});
        "##
    );
    let report = run_all(GATE, &tests);
    let wrong: Vec<_> = report.diagnostics().collect();
    assert!(report.is_good(), "{wrong:#?}");
    assert_eq!(report.tests.len(), 2);
    assert!(
        failure("home.setting(\"famly\", 1); home.advance(\"1s\");")
            .contains("did you mean \"family\"?")
    );
    assert!(
        failure(&format!("{COMES} home.setting(\"family\", []);")).contains("before anything else")
    );
}

#[test]
fn a_missed_expectation_shows_the_nearest_action_field_by_field_and_what_happened() {
    let text = failure(&format!(
        "{COMES}home.expect(\"http.send\", #{{ url: \"http://gate.lan/open\", json: #{{ plate: \"XYZ\" }} }});"
    ));
    let wanted = r#"error: nothing that was told is the expected http.send
  --> gate.test.rhai:3:6
   |
 3 | home.expect("http.send", #{ url: "http://gate.lan/open", json: #{ plate: "XYZ" } });
   |      ^^^^^^
   = help: the nearest is http::send("http://gate.lan/open"), told at gate.rhai:3:1:
       ≠ json.plate: expected "XYZ", it was "ABC123"
       = url: "http://gate.lan/open"
     what happened:
       12:00:00  gate.rhai:3:1 on("gate.*")
                   http::send("http://gate.lan/open")
                   light::on("porch")
                   info: opened for ABC123
"#;
    assert_eq!(text, wanted);
}

#[test]
fn every_expectation_can_fail() {
    for (body, says) in [
        ("home.expect(\"http.send\");", "nothing: no handler ran"),
        ("home.expect(\"light.onn\");", "did you mean \"light.on\"?"),
        (
            "home.send(\"gaet.seen\"); home.expect(\"light.off\");",
            "no handler of gate.rhai wants gaet.seen; it wants gate.*, house.visitor, broken",
        ),
        (
            "home.expect(\"http.send\", \"http://x/\");",
            "≠ expected (\"http://x/\"), it was (\"http://gate.lan/open\")",
        ),
        (
            "home.expect(\"light.on\"); home.expect(\"light.on\");",
            "an earlier expectation took it already",
        ),
        (
            "home.expect_nothing();",
            "nothing more was expected, but 2 told: http::send(\"http://gate.lan/open\")",
        ),
        (
            "home.expect_nothing(\"light.on\");",
            "but 1 told: light::on(\"porch\")",
        ),
        (
            "home.expect_state(\"visits\", 2);",
            "the state \"visits\" is 1, expected 2",
        ),
        (
            "home.expect_log(\"closed*\");",
            "no line of the log is \"closed*\"",
        ),
        (
            "home.expect_wait(\"4m\");",
            "later(\"5m\") in 5m, from line 10",
        ),
        ("home.expect_no_wait();", "later(\"5m\") does, for 5m"),
        (
            "home.expect_skipped(\"filter\");",
            "no run was skipped for the reason \"filter\"",
        ),
        (
            "home.expect_error(\"*\");",
            "no run ended with the mistake \"*\"",
        ),
        ("assert(1 == 2, \"one is two\");", "one is two"),
        (
            "assert_eq([1, #{ a: 2.0 }], [1, #{ a: 3 }]);",
            "[1,{\"a\":2.0}] is not [1,{\"a\":3}]",
        ),
        ("home.at(\"2020-01-01T00:00:00Z\");", "goes forward only"),
        (
            "home.send(\"gate.*\");",
            "is a pattern; an event has one type",
        ),
        (
            "home.send(\"gate.x\", #{ fact: #{} });",
            "did you mean `facts`?",
        ),
        (
            "home.answer(\"http.gett\", \"x\", #{});",
            "did you mean \"http.get\"?",
        ),
        (
            "home.send_sample(\"xprotect\");",
            "there is nothing to take it from here",
        ),
    ] {
        let setup = if says.contains("no handler ran") {
            ""
        } else {
            COMES
        };
        let text = failure(&format!("{setup}{body}"));
        assert!(text.contains(says), "{body}\n{text}");
        assert!(text.contains("gate.test.rhai:"), "{body}\n{text}");
    }
}

#[test]
fn a_mistake_of_the_script_fails_the_test_unless_it_was_expected() {
    let text = failure("home.send(\"broken\");");
    assert!(text.contains("gate.rhai:18"), "{text}");
    assert!(text.contains("home.expect_error"), "{text}");
    passes("home.send(\"broken\"); home.expect_error(\"*\");");
}

#[test]
fn an_unanswered_question_says_which_answer_to_add() {
    let text = failure("home.send(\"gate.seen\", #{ facts: #{ plates: [\"X\"] } });");
    assert!(
        text.contains("add home.answer(\"http.get\", \"http://who.lan/X\", #{ … })"),
        "{text}"
    );
}

#[test]
fn a_failed_expectation_that_is_caught_fails_the_test_all_the_same() {
    let text = failure("try { home.expect(\"http.send\"); } catch {}");
    assert!(text.contains("nothing that was told"), "{text}");
}

#[test]
fn a_helper_shows_where_it_was_called() {
    let tests = "fn opened(home) {\n  home.expect(\"http.send\");\n}\ntest(\"a\", |home| {\n  opened(home);\n});\n";
    let report = run_all(GATE, tests);
    let text = report.diagnostics().next().unwrap().render(false);
    assert!(text.contains("gate.test.rhai:2:8"), "{text}");
    assert!(text.contains("called at gate.test.rhai:5"), "{text}");
}

#[test]
fn a_broken_test_file_shows_all_its_mistakes() {
    let report = run_all(GATE, "test(\"a\", |home| { hom.send(\"x\"); });");
    assert!(!report.is_good());
    let report = run_all(
        GATE,
        "tset(\"a\", |home| {});\nasert(true);\nhttp::get(\"x\");",
    );
    let all: Vec<_> = report.problems.iter().map(|one| one.line).collect();
    assert!(
        !report.is_good() && !all.is_empty(),
        "{:#?}",
        report.problems
    );
    let report = run_all(GATE, "test(\"a\", || {});");
    assert!(
        report.problems[0].message.contains("one parameter"),
        "{:?}",
        report.problems
    );
    let report = run_all(GATE, "// nothing");
    assert!(report.is_good() && report.problems.len() == 1);
}

#[test]
fn tests_that_never_end_are_stopped_and_fail() {
    let time = Duration::from_millis(200);
    let started = std::time::Instant::now();
    let endless =
        "test(\"a\", |home| { loop { try { loop {} } catch {} } });\ntest(\"b\", |home| {});";
    let report = run_for(GATE, endless, time);
    assert_eq!(report.failed(), 2);
    let text = report.diagnostics().next().unwrap().message.clone();
    assert_eq!(text, "the tests of this file take longer than 200 ms");
    let echo = "on(\"a\", |event| { later(\"1ms\", || emit(\"a\")); });";
    let report = run_for(
        echo,
        "test(\"a\", |home| { home.send(\"a\"); home.advance(\"1w\"); });",
        time,
    );
    assert_eq!(report.failed(), 1);
    let stuck = "on(\"a\", |event| { loop {} });";
    let report = run_for(stuck, "test(\"a\", |home| { home.send(\"a\"); });", time);
    assert_eq!(report.failed(), 1);
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[test]
fn nothing_is_asked_of_the_real_world_and_its_state_stays_as_it_was() {
    let (asked, state) = on_big_stack(|| {
        let home = home(&[]);
        let loaded = Arc::new(home.host.load("gate.rhai", GATE).unwrap());
        let bench = Tests::new(&home.host, Supplies::none());
        let tests = format!(
            "test(\"a\", |home| {{ {COMES} home.send(\"gate.seen\", #{{ facts: #{{ plates: [\"X\"] }} }}); }});"
        );
        bench.run(
            "gate.test.rhai",
            &tests,
            &loaded,
            "",
            Duration::from_secs(5),
        );
        (home.asked.lock().unwrap().len(), home.host.state().to_vec())
    });
    assert_eq!((asked, state), (0, vec![]));
}
