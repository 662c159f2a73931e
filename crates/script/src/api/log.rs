//! `log::info(…)` and its siblings, and `print`, which means the same.

use super::fenced::shown;
use super::{Fallible, empty, function, line};
use crate::{current, limits as bounds};
use porchlight_core::LogLine;
use rhai::{Dynamic, Engine, Module, NativeCallContext};

pub(super) fn module() -> Module {
    let mut module = empty();
    function! {
        module,
        /// Writes a line into the record of the run, where `porchlight runs` shows it.
        ///
        /// * `value` (any): what to write; what is no text is written as Rhai shows it
        ///
        /// ```rhai
        /// on("door.opened", |event| {
        ///     log::info(`${event.data.door} was opened`);
        /// });
        /// ```
        "info",
        [context] (value: Dynamic) => write("info", &value, context),
    }
    function! {
        module,
        /// Writes a warning into the record of the run: what somebody should look at some time.
        ///
        /// * `value` (any): what to write
        ///
        /// ```rhai
        /// on("door.opened", |event| {
        ///     if event.data.battery < 10 { log::warn("the battery of the door is nearly empty"); }
        /// });
        /// ```
        "warn",
        [context] (value: Dynamic) => write("warn", &value, context),
    }
    function! {
        module,
        /// Writes an error into the record of the run, which goes on; to end it write `throw "why"`.
        ///
        /// * `value` (any): what to write
        ///
        /// ```rhai
        /// on("door.opened", |event| {
        ///     if event.data.door == () { log::error("an event without a door"); }
        /// });
        /// ```
        "error",
        [context] (value: Dynamic) => write("error", &value, context),
    }
    module
}

pub(super) fn register(engine: &mut Engine) {
    engine.on_print(|text| add("info", text, 0));
    engine.on_debug(|text, _, position| {
        let line = position.line().unwrap_or(0);
        add("debug", text, u32::try_from(line).unwrap_or(0));
    });
}

fn write(level: &str, value: &Dynamic, context: &NativeCallContext) -> Fallible<()> {
    let most = crate::Limits::default().string_size;
    add(level, &shown(value, most).0, line(context));
    Ok(())
}

/// Keeps a line; beyond the limit, one line says that there was more.
fn add(level: &str, text: &str, line: u32) {
    current::running(|running| {
        let limits = &running.config.limits;
        let kept = running.logs.len();
        if kept > limits.log_lines {
            return;
        }
        let message = if kept == limits.log_lines {
            let what = format!("more than {kept} lines; the rest is left out");
            bounds::reached(&what, "log_lines", &running.script.name)
        } else if text.len() > limits.log_line_size {
            let end = text.floor_char_boundary(limits.log_line_size);
            format!("{}…", &text[..end])
        } else {
            text.to_owned()
        };
        running.logs.push(LogLine {
            level: level.to_owned(),
            message,
            line,
        });
    });
}
