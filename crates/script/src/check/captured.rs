//! Handlers that change what they captured: each run has its own copy, so the change is lost.

use super::{Check, root};
use porchlight_core::Diagnostic;
use rhai::{ASTNode, Expr, Stmt};

pub(super) fn rule(check: &Check, nodes: &[ASTNode], found: &mut Vec<Diagnostic>) {
    let changed = match nodes.last() {
        Some(ASTNode::Stmt(Stmt::Assignment(assignment))) => root(&assignment.1.lhs),
        Some(ASTNode::Expr(chain @ Expr::Dot(..))) if ends_with_a_change(chain) => root(chain),
        _ => None,
    };
    let Some((name, at)) = changed else {
        return;
    };
    let Some(taker) = check.closures.copied_by(nodes, name) else {
        return;
    };
    let message = match taker {
        "later" | "wait_for" | "job" => format!(
            "`{name}` is a copy in here, made when `{taker}` was called; this change is lost"
        ),
        _ => format!(
            "`{name}` belongs to the top of the file; this change is lost when the handler ends"
        ),
    };
    let help = format!("to remember it, use `state::set({name:?}, …)` or `state::add`");
    found.push(check.error(at, message).with_help(help).as_warning());
}

/// Methods of lists and maps that change what they are called on.
const CHANGES: &[&str] = &[
    "push",
    "insert",
    "append",
    "pop",
    "shift",
    "remove",
    "clear",
    "truncate",
    "chop",
    "set",
    "mixin",
    "fill_with",
    "drain",
    "retain",
    "reverse",
    "sort",
    "dedup",
    "splice",
];

/// Whether a chain changes the thing at its root: `seen.push(x)`, and not `seen.len()`.
pub(super) fn ends_with_a_change(chain: &Expr) -> bool {
    let Expr::Dot(link, ..) = chain else {
        return false;
    };
    match &link.rhs {
        Expr::MethodCall(call, _) => CHANGES.contains(&call.name.as_str()),
        next @ Expr::Dot(inner, ..) if matches!(inner.lhs, Expr::Property(..)) => {
            ends_with_a_change(next)
        }
        _ => false,
    }
}
