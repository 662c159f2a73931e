//! Handlers that the clock calls: what they are told, how they are admitted, and what is a mistake.

use super::house::House;
use super::support::*;
use porchlight_core::*;
use porchlight_script::schedule::{HomePlace, Position, Scheduled, Tick, TickKind, Ticks};
use porchlight_script::*;
use std::time::Duration;

/// The ticks of a script that is loaded now, and are due after so long.
fn due_after(house: &House, time: &str) -> Vec<Tick> {
    let mut ticks = Ticks::default();
    ticks.set(Scheduled::of(&house.script), house.now());
    let time = porchlight_core::units::parse_duration(time).unwrap();
    ticks.take_due(house.now().after(time))
}

fn load(source: &str) -> Script {
    let source = source.to_owned();
    on_big_stack(move || {
        let loaded = home(&[]).host.load("gate.rhai", &source);
        loaded.unwrap_or_else(|e| panic!("{e:#?}"))
    })
}

fn ids(source: &str) -> Vec<String> {
    let handlers = &load(source).handlers;
    handlers.iter().map(|handler| handler.id.clone()).collect()
}

#[test]
fn a_handler_is_told_when_its_tick_was_due_and_can_do_what_any_handler_can() {
    let source = r#"
        let who = "porch";
        every("10m", |tick| {
            log::info(`${tick.scheduled} ${tick.late_by} ${tick.schedule} ${who}`);
            state::add("ticks", 1);
            emit("porch.tick", #{ at: tick.scheduled });
            file::append("ticks.txt", "x");
            later("5m", || log::info(`later ${tick.scheduled}`));
        });"#;
    House::with(source, |house| {
        let due = due_after(house, "10m 30s");
        house.job(Work::Tick(due[0].clone()), None);
        let at = NOW.after(Duration::from_secs(600));
        let run = &house.runs[0];
        assert_eq!(run.outcome, Outcome::Ok);
        assert_eq!(run.event, 0);
        assert_eq!(
            run.handler,
            format!("tick:{}:{}", house.script.handlers[0].id, at.0)
        );
        assert_eq!(run.title, "every(\"10m\")");
        assert_eq!(run.place.line, 3);
        assert_eq!(
            (run.actions.len(), run.state.len(), run.emitted.len()),
            (1, 1, 1)
        );
        house.advance("5m");
        assert_eq!(
            house.logs(),
            [
                format!("{at} 30s every(\"10m\") porch"),
                format!("later {at}")
            ]
        );
    });
}

#[test]
fn a_handler_may_do_without_the_tick() {
    House::with(
        "fn tock() { log::info(\"tock\"); }\nevery(\"1h\", tock);",
        |house| {
            let due = due_after(house, "1h");
            house.job(Work::Tick(due[0].clone()), None);
            assert_eq!(house.logs(), ["tock"]);
        },
    );
}

#[test]
fn ticks_that_were_missed_are_one_record_that_says_how_many() {
    House::with("every(\"1h\", |tick| log::info(\"never\"));", |house| {
        let due = due_after(house, "5h 30m");
        assert_eq!(due.len(), 1);
        house.job(Work::Tick(due[0].clone()), None);
        assert_eq!(house.skips(), ["gap"]);
        let hour = |number: u64| NOW.after(Duration::from_secs(3600 * number));
        assert_eq!(
            house.logs(),
            [format!("missed 5 ticks, from {} to {}", hour(1), hour(5))]
        );
    });
}

#[test]
fn modes_and_expiry_hold_for_ticks_too() {
    let source = r#"every("10m", #{ mode: "single", expires: "2m", on_gap: "all" }, |tick| later("15m", || ()));"#;
    House::with(source, |house| {
        let due = due_after(house, "20m 30s");
        let kinds: Vec<&TickKind> = due.iter().map(|tick| &tick.kind).collect();
        assert_eq!(kinds, [&TickKind::Run, &TickKind::Run]);
        house.advance("20m 30s");
        house.job(Work::Tick(due[0].clone()), None);
        house.job(Work::Tick(due[1].clone()), None);
        house.job(Work::Tick(due[1].clone()), None);
        assert_eq!(house.skips(), ["expired", "mode: single"]);
    });
}

#[test]
fn a_key_is_a_function_over_the_tick() {
    let source = r#"every("1h", #{ mode: "single", key: |tick| tick.schedule }, |tick| later("5m", || ()));"#;
    House::with(source, |house| {
        let due = due_after(house, "1h");
        house.job(Work::Tick(due[0].clone()), None);
        assert_eq!(house.runs[0].waits[0].chain.key, "every(\"1h\")");
    });
}

#[test]
fn a_start_has_a_reason() {
    House::with("on_start(|start| log::info(start.reason));", |house| {
        for reason in [StartReason::Start, StartReason::Added] {
            let start = Start {
                at: house.now(),
                reason,
            };
            house.job(Work::Start(0, start), None);
            house.advance("1s");
        }
        assert_eq!(house.logs(), ["start", "added"]);
        assert_ne!(house.runs[0].handler, house.runs[1].handler);
        assert!(house.runs[0].handler.starts_with("start:"));
    });
}

#[test]
fn a_schedule_is_known_by_its_text_and_not_by_its_place_or_options() {
    let before = ids(
        "every(\"10m\", |t| {});\ndaily([\"07:30\", \"19:00\"], |t| {});\nevery(\"10m\", |t| {});\non_start(|s| {});",
    );
    let after = ids(
        "// A line.\nevery(\"10m\", #{ on_gap: \"all\" }, |t| { log::info(\"x\"); });\ndaily([\"07:30\", \"19:00\"], #{ days: \"weekdays\", time_zone: \"Europe/Paris\" }, |t| {});\n\nevery(\"10m\", |t| {});\non_start(|s| {});",
    );
    assert_eq!(before, after);
    let mut distinct = before.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), 4);
    assert_ne!(
        ids("every(\"10m\", |t| {});"),
        ids("every(\"11m\", |t| {});")
    );
    assert_ne!(
        ids("daily(\"10:00\", |t| {});"),
        ids("daily([\"10:00\", \"11:00\"], |t| {});")
    );
}

#[test]
fn a_queue_is_as_long_as_the_handlers() {
    let script =
        load("every(\"1m\", |t| {});\nevery(\"2m\", #{ mode: \"queued\", max: 3 }, |t| {});");
    let queues: Vec<usize> = Scheduled::of(&script).iter().map(|one| one.queue).collect();
    assert_eq!(queues, [1, 3]);
}

#[test]
fn mistakes_in_schedules_are_told_at_their_places_all_at_once() {
    let source = r#"
every("soon", |t| {});
cron("0 7 * *", |t| {});
cron(["0 7 * * *", "0 8 * * *"], |t| {});
daily(7, |t| {});
daily([], |t| {});
daily("07:30", #{ days: "mondayy" }, |t| {});
daily("07:30", #{ day: "mon" }, |t| {});
every("1m", #{ days: "mon" }, |t| {});
cron("0 7 * * *", #{ time_zone: "Mars/Base" }, |t| {});
every("1m", #{ on_gap: "al" }, |t| {});
sun("sunrise", |t| {});
every("1m", |a, b| {});
on("gate.*", |event| every("1m", |t| {}));
every("1m", #{ where: #{ "data.x": 1 }, key: "data.y" }, |t| {});
"#;
    let found: Vec<(u32, String)> = mistakes(&[], source)
        .into_iter()
        .map(|wrong| (wrong.line, format!("{} {}", wrong.message, wrong.help)))
        .collect();
    for (line, words) in [
        (2, "`soon` is no length of time"),
        (3, "is no cron pattern"),
        (4, "this is one text, and no list"),
        (5, "`daily` takes a text, not 7"),
        (6, "no time in it"),
        (7, "did you mean \"monday\"?"),
        (8, "`day`"),
        (9, "`days`"),
        (10, "there is no time zone \"Mars/Base\""),
        (11, "did you mean \"all\"?"),
        (12, "add to porchlight.toml"),
        (15, "`where` looks at an event, and `every` has none"),
        (15, "`key` names a field of an event"),
        (
            13,
            "needs a function of its file with one parameter, the tick",
        ),
    ] {
        let fits = |(at, text): &&(u32, String)| *at == line && text.contains(words);
        assert!(
            found.iter().any(|one| fits(&one)),
            "{line} {words}: {found:#?}"
        );
    }
    let lines: Vec<u32> = found.iter().map(|(line, _)| *line).collect();
    assert!(lines.contains(&14), "{found:#?}");
}

#[test]
fn a_trigger_inside_a_handler_is_a_mistake_of_the_run() {
    for call in ["every(\"1m\", |t| {})", "on_start(|s| {})"] {
        let source = format!("on(\"a.b\", |event| again()); fn again() {{ {call}; }}");
        let run = run(&source);
        let Outcome::Error { message, .. } = &run.outcome else {
            panic!("{:?}", run.outcome);
        };
        assert!(message.contains("stands at the top level"), "{message}");
    }
}

#[test]
fn what_a_handler_of_ticks_assigns_to_captured_values_is_warned_about() {
    let warnings = mistakes(
        &[],
        "let count = 0;\nevery(\"1m\", |tick| { count += 1; });",
    );
    assert_eq!(warnings.len(), 1, "{warnings:#?}");
    assert!(warnings[0].message.contains("this change is lost"));
}

#[test]
fn a_home_where_the_sun_does_not_set_on_some_days_is_warned() {
    let load = |latitude| {
        on_big_stack(move || {
            let host = Host::new(HostConfig {
                place: HomePlace {
                    position: Position::new(latitude, 19.0),
                    ..HomePlace::default()
                },
                clock: std::sync::Arc::new(|| NOW),
                ..HostConfig::default()
            });
            let script = host
                .load("gate.rhai", "sun(\"sunset - 30m\", |tick| {});")
                .unwrap();
            script.warnings.clone()
        })
    };
    assert_eq!(load(48.9), []);
    let warnings = load(69.6);
    assert_eq!(warnings.len(), 1, "{warnings:#?}");
    assert_eq!(
        (warnings[0].severity, warnings[0].line),
        (Severity::Warning, 1)
    );
    assert!(warnings[0].message.contains("days of the next year"));
}
