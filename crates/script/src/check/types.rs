//! Types of events that are written out: those that a file waits for, and those that are none.
//!
//! `on` and `on_silence` are called when the file is loaded, so they tell their own mistakes; a
//! `wait_for` or an `emit` would tell theirs only when a run gets there.

use super::{Check, call_of, walk};
use crate::Script;
use crate::explain;
use porchlight_core::{Diagnostic, Pattern, Place};
use rhai::{ASTNode, Expr};

/// A pattern that is none, and an event that would have many types.
pub(super) fn rule(check: &Check, nodes: &[ASTNode], found: &mut Vec<Diagnostic>) {
    let Some((call, _, false)) = call_of(nodes) else {
        return;
    };
    let Some(argument @ Expr::StringConstant(text, _)) = call.args.first() else {
        return;
    };
    if call.is_qualified() || check.own.contains_key(call.name.as_str()) {
        return;
    }
    let message = match (call.name.as_str(), Pattern::parse(text)) {
        ("wait_for" | "emit", Err(message)) => message,
        ("emit", Ok(kind)) if !kind.is_literal() => {
            format!("{:?} is a pattern; an event has one type", kind.as_str())
        }
        _ => return,
    };
    found.push(check.error(argument.position(), message));
}

impl Script {
    /// The patterns that it gives to `wait_for`, as far as they are written out, and where they
    /// stand. Reads its syntax trees.
    pub fn awaited(&self) -> Vec<(Place, Pattern)> {
        let mut all = Vec::new();
        for (path, file) in &self.files {
            walk(&file.ast, &mut |nodes: &[ASTNode]| {
                if let Some((call, _, false)) = call_of(nodes)
                    && call.name == "wait_for"
                    && !call.is_qualified()
                    && let Some(argument @ Expr::StringConstant(text, _)) = call.args.first()
                    && let Ok(pattern) = Pattern::parse(text)
                {
                    all.push((explain::place(path, argument.position()), pattern));
                }
                true
            });
        }
        // The walk meets a statement that is a call twice.
        all.sort_by(|(a, _), (b, _)| (&a.path, a.line, a.column).cmp(&(&b.path, b.line, b.column)));
        all.dedup();
        all
    }
}
