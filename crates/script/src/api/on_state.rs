//! `on_state(key, options, handler)` at the top level of a script.
//!
//! It only notes the wish, as `on` does, over the events that tell of changes of the state. What a
//! change means to it is decided in `state/change.rs`, and what `for` does in `lane/hold.rs`.

use super::trigger::{self, Wish, at_top_level, note};
use super::waits::{ON_GAP, word};
use super::{Fallible, duration, function, take};
use crate::convert::{self, Use};
use crate::explain;
use crate::permissions::{self, Need};
use crate::script::Trigger;
use crate::state::{HIDDEN, KIND, KeyPattern, StateChange};
use porchlight_core::{OnGap, Pattern};
use rhai::{Engine, FnPtr, Map, NativeCallContext};
use serde_json::{Number, Value};
use std::time::Duration;

pub(super) fn register(engine: &mut Engine) {
    function! {
        engine,
        /// Calls a function when a value of the state changes.
        ///
        /// Nothing is called for a value that is there already when the script is loaded, and
        /// nothing when a value is set to what it is. `above` and `below` count when the number
        /// crosses them, not with each value beyond; with both, when it comes between them.
        ///
        /// * `key` (text): the key, or a pattern over dotted keys such as `"door.*"`
        /// * `options` (map):
        ///   * `from` (any): the value before, or a list of values
        ///   * `to` (any): the value after, or a list of values
        ///   * `above` (number): the number was not above this, and is
        ///   * `below` (number): the number was not below this, and is
        ///   * `for` (duration): only when it has lasted so long: the number stays on that side, the value stays what it became, or, with `from` alone, does not come back. It is counted for each key, also over a restart; Rhai wants the word in quotes: `"for": "5m"`
        ///   * `on_gap` (text): what time that Porchlight was down means to `for`: `"fire"` (it counts), `"resume"` (it doesn't) or `"drop"`
        ///   * the options of every trigger
        /// * `handler` (function): gets the change: `#{ key, from, to, since, late_by }`
        ///
        /// ```rhai
        /// on_state("door.*", #{ to: "open", "for": "5m" }, |change| {
        ///     message::send("family", `${change.key} has been open since ${change.since}`);
        /// });
        /// on_state("cellar.humidity", #{ above: 70 }, |change| light::on("hall"));
        /// ```
        "on_state",
        [context] (key: &str, handler: FnPtr) => on_state(context, key, Map::new(), handler),
        [context] (key: &str, options: Map, handler: FnPtr) => {
            on_state(context, key, options, handler)
        },
    }
}

const OWN: &[&str] = &["from", "to", "above", "below", "for", "on_gap"];

fn on_state(
    context: &NativeCallContext,
    key: &str,
    mut options: Map,
    function: FnPtr,
) -> Fallible<()> {
    at_top_level("on_state")?;
    permissions::check(|| Need::State(key.to_owned()))?;
    let Ok(pattern) = Pattern::parse(KIND) else {
        return Ok(()); // it is one
    };
    let said: Vec<String> = OWN.iter().filter_map(|name| told(&options, name)).collect();
    let said = said.join(", ");
    let title = match said.is_empty() {
        true => format!("on_state({key:?})"),
        false => format!("on_state({key:?}, {said})"),
    };
    let mut fine = true;
    let mut noted = |message: String, help: &str| {
        note(context, message, help);
        fine = false;
    };
    let keys = match KeyPattern::parse(key) {
        _ if key.starts_with(HIDDEN) => {
            noted(super::state::HIDDEN_KEY.to_owned(), "");
            None
        }
        Ok(keys) => Some(keys),
        Err(message) => {
            noted(message, "");
            None
        }
    };
    let mut values = |name: &str| {
        values(&mut options, name).unwrap_or_else(|message| {
            noted(message, "");
            None
        })
    };
    let (from, to) = (values("from"), values("to"));
    let mut limit = |name: &str| {
        limit(&mut options, name).unwrap_or_else(|message| {
            noted(message, "write `above: 25`");
            None
        })
    };
    let (above, below) = (limit("above"), limit("below"));
    let hold = hold(&mut options).unwrap_or_else(|message| {
        noted(message, "write `\"for\": \"5m\"`");
        None
    });
    let (true, Some(keys)) = (fine, keys) else {
        return Ok(());
    };
    let wish = Wish {
        of: "on_state",
        title,
        identity: &["on_state", key, &said],
        pattern: Some(pattern),
        trigger: Trigger::State(StateChange {
            keys,
            from,
            to,
            above,
            below,
            hold,
        }),
        options,
        own_options: OWN,
        parameter: "change",
        function,
    };
    trigger::register(context, wish);
    Ok(())
}

/// An option as people and the handler's identity say it: `above: 25`.
fn told(options: &Map, name: &str) -> Option<String> {
    let value = options.get(name).filter(|_| name != "on_gap")?;
    let value = convert::to_json(value, Use::Plain).ok()?;
    Some(format!("{name}: {value}"))
}

/// A value, or a list of values.
fn values(options: &mut Map, name: &str) -> Result<Option<Vec<Value>>, String> {
    let Some(value) = options.remove(name) else {
        return Ok(None);
    };
    match convert::to_json(&value, Use::Plain)? {
        Value::Array(list) if list.is_empty() => Err(format!("`{name}` is an empty list")),
        Value::Array(list) => Ok(Some(list)),
        one => Ok(Some(vec![one])),
    }
}

fn limit(options: &mut Map, name: &str) -> Result<Option<Number>, String> {
    let Some(value) = take(options, name) else {
        return Ok(None);
    };
    let number = match (value.as_int(), value.as_float()) {
        (Ok(whole), _) => Some(Number::from(whole)),
        (_, Ok(float)) => Number::from_f64(float),
        _ => None,
    };
    match number {
        Some(number) => Ok(Some(number)),
        None => Err(format!("`{name}` is a number, not {value}")),
    }
}

fn hold(options: &mut Map) -> Result<Option<(Duration, OnGap)>, String> {
    let said = |wrong: Box<rhai::EvalAltResult>| explain::mistake(&wrong, "").message;
    let length = match take(options, "for") {
        None => None,
        Some(value) => Some(duration(&value, "`for`").map_err(said)?),
    };
    let gap = options.contains_key("on_gap");
    let on_gap = word(options, "on_gap", ON_GAP).map_err(said)?;
    match length {
        Some(length) if length.is_zero() => Err("`for` is longer than nothing".to_owned()),
        Some(length) => Ok(Some((length, on_gap))),
        None if gap => Err("`on_gap` goes with `for`".to_owned()),
        None => Ok(None),
    }
}
