//! What the top level of a script calls: `on(…)` and `setting(…)`; and `target(…)`.

use super::trigger::{self, Wish, at_top_level, note};
use super::{Fallible, wrong};
use crate::convert::{self, Use};
use crate::permissions::{self, Need};
use crate::script::{Setting, Trigger};
use crate::{current, load};
use porchlight_core::Pattern;
use porchlight_core::diagnostic::nearest;
use rhai::{Dynamic, Engine, FnPtr, Map, NativeCallContext};
use serde_json::Value;

pub(super) fn register(engine: &mut Engine) {
    engine
        .register_fn(
            "on",
            |context: NativeCallContext, pattern: &str, function: FnPtr| {
                on(&context, pattern, Map::new(), function)
            },
        )
        .register_fn(
            "on",
            |context: NativeCallContext, pattern: &str, options: Map, function: FnPtr| {
                on(&context, pattern, options, function)
            },
        )
        .register_fn(
            "setting",
            |context: NativeCallContext, name: &str, default: Dynamic| {
                setting(&context, name, default, "")
            },
        )
        .register_fn(
            "setting",
            |context: NativeCallContext, name: &str, default: Dynamic, help: &str| {
                setting(&context, name, default, help)
            },
        )
        .register_fn("target", target)
        .register_fn(load::HERE, |context: NativeCallContext| {
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
    permissions::check(|| Need::Target {
        kind: kind.to_owned(),
        name: name.to_owned(),
    })?;
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
