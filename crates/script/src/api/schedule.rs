//! `every`, `cron`, `daily`, `sun` and `on_start` at the top level of a script.
//!
//! They only note the wish, as `on` does; when a tick falls due is decided in
//! [`crate::schedule`]. What a schedule is known by is its text, so that options and other lines
//! can be edited without losing count.

mod own;

use super::trigger::{self, Wish, at_top_level, note};
use super::{Fallible, function};
use crate::current;
use crate::schedule::{Days, Mistake, Schedule};
use crate::script::{Timed, Trigger};
use jiff::tz::TimeZone;
use own::{Own, has_nothing_of_events, texts};
use rhai::{Dynamic, Engine, FnPtr, ImmutableString, Map, NativeCallContext};

pub(super) fn register(engine: &mut Engine) {
    function! {
        engine,
        /// Calls a function time and again after the same length of elapsed time.
        ///
        /// The first call is so long after the script was first loaded. Restarts and edits of other
        /// lines keep count, and no change of clocks moves it. For round times there is `cron`.
        ///
        /// * `period` (duration): how long; at least `"1s"`
        /// * `options` (map): on which of them, and how
        ///   * `on_gap` (text): what happens to calls that fell due while Porchlight was down: "skip", "once" or "all"; "skip" when nothing is said
        ///   * the options of every trigger
        /// * `handler` (function): what to do, with a map as its parameter or without one: `#{ scheduled, late_by, schedule }`; `scheduled` is when it fell due, `late_by` how much later it is
        ///
        /// Fails when the period is none or shorter than a second, an option is unknown, or in a handler.
        ///
        /// ```rhai
        /// every("10m", |tick| {
        ///     log::info(`due at ${tick.scheduled}, late by ${tick.late_by}`);
        /// });
        /// ```
        "every",
        [context] (period: Dynamic, handler: FnPtr) => {
            schedule(context, &EVERY, &period, Map::new(), handler)
        },
        [context] (period: Dynamic, options: Map, handler: FnPtr) => {
            schedule(context, &EVERY, &period, options, handler)
        },
    }
    function! {
        engine,
        /// Calls a function when the wall clock matches a cron pattern.
        ///
        /// On the day on which clocks are set forward, a fixed time that is skipped comes at the
        /// change; on the day on which they are set back, a fixed time comes once. A pattern with
        /// lists, ranges or steps of hours, minutes or seconds follows the clock.
        ///
        /// * `pattern` (text): minute, hour, day of the month, month and day of the week; seconds may stand before them and a year behind
        /// * `options` (map): on which of them, and how
        ///   * `time_zone` (text): whose clock; that of `[home]` without it
        ///   * `on_gap` (text): what happens to calls that fell due while Porchlight was down: "skip", "once" or "all"; "skip" when nothing is said
        ///   * the options of every trigger
        /// * `handler` (function): what to do, with a map as its parameter or without one: `#{ scheduled, late_by, schedule }`; `scheduled` is when it fell due, `late_by` how much later it is
        ///
        /// Fails when the pattern is none or never comes, an option is unknown, or in a handler.
        ///
        /// ```rhai
        /// cron("0 7 * * MON-FRI", |tick| light::on("porch"));
        /// cron("*/15 9-17 * * *", #{ time_zone: "Europe/Paris" }, |tick| {
        ///     log::info("a quarter of an hour in Paris");
        /// });
        /// ```
        "cron",
        [context] (pattern: Dynamic, handler: FnPtr) => {
            schedule(context, &CRON, &pattern, Map::new(), handler)
        },
        [context] (pattern: Dynamic, options: Map, handler: FnPtr) => {
            schedule(context, &CRON, &pattern, options, handler)
        },
    }
    function! {
        engine,
        /// Calls a function at these times of the wall clock.
        ///
        /// A time that the clock skips comes at the change, and one that it shows twice comes once.
        ///
        /// * `times` (text or list): a time such as `"07:30"`, or several
        /// * `options` (map): on which of them, and how
        ///   * `days` (text or list): the days of the week, such as `["mon", "wed"]`, `"weekdays"` or `"weekends"`; every day without it
        ///   * `time_zone` (text): whose clock; that of `[home]` without it
        ///   * `on_gap` (text): what happens to calls that fell due while Porchlight was down: "skip", "once" or "all"; "skip" when nothing is said
        ///   * the options of every trigger
        /// * `handler` (function): what to do, with a map as its parameter or without one: `#{ scheduled, late_by, schedule }`; `scheduled` is when it fell due, `late_by` how much later it is
        ///
        /// Fails when a time is none, an option is unknown, or in a handler.
        ///
        /// ```rhai
        /// daily("22:30", |tick| light::off("porch"));
        /// daily(["07:30", "19:00"], #{ days: "weekends" }, |tick| light::on("porch"));
        /// ```
        "daily",
        [context] (times: Dynamic, handler: FnPtr) => {
            schedule(context, &DAILY, &times, Map::new(), handler)
        },
        [context] (times: Dynamic, options: Map, handler: FnPtr) => {
            schedule(context, &DAILY, &times, options, handler)
        },
    }
    function! {
        engine,
        /// Calls a function by the sun over the home.
        ///
        /// `[home]` must say where that is: `latitude` and `longitude`. On a day on which the sun
        /// doesn't do it there is no call.
        ///
        /// * `when` (text): `dawn`, `sunrise`, `noon`, `sunset` or `dusk`, alone or with `+` or `-` and a length of time of at most a day
        /// * `options` (map): on which of them, and how
        ///   * `days` (text or list): the days of the week on which the sun does it, such as `"weekdays"`; every day without it
        ///   * `on_gap` (text): what happens to calls that fell due while Porchlight was down: "skip", "once" or "all"; "skip" when nothing is said
        ///   * the options of every trigger
        /// * `handler` (function): what to do, with a map as its parameter or without one: `#{ scheduled, late_by, schedule }`; `scheduled` is when it fell due, `late_by` how much later it is
        ///
        /// Fails when the sun does no such thing, `[home]` doesn't say where it is, an option is unknown, or in a handler.
        ///
        /// ```rhai
        /// sun("sunset - 30m", |tick| light::on("porch"));
        /// sun("sunrise", |tick| light::off("porch"));
        /// ```
        "sun",
        [context] (when: Dynamic, handler: FnPtr) => {
            schedule(context, &SUN, &when, Map::new(), handler)
        },
        [context] (when: Dynamic, options: Map, handler: FnPtr) => {
            schedule(context, &SUN, &when, options, handler)
        },
    }
    function! {
        engine,
        /// Calls a function once per start of Porchlight, and when its file is added while it runs.
        ///
        /// A save of the file is no start.
        ///
        /// * `options` (map): how it runs
        ///   * the options of every trigger
        /// * `handler` (function): what to do, with a map as its parameter or without one: `#{ reason }`, "start" or "added"
        ///
        /// Fails when an option is unknown, or in a handler.
        ///
        /// ```rhai
        /// on_start(|start| {
        ///     if start.reason == "start" { log::info("the house is awake"); }
        /// });
        /// ```
        "on_start",
        [context] (handler: FnPtr) => on_start(context, Map::new(), handler),
        [context] (options: Map, handler: FnPtr) => on_start(context, options, handler),
    }
}

type Make = fn(&[&str], Days, Option<TimeZone>) -> Result<Schedule, Mistake>;

/// One of the functions.
#[derive(Clone, Copy)]
struct Rule {
    name: &'static str,
    /// What its text looks like.
    example: &'static str,
    /// The names of its own options.
    options: &'static [&'static str],
    make: Make,
}

const EVERY: Rule = Rule {
    name: "every",
    example: "\"10m\"",
    options: &["on_gap"],
    make: |texts, _, _| Schedule::every(one(texts)?),
};

const CRON: Rule = Rule {
    name: "cron",
    example: "\"0 7 * * MON-FRI\"",
    options: &["time_zone", "on_gap"],
    make: |texts, _, zone| Schedule::cron(one(texts)?, zone),
};

const DAILY: Rule = Rule {
    name: "daily",
    example: "\"07:30\"",
    options: &["days", "time_zone", "on_gap"],
    make: Schedule::daily,
};

const SUN: Rule = Rule {
    name: "sun",
    example: "\"sunset - 30m\"",
    options: &["days", "on_gap"],
    make: |texts, days, _| Schedule::sun(one(texts)?, days),
};

/// The one text of a rule that takes no list.
fn one<'a>(texts: &[&'a str]) -> Result<&'a str, Mistake> {
    match texts {
        [text] => Ok(text),
        _ => Err(Mistake {
            message: "this is one text, and no list".to_owned(),
            help: "`daily` takes a list; call the others once for each".to_owned(),
        }),
    }
}

fn schedule(
    context: &NativeCallContext,
    rule: &Rule,
    when: &Dynamic,
    mut options: Map,
    function: FnPtr,
) -> Fallible<()> {
    at_top_level(rule.name)?;
    let Some(texts) = texts(when) else {
        let message = format!("`{}` takes a text, not {when}", rule.name);
        note(context, message, &format!("write `{}`", rule.example));
        return Ok(());
    };
    let fits = has_nothing_of_events(context, rule.name, &options);
    let own = Own::read(context, rule, &mut options).filter(|_| fits);
    let plain: Vec<&str> = texts.iter().map(ImmutableString::as_str).collect();
    let made = own.and_then(|own| {
        let made = (rule.make)(&plain, own.days, own.zone);
        let made = made.map_err(|wrong| note(context, wrong.message, &wrong.help));
        Some((made.ok()?, own.on_gap))
    });
    let Some((schedule, on_gap)) = made else {
        return Ok(());
    };
    if schedule.needs_position() && !knows_position() {
        let message = "`sun` needs to know where the home is".to_owned();
        let help = "add to porchlight.toml:\n[home]\nlatitude = 48.86\nlongitude = 2.35";
        note(context, message, help);
        return Ok(());
    }
    warn_of_polar_days(context, &schedule);
    let shown = match &plain[..] {
        [text] => format!("{text:?}"),
        texts => format!("{texts:?}"),
    };
    let identity: Vec<&str> = std::iter::once(rule.name).chain(plain).collect();
    let wish = Wish {
        of: rule.name,
        title: format!("{}({shown})", rule.name),
        identity: &identity,
        pattern: None,
        trigger: Trigger::Schedule(Timed { schedule, on_gap }),
        options,
        own_options: rule.options,
        parameter: "tick",
        function,
    };
    trigger::register(context, wish);
    Ok(())
}

fn on_start(context: &NativeCallContext, options: Map, function: FnPtr) -> Fallible<()> {
    at_top_level("on_start")?;
    if !has_nothing_of_events(context, "on_start", &options) {
        return Ok(());
    }
    let wish = Wish {
        of: "on_start",
        title: "on_start()".to_owned(),
        identity: &["on_start"],
        pattern: None,
        trigger: Trigger::Start,
        options,
        own_options: &[],
        parameter: "start",
        function,
    };
    trigger::register(context, wish);
    Ok(())
}

/// Says so when the sun does not rise or set there on some days.
fn warn_of_polar_days(context: &NativeCallContext, schedule: &Schedule) {
    let days = current::loading(|loading| {
        let now = (loading.config.clock)();
        schedule.days_without(now, &loading.config.place)
    });
    if let Some(days @ 1..) = days {
        let message =
            format!("the sun does not do this at the home on {days} days of the next year");
        let help = "on these there is no call; `noon` is on every day";
        trigger::warn(context, message, help);
    }
}

/// Whether the home's position is known. A version out of the journal loads either way: the rest of
/// such a script must go on.
fn knows_position() -> bool {
    let known =
        |loading: &mut current::Loading| loading.pinned || loading.config.place.position.is_some();
    current::loading(known).unwrap_or(false)
}
