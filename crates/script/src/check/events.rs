//! What handlers do with their event: properties that no event has, and comparisons of a property
//! with a value of a kind that it never is.
//!
//! What the sender sent (`event.data`) can be anything, so nothing is said about that.

use super::Check;
use crate::reference::{Property, event_properties};
use porchlight_core::Diagnostic;
use porchlight_core::diagnostic::nearest;
use rhai::{ASTNode, Expr, Position};

/// A property of the event, where a handler of `on` takes it.
struct Taken {
    name: String,
    at: Position,
    /// Nothing is taken out of the property: `event.type` and not `event.type.len()`.
    whole: bool,
}

pub(super) fn rule(check: &Check, nodes: &[ASTNode], found: &mut Vec<Diagnostic>) {
    match nodes.last() {
        Some(ASTNode::Expr(expr @ Expr::Dot(..))) => {
            let taken = taken(check, nodes, expr);
            found.extend(taken.and_then(|taken| unknown(check, &taken)));
        }
        Some(ASTNode::Expr(Expr::FnCall(call, at))) if call.op_token.is_some() => {
            if let [a, b] = call.args.as_slice() {
                for (side, other) in [(a, b), (b, a)] {
                    let message = taken(check, nodes, side)
                        .and_then(|taken| never(&taken, call.name.as_str(), other));
                    let wrong = message.map(|message| check.error(*at, message).as_warning());
                    found.extend(wrong);
                }
            }
        }
        _ => {}
    }
}

/// The property right after the event in `event.x`, `event.x.y`, `event.x[0]`.
fn taken(check: &Check, nodes: &[ASTNode], expr: &Expr) -> Option<Taken> {
    let Expr::Dot(link, ..) = expr else {
        return None;
    };
    let Expr::Variable(variable, ..) = &link.lhs else {
        return None;
    };
    let handler = check.closures.parameter_of(nodes, &variable.1)?;
    if check.closures.handed_to(handler) != Some("on") {
        return None;
    }
    let (step, whole) = match &link.rhs {
        Expr::Dot(next, ..) | Expr::Index(next, ..) => (&next.lhs, false),
        last => (last, true),
    };
    let Expr::Property(property, at) = step else {
        return None;
    };
    Some(Taken {
        name: property.2.to_string(),
        at: *at,
        whole,
    })
}

fn property(name: &str) -> Option<&'static Property> {
    event_properties().iter().find(|one| one.name == name)
}

fn unknown(check: &Check, taken: &Taken) -> Option<Diagnostic> {
    let name = &taken.name;
    if property(name).is_some() {
        return None;
    }
    let names = event_properties().iter().map(|one| one.name);
    let help = match nearest(name, names) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("what the sender sent is in `event.data.{name}`"),
    };
    let wrong = check.error(taken.at, format!("an event has no `{name}`"));
    Some(wrong.with_help(help))
}

/// What is to say of a comparison that always comes out the same.
fn never(taken: &Taken, operator: &str, other: &Expr) -> Option<String> {
    if !taken.whole || !matches!(operator, "==" | "!=" | "<" | "<=" | ">" | ">=") {
        return None;
    }
    let text = match property(&taken.name)?.kinds {
        "text" | "time" => true,
        "whole number" => false,
        _ => return None,
    };
    let with = match other {
        Expr::IntegerConstant(..) | Expr::FloatConstant(..) if text => "a number",
        Expr::BoolConstant(..) => "true or false",
        Expr::StringConstant(..) if !text => "a text",
        _ => return None,
    };
    let is = if text { "a text" } else { "a number" };
    let always = match operator {
        "!=" => "always true",
        _ => "never true",
    };
    let name = &taken.name;
    Some(format!(
        "`event.{name}` is {is} and is compared with {with}; this is {always}"
    ))
}
