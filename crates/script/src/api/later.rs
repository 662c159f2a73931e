//! `later`, `cancel`, `emit`, `now`: what reaches beyond the run.

use super::{Fallible, duration, line, nothing_left, wrong};
use crate::convert::{self, Use};
use crate::current::{self, Running};
use porchlight_core::{NewEvent, NewWait, Proof};
use rhai::{Dynamic, Engine, FnPtr, Map, NativeCallContext};
use serde_json::json;

/// A wait that this run began.
#[derive(Clone)]
struct Handle(usize);

pub(super) fn register(engine: &mut Engine) {
    engine
        .register_type_with_name::<Handle>("Wait")
        .register_fn(
            "later",
            |c: NativeCallContext, delay: Dynamic, function: FnPtr| {
                later(&c, &delay, Map::new(), &function)
            },
        )
        .register_fn(
            "later",
            |c: NativeCallContext, delay: Dynamic, options: Map, function: FnPtr| {
                later(&c, &delay, options, &function)
            },
        )
        .register_fn("cancel", |handle: Handle| {
            current::running(|running| {
                let wait = running.waits.get_mut(handle.0);
                wait.and_then(Option::take).is_some()
            })
            .unwrap_or(false)
        })
        .register_fn("emit", |kind: &str| emit(kind, Dynamic::from(Map::new())))
        .register_fn("emit", emit)
        .register_fn("now", || clock().map(|now| now.to_rfc3339()))
        .register_fn("now_ms", || clock().map(|now| now.as_millis()));
}

fn clock() -> Fallible<porchlight_core::Timestamp> {
    match current::config() {
        Some(config) => Ok((config.clock)()),
        None => wrong("there is no clock here"),
    }
}

fn later(
    context: &NativeCallContext,
    delay: &Dynamic,
    options: Map,
    function: &FnPtr,
) -> Fallible<Handle> {
    let wait_for = duration(delay, "the delay of `later`")?;
    nothing_left(&options, "later", &[])?;
    let arguments = function
        .curry()
        .iter()
        .map(|value| convert::to_json(value, Use::Wait))
        .collect::<Result<Vec<_>, _>>();
    let arguments = match arguments {
        Ok(arguments) => arguments,
        Err(message) => return wrong(format!("`later` keeps what its function uses: {message}")),
    };
    let begun = current::running(|running| {
        let most = running.config.limits.waits;
        if running.waits.len() >= most {
            let message = format!("more than {most} waits in one run");
            running.exceeded = Some(message.clone());
            return wrong(message);
        }
        let wanted = arguments.len();
        let Some(file) = file_of(context, running, function.fn_name(), wanted) else {
            return wrong(format!(
                "`later` needs a function of this script without parameters, `|| …`, not `{}`",
                function.fn_name()
            ));
        };
        let handle = Handle(running.waits.len());
        running.waits.push(Some(NewWait {
            due: running.now.after(wait_for),
            script: running.script.name.clone(),
            script_hash: running.script.hash.clone(),
            function: format!("{file}#{}", function.fn_name()),
            arguments,
            event: running.event,
            title: format!("later({:?})", delay.to_string()),
            line: line(context),
            depth: running.depth,
        }));
        Ok(handle)
    });
    begun.unwrap_or_else(|| {
        wrong("`later` belongs into a handler, not to the top level of a script")
    })
}

/// The file in which a function stands: that of the caller, the script, or a library.
fn file_of(
    context: &NativeCallContext,
    running: &Running,
    name: &str,
    parameters: usize,
) -> Option<String> {
    let script = &running.script;
    let near = [context.call_source().unwrap_or_default(), &script.name];
    let all = script.files.keys().map(String::as_str);
    near.into_iter()
        .chain(all)
        .find(|path| {
            script.files.get(*path).is_some_and(|file| {
                let mut functions = file.ast.iter_fn_def();
                functions.any(|one| one.name == name && one.params.len() == parameters)
            })
        })
        .map(str::to_owned)
}

fn emit(kind: &str, data: Dynamic) -> Fallible<()> {
    let plain = porchlight_core::Pattern::parse(kind).or_else(wrong)?;
    if !plain.is_literal() {
        return wrong(format!("{kind:?} is a pattern; an event has one type"));
    }
    let data = convert::to_json(&data, Use::Plain).or_else(wrong)?;
    let emitted = current::running(|running| {
        let limits = &running.config.limits;
        let depth = running.depth + 1;
        if depth > limits.emit_depth {
            return wrong(format!(
                "{} events already led to each other; does the script answer its own events?",
                running.depth
            ));
        }
        if running.emitted.len() >= limits.emitted {
            let message = format!("more than {} events emitted in one run", limits.emitted);
            running.exceeded = Some(message.clone());
            return wrong(message);
        }
        let scheme = "emit".to_owned();
        running.emitted.push(NewEvent {
            source: format!("script:{}", running.script.stem()),
            kind: kind.to_owned(),
            subject: None,
            time: running.now.to_rfc3339(),
            dedup_key: format!(
                "emit:{}:{}:{}",
                running.event,
                running.label,
                running.emitted.len()
            ),
            data: data.to_string().into(),
            facts: json!({}),
            received: running.now,
            peer: String::new(),
            headers: Vec::new(),
            query: String::new(),
            verified: Proof {
                scheme,
                body: true,
                ..Proof::default()
            },
            attachments: Vec::new(),
            redelivered: false,
            depth,
        });
        Ok(())
    });
    emitted.unwrap_or_else(|| wrong("`emit` belongs into a handler: `on(…)`"))
}
