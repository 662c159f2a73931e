//! `state::get`, `set`, `add`, `remove`, `keys`: values that outlive the run.
//!
//! A run sees its own writes at once; everybody else sees them when the run is over.

use super::{Fallible, empty, function, wrong};
use crate::convert::{self, Use};
use crate::current::{self, Running};
use porchlight_core::{StateOp, StateWrite};
use rhai::{Array, Dynamic, ImmutableString, Module};
use serde_json::{Number, Value};

/// A larger value belongs into a file.
const LARGEST: usize = 256 * 1024;
const MOST_WRITES: usize = 1_000;

pub(super) fn module() -> Module {
    let mut module = empty();
    function! {
        module,
        /// Gives a value that an earlier run kept; a run sees its own changes at once.
        ///
        /// * `key` (text): its name, which all scripts share: `gate.open` rather than `open`
        /// * `fallback` (any): what to give when nothing was kept; `()` when nothing is said
        ///
        /// Gives (any): the value
        ///
        /// ```rhai
        /// on("door.opened", |event| {
        ///     let before = state::get("door.last", "never");
        ///     log::info(`the last time was ${before}`);
        ///     state::set("door.last", event.time);
        /// });
        /// ```
        "get",
        (key: &str) => get(key, Dynamic::UNIT),
        (key: &str, fallback: Dynamic) => get(key, fallback),
    }
    function! {
        module,
        /// Keeps a value, in the same commit as the run.
        ///
        /// * `key` (text): its name, at most 256 bytes
        /// * `value` (any): numbers, texts, lists and maps of at most 256 KiB; no secrets and no attachments
        ///
        /// Fails when the value can't be kept.
        ///
        /// ```rhai
        /// state::set("alarm", #{ on: true, since: now() });
        /// ```
        "set",
        (key: &str, value: Dynamic) => set(key, value),
    }
    function! {
        module,
        /// Adds to a number that is kept, and gives the sum; it begins at 0.
        ///
        /// * `key` (text): its name
        /// * `amount` (whole number or number): what to add; it may be negative
        ///
        /// Gives (whole number or number): the sum
        ///
        /// ```rhai
        /// let visits = state::add("visits", 1);
        /// if visits == 100 { log::info("a hundred visits"); }
        /// ```
        "add",
        (key: &str, amount: i64) => add(key, amount.into()),
        (key: &str, amount: f64) => match Number::from_f64(amount) {
            Some(amount) => add(key, amount),
            None => wrong(format!("{amount} cannot be added to a state value")),
        },
    }
    function! {
        module,
        /// Forgets a value.
        ///
        /// * `key` (text): its name; nothing happens when nothing was kept
        ///
        /// ```rhai
        /// state::remove("alarm");
        /// ```
        "remove",
        (key: &str) => write(key, StateOp::Remove).map(|_| ()),
    }
    function! {
        module,
        /// Gives the names of all values that are kept, in alphabetical order.
        ///
        /// * `prefix` (text): only names that begin like this
        ///
        /// Gives (list): the names
        ///
        /// ```rhai
        /// for key in state::keys("visits.") {
        ///     log::info(`${key}: ${state::get(key)}`);
        /// }
        /// ```
        "keys",
        () => keys(""),
        (prefix: &str) => keys(prefix),
    }
    module
}

fn within<T>(look: impl FnOnce(&mut Running) -> Fallible<T>) -> Fallible<T> {
    current::running(look).unwrap_or_else(|| {
        wrong("the state is there in handlers, not at the top level of a script")
    })
}

fn look_up(running: &Running, key: &str) -> Option<Value> {
    match running.overlay.get(key) {
        Some(own) => own.clone(),
        None => running.config.state.get(key),
    }
}

fn get(key: &str, default: Dynamic) -> Fallible<Dynamic> {
    within(|running| Ok(look_up(running, key).map_or(default, convert::to_dynamic)))
}

fn set(key: &str, value: Dynamic) -> Fallible<()> {
    let value = convert::to_json(&value, Use::Plain).or_else(wrong)?;
    if value.to_string().len() > LARGEST {
        return wrong("a state value is larger than 256 KiB; keep it in a file");
    }
    write(key, StateOp::Set(value)).map(|_| ())
}

fn add(key: &str, amount: Number) -> Fallible<Dynamic> {
    let sum = write(key, StateOp::Add(amount))?;
    Ok(sum.map_or(Dynamic::UNIT, convert::to_dynamic))
}

fn write(key: &str, op: StateOp) -> Fallible<Option<Value>> {
    if key.is_empty() || key.len() > 256 {
        return wrong("a state key has 1 to 256 bytes");
    }
    within(|running| {
        if running.writes.len() >= MOST_WRITES {
            let message = format!("more than {MOST_WRITES} state writes in one run");
            running.exceeded = Some(message.clone());
            return wrong(message);
        }
        let after = op.apply(look_up(running, key).as_ref());
        running.overlay.insert(key.to_owned(), after.clone());
        running.writes.push(StateWrite {
            key: key.to_owned(),
            op,
        });
        Ok(after)
    })
}

fn keys(prefix: &str) -> Fallible<Array> {
    within(|running| {
        let mut keys: std::collections::BTreeSet<String> =
            running.config.state.keys(prefix).into_iter().collect();
        for (key, value) in running.overlay.range(prefix.to_owned()..) {
            if !key.starts_with(prefix) {
                break;
            }
            if value.is_some() {
                keys.insert(key.clone());
            } else {
                keys.remove(key);
            }
        }
        Ok(keys
            .into_iter()
            .map(|key| Dynamic::from(ImmutableString::from(key)))
            .collect())
    })
}
