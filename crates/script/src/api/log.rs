//! `log::info(…)` and its siblings, and `print`, which means the same.

use super::{empty, line};
use crate::current;
use porchlight_core::LogLine;
use rhai::{Dynamic, Engine, Module, NativeCallContext};

pub(super) fn module() -> Module {
    let mut module = empty();
    for level in ["debug", "info", "warn", "error"] {
        rhai::FuncRegistration::new(level).set_into_module(
            &mut module,
            move |context: NativeCallContext, text: Dynamic| {
                add(level, &text.to_string(), line(&context));
            },
        );
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

/// Keeps a line; beyond the limit, one line says that there was more.
fn add(level: &str, text: &str, line: u32) {
    current::running(|running| {
        let limits = &running.config.limits;
        let kept = running.logs.len();
        if kept > limits.log_lines {
            return;
        }
        let message = if kept == limits.log_lines {
            format!("more than {kept} lines; the rest is left out")
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
