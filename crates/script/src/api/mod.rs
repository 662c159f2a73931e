//! What scripts can call. One file per module; each function finds its run in `current`.

mod budget;
mod called;
mod command;
mod emit;
mod entity;
mod entity_words;
mod fenced;
pub(crate) mod function;
mod http;
mod image;
mod library;
mod log;
mod mail;
mod mqtt;
mod net;
mod on_state;
mod options;
mod register;
mod schedule;
mod secret;
mod sheet;
mod silence;
mod state;
mod tell;
mod time;
mod trigger;
pub mod ttl;
pub(crate) mod waits;

use porchlight_core::diagnostic::nearest;
use rhai::{Dynamic, Engine, EvalAltResult, Map, Module, NativeCallContext, Position};
pub(crate) use sheet::path_mistake;
pub(crate) use waits::wait_words;

pub(crate) type Fallible<T> = Result<T, Box<EvalAltResult>>;

/// The native modules: the names before `::`.
pub(crate) const MODULES: &[&str] = &[
    "http", "sheet", "file", "command", "image", "mail", "net", "state", "log", "time", "mqtt",
    "entity",
];

/// The functions whose last argument is a handler.
pub(crate) const TRIGGERS: &[&str] = &[
    "on",
    "on_silence",
    "on_state",
    "on_start",
    "on_state",
    "every",
    "cron",
    "daily",
    "sun",
    "on_mqtt",
];

/// Options that several functions have, for "the options of every …" in doc comments.
pub(crate) const SHARED: &[(&str, &str)] = &[
    ("every request", http::DOC),
    ("every told action", tell::DOC),
    ("every datagram", net::UDP_DOC),
    ("every connection", net::TCP_DOC),
    ("every trigger", options::DOC),
    ("every wait", waits::DOC),
];

/// Makes everything known to the engine, and disarms what Rhai itself brings.
pub(crate) fn register(engine: &mut Engine) {
    crate::event::register(engine);
    register::register(engine);
    schedule::register(engine);
    silence::register(engine);
    on_state::register(engine);
    mqtt::register(engine);
    budget::register(engine);
    secret::register(engine);
    library::register(engine);
    waits::register(engine);
    emit::register(engine);
    log::register(engine);
    fenced::register(engine);
    for (name, module) in [
        ("http", http::module()),
        ("sheet", sheet::sheet()),
        ("file", sheet::file()),
        ("command", command::module()),
        ("image", image::module()),
        ("mail", mail::module()),
        ("net", net::module()),
        ("state", state::module()),
        ("log", log::module()),
        ("mqtt", mqtt::module()),
        ("entity", entity::module()),
        ("time", time::module()),
    ] {
        engine.register_static_module(name, module.into());
    }
    engine.disable_symbol("eval");
    // Rhai's `sleep` blocks the thread past every limit, and disabling the symbol does not help.
    let asleep = "scripts do not sleep: use `later(\"5s\", || …)`, which also survives a restart";
    engine.register_fn("sleep", move |_: i64| wrong::<()>(asleep));
    engine.register_fn("sleep", move |_: f64| wrong::<()>(asleep));
    engine.register_fn("timestamp", || {
        wrong::<()>("use `now()`: it is the only clock, so that tests can turn it")
    });
}

/// An error with a sentence for the script's author.
pub(crate) fn wrong<T>(message: impl Into<String>) -> Fallible<T> {
    Err(EvalAltResult::ErrorRuntime(message.into().into(), Position::NONE).into())
}

/// The member `name` of a map of options, taken out of it.
pub(crate) fn take(options: &mut Map, name: &str) -> Option<Dynamic> {
    options.remove(name).filter(|value| !value.is_unit())
}

/// Refuses whatever is left in a map of options.
pub(crate) fn nothing_left(options: &Map, of: &str, known: &[&str]) -> Fallible<()> {
    let Some(name) = options.keys().next() else {
        return Ok(());
    };
    wrong(match nearest(name, known.iter().copied()) {
        Some(near) => format!("{of} has no option `{name}`; did you mean `{near}`?"),
        None => format!("{of} has no option `{name}`; it has {}", known.join(", ")),
    })
}

/// A length of time in a script: text with a unit.
pub(crate) fn duration(value: &Dynamic, what: &str) -> Fallible<std::time::Duration> {
    let text = value.read_lock::<rhai::ImmutableString>();
    let Some(text) = text else {
        return wrong(format!(
            "{what} is text with a unit, such as \"30s\", not {}",
            fenced::shown(value, 100).0
        ));
    };
    porchlight_core::units::parse_duration(&text).or_else(wrong)
}

/// Puts the place of the call into an error that has none.
pub(crate) fn at<T>(context: &NativeCallContext, result: Fallible<T>) -> Fallible<T> {
    result.map_err(|mut wrong| {
        if wrong.position().is_none() {
            wrong.set_position(context.call_position());
        }
        wrong
    })
}

/// The line of the call, from 1; 0 when unknown.
pub(crate) fn line(context: &NativeCallContext) -> u32 {
    let line = context.call_position().line().unwrap_or(0);
    u32::try_from(line).unwrap_or(u32::MAX)
}

pub(crate) use function::function;

/// A module with nothing in it yet.
pub(crate) fn empty() -> Module {
    Module::new()
}
