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
    function!(module, "get", |key: &str| get(key, Dynamic::UNIT));
    function!(module, "get", |key: &str, default: Dynamic| get(
        key, default
    ));
    function!(module, "set", |key: &str, value: Dynamic| set(key, value));
    function!(module, "add", |key: &str, n: i64| add(key, n.into()));
    function!(
        module,
        "add",
        |key: &str, n: f64| match Number::from_f64(n) {
            Some(n) => add(key, n),
            None => wrong(format!("{n} cannot be added to a state value")),
        }
    );
    function!(module, "remove", |key: &str| write(key, StateOp::Remove)
        .map(|_| ()));
    rhai::FuncRegistration::new("keys").set_into_module(&mut module, || keys(""));
    function!(module, "keys", |prefix: &str| keys(prefix));
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
