//! Settings that no script asks for: `[settings.gate] familly`. They do nothing, and nobody would
//! notice, because the script goes on with its default.

use super::reader::{Section, Source};
use super::{FILE, text};
use porchlight_core::Diagnostic;
use porchlight_core::diagnostic::nearest;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// A warning for each setting that its script does not ask for. `asked` has the settings of each
/// script that could be loaded, `others` are the scripts of which nothing is known.
pub fn warnings(
    home: &Path,
    asked: &BTreeMap<String, BTreeSet<String>>,
    others: &BTreeSet<String>,
) -> Vec<Diagnostic> {
    match text(home) {
        Ok(text) => in_text(&text, asked, others),
        Err(_) => Vec::new(),
    }
}

fn in_text(
    text: &str,
    asked: &BTreeMap<String, BTreeSet<String>>,
    others: &BTreeSet<String>,
) -> Vec<Diagnostic> {
    // The file was read and its mistakes were told before; here only the settings count.
    let source = Source::new(FILE, text);
    let table = source.parse();
    let found = Source::new(FILE, text);
    for (script, section) in Section::root(&source, &table).named_sections("settings") {
        if others.contains(script) {
            continue;
        }
        let Some(names) = asked.get(script) else {
            let scripts = asked.keys().chain(others).map(String::as_str);
            let help = match nearest(script, scripts) {
                Some(near) => format!("did you mean [settings.{near}]?"),
                None => format!("it is for scripts/{script}.rhai, which is not there"),
            };
            let message = format!("there is no script for [settings.{script}]");
            found.warning(section.span(), message, help);
            continue;
        };
        for key in section
            .keys()
            .into_iter()
            .filter(|key| !names.contains(*key))
        {
            let help = match nearest(key, names.iter().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None if names.is_empty() => format!("{script}.rhai has no settings"),
                None => format!(
                    "its settings are {}",
                    names.iter().cloned().collect::<Vec<_>>().join(", ")
                ),
            };
            let span = section.key_span(key).unwrap_or_else(|| section.span());
            found.warning(
                span,
                format!("{script}.rhai asks for no setting `{key}`"),
                help,
            );
        }
    }
    found.into_problems()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_that_no_script_asks_for_has_the_nearest_name() {
        let text = "[settings.gate]\nfamily = []\nfamilly = []\n[settings.gaet]\nx = 1\n\
                    [settings.broken]\ny = 1\n";
        let asked = BTreeMap::from([("gate".to_owned(), BTreeSet::from(["family".to_owned()]))]);
        let others = BTreeSet::from(["broken".to_owned()]);
        let found = in_text(text, &asked, &others);
        let told: Vec<(u32, &str, &str)> = found
            .iter()
            .map(|one| (one.line, one.message.as_str(), one.help.as_str()))
            .collect();
        assert_eq!(
            told,
            [
                (
                    3,
                    "gate.rhai asks for no setting `familly`",
                    "did you mean `family`?"
                ),
                (
                    4,
                    "there is no script for [settings.gaet]",
                    "did you mean [settings.gate]?"
                ),
            ]
        );
    }
}
