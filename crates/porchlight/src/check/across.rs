//! What only shows when the configuration and all scripts are looked at together: handlers and waits
//! for events that nothing makes, and settings that no script asks for.
//!
//! Both are warnings. A webhook may be configured tomorrow, and a script that waits for nothing
//! harms nobody.

use super::Loaded;
use crate::config::{Config, unasked};
use crate::home::Home;
use porchlight_core::action::{DEAD, FAILED, TARGET_AWAY, TARGET_BACK};
use porchlight_core::diagnostic::nearest;
use porchlight_core::{Diagnostic, Pattern};
use porchlight_script::{PARKED, Script};
use porchlight_source::Preset;
use porchlight_source::http::REFUSED;
use std::collections::{BTreeMap, BTreeSet};

/// The types of the host's own events, and of those that somebody may send by another way.
const OWN: &[&str] = &[
    REFUSED,
    PARKED,
    TARGET_AWAY,
    TARGET_BACK,
    "webhook.porchlight.**",
    "state.**",
    FAILED,
    DEAD,
];

/// All of them.
pub(super) fn warnings(home: &Home, config: &Config, loaded: &Loaded) -> Vec<Diagnostic> {
    let stem = |name: &str| name.strip_suffix(".rhai").unwrap_or(name).to_owned();
    let asked: BTreeMap<String, BTreeSet<String>> = loaded
        .live
        .iter()
        .map(|script| {
            let settings = script.settings.iter();
            let names = settings.map(|setting| setting.name.clone()).collect();
            (stem(&script.name), names)
        })
        .collect();
    let broken: BTreeSet<String> = loaded.broken.iter().map(|name| stem(name)).collect();
    let mut found = unasked::warnings(&home.dir, &asked, &broken);
    // What a broken script emits is not known.
    if broken.is_empty() {
        found.extend(unreachable(config, &loaded.live));
    }
    found
}

/// Handlers and waits whose events no webhook can have and no script emits.
fn unreachable(config: &Config, scripts: &[std::sync::Arc<Script>]) -> Vec<Diagnostic> {
    let from_webhooks = config.webhooks.iter().flat_map(|webhook| webhook.kinds());
    let emitted = scripts
        .iter()
        .flat_map(|script| script.emits.iter().cloned());
    let own = OWN.iter().map(|kind| (*kind).to_owned());
    let kinds: BTreeSet<String> = from_webhooks.chain(emitted).chain(own).collect();
    let made: Vec<Pattern> = kinds
        .iter()
        .filter_map(|kind| Pattern::parse(kind).ok())
        .collect();
    let mut found = Vec::new();
    for script in scripts {
        let handlers = script.handlers.iter();
        let heard = handlers.filter_map(|one| Some((one.place.clone(), one.pattern.clone()?)));
        for (place, pattern) in heard.chain(script.awaited()) {
            if made.iter().any(|kind| kind.overlaps(&pattern)) {
                continue;
            }
            let mut sources = script.sources.iter();
            let source = sources.find(|(path, _)| *path == place.path);
            let wrong = Diagnostic::error(
                &place.path,
                source.map_or("", |(_, text)| text.as_str()),
                place.line,
                place.column,
                format!(
                    "nothing makes events of the type \"{pattern}\": no webhook, and no script"
                ),
            );
            found.push(wrong.with_help(help(&pattern, &kinds)).as_warning());
        }
    }
    found
}

/// What may be meant: a type that is nearly the same, or a preset that no webhook uses.
fn help(pattern: &Pattern, kinds: &BTreeSet<String>) -> String {
    let text = pattern.as_str();
    let literal = kinds.iter().filter(|kind| !kind.contains('*'));
    if let Some(near) = nearest(text, literal.map(String::as_str)) {
        return format!("did you mean {near:?}?");
    }
    let Some(first) = pattern.first_literal() else {
        return String::new();
    };
    let firsts = kinds.iter().filter_map(|kind| kind.split('.').next());
    if let Some(near) = nearest(first, firsts.filter(|one| !one.contains('*')))
        && near != first
    {
        return format!("did you mean {:?}?", text.replacen(first, near, 1));
    }
    let preset = Preset::names().find(|name| name.replace('-', "_") == first);
    match preset {
        Some(preset) => format!("no webhook has `preset = \"{preset}\"` in porchlight.toml"),
        None => String::new(),
    }
}
