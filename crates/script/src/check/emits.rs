//! The types of events that a file emits, as far as they are written out.

use super::{call_of, walk};
use rhai::{AST, ASTNode, Expr};

/// A pattern for each `emit(…)`: the type itself, `door.**` where only its beginning is written
/// out, `**` where nothing is.
pub(crate) fn emits(ast: &AST) -> Vec<String> {
    let mut kinds = Vec::new();
    walk(ast, &mut |nodes: &[ASTNode]| {
        if let Some((call, _, false)) = call_of(nodes)
            && call.name == "emit"
            && !call.is_qualified()
            && let Some(kind) = call.args.first()
        {
            kinds.push(pattern(kind));
        }
        true
    });
    kinds.sort();
    kinds.dedup();
    kinds
}

fn pattern(kind: &Expr) -> String {
    let beginning = match kind {
        Expr::StringConstant(whole, _) => return whole.to_string(),
        Expr::InterpolatedString(parts, _) => match parts.first() {
            Some(Expr::StringConstant(first, _)) => first.as_str(),
            _ => "",
        },
        _ => "",
    };
    match beginning.rsplit_once('.') {
        Some((whole, _)) => format!("{whole}.**"),
        None => "**".to_owned(),
    }
}
