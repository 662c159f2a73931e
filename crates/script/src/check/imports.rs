//! Imports: which there are, and those in places where they can't be.

use super::{Check, walk};
use porchlight_core::Diagnostic;
use rhai::{AST, ASTNode, Expr, Stmt};
use std::collections::HashSet;

pub(super) fn rule(check: &Check, nodes: &[ASTNode], found: &mut Vec<Diagnostic>) {
    let Some(ASTNode::Stmt(Stmt::Import(import, at))) = nodes.last() else {
        return;
    };
    if !matches!(import.0, Expr::StringConstant(..)) {
        let message = "an import needs its path as plain text, so that it can be kept";
        found.push(check.error(*at, message.to_owned()));
    }
    // A run reads no files.
    if check.closures.owner(nodes).is_some() {
        let message = "an import stands at the top of the file, not inside a function";
        found.push(check.error(*at, message.to_owned()));
    }
}

/// The imports of a file: path, alias; and the roots of all `root::name` calls.
pub(crate) fn imports(ast: &AST) -> (Vec<(String, String)>, HashSet<String>) {
    let mut found = Vec::new();
    let mut roots = HashSet::new();
    walk(ast, &mut |path: &[ASTNode]| {
        match path.last() {
            Some(ASTNode::Stmt(Stmt::Import(import, _))) => {
                if let Expr::StringConstant(path, _) = &import.0 {
                    found.push((path.to_string(), import.1.name.to_string()));
                }
            }
            Some(
                ASTNode::Stmt(Stmt::FnCall(call, _))
                | ASTNode::Expr(Expr::FnCall(call, _) | Expr::MethodCall(call, _)),
            ) if call.is_qualified() => {
                roots.insert(call.namespace.root().to_owned());
            }
            Some(ASTNode::Expr(Expr::Variable(variable, ..))) if !variable.2.is_empty() => {
                roots.insert(variable.2.root().to_owned());
            }
            _ => {}
        }
        true
    });
    (found, roots)
}
