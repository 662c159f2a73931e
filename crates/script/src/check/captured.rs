//! Handlers that change what they captured: each run has its own copy, so the change is lost.

use super::{Check, root};
use porchlight_core::Diagnostic;
use rhai::{ASTNode, Stmt};

pub(super) fn rule(check: &Check, nodes: &[ASTNode], found: &mut Vec<Diagnostic>) {
    let Some(ASTNode::Stmt(Stmt::Assignment(assignment))) = nodes.last() else {
        return;
    };
    let Some((name, at)) = root(&assignment.1.lhs) else {
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
