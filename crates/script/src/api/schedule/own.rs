//! The options that only schedules have, and those that they can't have.

use super::Rule;
use crate::api::take;
use crate::api::trigger::note;
use crate::schedule::{Days, GapPolicy, Mistake, time_zone};
use jiff::tz::TimeZone;
use porchlight_core::diagnostic::nearest;
use rhai::{Array, Dynamic, ImmutableString, Map, NativeCallContext};

/// The options that only schedules have.
pub(super) struct Own {
    pub(super) days: Days,
    pub(super) zone: Option<TimeZone>,
    pub(super) on_gap: GapPolicy,
}

impl Own {
    /// Takes them out of the map; `None` when something was wrong, which is noted then.
    pub(super) fn read(
        context: &NativeCallContext,
        rule: &Rule,
        options: &mut Map,
    ) -> Option<Self> {
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

/// A text, or a list of texts.
pub(super) fn texts(value: &Dynamic) -> Option<Vec<ImmutableString>> {
    let text = |value: &Dynamic| Some(value.read_lock::<ImmutableString>()?.clone());
    if let Some(text) = text(value) {
        return Some(vec![text]);
    }
    value.read_lock::<Array>()?.iter().map(text).collect()
}

/// Refuses the options that look into an event: there is none.
pub(super) fn has_nothing_of_events(context: &NativeCallContext, of: &str, options: &Map) -> bool {
    let mut fits = true;
    if options.contains_key("where") {
        let message = format!("`where` looks at an event, and `{of}` has none");
        note(context, message, "write an `if` into the handler");
        fits = false;
    }
    if options.get("key").is_some_and(Dynamic::is_string) {
        let message = format!("`key` names a field of an event, and `{of}` has none");
        note(context, message, "write a function: `key: |tick| …`");
        fits = false;
    }
    fits
}
