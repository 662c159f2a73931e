//! `on_silence(pattern, duration, handler)` at the top level of a script.
//!
//! It only notes the wish, as `on` does. Who watches the clock is the dispatcher; see
//! [`Silence`] for how it knows a subscription again after a restart or an edit.

use super::trigger::{self, Wish, at_top_level, note};
use super::{Fallible, duration, function, take};
use crate::explain;
use crate::script::{Silence, Trigger};
use porchlight_core::Pattern;
use rhai::{Dynamic, Engine, FnPtr, Map, NativeCallContext};
use std::time::Duration;

pub(super) fn register(engine: &mut Engine) {
    function! {
        engine,
        /// Calls a handler when no event whose type matches has come for a while.
        ///
        /// It is called once, and again only after an event came and silence fell anew. It counts
        /// from the handler's first load on, and over restarts and power cuts.
        ///
        /// * `pattern` (text): the types, as for `on`
        /// * `after` (duration): how long nothing must have come
        /// * `options` (map): how to go on
        ///   * `repeat` (duration): calls it again so long after each call, while nothing comes
        ///   * the options of every trigger
        /// * `handler` (function): what to do, with a map as its parameter or without one: `#{ pattern, duration, since, last, late_by }`; `since` is when the last event came, `last` its id or `()`, `late_by` how much later this is because the host did not run
        ///
        /// Fails when the pattern is none, a length of time is none, an option is unknown, or in a handler.
        ///
        /// ```rhai
        /// on_silence("camera.**", "20m", #{ repeat: "1h" }, |silence| {
        ///     message::send("family", `no word from any camera since ${silence.since}`);
        /// });
        /// ```
        "on_silence",
        [context] (pattern: &str, after: Dynamic, handler: FnPtr) => {
            on_silence(context, pattern, &after, Map::new(), handler)
        },
        [context] (pattern: &str, after: Dynamic, options: Map, handler: FnPtr) => {
            on_silence(context, pattern, &after, options, handler)
        },
    }
}

fn on_silence(
    context: &NativeCallContext,
    pattern: &str,
    after: &Dynamic,
    mut options: Map,
    function: FnPtr,
) -> Fallible<()> {
    at_top_level("on_silence")?;
    let text = after.to_string();
    let title = format!("on_silence({pattern:?}, {text:?})");
    let pattern = match Pattern::parse(pattern) {
        Ok(pattern) => Some(pattern),
        Err(message) => {
            note(context, message, "");
            None
        }
    };
    let after = length(context, after, "the duration of `on_silence`");
    let repeat = match take(&mut options, "repeat") {
        None => Some(None),
        Some(value) => length(context, &value, "`repeat`").map(Some),
    };
    let (Some(pattern), Some(after), Some(repeat)) = (pattern, after, repeat) else {
        return Ok(());
    };
    let wish = Wish {
        of: "on_silence",
        title,
        identity: &["on_silence", pattern.as_str(), &text],
        pattern: Some(pattern.clone()),
        trigger: Trigger::Silence(Silence {
            after,
            text: text.clone(),
            repeat,
        }),
        options,
        own_options: &["repeat"],
        parameter: "silence",
        function,
    };
    trigger::register(context, wish);
    Ok(())
}

/// A length of time longer than none, or a note.
fn length(context: &NativeCallContext, value: &Dynamic, what: &str) -> Option<Duration> {
    match duration(value, what) {
        Ok(length) if length.is_zero() => {
            let message = format!("{what} is longer than nothing");
            note(context, message, "write `\"20m\"`");
            None
        }
        Ok(length) => Some(length),
        Err(wrong) => {
            note(context, explain::mistake(&wrong, "").message, "");
            None
        }
    }
}
