//! `[scripts]`: what must hold for a script to go live and to stay so.

use super::reader::Section;
use std::time::Duration;
use toml::de::DeValue;

/// `[scripts]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScriptsConfig {
    /// A script goes live although its tests fail. Off: its last good version goes on.
    pub swap_on_failing_tests: bool,
    /// On each save, how far back recorded events are compared between the old version and the new
    /// one. None: they are not.
    pub shadow: Option<Duration>,
    /// After how many failures in a row a script is parked; 0 is never. None: the default.
    pub park_after: Option<u32>,
}

/// Reads the section.
pub fn read(root: &Section<'_>) -> ScriptsConfig {
    let Some(section) = root.section("scripts") else {
        return ScriptsConfig::default();
    };
    let config = ScriptsConfig {
        swap_on_failing_tests: yes_or_no(&section, "swap_on_failing_tests").unwrap_or(false),
        shadow: section.duration("shadow"),
        park_after: section
            .number("park_after", 0..=1_000_000)
            .and_then(|count| u32::try_from(count).ok()),
    };
    section.finish();
    config
}

fn yes_or_no(section: &Section<'_>, key: &str) -> Option<bool> {
    let value = section.value(key)?;
    match value.get_ref() {
        DeValue::Boolean(yes) => Some(*yes),
        other => {
            let help = format!("write {key} = true or {key} = false");
            section.wrong_type(key, value.span(), "true or false", other, &help);
            None
        }
    }
}
