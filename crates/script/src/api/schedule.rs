//! `every`, `cron`, `daily`, `sun` and `on_start` at the top level of a script.
//!
//! They only note the wish, as `on` does; when a tick falls due is decided in
//! [`crate::schedule`]. What a schedule is known by is its text, so that options and other lines
//! can be edited without losing count.

use super::trigger::{self, Wish, at_top_level, note};
use super::{Fallible, take};
use crate::current;
use crate::schedule::{Days, GapPolicy, Mistake, Schedule, time_zone};
use crate::script::{Timed, Trigger};
use jiff::tz::TimeZone;
use porchlight_core::diagnostic::nearest;
use rhai::{Array, Dynamic, Engine, FnPtr, ImmutableString, Map, NativeCallContext};

pub(super) fn register(engine: &mut Engine) {
    for rule in [EVERY, CRON, DAILY, SUN] {
        engine
            .register_fn(
                rule.name,
                move |context: NativeCallContext, when: Dynamic, function: FnPtr| {
                    schedule(&context, &rule, &when, Map::new(), function)
                },
            )
            .register_fn(
                rule.name,
                move |context: NativeCallContext, when: Dynamic, options: Map, function: FnPtr| {
                    schedule(&context, &rule, &when, options, function)
                },
            );
    }
    engine
        .register_fn("on_start", |context: NativeCallContext, function: FnPtr| {
            on_start(&context, Map::new(), function)
        })
        .register_fn(
            "on_start",
            |context: NativeCallContext, options: Map, function: FnPtr| {
                on_start(&context, options, function)
            },
        );
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
    let own = Own::read(context, rule, &mut options);
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

/// A text, or a list of texts.
fn texts(value: &Dynamic) -> Option<Vec<ImmutableString>> {
    let text = |value: &Dynamic| Some(value.read_lock::<ImmutableString>()?.clone());
    if let Some(text) = text(value) {
        return Some(vec![text]);
    }
    value.read_lock::<Array>()?.iter().map(text).collect()
}

/// Whether the home's position is known. A version out of the journal loads either way: the rest of
/// such a script must go on.
fn knows_position() -> bool {
    let known =
        |loading: &mut current::Loading| loading.pinned || loading.config.place.position.is_some();
    current::loading(known).unwrap_or(false)
}

/// The options that only schedules have.
struct Own {
    days: Days,
    zone: Option<TimeZone>,
    on_gap: GapPolicy,
}

impl Own {
    /// Takes them out of the map; `None` when something was wrong, which is noted then.
    fn read(context: &NativeCallContext, rule: &Rule, options: &mut Map) -> Option<Self> {
        let mut own = Self {
            days: Days::default(),
            zone: None,
            on_gap: GapPolicy::default(),
        };
        let mut fine = true;
        for name in rule.options {
            let Some(value) = take(options, name) else {
                continue;
            };
            if let Err(wrong) = own.set(name, &value) {
                note(context, wrong.message, &wrong.help);
                fine = false;
            }
        }
        fine.then_some(own)
    }

    fn set(&mut self, name: &str, value: &Dynamic) -> Result<(), Mistake> {
        match name {
            "days" => self.days = days(value)?,
            "time_zone" => self.zone = Some(zone(value)?),
            _ => self.on_gap = policy(value)?,
        }
        Ok(())
    }
}

fn days(value: &Dynamic) -> Result<Days, Mistake> {
    let texts = texts(value).ok_or_else(|| Mistake {
        message: format!("`days` is a list of days, not {value}"),
        help: "write `days: [\"mon\", \"tue\"]` or `days: \"weekdays\"`".to_owned(),
    })?;
    let names: Vec<&str> = texts.iter().map(ImmutableString::as_str).collect();
    Days::parse(&names)
}

fn zone(value: &Dynamic) -> Result<TimeZone, Mistake> {
    let name = value.to_string();
    time_zone(&name).map_err(|unknown| Mistake {
        message: format!("there is no time zone {name:?}"),
        help: unknown.help,
    })
}

fn policy(value: &Dynamic) -> Result<GapPolicy, Mistake> {
    let word = value.to_string();
    GapPolicy::parse(&word).ok_or_else(|| Mistake {
        message: format!("`on_gap` is {word:?}, which it cannot be"),
        help: match nearest(&word, GapPolicy::WORDS) {
            Some(near) => format!("did you mean {near:?}?"),
            None => format!("it is one of {}", GapPolicy::WORDS.join(", ")),
        },
    })
}
