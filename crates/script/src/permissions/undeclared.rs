//! What a file reaches by its own text and may not. A run would be refused anyway; a caret is kinder.

use super::{kinds, may_not, seen};
use crate::current::Loading;
use crate::explain;
use porchlight_core::Diagnostic;
use rhai::AST;

/// Notes everything undeclared that is written out in a file.
pub(crate) fn undeclared(loading: &mut Loading, path: &str, ast: &AST) {
    let Some(rights) = &loading.rights else {
        return;
    };
    let targets = &loading.config.targets;
    let mut found = Vec::new();
    for seen in seen(ast, &kinds(targets)) {
        let Some(need) = seen.need else { continue };
        if rights.check(&need, targets).is_err() {
            let place = explain::place(path, seen.at);
            let wrong = explain::diagnostic(&loading.sources, &place, may_not(&need));
            found.push(wrong.with_help(rights.advice(&need)));
        }
    }
    // A trigger has noted it already, without the place of what it was given.
    let again = |known: &Diagnostic| {
        let mut found = found.iter();
        found.any(|one| (&one.path, &one.message) == (&known.path, &known.message))
    };
    loading.diagnostics.retain(|known| !again(known));
    loading.diagnostics.extend(found);
}
