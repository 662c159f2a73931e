//! Calls of functions and modules that are not there, and calls with a wrong number of arguments.
//!
//! A method may be a function that is kept in a map, so a method is certainly wrong only when
//! nothing in the file has a member of that name.

use super::{Check, call_of};
use crate::stdlib;
use porchlight_core::Diagnostic;
use porchlight_core::diagnostic::nearest;
use rhai::{ASTNode, FnCallExpr, Position};
use std::collections::BTreeSet;

/// Called by the language itself, with rules of their own.
const KEYWORDS: &[&str] = &[
    "curry",
    "call",
    "Fn",
    "is_def_fn",
    "is_def_var",
    "is_shared",
    "type_of",
    "print",
    "debug",
    "eval",
    "this",
    "to_string",
    "to_debug",
];

pub(super) fn rule(check: &Check, nodes: &[ASTNode], found: &mut Vec<Diagnostic>) {
    if let Some((call, at, method)) = call_of(nodes) {
        found.extend(judge(check, call, at, method));
    }
}

fn judge(check: &Check, call: &FnCallExpr, at: Position, method: bool) -> Option<Diagnostic> {
    if call.op_token.is_some() {
        return None;
    }
    let given = call.args.len();
    let name = if call.is_qualified() {
        let root = call.namespace.root();
        if !check.file.modules.contains(root) {
            return unknown_module(check, root, call.namespace.position());
        }
        if call.namespace.path.len() != 1 {
            return None;
        }
        format!("{root}::{}", call.name)
    } else {
        if KEYWORDS.contains(&call.name.as_str()) || check.members.contains(call.name.as_str()) {
            return None;
        }
        call.name.to_string()
    };
    let Some(fits) = fits(check, call, method) else {
        let own = check.own.keys().copied();
        let near = nearest(&name, own.filter(|own| !own.starts_with("anon$")))
            .or_else(|| check.file.imported.nearest(&name))
            .or_else(|| check.file.functions.nearest(&name))
            .map(|near| format!("did you mean `{near}`?"));
        let wrong = check.error(at, format!("there is no function `{name}`"));
        return Some(wrong.with_help(near.unwrap_or_default()));
    };
    if fits.contains(&given) {
        return None;
    }
    let wanted: Vec<String> = fits.iter().map(usize::to_string).collect();
    let plural = if wanted == ["1"] { "" } else { "s" };
    let wanted = wanted.join(" or ");
    let message = format!("`{name}` takes {wanted} argument{plural}, not {given}");
    Some(check.error(at, message))
}

/// The numbers of arguments that the called function takes; `None` when there is no such function.
fn fits(check: &Check, call: &FnCallExpr, method: bool) -> Option<BTreeSet<usize>> {
    let mut fits = check.function(call).map(|known| known.takes.clone());
    if call.is_qualified() {
        return fits;
    }
    if method {
        // A method's object is the first argument of a native function.
        fits = fits.map(|fits| fits.iter().filter_map(|n| n.checked_sub(1)).collect());
    }
    if let Some(own) = check.own.get(call.name.as_str()) {
        let as_method = own.iter().filter(|_| method);
        let as_method = as_method.filter_map(|n| n.checked_sub(1));
        fits.get_or_insert_default()
            .extend(own.iter().copied().chain(as_method));
    }
    fits
}

/// A name before `::` that is neither a module of ours nor an import of the file.
fn unknown_module(check: &Check, root: &str, at: Position) -> Option<Diagnostic> {
    // A part of the standard library that is not among the modules has mistakes of its own.
    let standard = stdlib::names().any(|(name, _)| name == root);
    if root == "global" || standard || check.aliases.contains(root) {
        return None;
    }
    let known = check.file.modules.iter().map(String::as_str);
    let near = nearest(root, known).map(|near| format!("did you mean `{near}`?"));
    let help = near.unwrap_or_else(|| format!("import \"lib/{root}\" as {root};"));
    let wrong = check.error(at, format!("there is no module `{root}`"));
    Some(wrong.with_help(help))
}
