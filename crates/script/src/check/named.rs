//! An option that names a table of the configuration: `limit: "hue"`. One that leads nowhere is an
//! error, because what it should hold back would not be held back.

use super::Check;
use porchlight_core::Diagnostic;
use porchlight_core::diagnostic::nearest;
use rhai::Position;

/// Whether a table that the doc comment speaks of ("the NAME of `[limit.NAME]`") is missing.
pub(super) fn unknown(check: &Check, doc: &str, name: &str, at: Position) -> Option<Diagnostic> {
    let (_, kind) = doc.split_once("the NAME of `[")?;
    let (kind, _) = kind.split_once(".NAME]`")?;
    // Without a configuration (it has mistakes of its own) nothing is known.
    let known = check.file.named.get(kind)?;
    if known.contains(name) {
        return None;
    }
    let help = match nearest(name, known.iter().map(String::as_str)) {
        Some(near) => format!("did you mean {near:?}?"),
        None => format!("add a table [{kind}.{name}] to porchlight.toml"),
    };
    let message = format!("the configuration has no [{kind}.{name}]");
    Some(check.error(at, message).with_help(help))
}
