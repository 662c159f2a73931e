//! What all triggers share: a function at the top level of a script notes a handler.
//!
//! A trigger is a file of its own that takes its own options out of the map and calls [`register`]
//! with the rest; mode, key, cooldown and the like are read here, once for all of them.

use super::options;
use super::{Fallible, wrong};
use crate::mqtt::Means;
use crate::permissions::{self, Need};
use crate::script::{Handler, Trigger};
use crate::{current, explain};
use porchlight_core::Pattern;
use rhai::{FnPtr, Map, NativeCallContext};
use sha2::{Digest, Sha256};

/// What a trigger asks for.
pub(super) struct Wish<'a> {
    /// The name of the function: `on`.
    pub(super) of: &'static str,
    /// What people see: `on("xprotect.*")`.
    pub(super) title: String,
    /// The event types that it wants; none where no event calls it.
    pub(super) pattern: Option<Pattern>,
    /// What calls the handler.
    pub(super) trigger: Trigger,
    /// What tells it from the script's other handlers: its kind and what it was given, without
    /// options that may change while it stays the same.
    pub(super) identity: &'a [&'a str],
    /// The options that are left after the trigger took its own.
    pub(super) options: Map,
    /// The names of the trigger's own options, for the messages.
    pub(super) own_options: &'static [&'static str],
    /// What the handler's parameter is called in the messages: `event`.
    pub(super) parameter: &'static str,
    /// The handler.
    pub(super) function: FnPtr,
}

/// Refuses a trigger inside a handler.
pub(super) fn at_top_level(of: &str) -> Fallible<()> {
    if current::loading(|_| ()).is_some() {
        return Ok(());
    }
    wrong(format!(
        "`{of}` stands at the top level of a script, not inside a handler"
    ))
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

/// The same for what works, but probably not as meant.
pub(super) fn warn(context: &NativeCallContext, message: String, help: &str) {
    note(context, message, help);
    current::loading(|loading| {
        if let Some(wrong) = loading.diagnostics.pop() {
            loading.diagnostics.push(wrong.as_warning());
        }
    });
}

/// Notes the handler, or what is wrong with it.
pub(super) fn register(context: &NativeCallContext, wish: Wish<'_>) {
    let parameter = takes_argument(context, &wish.function);
    if parameter.is_none() {
        let (title, name) = (&wish.title, wish.parameter);
        note(
            context,
            format!("{title} needs a function of its file with one parameter, the {name}"),
            &format!("write `|{name}| {{ … }}`"),
        );
    }
    let heard = may_hear(context, &wish);
    let options = options::read(context, wish.of, wish.options, wish.own_options);
    let (Some(takes_event), Some(options), true) = (parameter, options, heard) else {
        return;
    };
    current::loading(|loading| {
        let path = context.call_source().unwrap_or(&loading.script).to_owned();
        let own = path == loading.script;
        let taken = |id: &String| loading.handlers.iter().any(|one| one.id == *id);
        let id = (0..).map(|ordinal| identify(wish.identity, ordinal));
        let id = id.into_iter().find(|id| !taken(id)).unwrap_or_default();
        loading.handlers.push(Handler {
            number: loading.handlers.len(),
            id,
            pattern: wish.pattern,
            trigger: wish.trigger,
            place: explain::place(&path, context.call_position()),
            title: wish.title,
            function: wish.function,
            takes_event,
            state: (!own).then(|| {
                let mut state = context.global_runtime_state().clone();
                state.level = 0;
                state.scope_level = 0;
                state
            }),
            options,
        });
    });
}

/// Whether the script may hear these events; notes it when it may not. Of a pinned version, which is
/// not refused for it, only the functions are left.
fn may_hear(context: &NativeCallContext, wish: &Wish<'_>) -> bool {
    let need = match (&wish.pattern, &wish.trigger) {
        // A change of the state is asked for by its key.
        (None, _) | (_, Trigger::State(_)) => return true,
        // Its own button, which nobody else can have meant.
        (_, Trigger::Mqtt(topics)) if topics.means != Means::Message => return true,
        (_, Trigger::Mqtt(topics)) => Need::Mqtt(topics.filter.as_str().to_owned()),
        (Some(pattern), _) => Need::Event(pattern.as_str().to_owned()),
    };
    let refused = current::loading(|loading| {
        let rights = loading.rights.as_ref()?;
        rights.check(&need, &loading.config.targets).err()?;
        Some((rights.advice(&need), loading.pinned))
    });
    let Some((advice, pinned)) = refused.flatten() else {
        return true;
    };
    let told = if pinned { warn } else { note };
    told(context, permissions::may_not(&need), &advice);
    false
}

/// Whether the function has a parameter beside what it captured; `None` when it fits neither way.
pub(super) fn takes_argument(context: &NativeCallContext, function: &FnPtr) -> Option<bool> {
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

/// What stays the same while other lines of the script are edited.
fn identify(parts: &[&str], ordinal: u64) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part.as_bytes());
    }
    digest.update(ordinal.to_le_bytes());
    let whole = hex::encode(digest.finalize());
    whole.get(..16).unwrap_or(&whole).to_owned()
}
