//! The closures of a file: what each captured, and which are handed over to run later.

use rhai::{AST, ASTNode, Expr, FnPtr, Position, ScriptFuncDef, Stmt};
use std::collections::HashMap;

/// What a closure captured, by the name that Rhai gives the closure.
#[derive(Default)]
pub(super) struct Closures {
    captured: HashMap<String, Vec<String>>,
    /// The function that each handler is handed to: `on`, `later`.
    handed: HashMap<String, String>,
    /// The names that `let`, `const`, `for` and `catch` make, and where.
    bound: Vec<(String, Position)>,
}

/// The functions that take another one and run it later, with its own copy of what it captured.
const TAKERS: &[&str] = &[
    "on",
    "on_silence",
    "on_state",
    "on_start",
    "every",
    "cron",
    "daily",
    "sun",
    "later",
    "wait_for",
    "job",
];

impl Closures {
    pub(super) fn of(ast: &AST) -> Self {
        let mut all = Self::default();
        ast.walk(&mut |nodes: &[ASTNode]| {
            match nodes.last() {
                Some(
                    ASTNode::Stmt(Stmt::FnCall(call, _)) | ASTNode::Expr(Expr::FnCall(call, _)),
                ) if !call.is_qualified() && TAKERS.contains(&call.name.as_str()) => {
                    for argument in &call.args {
                        if let Some((function, _)) = of(argument) {
                            all.handed.insert(function, call.name.to_string());
                        }
                    }
                }
                Some(ASTNode::Expr(block @ Expr::Stmt(_))) => {
                    if let Some((function, names)) = of(block) {
                        all.captured.insert(function, names);
                    }
                }
                Some(ASTNode::Stmt(Stmt::Var(var, _, at))) => {
                    all.bound.push((var.0.name.to_string(), *at));
                }
                Some(ASTNode::Stmt(Stmt::For(each, at))) => {
                    all.bound.push((each.0.name.to_string(), *at));
                    let counter = each.1.iter().map(|counter| counter.name.to_string());
                    all.bound.extend(counter.map(|name| (name, *at)));
                }
                _ => {}
            }
            true
        });
        all
    }

    /// The names that a closure captured; none for a function of the file.
    pub(super) fn captured(&self, function: &str) -> &[String] {
        self.captured.get(function).map_or(&[], Vec::as_slice)
    }

    /// What a function was handed to.
    pub(super) fn handed_to(&self, function: &str) -> Option<&str> {
        self.handed.get(function).map(String::as_str)
    }

    /// Whether a name is made anew inside a function, so that it means something else there.
    pub(super) fn bound_in(&self, function: &ScriptFuncDef, name: &str) -> bool {
        let mut bound = self.bound.iter();
        bound.any(|(known, at)| known == name && stands_in(function, *at))
    }
}

/// The name of a closure, and the names of what it captured.
pub(super) fn of(expr: &Expr) -> Option<(String, Vec<String>)> {
    let call = match expr {
        Expr::DynamicConstant(function, _) => {
            let function = function.read_lock::<FnPtr>()?;
            return Some((function.fn_name().to_owned(), Vec::new()));
        }
        Expr::FnCall(call, _) => call,
        // A closure that captures is a block: share the variables, then curry.
        Expr::Stmt(block) => match block.statements().last()? {
            Stmt::FnCall(call, _) => call,
            Stmt::Expr(expr) => return of(expr),
            _ => return None,
        },
        _ => return None,
    };
    if call.name != "curry" {
        return None;
    }
    let (Expr::DynamicConstant(function, _), values) = call.args.split_first()? else {
        return None;
    };
    let function = function.read_lock::<FnPtr>()?.fn_name().to_owned();
    let names = values.iter().filter_map(|value| match value {
        Expr::Variable(variable, ..) => Some(variable.1.to_string()),
        _ => None,
    });
    Some((function, names.collect()))
}

/// Whether a place is in the body of a function. Rhai gives no way into one body alone.
pub(super) fn stands_in(function: &ScriptFuncDef, at: Position) -> bool {
    let order = |position: Position| (position.line(), position.position());
    let (start, end) = (function.body.start_position(), function.body.end_position());
    order(start) <= order(at) && order(at) <= order(end)
}
