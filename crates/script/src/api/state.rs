//! `state::get`, `set`, `add`, `remove`, `has`, `keys`, `history`, `initial`: values that outlive
//! the run.
//!
//! A run sees its own writes at once; everybody else sees them when the run is over.

mod write;

pub(super) use write::count_write;

use super::{Fallible, duration, empty, function, nothing_left, take, tell, trigger, wrong};
use crate::convert::{self, Use};
use crate::current::{self, Running};
use crate::permissions::{self, Need};
use crate::state::HIDDEN;
use porchlight_core::{StateOp, Timestamp};
use rhai::{Array, Dynamic, ImmutableString, Map, Module, NativeCallContext};
use serde_json::{Number, Value, json};
use write::write;

/// A larger value belongs into a file.
const LARGEST: usize = 256 * 1024;

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
        (key: &str) => get(key, None),
        (key: &str, fallback: Dynamic) => get(key, Some(fallback)),
    }
    function! {
        module,
        /// Says whether a value is kept; one of `state::initial` is none.
        ///
        /// * `key` (text): its name
        ///
        /// Gives (yes or no): whether it is there
        ///
        /// ```rhai
        /// if !state::has("alarm") { log::info("never armed"); }
        /// ```
        "has",
        (key: &str) => {
            let key = plain(key)?;
            within(|running| Ok(look_up(running, key).is_some()))
        },
    }
    function! {
        module,
        /// Says at the top level of a script what its `state::get` gives while nothing is kept.
        ///
        /// It counts for this script alone, writes nothing, and `state::add` still begins at 0.
        ///
        /// * `key` (text): its name
        /// * `value` (any): what `state::get(key)` gives when nothing was kept
        ///
        /// Fails inside a handler.
        ///
        /// ```rhai
        /// state::initial("night.mode", false);
        /// on("motion", |event| {
        ///     if !state::get("night.mode") { light::on("hall"); }
        /// });
        /// ```
        "initial",
        [context] (key: &str, value: Dynamic) => initial(context, key, &value),
    }
    function! {
        module,
        /// Gives what a value was, oldest first: each real change, as far as it is stored.
        ///
        /// * `key` (text): its name
        /// * `options` (map):
        ///   * `since` (duration or time): how far back, or since when; all that is kept without it
        ///   * `limit` (whole number): only the newest so many, at most 10000; 100 without it
        ///
        /// Gives (list): a map for each change: `#{ at, value }`; the value is `()` where it was removed
        ///
        /// ```rhai
        /// on("daily.summary", |event| {
        ///     for point in state::history("cellar.humidity", #{ since: "1d" }) {
        ///         log::info(`${point.at}: ${point.value}`);
        ///     }
        /// });
        /// ```
        "history",
        (key: &str) => history(key, Map::new()),
        (key: &str, options: Map) => history(key, options),
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

/// What is said of keys that begin with `~`.
pub(super) const HIDDEN_KEY: &str =
    "keys that begin with `~` are kept by Porchlight itself; choose another name";

/// Refuses what is no key of a script.
fn plain(key: &str) -> Fallible<&str> {
    if key.is_empty() || key.len() > 256 {
        return wrong("a state key has 1 to 256 bytes");
    }
    if key.starts_with(HIDDEN) {
        return wrong(HIDDEN_KEY);
    }
    permissions::check(|| Need::State(key.to_owned()))?;
    Ok(key)
}

fn look_up(running: &Running, key: &str) -> Option<Value> {
    match running.overlay.get(key) {
        Some(own) => own.clone(),
        None => running.config.state.get(key),
    }
}

fn get(key: &str, fallback: Option<Dynamic>) -> Fallible<Dynamic> {
    let key = plain(key)?;
    within(|running| {
        let found = look_up(running, key).map(convert::to_dynamic);
        let declared = || {
            let value = running.script.defaults.get(key).cloned();
            value.map_or(Dynamic::UNIT, convert::to_dynamic)
        };
        Ok(found.or(fallback).unwrap_or_else(declared))
    })
}

fn initial(context: &NativeCallContext, key: &str, value: &Dynamic) -> Fallible<()> {
    let key = plain(key)?.to_owned();
    let value = value_of(value)?;
    let noted = current::loading(|loading| match loading.defaults.get(&key) {
        Some(earlier) if *earlier != value => Some(earlier.to_string()),
        _ => {
            loading.defaults.insert(key.clone(), value);
            None
        }
    });
    match noted {
        None => wrong("`state::initial` stands at the top level of a script"),
        Some(None) => Ok(()),
        Some(Some(earlier)) => {
            let message = format!("{key:?} is {earlier} at first already");
            trigger::note(context, message, "a key has one first value in a script");
            Ok(())
        }
    }
}

fn history(key: &str, mut options: Map) -> Fallible<Dynamic> {
    let key = plain(key)?;
    let limit = match take(&mut options, "limit").map(|value| value.as_int()) {
        None => 100,
        Some(Ok(limit @ 1..=10_000)) => limit,
        Some(_) => return wrong("`limit` is a whole number from 1 to 10000"),
    };
    let since = take(&mut options, "since").map(|value| since(&value));
    nothing_left(&options, "state::history", &["since", "limit"])?;
    let args = json!({ "key": key, "since": since.transpose()?, "limit": limit });
    tell::ask("state.history", &args, None)
}

/// The moment that is meant by a length of time before now, or by a time, in milliseconds.
fn since(value: &Dynamic) -> Fallible<i64> {
    let text = value.to_string();
    if let Some(time) = Timestamp::parse_rfc3339(&text) {
        return Ok(time.0);
    }
    let ago = duration(value, "`since`")?;
    let ago = i64::try_from(ago.as_millis()).unwrap_or(i64::MAX);
    within(|running| Ok(running.now.0.saturating_sub(ago)))
}

fn set(key: &str, value: Dynamic) -> Fallible<()> {
    let value = value_of(&value)?;
    let size = value.to_string().len();
    within(|running| running.weigh(size).or_else(wrong))?;
    write(key, StateOp::Set(value)).map(|_| ())
}

fn value_of(value: &Dynamic) -> Fallible<Value> {
    let value = convert::to_json(value, Use::Plain).or_else(wrong)?;
    if value.to_string().len() > LARGEST {
        return wrong("a state value is larger than 256 KiB; keep it in a file");
    }
    Ok(value)
}

fn add(key: &str, amount: Number) -> Fallible<Dynamic> {
    let sum = write(key, StateOp::Add(amount))?;
    Ok(sum.map_or(Dynamic::UNIT, convert::to_dynamic))
}

fn keys(prefix: &str) -> Fallible<Array> {
    permissions::check(|| Need::State(prefix.to_owned()))?;
    within(|running| {
        let mut keys: std::collections::BTreeSet<String> =
            running.config.state.keys(prefix).into_iter().collect();
        for (key, value) in running.overlay.range(prefix.to_owned()..) {
            if !key.starts_with(prefix) {
                break;
            }
            if key.starts_with(HIDDEN) {
                continue;
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
