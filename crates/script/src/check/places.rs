//! Calls that are right, in a place where they can't be: a trigger inside a handler, and a function
//! for later that takes more than it is given.
//!
//! A trigger in a function of the file is no mistake, since the top level may call that.

use super::{Check, call_of, closures};
use porchlight_core::Diagnostic;
use rhai::{ASTNode, Expr, FnCallExpr, Position};

pub(super) fn rule(check: &Check, nodes: &[ASTNode], found: &mut Vec<Diagnostic>) {
    let Some((call, at, false)) = call_of(nodes) else {
        return;
    };
    if call.is_qualified() || check.own.contains_key(call.name.as_str()) {
        return;
    }
    if crate::api::TRIGGERS.contains(&call.name.as_str()) {
        found.extend(in_a_handler(check, nodes, call, at));
    }
    for argument in later(call) {
        found.extend(too_many(check, call, argument));
    }
}

fn in_a_handler(
    check: &Check,
    nodes: &[ASTNode],
    call: &FnCallExpr,
    at: Position,
) -> Option<Diagnostic> {
    let around = check.closures.owner(nodes)?;
    let taker = check.closures.handed_to(around)?;
    let message = format!(
        "`{}` stands at the top level of a script, not inside what `{taker}` calls",
        call.name
    );
    let help = "to wait for something here, use `wait_for` or `later`";
    Some(check.error(at, message).with_help(help))
}

/// The functions that a wait is given.
fn later(call: &FnCallExpr) -> &[Expr] {
    let from = match (call.name.as_str(), call.args.len()) {
        ("later", 2..=3) | ("job", 1..=2) => call.args.len() - 1,
        ("wait_for", 3..=4) => 2,
        _ => return &[],
    };
    &call.args[from..]
}

fn too_many(check: &Check, call: &FnCallExpr, argument: &Expr) -> Option<Diagnostic> {
    let (name, captured) = closures::of(argument)?;
    let takes = check
        .closures
        .parameters(&name)?
        .checked_sub(captured.len())?;
    if takes <= 1 {
        return None;
    }
    let message = format!(
        "`{}` needs a function with one parameter or none, not {takes}",
        call.name
    );
    let wrong = check.error(argument.position(), message);
    Some(wrong.with_help("write `|| …`, or `|event| …` in `wait_for`"))
}
