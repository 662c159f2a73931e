//! Names that are written out and lead nowhere: a lamp that the configuration does not have, a wait
//! that nothing begins. Warnings, because the other side may come later.

use super::{Check, call_of, walk};
use crate::stdlib;
use porchlight_core::Diagnostic;
use porchlight_core::diagnostic::nearest;
use rhai::{AST, ASTNode, Expr, FnCallExpr};
use serde_json::Value;
use std::collections::BTreeSet;

pub(super) fn rule(check: &Check, nodes: &[ASTNode], found: &mut Vec<Diagnostic>) {
    let Some((call, _, false)) = call_of(nodes) else {
        return;
    };
    // `target("light", "porch")` has its name in the second place.
    let asks = !call.is_qualified() && call.name == "target";
    let Some(argument @ Expr::StringConstant(name, _)) = call.args.get(usize::from(asks)) else {
        return;
    };
    let wrong = if asks {
        match call.args.first() {
            Some(Expr::StringConstant(kind, _)) => unknown_table(check, kind, name),
            _ => None,
        }
    } else if call.is_qualified() {
        unknown_target(check, call, name)
    } else if call.name == "cancel" {
        unknown_wait(check, name)
    } else {
        None
    };
    if let Some((message, help)) = wrong {
        let wrong = check.error(argument.position(), message);
        found.push(wrong.with_help(help).as_warning());
    }
}

/// A table of the configuration that a function speaks of: "the NAME of `[light.NAME]`".
fn unknown_target(check: &Check, call: &FnCallExpr, name: &str) -> Option<(String, String)> {
    let function = check.function(call)?;
    let first = function.doc().parameters.first()?;
    let (_, kind) = first.text.split_once("the NAME of `[")?;
    let (kind, _) = kind.split_once(".NAME]`")?;
    unknown_table(check, kind, name)
}

/// A table that the configuration does not have, and the nearest one that it has.
fn unknown_table(check: &Check, kind: &str, name: &str) -> Option<(String, String)> {
    let known: Vec<&str> = match check.file.named.get(kind) {
        Some(known) => known.iter().map(String::as_str).collect(),
        None => {
            // Without a configuration (it has mistakes of its own) nothing is known, and nothing of
            // tables that are no targets.
            let targets = check.file.targets.as_object()?;
            stdlib::names().find(|(module, _)| *module == kind)?;
            let known = targets.get(kind).and_then(Value::as_object);
            known
                .into_iter()
                .flatten()
                .map(|(name, _)| name.as_str())
                .collect()
        }
    };
    if known.contains(&name) {
        return None;
    }
    let help = match nearest(name, known) {
        Some(near) => format!("did you mean {near:?}?"),
        None => format!("add a table [{kind}.{name}] to porchlight.toml"),
    };
    Some((format!("the configuration has no [{kind}.{name}]"), help))
}

/// `cancel("hall")` where nothing in the script has `id: "hall"`.
fn unknown_wait(check: &Check, name: &str) -> Option<(String, String)> {
    let begun = check.file.waits.as_ref()?;
    if begun.contains(name) {
        return None;
    }
    let help = match nearest(name, begun.iter().map(String::as_str)) {
        Some(near) => format!("did you mean {near:?}?"),
        None => {
            format!("a wait gets a name by its options: `later(\"5m\", #{{ id: {name:?} }}, || …)`")
        }
    };
    Some((
        format!("nothing in this script begins a wait called {name:?}"),
        help,
    ))
}

/// The names of the waits that files begin (`id: "hall"`); `None` when one is not written out, so
/// that it may be any name. Those of the standard library are its own business.
pub(crate) fn waits<'a>(files: impl Iterator<Item = &'a AST>) -> Option<BTreeSet<String>> {
    let mut names = Some(BTreeSet::new());
    let own = |ast: &&AST| {
        let path = ast.source().unwrap_or_default();
        !stdlib::is_standard(path)
    };
    for ast in files.filter(own) {
        walk(ast, &mut |nodes: &[ASTNode]| {
            match call_of(nodes).and_then(|(call, _, method)| options_of(call, method)) {
                None => {}
                Some(Expr::Map(map, _)) => {
                    for (_, value) in map.0.iter().filter(|(name, _)| name.name == "id") {
                        match (&mut names, value) {
                            (Some(names), Expr::StringConstant(id, _)) => {
                                names.insert(id.to_string());
                            }
                            _ => names = None,
                        }
                    }
                }
                // Options that are put together may hold any name.
                Some(_) => names = None,
            }
            true
        });
    }
    names
}

/// The options of a call that begins a wait.
pub(super) fn options_of(call: &FnCallExpr, method: bool) -> Option<&Expr> {
    if call.is_qualified() || method {
        return None;
    }
    match (call.name.as_str(), call.args.as_slice()) {
        ("later", [_, options, _]) | ("job", [options, _]) => Some(options),
        ("wait_for", [_, options, _] | [_, options, _, _]) => Some(options),
        _ => None,
    }
}
