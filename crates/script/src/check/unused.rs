//! Waits that are kept in a variable for nobody: whoever writes `let wait = later(…)` means to cancel
//! it, and forgot to.

use super::{Check, walk};
use porchlight_core::Diagnostic;
use rhai::{AST, ASTNode, Expr, Stmt};
use std::collections::HashSet;

/// What gives a wait.
const WAITS: [&str; 3] = ["later", "job", "wait_for"];

pub(super) fn rule(check: &Check, nodes: &[ASTNode], found: &mut Vec<Diagnostic>) {
    let Some(ASTNode::Stmt(Stmt::Var(var, ..))) = nodes.last() else {
        return;
    };
    let (variable, value) = (&var.0, &var.1);
    let Expr::FnCall(call, _) = value else {
        return;
    };
    let name = variable.name.as_str();
    let own = check.own.contains_key(call.name.as_str());
    let waits = WAITS.contains(&call.name.as_str()) && !call.is_qualified() && !own;
    if !waits || check.read.contains(name) {
        return;
    }
    let message = format!("nothing uses the wait `{name}`");
    let help = format!("write `cancel({name})` where it is over, or leave out `let {name} =`");
    let wrong = check.error(variable.pos, message);
    found.push(wrong.with_help(help).as_warning());
}

/// The names of the variables that are read somewhere in the file.
pub(super) fn read(ast: &AST) -> HashSet<String> {
    let mut read = HashSet::new();
    walk(ast, &mut |nodes: &[ASTNode]| {
        if let Some(ASTNode::Expr(Expr::Variable(variable, ..))) = nodes.last() {
            read.insert(variable.1.to_string());
        }
        true
    });
    read
}
