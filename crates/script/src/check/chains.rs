//! A closure that uses the root of its own method chain: `list.map(|x| x + list.len())`.
//!
//! Rhai holds the root for writing while the chain runs, so the closure waits for itself, for
//! fifty milliseconds, and fails. It always does, and its message ("data race") helps nobody.

use super::{Check, closures, root};
use porchlight_core::Diagnostic;
use rhai::{ASTNode, Expr};

pub(super) fn rule(check: &Check, nodes: &[ASTNode], found: &mut Vec<Diagnostic>) {
    let Some(ASTNode::Expr(chain)) = nodes.last() else {
        return;
    };
    if !matches!(chain, Expr::Dot(..) | Expr::Index(..)) {
        return;
    }
    let Some((name, _)) = root(chain) else { return };
    let mut rest: &Expr = chain;
    while let Expr::Dot(link, ..) | Expr::Index(link, ..) = rest {
        rest = &link.rhs;
        let step = match rest {
            Expr::Dot(next, ..) | Expr::Index(next, ..) => &next.lhs,
            last => last,
        };
        let Expr::MethodCall(call, at) = step else {
            continue;
        };
        let uses = |argument: &Expr| {
            let captured = closures::of(argument).map(|(_, names)| names);
            captured.is_some_and(|names| names.iter().any(|one| one == name))
        };
        if call.args.iter().any(uses) {
            let message = format!(
                "the closure uses `{name}` while `{name}.….{}` is still looking at it; this always fails",
                call.name
            );
            let help = format!("take what it needs first: `let part = {name}.…;`");
            found.push(check.error(*at, message).with_help(help));
        }
    }
}
