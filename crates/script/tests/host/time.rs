//! Moments in words: the clock of the home, other zones, and what is no moment.

use super::support::*;
use porchlight_core::*;

fn error(body: &str) -> String {
    let run = run(&format!("on(\"**\", || {{ {body} }});"));
    let Outcome::Error { message, .. } = run.outcome else {
        panic!("{run:#?}")
    };
    message
}

#[test]
fn a_moment_is_written_as_a_wall_clock_shows_it() {
    let shown = logs(
        r#"
        let at = "2026-03-29T00:59:59.250Z";
        log::info(time::format(at, "%H:%M"));
        log::info(time::format(at, "%Y-%m-%d %H:%M:%S.%3f %z", "Europe/Copenhagen"));
        log::info(time::format(time::ms(at) + 1000, "%H:%M:%S", "Europe/Copenhagen"));
        log::info(time::format(0, "%-m/%-d/%Y %H:%M:%S"));
        log::info(`${time::ms(at)}`);
        "#,
    );
    assert_eq!(
        shown,
        [
            "00:59",
            "2026-03-29 01:59:59.250 +0100",
            // The clocks went on by an hour in this second.
            "03:00:00",
            "1/1/1970 00:00:00",
            "1774745999250"
        ]
    );
}

#[test]
fn a_time_of_day_is_between_two_others_also_over_midnight() {
    let now = Timestamp::parse_rfc3339(&NOW.to_rfc3339()).expect("a moment");
    let minute = |offset: i64| Timestamp(now.0 + offset * 60_000).to_rfc3339()[11..16].to_owned();
    let (before, this, after) = (minute(-1), minute(0), minute(1));
    let asked = [
        (&this, &after, true),   // the first minute counts
        (&before, &this, false), // and the last does not
        (&after, &before, false),
        (&before, &after, true),
        (&after, &after, true), // the whole day
    ];
    for (from, to, expected) in asked {
        let said = logs(&format!(
            "log::info(`${{time::is_between({from:?}, {to:?})}}`);"
        ));
        assert_eq!(said, [expected.to_string()], "{from} to {to}");
    }
}

#[test]
fn what_is_no_moment_pattern_zone_or_time_of_day_is_said() {
    let wrongs = [
        (r#"time::format("yesterday", "%H")"#, "is no moment"),
        (r#"time::format(now(), "%!")"#, "is no pattern"),
        (
            r#"time::format(now(), "%H", "Europe/Copenhage")"#,
            "Europe/Copenhagen",
        ),
        (
            r#"time::format(9223372036854775807, "%H")"#,
            "beyond the calendar",
        ),
        (r#"time::is_between("22", "06:00")"#, "is no time of day"),
        (r#"time::ms("")"#, "is no moment"),
    ];
    for (call, expected) in wrongs {
        let said = error(&format!("{call};"));
        assert!(said.contains(expected), "{call}: {said}");
    }
}
