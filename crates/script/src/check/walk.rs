//! Every node of a syntax tree. Rhai's own walk leaves out what a `break` gives.

use rhai::{AST, ASTNode, Stmt};

/// Calls a function with each node, after those that are around it, until it says no.
pub(crate) fn walk(ast: &AST, on_node: &mut dyn FnMut(&[ASTNode]) -> bool) {
    ast.walk(&mut |nodes: &[ASTNode]| {
        if !on_node(nodes) {
            return false;
        }
        match nodes.last() {
            Some(ASTNode::Stmt(Stmt::BreakLoop(Some(value), ..))) => {
                value.walk(&mut nodes.to_vec(), &mut *on_node)
            }
            _ => true,
        }
    });
}
