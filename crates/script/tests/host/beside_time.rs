//! The clock of tests beside scripts: silence, schedules and waits come when it says so.

use super::beside::run_all;

#[test]
fn silence_falls_when_the_clock_says_so() {
    let script = "on_silence(\"camera.*\", \"20m\", #{ repeat: \"1h\" }, |silence| { log::info(`since ${silence.since}`); });";
    let tests = r#"test("silence", |home| {
        home.advance("10m");
        home.send("camera.motion");
        home.advance("19m 59s");
        try { home.expect_log("*"); assert(false, "too early"); } catch {}
    });
    test("told", |home| {
        home.send("camera.motion");
        home.advance("20m");
        home.expect_log("since 2026-01-01T12:00:00.000Z");
        home.advance("1h");
        home.expect_log("since *");
    });"#;
    let report = run_all(script, tests);
    assert!(
        report.tests[0]
            .failure
            .as_ref()
            .unwrap()
            .message
            .contains("no line"),
        "{report:#?}"
    );
    assert!(report.tests[1].failure.is_none(), "{report:#?}");
}

#[test]
fn modes_waits_for_events_and_replaced_waits_are_those_of_the_host() {
    let script = r#"
    on("motion.*", #{ mode: "restart", key: "subject" }, |event| {
        light::on("porch");
        later("5m", || light::off("porch"));
    });
    on("door.open", #{ mode: "single" }, |event| {
        wait_for("door.closed", #{ within: "2m" },
            |closed| log::info("closed"),
            || log::warn("left open"));
    });
    on("bell", #{ cooldown: "30s" }, |event| log::info("rings"));
    "#;
    let tests = r#"
    test("a new motion starts the five minutes over", |home| {
        home.send("motion.a", #{ subject: "hall" });
        home.advance("4m");
        home.send("motion.a", #{ subject: "hall" });
        home.expect("light.on");
        home.expect("light.on");
        home.advance("4m 59s");
        home.expect_nothing();
        home.advance("1s");
        home.expect("light.off");
        home.expect_no_wait();
    });
    test("two places do not disturb each other", |home| {
        home.send("motion.a", #{ subject: "hall" });
        home.advance("1m");
        home.send("motion.a", #{ subject: "yard" });
        home.advance("4m");
        home.expect("light.off");
        home.expect_nothing("light.off");
        home.expect_wait("1m");
    });
    test("the door is closed in time", |home| {
        home.send("door.open");
        home.send("door.open");
        home.expect_skipped("mode: single");
        home.advance("1m");
        home.send("door.closed");
        home.expect_log("closed");
        home.advance("1h");
        home.send("door.open");
        home.expect_wait("2m");
    });
    test("the door is left open", |home| {
        home.send("door.open");
        home.advance("2m");
        home.expect_log("left open");
    });
    test("the bell rests", |home| {
        home.send("bell");
        home.advance("29s");
        home.send("bell");
        home.expect_skipped("cooldown");
        home.advance("1s");
        home.send("bell");
        home.expect_log("rings");
        home.expect_log("rings");
    });
    "#;
    let report = run_all(script, tests);
    let wrong: Vec<String> = report.diagnostics().map(|one| one.render(false)).collect();
    assert!(report.is_good(), "{}", wrong.concat());
    assert_eq!(report.tests.len(), 5);
}

#[test]
fn schedules_tick_with_the_clock_of_the_test_and_a_gap_is_a_gap() {
    let script = r#"
    every("10m", |tick| log::info(`every ${tick.late_by}`));
    cron("0 7 * * *", #{ time_zone: "UTC", on_gap: "skip" }, || log::info("morning"));
    on_start(|start| log::info("started"));
    on("a", |event| { later("1h", |late| log::info("later")); });
    "#;
    let tests = r#"
    test("ten minutes", |home| {
        home.advance("30m");
        for n in 0..3 { home.expect_log("every *"); }
        try { home.expect_log("*"); } catch { return; }
        assert(false, "no more");
    });
    test("seven o'clock, and not when it was missed", |home| {
        home.at("2026-01-02T06:59:59Z");
        home.advance("1s");
        home.expect_log("morning");
        home.down("25h");
        home.expect_skipped("*");
        home.expect_log("started");
    });
    test("a wait that fell due meanwhile is late", |home| {
        home.start();
        home.expect_log("started");
        home.send("a");
        home.down("2h");
        home.expect_log("later");
    });
    "#;
    let report = run_all(script, tests);
    let wrong: Vec<String> = report.diagnostics().map(|one| one.render(false)).collect();
    assert!(
        report.tests[0].failure.is_some(),
        "a caught expectation fails"
    );
    assert_eq!(report.failed(), 1, "{}", wrong.concat());
}
