//! Habits from elsewhere that mean something else here.

use super::{Check, call_of};
use porchlight_core::Diagnostic;
use rhai::ASTNode;

pub(super) fn rule(check: &Check, nodes: &[ASTNode], found: &mut Vec<Diagnostic>) {
    let Some((call, at, false)) = call_of(nodes) else {
        return;
    };
    if call.name == "print" && !call.is_qualified() && !check.own.contains_key("print") {
        let message = "`print` has no screen: it writes into the record of the run";
        let help = "write `log::info(…)`, which also keeps the line it came from";
        let wrong = check.error(at, message.to_owned());
        found.push(wrong.with_help(help).as_warning());
    }
}
