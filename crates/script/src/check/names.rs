//! Names that are written out and lead nowhere: a lamp that the configuration does not have, a wait
//! that nothing begins. Warnings, because the other side may come later.

use super::{Check, call_of};
use porchlight_core::Diagnostic;
use porchlight_core::diagnostic::nearest;
use rhai::{AST, ASTNode, Expr, FnCallExpr, Stmt};
use serde_json::Value;
use std::collections::BTreeSet;

pub(super) fn rule(check: &Check, nodes: &[ASTNode], found: &mut Vec<Diagnostic>) {
    let Some((call, _, false)) = call_of(nodes) else {
        return;
    };
    let Some(argument @ Expr::StringConstant(name, _)) = call.args.first() else {
        return;
    };
    let wrong = if call.is_qualified() || call.name == "target" {
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
    // Without a configuration (it has mistakes of its own) nothing is known.
    let known = check.file.targets.as_object()?;
    if kind == "command" {
        return None;
    }
    let known = known.get(kind).and_then(Value::as_object);
    if known.is_some_and(|known| known.contains_key(name)) {
        return None;
    }
    let names = known.into_iter().flatten().map(|(name, _)| name.as_str());
    let help = match nearest(name, names) {
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
/// that it may be any name.
pub(crate) fn waits<'a>(files: impl Iterator<Item = &'a AST>) -> Option<BTreeSet<String>> {
    let mut names = Some(BTreeSet::new());
    for ast in files {
        ast.walk(&mut |nodes: &[ASTNode]| {
            match nodes.last() {
                Some(ASTNode::Expr(Expr::Map(map, _))) => {
                    let ids = map.0.iter().filter(|(name, _)| name.name == "id");
                    for (_, value) in ids {
                        match (&mut names, value) {
                            (Some(names), Expr::StringConstant(id, _)) => {
                                names.insert(id.to_string());
                            }
                            _ => names = None,
                        }
                    }
                }
                // Options that are put together may hold any name.
                Some(ASTNode::Stmt(Stmt::Assignment(assignment))) => {
                    if let Expr::Dot(link, ..) = &assignment.1.lhs
                        && matches!(&link.rhs, Expr::Property(property, _) if property.2 == "id")
                    {
                        names = None;
                    }
                }
                _ => {}
            }
            true
        });
    }
    names
}
