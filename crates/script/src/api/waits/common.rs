//! The options that all waits take: `id`, `on_gap` and `on_reload`.

use super::super::fenced::shown;
use super::super::{Fallible, take, wrong};
use crate::current::Running;
use porchlight_core::diagnostic::nearest;
use porchlight_core::{NewWait, OnGap, OnReload};
use rhai::{Dynamic, Map};
use std::time::Duration;

/// The options of all waits.
pub(super) const COMMON: &[&str] = &["id", "on_gap", "on_reload"];

/// The same as doc comments say it.
pub(in crate::api) const DOC: &str = "
* `id` (text): its name, unique in the script: beginning another one of the same name takes the place of the first
* `on_gap` (text): what becomes of it when it falls due while the host is down: \"fire\" (it runs at the next start), \"resume\" (the time that the host was down does not count) or \"drop\"; \"fire\" when nothing is said
* `on_reload` (text): what becomes of it when the script changes: \"finish\" (it runs the version that began it), \"cancel\" or \"migrate\" (it runs the function of that name in the new version); \"finish\" when nothing is said
";

/// The options of a wait.
pub(super) struct Common {
    id: Option<String>,
    on_gap: OnGap,
    on_reload: OnReload,
}

impl Common {
    pub(super) fn take(options: &mut Map) -> Fallible<Self> {
        let id = match take(options, "id").map(Dynamic::into_string) {
            None => None,
            Some(Ok(id)) if !id.is_empty() && id.len() <= 128 && !id.contains('#') => Some(id),
            Some(_) => return wrong("`id` is a text of 1 to 128 bytes without `#`"),
        };
        let on_gap = word(options, "on_gap", ON_GAP)?;
        let on_reload = word(options, "on_reload", ON_RELOAD)?;
        Ok(Self {
            id,
            on_gap,
            on_reload,
        })
    }

    pub(super) fn wait(self, running: &Running, delay: Duration) -> NewWait {
        let automatic = || format!("{}#{}", running.label, running.waits.len());
        let due = running.now.after(delay);
        let until = running.chain.until;
        NewWait {
            name: self.id.unwrap_or_else(automatic),
            chain: running.chain.clone(),
            began: running.now,
            due: until.map_or(due, |until| due.min(until)),
            cut_off: until.is_some_and(|until| due > until),
            on_gap: self.on_gap,
            on_reload: self.on_reload,
            script: running.script.name.clone(),
            script_hash: running.script.hash.clone(),
            event: running.event,
            depth: running.depth,
            origin: running.label.clone(),
            ..NewWait::default()
        }
    }
}

/// The meaning of one of some words; the default's without the option.
pub(in crate::api) fn word<T: Copy + Default>(
    options: &mut Map,
    name: &str,
    words: &[(&str, T)],
) -> Fallible<T> {
    let Some(value) = take(options, name) else {
        return Ok(T::default());
    };
    let text = shown(&value, 100).0;
    if let Some((_, meaning)) = words.iter().find(|(word, _)| *word == text) {
        return Ok(*meaning);
    }
    let all: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    wrong(match nearest(&text, all.iter().copied()) {
        Some(near) => format!("`{name}` is {text:?}; did you mean {near:?}?"),
        None => format!("`{name}` is {text:?}; it is one of {}", all.join(", ")),
    })
}

/// The words that an option of waits knows; none for options that are no words.
pub(crate) fn wait_words(option: &str) -> Option<Vec<&'static str>> {
    match option {
        "on_gap" => Some(ON_GAP.iter().map(|(word, _)| *word).collect()),
        "on_reload" => Some(ON_RELOAD.iter().map(|(word, _)| *word).collect()),
        _ => None,
    }
}

pub(in crate::api) const ON_GAP: &[(&str, OnGap)] = &[
    ("fire", OnGap::Fire),
    ("resume", OnGap::Resume),
    ("drop", OnGap::Drop),
];

pub(in crate::api) const ON_RELOAD: &[(&str, OnReload)] = &[
    ("finish", OnReload::Finish),
    ("cancel", OnReload::Cancel),
    ("migrate", OnReload::Migrate),
];
