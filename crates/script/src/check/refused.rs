//! What a function certainly refuses when a run gets there, where it is written out: an address that
//! is none, a path out of the folder, a field that no event has, a word that an option does not know.
//!
//! The words are those of the refusal itself, where it has any.

use super::captured::ends_with_a_change;
use super::{Check, call_of};
use crate::api;
use crate::filter::FIELDS;
use porchlight_core::Diagnostic;
use porchlight_core::diagnostic::nearest;
use rhai::{ASTNode, Expr, FnCallExpr, Position, Stmt};

pub(super) fn rule(check: &Check, nodes: &[ASTNode], found: &mut Vec<Diagnostic>) {
    found.extend(event_changed(check, nodes));
    let Some((call, at, false)) = call_of(nodes) else {
        return;
    };
    if call.is_qualified() {
        found.extend(argument(check, call));
    } else if !check.own.contains_key(call.name.as_str()) {
        found.extend(asleep(check, call, at));
        options(check, call, found);
    }
}

/// `event.data.x = 1`, `event.data.list.push(1)`.
fn event_changed(check: &Check, nodes: &[ASTNode]) -> Option<Diagnostic> {
    let changed = match nodes.last()? {
        ASTNode::Stmt(Stmt::Assignment(assignment)) => &assignment.1.lhs,
        ASTNode::Expr(chain) if ends_with_a_change(chain) => chain,
        _ => return None,
    };
    if !matches!(changed, Expr::Dot(..) | Expr::Index(..)) {
        return None;
    }
    let (name, at) = super::root(changed)?;
    let handler = check.closures.parameter_of(nodes, name)?;
    if check.closures.handed_to(handler) != Some("on") {
        return None;
    }
    let wrong = check.error(at, "an event cannot be changed".to_owned());
    Some(wrong.with_help(format!("copy it first: `let mine = {name}.data.to_map();`")))
}

/// `sleep(5)`.
fn asleep(check: &Check, call: &FnCallExpr, at: Position) -> Option<Diagnostic> {
    let (message, help) = match call.name.as_str() {
        "sleep" => (
            "scripts do not sleep",
            "use `later(\"5s\", || …)`, which also survives a restart",
        ),
        "timestamp" => (
            "there is no `timestamp`",
            "use `now()`: it is the only clock, so that tests can turn it",
        ),
        _ => return None,
    };
    Some(check.error(at, message.to_owned()).with_help(help))
}

/// The first argument of `http::…`, `file::…` and `sheet::…`.
fn argument(check: &Check, call: &FnCallExpr) -> Option<Diagnostic> {
    // Of a function that is not there, that is enough to say.
    check.function(call)?;
    let argument = call.args.first()?;
    let Expr::StringConstant(text, at) = argument else {
        return None;
    };
    let (message, help) = match call.namespace.root() {
        "http" => match url::Url::parse(text) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => return None,
            Ok(url) if !text.contains("://") && url.cannot_be_a_base() => address(text),
            Ok(_) => (
                format!(
                    "{:?}: only http:// and https:// can be called",
                    text.as_str()
                ),
                String::new(),
            ),
            Err(_) => address(text),
        },
        "file" | "sheet" => (api::path_mistake(text)?, String::new()),
        _ => return None,
    };
    Some(check.error(*at, message).with_help(help))
}

fn address(text: &str) -> (String, String) {
    (
        format!("{text:?} is no whole address"),
        format!("write \"http://{}\"", text.trim_start_matches('/')),
    )
}

/// The options of a wait.
fn options(check: &Check, call: &FnCallExpr, found: &mut Vec<Diagnostic>) {
    let Some(Expr::Map(map, _)) = super::names::options_of(call, false) else {
        return;
    };
    for (name, value) in &map.0 {
        match (name.name.as_str(), value) {
            ("where", Expr::Map(fields, _)) => {
                found.extend(fields.0.iter().filter_map(|(field, _)| {
                    let (path, at) = (field.name.as_str(), field.pos);
                    let (message, help) = unknown_field(path)?;
                    Some(check.error(at, message).with_help(help))
                }));
            }
            (option, Expr::StringConstant(word, at)) => {
                let Some(words) = api::wait_words(option) else {
                    continue;
                };
                if words.contains(&word.as_str()) {
                    continue;
                }
                let help = match nearest(word, words.iter().copied()) {
                    Some(near) => format!("did you mean {near:?}?"),
                    None => format!("it is one of {}", words.join(", ")),
                };
                let message = format!("`{option}` is {:?}, which it cannot be", word.as_str());
                found.push(check.error(*at, message).with_help(help));
            }
            _ => {}
        }
    }
}

fn unknown_field(path: &str) -> Option<(String, String)> {
    let head = path.split('.').next().unwrap_or_default();
    if FIELDS.contains(&head) {
        return None;
    }
    let help = match nearest(head, FIELDS.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("write `data.{path}`"),
    };
    Some((format!("an event has no field `{head}`"), help))
}
