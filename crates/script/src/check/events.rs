//! What handlers do with their event: properties that no event has, and comparisons of a property
//! with a value of a kind that it never is.
//!
//! What the sender sent (`event.data`) can be anything, so nothing is said about that.

use super::Check;
use super::closures::stands_in;
use crate::reference::{Property, event_properties};
use porchlight_core::Diagnostic;
use porchlight_core::diagnostic::nearest;
use rhai::{ASTNode, Expr, Position, ScriptFuncDef};

pub(super) fn rule(check: &Check, nodes: &[ASTNode], found: &mut Vec<Diagnostic>) {
    match nodes.last() {
        Some(ASTNode::Expr(expr @ Expr::Dot(..))) => unknown_property(check, expr, found),
        Some(ASTNode::Expr(Expr::FnCall(call, at))) if call.op_token.is_some() => {
            if let [a, b] = call.args.as_slice() {
                comparison(check, &call.name, (a, b), *at, found);
                comparison(check, &call.name, (b, a), *at, found);
            }
        }
        _ => {}
    }
}

/// The property right after the event in `event.x`, `event.x.y`, `event.x[0]`.
fn first(check: &Check, expr: &Expr) -> Option<(String, Position, bool)> {
    let Expr::Dot(link, ..) = expr else {
        return None;
    };
    let Expr::Variable(variable, _, at) = &link.lhs else {
        return None;
    };
    if !is_event(check, &variable.1, *at) {
        return None;
    }
    let (step, whole) = match &link.rhs {
        Expr::Dot(next, ..) | Expr::Index(next, ..) => (&next.lhs, false),
        last => (last, true),
    };
    let Expr::Property(property, at) = step else {
        return None;
    };
    Some((property.2.to_string(), *at, whole))
}

/// Whether a name is the parameter of a handler of `on` here, and nothing else of that name.
fn is_event(check: &Check, name: &str, at: Position) -> bool {
    let around = check.ast.iter_fn_def();
    let around: Vec<&ScriptFuncDef> = around
        .map(|function| &**function)
        .filter(|function| stands_in(function, at))
        .collect();
    let start = |function: &&&ScriptFuncDef| {
        let start = function.body.start_position();
        (start.line(), start.position())
    };
    let Some(innermost) = around.iter().max_by_key(start) else {
        return false;
    };
    let captured = |function: &ScriptFuncDef| check.closures.captured(&function.name);
    let handler = around.iter().find(|function| {
        check.closures.handed_to(&function.name) == Some("on")
            && function.params.len() == captured(function).len() + 1
            && function.params.last().is_some_and(|last| last == name)
    });
    let Some(handler) = handler else {
        return false;
    };
    let passed_on = captured(innermost).iter().any(|one| one == name);
    (handler.name == innermost.name || passed_on) && !check.closures.bound_in(handler, name)
}

fn property(name: &str) -> Option<&'static Property> {
    event_properties().iter().find(|one| one.name == name)
}

fn unknown_property(check: &Check, expr: &Expr, found: &mut Vec<Diagnostic>) {
    let Some((name, at, _)) = first(check, expr) else {
        return;
    };
    if property(&name).is_some() {
        return;
    }
    let names = event_properties().iter().map(|one| one.name);
    let help = match nearest(&name, names) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("what the sender sent is in `event.data.{name}`"),
    };
    let message = format!("an event has no `{name}`");
    found.push(check.error(at, message).with_help(help));
}

fn comparison(
    check: &Check,
    operator: &str,
    (side, other): (&Expr, &Expr),
    at: Position,
    found: &mut Vec<Diagnostic>,
) {
    if !matches!(operator, "==" | "!=" | "<" | "<=" | ">" | ">=") {
        return;
    }
    let Some((name, _, true)) = first(check, side) else {
        return;
    };
    let text = match property(&name).map(|one| one.kinds) {
        Some("text" | "time") => true,
        Some("whole number") => false,
        _ => return,
    };
    let with = match other {
        Expr::IntegerConstant(..) | Expr::FloatConstant(..) if text => "a number",
        Expr::BoolConstant(..) => "true or false",
        Expr::StringConstant(..) if !text => "a text",
        _ => return,
    };
    let is = if text { "a text" } else { "a number" };
    let always = if operator == "!=" {
        "always true"
    } else {
        "never true"
    };
    let message = format!("`event.{name}` is {is} and is compared with {with}; this is {always}");
    found.push(check.error(at, message).as_warning());
}
