//! `on_silence(pattern, duration, handler)` at the top level of a script.
//!
//! It only notes the wish, as `on` does. Who watches the clock is the dispatcher; see
//! [`Silence`] for how it knows a subscription again after a restart or an edit.

use super::register::{note, takes_event};
use super::{Fallible, duration, take, wrong};
use crate::script::{Handler, Silence, Trigger};
use crate::{current, explain};
use porchlight_core::Pattern;
use porchlight_core::diagnostic::nearest;
use rhai::{Dynamic, Engine, FnPtr, Map, NativeCallContext};
use sha2::{Digest, Sha256};
use std::time::Duration;

pub(super) fn register(engine: &mut Engine) {
    engine
        .register_fn(
            "on_silence",
            |context: NativeCallContext, pattern: &str, after: Dynamic, function: FnPtr| {
                on_silence(&context, pattern, &after, Map::new(), function)
            },
        )
        .register_fn(
            "on_silence",
            |context: NativeCallContext,
             pattern: &str,
             after: Dynamic,
             options: Map,
             function: FnPtr| {
                on_silence(&context, pattern, &after, options, function)
            },
        );
}

const OPTIONS: &[&str] = &["repeat"];

fn on_silence(
    context: &NativeCallContext,
    pattern: &str,
    after: &Dynamic,
    mut options: Map,
    function: FnPtr,
) -> Fallible<()> {
    if current::loading(|_| ()).is_none() {
        return wrong("`on_silence` stands at the top level of a script, not inside a handler");
    }
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
    for name in options.keys() {
        let near = nearest(name, OPTIONS.iter().copied());
        let help = near.map_or_else(
            || format!("its only option is {}", OPTIONS.join(" and ")),
            |near| format!("did you mean `{near}`?"),
        );
        note(
            context,
            format!("`on_silence` has no option `{name}`"),
            &help,
        );
    }
    let takes_event = takes_event(context, &function);
    if takes_event.is_none() {
        note(
            context,
            format!("{title} needs a function of its file with one parameter, the silence"),
            "write `|silence| { … }`",
        );
    }
    let (Some(pattern), Some(after), Some(repeat), Some(takes_event)) =
        (pattern, after, repeat, takes_event)
    else {
        return Ok(());
    };
    current::loading(|loading| {
        let path = context.call_source().unwrap_or(&loading.script).to_owned();
        let own = path == loading.script;
        let equals = loading.handlers.iter().filter(|one| {
            matches!(&one.trigger, Trigger::Silence(silence)
                if one.pattern == pattern && silence.text == text)
        });
        let subscription = identify(pattern.as_str(), &text, equals.count());
        loading.handlers.push(Handler {
            number: loading.handlers.len(),
            pattern,
            trigger: Trigger::Silence(Silence {
                after,
                text,
                repeat,
                subscription,
            }),
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
            filter: Vec::new(),
            expires: None,
        });
    });
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

/// What stays the same while other lines of the script are edited.
fn identify(pattern: &str, duration: &str, ordinal: usize) -> String {
    let mut digest = Sha256::new();
    for part in [pattern, duration] {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part.as_bytes());
    }
    digest.update((ordinal as u64).to_le_bytes());
    let whole = hex::encode(digest.finalize());
    whole.get(..16).unwrap_or(&whole).to_owned()
}
