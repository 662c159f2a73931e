//! The owner's rules for scripts: `[limits]`, `[permissions]` and `[script."gate.rhai"]`.

use super::limits;
use super::reader::Section;
use porchlight_core::Diagnostic;
use porchlight_core::diagnostic::nearest;
use porchlight_script::permissions::{Mode, Need};
use porchlight_script::{Limits, Rules};
use std::collections::BTreeMap;

/// What the file says about scripts as such.
#[derive(Debug, Clone, Default)]
pub struct ScriptRules {
    /// `[limits]`: for all scripts.
    pub limits: Limits,
    /// What is different for some, and what scripts may reach.
    pub rules: Rules,
    /// The scripts that have a table of their own, each with a diagnostic for the case that there
    /// is no such script.
    named: Vec<(String, Diagnostic)>,
}

/// Reads the tables. `targets` is what scripts see of `[light.…]`, `[message.…]` and so on.
pub fn read(
    root: &Section<'_>,
    targets: &serde_json::Map<String, serde_json::Value>,
) -> ScriptRules {
    let mut read = ScriptRules::default();
    if let Some(section) = root.section("limits") {
        read.limits = limits::read(&section, &read.limits);
        section.finish();
    }
    let kinds: Vec<&str> = targets.keys().map(String::as_str).collect();
    let policy = &mut read.rules.permissions;
    if let Some(section) = root.section("permissions") {
        if section.word("mode", &["open", "declared"]) == Some("declared") {
            policy.mode = Mode::Declared;
        }
        section.finish();
    }
    for (name, section) in root.named_sections("script") {
        read.named.push((name.to_owned(), unknown(&section, name)));
        if let Some(own) = section.section("limits") {
            let limits = limits::read(&own, &read.limits);
            read.rules.limits.insert(name.to_owned(), limits);
            own.finish();
        }
        if let Some(needs) = allowed(&section, &kinds) {
            read.rules.permissions.allow.insert(name.to_owned(), needs);
        }
        section.finish();
    }
    read
}

/// `allow = ["http gate.lan", "light porch"]`.
fn allowed(section: &Section<'_>, kinds: &[&str]) -> Option<Vec<Need>> {
    let texts = section.texts("allow")?;
    let span = section.value("allow")?.span();
    let needs = texts
        .into_iter()
        .filter_map(|text| match Need::parse(text, kinds) {
            Ok(need) => Some(need),
            Err((message, help)) => {
                section.source().error(span.clone(), message, help);
                None
            }
        });
    Some(needs.collect())
}

fn unknown(section: &Section<'_>, name: &str) -> Diagnostic {
    let message = format!("there is no script {name:?}");
    section.source().diagnostic(section.span(), message)
}

impl ScriptRules {
    /// Warnings for tables of scripts that aren't there; `scripts` are the file names.
    pub fn unknown_scripts(&self, scripts: &[String]) -> Vec<Diagnostic> {
        let known: BTreeMap<&str, ()> = scripts.iter().map(|name| (name.as_str(), ())).collect();
        let missing = self
            .named
            .iter()
            .filter(|(name, _)| !known.contains_key(name.as_str()));
        let warnings = missing.map(|(name, diagnostic)| {
            let with_end = format!("{name}.rhai");
            let help = if known.contains_key(with_end.as_str()) {
                format!("write the name of the file: [script.{with_end:?}]")
            } else {
                match nearest(name, known.keys().copied()) {
                    Some(near) => format!("did you mean {near:?}?"),
                    None => format!("it would be the file scripts/{name}"),
                }
            };
            diagnostic.clone().with_help(help).as_warning()
        });
        warnings.collect()
    }
}
