//! `once_per`, `budget` and `budget_left`: how often something may happen.
//!
//! Each grant is a hidden value of the state that is written with the run. So it survives restarts,
//! and a run that decides nothing (because a limit stopped it, or it is to be tried again) takes
//! none. What has expired is forgotten within an hour.

use super::{Fallible, duration, function, wrong};
use crate::current::{self, Running};
use crate::permissions::{self, Need};
use crate::state::{Budget, HIDDEN, MOST_HIDDEN};
use porchlight_core::{StateOp, StateWrite};
use rhai::{Dynamic, Engine};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::time::Duration;

/// Grants in one window: each is counted at every question.
const LARGEST: i64 = 1_000;

/// Longer keys are hashed: a state key is no place for a sender's long text.
const LONGEST: usize = 100;

pub(super) fn register(engine: &mut Engine) {
    function! {
        engine,
        /// Says yes once, and then no until so much time is over.
        ///
        /// It counts for each key and each script, over restarts, from the run that got the yes.
        ///
        /// * `duration` (duration): how long: elapsed time, not calendar days
        /// * `key` (text): what for
        ///
        /// Gives (yes or no): whether it is the first time
        ///
        /// ```rhai
        /// on("doorbell.pressed", |event| {
        ///     if once_per("10m", "bell") { message::send("family", "somebody is at the door"); }
        /// });
        /// ```
        "once_per",
        (duration: Dynamic, key: &str) => once_per(&duration, key),
    }
    function! {
        engine,
        /// Takes one of a budget: says yes so often in any span of that length, and else no.
        ///
        /// The window slides: with 20 in `"1d"` there are never more than 20 in any 24 hours. All
        /// scripts share a budget of one name. Scripts that run at the same time never both get
        /// the last one.
        ///
        /// * `name` (text): its name, without `/`
        /// * `most` (whole number): how many, from 1 to 1000
        /// * `within` (duration): in which time
        ///
        /// Gives (yes or no): whether there was one left
        ///
        /// ```rhai
        /// on("alarm", |event| {
        ///     if budget("sms", 20, "1d") {
        ///         http::send("https://sms.example/send", #{ json: event.data });
        ///     }
        /// });
        /// ```
        "budget",
        (name: &str, most: i64, within: Dynamic) => budget(name, most, &within),
    }
    function! {
        engine,
        /// Says how many are left of a budget, without taking one.
        ///
        /// * `name` (text): its name
        /// * `most` (whole number): how many there are, as in `budget`
        /// * `within` (duration): in which time, as in `budget`
        ///
        /// Gives (whole number): how many are left
        ///
        /// ```rhai
        /// on("alarm", |event| {
        ///     log::info(`${budget_left("sms", 20, "1d")} messages left`);
        /// });
        /// ```
        "budget_left",
        (name: &str, most: i64, within: Dynamic) => left(name, most, &within),
    }
}

fn within<T>(of: &str, look: impl FnOnce(&mut Running) -> Fallible<T>) -> Fallible<T> {
    current::running(look).unwrap_or_else(|| {
        wrong(format!(
            "`{of}` belongs into a handler, not to the top level of a script"
        ))
    })
}

fn length(value: &Dynamic, of: &str) -> Fallible<Duration> {
    let length = duration(value, &format!("the duration of `{of}`"))?;
    if length.is_zero() {
        return wrong(format!("the duration of `{of}` is longer than nothing"));
    }
    Ok(length)
}

fn once_per(span: &Dynamic, key: &str) -> Fallible<bool> {
    let span = length(span, "once_per")?;
    within("once_per", |running| {
        let script = &running.script.name;
        let name = match key.len() <= LONGEST {
            true => format!("{HIDDEN}once/{script}/{key}"),
            false => {
                let digest = hex::encode(Sha256::digest(key.as_bytes()));
                format!("{HIDDEN}once/{script}/#{digest}")
            }
        };
        let known = match running.overlay.get(&name) {
            Some(own) => own.clone(),
            None => running.config.state.get(&name),
        };
        let at = known.as_ref().and_then(|value| value.get("at")?.as_i64());
        // One of the future is of a clock that ran ahead.
        let rests = at
            .filter(|at| *at <= running.now.0)
            .map(|at| porchlight_core::Timestamp(at).after(span));
        if rests.is_some_and(|until| running.now < until) {
            return Ok(false);
        }
        let until = running.now.after(span).0;
        let value = json!({ "at": running.now.0, "until": until });
        keep(running, name, value)?;
        Ok(true)
    })
}

fn budget(name: &str, most: i64, span: &Dynamic) -> Fallible<bool> {
    let (most, span) = checked("budget", name, most, span)?;
    within("budget", |running| {
        let budget = Budget {
            name,
            most,
            within: span,
            now: running.now,
        };
        let state = running.config.state.clone();
        let Some(key) = state.grant(&budget, &running.label, &mut running.grants) else {
            return Ok(false);
        };
        let StateOp::Set(value) = budget.write(&key).op else {
            return Ok(false); // it is one
        };
        keep(running, key, value)?;
        Ok(true)
    })
}

fn left(name: &str, most: i64, span: &Dynamic) -> Fallible<i64> {
    let (most, span) = checked("budget_left", name, most, span)?;
    within("budget_left", |running| {
        let left = running.config.state.left(&Budget {
            name,
            most,
            within: span,
            now: running.now,
        });
        Ok(i64::try_from(left).unwrap_or(i64::MAX))
    })
}

fn checked(of: &str, name: &str, most: i64, span: &Dynamic) -> Fallible<(usize, Duration)> {
    if name.is_empty() || name.len() > LONGEST || name.contains('/') {
        return wrong("the name of a budget has 1 to 100 bytes and no `/`");
    }
    permissions::check(|| Need::Budget(name.to_owned()))?;
    let span = length(span, of)?;
    match usize::try_from(most) {
        Ok(count) if (1..=LARGEST).contains(&most) => Ok((count, span)),
        _ => wrong(format!(
            "a budget has 1 to {LARGEST} in its time, not {most}"
        )),
    }
}

/// Writes a hidden value with the run.
fn keep(running: &mut Running, key: String, value: Value) -> Fallible<()> {
    let script = &running.script.name;
    if !running.config.state.has_room(script, running.now) {
        return wrong(format!(
            "more than {MOST_HIDDEN} budgets, cooldowns and `once_per` of {script} are under way; use fewer keys or shorter times"
        ));
    }
    super::state::count_write(running)?;
    running.overlay.insert(key.clone(), Some(value.clone()));
    let op = StateOp::Set(value);
    running.writes.push(StateWrite { key, op });
    Ok(())
}
