//! What the top level of a script calls: `on(…)` and `setting(…)`; and `target(…)`.

use super::trigger::{self, Wish, at_top_level, note};
use super::{Fallible, function, wrong};
use crate::convert::{self, Use};
use crate::script::{Setting, Trigger};
use crate::{current, load};
use porchlight_core::Pattern;
use porchlight_core::diagnostic::nearest;
use rhai::{Dynamic, Engine, FnPtr, Map, NativeCallContext};
use serde_json::Value;

pub(super) fn register(engine: &mut Engine) {
    function! {
        engine,
        /// Calls a handler for every event whose type matches.
        ///
        /// Handlers of one file never run at the same time, those of different files do. A run has
        /// its own copy of the variables that its closure captured: what must last goes into `state`.
        ///
        /// * `pattern` (text): the types: `*` is one part or a piece of one, `**` any number of parts: "xprotect.*", "rhombus.alert.motion*", "**"
        /// * `options` (map): which of these events, and how often
        ///   * the options of every trigger
        /// * `handler` (function): what to do, with the Event as its parameter or without one
        ///
        /// Fails when the pattern is none, an option is unknown, or in a handler.
        ///
        /// ```rhai
        /// on("door.opened", |event| {
        ///     log::info(`${event.data.door} at ${event.time}`);
        /// });
        ///
        /// on("camera.motion*", #{ mode: "restart", key: "facts.camera", expires: "2m" }, |event| {
        ///     light::on("hall");
        ///     later("5m", || light::off("hall"));
        /// });
        /// ```
        "on",
        [context] (pattern: &str, handler: FnPtr) => on(context, pattern, Map::new(), handler),
        [context] (pattern: &str, options: Map, handler: FnPtr) => {
            on(context, pattern, options, handler)
        },
    }
    function! {
        engine,
        /// Gives a value that people can change in porchlight.toml, in `[settings.SCRIPT]`.
        ///
        /// It stands at the top level of a file; `gate.rhai` reads `[settings.gate]`.
        ///
        /// * `name` (text): its key in the table
        /// * `fallback` (any): what it is when the configuration says nothing; what the configuration says must be of the same kind
        /// * `help` (text): what it is for
        ///
        /// Gives (any): the value
        ///
        /// Fails in a handler, or when the fallback is no plain value.
        ///
        /// ```rhai
        /// let family = setting("family", ["ABC123"], "Plates that open the gate");
        ///
        /// on("platerecognizer.recognition", |event| {
        ///     for seen in event.facts.plates {
        ///         if seen.text in family { http::send("http://gate.lan/open"); }
        ///     }
        /// });
        /// ```
        "setting",
        [context] (name: &str, fallback: Dynamic) => setting(context, name, fallback, ""),
        [context] (name: &str, fallback: Dynamic, help: &str) => {
            setting(context, name, fallback, help)
        },
    }
    function! {
        engine,
        /// Gives a table of porchlight.toml, `[KIND.NAME]`, in which secrets are references. For libraries.
        ///
        /// * `kind` (text): "light", "message"
        /// * `name` (text): its NAME
        ///
        /// Gives (map): the table
        ///
        /// Fails when there is no such table; the message has the nearest one.
        ///
        /// ```rhai
        /// let lamp = target("light", "porch");
        /// http::send(lamp.url + "/json/state", #{ json: #{ on: true } });
        /// ```
        "target",
        (kind: &str, name: &str) => target(kind, name),
    }
    engine.register_fn(load::HERE, |context: NativeCallContext| {
        let state = context.global_runtime_state().clone();
        current::loading(|loading| loading.captured = Some(state));
    });
}

fn on(context: &NativeCallContext, pattern: &str, options: Map, function: FnPtr) -> Fallible<()> {
    at_top_level("on")?;
    let title = format!("on({pattern:?})");
    let pattern = match Pattern::parse(pattern) {
        Ok(pattern) => pattern,
        Err(message) => {
            note(context, message, "");
            return Ok(());
        }
    };
    let wish = Wish {
        of: "on",
        title,
        identity: &["on", pattern.as_str()],
        pattern: Some(pattern.clone()),
        trigger: Trigger::Event,
        options,
        own_options: &[],
        parameter: "event",
        function,
    };
    trigger::register(context, wish);
    Ok(())
}

fn setting(
    context: &NativeCallContext,
    name: &str,
    default: Dynamic,
    help: &str,
) -> Fallible<Dynamic> {
    let plain = match convert::to_json(&default, Use::Plain) {
        Ok(plain) => plain,
        Err(message) => return wrong(message),
    };
    let found = current::loading(|loading| {
        let stem = crate::script::stem(&loading.script).to_owned();
        let table = loading.config.settings.get(&stem);
        (table.and_then(|table| table.get(name)).cloned(), stem)
    });
    let Some((found, stem)) = found else {
        return wrong("`setting` stands at the top level of a script, not inside a handler");
    };
    let value = match found {
        Some(value) if same_kind(&plain, &value) => value,
        Some(value) => {
            note(
                context,
                format!(
                    "[settings.{stem}] {name} is {}, but the script expects {}",
                    kind(&value),
                    kind(&plain)
                ),
                &format!("in porchlight.toml write it like the default: {name} = {plain}"),
            );
            plain.clone()
        }
        None => plain.clone(),
    };
    current::loading(|loading| {
        loading.settings.push(Setting {
            name: name.to_owned(),
            default: plain,
            value: value.clone(),
            help: help.to_owned(),
        });
    });
    Ok(convert::to_dynamic_with_secrets(&value))
}

fn same_kind(default: &Value, value: &Value) -> bool {
    let secret = value.get("$secret").is_some() && default.is_string();
    // A whole number is good where a fraction may stand.
    secret
        || default.is_null()
        || kind(default) == kind(value)
        || default.is_f64() && value.is_i64()
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(number) if number.is_f64() => "a number with a fraction",
        Value::Number(_) => "a whole number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a table",
    }
}

/// The table `[kind.name]` of the configuration, for libraries.
fn target(kind: &str, name: &str) -> Fallible<Dynamic> {
    let Some(config) = current::config() else {
        return wrong("there is no configuration here");
    };
    let table = config.targets.get(kind).and_then(Value::as_object);
    if let Some(found) = table.and_then(|table| table.get(name)) {
        return Ok(convert::to_dynamic_with_secrets(found));
    }
    let known: Vec<&str> = table
        .into_iter()
        .flatten()
        .map(|(name, _)| name.as_str())
        .collect();
    let advice = match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean {near:?}?"),
        None => format!(
            "add it to porchlight.toml:\n[{kind}.{name}]\n{}",
            example(kind)
        ),
    };
    wrong(format!("there is no {kind} {name:?}; {advice}"))
}

fn example(kind: &str) -> &'static str {
    match kind {
        "light" => "driver = \"wled\"\nurl = \"http://192.0.2.10\"",
        "message" => "service = \"ntfy\"\nurl = \"https://ntfy.sh\"\ntopic = \"…\"",
        _ => "url = \"http://…\"",
    }
}
