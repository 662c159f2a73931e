//! Literal arguments that a function can't take: another kind than its comment says, a length of
//! time that is none, an option that it does not have.
//!
//! Only what is written out is judged. For the host's own functions the comments are what the
//! functions do, so it is an error; for libraries they are what an author wrote, so it is a warning.

use super::{Check, call_of, closures, named};
use crate::api::TRIGGERS;
use crate::explain;
use crate::reference::{Parameter, is_kind, kind};
use porchlight_core::Diagnostic;
use porchlight_core::diagnostic::nearest;
use porchlight_core::units::parse_duration;
use rhai::{ASTNode, Expr, FnCallExpr, Position};

/// A value that is written out, as far as it is.
enum Literal<'a> {
    /// `None` when it is put together from pieces.
    Text(Option<&'a str>),
    Whole(i64),
    Fraction,
    Truth,
    List,
    Map(&'a Expr),
    Function,
}

impl Literal<'_> {
    fn of(expr: &Expr) -> Option<Literal<'_>> {
        Some(match expr {
            Expr::StringConstant(text, _) => Literal::Text(Some(text)),
            Expr::InterpolatedString(..) => Literal::Text(None),
            Expr::IntegerConstant(number, _) => Literal::Whole(*number),
            Expr::FloatConstant(..) => Literal::Fraction,
            Expr::BoolConstant(..) => Literal::Truth,
            Expr::Array(..) => Literal::List,
            Expr::Map(..) => Literal::Map(expr),
            Expr::DynamicConstant(..) | Expr::Stmt(..) => {
                closures::of(expr)?;
                Literal::Function
            }
            _ => return None,
        })
    }

    /// What it is called, and which kinds of doc comments it can be.
    fn kinds(&self) -> (&'static str, &'static [&'static str]) {
        match self {
            Literal::Text(_) => ("a text", &["text", "duration", "time"]),
            Literal::Whole(_) => ("a whole number", &["whole number", "number"]),
            Literal::Fraction => ("a number with a fraction", &["number"]),
            Literal::Truth => ("true or false", &["yes or no"]),
            Literal::List => ("a list", &["list"]),
            Literal::Map(_) => ("a map", &["map"]),
            Literal::Function => ("a function", &["function"]),
        }
    }
}

pub(super) fn rule(check: &Check, nodes: &[ASTNode], found: &mut Vec<Diagnostic>) {
    let Some((call, at, false)) = call_of(nodes) else {
        return;
    };
    if call.op_token.is_some() || is_told_already(check, call, at) {
        return;
    }
    let Some(function) = check.function(call) else {
        return;
    };
    let Some(parameters) = function.parameters(call.args.len()) else {
        return;
    };
    let name = if call.is_qualified() {
        format!("{}::{}", call.namespace.root(), call.name)
    } else {
        call.name.to_string()
    };
    let before = found.len();
    for (argument, parameter) in call.args.iter().zip(parameters) {
        if let Some(parameter) = function.doc().parameter(parameter) {
            judge(check, &name, parameter, argument, found);
        }
    }
    if !function.native {
        for wrong in &mut found[before..] {
            *wrong = wrong.clone().as_warning();
        }
    }
}

/// Triggers are called when the file is loaded, and have noted their mistakes then.
fn is_told_already(check: &Check, call: &FnCallExpr, at: Position) -> bool {
    let line = explain::place(check.file.path, at).line;
    let mut noted = check.file.noted.iter();
    TRIGGERS.contains(&call.name.as_str())
        && noted.any(|one| one.path == check.file.path && one.line == line)
}

fn judge(
    check: &Check,
    function: &str,
    parameter: &Parameter,
    argument: &Expr,
    found: &mut Vec<Diagnostic>,
) {
    if parameter.kinds == "function" {
        found.extend(called_at_once(check, function, parameter, argument));
    }
    let Some(literal) = Literal::of(argument) else {
        return;
    };
    let kinds: Vec<&str> = kind::each(&parameter.kinds).collect();
    if !is_kind(&parameter.kinds) || kinds.contains(&"any") {
        return;
    }
    let at = argument.position();
    let (called, fits) = literal.kinds();
    if !kinds.iter().any(|kind| fits.contains(kind)) {
        let message = format!(
            "`{}` of `{function}` is {}, not {called}",
            parameter.name, parameter.kinds
        );
        let help = match literal {
            Literal::Whole(number) if kinds.contains(&"duration") => {
                format!("a duration is text with a unit: \"{number}s\", \"{number}m\"")
            }
            _ => parameter.text.clone(),
        };
        found.push(check.error(at, message).with_help(help));
        return;
    }
    match literal {
        Literal::Text(Some(text)) if kinds == ["duration"] => {
            if let Err(message) = parse_duration(text) {
                found.push(check.error(at, message));
            }
        }
        Literal::Text(Some(text)) if ["limit", "tls"].contains(&parameter.name.as_str()) => {
            found.extend(named::unknown(check, &parameter.text, text, at));
        }
        Literal::Map(Expr::Map(members, _)) if parameter.name == "auth" => {
            for (name, value) in members.0.iter().filter(|(name, _)| name.name == "oauth") {
                if let Expr::StringConstant(text, at) = value {
                    let at = if at.is_none() { name.pos } else { *at };
                    found.extend(named::unknown(check, &parameter.text, text, at));
                }
            }
        }
        Literal::Map(map) if !parameter.options.is_empty() => {
            options(check, function, &parameter.options, map, found);
        }
        _ => {}
    }
}

/// `later("5m", light::off("hall"))` turns it off now, and has nothing left for later.
fn called_at_once(
    check: &Check,
    function: &str,
    parameter: &Parameter,
    argument: &Expr,
) -> Option<Diagnostic> {
    let (Expr::FnCall(call, at) | Expr::MethodCall(call, at)) = argument else {
        return None;
    };
    let called = check.function(call)?.doc();
    // A function of somebody's own may give a function.
    if called.summary.is_empty() || called.gives.is_some() {
        return None;
    }
    let name = match call.is_qualified() {
        true => format!("{}::{}", call.namespace.root(), call.name),
        false => call.name.to_string(),
    };
    let message = format!(
        "`{}` of `{function}` is a function, but `{name}(…)` is called at once and gives none",
        parameter.name
    );
    let wrong = check.error(*at, message);
    Some(wrong.with_help(format!("write `|| {name}(…)`")))
}

/// The members of a map of options.
fn options(
    check: &Check,
    function: &str,
    known: &[Parameter],
    map: &Expr,
    found: &mut Vec<Diagnostic>,
) {
    let Expr::Map(members, _) = map else { return };
    for (name, value) in &members.0 {
        match known.iter().find(|one| one.name == name.name.as_str()) {
            Some(option) => judge(check, function, option, value, found),
            None => {
                let names = || known.iter().map(|one| one.name.as_str());
                let help = match nearest(name.name.as_str(), names()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("it has {}", names().collect::<Vec<_>>().join(", ")),
                };
                let message = format!("`{function}` has no option `{}`", name.name);
                found.push(check.error(name.pos, message).with_help(help));
            }
        }
    }
}
