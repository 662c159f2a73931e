//! What the top level of a script calls: `on(…)` and `setting(…)`; and `target(…)`.

use super::{Fallible, duration, take, wrong};
use crate::convert::{self, Use};
use crate::script::{FIELDS, Handler, Setting, Trigger};
use crate::{current, explain, load};
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

/// Notes a mistake at the place of the call, so that the top level goes on and shows the others.
pub(super) fn note(context: &NativeCallContext, message: String, help: &str) {
    current::loading(|loading| {
        let path = context.call_source().unwrap_or(&loading.script);
        let place = explain::place(path, context.call_position());
        let wrong = explain::diagnostic(&loading.sources, &place, message);
        loading.diagnostics.push(wrong.with_help(help));
    });
}

fn on(context: &NativeCallContext, pattern: &str, options: Map, function: FnPtr) -> Fallible<()> {
    if current::loading(|_| ()).is_none() {
        return wrong("`on` stands at the top level of a script, not inside a handler");
    }
    let title = format!("on({pattern:?})");
    let pattern = match Pattern::parse(pattern) {
        Ok(pattern) => pattern,
        Err(message) => {
            note(context, message, "");
            return Ok(());
        }
    };
    let Some(takes_event) = takes_event(context, &function) else {
        note(
            context,
            format!("{title} needs a function of its file with one parameter, the event"),
            "write `|event| { … }`",
        );
        return Ok(());
    };
    let (filter, expires) = options_of(context, options);
    current::loading(|loading| {
        let path = context.call_source().unwrap_or(&loading.script).to_owned();
        let own = path == loading.script;
        loading.handlers.push(Handler {
            number: loading.handlers.len(),
            pattern,
            trigger: Trigger::Event,
            place: explain::place(&path, context.call_position()),
            title,
            function,
            takes_event,
            state: (!own).then(|| {
                let mut state = context.global_runtime_state().clone();
                state.level = 0;
                state.scope_level = 0;
                state
            }),
            filter,
            expires,
        });
    });
    Ok(())
}

/// Whether the function has a parameter beside what it captured; `None` when it fits neither way.
pub(super) fn takes_event(context: &NativeCallContext, function: &FnPtr) -> Option<bool> {
    let has = |parameters: usize| {
        context.iter_namespaces().any(|module| {
            module
                .get_script_fn(function.fn_name(), parameters)
                .is_some()
        })
    };
    let captured = function.curry().len();
    if has(captured + 1) {
        Some(true)
    } else {
        has(captured).then_some(false)
    }
}

const OPTIONS: &[&str] = &["where", "expires"];

type Options = (Vec<(String, Value)>, Option<std::time::Duration>);

fn options_of(context: &NativeCallContext, mut options: Map) -> Options {
    let mut filter = Vec::new();
    match take(&mut options, "where").map(Dynamic::try_cast::<Map>) {
        None => {}
        Some(None) => note(
            context,
            "`where` is a map of fields and their values".to_owned(),
            "write `where: #{ \"facts.camera\": \"porch\" }`",
        ),
        Some(Some(fields)) => {
            for (path, wanted) in fields {
                let head = path.split('.').next().unwrap_or_default();
                if !FIELDS.contains(&head) {
                    let near = nearest(head, FIELDS.iter().copied());
                    let help = near.map_or_else(
                        || format!("what the sender sent is under `data.{path}`"),
                        |near| format!("did you mean `{near}`?"),
                    );
                    note(context, format!("an event has no field `{head}`"), &help);
                }
                match convert::to_json(&wanted, Use::Plain) {
                    Ok(wanted) => filter.push((path.to_string(), wanted)),
                    Err(message) => note(context, message, ""),
                }
            }
        }
    }
    let expires = match take(&mut options, "expires") {
        None => None,
        Some(value) => match duration(&value, "`expires`") {
            Ok(expires) => Some(expires),
            Err(wrong) => {
                note(context, explain::mistake(&wrong, "").message, "");
                None
            }
        },
    };
    for name in options.keys() {
        let near = nearest(name, OPTIONS.iter().copied());
        let help = near.map_or_else(
            || format!("the options are {}", OPTIONS.join(" and ")),
            |near| format!("did you mean `{near}`?"),
        );
        note(context, format!("`on` has no option `{name}`"), &help);
    }
    (filter, expires)
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
