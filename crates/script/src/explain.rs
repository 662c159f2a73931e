//! What went wrong, in the words of the person who wrote the script.
//!
//! Rhai's errors are chains: each call wraps the one below, with the file of the function that was
//! called. The leaf is what happened; its place is what people look for; the chain is the stack.

use crate::{apart, deadline};
use porchlight_core::units::format_duration;
use porchlight_core::{Diagnostic, Place};
use rhai::{Dynamic, EvalAltResult, Position};

/// A runtime error, taken apart.
pub(crate) struct Mistake {
    pub(crate) message: String,
    pub(crate) help: String,
    pub(crate) place: Place,
    /// Whether it is one of the limits, not an error of the script's own.
    pub(crate) limit: bool,
}

/// Takes an error apart. `file` is the file in which the outermost code stands.
pub(crate) fn mistake(error: &EvalAltResult, file: &str) -> Mistake {
    let mut path = file.to_owned();
    let mut stack = Vec::new();
    let mut leaf = error;
    loop {
        match leaf {
            EvalAltResult::ErrorInFunctionCall(name, source, inner, position) => {
                if !position.is_none() {
                    let name = if name.starts_with("anon$") {
                        "a closure"
                    } else {
                        apart::plain(name)
                    };
                    stack.push(format!("in {name}, called at {}", place(&path, *position)));
                }
                if !source.is_empty() {
                    path.clone_from(source);
                }
                leaf = inner;
            }
            EvalAltResult::ErrorInModule(module, inner, _) => {
                if !module.is_empty() {
                    path.clone_from(module);
                }
                leaf = inner;
            }
            _ => break,
        }
    }
    let position = leaf.position();
    let (message, help) = words(leaf);
    let help = match (help.is_empty(), stack.is_empty()) {
        (_, true) => help,
        (true, false) => stack.join("; "),
        (false, false) => format!("{help} ({})", stack.join("; ")),
    };
    Mistake {
        message,
        help,
        place: place(&path, position),
        limit: is_limit(leaf),
    }
}

/// A place in a file.
pub(crate) fn place(path: &str, position: Position) -> Place {
    let number = |n: Option<usize>| n.and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
    Place {
        path: path.to_owned(),
        line: number(position.line()),
        column: number(position.position()),
    }
}

/// An error as a diagnostic, with its line copied out of whichever file it stands in.
pub(crate) fn diagnostic(
    sources: &[(String, String)],
    place: &Place,
    message: impl Into<String>,
) -> Diagnostic {
    let source = sources.iter().find(|(path, _)| *path == place.path);
    let text = source.map_or("", |(_, text)| text.as_str());
    Diagnostic::error(&place.path, text, place.line, place.column, message)
}

fn is_limit(leaf: &EvalAltResult) -> bool {
    use EvalAltResult::*;
    deadline::passed()
        || deadline::grew()
        || matches!(
            leaf,
            ErrorTooManyOperations(..)
                | ErrorTooManyVariables(..)
                | ErrorTooManyModules(..)
                | ErrorStackOverflow(..)
                | ErrorDataTooLarge(..)
                | ErrorTerminated(..)
        )
}

/// What happened, and what to do about it.
fn words(leaf: &EvalAltResult) -> (String, String) {
    use EvalAltResult::*;
    let plain = |text: &str| (text.to_owned(), String::new());
    if deadline::passed() {
        let what = "it ran out of time; look for an endless loop, or ask slow servers with `http::send`, which does not wait";
        return plain(&deadline::limit(what, "time", |limits| {
            format_duration(limits.run_time)
        }));
    }
    if deadline::grew() {
        let what = "it took too much memory; look for a list, map or text that grows without end";
        return plain(&deadline::limit(what, "memory", |limits| {
            format!("{} MiB", limits.memory >> 20)
        }));
    }
    match leaf {
        ErrorTerminated(..) => plain("it was stopped"),
        ErrorTooManyOperations(..) => {
            let what = "too many operations in one run";
            plain(&deadline::limit(what, "operations", |limits| {
                limits.operations.to_string()
            }))
        }
        ErrorStackOverflow(..) => {
            let what = "functions call each other too deeply; does one call itself without end?";
            plain(&deadline::limit(what, "call_depth", |limits| {
                limits.call_depth.to_string()
            }))
        }
        ErrorDataTooLarge(what, _) => {
            let what = what.to_lowercase();
            let key = [
                ("string", "string_size"),
                ("array", "array_size"),
                ("blob", "array_size"),
                ("map", "map_size"),
            ];
            let key = key.iter().find(|(word, _)| what.contains(word));
            let key = key.map_or("string_size", |(_, key)| key);
            plain(&deadline::limit(
                &format!("too large: {what}"),
                key,
                |limits| {
                    match key {
                        "array_size" => limits.array_size,
                        "map_size" => limits.map_size,
                        _ => limits.string_size,
                    }
                    .to_string()
                },
            ))
        }
        ErrorDataRace(what, _) => (
            format!("`{what}` is used inside a closure of its own method chain"),
            "take the list into a variable first: `let list = event.data.list; list.map(|x| …)`"
                .to_owned(),
        ),
        ErrorRuntime(value, _) => plain(&thrown(value)),
        ErrorFunctionNotFound(signature, _) => (
            format!("there is no function `{signature}`"),
            "check the name, and the number and types of what is passed".to_owned(),
        ),
        ErrorParsing(error, _) => plain(&error.to_string()),
        ErrorModuleNotFound(path, _) => (
            format!("there is no library `{path}`"),
            format!("libraries are files such as scripts/{path}.rhai"),
        ),
        ErrorPropertyNotFound(name, _) => plain(&format!("there is no property `{name}`")),
        ErrorVariableNotFound(name, _) => plain(&format!("there is no variable `{name}`")),
        ErrorDotExpr(text, _) => (
            text.clone(),
            "a member of `()` was asked for: write `?.` where something may be missing".to_owned(),
        ),
        other => {
            let mut text = other.to_string();
            // The place is told apart from the message.
            if let Some(at) = text.rfind(" (line ") {
                text.truncate(at);
            }
            plain(&text)
        }
    }
}

/// What a script threw: the text itself, or the `message` of a map.
fn thrown(value: &Dynamic) -> String {
    if let Ok(map) = value.as_map_ref()
        && let Some(message) = map.get("message")
    {
        return match map.get("kind") {
            Some(kind) => format!("{kind}: {message}"),
            None => message.to_string(),
        };
    }
    value.to_string()
}
